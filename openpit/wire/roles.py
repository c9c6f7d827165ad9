"""What a session may say: a role for each session, a class for each message.

The server knows the role from the user that has connected, the router writes it into the head of
each batch, and the shard looks at every message of the batch before it applies any of them. A
client knows its role from the handshake and refuses before it sends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.wire import kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "KINDS_OF",
    "OF_KIND",
    "OF_METHOD",
    "OF_OPERATION",
    "ROLES",
    "Role",
    "role_name",
    "role_of",
]


class Role:
    """What a session may do, and as classes of messages, who may send them: each may more."""

    ROUTER: Final = 0  # in heads: the router's own client, which may say everything
    READER: Final = 1  # ask, and change nothing
    TRADER: Final = 2  # orders, what becomes of them, and reports
    ADMIN: Final = 3  # settings, blocks, groups, balances
    NOBODY: Final = 4  # of a class: no session


ROLES: Final = {"reader": Role.READER, "trader": Role.TRADER, "admin": Role.ADMIN}
"""By the name that a command line has for them."""

OF_KIND: Final = {
    kinds.EXECUTE: Role.TRADER,
    kinds.EXECUTE_COUNTED: Role.TRADER,
    kinds.EXECUTE_WHOLE: Role.TRADER,
    kinds.START: Role.TRADER,
    kinds.START_DRY_RUN: Role.READER,
    kinds.EXECUTE_DRY_RUN: Role.READER,
    kinds.DROP_COPY: Role.TRADER,
    kinds.EXECUTE_REQUEST: Role.TRADER,
    kinds.COMMIT: Role.TRADER,
    kinds.ROLLBACK: Role.TRADER,
    kinds.COMMIT_MANY: Role.TRADER,
    kinds.ROLLBACK_MANY: Role.TRADER,
    kinds.DROP: Role.TRADER,
    kinds.REPORT: Role.TRADER,
    kinds.REPORT_WHOLE: Role.TRADER,
    kinds.ADJUST: Role.ADMIN,  # who may give an account money may lift any limit on it
    kinds.ADMINISTER: Role.READER,  # by its method, see below
    kinds.CONFIGURE: Role.ADMIN,
    kinds.CHECK_SETTINGS: Role.ADMIN,
    kinds.TELL_AXES: Role.READER,
    kinds.ASK_ACTOR: Role.TRADER,
    kinds.TELL_ACTOR: Role.TRADER,
    kinds.QUOTE: Role.READER,  # by its operation, see below
    kinds.ASK_MARKET: Role.READER,
    kinds.KEYED: Role.TRADER,  # by its command, see below
    kinds.ASK_LEFT: Role.TRADER,
    kinds.DROP_LEFT: Role.TRADER,
    kinds.ASK_OUTCOME: Role.TRADER,
    kinds.TELL_TALLIES: Role.READER,
    kinds.ASK_MISSED: Role.TRADER,
    kinds.HELLO: Role.NOBODY,
}
"""The least role that may send a command of each kind."""

OF_METHOD: Final = {
    "anything_blocked": Role.READER,
    "account_row": Role.READER,
    "group_of": Role.READER,
    "groups": Role.READER,
    "halted": Role.READER,
    "recent": Role.READER,
    "settings": Role.READER,
    "block": Role.ADMIN,
    "block_group": Role.ADMIN,
    "can_register": Role.ADMIN,
    "can_unregister": Role.ADMIN,
    "clear_currency": Role.ADMIN,
    "clear_group_currency": Role.ADMIN,
    "halt": Role.ADMIN,
    "register_group": Role.ADMIN,
    "remark": Role.ADMIN,
    "remark_of_account": Role.ADMIN,
    "replace_block_reason": Role.ADMIN,
    "replace_group_block_reason": Role.ADMIN,
    "resume": Role.ADMIN,
    "set_currency": Role.ADMIN,
    "set_group_currency": Role.ADMIN,
    "unblock": Role.ADMIN,
    "unblock_all": Role.ADMIN,
    "unblock_group": Role.ADMIN,
    "unregister_group": Role.ADMIN,
}
"""The least role that may call a method of an administrative command."""


OF_OPERATION: Final = {
    "quote": Role.TRADER,
    "quote_for": Role.TRADER,
    "clear": Role.TRADER,
    "register": Role.ADMIN,
    "instrument_ttl": Role.ADMIN,  # how old a price may be that orders are checked by
    "instrument_account_ttl": Role.ADMIN,
    "instrument_group_ttl": Role.ADMIN,
    "account_ttl": Role.ADMIN,
    "group_ttl": Role.ADMIN,
    "default_ttl": Role.NOBODY,
    "push": Role.NOBODY,  # with an instant, where a session tells an age
    "push_for": Role.NOBODY,
    "restored": Role.NOBODY,
}
"""The least role that may make a change of market data."""

_OF_ITS_CONTENT: Final = frozenset({kinds.ADMINISTER, kinds.QUOTE, kinds.KEYED})


def role_of(command: Sequence[Any]) -> int:
    """Return the least role that may send a command that has been read."""
    kind = command[0]
    if kind == kinds.KEYED:
        return role_of(command[3])
    if kind == kinds.QUOTE:
        return OF_OPERATION[command[3][0]]
    return OF_METHOD[command[2]] if kind == kinds.ADMINISTER else OF_KIND[kind]


KINDS_OF: Final = {
    role: frozenset(
        kind for kind, its in OF_KIND.items() if its <= role and kind not in _OF_ITS_CONTENT
    )
    for role in ROLES.values()
}
"""The kinds of which a role may send any command, whatever is in it."""


def role_name(role: int) -> str:
    """Return what a command line calls a role."""
    return next(name for name, its in ROLES.items() if its == role)
