"""Several programs trade on one server, some are killed, and one engine explains all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from oracle import explain
from trading_day import FUNDS, LIMITS, MAX_ORDERS, NODE, OTHERS, Day

if TYPE_CHECKING:
    from pathlib import Path

SIZE = "OrderQtyExceedsLimit"
DECISIONS = ("accepted", "RateLimitExceeded", "AccountBlocked", "InsufficientFunds", SIZE)


def test_one_engine_explains_every_decision_of_programs_that_share_their_limits(
    tmp_path: Path,
) -> None:
    day = Day(2400, "1", tmp_path, shards=3, kills=10)
    explained, record = day.explained, day.record
    assert explained.differences == []
    assert explained.most_accepted <= MAX_ORDERS
    assert explained.decided["accepted"] >= sum(day.accepted.values()) > 200
    assert {"accepted", "reports", "RateLimitExceeded", "AccountBlocked"} <= {*explained.decided}
    # Who was killed holds nothing, and what else accounts have is what one engine has of them.
    assert day.open == 0
    assert explained.decided["states"] > 100
    # A limit was changed all the time: for all shards at one place in the order of batches.
    assert explained.decided["changes of limits"] > 10
    assert explained.decided[SIZE] > 0
    # All have traded to their end; whose orders met a full window has had none accepted, perhaps.
    assert sum(explained.decided[what] for what in DECISIONS) >= 2400
    assert len([*day.waits()]) == 3 * len(day.accepted)

    # The oracle would have seen it: engines with other limits explain much less.
    halved = {
        asset: text.replace(f"= {MAX_ORDERS}", f"= {MAX_ORDERS // 2}")
        for asset, text in LIMITS.items()
    }
    assert explain(record, halved, OTHERS).differences
    differences = explain(record, LIMITS, OTHERS.replace(FUNDS, "[order_validation]\n")).differences
    assert any("account_row" in difference for difference in differences)
    assert any("account_row" not in difference for difference in differences)
    if NODE is None:
        pytest.skip("node is not there: three programs have traded, and all of it was explained")
