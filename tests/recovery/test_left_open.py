"""What an engine with a journal has open when it ends, its program has after the next start."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from makers import account, deposit, order
from processes import wait_until
from recovery_policies import Counting, Ticket

import openpit
from openpit.errors import EngineClosed
from openpit.pretrade import DropCopyOperation, Request, Reservation
from openpit.pretrade.policies import build_spot_funds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python


def ready(journal: Path | None, shards: int = 2, **options: Any) -> Any:
    stage = openpit.Engine.builder().sharded(shards, journal=journal, **options)
    return stage.builtin(build_spot_funds()).pre_trade(Counting())


def paid(engine: openpit.ShardedEngine, *numbers: int) -> openpit.ShardedEngine:
    for number in numbers:
        engine.apply_account_adjustment(account(number), [deposit("USD", "1000")])
    return engine


def held(engine: openpit.ShardedEngine, number: int) -> tuple[int, int]:
    """Return what an account has free, and what is set aside, in USD."""
    state = engine.account_state(account(number))
    (usd,) = [one for policy in state.policies for one in policy.holdings if one.asset == "USD"]
    return int(usd.available.decimal), int(usd.held.decimal)


def test_what_is_open_is_given_back_as_it_was(tmp_path: Path) -> None:
    numbers = range(1, 7)
    engine = paid(ready(tmp_path).build(), *numbers)
    results = [engine.execute_pre_trade(order(number, "5", "10")) for number in numbers]
    ended = results[0].reservation
    locks = [repr(one.reservation.lock) for one in results]
    changes = [repr(one.reservation.account_adjustments) for one in results]
    ended.commit()

    engine.close()
    with pytest.raises(EngineClosed):
        engine.open_reservations()
    with ready(tmp_path).build() as again:
        found = {one.account_id: one for one in again.open_reservations()}
        assert [*map(account, numbers)][1:] == sorted(found, key=lambda one: one.value)
        for number in numbers[1:]:
            one = found[account(number)]
            assert isinstance(one.handle, Reservation)
            assert repr(one.order) == repr(order(number, "5", "10"))
            assert repr(one.handle.lock) == locks[number - 1]
            assert repr(one.handle.account_adjustments) == changes[number - 1]
            assert held(again, number) == (950, 50)
        found[account(2)].handle.rollback()
        found[account(3)].handle.commit()
        with pytest.raises(RuntimeError, match="already been finalized"):
            found[account(2)].handle.commit()
        assert again.open_reservations() == []  # each is given back once
        assert [held(again, number)[0] for number in (2, 3)] == [1000, 950]

    with ready(tmp_path).build() as third:
        left = [one.account_id.value for one in third.open_reservations() if one.account_id]
        assert sorted(left) == [4, 5, 6]


def test_requests_drop_copies_and_orders_of_a_class_of_its_own_are_given_back_too(
    tmp_path: Path,
) -> None:
    engine = paid(ready(tmp_path, shards=1).build(), 1, 2, 3)
    placed = Ticket(operation=order(3, "5", "10").operation, number="A-17")
    kept: list[Any] = [
        engine.start_pre_trade(order(1, "5", "10")).request,
        engine.apply_drop_copy(order(2, "7", "10")).operation,
        engine.execute_pre_trade(placed).reservation,
    ]
    engine.close()
    del kept

    with ready(tmp_path, shards=1).build() as again:
        request, operation, reservation = again.open_reservations()
        assert isinstance(request.handle, Request)
        assert isinstance(operation.handle, DropCopyOperation)
        assert not operation.handle.is_account_blocked
        assert type(reservation.order) is Ticket
        assert reservation.order.number == "A-17"
        assert repr(reservation.order.operation) == repr(placed.operation)
        result = request.handle.execute()
        assert result
        result.reservation.commit()
        operation.handle.rollback()
        del reservation  # nobody holds it any more
        again.poll()
        assert [held(again, number)[0] for number in (1, 2, 3)] == [950, 1000, 1000]


@pytest.mark.parametrize("grace", [0, 0.2])
def test_what_is_not_taken_in_time_is_rolled_back(tmp_path: Path, grace: float) -> None:
    engine = paid(ready(tmp_path, 1).build(), 1, 2)
    kept = [engine.execute_pre_trade(order(number, "5", "10")) for number in (1, 2)]
    engine.close()
    del kept

    with ready(tmp_path, 1, grace=grace).build() as again:

        def is_over() -> bool:
            again.poll()
            return [held(again, number) for number in (1, 2)] == [(1000, 0)] * 2

        assert is_over() if not grace else wait_until(is_over)
        assert again.open_reservations() == []
        reservation = again.execute_pre_trade(order(1, "5", "10")).reservation
        again.poll()
        assert held(again, 1) == (950, 50)  # what is of this life is its program's
        reservation.rollback()
    with ready(tmp_path, 1).build() as third:
        assert third.open_reservations() == []


def test_a_close_that_is_told_to_rolls_back(tmp_path: Path) -> None:
    engine = paid(ready(tmp_path, 1).build(), 1)
    reservation = engine.execute_pre_trade(order(1, "5", "10")).reservation
    engine.close(rollback=True)
    engine.close()
    del reservation

    with ready(tmp_path, 1).build() as again:
        assert again.open_reservations() == []
        assert held(again, 1) == (1000, 0)


def test_without_a_journal_a_close_rolls_back_and_nothing_is_given_back() -> None:
    with paid(ready(None, 1).build(), 1) as engine:
        assert engine.open_reservations() == []


def test_asyncio_gives_back_handles_that_are_awaited(tmp_path: Path) -> None:
    async def first() -> None:
        async with await ready(tmp_path, 1).build_async() as engine:
            for number in (1, 2, 3):
                await engine.apply_account_adjustment(account(number), [deposit("USD", "1000")])
            kept = [await engine.execute_pre_trade(order(n, "5", "10")) for n in (1, 2, 3)]
            assert all(kept)

    async def second() -> list[int]:
        async with await ready(tmp_path, 1, grace=0.3).build_async() as engine:
            found = await engine.open_reservations()
            found.sort(key=lambda one: one.account_id.value)
            await found[0].handle.commit()
            await found[1].handle.rollback()
            states = [await engine.account_state(account(number)) for number in (1, 2, 3)]
            await engine.close()
        return [
            int(one.available.decimal)
            for state in states
            for policy in state.policies
            for one in policy.holdings
            if one.asset == "USD"
        ]

    async def third() -> bool:
        async with await ready(tmp_path, 1, grace=0.1).build_async() as engine:
            for _ in range(1000):  # the loop sees to it, whether calls come or not
                state = await engine.account_state(account(3))
                if not state.open.reservations:
                    return True
                await asyncio.sleep(0.01)
        return False

    asyncio.run(first())
    assert asyncio.run(second()) == [950, 1000, 950]
    assert asyncio.run(third())
