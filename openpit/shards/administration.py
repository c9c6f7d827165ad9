"""What a router may ask of a shard's engine beside orders, reports and adjustments: by name.

The names of the first table are those of the engine's account registry, whose errors travel back
as they are; the names of the second are the public configurator's.
"""

from __future__ import annotations

from inspect import signature
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.engine.configurator import (
    TOGETHER,
    Configurator,
    checked_change,
    new_configurator,
)
from openpit.engine.inspection import account_row, settings_of
from openpit.errors import AccountGroupRegistrationError
from openpit.param.ids import AccountId
from openpit.pretrade.policies.rate_limit import RateChange
from openpit.pretrade.rejects import AccountBlock
from openpit.pretrade.results import blocks_with_accounts
from openpit.wire.checks import U32_MAX, all_of, exactly, is_asset, is_text, up_to
from openpit.wire.decimal_texts import malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.policies.rate_limit_settings import RateLimitSettings
    from openpit.wire.checks import Check

__all__ = [
    "RECENT",
    "REMARKS",
    "administer",
    "check_administration",
    "check_configuration",
    "configure",
    "rates_after",
]

RECENT: Final = "recent"
"""The call that the shard answers itself: what it has refused and changed last."""

REMARKS: Final = frozenset({"remark", "remark_of_account"})
"""Calls that change nothing: why the session has made its last change, for who reads of that."""


def _first_refusal(
    check: Callable[[list[int], int], None], accounts: list[int], group: int
) -> tuple[int, str] | None:
    """Return the place of the first account that is refused and why, None when all pass."""
    for place, account in enumerate(accounts):
        try:
            check([account], group)
        except AccountGroupRegistrationError as error:
            return place, str(error)
    return None


# --- what there is, and what the arguments may be -------------------------------------------------

_Call: TypeAlias = "tuple[Callable[..., object], tuple[Check, ...]]"

_is_account: Final = exactly(int)  # whose account, and that it is one, the caller finds out
_are_accounts: Final = all_of(_is_account, list)
_is_group: Final = up_to(U32_MAX)
_MEMBERS: Final = (_are_accounts, _is_group)


def _of_registry(name: str, *checks: Check) -> _Call:
    """Return a method of the registry, with the checks of its arguments."""
    method = attrgetter(name)
    return lambda core, *values: method(core.registry)(*values), checks


_CALLS: Final[dict[str, _Call]] = {
    "account_row": (account_row, (_is_account,)),
    "anything_blocked": (lambda core: core.registry.anything_blocked, ()),
    "block": _of_registry("block", _is_account, exactly(AccountBlock)),
    "block_group": _of_registry("block_group", _is_group, is_text),
    "can_register": (
        lambda core, *values: _first_refusal(core.registry.check_register, *values),
        _MEMBERS,
    ),
    "can_unregister": (
        lambda core, *values: _first_refusal(core.registry.check_unregister, *values),
        _MEMBERS,
    ),
    "clear_currency": _of_registry("clear_currency", _is_account),
    "clear_group_currency": _of_registry("clear_group_currency", _is_group),
    "group_of": _of_registry("group_of", _is_account),
    "groups": _of_registry("groups_told"),
    "halt": _of_registry("halt", is_text),
    "halted": (lambda core: core.registry.halted, ()),
    RECENT: (lambda *_: None, ()),  # the shard's own answer
    "register_group": (lambda core, *values: core.register_group(*values), _MEMBERS),
    "remark": (lambda *_: None, (is_text,)),  # it is in the journal, and recent
    "remark_of_account": (lambda *_: None, (_is_account, is_text)),
    "replace_block_reason": _of_registry("replace_block_reason", _is_account, is_text),
    "replace_group_block_reason": _of_registry("replace_group_block_reason", _is_group, is_text),
    "resume": _of_registry("resume"),
    "set_currency": _of_registry("set_currency", _is_account, is_asset),
    "set_group_currency": _of_registry("set_group_currency", _is_group, is_asset),
    "settings": (settings_of, ()),
    "unblock": _of_registry("unblock", _is_account),
    "unblock_all": _of_registry("unblock_all"),
    "unblock_group": _of_registry("unblock_group", _is_group),
    "unregister_group": (lambda core, *values: core.unregister_group(*values), _MEMBERS),
}


def check_administration(method: object, arguments: Any) -> Sequence[int]:
    """Return the accounts that a call names.

    Raises:
        WireError: there is no such call, or not with such arguments.
    """
    _, checks = _CALLS.get(method, (None, None)) if type(method) is str else (None, None)
    if checks is None or type(arguments) is not tuple or len(arguments) != len(checks):
        raise malformed("an administrative call", (method, arguments))
    accounts: Sequence[int] = ()
    for check, value in zip(checks, arguments, strict=True):
        if not check(value):
            raise malformed("an administrative call", (method, arguments))
        if check is _is_account:
            accounts = (value,)
        elif check is _are_accounts:
            accounts = value
    return accounts


def _parameters(method: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of a configurator's parameters, and of those without a default."""
    parameters = [*signature(getattr(Configurator, method)).parameters.values()][1:]
    return (
        frozenset(one.name for one in parameters),
        frozenset(one.name for one in parameters if one.default is one.empty),
    )


_SETTINGS: Final = {
    method: _parameters(method) for method in vars(Configurator) if not method.startswith("_")
}


def check_configuration(method: object, arguments: Any) -> int | None:
    """Return the account that a change of settings names; its values are read when it is made.

    Raises:
        WireError: there is no such change, or not with arguments of such names.
    """
    names = _SETTINGS.get(method) if type(method) is str else None
    if names is None or type(arguments) is not dict:
        raise malformed("a change of settings", (method, arguments))
    known, needed = names
    if not needed <= arguments.keys() <= known:
        raise malformed("a change of settings", (method, arguments))
    if method == "apply_all":
        _check_together(arguments["changes"])
    account = arguments.get("account")
    return account.value if type(account) is AccountId else None


def _check_together(changes: Any) -> None:
    """Raise WireError unless each is a change of settings that may be made with others."""
    for change in changes if type(changes) is list else [changes]:
        match change:
            case (str() as method, dict() as arguments) if method in TOGETHER:
                check_configuration(method, arguments)
            case _:
                raise malformed("a change of settings", ("apply_all", changes))


# --- how they are made ----------------------------------------------------------------------------


def administer(core: EngineCore, method: str, arguments: Any) -> object:
    """Run one administrative call; return its answer, raise what it raises."""
    call, _ = _CALLS[method]
    return call(core, *arguments)


def configure(core: EngineCore, method: str, arguments: Any) -> object:
    """Change settings as the public configurator does; return the blocks that follow, if any."""
    result = getattr(new_configurator(core), method)(**arguments)
    return None if result is None else blocks_with_accounts(result)


def rates_after(core: EngineCore, method: str, arguments: Any) -> RateLimitSettings | None:
    """Check a change of settings; return the rates that it would bring, None where it has none."""
    change = checked_change(core, method, arguments)
    return change.settings if isinstance(change, RateChange) else None
