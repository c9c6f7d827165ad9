"""Random call sequences: the reference and ours answer every call alike.

``DIFFERENTIAL_CALLS`` and ``DIFFERENTIAL_SEED`` set how many calls and which; ``full.py`` does many
more on all cores.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import batches
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from comparison import Pair

pytestmark = pytest.mark.one_python

CALLS = int(os.environ.get("DIFFERENTIAL_CALLS", "20000"))
SEED = os.environ.get("DIFFERENTIAL_SEED", "1")

REGRESSIONS = sorted(batches.REGRESSIONS.glob("*.json"))


@pytest.mark.reference
@pytest.mark.parametrize("batch", list(batches.batches(CALLS, SEED)), ids=str)
def test_both_answer_alike(batch: batches.Batch, pair: Pair) -> None:
    outcome = batches.run(batch, pair)
    assert outcome.difference is None, batches.report(batch, outcome)
    assert outcome.calls >= batch.calls


@pytest.mark.reference
@pytest.mark.parametrize("file", REGRESSIONS, ids=lambda file: file.stem)
def test_what_once_differed_is_alike(file: Path, pair: Pair) -> None:
    kept = json.loads(file.read_text())
    difference = pair.difference(kept["steps"])
    assert difference is None, f"{kept['about']}\n{difference}"
