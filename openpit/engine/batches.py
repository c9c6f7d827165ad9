"""Calls over many items: every item is finished, and failures are told together, by index."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from openpit.errors import SomeItemsFailed, new_some_items_failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["each", "failure_of", "tell"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def failure_of(
    method: str, results: list[Any], failures: Mapping[int, Exception]
) -> SomeItemsFailed:
    """Return one exception for the failed items, with the results of the others."""
    return new_some_items_failed(method, results, failures)


def tell(error: BaseException, results: list[Any], failures: Mapping[int, BaseException]) -> None:
    """Add to an exception that ends a call in its midst what had been done by then.

    It is raised as it is: ^C and a task's cancellation must stay what they are. An item that has
    neither a result nor a failure was not begun, or what became of it is not known.
    """
    others = {index: failure for index, failure in failures.items() if failure is not error}
    # Another exception's class may refuse attributes, or have such names of its own.
    with suppress(Exception):
        error.results = results  # type: ignore[attr-defined]  # see the docstring
        error.failures = others  # type: ignore[attr-defined]  # as above


def each(
    method: str,
    call: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    lets_go: bool = False,
) -> list[_Result]:
    """Call for every item, in order; results in the order of the input.

    ``lets_go`` says that the results are handles, which an exception that ends the call in its
    midst must not keep.

    Raises:
        SomeItemsFailed: some calls raised; the others were made all the same.
    """
    results: list[Any] = []
    failures: dict[int, Exception] = {}
    try:
        _call_all(call, items, results, failures)
    except BaseException as error:
        if not lets_go:
            tell(error, [*results], failures)
        results.clear()
        failures.clear()
        raise
    if failures:
        failed = failure_of(method, [*results], failures)
        # Tracebacks of the failures keep these two: neither reservations nor the exception may hang
        # on them.
        results.clear()
        failures.clear()
        try:
            raise failed
        finally:
            del failed
    return results


def _call_all(
    call: Callable[[_Item], _Result],
    items: Iterable[_Item],
    results: list[Any],
    failures: dict[int, Exception],
) -> None:
    for index, item in enumerate(items):
        try:
            results.append(call(item))
        except Exception as error:  # noqa: BLE001 - told together, when every item is finished
            results.append(None)
            failures[index] = error
