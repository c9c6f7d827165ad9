"""A reply is looked at down to its rows; what passes can be read without an error."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from openpit.errors import WireError
from openpit.wire import decimal_texts, kinds
from openpit.wire.decimal_texts import are_amounts
from openpit.wire.flat_rows import DecodedRows, lock_of
from openpit.wire.replies import check_replies

REJECT = ("Other", "why", "figures", "P", "order", 7)
ALIKE = ("Other", "why", "it is ", " of 5", "P", "order", 7)
BLOCK = ("P", "AccountBlocked", "why", "figures", 0)
LOCK = ((0, "185.5"), (3, "-1.50", "4"))
ROWS = ((0, "USD", "-1855.0|98145.0;1855.0|1855.0;;;", None), (3, "A", ";;;-1|2;1.50", 5))
PNL = (0, 2**64 - 1, "-1.5", "2", None)
FAILURE = ("builtins", "KeyError", (1, (1, "x"), None), "'x'", "trace")

AXES = ((0, None, 1_000), (1, "USD", 2**64 - 1))
CHECKED = (kinds.CHECKED, 7, 1_000, False, True, AXES)
WRONG_AXES: list[Any] = [
    None,
    (0, None, 1_000),
    ((0, "USD", 1_000),),
    ((1, None, 1_000),),
    ((1, "", 1_000),),
    ((1, 5, 1_000),),
    ((1, "USD", -1),),
    ((1, "USD"),),
    ((1, "USD", 5), (1, "EUR", 5)),
    ((1, "USD", 5), (2, "USD", 5)),
]

NOTHING_COUNTED = (0, 0, False, False, ())

FUNDED = (kinds.FUNDED, 7, 0, "AAPL", "USD", True, "8", "1.50", "120.00", "12.00", "8")

RIGHT = [
    (kinds.RESERVED, True, LOCK, ROWS),
    (kinds.RESERVED, False, (), ()),
    (kinds.REJECTED, (REJECT, REJECT)),
    (kinds.STARTED,),
    (kinds.DRY, None, LOCK, ROWS, BLOCK),
    (kinds.DRY, (REJECT,), (), (), None),
    (kinds.RECORDED, True, LOCK, ROWS, None, False),
    (kinds.REPORTED, (BLOCK,), (PNL, (0, 1, None, None, 3)), ROWS),
    (kinds.ADJUSTED, 0, (REJECT,), ROWS, (BLOCK,)),
    (kinds.ANSWER, (0, (1, 5, "x"))),
    (kinds.RAISED, *FAILURE),
    (kinds.FAILURES, ((0, *FAILURE),)),
    (kinds.READY, (), 0, -5, True, False, AXES),
    (kinds.READY, (0, 2), 0, 0, False, False, ()),
    (kinds.RECOVERED, (), *NOTHING_COUNTED, 7, 1, -5, 1, ((0, 9),), ((0, 5, 2, 6, None),), (0, 7)),
    (kinds.CHECKED, 7, 1_000, False, True, AXES[:1]),
    (kinds.LEFT, ((7, 1, b"o", b"b", b"r"), (8, None, b"", b"", b""))),
    (kinds.LEFT, ()),
    (kinds.REFUSED, "ValueError: no"),
    (kinds.REJECTED_ALIKE, (6, 7), ALIKE),
    FUNDED,
]


@pytest.mark.parametrize("reply", RIGHT, ids=lambda reply: kinds.REPLIES[reply[0]].name)
def test_what_a_shard_says(reply: tuple[Any, ...]) -> None:
    assert check_replies([reply]) is None
    for wrong in (
        (*reply, 1),
        reply[:-1],
        (float(reply[0]), *reply[1:]),
        (reply[0], (("1",),), *reply[2:]),
    ):
        with pytest.raises(WireError):
            check_replies([wrong])


def reserved(lock: Any = (), rows: Any = (), held: Any = True) -> tuple[Any, ...]:
    return (kinds.RESERVED, held, lock, rows)


def row(group: Any = 0, asset: Any = "USD", amounts: Any = ";;;;", halt: Any = None) -> Any:
    return reserved(rows=((group, asset, amounts, halt),))


def rejected(*columns: Any) -> tuple[Any, ...]:
    return (kinds.REJECTED, (columns,))


def alike(numbers: Any, reject: Any) -> tuple[Any, ...]:
    return (kinds.REJECTED_ALIKE, numbers, reject)


def reported(block: Any = BLOCK, pnl: Any = PNL) -> tuple[Any, ...]:
    return (kinds.REPORTED, (block,), (pnl,), ())


WRONG = [
    reserved(lock=((0, "x"),)),
    reserved(lock=((0,),)),
    reserved(lock=((0, None),)),
    reserved(lock=((0, "1"), (0, "2"))),
    reserved(lock=((65536, "1"),)),
    reserved(lock=((True, "1"),)),
    reserved(lock=(("0", "1"), (1, "2"))),
    reserved(rows=("rows",)),
    reserved(rows=(b"rows",)),
    row(amounts=b";;;;"),
    row(amounts=";;;;\ud800"),
    row(group=-1),
    row(asset=5),
    rejected(*REJECT[:4], 5, 7),
    reserved(lock=(("0", "1"),)),
    reserved(lock=(5,)),
    reserved(lock="1"),
    reserved(held=1),
    reserved(rows=(5,)),
    reserved(rows=5),
    reserved(rows=((0, "USD"),)),
    row(group=True),
    row(asset=" "),
    row(asset=None),
    row(amounts=";;;"),
    row(amounts=5),
    row(amounts="NaN|1;;;;"),
    row(amounts="1;;;;"),
    row(amounts="1|;;;;"),
    row(amounts=f"{2**96}|1;;;;"),
    row(amounts=";;;;1e5"),
    row(halt=6),
    row(halt=True),
    rejected("NoSuchCode", *REJECT[1:]),
    rejected(5, *REJECT[1:]),
    rejected(*REJECT[:4], "desk", 7),
    rejected(*REJECT[:5], -1),
    rejected("Other", 5, *REJECT[2:]),
    rejected(*REJECT[:5]),
    alike((), ALIKE),
    alike((6, True), ALIKE),
    alike((6, -7), ALIKE),
    alike((6, "7"), ALIKE),
    alike(6, ALIKE),
    alike((6,), ("NoSuchCode", *ALIKE[1:])),
    alike((6,), (*ALIKE[:2], 5, *ALIKE[3:])),
    alike((6,), (*ALIKE[:5], "desk", 7)),
    alike((6,), ALIKE[:6]),
    alike((6,), REJECT),
    (kinds.REJECTED, "why"),
    (kinds.REJECTED, ("why",)),
    reported(block=BLOCK[:4]),
    reported(block=("P", "NoSuchCode", *BLOCK[2:])),
    reported(pnl=(0, 1, "1", None, None)),
    reported(pnl=(0, 1, "x", "1", None)),
    reported(pnl=(0, None, None, None, 1)),
    reported(pnl=(0, 1)),
    (kinds.ANSWER, (9,)),
    (kinds.ANSWER, ()),
    (kinds.RAISED, "m", "C", 5, "text", "trace"),
    (kinds.FAILURES, ((0, "m"),)),
    (kinds.FAILURES, ((-1, *FAILURE),)),
    (kinds.STARTED, 1),
    (kinds.RESERVED, 1, True, (), ()),
    (kinds.REJECTED, 1, (REJECT,)),
    (kinds.READY, (-1,), *CHECKED[1:]),
    (kinds.LEFT, ((-7, 1, b"o", b"b", b"r"),)),
    (kinds.LEFT, ((7, 1, "o", b"b", b"r"),)),
    (kinds.LEFT, ((7, 1, b"o", b"b"),)),
    (kinds.RECOVERED, (), *NOTHING_COUNTED, 7, 1, -5, 1, ((0,),), (), ()),
    (kinds.RECOVERED, (), *NOTHING_COUNTED, 7, 1, -5, 1, (), ((0, 5, 2, 6, 1.5),), ()),
    (kinds.RECOVERED, (), *NOTHING_COUNTED, -7, 1, -5, 1, (), (), ()),
    (kinds.READY, ()),
    *(
        (*CHECKED[:place], wrong, *CHECKED[place + 1 :])
        for place, wrong in enumerate((-1, "x", 1, 0), 1)
    ),
    *((*CHECKED[:5], axes) for axes in WRONG_AXES),
    *(
        (*FUNDED[:place], wrong, *FUNDED[place + 1 :])
        for place, wrong in [
            *[(1, -1), (1, True), (1, None), (1, 1.0), (2, -1), (2, 65536), (2, False)],
            *[(3, " "), (3, None), (3, 5), (4, ""), (5, 1), (5, None)],
            *[(place, wrong) for place in range(6, 11) for wrong in (None, "", "x", "NaN", "1e5")],
            *[(place, wrong) for place in range(6, 11) for wrong in (5, b"1", f"{2**96}")],
            *[(6, "-8"), (7, "-1.50")],
        ]
    ),
    (3.0, True, (), ()),
    (99,),
    ("x",),
]


@pytest.mark.parametrize("reply", WRONG, ids=repr)
def test_what_no_shard_says(reply: tuple[Any, ...]) -> None:
    check_replies([*RIGHT, reserved(lock=((0, "1"),)), row()])  # texts that are right are known
    with pytest.raises(WireError, match=r"was expected|not a value"):
        check_replies([reserved(), reply])


def test_runs_are_left_to_those_who_know_how_many_commands_there_are() -> None:
    assert check_replies([(kinds.ACCEPTED, "x"), (kinds.DONE,)]) is None


def test_shapes_of_amounts_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decimal_texts, "REMEMBERED", 2)
    decimal_texts.SHAPES.clear()
    for text in (";;;;1.5", ";;;;2.7", ";;;;15", ";;;;-1", ";;;;1.5"):
        assert are_amounts(text)
        assert len(decimal_texts.SHAPES) <= 2
    assert {b";;;;-0", b";;;;0.0"} == decimal_texts.SHAPES


def test_what_passes_can_be_read() -> None:
    (one, other) = DecodedRows(ROWS)
    assert one[1][:5] == ("USD", Decimal("-1855.0"), Decimal("98145.0"), *[Decimal("1855.0")] * 2)
    assert other == (3, ("A", *[None] * 6, Decimal(-1), Decimal(2), 5, Decimal("1.50")))
    assert lock_of(LOCK).to_json() == '[["185.5"],[3,"-1.50","4"]]'


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("1|2;3|4;5|6;7|8;9", True),
        (f"{2**96 - 1}|-{2**96 - 1};;;;0.{'0' * 27}1", True),
        (f"1|2;;;;0.{'0' * 28}1", False),
        ("-0|0.00;;;;", True),
        (f"{2**96 - 1}|-0;;;;", True),
        (f"{2**96 - 1}|-0.{'0' * 15};;;;", False),
        ("1|2|3;;;;", False),
        ("|;;;;", False),
        ("1|2;;;;-", False),
    ],
)
def test_amounts_of_any_width(text: str, fits: bool) -> None:
    assert are_amounts(text) is fits
