"""The numbers of sessions with a name: whose they are while they are away, and for how long."""

from __future__ import annotations

from typing import Any

import pytest
from switched import SwitchedHost

from openpit import Engine
from openpit.client.remote import Greeting
from openpit.errors import JournalFailed
from openpit.pretrade.policies import build_order_validation
from openpit.server import names as names_module
from openpit.server.names import Away, Names
from openpit.server.switch import Switch
from openpit.wire.roles import Role
from openpit.wire.sessions import welcome_in


class Desk:
    """A switch whose names are written down, into two lists."""

    def __init__(self, grace: float = 60.0) -> None:
        self.noted: list[tuple[int, str, int]] = []
        self.forgotten: list[int] = []
        self.is_full = False
        self.names = Names(grace, self.note, self.forgotten.append)
        self.expiring: list[Away] = []
        self.names.expire = self.expiring.append
        host = SwitchedHost(Engine.builder().sharded(2).builtin(build_order_validation()))
        self.host = host
        self.switch = Switch(
            host.driver.client, host.switch._told, host.switch.limits, names=self.names
        )

    def note(self, *row: Any) -> None:
        if self.is_full:
            raise JournalFailed("the log router takes nothing more")
        self.noted.append(row)

    def come(self, name: str | None, *, user: int = 7, role: int = Role.TRADER) -> Any:
        """Return a session that has said its name, and what it was told."""
        session = self.switch.open(role, user)
        self.switch.receive(session, Greeting(name).sent)
        data = session.take()
        length = 4 + int.from_bytes(data[:4], "big")
        return session, welcome_in(data[:length])

    def go(self, session: Any, *shards: int) -> None:
        """Have a session leave that these shards have heard of."""
        session.is_at.update(shards)
        self.switch.leave(session, 1_000)

    def ended(self) -> int:
        """How many shards have been told since the last time that a client has ended."""
        links = self.switch.router.links
        return len(b"".join(link.take() for link in links if link.has_output)) // 46


def test_a_name_has_its_number_again_and_is_told_what_is_of_before() -> None:
    desk = Desk()
    first, told = desk.come("desk")
    assert (told.session, told.grace) == (first.number, 60.0)
    assert told.begins == tuple(link.next_seq for link in desk.switch.router.links)
    desk.go(first, 0)
    _, other = desk.come("other")
    second, again = desk.come("desk")

    assert desk.noted == [(first.number, "desk", 7), (other.session, "other", 7)]
    assert second.number == again.session == first.number
    assert again.begins == tuple(link.next_seq for link in desk.switch.router.links)
    assert second.is_at == {0}
    assert desk.switch.sessions[second.number] is second
    assert desk.ended() == 0
    assert not desk.names.over(desk.expiring[0])  # it has come back before its time was over


def test_a_newer_session_of_the_name_takes_it_over() -> None:
    desk = Desk()
    first, _ = desk.come("desk")
    first.is_at.add(1)
    second, told = desk.come("desk")

    assert first.is_over
    assert told.session == second.number == first.number
    desk.switch.leave(first, 1_000)  # its connection ends after that
    assert desk.switch.sessions == {second.number: second}


def test_time_ends_it_and_then_the_number_is_nobodys() -> None:
    desk = Desk()
    first, _ = desk.come("desk")
    desk.go(first, 0, 1)
    (away,) = desk.expiring

    assert desk.names.over(away)
    assert not desk.names.over(away)
    assert desk.forgotten == [first.number]
    second, told = desk.come("desk")
    assert told.session == second.number > first.number


@pytest.mark.parametrize(
    ("name", "role", "grace"),
    [(None, Role.TRADER, 60.0), ("desk", Role.READER, 60.0), ("desk", Role.TRADER, 0.0)],
)
def test_others_are_rolled_back_when_they_go(name: str | None, role: int, grace: float) -> None:
    desk = Desk(grace)
    session, told = desk.come(name, role=role)
    desk.go(session, 0)

    assert told.grace == 0.0
    assert desk.ended() == 2
    assert desk.noted == desk.expiring == []


def test_one_that_no_shard_has_heard_of_has_its_number_again() -> None:
    desk = Desk()
    session, _ = desk.come("desk")
    desk.go(session)  # what it has sent, nobody has had: it may ask for that

    assert desk.forgotten == []
    assert desk.come("desk")[1].session == session.number


def test_a_name_that_cannot_be_written_down_is_closed() -> None:
    desk = Desk()
    desk.is_full = True
    session, _ = desk.come("desk")

    assert session.is_over
    assert session.why == "the log router takes nothing more"
    desk.go(session, 0)
    assert desk.ended() == 2


def test_more_than_so_many_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "AWAY", 2)
    desk = Desk()
    for name in ("one", "two", "three"):
        desk.go(desk.come(name)[0], 0)

    assert [away.name for away in desk.names.away.values()] == ["one", "two"]
    assert desk.ended() == 2


def test_what_a_server_before_this_one_knew_is_taken_up() -> None:
    desk = Desk()
    desk.names.begin({4: ("desk", 7), 6: ("other", 7), 9: ("desk", 8)}, {4: {0}, 9: {0, 1}})

    session, told = desk.come("desk", user=8)
    assert (session.number, session.is_at) == (9, {0, 1})
    assert told.begins
    other, _ = desk.come("other")
    assert (other.number, other.is_at) == (6, set())  # it may have missed that it has done nothing
    assert desk.forgotten == []
    assert desk.come("third")[0].number == 12  # two were the connections of those before


def test_no_name_has_a_number_that_another_one_had_once() -> None:
    desk = Desk()
    desk.names.begin({4: ("desk", 7)}, {}, 70)

    assert desk.come("other")[0].number == 71


def test_so_many_are_taken_up_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "AWAY", 1)
    desk = Desk()
    desk.names.begin({4: ("desk", 7), 6: ("other", 7)}, {})

    assert desk.forgotten == [6]
    assert [*desk.names.away] == [4]
