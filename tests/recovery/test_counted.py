"""What shards have counted is a part of their state: no order is lost in it, and none is twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("prometheus_client")

from counted_day import CountedDay

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python


def test_sums_over_shards_are_what_one_engine_has_said(tmp_path: Path) -> None:
    day = CountedDay(tmp_path / "journal", seed=3)
    try:
        day.trade(2400, kills=3)
        day.compare()
        assert sum(one.restarts for one in day.engine.stats()) > 0

        day.come_back()

        day.compare()
        day.trade(200, kills=0)
        day.compare()
    finally:
        day.close()
