"""What a caller is told where something was not done: a status, a name, a text."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from openpit.errors import (
    AccountBlockError,
    AccountGroupRegistrationError,
    EngineClosed,
    KeyConflict,
    NotPermitted,
    OutcomeUnknown,
    PolicyConfigureError,
    ServerRefused,
    ShardCallbackError,
    ShardDown,
    ShardedEngineError,
    ShardOverloaded,
    WireError,
)
from openpit.limits.tables import ConfigError
from openpit.marketdata.errors import (
    QuoteUnavailable,
    UnknownInstrument,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STATUS_OF", "HttpFailure", "failure_of", "heard"]


class HttpFailure(Exception):  # noqa: N818 - what it becomes is an answer
    """Something was not done."""

    def __init__(self, status: int, error: str, text: str) -> None:
        super().__init__(text)
        self.status: Final = status
        self.error: Final = error
        self.text: Final = text


STATUS_OF: Final[dict[type[Exception], int]] = {
    AccountBlockError: 409,
    AccountGroupRegistrationError: 409,
    KeyConflict: 409,
    ConfigError: 422,
    PolicyConfigureError: 422,
    NotPermitted: 403,
    QuoteUnavailable: 404,
    UnknownInstrument: 404,
    LookupError: 404,
    ServerRefused: 503,
    ShardDown: 503,
    ShardOverloaded: 503,
    OutcomeUnknown: 503,
    EngineClosed: 503,
    ShardCallbackError: 409,  # a policy's own error: the text has it
    ShardedEngineError: 503,
    WireError: 422,
    ValueError: 422,
    OverflowError: 422,
    TypeError: 422,
}
"""The status of each error of the engine's; of one that is not here, that of its nearest base."""


def failure_of(error: Exception) -> HttpFailure | None:
    """Return what a caller is told of an error; None where it is one of the console itself."""
    for base in type(error).__mro__:
        status = STATUS_OF.get(base)
        if status is not None:
            return HttpFailure(status, type(error).__name__, str(error))
    return None


@contextmanager
def heard() -> Iterator[None]:
    """Have what the engine raises, or what its values refuse, become an answer."""
    try:
        yield
    except HttpFailure:
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure is None:
            raise
        raise failure from error
