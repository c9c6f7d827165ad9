"""What ends its worker each time that it is to end: it is over all the same, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from crashing import Fragile
from killing import OFTEN
from makers import account, deposit, order
from test_left_open import held

import openpit
from openpit.errors import CommandSkipped
from openpit.pretrade.policies import build_spot_funds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.one_python


def built(journal: Path, **options: Any) -> openpit.ShardedEngine:
    stage = openpit.Engine.builder().sharded(2, journal=journal, **{**OFTEN, **options})
    return stage.builtin(build_spot_funds()).pre_trade(Fragile()).build()


def with_one_open(engine: openpit.ShardedEngine) -> Any:
    """Have 770 of 1000 USD set aside for an order whose end ends its worker."""
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
    reservation = engine.execute_pre_trade(order(1, "77", "10")).reservation
    assert held(engine, 1) == (230, 770)
    return reservation


def is_over(engine: openpit.ShardedEngine, free: tuple[int, int] = (1000, 0)) -> None:
    """Nothing is held any more, and the engine is blocked as by any callback that fails."""
    assert held(engine, 1) == free
    assert engine.stats()[engine.shard_of(account(1))].restarts == 4
    assert {one.state for one in engine.stats()} == {"up"}
    assert not engine.execute_pre_trade(order(2, "1", "10"))  # on either shard
    assert not engine.execute_pre_trade(order(1, "1", "10"))
    engine.accounts().unblock_all()
    engine.execute_pre_trade(order(1, "1", "10")).reservation.rollback()
    assert engine.open_reservations() == []


ASKED: dict[str, Callable[[Any], Any]] = {
    "a rollback": lambda reservation: reservation.rollback(),
    "a commit": lambda reservation: reservation.commit(),
}


@pytest.mark.parametrize("asked", ASKED)
def test_who_asked_is_told_and_what_it_held_is_not_held_any_more(
    tmp_path: Path, asked: str
) -> None:
    with built(tmp_path) as engine:
        reservation = with_one_open(engine)
        with pytest.raises(CommandSkipped):
            ASKED[asked](reservation)
        # A commit leaves it set aside, until a report says what became of the order.
        free = (230, 770) if asked == "a commit" else (1000, 0)
        is_over(engine, free)
    with built(tmp_path) as again:  # so it was journaled
        assert held(again, 1) == free
        assert again.open_reservations() == []


def test_what_nobody_holds_any_more_is_not_held_for_ever(tmp_path: Path) -> None:
    with built(tmp_path) as engine:
        reservation = with_one_open(engine)
        del reservation
        engine.poll()
        is_over(engine)


def test_nor_what_was_open_when_the_engine_before_ended(tmp_path: Path) -> None:
    with built(tmp_path) as engine:
        reservation = with_one_open(engine)
    del reservation
    with built(tmp_path, grace=0) as again:
        is_over(again)


def test_nor_what_has_been_open_for_too_long(tmp_path: Path) -> None:
    times = [1_000]
    stage = openpit.Engine.builder().clock(lambda: times[0])
    sharded = stage.sharded(2, journal=tmp_path, reservation_ttl=60.0, **OFTEN)
    with sharded.builtin(build_spot_funds()).pre_trade(Fragile()).build() as engine:
        reservation = with_one_open(engine)
        times[0] += 60 * 10**9
        engine.poll()  # tells the shard the time
        is_over(engine)
        with pytest.raises(openpit.errors.ReservationExpired):
            reservation.commit()
