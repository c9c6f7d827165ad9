"""What a batch that the router passes on for a client has to be, before any of it is applied.

The whole batch is looked at against its head, in which the router says what it vouches for. One
that does not fit is refused, and its client's session ends. One that fits, but was made by an old
version of the settings, goes back to its client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.errors import WireError
from openpit.shards.alike import AlikeOrders, kinds_in
from openpit.wire import kinds
from openpit.wire.frames import Flag
from openpit.wire.roles import KINDS_OF, role_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.shards.counts import BatchCounts
    from openpit.shards.held import Held, Open

__all__ = ["admit", "check_handles", "check_head"]

_ALONE: Final = frozenset(
    {
        *("anything_blocked", "can_register", "can_unregister", "groups", "halt", "halted"),
        *("recent", "remark", "settings"),
    }
)
"""What a shard may be told alone: it changes nothing, or stops orders, which a shard may owe."""

_OF_MARKET: Final = frozenset({kinds.QUOTE})
_CHANGES: Final = frozenset({kinds.ADMINISTER, kinds.CONFIGURE})
_ONE_HANDLE: Final = frozenset({kinds.EXECUTE_REQUEST, kinds.COMMIT, kinds.ROLLBACK})
_HANDLES: Final = frozenset({kinds.COMMIT_MANY, kinds.ROLLBACK_MANY, kinds.DROP})
_SETTLED: Final = _CHANGES | {kinds.CHECK_SETTINGS, kinds.TELL_AXES}
"""The commands that no version of the settings matters to."""

Command = tuple[Any, ...]


def check_head(commands: Sequence[Command], client: int, count: int, flags: int) -> None:
    """Check how many commands a batch has, and what its flags say.

    Raises:
        WireError: they are others than its head told, or not for such a client.
    """
    known = Flag.TIMES | Flag.TURN | Flag.CHECK | Flag.ALL if client else Flag.TIMES
    if len(commands) != count or flags & ~known:
        raise WireError(f"{len(commands)} commands where {count} were told, flags {flags}")


def check_handles(
    commands: Sequence[Command], client: int, own: Open, held: Held, numbers: range
) -> None:
    """Check the handles that a batch names: the client's own, or of nothing any more.

    ``numbers`` are those that commands have had, in this life of the shard.

    Raises:
        WireError: one is another client's, of another life, or of none.
    """
    if type(commands) is AlikeOrders:
        return  # orders name none
    for command in commands:
        if command[0] in _ONE_HANDLE:
            handles = command[2:3]
        elif command[0] in _HANDLES:
            handles = command[2]
        else:
            continue
        for handle in handles:
            if handle in own or held.was_handed_over(handle):
                continue
            if handle not in numbers or held.is_anothers(client, handle):
                raise WireError(f"a handle that is not this client's: {handle}")


def admit(
    commands: Sequence[Command], flags: int, role: int, settings: int, counts: BatchCounts
) -> int:
    """Check a batch; return the flags of its reply if it is not to be applied, else 0.

    Raises:
        WireError: it does not fit its head, or its client may not say what is in it.
    """
    has_turn = bool(flags & Flag.TURN)
    if flags & Flag.ALL:
        _check_changes(commands, role, has_turn=has_turn)
        return 0  # no version of the settings matters to it
    _check_role(commands, role, has_turn=has_turn)
    is_change = has_turn and _changes_settings(commands, counts)
    if settings == counts.version:
        counts.check_vouched(commands)
        is_old = False
    else:
        is_old = not (has_turn and _SETTLED.issuperset(kinds_in(commands)))
    if flags & Flag.CHECK and is_change:
        return Flag.RETURNED | Flag.SETTINGS
    return Flag.RETURNED if is_old or flags & Flag.CHECK else 0


def _check_role(commands: Sequence[Command], role: int, *, has_turn: bool) -> None:
    """Check whether a client of a role may say all that is in a batch.

    What is to be the same on all shards goes to all of them while no other client changes it.

    Raises:
        WireError: it may not.
    """
    allowed = KINDS_OF.get(role)
    if allowed is None:
        raise WireError(f"no role of a session: {role}")
    if kinds.CONFIGURE not in allowed and allowed.issuperset(kinds_in(commands)):
        return  # a trader's, as a rule
    for command in commands:
        kind = command[0]
        if kind == kinds.QUOTE:
            raise WireError(f"a change of market data that is not everybody's: {command!r:.100}")
        _check_allowed(command, role)
        if has_turn or kind not in _CHANGES or command[1] is not None:
            continue
        if kind == kinds.CONFIGURE or command[2] not in _ALONE:
            raise WireError(f"a change that spans shards, out of turn: {command[2]!r:.100}")


def _check_changes(commands: Sequence[Command], role: int, *, has_turn: bool) -> None:
    """Check whether a client of a role may make changes of market data, which all shards have.

    Raises:
        WireError: it may not, or there is something else in the batch.
    """
    if not _OF_MARKET.issuperset([command[0] for command in commands]):
        raise WireError("what is no change of market data, to all shards")
    for command in commands:
        _check_allowed(command, role)
        if command[3][0] == "register" and not has_turn:
            raise WireError(f"an instrument is registered out of turn: {command!r:.100}")


def _check_allowed(command: Command, role: int) -> None:
    if role_of(command) > role:
        raise WireError(f"message {command[0]} is not for this session's role: {command!r:.100}")


def _changes_settings(commands: Sequence[Command], counts: BatchCounts) -> bool:
    """Tell whether a batch changes settings that all shards have.

    Raises:
        WireError: there is something else in it, or in its head.
    """
    if all(command[:2] != (kinds.CONFIGURE, None) for command in commands):
        return False
    if len(commands) > 1 or counts.is_told:
        raise WireError("a change of settings is not alone in its batch")
    return True
