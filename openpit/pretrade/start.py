"""The start stage as callers see it: its answer, and the request for the main stage.

Apart from the other results: a request answers with one of those.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, final

from openpit.core.opaque import Opaque
from openpit.pretrade.results import summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.pretrade.narrowed import AsyncExecuteResult, ExecuteResult
    from openpit.pretrade.rejects import Reject

__all__ = ["AsyncRequest", "Request", "StartResult", "new_start_result"]

_new = object.__new__


class Request(Opaque):
    """An order that passed the start stage; used once, dropped without effect."""

    __module__ = "openpit.pretrade"
    __slots__ = ()

    @abstractmethod
    def execute(self) -> ExecuteResult:
        """Run the main stage.

        Raises:
            RuntimeError: it was executed before, also where a policy had raised then.
            Exception: the first one that a custom policy raised; the order did not pass.
            ShardedEngineError: on shards: it has expired, or the engine is closed.
        """


class AsyncRequest(Opaque):
    """An order that passed the start stage; used once, dropped without effect."""

    __module__ = "openpit.pretrade"
    __slots__ = ()

    @abstractmethod
    async def execute(self) -> AsyncExecuteResult:
        """Run the main stage; as :meth:`openpit.pretrade.Request.execute`.

        Raises:
            RuntimeError: it was executed before, also where a policy had raised then.
            Exception: the first one that a custom policy raised; the order did not pass.
            ShardedEngineError: on shards: it has expired, or the engine is closed.
        """


@final
class StartResult(Opaque):
    """Answer to the start stage of an order; true when it passed."""

    __module__ = "openpit.pretrade"
    __slots__ = ("_rejects", "_request")

    _request: Request | None
    _rejects: Sequence[Reject]

    @staticmethod
    def _of(request: Request | None, rejects: Sequence[Reject]) -> StartResult:
        self = _new(StartResult)
        self._request = request
        self._rejects = rejects
        return self

    @property
    def ok(self) -> bool:
        """Whether the order passed."""
        return self._request is not None

    @property
    def request(self) -> Request | None:
        """Handle of the main stage, None when the order was rejected."""
        return self._request

    @property
    def rejects(self) -> list[Reject]:
        """Rejects of all policies in registration order, empty when the order passed."""
        return list(self._rejects)

    def __bool__(self) -> bool:
        return self._request is not None

    def __repr__(self) -> str:
        return summary("StartResult", self._request is not None, self._rejects)


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_start_result = StartResult._of
