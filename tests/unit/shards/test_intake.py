"""What a router could not have sent is refused with its frame: nothing of that is applied."""

from __future__ import annotations

from decimal import Decimal
from threading import RLock
from typing import Any

import pytest
from batched import NOW, batch, replies_to

from openpit import Engine
from openpit.engine.builder import build_core
from openpit.errors import WireError
from openpit.marketdata.service import new_replica
from openpit.pretrade import AccountBlock
from openpit.pretrade.policies import build_order_validation
from openpit.shards.clock import ShardClock
from openpit.shards.counts import BatchCounts
from openpit.shards.intake import Intake
from openpit.shards.shard import ShardCore
from openpit.wire import decimal_texts, kinds
from openpit.wire.frames import FrameReader, body_of, pack_rows
from openpit.wire.values import encode

OURS, THEIRS = 2, 1

GOOD = (kinds.EXECUTE, OURS, "AAPL", "USD", "BUY", "10", None, "185.5")
COUNTED = (kinds.EXECUTE_COUNTED, *GOOD[1:], 1, 0)

NAMED = encode({"name": "x"})


def shard() -> ShardCore:
    policies = Engine.builder().account_sync().builtin(build_order_validation())._policies
    clock = ShardClock()
    engine = build_core(policies, clock, RLock())
    engine.registry.owns = lambda account: account != THEIRS
    return ShardCore(0, engine, clock, [new_replica((), clock)])


def read(intake: Intake, rows: list[Any]) -> list[Any]:
    """Read a batch whose head names the broker's axis."""
    counts = BatchCounts(())
    counts.begin([(0, 0, 10)])
    return [*intake.read(body_of([pack_rows(rows)], len(rows)), len(rows), counts)]


def ranked(rows: list[Any]) -> list[Any]:
    """The same rows, with ranks that rise."""
    return [
        with_column(8, place, row) if row[0] == kinds.EXECUTE_COUNTED else row
        for place, row in enumerate(rows, 1)
    ]


def with_column(place: int, value: Any, row: tuple[Any, ...] = GOOD) -> tuple[Any, ...]:
    return (*row[:place], value, *row[place + 1 :])


def administer(method: Any, *values: object, account: Any = None) -> tuple[Any, ...]:
    return (kinds.ADMINISTER, account, method, encode(values))


def quote(*operation: object, service: Any = 0) -> tuple[Any, ...]:
    return (kinds.QUOTE, None, service, encode(operation))


def whole(*fields: Any, account: Any = OURS, counts: Any = (0, 0)) -> tuple[Any, ...]:
    order = ("AAPL", "USD", OURS, (5, 1, "BUY"), (3, "10"), None, (3, "1"), None, None, None)
    value = (6, 21, *(fields or order))
    return (kinds.EXECUTE_WHOLE, account, value, *counts)


def fill(*columns: Any) -> tuple[Any, ...]:
    return (kinds.REPORT, OURS, "AAPL", "USD", "BUY", None, None, columns)


FILL = ("1", "2", "3", "USD", "0", True, ((0, "1.5"),))
BLOCK = AccountBlock(policy="P", code="Other", reason="r", details="d")

REFUSED: dict[str, Any] = {
    "quantity without end": with_column(5, "-Infinity"),
    "quantity below zero": with_column(5, "-10"),
    "quantity no number": with_column(5, "NaN"),
    "quantity a float": with_column(5, 10.5),
    "quantity an integer": with_column(5, 10),
    "quantity of spaces": with_column(5, " 10"),
    "quantity with underscores": with_column(5, "1_000"),
    "quantity of wide digits": with_column(5, "\uff11\uff10"),
    "quantity of a sign": with_column(5, "+10"),
    "quantity of leading zeros": with_column(5, "010"),
    "quantity too large": with_column(5, "79228162514264337593543950336"),
    "quantity too long": with_column(5, "1" * 41),
    "quantity of a power": with_column(5, "1E+2"),
    "price that explodes": with_column(7, "1e999999999"),
    "price too fine": with_column(7, "1E-29"),
    "price below no zero": with_column(7, "-0"),
    "quantity and volume": with_column(6, "5"),
    "account a text": with_column(1, "2"),
    "account a truth": with_column(1, True),
    "account below zero": with_column(1, -1),
    "another's account": with_column(1, THEIRS),
    "side in small letters": with_column(4, "buy"),
    "side a truth": with_column(4, True),
    "asset blank": with_column(2, " "),
    "asset bytes": with_column(3, b"USD"),
    "a column missing": GOOD[:-1],
    "a column more": (*GOOD, None),
    "kind a truth": with_column(0, True),
    "count missing": with_column(8, None, COUNTED),
    "count below zero": with_column(9, -1, COUNTED),
    "no kind": (99, OURS),
    "start in the middle": (kinds.HELLO, 1, (9, 1, 1, 0), b""),
    "too few for a kind": (kinds.COMMIT, OURS),
    "handle a truth": (kinds.COMMIT, OURS, True),
    "handle below zero": (kinds.ROLLBACK, OURS, -1),
    "handles no list": (kinds.DROP, None, 5),
    "handles of texts": (kinds.COMMIT_MANY, None, ("1",)),
    "handles too many": (kinds.COMMIT_MANY, None, tuple(range(4097))),
    "order no order": (kinds.EXECUTE_WHOLE, OURS, 5, 0, 0),
    "order of another account": whole(account=4),
    "order with a bad count": whole(counts=(True, 0)),
    "order of both amounts": whole(
        "A", "B", OURS, None, (3, "1"), (3, "1"), None, None, None, None
    ),
    "order with a negative quantity": whole(
        "A", "B", OURS, None, (3, "-1"), None, None, None, None, None
    ),
    "profit without a fee": (kinds.REPORT, OURS, "AAPL", "USD", "BUY", "1", None, None),
    "fill without a quantity": fill("1", None, *FILL[2:]),
    "fill with half a fee": fill("1", "2", "3", None, *FILL[4:]),
    "fill of a number for a flag": fill(*FILL[:5], 1, FILL[6]),
    "fill of a bad lock": fill(*FILL[:6], ((0,),)),
    "fill of a lock that is none": fill(*FILL[:6], None),
    "fill of one group twice": fill(*FILL[:6], ((0, "1"), (0, "2"))),
    "fill with a price that is none": fill(*FILL[:6], ((0, "x"),)),
    "fill of a negative rest": fill(*FILL[:4], "-1", *FILL[5:]),
    "report no report": (kinds.REPORT_WHOLE, OURS, 5),
    "adjustments of nobody": (kinds.ADJUST, None, (0,)),
    "adjustments no list": (kinds.ADJUST, OURS, (1,)),
    "an adjustment that is none": (kinds.ADJUST, OURS, (0, 5)),
    "no such call": administer("__class__"),
    "a call without a name": administer(5),
    "a call with too much": administer("unblock_all", 5),
    "a call for another's account": administer("unblock", THEIRS),
    "a call for a text": administer("unblock", "2"),
    "a call for another than it says": administer("unblock", 4, account=OURS),
    "a call with a bad group": administer("unblock_group", 2**32),
    "a block without a cause": administer("block", OURS, "why"),
    "a currency of blanks": administer("set_currency", OURS, " "),
    "a reason that is none": administer("replace_block_reason", OURS, 5),
    "accounts no list": administer("register_group", (OURS,), 7),
    "no such setting": (kinds.CONFIGURE, None, "_find", NAMED),
    "a setting without a name": (kinds.CONFIGURE, None, "rate_limit", encode({})),
    "a setting of another keyword": (
        kinds.CONFIGURE,
        None,
        "rate_limit",
        encode({"name": "x", "self": 1}),
    ),
    "a setting of all for one account": (kinds.CONFIGURE, OURS, "rate_limit", NAMED),
    "a setting of all checked for one account": (kinds.CHECK_SETTINGS, OURS, "rate_limit", NAMED),
    "no such setting to check": (kinds.CHECK_SETTINGS, None, "_find", NAMED),
    "settings no map": (kinds.CONFIGURE, None, "rate_limit", (0,)),
    "a setting of another account": (
        kinds.CONFIGURE,
        4,
        "set_account_pnl",
        (
            2,
            "name",
            "x",
            "account",
            (6, 9, OURS),
            "settlement_asset",
            "USD",
            "pnl",
            (6, 5, (3, "1")),
        ),
    ),
    "no such service": quote("default_ttl", 5, service=1),
    "no such change": quote("explode", 5),
    "a change that is none": (kinds.QUOTE, None, 0, (0,)),
    "a change of too little": quote("register", 0),
    "a change of a bad price": quote("push", 0, 1.5, None, None, NOW),
    "a change of no instrument": quote("push", 9, None, None, None, NOW),
    "what is restored is no list of changes": quote("restored", 1, 5),
    "what is restored has a count below 0": quote("restored", -1, ()),
    "a change that is restored is none": quote("restored", 1, (("explode",),)),
    "a change that is restored has too little": quote("restored", 1, (("register", 0),)),
    "an instrument that is restored twice": quote(
        "restored", 2, (("register", 0, "A", "USD", None), ("register", 1, "A", "USD", None))
    ),
    "a quote that is restored of no instrument": quote("restored", 1, (("clear", 0),)),
    "what is restored restores": quote("restored", 1, (("restored", 0, ()),)),
    "a quote for nobody": quote("push_for", 9, None, None, None, NOW, (), ()),
}


@pytest.mark.parametrize("command", REFUSED.values(), ids=REFUSED)
def test_what_no_router_sends_ends_the_connection_before_any_of_its_frame(
    command: tuple[Any, ...],
) -> None:
    core = shard()
    block = (kinds.ADMINISTER, OURS, "block", encode((OURS, BLOCK)))
    rows = [block, GOOD, command]
    with pytest.raises(WireError):
        core.receive(batch(0, 1, *rows))
    assert not core.engine.registry.anything_blocked
    # As if the frame had never been there: the same number is taken, and the account is free.
    core._reader = FrameReader()
    good = batch(0, 1, GOOD)
    assert core.receive(good) == replies_to(good, (kinds.ACCEPTED, 1))


def test_what_a_router_sends_comes_out_read() -> None:
    (order,) = read(Intake(lambda _: True), [GOOD])
    assert order == (
        *(kinds.EXECUTE, OURS, "AAPL", "USD", "BUY"),
        *(Decimal(10), None, Decimal("185.5"), 0, 0),
    )
    (counted,) = read(Intake(lambda _: True), [with_column(7, "1e-7", COUNTED)])
    assert counted[7:] == (Decimal("1E-7"), 1, 0)
    missing = (kinds.EXECUTE, None, None, None, None, None, "0.00", "-5")
    (order,) = read(Intake(lambda _: True), [missing])
    assert order[2:8] == (None, None, None, None, Decimal("0.00"), Decimal(-5))


@pytest.mark.parametrize("row", [GOOD, COUNTED], ids=["plain", "counted"])
def test_many_orders_are_read_as_each_alone_would_be(row: tuple[Any, ...]) -> None:
    intake = Intake(lambda account: account != THEIRS)
    alone = [read(intake, [one])[0] for one in ranked([row] * 9)]
    assert read(intake, ranked([row] * 9)) == alone
    others = [with_column(6, "5", with_column(5, None, row)), with_column(1, 4, row), GOOD, COUNTED]
    for other in others:
        *_, last = rows = ranked([*[row] * 8, other])
        assert read(intake, rows)[8] == read(intake, [last])[0]


@pytest.mark.parametrize(
    "command",
    [command for command in REFUSED.values() if command[0] in {kinds.EXECUTE, 2}],
    ids=repr,
)
def test_one_bad_order_among_many_spoils_the_frame(command: tuple[Any, ...]) -> None:
    intake = Intake(lambda account: account != THEIRS)
    row = COUNTED if command[0] == kinds.EXECUTE_COUNTED else GOOD
    read(intake, [row])
    with pytest.raises(WireError):
        read(intake, [*ranked([row] * 8), command])


def test_the_table_of_accounts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openpit.shards.intake.REMEMBERED", 2)
    intake = Intake(lambda account: account != THEIRS)
    for account in (2, 3, 4, 2):
        read(intake, [with_column(1, account)])
        assert len(intake._known) <= 2
    with pytest.raises(WireError):
        read(intake, [with_column(1, THEIRS)])


def test_an_instrument_may_be_registered_and_quoted_in_one_frame() -> None:
    core = shard()
    rows = [quote("register", 0, "A", "B", None), quote("push", 0, Decimal(1), None, None, NOW)]
    rows += [
        quote("push_for", 0, None, None, None, NOW, (THEIRS,), (7,)),
        quote("account_ttl", 2, -1),
    ]
    sent = batch(0, 1, *rows)
    assert core.receive(sent) == replies_to(sent, (kinds.DONE, 4))
    with pytest.raises(WireError):
        core.receive(batch(0, 5, quote("register", 0, "C", "D", None)))


def test_the_tables_of_texts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decimal_texts, "REMEMBERED", 2)
    for table, texts in (
        (decimal_texts._Signed(), ("1", "-2", "3.5", "1")),
        (decimal_texts._Assets(), ("A", "B", "C", "A")),
    ):
        for text in texts:
            assert str(table[text]) == text
            assert len(table) <= 2
        assert table[None] is None
    long = "x" * 1000
    assert decimal_texts._Assets()[long] == long
