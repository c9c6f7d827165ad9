"""Market data of an engine with a journal: it comes back with its engine, to shards and program."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from killing import OFTEN, pid_of
from makers import Clock, account, deposit, order
from processes import wait_until

import openpit
from openpit.core import Instrument
from openpit.errors import JournalError, JournalMismatch
from openpit.marketdata import Quote, QuoteResolution, QuoteTtl
from openpit.pretrade import Policy, PolicyPreTradeResult, PolicyReject, RejectCode
from openpit.pretrade.policies import build_order_validation, build_spot_funds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python

FRESH = timedelta(0)
SHARES = [Instrument(name, "USD") for name in ("AAPL", "MSFT", "SPX")]
THEN_DEFAULT = QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT


class Everyone:
    account_group = None


class Quoting(Policy):
    """Rejects each order, and says what its account reads of the three instruments."""

    name = "Quoting"

    def __init__(self, market: Any) -> None:
        self.market = market

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        told = " ".join(quotes_of(self.market, order.operation.account_id, ctx))
        reject = PolicyReject(RejectCode.CUSTOM, "quotes", told)
        return PolicyPreTradeResult.reject([reject])


def quotes_of(market: Any, reader: Any, info: Any) -> list[str]:
    told = []
    for instrument in SHARES:
        number = market.resolve(instrument)
        try:
            if number is None:
                told.append("unknown")
            else:
                told.append(str(market.get(number, reader, info, THEN_DEFAULT).mark))
        except Exception as error:  # noqa: BLE001 - told
            told.append(type(error).__name__)
    return told


class Life:
    """An engine on a journal, and its market data."""

    def __init__(self, journal: Path, clock: Clock, *quoted: str, **options: Any) -> None:
        self.build(journal, clock, options, QuoteTtl.within(timedelta(seconds=60)), quoted)

    def build(self, journal: Path, clock: Clock, options: Any, ttl: QuoteTtl, quoted: Any) -> None:
        stage = openpit.Engine.builder().clock(clock)
        sharded = stage.sharded(2, journal=journal, **{**OFTEN, **options})
        self.market = sharded.market_data(ttl).build()
        for mark in quoted:
            self.push(0, mark)
        self.engine = sharded.pre_trade(Quoting(self.market)).build()

    def push(self, share: int, mark: str, age: timedelta = FRESH) -> None:
        self.market.push_by_instrument(SHARES[share], Quote(mark=mark), age)

    def read(self) -> list[str]:
        """Return what each shard reads, and the program, which all have to be one."""
        reads = {
            " ".join(quotes_of(self.market, account(1), Everyone())),
            *(
                str(self.engine.execute_pre_trade(order(number)).rejects[0].details)
                for number in (1, 2, 3, 4)
            ),
        }
        assert len({self.engine.shard_of(account(number)) for number in (1, 2, 3, 4)}) == 2
        (told,) = reads
        return told.split()

    def kill(self, shard: int) -> None:
        os.kill(pid_of(self.engine, shard), signal.SIGKILL)


def test_quotes_are_the_same_after_any_end(tmp_path: Path) -> None:
    clock = Clock()
    life = Life(tmp_path, clock)
    life.push(0, "185.5")
    life.push(2, "7", timedelta(seconds=50))
    assert life.read() == ["185.5", "unknown", "7"]

    life.kill(0)
    life.push(1, "9")
    assert life.read() == ["185.5", "9", "7"]
    clock.move(20)  # the last one is 70 seconds old
    life.kill(1)
    assert life.read() == ["185.5", "9", "QuoteExpired"]
    life.engine.close()

    again = Life(tmp_path, clock)
    assert again.read() == ["185.5", "9", "QuoteExpired"]
    again.push(2, "8")
    clock.move(45)
    assert again.read() == ["QuoteExpired", "QuoteExpired", "8"]
    again.kill(0)
    again.kill(1)
    again.engine.close()

    third = Life(tmp_path, clock)
    assert third.read() == ["QuoteExpired", "QuoteExpired", "8"]
    with pytest.raises(openpit.errors.AlreadyRegistered):
        third.market.register(SHARES[0])
    third.engine.close()


def test_a_shard_that_missed_quotes_has_them_at_the_next_start(tmp_path: Path) -> None:
    clock = Clock()
    life = Life(tmp_path, clock, restarts=0)
    life.push(0, "1")
    assert life.read() == ["1", "unknown", "unknown"]
    life.kill(1)
    assert wait_until(lambda: life.engine.stats()[1].state == "down")
    life.push(0, "2")
    life.push(1, "3")
    life.engine.close()

    for _ in range(2):  # it has them in its own journal then
        again = Life(tmp_path, clock)
        assert again.read() == ["2", "3", "unknown"]
        again.engine.close()
    again = Life(tmp_path, clock)
    assert [shard.sent for shard in again.engine.stats()] == [3, 2]  # hello, one or two questions
    again.engine.close()


def test_quotes_in_both_are_refused_by_name(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(2):  # nothing is in the journal but the time that quotes live
        Life(tmp_path / "other", clock).engine.close()
    Life(tmp_path / "other", clock, "5").engine.close()

    life = Life(tmp_path / "desk", clock, "5")
    assert life.read() == ["5", "unknown", "unknown"]
    life.engine.close()
    why = "the market data that Quoting reads is not empty, and the journal has some of its own"
    with pytest.raises(JournalError, match=why):
        Life(tmp_path / "desk", clock, "6")
    life = Life(tmp_path / "desk", clock)
    assert life.read() == ["5", "unknown", "unknown"]
    life.engine.close()


def test_another_time_to_live_is_another_engine(tmp_path: Path) -> None:
    life = Life(tmp_path, Clock(), "5")
    life.engine.close()
    other = QuoteTtl.within(timedelta(seconds=61))
    with pytest.raises(JournalMismatch, match="default_ttl=61000000000"):
        life.build(tmp_path, Clock(), {}, other, ())


def test_asyncio_has_its_quotes_as_well(tmp_path: Path) -> None:
    async def day(*marks: str) -> list[str]:
        stage = openpit.Engine.builder().sharded(2, journal=tmp_path, **OFTEN)
        market = stage.market_data(QuoteTtl.infinite()).build()
        policies = stage.builtin(build_order_validation()).pre_trade(Quoting(market))
        async with await policies.build_async() as engine:
            for mark in marks:
                market.push_by_instrument(SHARES[0], Quote(mark=mark), FRESH)
                os.kill(pid_of(engine, 0), signal.SIGKILL)
            results = [await engine.execute_pre_trade(order(number)) for number in (1, 2, 3, 4)]
            told = {str(result.rejects[0].details) for result in results}
        (one,) = told
        return [one, quotes_of(market, account(1), Everyone())[0]]

    assert asyncio.run(day("1", "2")) == ["2 unknown unknown", "2"]
    assert asyncio.run(day()) == ["2 unknown unknown", "2"]


def test_nobody_who_pushes_waits_for_a_shard_that_recovers_but_there_is_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openpit.faces.driver.RECOVERING_BACKLOG", 200)
    life = Life(tmp_path, Clock(), restart_pause=60.0)
    life.push(0, "1")
    life.kill(0)
    assert life.read()[0] == "1"  # the first replacement comes at once, the second in a minute
    life.kill(0)
    assert wait_until(lambda: life.engine.stats()[0].state == "recovering")

    for mark in range(199):
        life.push(0, str(mark))
    assert life.engine.stats()[0].state == "recovering"
    for mark in range(65):  # they are sent in portions
        life.push(0, str(mark))

    assert life.engine.stats()[0].state == "down"
    assert "quotes behind, and recovering" in str(life.engine.stats()[0].why)
    there = next(n for n in range(9) if life.engine.shard_of(account(n)) == 1)
    rejects = life.engine.execute_pre_trade(order(there)).rejects
    assert str(rejects[0].details).split()[0] == "64"
    life.engine.close()
    again = Life(tmp_path, Clock())
    assert again.read()[0] == "64"
    again.engine.close()


def test_quotes_are_in_snapshots_and_the_log_before_them_is_cut(tmp_path: Path) -> None:
    clock = Clock()

    def life() -> tuple[Any, Any]:
        stage = openpit.Engine.builder().clock(clock).sharded(1, journal=tmp_path, spares=0)
        market = stage.market_data(QuoteTtl.within(timedelta(seconds=60))).build()
        return market, stage.builtin(build_spot_funds().market_data(market, 0)).build()

    def cost(engine: Any) -> list[str]:
        """Return what of an account's funds a market order would hold, or why it is refused."""
        result = engine.execute_pre_trade(order(1, "10", None))
        if not result.ok:
            return [str(result.rejects[0].code)]
        (entry, *_) = [one.entry for one in result.reservation.account_adjustments]
        result.reservation.rollback()
        return [entry.asset, str(entry.held.absolute.decimal)]

    market, engine = life()
    with engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "5000")])
        market.push_by_instrument(SHARES[0], Quote(mark="7"), timedelta(seconds=30))
        assert cost(engine) == ["USD", "70"]
    market, engine = life()
    with engine:
        assert cost(engine) == ["USD", "70"]
        market.push_by_instrument(SHARES[0], Quote(mark="8"), timedelta(seconds=30))
    first, *_ = sorted((tmp_path / "shard-0000").glob("*.log"))
    assert int(first.stem) > 1  # two snapshots have what was before it

    market, engine = life()
    with engine:
        assert cost(engine) == ["USD", "80"]
        market.push_by_instrument(SHARES[1], Quote(mark="9"), FRESH)  # its number is a new one
        clock.move(30)
        assert cost(engine) == ["MarkPriceUnavailable"]
    market, engine = life()
    with engine:
        assert quotes_of(market, account(1), Everyone())[:2] == ["QuoteExpired", "9"]
