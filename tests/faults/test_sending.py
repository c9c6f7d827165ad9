"""What cannot be sent is refused before anything is: by name, and without harm to the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from custom_policies import Marked, Seeing
from fault_hosts import an_order
from flow import operation

from openpit.errors import FrameTooLarge
from openpit.wire.limits import FRAME_BYTES

if TYPE_CHECKING:
    from fault_hosts import Host


def marked(number: int, mark: object) -> Marked:
    return Marked(mark, operation=operation(number))


def test_an_order_too_large_for_a_frame(host: Host) -> None:
    host.build(Seeing())
    ours = host.account_of(0)
    sent = host.stats(0).sent

    with pytest.raises(FrameTooLarge, match=f"over the frame limit of {FRAME_BYTES} bytes"):
        host.ask(lambda e: e.execute_pre_trade(order=marked(ours, b"x" * FRAME_BYTES)))

    assert host.stats(0).sent == sent
    (reject,) = host.ask(lambda e: e.execute_pre_trade(order=marked(ours, "small"))).rejects
    assert reject.details == "('Marked', 'small', None)"


@pytest.mark.one_python
def test_the_largest_order_that_fits(host: Host) -> None:
    host.build(Seeing())
    mark = b"x" * (FRAME_BYTES - 1000)

    (reject,) = host.ask(lambda e: e.execute_pre_trade(order=marked(1, mark))).rejects

    assert reject.details == f"('Marked', {mark!r}, None)"


@pytest.mark.one_python
def test_an_order_too_large_among_many(host: Host) -> None:
    host.build(Seeing())
    orders = [an_order(1), marked(1, b"x" * FRAME_BYTES), an_order(1)]

    with pytest.raises(ExceptionGroup, match="execute_pre_trade_many failed at index 1") as group:
        host.ask(lambda e: e.execute_pre_trade_many(orders))

    assert [type(error) for error in group.value.exceptions] == [FrameTooLarge]
    assert host.stats(host.engine.shard_of(orders[0].operation.account_id)).in_flight == 0


@pytest.mark.one_python
def test_orders_too_large_for_one_frame_together(host: Host) -> None:
    host.build(Seeing())
    orders = [marked(1, b"x" * (FRAME_BYTES // 3)) for _ in range(7)]

    results = host.ask(lambda e: e.execute_pre_trade_many(orders))

    assert [len(result.rejects) for result in results] == [1] * 7


@pytest.mark.parametrize(
    ("mark", "named"),
    [
        (iter([1, 2]), "builtins.list_iterator"),
        (object(), "builtins.object"),
        ([1, {"deep": {object}}], "builtins.type"),
        (lambda: 0, "builtins.function"),
    ],
    ids=["an iterator", "an object", "deep inside", "a function"],
)
def test_an_attribute_that_cannot_travel(host: Host, mark: Any, named: str) -> None:
    host.build(Seeing())
    sent = [host.stats(shard).sent for shard in (0, 1)]

    with pytest.raises(TypeError, match=f"attribute 'mark' of Marked: .*{named}"):
        host.ask(lambda e: e.execute_pre_trade(order=marked(1, mark)))
    with pytest.raises(ExceptionGroup, match="failed at index 1") as group:
        host.ask(lambda e: e.execute_pre_trade_many([an_order(1), marked(2, mark)]))

    assert [type(error) for error in group.value.exceptions] == [TypeError]
    assert sum(host.stats(shard).sent for shard in (0, 1)) == sum(sent) + 1
    assert host.ask(lambda e: e.execute_pre_trade(order=marked(1, "small"))).rejects


def test_a_text_that_has_no_utf8_form(host: Host) -> None:
    host.build(Seeing())

    with pytest.raises(TypeError, match="attribute 'mark' of Marked: a text without a UTF-8 form"):
        host.ask(lambda e: e.execute_pre_trade(order=marked(1, "\ud800")))

    assert host.ask(lambda e: e.execute_pre_trade(order=an_order(1))).rejects
