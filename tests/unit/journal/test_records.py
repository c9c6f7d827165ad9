"""Records: what is whole is read, what is not ends the reading."""

from __future__ import annotations

import pytest

from openpit.journal.records import (
    RECORD_BYTES,
    LogRecord,
    RecordReader,
    crc32c,
    packed_record,
)


def test_the_checksum_is_crc32c() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720's polynomial, the usual check value


def test_a_record_is_28_bytes_and_its_batch() -> None:
    data = packed_record(7, 6, 0xDEADBEEF, b"batch")

    reader = RecordReader(data, 0, 7)

    assert len(data) == 28 + 5
    assert list(reader) == [LogRecord(7, 6, 0xDEADBEEF, b"batch", 0)]
    assert (reader.position, reader.number, reader.why) == (33, 8, "")


def test_a_record_has_its_limit() -> None:
    largest = packed_record(1, 0, 0, bytes(RECORD_BYTES))

    assert [len(record.batch) for record in RecordReader(largest, 0, 1)] == [RECORD_BYTES]
    with pytest.raises(ValueError, match=f"of {RECORD_BYTES + 1} bytes is over the limit"):
        packed_record(1, 0, 0, bytes(RECORD_BYTES + 1))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"short", "5 bytes are no record"),
        (packed_record(1, 0, 0, b"batch")[:-1], "a record of 33 bytes, of which 32 are there"),
        (packed_record(2, 0, 0, b"batch"), "record 2 where 1 was expected"),
        (bytes(40), "a record whose checksum is another"),
    ],
)
def test_what_is_no_record_is_told(data: bytes, why: str) -> None:
    reader = RecordReader(data, 0, 1)

    assert list(reader) == []
    assert (reader.position, reader.why) == (0, why)


def test_a_damaged_record_was_relied_on_if_one_behind_it_was_written_later() -> None:
    damage = b"x" * 33
    of_one_write = packed_record(2, 0, 0, b"with the first")
    of_the_next = packed_record(3, 2, 0, b"behind both")

    torn = RecordReader(damage + of_one_write, 0, 1)
    hole = RecordReader(damage + of_one_write + of_the_next, 0, 1)

    assert [*torn, *hole] == []
    assert torn.relied_on() is None
    relied_on = hole.relied_on()
    assert relied_on is not None
    assert (relied_on.number, relied_on.position) == (3, 33 + 42)
