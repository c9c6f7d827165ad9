"""What an engine is made of: the same in every process, and another where a setting is another."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from makers import Clock

import openpit
from openpit.pretrade import Policy
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)
from openpit.shards.fingerprints import Made, describe, differences

SUPPORT = Path(__file__).parents[2] / "support"

PROGRAM = f"""
import sys
sys.path.append({str(SUPPORT)!r})
sys.path.append({str(Path(__file__).parent)!r})
from test_fingerprints import Desk, made
print(made(Desk(limits={{"b", "a", "c", "d"}})).policies)
"""


class Desk(Policy):
    """A policy of a program, with what it is given."""

    name = "Desk"

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)


def made(*customs: Policy, orders: int = 5, clock: Clock | None = None) -> Made:
    barrier = RateLimitBrokerBarrier(RateLimit(orders, timedelta(hours=1)))
    stage = openpit.Engine.builder().clock(clock or Clock()).full_sync()
    ready = stage.builtin(build_rate_limit().broker_barrier(barrier)).builtin(build_spot_funds())
    for policy in customs:
        ready.pre_trade(policy)
    return describe(ready._policies, 2, {})  # type: ignore[arg-type]  # it is not built


def test_the_same_engine_made_again_and_elsewhere_is_the_same() -> None:
    one = made(Desk(limits={"b", "a", "c", "d"}))
    two = made(Desk(limits={"d", "c", "b", "a"}))

    assert differences(one, two) == []
    for seed in ("1", "2"):
        told = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert told.stdout.strip() == str(one.policies).replace(
            Desk.__module__, "test_fingerprints"
        )


def test_when_it_was_made_is_no_difference_but_kept() -> None:
    early, late = made(clock=Clock(7)), made(clock=Clock(9))

    assert (early.began, late.began) == (7, 9)
    assert differences(early, late) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"most": 1}, {"most": 2}, "policy Desk: most is 2, and was 1"),
        ({"a": (1, "x")}, {"a": [1, "x"]}, "policy Desk: a is list[1, 'x'], and was tuple[1, 'x']"),
        ({}, {"extra": None}, "policy Desk: extra is None, and was not there"),
        ({"by": {"b": 1, "a": 2}}, {"by": {"a": 3, "b": 1}},
         "policy Desk: by is {'a': 3, 'b': 1}, and was {'a': 2, 'b': 1}"),
        ({"read": len}, {"read": max}, "policy Desk: read is builtins.max, and was builtins.len"),
    ],
)  # fmt: skip
def test_a_setting_that_is_another_is_told_by_its_name(
    before: dict[str, Any], after: dict[str, Any], expected: str
) -> None:
    assert differences(made(Desk(**before)), made(Desk(**after))) == [expected]


def test_a_long_value_is_told_by_its_checksum() -> None:
    (told,) = differences(made(Desk(of=["x"] * 50)), made(Desk(of=["x"] * 49 + ["y"])))

    assert told.startswith("policy Desk: of is sha256 ")
    assert len(told) < 200


def test_a_value_that_holds_itself_has_an_end() -> None:
    def circle(last: int) -> list[Any]:
        ring: list[Any] = [1]
        ring.append([ring, last])
        return ring

    assert differences(made(Desk(ring=circle(2))), made(Desk(ring=circle(2)))) == []
    assert len(differences(made(Desk(ring=circle(2))), made(Desk(ring=circle(3))))) == 1


def test_policies_and_shards_are_compared() -> None:
    one = made(Desk())

    broker, settings = differences(one, made(Desk(), orders=6))
    assert broker == "policy RateLimitPolicy: _broker_max is 6, and was 5"
    assert settings.startswith("policy RateLimitPolicy: settings is RateLimitSettings[Rate[6, ")
    assert differences(one, made()) == ["policy Desk is not there"]
    assert differences(made(), one) == ["policy Desk is new"]
    assert differences(one, one._replace(shards=3)) == ["it has 3 shards, and had 2"]
    turned = one._replace(policies=[*reversed(one.policies)])
    (told,) = differences(one, turned)
    assert told.startswith("its policies are in the order Desk, SpotFundsPolicy, ")
    alone = describe(
        openpit.Engine.builder().full_sync().builtin(build_order_validation())._policies,  # type: ignore[arg-type]  # as above
        1,
        {},
    )
    assert alone.began is None
