"""The settings of a running engine as a `limits.toml`, and what such a file would change."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

from openpit.cli.config import load, pnl_axes, rate_axes, size_axes
from openpit.cli.tables import ConfigError, Table
from openpit.faces.embedded import Engine
from openpit.param.values import Quantity
from openpit.pretrade.policies import (
    PnlBoundsAccountAssetBarrierUpdate,
    SpotFundsLimitMode,
    SpotFundsPositionLimitEntry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openpit.param.ids import AccountId

    Tables = dict[str, dict[str, Any]]

__all__ = ["apply", "difference", "settings_in", "text_of_tables"]


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


def settings_in(text: str, in_force: Tables) -> Tables:
    """Return the settings that a configuration describes, in the form of those in force.

    What is of the start alone (funds, first PnLs, the accounts' currency) is left out.

    Raises:
        ConfigError: it is none, or it needs other policies than those that run.
    """
    policies = load(text)
    engine = policies.add_to(Engine.builder().no_sync()).build()
    policies.tune(engine)
    wanted: Tables = engine.settings()
    for name in (*in_force, *wanted):
        if name not in wanted or name not in in_force:
            where = "file" if name not in wanted else "server"
            raise ConfigError(f"the {where} has no [{name}]: policies are of the start")
        if in_force[name].get("policy_group_id") != wanted[name].get("policy_group_id"):
            raise ConfigError(f"[{name}] policy_group_id is of the start, and cannot be changed")
    return {name: wanted[name] for name in in_force}


def difference(before: Tables, after: Tables) -> str:
    """Return what differs, as a unified diff; empty where nothing does."""
    old, new = (text_of_tables(tables).splitlines() for tables in (before, after))
    return "\n".join(difflib.unified_diff(old, new, "in force", "wanted", lineterm=""))


def apply(engine: Any, before: Tables, after: Tables) -> Iterator[str]:
    """Change the settings of a blocking engine; yield the name of each table when it is changed.

    Each table is changed as a whole or not at all.

    Raises:
        PolicyConfigureError: a policy cannot work with its table; those before it are changed.
    """
    configurator = engine.configure()
    for name, wanted in after.items():
        if wanted != before[name]:
            _CHANGES[name](configurator, Table(name, wanted), Table(name, before[name]))
            yield name


def _broker(axes: dict[str, list[Any]]) -> dict[str, Any]:
    (*broker,) = axes.pop("broker")
    return {"broker": broker[0]} if broker else {"clear_broker": True}


def _change_rates(configurator: Any, wanted: Table, _: Table) -> None:
    axes = rate_axes(wanted)
    configurator.rate_limit("RateLimitPolicy", **_broker(axes), **axes)


def _change_sizes(configurator: Any, wanted: Table, _: Table) -> None:
    axes = size_axes(wanted)
    configurator.order_size_limit("OrderSizeLimitPolicy", **_broker(axes), **axes)


def _change_bounds(configurator: Any, wanted: Table, _: Table) -> None:
    axes = pnl_axes(wanted)
    axes["account_barriers"] = [
        PnlBoundsAccountAssetBarrierUpdate(one.barrier, one.account_id)
        for one in axes["account_barriers"]
    ]
    configurator.pnl_bounds_killswitch("PnlBoundsKillSwitchPolicy", **axes)


def _change_funds(configurator: Any, wanted: Table, before: Table) -> None:
    limits: dict[tuple[AccountId, str], Quantity | None] = {}
    limits.update(dict.fromkeys(_position_limits(before)))
    limits.update(_position_limits(wanted))
    configurator.spot_funds(
        "SpotFundsPolicy",
        global_limit_mode=wanted.choice("limit_mode", SpotFundsLimitMode, _ENFORCE),
        position_limits=[SpotFundsPositionLimitEntry(*key, limit) for key, limit in limits.items()],
    )


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
