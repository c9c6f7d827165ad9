"""Wide decimals: sums, differences, products and quotients as the reference has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import arithmetic
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python


def test_a_sample_of_wide_decimals_is_calculated_as_by_the_reference(reference: Path, ours: Path):
    assert arithmetic.differences(reference, ours, 4000, "sample") == (4000, [])
