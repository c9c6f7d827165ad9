"""The settings of a running engine as a `limits.toml`, and what such a file would change."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

from openpit.limits.reading import pnl_axes, rate_axes, size_axes
from openpit.limits.tables import ConfigError, Table, located
from openpit.param.values import Quantity
from openpit.pretrade.policies import (
    PnlBoundsAccountAssetBarrierUpdate,
    SpotFundsLimitMode,
    SpotFundsPositionLimitEntry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit.limits.reading import Policies
    from openpit.param.ids import AccountId

    Tables = dict[str, dict[str, Any]]
    Change = tuple[str, dict[str, Any]]

__all__ = [
    "apply",
    "apply_async",
    "changes_between",
    "diff",
    "difference",
    "settings_in",
    "text_of_tables",
]


def text_of_tables(tables: Tables) -> str:
    """Return tables as TOML, as :meth:`openpit.Engine.settings` gives them."""
    return "\n\n".join("\n".join(_lines(name, table)) for name, table in tables.items()) + "\n"


def _lines(path: str, table: dict[str, Any], *, is_item: bool = False) -> Iterator[str]:
    yield f"[[{path}]]" if is_item else f"[{path}]"
    for key, value in table.items():
        if not isinstance(value, dict | list):
            yield f"{key} = {json.dumps(value, ensure_ascii=False)}"
    for key, value in table.items():
        for item in value if isinstance(value, list) else [value] if type(value) is dict else []:
            yield ""
            yield from _lines(f"{path}.{key}", item, is_item=isinstance(value, list))


def settings_in(policies: Policies, in_force: Tables) -> Tables:
    """Return the settings of a limits file, with its tables in the order of those in force.

    Raises:
        ConfigError: it needs other policies than those that run, or a policy in another group; the
            text names the table, and the line where the file has it.
    """
    wanted = policies.settings()
    with located(policies.text):
        _check_policies(wanted, in_force)
    return {name: wanted[name] for name in in_force}


def _check_policies(wanted: Tables, in_force: Tables) -> None:
    """Raise ConfigError where a file has other policies than those that run, or other groups."""
    for name in (*in_force, *wanted):
        if name not in wanted:
            raise ConfigError(f"the file has no [{name}]: policies are of the start")
        if name not in in_force:
            raise ConfigError(f"the engine has no [{name}]: policies are of the start", (name,))
        key = "policy_group_id"
        group = wanted[name].get(key)
        if in_force[name].get(key) != group:
            raise ConfigError(
                f"[{name}] {key} is of the start, and cannot be changed",
                (name,) if group is None else (name, key),
            )


def difference(before: Tables, after: Tables) -> str:
    """Return what differs, as a unified diff; empty where nothing does."""
    old, new = (text_of_tables(tables).splitlines() for tables in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "in force", "wanted", lineterm=""))


def diff(old: Policies, new: Policies) -> str:
    """Return what two limits files set otherwise, as a unified diff of TOML; empty if nothing.

    Both are told in one form, so what differs is a setting and not its spelling.

    Raises:
        ConfigError: a policy cannot work with its settings.
    """
    return difference(old.settings(), new.settings())


def apply(engine: Any, new: Policies) -> list[str]:
    """Change the limits of a running engine to those of a file: all of them, or none.

    ``engine`` is one of one process, a sharded one, or a connected one that may administer. All
    shards change at one point of each account's order of calls. What is of the start alone (funds,
    first PnLs, the accounts' currency) is not looked at. Returns the tables that differed, which
    are those that were changed.

    Raises:
        ConfigError: other policies than those that run, or a policy in another group.
        openpit.PolicyConfigureError: a policy cannot work with its settings; nothing is changed.
        openpit.NotPermitted: the session may not administer.
    """
    before = engine.settings()
    changes = changes_between(before, settings_in(new, before))
    if changes:
        engine.configure().apply_all(changes.values())
    return list(changes)


async def apply_async(engine: Any, new: Policies) -> list[str]:
    """Change the limits of an asyncio engine, as :func:`apply`.

    Raises:
        ConfigError: as :func:`apply`.
        openpit.PolicyConfigureError: as :func:`apply`.
        openpit.NotPermitted: as :func:`apply`.
    """
    before = await engine.settings()
    changes = changes_between(before, settings_in(new, before))
    if changes:
        await engine.configure().apply_all(changes.values())
    return list(changes)


def changes_between(before: Tables, after: Tables) -> dict[str, Change]:
    """Return by table the changes, as `apply_all()` takes them, that make one of the other."""
    return {
        name: _CHANGES[name](Table(name, wanted), Table(name, before[name]))
        for name, wanted in after.items()
        if wanted != before[name]
    }


def _broker(axes: dict[str, list[Any]]) -> dict[str, Any]:
    (*broker,) = axes.pop("broker")
    return {"broker": broker[0]} if broker else {"clear_broker": True}


def _change_rates(wanted: Table, _: Table) -> Change:
    axes = rate_axes(wanted)
    return "rate_limit", {"name": "RateLimitPolicy", **_broker(axes), **axes}


def _change_sizes(wanted: Table, _: Table) -> Change:
    axes = size_axes(wanted)
    return "order_size_limit", {"name": "OrderSizeLimitPolicy", **_broker(axes), **axes}


def _change_bounds(wanted: Table, _: Table) -> Change:
    axes = pnl_axes(wanted)
    axes["account_barriers"] = [
        PnlBoundsAccountAssetBarrierUpdate(one.barrier, one.account_id)
        for one in axes["account_barriers"]
    ]
    return "pnl_bounds_killswitch", {"name": "PnlBoundsKillSwitchPolicy", **axes}


def _change_funds(wanted: Table, before: Table) -> Change:
    limits: dict[tuple[AccountId, str], Quantity | None] = {}
    limits.update(dict.fromkeys(_position_limits(before)))
    limits.update(_position_limits(wanted))
    return "spot_funds", {
        "name": "SpotFundsPolicy",
        "global_limit_mode": wanted.choice("limit_mode", SpotFundsLimitMode, _ENFORCE),
        "position_limits": [
            SpotFundsPositionLimitEntry(*key, limit) for key, limit in limits.items()
        ],
    }


def _position_limits(table: Table) -> dict[tuple[AccountId, str], Quantity | None]:
    return {
        (row.account("account"), str(row.asset("asset"))): row.amount("limit", Quantity)
        for row in table.tables("position_limit")
    }


_ENFORCE = SpotFundsLimitMode.ENFORCE

_CHANGES = {
    "rate_limit": _change_rates,
    "order_size_limit": _change_sizes,
    "pnl_bounds_killswitch": _change_bounds,
    "spot_funds": _change_funds,
}
