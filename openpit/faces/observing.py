"""What a program hears of its engine as it runs: an object of its own, called by name."""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Any, Final

from openpit.router.lifecycle import ShardEvent

if TYPE_CHECKING:
    from openpit.wire.shard_stats import ShardStats

__all__ = ["OF_EVENT", "Observer", "ObserverGuard", "guarded"]

_log = getLogger("openpit.observer")


class Observer:
    """What an engine of several processes tells while it runs: each method does nothing here.

    An observer is given to ``.observer(...)`` of a sharded builder, or made by the factory that
    ``openpit serve --observer`` names. It may be of any class that has one of these methods; what
    it lacks is not called.

    They are called by whichever thread noticed, in the midst of its work: be quick, and call no
    method of the engine. What one raises is logged once, and harms nothing.
    """

    __slots__ = ()
    __module__ = "openpit"

    def depth(self, shard: int, in_flight: int, waiting: int) -> None:
        """Hear how many commands are on their way to a shard, and how many calls wait for credit.

        Told whenever something was sent to it, or has come from it.
        """

    def waited(self, shard: int, seconds: float) -> None:
        """Hear how long a call has waited for credit; one at a time is timed."""

    def ran(self, shard: int, seconds: float) -> None:
        """Hear how long a batch took until all of it was answered; one at a time is timed."""

    def stalled(self, stats: ShardStats) -> None:
        """Hear that a shard answers nothing; its orders are denied until it does."""

    def answered(self, stats: ShardStats) -> None:
        """Hear that a stalled shard answers again."""

    def recovering(self, stats: ShardStats) -> None:
        """Hear that a shard's worker has ended, and another one comes to where it was."""

    def recovered(self, stats: ShardStats) -> None:
        """Hear that it has come there."""

    def down(self, stats: ShardStats) -> None:
        """Hear that a shard is lost for good."""

    def session_opened(self, session: int, name: str | None, user: int) -> None:
        """Hear that a program has connected to this server: a number, its name, its user's id."""

    def session_closed(self, session: int, name: str | None, user: int) -> None:
        """Hear that it has gone, or was closed."""


METHODS: Final = tuple(name for name in vars(Observer) if not name.startswith("_"))

OF_EVENT: Final = {
    ShardEvent.STALL: "stalled",
    ShardEvent.ANSWER: "answered",
    ShardEvent.REPLACE: "recovering",
    ShardEvent.RECOVERED: "recovered",
    ShardEvent.LOST: "down",
}
"""The method that is told what happens to a shard."""


class ObserverGuard:
    """An observer, that may raise."""

    __slots__ = ("_failed", "_observer")

    def __init__(self, observer: object) -> None:
        self._observer: Final = observer
        self._failed: Final[set[str]] = set()

    def tell(self, name: str, *values: Any) -> None:
        """Call a method, if there is one."""
        method = getattr(self._observer, name, None)
        if method is None:
            return
        try:
            method(*values)
        except Exception:  # noqa: BLE001 - the program's own; the log has its traceback
            if name not in self._failed:
                self._failed.add(name)
                _log.exception(
                    "the observer has raised in %s(); that is logged once", name,
                    extra={"method": name},
                )  # fmt: skip


def guarded(observer: object) -> ObserverGuard:
    """Return an observer, guarded.

    Raises:
        TypeError: it has none of the methods, or one of them cannot be called.
    """
    found = [name for name in METHODS if getattr(observer, name, None) is not None]
    if not found or isinstance(observer, type):
        what = "a class: give an object of it" if isinstance(observer, type) else "not one"
        raise TypeError(
            f"observer() takes an object with one of {', '.join(METHODS)}; this is {what}"
        )
    for name in found:
        if not callable(getattr(observer, name)):
            raise TypeError(f"observer(): {name} of {type(observer).__name__} cannot be called")
    return ObserverGuard(observer)
