"""The start stage's answer as type checkers see it; see :mod:`openpit.pretrade.narrowed`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Generic, TypeAlias, TypeVar, final

    from openpit.pretrade.narrowed import FalseResult, TrueResult
    from openpit.pretrade.start import AsyncRequest, Request

    _Handle_co = TypeVar("_Handle_co", covariant=True)
else:
    from openpit.pretrade.start import StartResult

__all__ = ["AsyncStartResult", "StartResult"]

if TYPE_CHECKING:

    class _Passed(TrueResult, Generic[_Handle_co]):
        @property
        def request(self) -> _Handle_co:
            """Handle of the main stage."""

    @final
    class StartPassed(_Passed[Request]):
        """An order passed the start stage."""

    @final
    class AsyncStartPassed(_Passed[AsyncRequest]):
        """An order passed the start stage."""

    @final
    class StartRejected(FalseResult):
        """An order did not pass the start stage."""

        @property
        def request(self) -> None:
            """Handle of the main stage: there is none."""

    StartResult: TypeAlias = StartPassed | StartRejected
    AsyncStartResult: TypeAlias = AsyncStartPassed | StartRejected
else:
    AsyncStartResult = StartResult
