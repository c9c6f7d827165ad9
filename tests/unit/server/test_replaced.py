"""Batches of sessions, where the worker that has them ends and is replaced."""

from __future__ import annotations

from typing import Any

import pytest
from played import NOW, SECOND
from replacing_desk import Desk, accepting, done

from openpit.client.bodies import BODIES
from openpit.router.rates import Window
from openpit.server.session import Passed
from openpit.server.switch import bodies_beside
from openpit.wire import kinds
from openpit.wire.axes import BROKER, VOUCHED, CountingAxes
from openpit.wire.frames import (
    HEAD,
    VERSION,
    Flag,
    Op,
    body_of,
    command_frame,
    head_of,
    messages_of,
    pack,
    reply_frame,
)
from openpit.wire.own_numbers import own_batch, own_row
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

    def pass_on(self, count: int, **how: Any) -> bytes:
        """Pass on a batch of so many orders; return it as the worker has it."""
        self.put(count, **how)
        (frame,) = self.write()
        return frame

    def put(self, count: int, *, is_sealed: bool = False, flags: int = 0) -> None:
        """Pass on a batch of so many orders, which nobody here can read if it is sealed."""
        orders = [(kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "1", None, "10")] * count
        body = body_of([pack(order) for order in orders], count)
        if is_sealed:
            body = bytes(byte ^ 0xFF for byte in body)
        session: Any = self.session
        entry = Passed(session, 0, count, bytes((VERSION, 0, 0)) + bytes(21))
        link = self.link
        self.router.pass_on(
            link,
            entry,
            command_frame(
                *(link.number, 0, link.next_seq, count, NOW, body, flags, (), (), link.epoch, 5),
                role=Role.TRADER,
                settings=3,
            ),
        )

    def put_counted(self, orders: list[Any], window: Window, *, count: int) -> None:
        """Pass on a batch of orders of which some may count, for the broker's axis."""
        body = body_of([pack(order) for order in orders], len(orders))
        session: Any = self.session
        entry = Passed(session, 0, len(orders), bytes((VERSION, 0, 0)) + bytes(21))
        entry.counted = [(BROKER, window, 7, count, NOW, 7)]
        link, axes = self.link, ((BROKER, NOW, 7), (BROKER + VOUCHED, 7, count))
        head = (link.number, 0, link.next_seq, len(orders), NOW, body, 0, axes, (), link.epoch, 5)
        self.router.pass_on(link, entry, command_frame(*head, role=Role.TRADER, settings=3))


def test_a_batch_is_sent_again_as_it_was_and_answered_once() -> None:
    desk = ServersDesk()
    had, lacked = desk.pass_on(2), desk.pass_on(3)
    desk.die()
    desk.recover(3, accepting(had))

    assert desk.write() == [lacked]
    desk.say(accepting(lacked))
    assert len(desk.session.frames) == 2
    assert (desk.link.in_flight, len(desk.link.kept)) == (0, 0)


def replies_of(frame: bytes) -> list[Any]:
    return [*messages_of(frame[HEAD.size :])]


def test_of_a_batch_that_ends_its_worker_the_guilty_order_is_skipped_alone() -> None:
    desk = ServersDesk()
    batch, behind = desk.pass_on(3), desk.pass_on(1)
    desk.die()
    desk.recover(1)
    assert desk.write() == [batch, behind]

    desk.die()
    desk.recover(1)
    (alone,) = desk.write()
    head, whole = head_of(alone), head_of(batch)
    assert (head.first, head.commands) == (1, 1)
    assert (head.client, head.role, head.settings) == (whole.client, whole.role, whole.settings)
    desk.say(accepting(alone))
    for ends in (1, 2):  # the second one is the one
        (alone,) = desk.write()
        assert (head_of(alone).op, head_of(alone).first) == (Op.MESSAGES, 2)
        desk.die()
        desk.recover(2)
        assert ends
    (skip,) = desk.write()
    assert (head_of(skip).op, head_of(skip).first) == (Op.SKIP, 2)
    assert head_of(skip).client == whole.client  # the journal says whose it was
    assert skip.endswith(alone[HEAD.size :][-20:])  # and what
    desk.say(done(skip))
    (alone,) = desk.write()
    assert head_of(alone).first == 3
    assert desk.session.frames == []
    desk.say(accepting(alone))

    (told,) = desk.session.frames
    assert head_of(told).time == 1  # where an answer has its number
    passed, skipped, last = replies_of(told)
    assert passed == last == (kinds.ACCEPTED, 1)
    assert skipped[:3] == (kinds.RAISED, "openpit.errors", "CommandSkipped")
    assert desk.write() == [behind]
    desk.say(accepting(behind))
    assert (desk.link.in_flight, len(desk.link.pending), len(desk.link.kept)) == (0, 0, 0)


def test_each_part_is_vouched_for_as_much_as_it_may_count() -> None:
    desk = ServersDesk()
    desk.router.books.rates.retune(CountingAxes(3, NOW, False, False, ((BROKER, None, SECOND),)))
    window = Window(NOW)
    rows = [("AAPL", 1), ("AAPL", 0), ("AAPL", 2)]  # the second one asks what would become of it
    orders = [
        (kinds.EXECUTE_COUNTED, 1, name, "USD", "BUY", "1", None, "10", rank, 0)
        for name, rank in rows
    ]
    desk.put_counted(orders, window, count=2)
    desk.write()
    for _ in range(2):
        desk.die()
        desk.recover(1)
        (frame,) = desk.write()

    found = []
    for _ in orders:
        found.append(head_of(frame).axes)
        desk.say(accepting(frame))
        frame = next(iter(desk.write()), b"")

    assert found == [((BROKER, NOW, 7), (BROKER + VOUCHED, 7, count)) for count in (1, 0, 1)]
    assert [reply[0] for reply in replies_of(desk.session.frames[0])] == [kinds.ACCEPTED] * 3


def test_each_part_has_its_number_by_the_sessions_own_count() -> None:
    desk = ServersDesk()
    body = body_of([pack((kinds.EXECUTE, 1, "AAPL", "USD", "BUY", "1", None, "10"))] * 3, 3)
    entry = Passed(desk.session, 0, 3, bytes((VERSION, 0, 0)) + bytes(21))  # type: ignore[arg-type]  # as above
    link, axes = desk.link, (own_row(100, 40, 2),)
    head = (link.number, 0, link.next_seq, 3, NOW, body, 0, axes, (), link.epoch, 5)
    desk.router.pass_on(link, entry, command_frame(*head, role=Role.TRADER, settings=3))
    desk.write()
    for _ in range(2):
        desk.die()
        desk.recover(1)
        (frame,) = desk.write()

    found = []
    for _ in range(3):
        found.append(own_batch(frame))
        desk.say(accepting(frame))
        frame = next(iter(desk.write()), b"")

    assert [one and (one.first, one.acknowledged, one.began) for one in found] == [
        (140 + place, 138, 100) for place in range(3)
    ]


def test_parts_that_all_come_back_are_one_batch_that_came_back() -> None:
    desk = ServersDesk()
    desk.pass_on(2)
    for _ in range(2):
        desk.die()
        desk.recover(1)
        (alone,) = desk.write()
    for _ in range(2):
        assert desk.session.frames == []
        desk.say(reply_frame(alone, b"", Flag.RETURNED))
        alone = next(iter(desk.write()), b"")

    (told,) = desk.session.frames
    assert head_of(told).flags == Flag.RETURNED
    assert told[HEAD.size :] == b""


@pytest.mark.parametrize("flag", [Flag.TURN, Flag.ALL])
def test_a_change_that_spans_shards_is_never_skipped(flag: int) -> None:
    desk = ServersDesk()
    batch = desk.pass_on(2, flags=flag)
    for _ in range(3):
        desk.die()
        desk.recover(1)
        assert desk.write() == [batch]

    desk.die()
    desk.recover(1)

    assert desk.why == "its worker ends each time at a change that spans shards: it was killed"
    assert desk.write() == []


def test_a_batch_that_nobody_here_can_read_goes_alone_and_is_skipped_as_a_whole() -> None:
    desk = ServersDesk()
    batch, behind = desk.pass_on(3, is_sealed=True), desk.pass_on(1)
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
        assert head.client == head_of(batch).client
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
    batch = desk.pass_on(3, is_sealed=True)
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
    batch, behind = desk.pass_on(3, is_sealed=True), desk.pass_on(1)
    for _ in range(2):
        desk.die()
        desk.recover(1)
        desk.write()
    desk.say(accepting(batch))

    assert desk.write() == [behind]
    desk.say(accepting(behind))
    assert len(desk.session.frames) == 2


def test_a_command_that_arms_the_block_as_it_goes_alone_holds_up_no_other() -> None:
    """Its reply waits until all shards have heard of it: this one hears behind the others."""
    desk = ServersDesk()
    desk.pass_on(2)
    for _ in range(2):
        desk.die()
        desk.recover(1)
        frames = desk.write()
    (first,) = frames
    reply = pack(((kinds.ACCEPTED, 1),))
    desk.say(reply_frame(first, reply, flags=Flag.FINALIZER_FAILED))
    (second,) = desk.write()
    desk.say(accepting(second))
    (arm,) = desk.write()
    assert head_of(arm).op == Op.ARM
    desk.say(done(arm))
    desk.sent(1)
    desk.reply(1, (kinds.DONE, 1))
    (told,) = desk.session.frames
    assert [reply[0] for reply in messages_of(told[HEAD.size :])] == [kinds.ACCEPTED] * 2
