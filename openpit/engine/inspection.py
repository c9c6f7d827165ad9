"""What an engine has, put together for who looks at it: accounts, groups, settings. Read only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.engine.answers import Started

if TYPE_CHECKING:
    from openpit.engine.pipeline import EngineCore
    from openpit.pretrade.account_state import AccountRow
    from openpit.pretrade.policies.tables import SettingsTable

__all__ = ["account_row", "settings_of"]


def account_row(core: EngineCore, account: int) -> AccountRow:
    """Return an account's state as it travels."""
    registry, finisher = core.registry, core.finisher
    kept = [(policy, policy.figures_of(account)) for policy in core.policies]
    requests = [one for one in finisher.requests if isinstance(one, Started)]
    return (
        registry.group_of(account),
        registry.currency_of(account),
        *registry.causes_of(account),
        tuple((one.name, one.group_id, *figures) for one, figures in kept if figures is not None),
        (
            finisher.opened.get(account, 0),
            finisher.opened.get((account,), 0),
            sum(one.order._account_ == account for one in requests),
        ),
    )


def settings_of(core: EngineCore) -> dict[str, SettingsTable]:
    """Return the settings in force, by the tables of a `limits.toml`, in the policies' order."""
    tables: dict[str, SettingsTable] = {}
    for policy in core.policies:
        if policy.table_name:
            group = {"policy_group_id": policy.group_id} if policy.group_id else {}
            tables[policy.table_name] = group | policy.settings_table()
    return tables
