"""Consoles in this process, of a server that is one of its own."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from fastapi.testclient import TestClient

import openpit
from openpit.console.app import make_app
from openpit.console.past_lines import JournalPlaces
from openpit.console.tokens import TokenFile
from openpit.limits.account_names import AccountNames

if TYPE_CHECKING:
    from server_processes import Server

__all__ = ["ADMIN", "DESK", "LIMITS", "READER", "TRADER", "Consoles", "bearing"]

LIMITS = """
[order_validation]

[rate_limit.broker]
max_orders = 100000
window = "1h"

[order_size_limit.broker]
max_quantity = 1000

[spot_funds]
[[spot_funds.funds]]
first_account = 1
last_account = 40
asset = "USD"
balance = 1000000
"""

ADMIN, TRADER, READER = "a" * 40, "t" * 40, "r" * 40


DESK = "desk 7/EU"
"""Of an account that has a name, as a text and in the file of the console's."""


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Consoles:
    """One with tokens and one without."""

    def __init__(self, server: Server, journal: Path, folder: Path) -> None:
        self.server = server
        self.tokens = folder / "tokens"
        text = f"# who\nalice admin {ADMIN}\nbot trader {TRADER}\ngrafana reader {READER}\n"
        descriptor = os.open(self.tokens, os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(descriptor, text.encode())
        os.close(descriptor)
        limits = str(Path(server.folder, "limits.toml"))
        names = folder / "accounts"
        names.write_text(f"{DESK}\n")
        self._apps = (
            make_app(
                server.path,
                tokens=TokenFile(self.tokens),
                names=["desk.example"],
                journal=JournalPlaces(str(journal), limits, False, (), (), str(names)),
                accounts=AccountNames.of_lines([DESK]),
            ),
            make_app(server.path),
        )
        self._stack = ExitStack()
        self.held: TestClient
        self.open: TestClient

    def __enter__(self) -> Self:
        self.held, self.open = (
            self._stack.enter_context(TestClient(app, base_url="http://127.0.0.1"))
            for app in self._apps
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ask(self, method: str, path: str, body: Any = None, token: str = ADMIN) -> Any:
        """Ask the console with tokens; return what it says, having checked that it was done."""
        answer = self.held.request(method, path, json=body, headers=bearing(token))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, token: str = ADMIN) -> Any:
        """As above, of what is not done: the status and the name of what was wrong."""
        answer = self.held.request(method, path, json=body, headers=bearing(token))
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]

    def engine(self) -> Any:
        return openpit.connect(self.server.path, name="gateway", timeout=30)
