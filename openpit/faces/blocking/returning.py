"""The blocking face of a session whose server may go: calls look for it, since no thread does."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from openpit.faces.blocking.driver import BlockingDriver
from openpit.faces.returning import Returning

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.faces.pipes import Port
    from openpit.router.calls import Call

__all__ = ["ReturningBlockingDriver"]


class ReturningBlockingDriver(Returning, BlockingDriver):
    """Runs calls on a server; while that is away, each call looks for it before it is refused."""

    def _unwatch(self, port: Port) -> None:
        super()._unwatch(port)
        if self._is_away:
            self._attempts.due(monotonic())  # the first pause begins

    def run(self, method: Callable[..., Call], *arguments: Any) -> Any:
        """Look for the server if it is away, and make a call."""
        if self._is_away:
            self._look(lets_go=False)
        return super().run(method, *arguments)

    def run_part(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Look for the server if it is away, and make a call."""
        if self._is_away:
            self._look(lets_go=False)
        return super().run_part(method, *arguments)
