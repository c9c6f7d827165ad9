"""Batches of sessions, where the worker that has them ends and is replaced."""

from __future__ import annotations

from typing import Any

from played import NOW
from replacing_desk import Desk, accepting, done

from openpit.client.bodies import BODIES
from openpit.server.session import Passed
from openpit.server.switch import bodies_beside
from openpit.wire import kinds
from openpit.wire.frames import (
    HEAD,
    Op,
    body_of,
    command_frame,
    head_of,
    messages_of,
    pack,
)
from openpit.wire.roles import Role


class Listener:
    """A session, of which a batch needs no more than this."""

    number = 5
    is_over = False

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def answered(self, shard: int, count: int, frame: bytes) -> None:
        self.frames.append(frame)


class ServersDesk(Desk):
    """A desk whose shard is a server's."""

    def __init__(self) -> None:
        super().__init__()
        self.router.books.bodies = bodies_beside(BODIES)
        self.session = Listener()

    def pass_on(self, count: int) -> bytes:
        """Pass on a batch of so many orders; return it as the worker has it."""
        self.put(count)
        (frame,) = self.write()
        return frame

    def put(self, count: int) -> None:
        """Pass on a batch of so many orders."""
        orders = [(kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "1", None, "10")] * count
        body = body_of([pack(order) for order in orders], count)
        session: Any = self.session
        entry = Passed(session, 0, count, b"\x02\x00\x00" + bytes(21))
        link = self.link
        self.router.pass_on(
            link,
            entry,
            command_frame(
                *(link.number, 0, link.next_seq, count, NOW, body, 0, (), (), link.epoch, 5),
                role=Role.TRADER,
                settings=3,
            ),
        )


def test_a_batch_is_sent_again_as_it_was_and_answered_once() -> None:
    desk = ServersDesk()
    had, lacked = desk.pass_on(2), desk.pass_on(3)
    desk.die()
    desk.recover(3, accepting(had))

    assert desk.write() == [lacked]
    desk.say(accepting(lacked))
    assert len(desk.session.frames) == 2
    assert (desk.link.in_flight, len(desk.link.kept)) == (0, 0)


def test_a_batch_that_ends_its_worker_each_time_goes_alone_and_is_skipped_as_a_whole() -> None:
    desk = ServersDesk()
    batch, behind = desk.pass_on(3), desk.pass_on(1)
    for ends in (1, 2, 3):
        desk.die()
        desk.recover(1)
        assert desk.write() == ([batch, behind] if ends == 1 else [batch])

    desk.die()
    desk.recover(1)
    for number in (1, 2, 3):
        (skip,) = desk.write()
        head = head_of(skip)
        assert (head.op, head.first, head.commands) == (Op.SKIP, number, 1)
        assert desk.session.frames == []
        desk.say(done(skip))
    assert desk.write() == [behind]
    desk.say(accepting(behind))

    told, last = desk.session.frames
    assert [reply[0] for reply in messages_of(told[HEAD.size :])] == [kinds.RAISED] * 3
    assert head_of(last).time == 4  # where an answer has its number
    assert (desk.link.in_flight, len(desk.link.pending), len(desk.link.kept)) == (0, 0, 0)


def test_what_comes_while_a_batch_goes_alone_follows_it() -> None:
    desk = ServersDesk()
    batch = desk.pass_on(3)
    for _ in range(2):
        desk.die()
        desk.recover(1)
        assert desk.write() == [batch]
    desk.put(2)
    desk.put(1)
    assert desk.write() == []

    desk.say(accepting(batch))

    behind = desk.write()
    assert [(head_of(one).first, head_of(one).commands) for one in behind] == [(4, 2), (6, 1)]
    desk.say(*map(accepting, behind))
    assert len(desk.session.frames) == 3
    assert (desk.link.in_flight, len(desk.link.kept)) == (0, 0)


def test_a_batch_that_went_alone_and_was_innocent_is_answered_and_the_rest_follows() -> None:
    desk = ServersDesk()
    batch, behind = desk.pass_on(3), desk.pass_on(1)
    for _ in range(2):
        desk.die()
        desk.recover(1)
        desk.write()
    desk.say(accepting(batch))

    assert desk.write() == [behind]
    desk.say(accepting(behind))
    assert len(desk.session.frames) == 2
