"""Several programs trade on one server, some are killed, and one engine explains all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oracle import explain
from trading_day import FUNDS, LIMITS, MAX_ORDERS, Day

if TYPE_CHECKING:
    from pathlib import Path


def test_one_engine_explains_every_decision_of_programs_that_share_their_limits(
    tmp_path: Path,
) -> None:
    record = tmp_path / "record"
    day = Day(2400, "1", record, kills=10)
    explained = day.explained
    assert explained.differences == []
    assert explained.most_accepted <= MAX_ORDERS
    assert explained.decided["accepted"] >= day.accepted > 300
    assert {"accepted", "reports", "RateLimitExceeded", "AccountBlocked"} <= {*explained.decided}

    # The oracle would have seen it: engines with other limits explain much less.
    halved = {
        asset: text.replace(f"= {MAX_ORDERS}", f"= {MAX_ORDERS // 2}")
        for asset, text in LIMITS.items()
    }
    assert explain(record, halved, FUNDS).differences
    assert explain(record, LIMITS, "[order_validation]").differences
