from __future__ import annotations

import copy
import pickle
from decimal import Decimal

import pytest
from users_classes import SilentOrder, SilentOrderOperation

from openpit.core.instrument import Instrument
from openpit.core.order import Order, OrderOperation, ensure_captured
from openpit.core.order_terms import OrderMargin, OrderPosition
from openpit.errors import ParamError
from openpit.param.amounts import TradeAmount
from openpit.param.enums import Side
from openpit.param.ids import AccountId, Asset
from openpit.param.values import Price, Quantity

AAPL = Instrument("AAPL", "USD")
FIVE = AccountId.from_int(5)

BUY_ADDRESS = f"{id(Side.BUY):#x}"


def an_operation(**changes):
    arguments = {
        "instrument": AAPL,
        "side": Side.BUY,
        "trade_amount": TradeAmount.quantity("10"),
        "account_id": FIVE,
        "price": Price("185.50"),
    }
    return OrderOperation(**{**arguments, **changes})


class TestOperation:
    def test_it_shows_what_it_was_given(self):
        operation = an_operation()

        assert operation.instrument is AAPL
        assert operation.side is Side.BUY
        assert operation.trade_amount.as_quantity == Quantity(10)
        assert operation.account_id == FIVE
        assert operation.price == Price("185.5")
        assert operation.underlying_asset == "AAPL"
        assert operation.settlement_asset == "USD"

    def test_amount_and_price_are_fresh_objects_at_each_access(self):
        operation = an_operation()

        assert operation.trade_amount is not operation.trade_amount
        assert operation.price is not operation.price

    def test_its_repr_shows_the_values(self):
        assert repr(an_operation(trade_amount=TradeAmount.volume("10.50"))) == (
            'OrderOperation(underlying_asset=Some("AAPL"), settlement_asset=Some("USD"), '
            f"side=Ok(Some(Py({BUY_ADDRESS}))), "
            'trade_amount=Some("TradeAmount.volume(value=Volume(10.50))"), price=Some("185.50"))'
        )

    def test_all_but_the_instrument_may_be_absent(self):
        operation = an_operation(side=None, trade_amount=None, account_id=None, price=None)

        assert repr(operation) == (
            'OrderOperation(underlying_asset=Some("AAPL"), settlement_asset=Some("USD"), '
            "side=Ok(None), trade_amount=None, price=None)"
        )
        assert operation.side is None
        assert operation.trade_amount is None
        assert operation.account_id is None
        assert operation.price is None

    @pytest.mark.parametrize(
        ("given", "text"),
        [("185.50", "185.50"), (185, "185"), (0.1 + 0.2, "0.30000000000000004"), ("-5", "-5")],
    )
    def test_a_price_may_be_a_raw_number(self, given, text):
        assert str(an_operation(price=given).price) == text

    def test_a_price_may_be_a_decimal_with_an_exponent(self):
        assert str(an_operation(price=Decimal("1E+3")).price) == "1000"

    def test_a_side_may_be_a_text(self):
        assert an_operation(side=" sell").side is Side.SELL

    def test_a_subclass_of_an_amount_is_an_amount(self):
        class Lots(TradeAmount):
            pass

        lots = Lots(TradeAmount.quantity(3))
        assert an_operation(trade_amount=lots).trade_amount.as_quantity == Quantity(3)

    def test_a_subclass_of_an_instrument_is_asked_for_its_assets(self):
        class Share(Instrument):
            @property
            def underlying_asset(self):
                return "SHARE"

        operation = an_operation(instrument=Share("AAPL", "USD"))

        assert operation.underlying_asset == "SHARE"
        assert Share("AAPL", "USD") != AAPL

    @pytest.mark.parametrize(
        ("changes", "error", "text"),
        [
            ({"instrument": 5}, TypeError, "instrument must be openpit.core.Instrument"),
            (
                {"instrument": None},
                AttributeError,
                "'NoneType' object has no attribute 'underlying_asset'",
            ),
            ({"side": 5}, TypeError, "side must be a str or openpit.Side"),
            (
                {"side": "x"},
                TypeError,
                "ValueError: invalid side \"x\"; expected 'buy' or 'sell'",
            ),
            (
                {"trade_amount": Quantity(5)},
                TypeError,
                "trade_amount must be openpit.param.TradeAmount",
            ),
            ({"account_id": 5}, TypeError, "account_id must be openpit.param.AccountId"),
            ({"price": "x"}, ParamError, "invalid format for Price: 'x'"),
            ({"price": True}, ValueError, "Price must be a Decimal, str, int, or float"),
            ({"price": Quantity(5)}, TypeError, "Price must be a Decimal, str, int, or float"),
        ],
    )
    def test_other_classes_are_refused(self, changes, error, text):
        with pytest.raises(error) as info:
            an_operation(**changes)
        assert type(info.value) is error
        assert str(info.value) == text

    def test_the_account_is_looked_at_before_the_side_and_the_side_before_the_price(self):
        with pytest.raises(TypeError, match="account_id must be"):
            an_operation(side="x", trade_amount=5, account_id=5, price="x")
        with pytest.raises(TypeError, match="invalid side"):
            an_operation(side="x", trade_amount=5, price="x")
        with pytest.raises(TypeError, match="trade_amount must be"):
            an_operation(trade_amount=5, price="x")

    def test_arguments_are_named_and_four_are_required(self):
        with pytest.raises(TypeError, match="takes 1 positional argument"):
            OrderOperation(AAPL)
        with pytest.raises(TypeError, match="missing 4 required keyword-only arguments"):
            OrderOperation()

    @pytest.mark.parametrize("name", ["instrument", "side", "trade_amount", "account_id", "price"])
    def test_its_fields_cannot_be_set(self, name):
        with pytest.raises(AttributeError, match=f"property '{name}' of .* has no setter"):
            setattr(an_operation(), name, None)

    def test_the_two_assets_can_be_set_and_the_instrument_stays(self):
        operation = an_operation()

        operation.underlying_asset = "MSFT"
        operation.settlement_asset = Asset("EUR")

        assert operation.underlying_asset == "MSFT"
        assert type(operation.settlement_asset) is str
        assert operation.instrument == AAPL
        operation.underlying_asset = None
        assert repr(operation).startswith(
            'OrderOperation(underlying_asset=None, settlement_asset=Some("EUR"), '
        )

    def test_an_asset_that_is_set_is_checked(self):
        operation = an_operation()

        with pytest.raises(ValueError, match=r"^asset must not be empty$"):
            operation.underlying_asset = " "
        with pytest.raises(TypeError, match=r"^asset must be a str$"):
            operation.settlement_asset = 5
        assert operation.underlying_asset == "AAPL"

    def test_programs_may_add_attributes(self):
        operation = an_operation()
        operation.tag = "A"
        assert operation.tag == "A"

    def test_without_its_constructor_every_field_is_absent(self):
        operation = SilentOrderOperation()

        assert repr(operation) == (
            "OrderOperation(underlying_asset=None, settlement_asset=None, side=Ok(None), "
            "trade_amount=None, price=None)"
        )
        assert operation.account_id is None
        assert operation.underlying_asset is None
        assert operation.settlement_asset is None
        assert operation.side is None
        with pytest.raises(KeyError):
            _ = operation.instrument


class TestOrder:
    def test_groups_are_the_very_objects_that_were_given(self):
        operation, position, margin = an_operation(), OrderPosition(), OrderMargin()
        order = Order(operation=operation, position=position, margin=margin)

        assert order.operation is operation
        assert order.position is position
        assert order.margin is margin

    def test_every_group_may_be_absent(self):
        order = Order()

        assert repr(order) == "Order(operation=None, position=None, margin=None)"
        assert order.operation is order.position is order.margin is None
        assert order._account_ is None

    def test_its_repr_nests_those_of_its_groups(self):
        order = Order(
            operation=an_operation(), position=OrderPosition(), margin=OrderMargin(leverage=2.5)
        )

        assert repr(order) == (
            'Order(operation=Some("OrderOperation(underlying_asset=Some(\\"AAPL\\"), '
            'settlement_asset=Some(\\"USD\\"), '
            f"side=Ok(Some(Py({BUY_ADDRESS}))), "
            'trade_amount=Some(\\"TradeAmount.quantity(value=Quantity(10))\\"), '
            'price=Some(\\"185.50\\"))"), '
            'position=Some("OrderPosition(position_side=Ok(None), reduce_only=false, '
            'close_position=false)"), '
            'margin=Some("OrderMargin(leverage=Some(2.5), collateral_asset=None, '
            'auto_borrow=false)"))'
        )

    def test_it_captures_the_values_of_its_operation(self):
        order = Order(operation=an_operation())

        assert (order._underlying_, order._settlement_) == ("AAPL", "USD")
        assert order._account_ == 5
        assert order._side_ is Side.BUY
        assert (order._quantity_, order._volume_) == (Decimal(10), None)
        assert order._price_ == Decimal("185.50")

    def test_what_happens_to_the_operation_later_does_not_reach_it(self):
        operation = an_operation()
        order = Order(operation=operation)
        before = repr(order)

        operation.underlying_asset = "MSFT"

        assert order._underlying_ == "AAPL"
        assert repr(order) == before
        assert Order(operation=operation)._underlying_ == "MSFT"
        assert order.operation.underlying_asset == "MSFT"

    @pytest.mark.parametrize(
        ("group", "name"),
        [("operation", "OrderOperation"), ("position", "OrderPosition"), ("margin", "OrderMargin")],
    )
    def test_a_group_of_another_class_is_refused(self, group, name):
        with pytest.raises(TypeError, match=f"^{group} must be openpit.core.{name}$"):
            Order(**{group: 5})

    @pytest.mark.parametrize("name", ["operation", "position", "margin"])
    def test_groups_cannot_be_set(self, name):
        with pytest.raises(AttributeError, match=f"property '{name}' of .* has no setter"):
            setattr(Order(), name, None)

    def test_orders_are_equal_only_to_themselves(self):
        order = Order()

        assert order != Order()
        assert order == order  # noqa: PLR0124 - that is what is said
        assert len({order, Order()}) == 2

    def test_an_operation_of_a_subclass_is_captured_too(self):
        class Ticket(OrderOperation):
            pass

        ticket = Ticket(instrument=AAPL, side="buy", trade_amount=None, account_id=FIVE)
        order = Order(operation=ticket)

        assert order.operation is ticket
        assert order._account_ == 5

    def test_an_operation_that_was_never_filled_is_captured_as_absent_values(self):
        unfilled = object.__new__(OrderOperation)

        for operation in (SilentOrderOperation(), unfilled):
            order = Order(operation=operation)
            assert order.operation is operation
            assert order._account_ is None
            assert order._price_ is None

    def test_without_its_constructor_every_group_is_absent(self):
        order = SilentOrder("A")

        assert repr(order) == "Order(operation=None, position=None, margin=None)"
        assert order.operation is order.position is order.margin is None
        assert order.tag == "A"

    def test_the_engine_makes_such_an_order_readable(self):
        order = SilentOrder("A")

        ensure_captured(order)

        assert order._account_ is None
        assert order._margin_ is None
        assert order._operation_ is None
        assert SilentOrder("B").position is None

    def test_an_order_that_was_captured_is_left_alone(self):
        order = Order(operation=an_operation())

        ensure_captured(order)

        assert order._account_ == 5
        assert order.operation is not None

    def test_subclasses_may_take_more(self):
        class Tagged(Order):
            def __init__(self, *, tag, operation):
                super().__init__(operation=operation)
                self.tag = tag

        order = Tagged(tag="A", operation=an_operation())

        assert (order.tag, order._account_) == ("A", 5)

    def test_a_trusted_order_makes_its_operation_when_it_is_asked_for(self):
        order = Order._of("AAPL", "USD", 5, Side.BUY, Decimal(10), None, Decimal("185.50"))

        assert order._account_ == 5
        assert repr(order) == repr(Order(operation=an_operation()))
        assert order.operation is order.operation
        assert order.operation.instrument == AAPL
        assert order.operation.trade_amount.as_quantity == Quantity(10)
        assert order.position is order.margin is None

    def test_a_trusted_order_without_values_has_no_operation(self):
        assert Order._of(None, None, None, None, None, None, None).operation is None

    def test_a_trusted_order_with_half_an_instrument_keeps_that_half(self):
        order = Order._of("AAPL", None, None, None, None, None, None)

        assert order.operation.underlying_asset == "AAPL"
        with pytest.raises(KeyError):
            _ = order.operation.instrument

    def test_orders_can_be_copied_with_their_attributes(self):
        order = Order(operation=an_operation(), position=OrderPosition(reduce_only=True))
        order.tag = "A"

        for other in (pickle.loads(pickle.dumps(order)), copy.deepcopy(order)):
            assert repr(other) == repr(order)
            assert other.tag == "A"
            assert other.position.reduce_only is True
            assert other.operation.instrument == AAPL


def test_the_classes_live_in_core():
    for kind in (Order, OrderMargin, OrderOperation, OrderPosition):
        assert kind.__module__ == "openpit.core"
