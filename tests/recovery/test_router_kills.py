"""A program with an engine, or a server, that is killed at any moment: what was answered stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from router_kills import Program, Served, day

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python


@pytest.mark.parametrize(("kind", "seed"), [(Program, 1), (Served, 2)])
def test_what_was_answered_stands_and_nothing_else_but_the_call_in_flight(
    kind: Any, seed: int, tmp_path: Path
) -> None:
    assert day(kind, tmp_path / "desk", seed, kills=3).calls > 3
