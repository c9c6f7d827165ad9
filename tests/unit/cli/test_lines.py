from __future__ import annotations

import io

import pytest

from openpit.cli import lines
from openpit.cli.events import BadLine
from openpit.cli.lines import numbered_lines


def read(data: bytes) -> list[tuple[int, bytes | str]]:
    return [
        (number, line.reason if isinstance(line, BadLine) else line)
        for block in numbered_lines(io.BytesIO(data))
        for number, line in block
    ]


def test_lines_are_numbered_from_one_and_blank_ones_counted_but_left_out() -> None:
    assert read(b"first\n\n  \nfourth\n") == [(1, b"first"), (4, b"fourth")]


def test_the_last_line_needs_no_end() -> None:
    assert read(b"one\ntwo") == [(1, b"one"), (2, b"two")]


def test_an_empty_file_has_no_lines() -> None:
    assert read(b"") == []


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
def test_a_byte_order_mark_is_no_part_of_the_first_line(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(lines, "BLOCK", block)
    mark = b"\xef\xbb\xbf"

    assert read(mark + b"one\n" + mark + b"two") == [(1, b"one"), (2, mark + b"two")]
    assert read(mark + b"one") == [(1, b"one")]
    assert read(mark) == []


@pytest.mark.parametrize("block", [1, 2, 3, 7, 100])
def test_lines_are_whole_wherever_the_blocks_end(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(lines, "BLOCK", block)

    assert read(b"alpha\nbeta\n\ngamma") == [(1, b"alpha"), (2, b"beta"), (4, b"gamma")]


@pytest.mark.parametrize("block", [3, 16, 1000])
@pytest.mark.parametrize("end", [b"\nnext\n", b""])
def test_a_line_over_the_limit_is_told_once_and_not_kept(
    monkeypatch: pytest.MonkeyPatch, block: int, end: bytes
) -> None:
    monkeypatch.setattr(lines, "BLOCK", block)
    monkeypatch.setattr(lines, "LINE_LIMIT", 10)

    found = read(b"short\n" + b"x" * 40 + end)

    expected: list[tuple[int, bytes | str]] = [(1, b"short"), (2, "longer than 10 bytes")]
    if end:
        expected.append((3, b"next"))
    assert found == expected


def test_a_line_at_the_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LINE_LIMIT", 10)

    assert read(b"0123456789\n01234567890\n") == [(1, b"0123456789"), (2, "longer than 10 bytes")]


def test_progress_is_told_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK", 4)
    steps: list[int] = []

    list(numbered_lines(io.BytesIO(b"ab\ncd\nef\n"), steps.append))

    assert steps == [4, 4, 1]
