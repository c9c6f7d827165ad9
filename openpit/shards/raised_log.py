"""The log of what policies and actors raise, for who operates a server: the callers are others.

A policy that raises at each order must not fill a disk: one line for each kind of it in a while,
and how many more there were. Of an embedded engine's calls nothing is told here, since the program
has the exception; but for what nobody is given. Nothing is told of a replay.
"""

from __future__ import annotations

from logging import getLogger
from time import monotonic
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.engine.custom import CustomPolicy
from openpit.pretrade.policy_contract import BuiltinPolicy
from openpit.wire import kinds
from openpit.wire.exception_parts import described
from openpit.wire.failures import failure_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from openpit.engine.registry import AccountRegistry
    from openpit.shards.answering import Reply

    Command = tuple[Any, ...]

__all__ = ["INTERVAL_SECONDS", "KINDS", "RaisedLog"]

INTERVAL_SECONDS: Final = 10.0
"""How long nothing more is told of a kind that has just been told of, but counted."""

KINDS: Final = 64
"""How many kinds are told apart: policies may invent classes no end; those beyond are one."""

TEXT: Final = 300
"""Characters of an exception's text in the line."""

_Kind: TypeAlias = tuple[str, str]
_OTHERS: Final = ("others", "others")
_LOGGERS: Final = {"actor": getLogger("openpit.actors")}
_POLICIES: Final = getLogger("openpit.policies")
_MESSAGES: Final = frozenset({kinds.ASK_ACTOR, kinds.TELL_ACTOR})
_OF_SETTINGS: Final = frozenset({kinds.CONFIGURE, kinds.CHECK_SETTINGS, kinds.ADMINISTER})
"""Commands at which a built-in policy raises what is wrong with its caller's values."""

_OF_POLICIES: Final = ("openpit.engine.custom", "openpit.pretrade.")
"""Where the methods of policies are."""

_CALLBACK: Final = ("", "a callback of a policy")


class _Told:
    """When a kind was told of last, and how many have come since."""

    __slots__ = ("at", "more")

    def __init__(self, at: float) -> None:
        self.at = at
        self.more = 0


class RaisedLog:
    """That of one shard; ``client`` is whose the batch in hand is: 0 is the engine's program."""

    __slots__ = ("_clock", "_registry", "_shard", "_told", "client")

    def __init__(
        self, shard: int, registry: AccountRegistry, clock: Callable[[], float] = monotonic
    ) -> None:
        self._shard: Final = shard
        self._registry: Final = registry
        self._clock: Final = clock
        self._told: Final[dict[_Kind, _Told]] = {}
        self.client: int | None = 0

    def reply(self, error: BaseException, command: Command) -> Reply:
        """Return the reply to a command that has raised, and tell of it."""
        self.answered(error, command)
        return (kinds.RAISED, *failure_row(error))

    def answered(self, error: BaseException, command: Command) -> None:
        """Tell of what a command's caller is told, too, if user's code has raised it."""
        if self.client and not self._registry.is_replaying:
            whose = _whose(error, command)
            if whose is not None:
                self._tell(error, *whose, command[1])

    def unheard(self, error: BaseException, account: object, actor: str | None = None) -> None:
        """Tell of what no caller is told: by a rollback, or an actor without anybody who waits."""
        if not self._registry.is_replaying:
            whose = ("actor", actor) if actor else _policy_in(error) or _CALLBACK
            self._tell(error, *whose, account if isinstance(account, int) else None, trace=True)

    def end(self) -> None:
        """Tell how many more there were of each kind: there will be no line to say it in."""
        for (name, error), told in self._told.items():
            if told.more:
                _POLICIES.warning(
                    "shard %d: %s: %s: %d more", self._shard, name, error, told.more,
                    extra={"event": "raised", "shard": self._shard, "error": error,
                           "more": told.more},
                )  # fmt: skip
                told.more = 0

    def _tell(
        self,
        error: BaseException,
        what: str,
        name: str,
        account: int | None,
        *,
        trace: bool = False,
    ) -> None:
        who = f"{what} {name}".lstrip()
        kind = type(error).__qualname__
        more = self._count((who, kind))
        if more is None:
            return
        where, text = _place(error)[1], " ".join(described(error)[:TEXT].split())
        told = f"; {more} more like it since the last line" if more else ""
        _LOGGERS.get(what, _POLICIES).warning(
            "shard %d: %s has raised %s: %s (account %s, %s)%s",
            self._shard, who, kind, text, account, where, told,
            exc_info=error if trace else None,
            extra={
                "event": "raised", "shard": self._shard, "account": account,
                "session": self.client, what or "policy": name, "error": kind,
                "text": text, "where": where, "more": more,
                "traceback": _trace(error),
            },
        )  # fmt: skip

    def _count(self, kind: _Kind) -> int | None:
        """Count one of a kind; return how many were not told, or None where this is not either."""
        now = self._clock()
        told = self._told.get(kind)
        if told is None and len(self._told) >= KINDS:
            kind = _OTHERS
            told = self._told.get(kind)
        if told is None:
            self._told[kind] = _Told(now)
            return 0
        if now - told.at < INTERVAL_SECONDS:
            told.more += 1
            return None
        more, told.more, told.at = told.more, 0, now
        return more


def _whose(error: BaseException, command: Command) -> tuple[str, str] | None:
    """Return what of the user's has raised, and its name; None: what the caller has done wrong."""
    if command[0] == kinds.KEYED:
        command = command[3]
    is_of_settings = command[0] in _OF_SETTINGS
    policy = _policy_in(error, CustomPolicy if is_of_settings else BuiltinPolicy)
    if policy is not None:
        return policy
    if command[0] in _MESSAGES:
        return "actor", command[2]
    return _CALLBACK if _is_users(_place(error)[0]) else None


def _policy_in(
    error: BaseException, kind: type[BuiltinPolicy] = BuiltinPolicy
) -> tuple[str, str] | None:
    """Return the policy that an exception has come from, by the frames that it went through.

    To have each call of a policy note whose it is would cost every order; this costs who raises.
    What a reservation's commit or rollback calls has no policy around it, and is told as its place.
    """
    found = None
    for frame, _ in _frames(error):
        # Frames still at work hold the exception: to ask for their variables makes a cycle.
        if str(frame.f_globals.get("__name__")).startswith(_OF_POLICIES):
            its = frame.f_locals.get("self")
            if isinstance(its, kind):
                found = "policy", its.name
    return found


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    """Return the frames that an exception went through, each with its line: the outermost first."""
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _is_users(module: object) -> bool:
    return not (module == "openpit" or str(module).startswith("openpit."))


def _place(error: BaseException) -> tuple[object, str]:
    """Return where the user's code stood: the module, and as text with line and function."""
    module: object = "openpit"
    told = "nowhere"
    for frame, line in _frames(error):
        name = frame.f_globals.get("__name__")
        if _is_users(name) or not _is_users(module):
            module, told = name, f"{name}:{line} in {frame.f_code.co_qualname}"
    return module, told


def _trace(error: BaseException) -> str:
    try:
        return "".join(format_exception(error))
    except BaseException:  # noqa: BLE001 - it asks the exception for its parts
        return ""
