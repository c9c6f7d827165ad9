"""The two interpreters for the differential tests; skipped where there is no reference wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# The modules beside this file are programs of their own too (``full.py``, ``runner.py``), so they
# import one another by plain names.
sys.path.insert(0, str(Path(__file__).parent))

from typing import TYPE_CHECKING

from comparison import Pair
from reference_wheel import PROJECT, ReferenceMissingError, reference_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def reference() -> Path:
    try:
        return reference_wheel()
    except ReferenceMissingError as missing:
        pytest.skip(f"no reference wheel: {missing}")


@pytest.fixture(scope="session")
def ours() -> Path:
    return PROJECT


@pytest.fixture(scope="session")
def pair(reference: Path, ours: Path) -> Iterator[Pair]:
    made = Pair(reference, ours)
    yield made
    made.close()
