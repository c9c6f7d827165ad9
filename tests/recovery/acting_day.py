"""Days with an actor: messages to one whose shard dies and comes back, and to one that does not."""

from __future__ import annotations

import os
import re
import signal
import threading
from typing import TYPE_CHECKING, Any

from flow import account
from gateways import Gateway, message
from killing import KilledDay
from trading import ACCOUNTS, with_policies

import openpit

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ActingDay", "RememberingGateway", "with_actor"]


class RememberingGateway(Gateway):
    """Knows how many messages each account has had, and how many of them were replayed."""

    def __init__(self, engine: openpit.ActorEngine, shard: int) -> None:
        super().__init__(engine, shard)
        self.had: dict[int, int] = {}
        self.replayed = 0

    def receive(self, account_id: Any, message: bytes) -> bytes | None:
        self.had[account_id.value] = self.had.get(account_id.value, 0) + 1
        self.replayed += self.engine.is_replaying
        return super().receive(account_id, message)

    def do_had(self) -> Any:
        return self.had[self.account], self.engine.now()

    def do_names(self) -> Any:
        return sorted(name for name in self.held if name.startswith(f"{self.account}-"))

    def do_end_if_kept(self, name: str, how: str) -> Any:
        """End what is kept; an order that was rejected is not there, one that failed is over."""
        if name not in self.held:
            return None
        try:
            getattr(self.held.pop(name), how)()
        except RuntimeError as error:
            return str(error)
        return how

    def do_at_later(self, seconds: int) -> Any:
        self.engine.at(self.engine.now() + seconds)
        return self.engine.now()


def with_actor(stage: Any) -> Any:
    return with_policies(stage).actor("gateway", RememberingGateway)


class ActingDay(KilledDay):
    """One whose accounts are traded by messages, too; kills come while one is in hand."""

    def __init__(self, directory: Path, seed: int, **options: Any) -> None:
        self.kept: dict[int, list[str]] = {number: [] for number in ACCOUNTS}
        self.names = 0
        super().__init__(directory, seed, **options)

    def ready(self, stage: Any) -> Any:
        return with_actor(stage)

    def one_engine(self) -> Any:
        stage = openpit.Engine.builder().clock(self.clock).sharded(1)
        return self.ready(stage).build()

    def place(self) -> None:
        self.random.choice((super().place, self.ask, self.ask, self.ask_many, self.tell))()

    def ask(self) -> None:
        number, steps, orders = self.message()
        one, other = self.during_a_kill(
            lambda: self.both(
                lambda engine: engine.ask(
                    "gateway", account(number), message(*steps), orders=orders
                )
            )
        )
        assert _told(one) == _told(other), (_told(one), _told(other))

    def ask_many(self) -> None:
        """Of one shard's accounts: what others have declared meanwhile counts until it is back."""
        asked = [self.message() for _ in range(self.random.randrange(2, 12))]
        shard_of = self.engine.shard_of
        shard = shard_of(account(asked[0][0]))
        asked = [one for one in asked if shard_of(account(one[0])) == shard]
        items = [(account(number), message(*steps), orders) for number, steps, orders in asked]
        one, other = self.during_a_kill(
            lambda: self.both(lambda engine: engine.ask_many("gateway", items))
        )
        assert _told(one) == _told(other), (_told(one), _told(other))

    def tell(self) -> None:
        """Tell, and wait until it was received: what it declares counts until then."""
        number, steps, orders = self.message()
        self.during_a_kill(
            lambda: self.both(
                lambda engine: engine.tell(
                    "gateway", account(number), message(*steps), orders=orders
                )
            )
        )
        self.both(lambda engine: engine.account_state(account(number)))

    def during_a_kill(self, call: Any) -> Any:
        if self.random.random() > 0.15:
            return call()
        self.kills += 1
        pid = self.engine.stats()[self.random.randrange(self.options["shards"])].pid
        timer = threading.Timer(self.random.random() * 0.001, _kill, (pid,))
        timer.start()
        try:
            return call()
        finally:
            timer.join()

    def message(self) -> tuple[int, list[Any], Any]:
        """Return an account, the steps of a message, and how many orders it declares."""
        number = self.random.choice(ACCOUNTS)
        steps: list[Any] = [["had"]]
        kinds = (self._trade, self._trade, self._keep, self._end)
        steps += [self.random.choice(kinds)(number) for _ in range(self.random.randrange(4))]
        if self.random.random() < 0.1:
            steps.append(["fail", "ValueError", "no"])
            # What a failing message has kept, it has not.
            mine = {step[1] for step in steps if step[0] == "keep"}
            self.kept[number] = [name for name in self.kept[number] if name not in mine]
        return number, steps, self.random.choice((0, 2, 4, {"USD": 3}, {"EUR": 2, "USD": 1}))

    def _trade(self, number: int) -> list[Any]:
        quantity = self.random.choice(("1", "2", "13", "95"))
        return self.random.choice(
            (
                ["deposit", "900"],
                ["commit", quantity],
                ["commit", quantity, "EUR"],
                ["order", quantity],
                ["fill", "1", "0"],
                ["order", quantity, number % 8 + 1],
                ["at_later", self.random.randrange(5)],
            )
        )

    def _keep(self, number: int) -> list[Any]:
        self.names += 1
        name = f"{number}-{self.names}"
        self.kept[number].append(name)
        return ["keep", name, "1"]

    def _end(self, number: int) -> list[Any]:
        if not self.kept[number]:
            return ["names"]
        name = self.kept[number].pop(self.random.randrange(len(self.kept[number])))
        return ["end_if_kept", name, self.random.choice(("commit", "rollback"))]


def _told(answer: Any) -> Any:
    """Return what is the same of an answer, or of an exception, whatever worker it comes from."""
    if isinstance(answer, openpit.SomeItemsFailed):
        return answer.indexes, [*map(_told, answer.exceptions)], answer.results
    if isinstance(answer, Exception):
        return type(answer), re.sub("0x[0-9a-f]+", "", str(answer))
    return answer


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # an earlier kill has ended it just now
