"""Policies that do harm when an order's instrument says so, and what tests steer them with."""

from __future__ import annotations

import os
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any, ClassVar

from openpit.core import Mutation
from openpit.pretrade import AccountBlock, Policy, PolicyDecision, PostTradeResult

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator


class UnusualError(Exception):
    """An exception of a user that travels: its class is found by name in the caller's process."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text, code)
        self.code = code


class UntravelledError(Exception):
    """An exception that cannot travel: it holds what no wire carries."""

    def __init__(self, text: str) -> None:
        super().__init__(text, object())

    def __str__(self) -> str:
        return str(self.args[0])


class Gate:
    """Where a policy waits in its worker until the test lets it go on.

    A worker's copy knows the address only; the test has the other end.
    """

    def __init__(self) -> None:
        import socket  # noqa: PLC0415 - a worker of each test imports this module

        self._address = f"\0openpit-gate-{uuid.uuid4()}"  # of no file: Linux keeps such names apart
        self._arrivals = socket.socket(socket.AF_UNIX)
        self._arrivals.bind(self._address)
        self._arrivals.listen()
        self._arrivals.settimeout(20)

    def __getstate__(self) -> dict[str, str]:
        return {"_address": self._address}

    def wait(self) -> None:
        """In the worker: wait to be let through."""
        import socket  # noqa: PLC0415 - as above

        with socket.socket(socket.AF_UNIX) as own:
            own.connect(self._address)
            own.recv(1)

    def meet(self) -> socket.socket:
        """In the test: wait until a policy waits; return what holds it."""
        held, _ = self._arrivals.accept()
        return held

    def let_go(self, held: socket.socket) -> None:
        """In the test: let that policy go on."""
        held.close()

    def close(self) -> None:
        """In the test: be gone."""
        self._arrivals.close()


class Journal:
    """A file that mutations write their fate to, so that a test sees it without asking."""

    def __init__(self, path: str) -> None:
        self.path = path
        os.close(os.open(path, os.O_CREAT))  # pathlib is slow to load, too

    def write(self, line: str) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        os.write(file, f"{line}\n".encode())
        os.close(file)

    def lines(self) -> list[str]:
        with open(self.path) as file:  # noqa: PTH123 - as above
            return file.read().split()

    def mutation(self, name: str) -> Mutation:
        return Mutation(
            lambda: self.write(f"commit-{name}"), lambda: self.write(f"rollback-{name}")
        )


def _locals_of_the_loop() -> dict[str, Any]:
    """The variables of the worker's loop, which runs somewhere up the stack."""
    return next(f.f_locals for f in _callers() if f.f_code.co_name == "serve")


def _callers() -> Iterator[Any]:
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        yield frame


def _die() -> None:
    os._exit(7)


def _spin() -> None:
    while True:
        pass


def _sleep() -> None:
    time.sleep(3600)


def _raise() -> None:
    raise UnusualError("the desk is closed", 42)


def _raise_untravelled() -> None:
    raise UntravelledError("the book is open")


def _exit() -> None:
    raise SystemExit("enough")


def _break_the_loop() -> None:
    """Have the next command raise where nobody expects it."""
    _locals_of_the_loop()["core"].clock = None


def _close_the_pipes() -> None:
    """Close what a library that tidies up descriptors closes."""
    found = _locals_of_the_loop()
    os.close(found["reply_fd"])
    os.close(found["command_fd"])


class Harmful(Policy):
    """Does in the start stage what the instrument is called; in the main stage, HOLD reserves."""

    name = "Harmful"

    HARM: ClassVar[dict[str, Callable[[], None]]] = {
        "DIE": _die,
        "SPIN": _spin,
        "SLEEP": _sleep,
        "RAISE": _raise,
        "RAISE-UNTRAVELLED": _raise_untravelled,
        "RAISE-EXIT": _exit,
        "BREAK": _break_the_loop,
        "CLOSE": _close_the_pipes,
    }

    def __init__(self, gate: Gate | None = None, journal: Journal | None = None) -> None:
        self._gate = gate
        self._journal = journal

    def check_pre_trade_start(self, ctx: Any, order: Any) -> Any:
        name = order.operation.instrument.underlying_asset
        if name == "WAIT" and self._gate is not None:
            self._gate.wait()
        elif name.startswith("WRITE "):
            os.write(_locals_of_the_loop()["reply_fd"], bytes.fromhex(name[6:]))
        elif name.startswith("LAST "):
            os.write(_locals_of_the_loop()["reply_fd"], bytes.fromhex(name[5:]))
            os._exit(0)
        elif name in self.HARM:
            self.HARM[name]()
        return ()

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        name = order.operation.instrument.underlying_asset
        if name == "HOLD-BADLY":
            return PolicyDecision.accept(mutations=[Mutation(_raise, _raise)])
        if self._journal is None or not name.startswith(("HOLD", "WAIT")):
            return PolicyDecision.accept()
        number = order.operation.account_id.value
        return PolicyDecision.accept(mutations=[self._journal.mutation(f"{number}")])

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        if report.operation.instrument.underlying_asset == "WAIT" and self._gate is not None:
            self._gate.wait()

    def apply_account_adjustment(self, ctx: Any, account_id: Any, adjustment: Any) -> Any:
        if adjustment.operation.asset == "WAIT" and self._gate is not None:
            self._gate.wait()
        return super().apply_account_adjustment(ctx, account_id, adjustment)


class Blocking(Policy):
    """Blocks the account of every report that comes."""

    name = "Blocking"

    def apply_execution_report(self, ctx: Any, report: Any) -> Any:
        block = AccountBlock(policy="Blocking", code="Other", reason="reported", details="")
        return PostTradeResult(account_blocks=[block])
