"""Orders of many accounts whose workers are killed: what the shards have counted is what was said.

As a program, many of them: ``make counted ORDERS=100000 KILLS=20 SEED=1``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

sys.path[1:1] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parent)]

from killing import OFTEN, killed_after  # noqa: E402 - found there
from makers import account, deposit, order  # noqa: E402 - found there

import openpit  # noqa: E402 - found there
from openpit.metrics import collector  # noqa: E402 - found there
from openpit.param import Quantity  # noqa: E402 - found there
from openpit.pretrade import policies  # noqa: E402 - found there

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CountedDay", "values_of"]

ACCOUNTS = range(1, 41)
CHUNK = 200
COMMITTED = 0.5  # of what passes, the rest is rolled back


def values_of(engine: Any, *, timeout: float = 60.0) -> dict[str, Counter[tuple[str, ...]]]:
    """Return what an engine's collector says, summed over its shards."""
    values: dict[str, Counter[tuple[str, ...]]] = {}
    for family in collector(engine, timeout=timeout).collect():
        for sample in family.samples:
            labels = tuple(value for name, value in sample.labels.items() if name != "shard")
            values.setdefault(sample.name, Counter())[labels] += sample.value
    return values


def with_limits(stage: Any) -> Any:
    size = policies.OrderSizeLimit(
        max_quantity=Quantity("50"), max_notional=openpit.param.Volume("10000")
    )
    limit = policies.build_order_size_limit().broker_barrier(policies.OrderSizeBrokerBarrier(size))
    return (
        stage.builtin(policies.build_order_validation())
        .builtin(limit)
        .builtin(policies.build_spot_funds())
    )


class CountedDay:
    """The same orders on shards whose workers are killed, and on one engine that counts."""

    def __init__(self, directory: Path, seed: int, shards: int = 3) -> None:
        self.random = Random(seed)
        self.kills = 0
        self.said: Counter[tuple[str, ...]] = Counter()
        self.directory = directory
        self.shards = shards
        self.engine = self._built()
        self.one = with_limits(openpit.Engine.builder().full_sync()).build()
        for number in ACCOUNTS:
            for engine in (self.engine, self.one):
                engine.apply_account_adjustment(account(number), [deposit("USD", "30000")])

    def _built(self) -> Any:
        stage = openpit.Engine.builder().sharded(self.shards, journal=self.directory, **OFTEN)
        return with_limits(stage).build()

    def trade(self, orders: int, kills: int) -> None:
        """Place orders; kill a worker in the midst of some of the calls."""
        chunks = max(1, orders // CHUNK)
        deadly = {*self.random.sample(range(chunks), min(kills, chunks))}
        for chunk in range(chunks):
            size = CHUNK if chunk < chunks - 1 else orders - CHUNK * (chunks - 1)
            placed = [
                order(self.random.choice(ACCOUNTS), self.random.choice(("1", "7", "60")), "10")
                for _ in range(size)
            ]
            timer = self._kill_soon() if chunk in deadly else None
            answers = self.engine.execute_pre_trade_many(placed)
            expected = [self.one.execute_pre_trade(each) for each in placed]
            self._count(expected)
            assert [bool(each) for each in answers] == [bool(each) for each in expected]
            self._end(answers, expected)
            if timer is not None:
                timer.join()

    def _kill_soon(self) -> Any:
        self.kills += 1
        shard = self.random.randrange(self.shards)
        return killed_after(self.engine, shard, self.random.random() * 0.004)

    def _count(self, results: Iterable[Any]) -> None:
        for result in results:
            self.said["accepted" if result else "rejected",] += 1
            for reject in result.rejects:
                self.said["reject", str(reject.code), reject.policy] += 1

    def _end(self, answers: Iterable[Any], expected: Iterable[Any]) -> None:
        """Commit some of what is open, and roll back the rest."""
        passed = [pair for pair in zip(answers, expected, strict=True) if pair[0]]
        commits = [pair for pair in passed if self.random.random() < COMMITTED]
        rollbacks = [pair for pair in passed if pair not in commits]
        for method, pairs, how in (
            ("commit_many", commits, "committed"),
            ("rollback_many", rollbacks, "rolled_back"),
        ):
            for engine, place in ((self.engine, 0), (self.one, 1)):
                getattr(engine, method)([pair[place].reservation for pair in pairs])
            self.said[how,] += len(pairs)

    def compare(self) -> None:
        """Hold what the shards have counted against what one engine has said."""
        values, said = values_of(self.engine), self.said
        assert "openpit_shard_missing" not in values, values["openpit_shard_missing"]
        assert values["openpit_decisions_total"] == Counter(
            {key: said[key] for key in (("accepted",), ("rejected",)) if said[key]}
        ), values["openpit_decisions_total"]
        rejects = {key[1:]: count for key, count in said.items() if key[0] == "reject"}
        assert values["openpit_rejects_total"] == rejects
        ended = values["openpit_reservations_ended_total"]
        assert (ended["committed",], ended["rolled_back",], ended["expired",]) == (
            said["committed",], said["rolled_back",], 0,
        )  # fmt: skip
        assert values["openpit_reservations_opened_total"][()] == said["accepted",]
        assert values["openpit_reservations_open"][()] == 0

    def come_back(self) -> None:
        """End the engine, and begin another on its journal."""
        self.engine.close()
        self.engine = self._built()

    def close(self) -> None:
        self.engine.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        day = CountedDay(Path(directory), asked.seed)
        day.trade(asked.orders, asked.kills)
        day.compare()
        day.come_back()
        day.compare()
        restarts = sum(one.restarts for one in day.engine.stats())
        day.close()
    said = {" ".join(key): count for key, count in sorted(day.said.items())}
    print(f"{day.kills} kills, {restarts} restarts since; counted as said: {said}")  # noqa: T201 - what it is for


if __name__ == "__main__":
    main()
