"""The page of the protocol says what the tables of the wire say."""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import openpit
from openpit.param import AccountId, AdjustmentAmount, Price, Side, TradeAmount
from openpit.pretrade.policies import RateLimit, RateLimitBrokerBarrier
from openpit.pretrade.rejects import AccountBlock
from openpit.server.limits import HELLO_BYTES, HELLO_SECONDS, OUTPUT_BYTES, SILENT
from openpit.shards import administration, market, market_answers
from openpit.wire import checks, frames, kinds, sessions, values
from openpit.wire.class_table import MEMBERS, RECORDS
from openpit.wire.limits import (
    CHANGES_BYTES,
    CHANGES_IN_FLIGHT,
    CHANGES_PER_FRAME,
    FRAME_BYTES,
    HANDLES_PER_COMMAND,
)
from openpit.wire.roles import OF_OPERATION, Role
from openpit.wire.values import encode

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
SAMPLES = {"n": 1, "f": True, "t": "1", "b": b""}
"""Of each type of the page that is not an array; what holds all of them is a value, ``v``."""


def rows(head: str) -> list[list[str]]:
    """The rows of the table that begins with these columns."""
    _, found, rest = PAGE.partition(f"\n| {head} |")
    assert found, f"the page has no table {head!r}"
    lines = rest.split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def type_of(field: kinds.Field) -> str:
    fits = [name for name, sample in SAMPLES.items() if field.check(sample)]
    return "v" if len(fits) > 1 or field.check(None) else "".join(fits) or "a"


def fields_of(layout: kinds.Layout) -> str:
    texts = [f"{field.name} *{type_of(field)}{'?' * field.optional}*" for field in layout.fields]
    return ", ".join(texts) or "none"


def as_checked(cell: str) -> str:
    """A cell with texts of decimals as what they are: texts."""
    return cell.replace("*d*", "*t*").replace("*d?*", "*t?*")


def test_every_command_is_there_with_its_fields_and_replies() -> None:
    assert [[*map(as_checked, row)] for row in rows("command | | fields | replies")] == [
        [
            f"`{kind}`",
            layout.name,
            fields_of(layout),
            " ".join(f"`{answer}`" for answer in sorted(kinds.ANSWERS[kind])),
        ]
        for kind, layout in kinds.COMMANDS.items()
    ]


def test_every_reply_is_there_with_its_fields() -> None:
    assert [[*map(as_checked, row)] for row in rows("reply | | fields")] == [
        [f"`{kind}`", layout.name, fields_of(layout)] for kind, layout in kinds.REPLIES.items()
    ]


def test_the_head_is_as_long_and_its_fields_stand_where_the_page_says() -> None:
    widths = {"u8": 1, "u16": 2, "u32": 4, "u64": 8, "i64": 8}
    at = 0
    for place, name, kind, _ in rows("at | field | type |"):
        if name == "rows":
            assert int(place) == at == frames.HEAD.size
            break
        assert int(place) == at, name
        at += widths[kind]
    assert f"{at - 4} at least, {FRAME_BYTES // 2**20} MiB at most" in PAGE
    assert f"`axes` of them, {sessions._ROW.size} bytes each" in PAGE
    row = PAGE.split("Each batch has one row")[1].split("\n\n")[1]
    assert sum(widths[kind] for kind in re.findall(r"\| ([ui]\d+) \|", row)) == sessions._ROW.size


def test_every_op_is_there() -> None:
    told = {int(op) for op, *_ in rows("op | by | what | body")}
    ops = {value for name, value in vars(sessions.SessionOp).items() if name.isupper()}
    assert told == ops | {frames.Op.MESSAGES, frames.Op.CLOSE}


def test_every_reason_of_an_end_is_there() -> None:
    reasons = {value for name, value in vars(sessions.Bye).items() if name.isupper()}
    told = PAGE.split("Reasons of op 39:")[1].split("\n\n")[0]
    assert set(re.findall(r'`"(\w+)"`', told)) == reasons


def test_flags_and_limits_are_those_of_the_code() -> None:
    assert f"of commands {frames.Flag.TIMES}: each has a time of its own" in PAGE
    assert f"of replies {frames.Flag.RETURNED}: the batch came back" in PAGE
    assert f"byte by byte: version {frames.VERSION}." in PAGE
    assert f"*n* each, {HANDLES_PER_COMMAND} at most" in PAGE
    text = f"most {CHANGES_PER_FRAME} changes and {CHANGES_BYTES // 2**20} MiB. With more than"
    assert f"{text} {CHANGES_IN_FLIGHT} in flight" in PAGE
    assert f"a limit ({OUTPUT_BYTES // 2**20} MiB)" in PAGE
    assert f"{HELLO_SECONDS:g} s and {HELLO_BYTES // 1024} KiB for its first frame" in PAGE
    assert f"makes room for the {SILENT + 1}rd" in PAGE
    assert f"1 to {sessions.NAME_BYTES} bytes" in PAGE


def test_the_handshake_has_the_fields_of_the_welcome() -> None:
    names = [name for name, *_ in rows("field | type |")]
    told = [part for name in names for part in name.split(", ")]
    theirs = {"frame_bytes": "frame", "has_custom": "custom", "owner": "slots"}
    fields = [theirs.get(name, name) for name in sessions.Welcome._fields]
    assert told == [name.replace("_", " ") for name in fields]


def test_every_method_is_there_with_its_arguments() -> None:
    names = {
        administration._is_account: "account",
        administration._are_accounts: "accounts",
        administration._is_group: "group",
        checks.is_text: "text",
        checks.is_asset: "asset",
    }
    assert {
        method: text for method, _, text in rows("method of `17` | of | arguments, a tuple")
    } == {
        f"`{method}`": ", ".join(names.get(check, "block") for check in arguments) or "none"
        for method, (_, arguments) in administration._CALLS.items()
    }
    assert rows("method of `18` and `21` | names of the map, beside `name`") == [
        [f"`{method}`", ", ".join(f"`{name}`" for name in sorted(known - {"name"}))]
        for method, (known, _) in administration._SETTINGS.items()
    ]


def test_every_change_and_question_of_market_data_is_there() -> None:
    told = {
        name.strip("`"): text for name, text in rows("operation of `19`, a tuple | behind its name")
    }
    here = {name for name, role in OF_OPERATION.items() if role <= Role.ADMIN}
    assert told.keys() == here
    for name, text in told.items():
        assert len(text.split(", ")) == len(market.OPERATIONS[name]), name
    asked = rows("question of `25`, a tuple | behind its name | answer")
    assert {
        name.strip("`"): 0 if text == "none" else len(text.split(", ")) for name, text, _ in asked
    } == {name: len(checks) for name, (_, checks) in market_answers.QUESTIONS.items()}


def test_every_tag_of_a_value_is_there() -> None:
    tags = [values.LIST, values.TUPLE, values.MAP, values.DECIMAL, values.BIG_NUMBER]
    tags += [values.MEMBER, values.RECORD, values.OBJECT, values.VALUE, values.STANDARD]
    assert [tag for tag, *_ in rows("tag | | behind it")] == [f"`{tag}`" for tag in tags]


def test_every_record_is_there_with_as_many_fields() -> None:
    told = rows("record | class | fields")
    assert [row[:2] for row in told] == [
        [f"`{number}`", record.cls.__name__] for number, record in RECORDS.items()
    ]
    for record, (_, name, fields) in zip(RECORDS.values(), told, strict=True):
        if name in {"Asset", "timedelta", "Lock"}:
            continue
        if dataclasses.is_dataclass(record.cls):
            names = [
                field.name.strip("_").replace("_", " ") for field in dataclasses.fields(record.cls)
            ]
            assert fields == ", ".join(names), name
        else:
            empty = object.__new__(record.cls)
            assert len(record.read(empty)) == len(fields.split(", ")), name


def test_every_enumeration_is_there() -> None:
    told = re.findall(r"`(\d+)`\s(\w+)", PAGE.split("Enumerations:")[1].split("\n\n")[0])
    assert told == [(str(number), kind.__name__) for number, kind in MEMBERS.items()]


AAPL = openpit.Instrument("AAPL", "USD")
SEVEN = AccountId.from_int(7)
EXAMPLES: dict[str, Any] = {
    "an order, of command 3": openpit.Order(
        operation=openpit.OrderOperation(
            instrument=AAPL,
            account_id=SEVEN,
            side=Side.BUY,
            trade_amount=TradeAmount.quantity("10"),
            price=Price("185.5"),
        )
    ),
    "a report, of command 15": openpit.ExecutionReport(
        operation=openpit.ExecutionReportOperation(
            instrument=AAPL, account_id=SEVEN, side=Side.BUY
        ),
        financial_impact=openpit.FinancialImpact(pnl="0", fee="0"),  # type: ignore[arg-type]
    ),
    "1000 USD paid in, of 16": [
        openpit.AccountAdjustment(
            operation=openpit.AccountAdjustmentBalanceOperation(asset="USD"),
            amount=openpit.AccountAdjustmentAmount(balance=AdjustmentAmount.delta("1000")),
        )
    ],
    "50 orders an hour, of 18": {
        "name": "RateLimitPolicy",
        "broker": RateLimitBrokerBarrier(RateLimit(50, timedelta(hours=1))),
    },
    "a block of account 7, of 17": (
        7,
        AccountBlock(policy="Desk", code="AccountBlocked", reason="by hand", details=""),
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_travels(name: str) -> None:
    (line,) = re.findall(rf"^    {name} +(.*)$", PAGE, re.MULTILINE)
    assert json.loads(line) == json.loads(json.dumps(encode(EXAMPLES[name], bare=True)))
