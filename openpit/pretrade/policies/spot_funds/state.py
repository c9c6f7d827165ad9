"""The state of a spot funds policy as plain values: settings, funds, reservations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.pretrade.policies.spot_funds.barriers import Barrier, PnlBarriers
from openpit.pretrade.policies.spot_funds.holdings import open_funds
from openpit.pretrade.policies.spot_funds.reservation import PlainFunds, ReservedFunds
from openpit.pretrade.state_values import (
    amount_in,
    optional_in,
    optional_text,
    pnl_in,
    pnl_value,
    text_of,
)

if TYPE_CHECKING:
    from openpit.pretrade.policies.spot_funds.desk import Desk
    from openpit.pretrade.policies.spot_funds.holdings import AccountFunds
    from openpit.pretrade.policies.spot_funds.settings import Settings
    from openpit.pretrade.state_values import State

__all__ = [
    "export_funds",
    "export_reserved",
    "export_settings",
    "restore_funds",
    "restore_reserved",
    "restore_settings",
]


# --- settings -------------------------------------------------------------------------------------


def export_settings(settings: Settings) -> State:
    """Return all that can be configured."""
    slippage, barriers = settings.slippage, settings.barriers
    return (
        (
            slippage.of_all,
            [*slippage.of_instrument.items()],
            [(*key, bps) for key, bps in slippage.of_group.items()],
            [(*key, bps) for key, bps in slippage.of_account.items()],
        ),
        settings.book_top,
        (
            settings.track_only,
            [*settings.group_track_only.items()],
            [*settings.account_track_only.items()],
        ),
        [
            (account, [(asset, text_of(limit)) for asset, limit in limits.items()])
            for account, limits in settings.position_limits.items()
        ],
        (
            None if barriers.of_all is None else _barrier_row(barriers.of_all),
            [(group, _barrier_row(one)) for group, one in barriers.of_group.items()],
            [(account, _barrier_row(one)) for account, one in barriers.of_account.items()],
        ),
    )


def restore_settings(settings: Settings, state: State) -> None:
    """Take over settings that were exported."""
    slippage, settings.book_top, modes, limits, barriers = state
    bps_of_all, instruments, groups, accounts = slippage
    table = settings.slippage
    table.of_all = bps_of_all
    table.of_instrument = dict(instruments)
    table.of_group = {(instrument, group): bps for instrument, group, bps in groups}
    table.of_account = {(instrument, account): bps for instrument, account, bps in accounts}
    settings.track_only, group_modes, account_modes = modes
    settings.group_track_only = dict(group_modes)
    settings.account_track_only = dict(account_modes)
    settings.position_limits = {
        account: {asset: amount_in(limit) for asset, limit in its} for account, its in limits
    }
    of_all, of_group, of_account = barriers
    settings.set_barriers(
        PnlBarriers(
            None if of_all is None else _barrier_in(of_all),
            {group: _barrier_in(row) for group, row in of_group},
            {account: _barrier_in(row) for account, row in of_account},
        )
    )


def _barrier_row(barrier: Barrier) -> State:
    return barrier.currency, optional_text(barrier.lower), optional_text(barrier.upper)


def _barrier_in(row: State) -> Barrier:
    currency, lower, upper = row
    return Barrier(currency, optional_in(lower), optional_in(upper))


# --- what accounts have ---------------------------------------------------------------------------


def export_funds(accounts: dict[int, AccountFunds]) -> State:
    """Return of each account its PnL and its slots."""
    return [
        (
            account,
            pnl_value(funds.pnl),
            [
                (
                    asset,
                    text_of(slot.available),
                    text_of(slot.held),
                    text_of(slot.incoming),
                    optional_text(slot.average),
                    pnl_value(slot.pnl),
                )
                for asset, slot in funds.slots.items()
            ],
        )
        for account, funds in accounts.items()
    ]


def restore_funds(accounts: dict[int, AccountFunds], state: State) -> None:
    """Take over what was exported, in place of all that there is."""
    accounts.clear()
    for account, pnl, slots in state:
        funds = open_funds(accounts, account)
        funds.pnl = pnl_in(pnl)
        for asset, available, held, incoming, average, slot_pnl in slots:
            slot = funds.slot(asset)
            slot.available = amount_in(available)
            slot.held = amount_in(held)
            slot.incoming = amount_in(incoming)
            slot.average = optional_in(average)
            slot.pnl = pnl_in(slot_pnl)


# --- what orders have set aside -------------------------------------------------------------------


def export_reserved(reserved: ReservedFunds | PlainFunds) -> State:
    """Return whose funds are reserved, and the legs that are left."""
    legs = [(asset, text_of(hold), text_of(due)) for asset, hold, due in reserved.legs_left()]
    return reserved.account, legs


def restore_reserved(desk: Desk, state: State) -> ReservedFunds:
    """Return a reservation of what was exported: the funds have it set aside already."""
    account, legs = state
    return ReservedFunds(
        desk.holdings,
        account,
        tuple((asset, amount_in(hold), amount_in(due)) for asset, hold, due in legs),
    )
