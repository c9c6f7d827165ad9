from __future__ import annotations

import pytest

from openpit.cli.course import STEP, Course
from openpit.cli.events import BadEventError, BadLine, Cancel, Event
from openpit.cli.totals import StrictStopError, Totals

LINES: list[tuple[int, bytes | BadLine]] = [
    (1, b"500"),
    (2, b""),
    (3, BadLine(3, "longer than 65536 bytes")),
    (4, b"400"),
    (5, b"bad"),
    (6, b"refused 1000900"),
    (7, b"600"),
]


def event_of(line: bytes) -> Event:
    """A line is a time, or nothing where it tells none."""
    if line == b"bad":
        raise BadEventError("not JSON")
    time = line.removeprefix(b"refused ")
    return Cancel("refused" if line != time else "x", None, int(time) if time else None)


class Taker:
    def __init__(self) -> None:
        self.times: list[int] = []

    def take(self, time: int, event: Event) -> None:
        assert isinstance(event, Cancel)
        if event.key == "refused":
            raise BadEventError("order x is not open")
        self.times.append(time)


def test_each_event_comes_at_its_time_and_what_is_none_is_told() -> None:
    told: list[tuple[int, str]] = []
    totals = Totals(complain=lambda bad: told.append((bad.line, bad.reason)))
    taker = Taker()

    Course(event_of, taker.take, totals).follow(LINES)

    assert taker.times == [500, 500 + STEP]
    assert told == [
        (3, "longer than 65536 bytes"),
        (4, f"time 400 is before that of the event before, {500 + STEP}"),
        (5, "not JSON"),
        (6, "order x is not open"),
        (7, f"time 600 is before that of the event before, {500 + STEP}"),
    ]
    assert (totals.events, totals.bad_lines) == (2, 5)


def test_a_refused_event_takes_no_time() -> None:
    totals = Totals()
    taker = Taker()

    Course(event_of, taker.take, totals).follow([(1, b"refused 900"), (2, b"600"), (3, b"")])

    assert taker.times == [600, 600 + STEP]
    assert totals.events == 2


def test_a_strict_course_ends_at_the_first_bad_line() -> None:
    taker = Taker()

    with pytest.raises(StrictStopError, match="line 3: longer than 65536 bytes"):
        Course(event_of, taker.take, Totals(strict=True)).follow(LINES)

    assert taker.times == [500, 500 + STEP]
