from __future__ import annotations

import dataclasses
from collections import deque
from datetime import timedelta
from decimal import Decimal
from enum import IntEnum
from typing import Any

import msgpack
import pytest
from custom_policies import Marked
from flow import AAPL, buy, operation
from hypothesis import given
from hypothesis import strategies as st
from users_classes import Bare, Desk, Listed, OneSlot, Private, Slotted

from openpit import account_adjustment as adjusting
from openpit import core, param
from openpit.errors import WireError
from openpit.pretrade import AccountBlock, Lock, PnlHaltReason, RejectCode, policies
from openpit.pretrade.rejects import Reject
from openpit.wire.class_table import BASES, MEMBERS, RECORDS, has_attributes
from openpit.wire.values import decode, encode, resolve


def there_and_back(value: Any, *, bare: bool = False) -> Any:
    return decode(msgpack.unpackb(msgpack.packb(encode(value, bare=bare)), use_list=False))


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
    ),
)


@given(plain)
def test_plain_values_arrive_as_they_left(value: object) -> None:
    arrived = there_and_back(value)
    assert arrived == value
    assert type(arrived) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        param.Price("1.50"),
        param.AccountId.from_int(2**64 - 1),
        param.AccountGroupId.from_int(7),
        param.Asset("USD"),
        param.MonetaryAmount(param.Fee("1"), "USD"),
        timedelta(days=-1, seconds=3, microseconds=5),
        AAPL,
        Lock([(3, "1.50"), (0, "2")]),
        param.Side.SELL,
        RejectCode.CUSTOM,
        PnlHaltReason.MISSING_FX,
        policies.RateLimit(5, timedelta(seconds=1)),
        policies.SpotFundsOverrideEntry(
            policies.SpotFundsOverrideTargetInstrument(core.InstrumentId(3)),
            policies.SpotFundsOverride(5),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_of_the_package_arrive_as_they_left(value: object) -> None:
    assert there_and_back(value) == value


@pytest.mark.parametrize(
    "value",
    [
        param.TradeAmount.volume("7.50"),
        param.AdjustmentAmount.absolute("-3"),
        param.Leverage(10),
        param.Trade(price=param.Price("1"), quantity=param.Quantity("2")),
        buy(5, "2.50"),
        core.Order(margin=core.OrderMargin(leverage=5, collateral_asset="USD", auto_borrow=True)),
        core.Order(position=core.OrderPosition(position_side="long", reduce_only=True)),
        core.ExecutionReport(
            fill=core.ExecutionReportFillDetails(lock=Lock([(0, "5")]), is_final=True),
            position_impact=core.ExecutionReportPositionImpact(position_effect="OPEN"),
        ),
        adjusting.Adjustment(
            operation=adjusting.PositionOperation(
                instrument=AAPL,
                collateral_asset="USD",
                average_entry_price="5",
                mode="netting",
                leverage=3,
            ),
            bounds=adjusting.Bounds(held_lower="1"),
        ),
        adjusting.AccountPnlOperation(state=PnlHaltReason.MISSING_COST_BASIS),
        AccountBlock(policy="p", code="Other", reason="r", details="d", user_data=2**64 - 1),
        Reject._of("Other", "r", "d", "p", "order", 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_objects_of_the_package_look_as_they_did(value: object) -> None:
    assert repr(there_and_back(value)) == repr(value)


def test_every_setting_can_travel() -> None:
    settings = {
        kind
        for kind in vars(policies).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    }
    assert settings <= {record.cls for record in RECORDS.values()}
    assert set(BASES) <= {record.cls for record in RECORDS.values()}
    assert len(MEMBERS) == len(set(MEMBERS.values()))


def test_a_subclass_arrives_as_itself_with_its_attributes() -> None:
    order = Marked({"a": [1, (2, Decimal("1.50"))]}, operation=operation(5))
    arrived = there_and_back(order)
    assert type(arrived) is Marked
    assert arrived.mark == {"a": [1, (2, Decimal("1.50"))]}
    assert arrived.operation.account_id.value == 5


def test_attributes_of_a_plain_order_and_own_slots_travel() -> None:
    order = buy()
    order.note = "x"
    assert there_and_back(order).note == "x"
    slotted = Slotted(1, operation=operation())
    slotted.once = 2
    assert (there_and_back(slotted).once, there_and_back(slotted).mark) == (2, 1)
    bare_bones = Bare()
    bare_bones.kept = 5
    assert there_and_back(bare_bones).kept == 5
    alone = OneSlot(1)
    assert not hasattr(there_and_back(alone), "alone")
    alone.alone = 3
    assert there_and_back(alone).alone == 3


def test_numbers_of_any_length_travel() -> None:
    for number in (10**5000, -(10**5000), 2**64, -(2**63) - 1):
        assert there_and_back(number) == number


def test_what_users_make_of_an_order_s_groups_travels() -> None:
    plain = there_and_back(buy())
    assert (type(plain.operation), vars(plain.operation)) == (core.OrderOperation, {})
    decorated = buy()
    assert decorated.operation is not None
    decorated.operation.desk = 7  # type: ignore[attr-defined]
    assert there_and_back(decorated).operation.desk == 7
    instrument = Listed("AAPL", "USD")
    instrument.venue = "XNAS"  # type: ignore[attr-defined]
    given = {"side": param.Side.BUY, "trade_amount": param.TradeAmount.quantity("1")}
    made: Any = {**given, "instrument": instrument, "account_id": param.AccountId.from_int(1)}
    arrived = there_and_back(core.Order(operation=Desk(**made)))
    assert type(arrived.operation) is Desk
    assert type(arrived.operation.instrument) is Listed
    assert arrived.operation.instrument.venue == "XNAS"
    operation_alone = there_and_back(core.Order(operation=core.OrderOperation(**made))).operation
    assert operation_alone.instrument.venue == "XNAS"


def test_private_slots_travel() -> None:
    private = Private(5, operation=operation())
    assert there_and_back(private).shown() == 5


def test_bare_values_leave_out_what_users_add() -> None:
    order = Marked(object(), operation=operation(5))
    arrived = there_and_back([order], bare=True)[0]
    assert type(arrived) is core.Order
    assert vars(arrived) == {}
    decorated = buy()
    decorated.note = object()
    assert not hasattr(there_and_back(decorated, bare=True), "note")


class Text(str):
    """A text as a user may name it."""

    __slots__ = ()


class Real(float):
    """A number as a user may name it."""


class Exact(Decimal):
    """As above."""


def test_bare_values_of_users_classes_are_what_they_were_made_from() -> None:
    sent = [Text("x"), Real(1.5), Exact("1.50"), IntEnum("Few", "ONE").ONE, deque([1])]  # type: ignore[attr-defined]
    arrived = there_and_back(sent, bare=True)
    assert arrived == ["x", 1.5, Decimal("1.50"), 1, [1]]
    assert [type(value) for value in arrived] == [str, float, Decimal, int, list]
    with pytest.raises(TypeError, match=r"^builtins.set cannot travel to a shard$"):
        encode({1}, bare=True)


def test_what_has_attributes() -> None:
    assert not has_attributes(buy(), core.Order)
    assert has_attributes(Marked(1), core.Order)
    decorated = buy()
    decorated.note = 1
    assert has_attributes(decorated, core.Order)


def test_what_cannot_travel_is_named() -> None:
    with pytest.raises(TypeError, match=r"^builtins.object cannot travel to a shard$"):
        encode([{object()}])
    with pytest.raises(TypeError, match=r"attribute 'mark' of Marked: builtins.object cannot"):
        encode(Marked(object()))
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(TypeError, match="attribute 'mark' of Marked contains itself"):
        encode(Marked(cycle))
    with pytest.raises(TypeError, match="attribute 'mark' of Marked: a text without a UTF-8 form"):
        encode(Marked({"file": "\udcff"}))

    class Local(core.Order):
        pass

    with pytest.raises(TypeError, match="defined in a function cannot be imported there"):
        encode(Local())


@pytest.mark.parametrize(
    "packed",
    [
        (),
        (99,),
        (2, 1),
        (3, "x"),
        (4, "x"),
        (5, 1, "NOPE"),
        (5, 99, "BUY"),
        (6, 99, 1),
        (6, 1),
        (7, 21, "no.such.module", "X", ()),
        (7, 21, "openpit.core", "Nothing", ()),
        (7, 21, "openpit.core", "Instrument", ()),
        (7, 21, "openpit.wire.kinds", "COMMANDS", ()),
        (7, 21, 5, "X", ()),
        (2, (2,), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_value(packed: object) -> None:
    with pytest.raises(WireError):
        decode(packed)


def test_resolving_a_class_by_name() -> None:
    assert resolve("openpit.core", "Order") is core.Order
    assert resolve("custom_policies", "Marked") is Marked
