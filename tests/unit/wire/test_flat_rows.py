from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgpack
import pytest
from flow import fill, report

from openpit import core
from openpit.core.report import ensure_captured
from openpit.pretrade import AccountBlock, Lock, PnlHaltReason
from openpit.pretrade.rejects import block_row, new_reject, reject_row
from openpit.wire import flat_rows, kinds


def there(row: Any) -> Any:
    return msgpack.unpackb(msgpack.packb(row), use_list=False)


@pytest.mark.parametrize(
    "sent",
    [
        report(5, pnl="-1.50", fee="0.25"),
        report(None),
        fill(5, "50", "10", "0", final=True),
        core.ExecutionReport(),
        core.ExecutionReport(
            fill=core.ExecutionReportFillDetails(lock=Lock([(3, "1.50"), (3, "2"), (0, "9")]))
        ),
    ],
    ids=["impact", "no-account", "fill", "empty", "lock"],
)
def test_a_report_arrives_as_it_left(sent: core.ExecutionReport) -> None:
    command = there(flat_rows.report_row(kinds.REPORT, sent))
    assert kinds.conforms(command, kinds.COMMANDS)
    arrived = flat_rows.read_report(command)
    ensure_captured(sent)
    assert repr(arrived) == repr(sent)
    assert arrived._account_ == sent._account_
    if sent.fill is not None:
        assert arrived.fill.lock == sent.fill.lock


def test_a_reject_is_made_when_somebody_looks() -> None:
    reject = new_reject("Custom", "why", "figures", "Policy", "account", 7)
    decoded = flat_rows.DecodedRejects((there(reject_row(reject)),))
    assert len(decoded) == 1
    assert repr(decoded[0]) == repr(reject)
    assert decoded[0] is decoded[0]


def test_a_block_arrives_as_it_left() -> None:
    block = AccountBlock(policy="P", code="Other", reason="r", details="d", user_data=3)
    assert repr(flat_rows.read_block(there(block_row(block)))) == repr(block)


def test_locks_keep_groups_and_order() -> None:
    lock = Lock([(3, "1.50"), (0, "4"), (3, "-2")])
    assert there(flat_rows.lock_row(lock._groups_)) == ((3, "1.50", "-2"), (0, "4"))
    assert flat_rows.lock_of(flat_rows.lock_row(lock._groups_)) == lock
    assert flat_rows.lock_row(None) == ()
    assert flat_rows.lock_of(()) == Lock()


def test_outcome_rows_keep_scale_and_absence() -> None:
    one = Decimal("1.50")
    row = (3, ("USD", one, one, None, None, None, None, None, None, None, Decimal(5)))
    halted = (0, ("X", *[None] * 8, PnlHaltReason.MISSING_FX, None))
    decoded = flat_rows.DecodedRows(tuple(there(flat_rows.outcome_row(r)) for r in (row, halted)))
    assert len(decoded) == 2
    assert decoded[0] == row
    assert str(decoded[0][1][1]) == "1.50"
    assert decoded[1][1][9] == PnlHaltReason.MISSING_FX
    assert list(decoded)[1] is decoded[1]


@pytest.mark.parametrize(
    "row",
    [
        (3, 2**64 - 1, Decimal(-1), Decimal("2.0"), None),
        (0, 1, None, None, PnlHaltReason.ARITHMETIC_OVERFLOW),
    ],
)
def test_pnl_rows(row: Any) -> None:
    assert flat_rows.pnl_of(there(flat_rows.pnl_row(row))) == row
