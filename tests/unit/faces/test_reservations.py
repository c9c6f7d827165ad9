"""Reservations of each kind are alike to a program: of nothing, of callbacks, of funds."""

from __future__ import annotations

import copy
import gc
import weakref
from datetime import timedelta
from typing import Any

import pytest
from makers import (
    Scripted,
    accepting,
    account,
    deposit,
    engine_with,
    holding,
    in_another_thread,
    mutation,
    order,
    reserved,
)

import openpit
from openpit.engine.finalize import Finisher
from openpit.marketdata import QuoteTtl
from openpit.pretrade import Policy, Reservation, policies

USES = ("commit", "rollback", "lock", "account_adjustments")


def of_nothing(sync: str = "no_sync") -> Reservation:
    return reserved(engine_with(policies.build_order_validation(), sync=sync))


def of_callbacks(sync: str = "no_sync") -> Reservation:
    return reserved(engine_with(Scripted(main=accepting(mutation([], "order"))), sync=sync))


def funded(sync: str = "no_sync") -> Any:
    engine = engine_with(policies.build_spot_funds(), sync=sync)
    engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
    return engine


def of_funds(sync: str = "no_sync") -> Reservation:
    return reserved(funded(sync), order(1, "10", "4"))


EACH = pytest.mark.parametrize("made", [of_nothing, of_callbacks, of_funds])


def use(reservation: Reservation, attribute: str) -> object:
    value = getattr(reservation, attribute)
    return value() if callable(value) else value


@EACH
@pytest.mark.parametrize("sync", ["no_sync", "full_sync"])
@pytest.mark.parametrize("first", ["commit", "rollback"])
def test_each_is_finalised_once(made: Any, sync: str, first: str) -> None:
    reservation = made(sync)

    use(reservation, first)

    for attribute in USES:
        with pytest.raises(RuntimeError, match=r"^reservation has already been finalized$"):
            use(reservation, attribute)


@EACH
def test_each_is_of_its_own_thread(made: Any) -> None:
    reservation = made()

    for attribute in USES:
        refusal = in_another_thread(lambda attribute=attribute: use(reservation, attribute))
        assert isinstance(refusal, RuntimeError)
        assert str(refusal).startswith("Reservation of a no_sync engine used from another thread")
    reservation.commit()


@EACH
def test_each_shows_a_reservation_and_nothing_else(made: Any) -> None:
    reservation, other = made(), made()

    assert isinstance(reservation, Reservation)
    assert {name for name in dir(reservation) if not name.startswith("_")} == set(USES)
    for refused in (iter, len, copy.copy, copy.deepcopy, type(reservation)):
        with pytest.raises(TypeError):
            refused(reservation)
    assert len({reservation, other, reservation}) == 2
    reservation.rollback()


@pytest.mark.parametrize("sync", ["no_sync", "full_sync"])
def test_a_rollback_that_is_interrupted_twice_is_done_when_nobody_has_it_any_more(
    sync: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = funded(sync)
    reservation: Reservation | None = reserved(engine, order(1, "10", "4"))
    assert reservation is not None
    before = holding(engine, 1, "USD")

    def interrupted(finisher: Finisher, effects: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Finisher, "rollback", interrupted)
        with pytest.raises(KeyboardInterrupt):
            reservation.rollback()
    with pytest.raises(RuntimeError, match=r"^reservation has already been finalized$"):
        reservation.commit()
    assert holding(engine, 1, "USD") == before == (960, 40, 0)

    reservation = None
    assert holding(engine, 1, "USD") == (1000, 0, 0)


def test_the_outcomes_are_those_after_the_order_whatever_came_later() -> None:
    engine = funded()
    first, second = (reserved(engine, order(1, size, "4")) for size in ("10", "5"))
    second.rollback()

    paid, bought = first.account_adjustments

    assert str(paid.entry.balance) == "OutcomeAmount(delta=-40, absolute=960)"
    assert str(paid.entry.held) == "OutcomeAmount(delta=40, absolute=40)"
    assert str(bought.entry.incoming) == "OutcomeAmount(delta=10, absolute=10)"
    assert repr(first.lock) == "Lock([(0, 4)])"


class Gateway(Policy):
    """A program's own object: an engine's clock, or policy too, which holds it and what is open."""

    name = "Gateway"

    def __init__(self, *, is_policy: bool) -> None:
        stage = openpit.Engine.builder().clock(self.clock).no_sync()
        self.market = stage.market_data(QuoteTtl.within(timedelta(seconds=1))).build()
        funds = policies.build_spot_funds().market_data(self.market, 10)
        ready = stage.builtin(funds)
        self.engine = (ready.pre_trade(self) if is_policy else ready).build()
        self.engine.apply_account_adjustment(account(1), [deposit("USD", "1000")])
        self.open = [reserved(self.engine, order(1, "1", "4")) for _ in range(3)]

    def clock(self) -> int:
        return 0


@pytest.mark.parametrize("is_policy", [False, True])
def test_a_program_that_holds_its_engine_and_what_is_open_is_garbage_as_a_whole(
    is_policy: bool,
) -> None:
    """Funds of a plain order are in no cycle: the collector does not follow where they lead."""
    gateway = Gateway(is_policy=is_policy)
    assert {*map(gc.is_tracked, gateway.open)} == {is_policy}
    gateway.open[0].commit()
    gateway.open[1].rollback()
    gone = weakref.ref(gateway)

    del gateway
    gc.collect()

    assert gone() is None
