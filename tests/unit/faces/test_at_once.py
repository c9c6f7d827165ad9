"""Orders that are committed as soon as they are accepted: what is left is as by the public way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from makers import (
    Scripted,
    accepting,
    account,
    deposit,
    engine_with,
    fill,
    holding,
    mutation,
    order,
    reasons,
    reserved,
)

from openpit.core.lock import Lock
from openpit.faces.at_once import AtOnce
from openpit.pretrade import policies

if TYPE_CHECKING:
    import openpit

NOW = 1


def funded() -> openpit.Engine:
    engine = engine_with(policies.build_spot_funds())
    engine.apply_account_adjustment(account(1), [deposit("USD", "1500")])
    return engine


def test_an_accepted_order_is_committed_and_tells_the_prices_that_it_locked() -> None:
    engine, other = funded(), funded()

    lock = AtOnce(engine).decide(order(), NOW)

    reservation = reserved(other)
    assert isinstance(lock, Lock)
    assert lock == reservation.lock
    reservation.commit()
    assert holding(engine, 1, "USD") == holding(other, 1, "USD")


def test_a_rejected_order_tells_its_rejects_and_holds_nothing() -> None:
    engine, other = funded(), funded()

    rejects = AtOnce(engine).decide(order(quantity="16"), NOW)

    result = other.execute_pre_trade(order(quantity="16"))
    assert rejects is not None
    assert not isinstance(rejects, Lock)
    assert [item.reason for item in rejects] == reasons(result)
    assert holding(engine, 1, "USD") == holding(other, 1, "USD")


def test_an_order_that_reserves_nothing_has_no_lock() -> None:
    assert AtOnce(engine_with(policies.build_order_validation())).decide(order(), NOW) is None


def test_a_report_is_applied_with_the_lock_that_its_order_got() -> None:
    engine = funded()
    at_once = AtOnce(engine)
    lock = at_once.decide(order(), NOW)
    assert isinstance(lock, Lock)

    blocks, _, _ = at_once.report(fill(1, "10", "90", "0", lock=lock), NOW)

    assert list(blocks) == []
    available, held, _ = holding(engine, 1, "USD")
    assert (available, held) == (600, 0)


def test_the_time_that_is_told_is_the_engines() -> None:
    seen: list[object] = []
    engine = engine_with(policies.build_order_validation(), clock=lambda: seen.append("asked") or 0)

    AtOnce(engine).decide(order(), NOW)

    assert seen == []


def test_a_commit_that_fails_is_raised_and_what_comes_after_it_runs_all_the_same() -> None:
    trace: list[str] = []
    first = mutation(trace, "first", commit=ValueError("broken"))
    second = mutation(trace, "second")
    engine = engine_with(Scripted(main=lambda ctx, order: accepting(first, second)))
    at_once = AtOnce(engine)

    with pytest.raises(ValueError, match=r"^broken$"):
        at_once.decide(order(), NOW)

    assert trace == ["commit first", "commit second"]
