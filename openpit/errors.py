"""Every exception of the package, in one tree.

::

    Exception
    ├── ValueError
    │   ├── ParamError                          a value outside its type's range or grammar
    │   ├── AssetError                          an empty asset
    │   └── AccountIdError                      an empty account text
    ├── RejectError                             kept for its name; nothing raises it
    ├── AccountBlockError                       a block operation that does not apply
    ├── AccountGroupRegistrationError           a group operation that does not apply
    ├── PolicyConfigureError                    a settings update that was refused (``kind``)
    ├── MarketDataError
    │   ├── UnknownInstrument                   the instrument has no quotes at all
    │   ├── QuoteUnavailable                    no quote in the buckets that may be read
    │   └── QuoteExpired                        the quote is older than its time to live (``quote``)
    ├── AlreadyRegistered                       the instrument has an id (``instrument``)
    ├── RegistrationError                       the instrument or the id is taken
    ├── UnknownInstrumentId                     no instrument has this id (``instrument_id``)
    ├── ReferenceBookRegistrationError          the instrument or the id is taken
    ├── UnknownReferenceBookInstrumentId        no instrument has this id (``instrument_id``)
    ├── ExceptionGroup
    │   └── SomeItemsFailed                     of a call over many items (``results``, ``indexes``)
    ├── WireError                               bytes that are not a frame of this version
    │   └── FrameTooLarge                       a message over the frame limit, before it is sent
    ├── ActorScopeError                         in an actor: not its message's to do (``what``)
    └── ShardedEngineError                      what only an engine of several processes can raise
        ├── ServerRefused                       a server did not take this session (``reason``)
        ├── NotPermitted                        not for this session's role (``role``, ``needed``)
        ├── EngineClosed                        the call came after ``close()``
        ├── ShardStartError                     a worker did not come up (``shard``)
        ├── ShardDown                           the account's worker has died (``shard``)
        ├── ShardOverloaded                     no credit for the shard in time (``shard``)
        │   └── ShardStalled                    it answers nothing at the moment (``shard``)
        ├── JournalError                        a journal cannot be used
        │   ├── JournalInUse                    another engine has its directory
        │   ├── JournalDamaged                  a hole in it (``path``, ``position``)
        │   ├── JournalMismatch                 another engine's (``differences``)
        │   ├── JournalFailed                   it could not be written, and takes nothing more
        │   └── ReplayDiverged                  a batch was answered otherwise again (``shard``)
        ├── OutcomeUnknown                      sent, but the answer is lost (``shard``)
        ├── CommandSkipped                      its shard's worker ends each time at it (``shard``)
        ├── KeyConflict                         the key is another call's (``shard``)
        ├── ReservationExpired                  open for too long (``shard``)
        └── ShardCallbackError                  of user code, its class not here (``shard``)

The first group is that of the reference's API and carries its module names; the last group is this
project's own. Those of values, quotes and the reference book are defined beside what they are
about, in layers that know nothing of this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from openpit.marketdata.errors import (
    AlreadyRegistered,
    MarketDataError,
    QuoteExpired,
    QuoteUnavailable,
    RegistrationError,
    UnknownInstrument,
    UnknownInstrumentId,
)
from openpit.param.errors import AccountIdError, AssetError, ParamError
from openpit.reference_book import (
    ReferenceBookRegistrationError,
    UnknownReferenceBookInstrumentId,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openpit.param.enums import ConfigureErrorKind

__all__ = [
    "AccountBlockError",
    "AccountGroupRegistrationError",
    "AccountIdError",
    "ActorScopeError",
    "AlreadyRegistered",
    "AssetError",
    "CommandSkipped",
    "EngineClosed",
    "FrameTooLarge",
    "JournalDamaged",
    "JournalError",
    "JournalFailed",
    "JournalInUse",
    "JournalMismatch",
    "KeyConflict",
    "LeftBehind",
    "MarketDataError",
    "NotPermitted",
    "OutcomeUnknown",
    "ParamError",
    "PolicyConfigureError",
    "QuoteExpired",
    "QuoteUnavailable",
    "ReferenceBookRegistrationError",
    "RegistrationError",
    "RejectError",
    "ReplayDiverged",
    "ReservationExpired",
    "ServerRefused",
    "ShardCallbackError",
    "ShardDown",
    "ShardOverloaded",
    "ShardStalled",
    "ShardStartError",
    "ShardedEngineError",
    "SomeItemsFailed",
    "UnknownInstrument",
    "UnknownInstrumentId",
    "UnknownReferenceBookInstrumentId",
    "WireError",
]


# --- engine ------------------------------------------------------------------------------------


class RejectError(Exception):
    """Kept for programs that import its name; no path of the engine raises it."""

    __module__ = "openpit"


class AccountBlockError(Exception):
    """A block operation does not apply to the account or group."""

    __module__ = "openpit"


class AccountGroupRegistrationError(Exception):
    """A group operation does not apply to one of the listed accounts."""

    __module__ = "openpit"


class PolicyConfigureError(Exception):
    """A settings update was refused and nothing of it was applied.

    ``kind`` tells an unknown policy name, a policy of another type and invalid settings apart.
    """

    __module__ = "openpit"

    kind: ConfigureErrorKind


# --- calls over many items (this project's own) ------------------------------------------------


class SomeItemsFailed(ExceptionGroup[Exception]):
    """Some items of a call over many items failed; here is what became of the others.

    ``results`` stands in the order of the input, None where an item failed. For commits and
    rollbacks, which have no result, it is True where the item was done. ``indexes`` are the places
    of ``exceptions`` in the input, and ``failures`` is both together.

    The reservations in ``results`` are the caller's: they live as long as this exception or
    somebody else holds them, and roll back when nobody does. Of what ``except*``, ``split`` and
    ``subgroup`` take out, every part has all results, and the indexes of its own exceptions.
    A pickled copy leaves the results behind that are objects of its engine.
    """

    results: list[Any]
    indexes: tuple[int, ...]

    @classmethod
    def _of(
        cls, method: str, results: list[Any], failures: Mapping[int, Exception]
    ) -> SomeItemsFailed:
        indexes = ", ".join(map(str, failures))
        made = cls(f"{method} failed at index {indexes}", list(failures.values()))
        made.results = results
        made.indexes = tuple(failures)
        return made

    @property
    def failures(self) -> dict[int, Exception]:
        """The exceptions by the index of their item."""
        return dict(zip(self.indexes, self.exceptions, strict=True))

    def derive(self, excs: Sequence[Exception], /) -> SomeItemsFailed:  # type: ignore[override]  # all of its members are Exceptions
        """Return a group of some of the members, with the same results."""
        made = SomeItemsFailed(self.message, excs)
        made.results = self.results
        # One exception may stand for several items, and a member that is a group may be cut itself.
        left = list(zip(self.indexes, self.exceptions, strict=True))
        indexes: list[int] = []
        for each in excs:
            place = next((n for n, (_, one) in enumerate(left) if _is_part(each, one)), None)
            if place is not None:
                indexes.append(left.pop(place)[0])
        made.indexes = tuple(indexes)
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        state = dict(vars(self))
        state["results"] = [one if one is True else None for one in self.results]
        return type(self), (self.message, list(self.exceptions)), state


def _is_part(part: BaseException, whole: BaseException) -> bool:
    """Tell whether an exception is another one, or a group of some of its members."""
    while part is not whole:
        if not isinstance(part, BaseExceptionGroup) or not isinstance(whole, BaseExceptionGroup):
            return False
        if any(part.exceptions[0] is one for one in _leaves(whole)):
            return True
        part = part.exceptions[0]
    return True


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for one in group.exceptions:
        found += _leaves(one) if isinstance(one, BaseExceptionGroup) else [one]
    return found


# --- wire and shards (this project's own) ------------------------------------------------------


class WireError(Exception):
    """Bytes on a pipe are not a frame of this protocol version; the connection is given up."""


class FrameTooLarge(WireError):  # noqa: N818 - says what the frame is, as the others do
    """A message would exceed the frame limit; nothing of it was sent."""


class ActorScopeError(Exception):
    """An actor has asked its engine for what is not of its message's account; nothing was done.

    ``actor`` is its name, ``what`` the method. That is so at every number of shards, one included.
    """

    def __init__(self, actor: str, what: str, why: str) -> None:
        super().__init__(f"actor {actor}: {what} is not for its message: {why}")
        self.actor = actor
        self.what = what
        self.why = why

    def __reduce__(self) -> tuple[Any, ...]:
        return ActorScopeError, (self.actor, self.what, self.why)


class ShardedEngineError(Exception):
    """Base of what only an engine of several processes can raise."""


class EngineClosed(ShardedEngineError):  # noqa: N818 - a state, as the others
    """The engine was closed before the call."""


class _ShardError(ShardedEngineError):
    """A failure of one shard; ``shard`` is its number."""

    def __init__(self, message: str, shard: int) -> None:
        super().__init__(message)
        self.shard = shard

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.shard), dict(vars(self))


class ServerRefused(ShardedEngineError):  # noqa: N818 - a state, as the others
    """A server did not take a session; ``reason`` is why, in a word.

    ``"absent"``: nobody listens there; ``"full"``, ``"version"``, ``"user"``, ``"closed"``: the
    server says so; ``"time"``: it takes no program's clock; ``"malformed"``: it is none, or could
    make nothing of this client.
    """

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return ServerRefused, (self.reason, str(self))


class NotPermitted(ShardedEngineError, PermissionError):  # noqa: N818 - as above
    """A call is not for the role that the server gives this session; nothing was sent.

    ``role`` is the session's, ``needed`` the least that may: ``"reader"``, ``"trader"`` or
    ``"admin"``. See ``openpit serve --role``.
    """

    def __init__(self, what: str, role: str, needed: str) -> None:
        super().__init__(f"{what!r} takes the role {needed!r}, this session has {role!r}")
        self.what = what
        self.role = role
        self.needed = needed

    def __reduce__(self) -> tuple[Any, ...]:
        return NotPermitted, (self.what, self.role, self.needed)


class ShardStartError(_ShardError):
    """A worker did not come up, or could not load a policy; no engine was built."""


class ShardDown(_ShardError):  # noqa: N818 - a state, as the others
    """The worker that owns the account has died; nothing was sent."""


class ShardOverloaded(_ShardError):  # noqa: N818 - a state, as the others
    """The shard had no credit left within the time allowed; nothing was sent."""


class ShardStalled(ShardOverloaded):
    """The shard has answered nothing for a timeout, and takes nothing until it does; not sent."""


class JournalError(ShardedEngineError):
    """A journal cannot be used; no engine was built of it, or none goes on with it."""


class JournalInUse(JournalError):  # noqa: N818 - a state, as the others
    """Another engine uses the journal's directory, in this process or another."""


class JournalDamaged(JournalError):  # noqa: N818 - as above
    """A journal lacks something that was down: what comes behind it cannot be believed.

    ``path`` is the file, and ``position`` where in it the first byte of what is missing should be.
    """

    def __init__(self, message: str, path: object, position: int) -> None:
        super().__init__(message)
        self.path: str = str(path)
        self.position = position

    def __reduce__(self) -> tuple[Any, ...]:
        return JournalDamaged, (str(self), self.path, self.position)


class JournalMismatch(JournalError):  # noqa: N818 - as above
    """A journal was written by another engine than the one that is being built.

    ``differences`` says in what, one text each: its shards, a version, a policy or its settings.
    """

    def __init__(self, message: str, differences: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.differences: tuple[str, ...] = tuple(differences)

    def __reduce__(self) -> tuple[Any, ...]:
        return JournalMismatch, (str(self), self.differences)


class JournalFailed(JournalError):  # noqa: N818 - as above
    """A log could not be written or synced. It takes nothing more; what was down before stays."""


class ReplayDiverged(JournalError):  # noqa: N818 - as above
    """A batch was answered otherwise when it was replayed: a policy reads more than its input.

    The clock, randomness, the order of a set. ``shard`` is the shard's number, the text has the
    batch's.
    """

    def __init__(self, message: str, shard: int) -> None:
        super().__init__(message)
        self.shard = shard

    def __reduce__(self) -> tuple[Any, ...]:
        return ReplayDiverged, (str(self), self.shard)


class SentCall(NamedTuple):
    """A call that was sent and whose answer is lost, as it is asked for later."""

    what: str
    """Of which kind it was."""
    shard: int
    number: int | None
    """Of its command in the shard's journal, of a session's by its own count; None where no number
    means anything to who asks later."""
    account: int | None
    key: bytes
    """Empty: it had none."""
    time: int
    """Of the engine's clock, in nanoseconds, when it was made."""
    place: int = 0
    """Among the items of its command."""
    session: int = 0
    """Of a server, that has made it; 0: an embedded engine has."""


class OutcomeUnknown(_ShardError):  # noqa: N818 - a state, as the others
    """The call was sent and its answer is lost: it may or may not have been applied.

    ``outcome()`` of the engine that has the journal then tells which, by ``call``: None where the
    call was of several shards.
    """

    call: SentCall | None = None


class CommandSkipped(_ShardError):  # noqa: N818 - as above
    """The worker of the call's shard has ended each time that it came to it; it was not applied.

    Only where there is a journal: without one, there is no second time. A policy that ends its
    process, as by a fault in a library of its own, does so. A commit or a rollback is over all the
    same: without the callbacks of custom policies, for which the engine is blocked, as for one that
    raises.
    """


class KeyConflict(_ShardError):  # noqa: N818 - as above
    """Another call of the account had the key that this one has; nothing of this one was applied.

    Another order, report or batch of adjustments, or another method. The first call stands.
    """


class ReservationExpired(_ShardError, RuntimeError):  # noqa: N818 - as above
    """A reservation or a request was open for longer than ``reservation_ttl``: it is rolled back.

    What it held others may have by now, so that its order must not go to the venue.
    """


class ShardCallbackError(_ShardError):
    """A policy raised an exception whose class cannot be had in the caller's process.

    The text names that class and has its own text; ``why`` says what is in the way. Where one of
    its base classes can be had, this is of that class, too: an ``except ValueError`` holds for a
    ``ValueError`` of a class that is made in a function.
    """

    why: str = ""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return ShardCallbackError, (str(self), self.shard), dict(vars(self))


class LeftBehind:
    """Stands in an exception for a value that could not travel out of its worker.

    Looks like that value when it is printed, and is nothing else; a note on the exception names it.
    """

    __slots__ = ("_text",)

    _text: str

    @classmethod
    def _of(cls, text: str) -> LeftBehind:
        self = cls()
        self._text = text
        return self

    def __repr__(self) -> str:
        return self._text


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_left_behind: Callable[[str], LeftBehind] = LeftBehind._of
new_some_items_failed: Callable[[str, list[Any], Mapping[int, Exception]], SomeItemsFailed] = (
    SomeItemsFailed._of
)
