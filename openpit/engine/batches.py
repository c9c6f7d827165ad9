"""Calls over many items: every item is finished, and failures are told together, by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["each", "failure_of"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def failure_of(method: str, failures: Mapping[int, Exception]) -> ExceptionGroup[Exception]:
    """Return one exception for the failed items; its text names their indexes."""
    indexes = ", ".join(str(index) for index in failures)
    return ExceptionGroup(f"{method} failed at index {indexes}", list(failures.values()))


def each(method: str, call: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Call for every item, in order; results in the order of the input.

    Raises:
        ExceptionGroup: some calls raised; the others were made all the same.
    """
    results: list[_Result] = []
    failures: dict[int, Exception] = {}
    for index, item in enumerate(items):
        try:
            results.append(call(item))
        except Exception as error:  # noqa: BLE001 - told together, when every item is finished
            failures[index] = error
    if failures:
        failed = failure_of(method, failures)
        # The traceback keeps this frame: neither reservations nor the exception may hang on it.
        results.clear()
        failures.clear()
        try:
            raise failed
        finally:
            del failed
    return results
