"""Records: a batch's bytes with what tells that they are whole, and that none is missing.

::

    length   u32    bytes of the batch, at most RECORD_BYTES
    crc      u32    CRC32C of all that follows
    number   u64    of the record: one more than that of the one before
    down     u64    number of the last record that was down before this one was written
    check    u32    of what followed from the batch: the same again when it is replayed
    batch

All numbers are big-endian. ``down`` tells a torn tail from a hole: where a record is damaged, one
behind it whose ``down`` is as high says that the damaged one had been relied on.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from google_crc32c import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["RECORD_BYTES", "LogRecord", "RecordReader", "crc32c", "packed_record"]

crc32c: Final[Callable[[bytes], int]] = value
"""Return the CRC32C of bytes."""

RECORD_BYTES: Final = 32 * 1024 * 1024
"""Largest batch of a record: twice a frame, and little enough to be read at once."""

_FRONT: Final = Struct(">II")
_NUMBERS: Final = Struct(">QQI")
_HEAD_BYTES: Final = _FRONT.size + _NUMBERS.size
_U32: Final = 2**32
_HIGH_BYTES: Final = 4
"""Of a record's number: two records within four billion of each other have them in common."""


class LogRecord(NamedTuple):
    """One record, and where in its segment it stands."""

    number: int
    down: int
    check: int
    batch: bytes
    position: int


def packed_record(number: int, down: int, check: int, batch: bytes) -> bytes:
    """Return a record as bytes.

    Raises:
        ValueError: the batch is over ``RECORD_BYTES``.
    """
    if len(batch) > RECORD_BYTES:
        raise ValueError(f"a record of {len(batch)} bytes is over the limit of {RECORD_BYTES}")
    checked = _NUMBERS.pack(number, down, check) + batch
    return _FRONT.pack(len(batch), crc32c(checked)) + checked


class RecordReader:
    """Reads the records of a segment's bytes, from a position and a number on.

    Iterating ends at the first bytes that are no such record. ``position`` is then where they
    begin, the end of the bytes if all were records; ``why`` says what is wrong with them.
    """

    __slots__ = ("_data", "number", "position", "why")

    def __init__(self, data: bytes, position: int, number: int) -> None:
        self._data: Final = data
        self.position = position
        self.number = number  # of the next record
        self.why = ""

    def __iter__(self) -> Iterator[LogRecord]:
        size = len(self._data)
        while self.position < size:
            record = self._at(self.position)
            if record is None or record.number != self.number:
                self.why = self._reason(record)
                return
            self.position += _HEAD_BYTES + len(record.batch)
            self.number += 1
            yield record

    def _at(self, position: int) -> LogRecord | None:
        """Return the record at a position; None if none is there, whole."""
        data = self._data
        start = position + _FRONT.size
        if position + _HEAD_BYTES > len(data):
            return None
        length, crc = _FRONT.unpack_from(data, position)
        end = position + _HEAD_BYTES + length
        if length > RECORD_BYTES or end > len(data) or crc32c(data[start:end]) != crc:
            return None
        number, down, check = _NUMBERS.unpack_from(data, start)
        return LogRecord(number, down, check, data[position + _HEAD_BYTES : end], position)

    def _reason(self, record: LogRecord | None) -> str:
        if record is not None:
            return f"record {record.number} where {self.number} was expected"
        left = len(self._data) - self.position
        if left < _HEAD_BYTES:
            return f"{left} bytes are no record"
        length, _ = _FRONT.unpack_from(self._data, self.position)
        if _HEAD_BYTES + length > left:
            return f"a record of {_HEAD_BYTES + length} bytes, of which {left} are there"
        return "a record whose checksum is another"

    def relied_on(self) -> LogRecord | None:
        """Return a record behind the damage that says the damaged one was down; None: none does.

        Records of one write are not down before all are: of those, any may be missing.
        """
        data, expected = self._data, self.number
        high = expected.to_bytes(8, "big")[:_HIGH_BYTES]
        place = self.position
        while True:
            found = data.find(high, place + _FRONT.size)
            if found < 0:
                return None
            place = found - _FRONT.size + 1
            number = int.from_bytes(data[found : found + 8], "big")
            if not expected < number < expected + _U32:
                continue
            record = self._at(found - _FRONT.size)
            if record is not None and record.down >= expected:
                return record
