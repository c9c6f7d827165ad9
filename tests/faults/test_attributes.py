"""What users hang on orders, through real workers: values of their own classes, and what is not."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from fault_hosts import an_order

from openpit.errors import SomeItemsFailed
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

if TYPE_CHECKING:
    from fault_hosts import Host


class Urgency(enum.Enum):
    CALM = 1
    URGENT = 2


class Route(enum.Flag):
    LIT = 1
    DARK = 2


@dataclass(frozen=True, slots=True)
class Tag:
    desk: str
    urgency: Urgency


class Leg(NamedTuple):
    symbol: str
    tag: Tag


class Desk(Policy):
    """Lets pass what is urgent, of its own desk, and goes by any route."""

    name = "Desk"
    own = frozenset({Tag("rates", Urgency.URGENT)})

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> PolicyDecision:
        leg = order.leg
        if (
            isinstance(leg, Leg)
            and leg.tag in self.own
            and leg.tag.urgency is Urgency.URGENT
            and order.route is Route.LIT | Route.DARK
        ):
            return PolicyDecision.accept()
        return PolicyDecision.reject(
            [PolicyReject(code=RejectCode.OTHER, reason="not ours", details=repr(leg))]
        )


def order(number: int, desk: str = "rates") -> Any:
    made: Any = an_order(number)
    made.leg = Leg("AAPL", Tag(desk, Urgency.URGENT))
    made.route = Route.LIT | Route.DARK
    return made


def test_a_policy_sees_the_values_as_they_were_made(host: Host) -> None:
    host.build(Desk())
    numbers = [host.account_of(shard, place) for shard in (0, 1) for place in (0, 1)]

    one = host.ask(lambda engine: engine.execute_pre_trade(order=order(numbers[0])))
    many = host.ask(
        lambda engine: engine.execute_pre_trade_many(
            [order(number, "rates" if place else "fx") for place, number in enumerate(numbers)]
        )
    )

    assert one.ok
    assert [bool(result) for result in many] == [False, True, True, True]
    assert many[0].rejects[0].details == repr(order(1, "fx").leg)


def test_a_class_that_no_worker_has_is_refused_before_anything_is_sent(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.build(Desk())
    late = enum.Enum("Late", "ONE", module=__name__)
    monkeypatch.setitem(globals(), "Late", late)
    ours, other = host.account_of(0), host.account_of(1)
    wrong = order(ours)
    wrong.route = late.ONE  # type: ignore[attr-defined]  # made by its name

    why = "attribute 'route' of Order: .*Late cannot travel to a shard: the workers do not have it"
    with pytest.raises(TypeError, match=why):
        host.ask(lambda engine: engine.execute_pre_trade(order=wrong))
    with pytest.raises(SomeItemsFailed) as raised:
        host.ask(lambda engine: engine.execute_pre_trade_many([order(other), wrong, order(ours)]))

    assert [type(error) for error in raised.value.exceptions] == [TypeError]
    assert [bool(result) for result in raised.value.results] == [True, False, True]
    assert [host.stats(shard).state for shard in (0, 1)] == ["up", "up"]
    assert host.ask(lambda engine: engine.execute_pre_trade(order=order(ours))).ok
