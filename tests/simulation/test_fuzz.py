"""Messages that may be none, at both cores: ``OPENPIT_FUZZ`` inputs for each, by seeds.

An input is refused with WireError, whole, or it has the right answer. A seed that fails, fails
again. Unless told, each Python has seeds of its own.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from fuzz_router import RouterFuzz
from fuzz_shard import ShardFuzz

if TYPE_CHECKING:
    from collections import Counter

PER_SEED = 500
FIRST = 1 if "OPENPIT_FUZZ" in os.environ or sys.version_info[:2] == (3, 11) else 5
SEEDS = range(FIRST, FIRST + int(os.environ.get("OPENPIT_FUZZ", "2000")) // PER_SEED)


@pytest.mark.timeout(900)  # many at a time, on a machine with other work
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("fuzz", [ShardFuzz, RouterFuzz], ids=["shard", "router"])
def test_refused_whole_or_answered_rightly(fuzz: type[ShardFuzz | RouterFuzz], seed: int) -> None:
    seen: Counter[str] = fuzz(seed).run(PER_SEED)
    # What refuses everything would pass otherwise.
    assert seen["valid"] >= PER_SEED // 2
    assert seen["refused"] >= PER_SEED // 10
