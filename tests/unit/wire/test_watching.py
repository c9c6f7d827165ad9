"""What a server tells of its shards and of sessions that have ended, there and back."""

from __future__ import annotations

import pytest

from openpit.errors import WireError
from openpit.wire.frames import pack
from openpit.wire.sessions import SessionOp, SessionStats, note_frame, op_of
from openpit.wire.watching import WatchedShard, watch_frame, watch_in

SHARD = WatchedShard(1, "recovering", "it has ended", None, 3, 8192, 70, 67, 9000, 800, 1, 0)
GONE = SessionStats(9, "desk", 1000, 3, 0, 12, 0)


def test_it_is_read_as_it_was_told() -> None:
    frame = watch_frame([SHARD], [GONE, GONE._replace(name=None)])

    assert op_of(frame) == SessionOp.WATCH
    assert watch_in(frame) == ([SHARD], [GONE, GONE._replace(name=None)])


def test_of_nothing_there_is_nothing() -> None:
    assert watch_in(watch_frame([], [])) == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        [],
        [((),)],
        [((), ()), ((), ())],
        [((), "gone")],
        [((1, "up"), ())],
        [((SHARD[:-1],), ())],
        [((SHARD._replace(state=None),), ())],
        [((), (GONE._replace(user="root"),))],
        [(("shard",), ())],
    ],
)
def test_what_is_none_of_it_is_refused(body: list[tuple[object, ...]]) -> None:
    with pytest.raises(WireError):
        watch_in(note_frame(SessionOp.WATCH, pack(body)))
