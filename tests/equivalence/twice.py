"""Engines on which every call that may have a key is made twice with one, as if made once."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from link import link
from switched import link_switched

from openpit.faces.blocking.engine import ShardedEngine

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.faces.embedded import ReadyShardedEngineBuilder

__all__ = ["TwiceEngine", "link_switched_twice", "link_twice"]


KEYS = count()


def twice(call: Callable[[str], Any], key: str) -> Any:
    """Make a call twice; return what the second one does, or raise what it raises."""
    try:
        first = call(key)
    except BaseException as error:
        try:
            call(key)
        except BaseException as again:
            assert type(again) is type(error), (again, error)  # noqa: PT017 - both are raised
            assert str(again) == str(error)  # noqa: PT017 - as above
            raise
        raise AssertionError(f"raised once: {error!r}") from error
    again = call(key)
    for handle in ("reservation", "request"):
        assert getattr(again, handle, None) is getattr(first, handle, None)
    return again


class TwiceEngine(ShardedEngine):
    """As its base, but for the calls that may have a key; those of no account have none."""

    __slots__ = ()

    def _call(self, method: str, account: object, *arguments: Any) -> Any:
        plain = getattr(super(), method)
        if account is None:
            return plain(*arguments)
        return twice(lambda key: plain(*arguments, key=key), f"call {next(KEYS)}")

    def start_pre_trade(self, order: Any, **_: Any) -> Any:  # type: ignore[override]
        return self._call("start_pre_trade", _account(order), order)

    def execute_pre_trade(self, order: Any, **_: Any) -> Any:  # type: ignore[override]
        return self._call("execute_pre_trade", _account(order), order)

    def apply_execution_report(self, report: Any, **_: Any) -> Any:  # type: ignore[override]
        return self._call("apply_execution_report", _account(report), report)

    def apply_account_adjustment(self, account_id: Any, adjustments: Any, **_: Any) -> Any:  # type: ignore[override]
        listed = list(adjustments)
        return self._call("apply_account_adjustment", account_id, account_id, listed)


TwiceEngine.__name__ = ShardedEngine.__name__  # what is compared


def _account(thing: Any) -> Any:
    return getattr(getattr(thing, "operation", None), "account_id", None)


def _twice(engine: ShardedEngine) -> ShardedEngine:
    engine.__class__ = TwiceEngine
    return engine


def link_twice(builder: ReadyShardedEngineBuilder) -> ShardedEngine:
    """Return such an engine, without processes."""
    return _twice(link(builder))


def link_switched_twice(builder: ReadyShardedEngineBuilder) -> ShardedEngine:
    """Return such an engine of a client of a server, without processes."""
    return _twice(link_switched(builder))
