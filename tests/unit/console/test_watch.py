"""What a console makes of what shards have told, without a server."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from openpit.console.link import ServerReport
from openpit.console.notes import DIFFERENCE, LIMITS_KEPT, Notes
from openpit.console.tokens import Caller
from openpit.console.watch import HISTORY, LEAP, PERIOD, VIEWERS, Watch
from openpit.errors import ServerRefused, ShardDown
from openpit.faces import recent
from openpit.wire.roles import Role
from openpit.wire.sessions import SessionStats
from openpit.wire.shard_stats import ShardStats

SECOND = 1_000_000_000
ALICE = Caller("alice", Role.ADMIN)
CONSOLE = SessionStats(5, "console:alice 9f3a1c", 0, Role.ADMIN, 0, 3, 0)
CTL = SessionStats(6, "ctl 12", 0, Role.ADMIN, 0, 1, 0)
DESK = SessionStats(4, "desk", 0, Role.TRADER, 0, 99, 0)


class Told:
    """In place of a server's two shards: what they say the next time."""

    def __init__(self) -> None:
        self.state = ["up", "up"]
        self.answered = [10, 10]
        self.now = 100 * SECOND
        self.refusals: list[list[Any]] = [[], []]
        self.changes: list[list[Any]] = [[], []]
        self.limits: dict[str, Any] = {"order_size_limit": {"broker": {"max_quantity": "5"}}}
        self.is_away = False
        self.asked = 0

    # what the watch uses of a link and an engine

    async def picture(self) -> ServerReport:
        if self.is_away:
            raise ServerRefused("absent", "no server answers")
        shards = [
            ShardStats(n, self.state[n], 9, 0, 0, 8, 0, self.answered[n], 0, 0, None, 0, 0, 0)
            for n in range(2)
        ]
        return ServerReport(shards, [DESK], [CTL, CONSOLE])

    async def engine(self) -> Told:
        return self

    async def halted(self) -> str | None:
        if self.is_silent:
            await asyncio.Event().wait()
        return None

    async def settings(self) -> Any:
        return self.limits

    timeout = 5.0

    async def recent_of(self, _: Any, shard: int, seconds: float) -> recent.RecentOfShard:
        self.asked += 1
        assert seconds == self.timeout
        if self.state[shard] == "gone":
            raise ShardDown("down", shard)
        if self.state[shard] in self.silent:
            raise TimeoutError
        refusals, changes = tuple(self.refusals[shard]), tuple(self.changes[shard])
        return recent.RecentOfShard(
            self.now, len(refusals), (("P", "C", 3),), refusals, len(changes), changes, 0, ()
        )

    silent: tuple[str, ...] = ()
    is_silent = False


def looked(told: Told, monkeypatch: Any, times: int = 1, notes: Notes | None = None) -> Watch:
    monkeypatch.setattr("openpit.console.watch.recent_of", told.recent_of)
    watch = Watch(told, notes or Notes(), has_journal=False)  # type: ignore[arg-type]
    for _ in range(times):
        asyncio.run(watch.look())
    return watch


def change(number: int, at: int, session: int, account: int | None, method: str) -> Any:
    return recent.NotedChange(number, at * SECOND, session, account, method, "said")


def test_what_all_shards_have_changed_is_told_once_and_what_each_has_for_itself_each(
    monkeypatch: Any,
) -> None:
    told = Told()
    told.changes = [
        [change(1, 97, 6, None, "apply_all"), change(2, 98, 5, 2, "block")],
        [change(1, 97, 6, None, "apply_all"), change(2, 99, 5, None, "register_group")],
    ]
    found = looked(told, monkeypatch).changes()
    assert [(one.what, one.shard, one.by, one.account) for one in found] == [
        ("register_group", 1, "console:alice", None),
        ("block", 0, "console:alice", "2"),
        ("apply_all", 0, "ctl 12", None),
    ]
    assert abs(found[0].at - (time.time() - 1)) < 60  # one second before now


def test_a_shard_that_does_not_answer_holds_up_no_look(monkeypatch: Any) -> None:
    told = Told()
    told.silent = ("up",)  # nobody knows yet
    told.is_silent, told.timeout = True, 0.01
    watch = looked(told, monkeypatch)
    assert watch.picture()["shards"][0]["state"] == "up"
    told.state[0] = "stalled"
    told.is_silent, told.silent = False, ()
    asyncio.run(watch.look())
    assert [one["state"] for one in watch.picture()["shards"]] == ["stalled", "up"]


def test_the_same_thing_has_the_same_time_each_time_unless_the_clock_is_another(
    monkeypatch: Any,
) -> None:
    told = Told()
    told.refusals[0] = [recent.NotedRefusal(1, 99 * SECOND, 4, 2, "A", "B", ())]
    watch = looked(told, monkeypatch, times=2)
    before = watch.refusals()
    told.now += int(LEAP * SECOND / 2)  # as if the look had come late
    asyncio.run(watch.look())
    assert watch.refusals() == before
    told.now += 3600 * SECOND
    asyncio.run(watch.look())
    assert watch.refusals()[0].at < before[0].at - 3000


def test_limits_that_somebody_has_changed_are_told_with_what_they_were(monkeypatch: Any) -> None:
    told, notes = Told(), Notes()
    watch = looked(told, monkeypatch, notes=notes)
    assert notes.limits == []
    told.limits = {"order_size_limit": {"broker": {"max_quantity": "7"}}}
    told.changes = [[change(1, 99, 6, None, "apply_all")], [change(1, 99, 6, None, "apply_all")]]
    asyncio.run(watch.look())
    (one,) = notes.limits
    assert one.by == ["ctl 12"]
    assert '-max_quantity = "5"\n+max_quantity = "7"' in one.difference


def test_who_comes_again_and_again_has_the_server_asked_once_a_second(monkeypatch: Any) -> None:
    told = Told()
    watch = looked(told, monkeypatch, 0)
    seconds = [100.0]
    monkeypatch.setattr("openpit.console.watch.time.monotonic", lambda: seconds[0])

    async def come(times: int) -> int:
        pages = [watch.pictures() for _ in range(times)]
        pictures = [await anext(page) for page in pages]
        for page in pages:
            await page.aclose()  # type: ignore[attr-defined]
        await asyncio.gather(*(watch.fresh() for _ in range(times)))
        assert all(len(one["shards"]) == 2 for one in pictures)
        return told.asked // 2

    assert asyncio.run(come(5)) == 1
    seconds[0] += PERIOD / 2
    assert asyncio.run(come(5)) == 1
    seconds[0] += PERIOD / 2
    assert asyncio.run(come(5)) == 2


def test_a_server_that_does_not_answer_is_not_asked_at_each_question(monkeypatch: Any) -> None:
    told = Told()
    watch = looked(told, monkeypatch)
    asked: list[int] = []

    async def gone() -> Any:
        asked.append(1)
        raise ServerRefused("absent", "no server answers")

    monkeypatch.setattr(told, "picture", gone)
    monkeypatch.setattr("openpit.console.watch.time.monotonic", lambda: 10.0**9)

    async def ask() -> None:
        for _ in range(3):
            with pytest.raises(ServerRefused, match="no server answers"):
                await watch.fresh()
        with pytest.raises(ServerRefused, match="no server answers"):
            await watch.look()  # behind a change

    asyncio.run(ask())
    assert len(asked) == 2


def test_of_a_shard_that_is_not_up_nothing_is_asked_and_its_last_words_stay(
    monkeypatch: Any,
) -> None:
    told = Told()
    told.refusals[1] = [recent.NotedRefusal(1, 99 * SECOND, 4, 1, "A", "B", ())]
    watch = looked(told, monkeypatch)
    told.state[1] = "down"
    told.asked = 0
    asyncio.run(watch.look())
    assert (told.asked, watch.refused) == (1, 1)
    assert [one["state"] for one in watch.picture()["shards"]] == ["up", "down"]
    told.state[1] = "gone"  # it goes while it is asked
    asyncio.run(watch.look())
    assert watch.refused == 1


def test_rates_are_of_the_time_between_two_looks_and_never_below_nothing(monkeypatch: Any) -> None:
    told = Told()
    watch = looked(told, monkeypatch)
    told.answered = [1_000_010, 0]  # the second counts anew
    asyncio.run(watch.look())
    first, second = watch.picture()["shards"]
    assert first["rates"][0] > 100_000
    assert second["rates"] == [0.0]
    for _ in range(HISTORY + 5):
        asyncio.run(watch.look())
    assert len(watch.picture()["shards"][0]["rates"]) == HISTORY


def test_a_server_that_is_away_is_told_by_name_and_comes_back(monkeypatch: Any) -> None:
    told = Told()
    watch = looked(told, monkeypatch, 0)

    async def pictures() -> list[Any]:
        told.is_away = True
        found = watch.pictures()
        away = await anext(found)
        told.is_away = False
        await watch._look_quietly()
        back = await anext(found)
        await found.aclose()  # type: ignore[attr-defined]
        return [away, back]

    away, back = asyncio.run(pictures())
    assert (away["why"], away["shards"]) == ("no server answers", [])
    assert (back["why"], len(back["shards"])) == (None, 2)
    assert not watch.is_full


def test_a_reason_goes_with_the_change_that_its_session_has_made_before(
    monkeypatch: Any,
) -> None:
    told = Told()
    told.changes = [
        [
            change(1, 10, 5, 2, "block"),  # of a server of before, which gave the same number
            change(2, 96, 5, 2, "block"),
            change(3, 96, 5, 2, "remark_of_account")._replace(said="hedge first"),
            change(4, 97, 6, None, "halt"),
            change(5, 98, 6, None, "remark")._replace(said="exchange is down"),
        ],
        [change(1, 97, 6, None, "halt"), change(2, 99, 5, 3, "unblock")],
    ]
    found = looked(told, monkeypatch).changes()
    assert [(one.what, one.account, one.reason) for one in found] == [
        ("unblock", "3", None),
        ("halt", None, "exchange is down"),
        ("block", "2", "hedge first"),
        ("block", "2", None),
    ]


def test_notes_have_their_limits() -> None:
    notes = Notes()
    for _ in range(LIMITS_KEPT + 1):
        notes.limits_changed(0, [], "x" * (DIFFERENCE + 1))
    assert len(notes.limits) == LIMITS_KEPT
    assert notes.limits[0].difference == "x" * DIFFERENCE + "\n..."


def test_of_viewers_who_come_at_once_no_more_are_let_in_than_there_may_be(
    monkeypatch: Any,
) -> None:
    watch = looked(Told(), monkeypatch, 0)

    async def first_of(pictures: Any) -> Any:
        return await anext(pictures, None)

    async def come() -> tuple[list[Any], list[bool]]:
        streams: list[Any] = [watch.pictures() for _ in range(VIEWERS + 3)]
        found = await asyncio.gather(*map(first_of, streams))
        was_full = [watch.is_full]
        for one in streams:
            await one.aclose()
        return found, [*was_full, watch.is_full]

    found, was_full = asyncio.run(come())
    assert found.count(None) == 3
    assert was_full == [True, False]
