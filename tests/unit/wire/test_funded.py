"""The reply to a plain order of spot funds: the lock and the outcomes that a full reply has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from openpit.errors import WireError
from openpit.wire import kinds
from openpit.wire.flat_rows import DecodedRows, lock_of
from openpit.wire.funded import (
    are_usual_funded,
    funded_lock,
    funded_outcomes,
    is_usual_funded,
)
from openpit.wire.replies import check_replies

BOUGHT = (kinds.FUNDED, 7, 3, "AAPL", "USD", True, "8", "110.00", "120", "880.00", "8.50")
SOLD = (kinds.FUNDED, 9, 0, "AAPL", "USD", False, "0.5", "3", "1.5", "0.5", "-1.50")


def texts(rows: Any) -> list[Any]:
    """Outcome rows with their decimals as they are written: 1.50 is not 1.5."""
    return [
        (group, tuple(str(one) if isinstance(one, Decimal) else one for one in row))
        for group, row in rows
    ]


def test_a_purchase_holds_what_it_pays_and_expects_what_it_buys() -> None:
    full = (
        (3, "USD", "-880.00|120;880.00|880.00;;;", None),
        (3, "AAPL", ";;8|8.50;;", None),
    )
    assert texts(funded_outcomes(BOUGHT)) == texts(DecodedRows(full))
    assert repr(funded_lock(BOUGHT)) == repr(lock_of(((3, "110.00"),)))


def test_a_sale_holds_what_it_sells_and_expects_what_it_is_paid() -> None:
    full = (
        (0, "AAPL", "-0.5|1.5;0.5|0.5;;;", None),
        (0, "USD", ";;1.5|-1.50;;", None),
    )
    assert texts(funded_outcomes(SOLD)) == texts(DecodedRows(full))
    assert repr(funded_lock(SOLD)) == repr(lock_of(((0, "3"),)))


def test_a_lock_is_its_readers_own() -> None:
    one, other = funded_lock(BOUGHT), funded_lock(BOUGHT)
    assert one is not other
    assert one == other


@pytest.mark.parametrize(
    "figure", ["0E-8", "1E-7", f"{2**96 - 1}", "-79228162514264.337593543950335"]
)
def test_figures_that_few_accounts_have_are_read_one_by_one(figure: str) -> None:
    reply = (*BOUGHT[:8], figure, *BOUGHT[9:])
    assert not is_usual_funded(reply)
    assert not are_usual_funded([reply, SOLD])
    assert check_replies([reply]) is None
    assert check_replies([SOLD, reply, (kinds.ACCEPTED, 1)]) is None
    assert texts(funded_outcomes(reply))[0][1][2] == figure


def test_the_largest_amounts_can_be_read() -> None:
    most = str(2**96 - 1)
    reply = (*BOUGHT[:6], most, most, *BOUGHT[8:])
    check_replies([reply])
    (_, row), _ = funded_outcomes(reply)
    assert row[3] == (2**96 - 1) ** 2


def test_texts_that_have_been_there_before_are_known_at_a_glance() -> None:
    check_replies([BOUGHT, SOLD])
    assert is_usual_funded(BOUGHT)
    assert is_usual_funded(SOLD)
    assert are_usual_funded([BOUGHT, SOLD])
    assert are_usual_funded([SOLD])


@pytest.mark.parametrize(
    "wrong",
    [
        (*BOUGHT, "1"),
        BOUGHT[:-1],
        (float(kinds.FUNDED), *BOUGHT[1:]),
        (*BOUGHT[:9], "1;2", *BOUGHT[10:]),
        (*BOUGHT[:9], "880.00;120", *BOUGHT[10:]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("others", [[], [SOLD], [SOLD, (kinds.DONE, 1)]], ids=len)
def test_what_is_no_such_reply(wrong: Any, others: list[Any]) -> None:
    check_replies([BOUGHT, SOLD])
    with pytest.raises(WireError, match="was expected"):
        check_replies([*others, wrong])
