"""What a server tells of its shards and of sessions that have ended, there and back."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from openpit.errors import WireError
from openpit.wire.figures import RouterFigures, figures_frame, figures_in
from openpit.wire.frames import pack
from openpit.wire.sessions import SessionOp, SessionStats, note_frame, op_of
from openpit.wire.shard_stats import ShardStats

SHARD = ShardStats(
    shard=1, state="recovering", pid=None, in_flight=3, waiting=2, credits=8192, sent=70,
    answered=67, bytes_sent=9000, bytes_received=800, why="it has ended", told_in_vain=5,
    restarts=1, expired=0,
)  # fmt: skip
TIMED = RouterFigures(SHARD, (0, 0, 7), 19)
ROW = (*astuple(SHARD), (0, 0, 7), 19)
GONE = SessionStats(9, "desk", 1000, 3, 0, 12, 0)


def test_it_is_read_as_it_was_told() -> None:
    frame = figures_frame([TIMED], [GONE, GONE._replace(name=None)])

    assert op_of(frame) == SessionOp.FIGURES
    assert figures_in(frame) == ([TIMED], [GONE, GONE._replace(name=None)])


def test_round_trips_are_told_where_they_are_timed() -> None:
    ((told,), _) = figures_in(figures_frame([RouterFigures(SHARD)], []))

    assert told == (SHARD, (), 0)


def test_of_nothing_there_is_nothing() -> None:
    assert figures_in(figures_frame([], [])) == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        [],
        [((),)],
        [((), ()), ((), ())],
        [((), "gone")],
        [((1, "up"), ())],
        [((ROW[:-1],), ())],
        [(((*ROW[:1], None, *ROW[2:]),), ())],
        [(((*ROW[:-2], (0, "1"), 19),), ())],
        [(((*ROW[:-2], [0, 1.5], 19),), ())],
        [((), (GONE._replace(user="root"),))],
        [(("shard",), ())],
    ],
)
def test_what_is_none_of_it_is_refused(body: list[tuple[object, ...]]) -> None:
    with pytest.raises(WireError):
        figures_in(note_frame(SessionOp.FIGURES, pack(body)))
