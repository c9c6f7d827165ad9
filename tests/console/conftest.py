"""A server, and a console of it in this process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "server"))
sys.path.insert(0, str(Path(__file__).parent))

from consoles import LIMITS, Consoles
from server_processes import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("console") / "journal"


@pytest.fixture(scope="session")
def server(journal: Path) -> Iterator[Server]:
    """One server for the tests of this folder; each leaves it as it was."""
    server = Server(LIMITS, "--journal", str(journal))
    yield server
    server.remove()


@pytest.fixture(scope="session")
def consoles(
    server: Server, journal: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Consoles]:
    """Consoles of that server, in this process."""
    with Consoles(server, journal, tmp_path_factory.mktemp("tokens")) as consoles:
        yield consoles


@pytest.fixture(scope="session")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consoles]:
    """Consoles of another server, whose policies read prices: what is left of it is nobody's."""
    folder = tmp_path_factory.mktemp("spare")
    server = Server(LIMITS, "--policy", "serve_policies:Collar")
    try:
        with Consoles(server, folder / "none", folder) as consoles:
            yield consoles
    finally:
        server.remove()
