"""Requests, reservations, operations: used once, in any thread that may."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from makers import (
    Scripted,
    accepting,
    account,
    engine_with,
    in_another_thread,
    mutation,
    order,
    recorded,
    reject_fields,
    reserved,
    started,
)

from openpit.pretrade import DropCopyOperation, PolicyPreTradeResult, Request, Reservation, policies

if TYPE_CHECKING:
    from collections.abc import Iterator


RESERVATION_USED = "reservation has already been finalized"
OPERATION_USED = "drop-copy operation has already been finalized"


@pytest.fixture(autouse=True)
def no_chance_collection() -> Iterator[None]:
    """Garbage is collected where a test says so, and nowhere else."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def undoing(trace: list[str]) -> Scripted:
    return Scripted(main=lambda ctx, order: accepting(mutation(trace, "order")))


# --- once --------------------------------------------------------------------------------------


def test_a_request_is_executed_once_whatever_came_of_it() -> None:
    engine = engine_with(Scripted(main=ValueError("broken")))
    request = started(engine)

    with pytest.raises(ValueError, match=r"^broken$"):
        request.execute()
    with pytest.raises(RuntimeError, match=r"^request has already been executed$"):
        request.execute()


@pytest.mark.parametrize("first", ["commit", "rollback"])
def test_a_reservation_is_finalised_once_and_tells_nothing_after(first: str) -> None:
    trace: list[str] = []
    reservation = reserved(engine_with(undoing(trace)))

    getattr(reservation, first)()

    for use in (
        reservation.commit,
        reservation.rollback,
        lambda: reservation.lock,
        lambda: reservation.account_adjustments,
    ):
        with pytest.raises(RuntimeError, match=f"^{RESERVATION_USED}$"):
            use()
    assert trace == [f"{first} order"]


@pytest.mark.parametrize("first", ["commit", "rollback"])
def test_an_operation_is_finalised_once_and_tells_nothing_after(first: str) -> None:
    trace: list[str] = []
    operation = recorded(engine_with(undoing(trace)))

    getattr(operation, first)()

    for use in (
        operation.commit,
        operation.rollback,
        lambda: operation.lock,
        lambda: operation.account_adjustments,
        lambda: operation.account_block,
        lambda: operation.is_account_blocked,
    ):
        with pytest.raises(RuntimeError, match=f"^{OPERATION_USED}$"):
            use()
    assert trace == [f"{first} order"]


def test_a_callback_cannot_finalise_the_reservation_that_called_it() -> None:
    refusals: list[str] = []

    def again() -> None:
        with pytest.raises(RuntimeError) as refusal:
            held[0].commit()
        refusals.append(str(refusal.value))

    engine = engine_with(Scripted(main=accepting(mutation([], "order", commit=again))))
    held = [reserved(engine)]

    held[0].commit()

    assert refusals == [RESERVATION_USED]


def test_a_commit_that_fails_finalises_and_blocks_the_engine() -> None:
    trace: list[str] = []
    engine = engine_with(
        Scripted(
            main=accepting(
                mutation(trace, "first", commit=ValueError("disk")),
                mutation(trace, "second", commit=KeyError("later")),
                mutation(trace, "third"),
            )
        )
    )
    reservation = reserved(engine)

    with pytest.raises(ValueError, match=r"^disk$"):
        reservation.commit()

    assert trace == ["commit first", "commit second", "commit third"]
    with pytest.raises(RuntimeError, match=f"^{RESERVATION_USED}$"):
        reservation.rollback()
    assert reject_fields(engine.execute_pre_trade(order(2))) == [
        (
            "SystemUnavailable",
            "mutation finalizer failed",
            "a mutation commit or rollback callback failed; engine state may be inconsistent",
            "Engine",
            "account",
        )
    ]
    engine.accounts().unblock_all()
    assert engine.execute_pre_trade(order(2))


def test_each_look_at_a_lock_gives_a_copy() -> None:
    reservation = reserved(engine_with(Scripted(main=PolicyPreTradeResult(lock_prices=("5",)))))

    reservation.lock.push(0, "6")

    assert repr(reservation.lock) == "Lock([(0, 5)])"


def test_an_order_that_changes_nothing_has_an_empty_lock_and_no_outcome() -> None:
    reservation = reserved(engine_with(policies.build_order_validation()))

    assert len(reservation.lock) == 0
    assert reservation.account_adjustments == []
    reservation.rollback()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Request, "openpit.pretrade.Request"),
        (Reservation, "openpit.pretrade.Reservation"),
        (DropCopyOperation, "openpit.pretrade.DropCopyOperation"),
    ],
)
def test_programs_cannot_make_them(kind: type, name: str) -> None:
    with pytest.raises(TypeError, match=f"^cannot create '{name}' instances$"):
        kind()


def test_an_order_that_changed_nothing_is_finalised_like_any() -> None:
    engine = engine_with(policies.build_order_validation(), sync="full_sync")

    for finalise in (Reservation.commit, Reservation.rollback):
        reservation = reserved(engine)
        getattr(reservation, finalise.__name__)()
        with pytest.raises(RuntimeError, match=f"^{RESERVATION_USED}$"):
            reservation.commit()


# --- after the engine --------------------------------------------------------------------------


def test_a_reservation_outlives_its_engine() -> None:
    trace: list[str] = []
    engine = engine_with(undoing(trace))
    committed, dropped = reserved(engine), reserved(engine)

    del engine
    committed.commit()
    del dropped

    assert trace == ["commit order", "rollback order"]


def test_a_request_does_not_outlive_its_engine() -> None:
    trace: list[str] = []
    engine = engine_with(undoing(trace))
    request = started(engine)
    accounts = engine.accounts()

    del engine

    assert accounts.group_of(account(1)) is None
    assert reject_fields(request.execute()) == [
        (
            "SystemUnavailable",
            "engine is no longer available",
            "request handle outlived engine instance",
            "Engine",
            "order",
        )
    ]
    with pytest.raises(RuntimeError, match=r"^request has already been executed$"):
        request.execute()


# --- threads -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handle", "name", "uses"),
    [
        (started, "Request", ["execute"]),
        (reserved, "Reservation", ["commit", "rollback", "lock", "account_adjustments"]),
        (
            recorded,
            "DropCopyOperation",
            [
                *["commit", "rollback", "lock", "account_adjustments"],
                *["account_block", "is_account_blocked"],
            ],
        ),
    ],
)
def test_a_handle_of_a_no_sync_engine_names_the_rule_to_another_thread(
    handle: Any, name: str, uses: list[str]
) -> None:
    trace: list[str] = []
    engine = engine_with(undoing(trace), sync="no_sync")
    made = handle(engine)

    def use(attribute: str) -> object:
        value = getattr(made, attribute)
        return value() if callable(value) else value

    for attribute in uses:
        refusal = in_another_thread(lambda attribute=attribute: use(attribute))
        assert isinstance(refusal, RuntimeError)
        assert str(refusal) == (
            f"{name} of a no_sync engine used from another thread than the one that made it; "
            "build the engine with full_sync() or account_sync()"
        )
    assert trace == []
    use(uses[0])  # its own thread goes on with it


@pytest.mark.parametrize("sync", ["full_sync", "account_sync"])
def test_any_thread_may_use_a_handle_of_an_engine_that_synchronises(sync: str) -> None:
    trace: list[str] = []
    engine = engine_with(undoing(trace), sync=sync)
    request, reservation, operation = started(engine), reserved(engine), recorded(engine)

    executed = in_another_thread(request.execute)
    in_another_thread(reservation.commit)
    in_another_thread(operation.rollback)

    assert executed
    assert trace == ["commit order", "rollback order"]
    assert str(in_another_thread(reservation.commit)) == RESERVATION_USED
