"""What every test of this rung runs in: an engine on either face, and nothing left after it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # workers import the policies by their names

from fault_hosts import HOSTS, Host
from fault_policies import Gate, Journal
from fault_traces import Traces, warm_up

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[Traces]:
    """Fail a test that leaves a process, a thread or a descriptor behind."""
    warm_up()
    before = Traces.now()
    yield before
    before.assert_all_gone()


@pytest.fixture(params=["blocking", "asyncio"])
def host(request: pytest.FixtureRequest, nothing_left: Traces) -> Iterator[Host]:
    """An engine's surroundings, on the blocking face and on asyncio in turn.

    A test that is ``@on_every_loop`` runs on uvloop, too.
    """
    started = HOSTS[request.param]()
    try:
        yield started
    finally:
        started.end()


@pytest.fixture
def gate(nothing_left: Traces) -> Iterator[Gate]:
    made = Gate()
    yield made
    made.close()


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "journal"))
