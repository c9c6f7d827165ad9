"""Heads of lines: of what is an event, they say what the event does."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hostile_flows import flow_of

from openpit.cli.events import BadEventError, BadLine, OrderPlaced
from openpit.cli.heads import ODD, CancelHead, FillHead, FlowFormat, Heads, OrderHead
from openpit.cli.lines import numbered_lines

ORDER = (
    b'{"event":"order","time":1,"order":7,"account":"desk","symbol":"KO","currency":"USD",'
    b'"side":"BUY","quantity":"10"}'
)


def test_of_a_line_only_what_leads_it_on_is_read() -> None:
    quick = Heads(FlowFormat()).quick

    assert quick(ORDER) == OrderHead(7, "desk", "USD", 1)
    assert quick(b'{"event":"fill","order":7,"quantity":[1]}') == FillHead(7, None)
    assert quick(b'{"event":"cancel","order":"x","time":5}') == CancelHead("x", 5)


def test_a_message_of_lobster_has_its_account() -> None:
    heads = Heads(FlowFormat("KO", 4))

    assert heads.quick(b"34200.5,1,7,100,5853300,1") == OrderHead(7, 3, "USD", 34_200_500_000_000)
    assert heads.quick(b"34201.0,7,0,0,-1,-1").kind == "trading halt"  # type: ignore[union-attr]


@pytest.mark.parametrize("format_", [FlowFormat(), FlowFormat("KO", 4)])
@pytest.mark.parametrize("line", [b"", b"x", b"[" * 5_000, BadLine(1, "too long")])
def test_what_is_no_event_is_odd(format_: FlowFormat, line: Any) -> None:
    with pytest.raises(ODD):
        Heads(format_).quick(line)


def test_an_odd_line_is_looked_at_as_its_event_is() -> None:
    heads = Heads(FlowFormat())
    line = ORDER.replace(b'"time":1', b'"time":1.7e3')

    with pytest.raises(ODD):
        heads.quick(line)
    assert heads.of(line) == OrderHead(7, "desk", "USD", 1_700)
    with pytest.raises(BadEventError, match="not a JSON object"):
        heads.of(b"[]")


@pytest.mark.parametrize("seed", range(1, 121))
def test_what_is_an_event_has_a_head_that_says_the_same(seed: int) -> None:
    flow = flow_of(seed)
    heads = Heads(FlowFormat("KO", flow.accounts) if flow.name.endswith(".csv") else FlowFormat())
    for block in numbered_lines(io.BytesIO(flow.lines)):
        for _, line in block:
            if isinstance(line, BadLine):
                continue
            try:
                event = heads.event_of(line)
            except BadEventError:
                continue
            head: Any = heads.of(line)
            assert head.time == event.time
            if isinstance(event, OrderPlaced):
                assert (head.key, head.account, head.currency) == (
                    *(event.key, event.account, event.currency),
                )
                assert type(head.key) is type(event.key)
                assert type(head.account) is type(event.account)
            else:
                assert not isinstance(head, OrderHead)
                assert getattr(head, "key", None) == getattr(event, "key", None)
