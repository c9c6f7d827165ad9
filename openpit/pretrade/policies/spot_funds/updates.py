"""Reading and checking what a spot funds policy is configured with.

Reading checks classes, assets, accounts and numbers, and raises for what is none of these. Only
then, with the policy at hand, ``require_sense`` refuses settings that it cannot work with: the two
are told apart in the errors of the configurator.
"""

from __future__ import annotations

from operator import index
from types import EllipsisType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from openpit.core.assets import asset_text
from openpit.param.enums import PnlHaltReason
from openpit.param.fixed_decimal import decimal_of
from openpit.param.ids import AccountGroupId, AccountId, InstrumentId
from openpit.param.values import Pnl, Quantity
from openpit.pretrade.policies.arguments import (
    MODULE,
    SettingsError,
    account_number,
    barriers,
    expect,
)
from openpit.pretrade.policies.spot_funds.barriers import Barrier, PnlBarriers
from openpit.pretrade.policies.spot_funds.configuration import (
    SpotFundsLimitMode,
    SpotFundsLimitModeAccountEntry,
    SpotFundsLimitModeAccountGroupEntry,
    SpotFundsOverride,
    SpotFundsOverrideEntry,
    SpotFundsOverrideTargetInstrument,
    SpotFundsOverrideTargetInstrumentAccount,
    SpotFundsOverrideTargetInstrumentAccountGroup,
    SpotFundsPnlBoundsAccountBarrier,
    SpotFundsPnlBoundsAccountGroupBarrier,
    SpotFundsPnlBoundsBarrier,
    SpotFundsPositionLimitEntry,
    SpotFundsPricingSource,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from openpit.pretrade.policies.spot_funds.settings import Settings

__all__ = [
    "AccountPnlUpdate",
    "BarriersUpdate",
    "FundsUpdate",
    "SlippageOverride",
    "read_u16",
]

MAX_SLIPPAGE_BPS: Final = 10_000
"""One hundred percent: a seller would get nothing."""

_U16_MAX: Final = 2**16 - 1
_U32_MAX: Final = 2**32 - 1

_Entry = TypeVar("_Entry")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class SlippageOverride(NamedTuple):
    """Slippage of an instrument, for one account, one group or (both None) everyone."""

    instrument: int
    account: int | None
    group: int | None
    bps: int | None

    @classmethod
    def read(cls, entry: object) -> SlippageOverride:
        """Read one entry; TypeError or OverflowError for anything else."""
        entry = expect(entry, SpotFundsOverrideEntry)
        target = entry.target
        account = group = None
        if isinstance(target, SpotFundsOverrideTargetInstrument):
            instrument = _instrument(target.instrument)
        elif isinstance(target, SpotFundsOverrideTargetInstrumentAccount):
            account = _account(target, "account_id")
            instrument = _instrument(target.instrument)
        elif isinstance(target, SpotFundsOverrideTargetInstrumentAccountGroup):
            group = _group(target, "account_group_id")
            instrument = _instrument(target.instrument)
        else:
            raise TypeError(
                f"SpotFundsOverrideEntry.target must be one of "
                f"{MODULE}.SpotFundsOverrideTargetInstrument, "
                f"{MODULE}.SpotFundsOverrideTargetInstrumentAccount, "
                f"or {MODULE}.SpotFundsOverrideTargetInstrumentAccountGroup"
            )
        override = expect(entry.override, SpotFundsOverride)
        bps = override.slippage_bps
        return cls(instrument, account, group, None if bps is None else read_u16(bps))


class FundsUpdate(NamedTuple):
    """What the configurator's ``spot_funds`` changes; None and empty keep what there is."""

    slippage_bps: int | None
    book_top: bool | None
    overrides: list[SlippageOverride]
    track_only: bool | None
    account_modes: list[tuple[int, bool | None]]
    group_modes: list[tuple[int, bool | None]]
    position_limits: list[tuple[int, str, Decimal | None]]

    @classmethod
    def read(
        cls,
        *,
        global_slippage_bps: object,
        pricing_source: object,
        overrides: object,
        global_limit_mode: object,
        account_limit_modes: object,
        account_group_limit_modes: object,
        position_limits: object,
    ) -> FundsUpdate:
        """Read the configurator's arguments, in the order in which their errors go.

        Raises:
            TypeError: an argument of a wrong class.
            OverflowError: slippage that is no unsigned 16-bit number.
            ValueError: an empty asset.
        """
        slippage_bps = None if global_slippage_bps is None else read_u16(global_slippage_bps)
        book_top = (
            None
            if pricing_source is None
            else expect(pricing_source, SpotFundsPricingSource) is SpotFundsPricingSource.BOOK_TOP
        )
        return cls(
            slippage_bps,
            book_top,
            [SlippageOverride.read(entry) for entry in _listed(overrides, SpotFundsOverrideEntry)],
            None if global_limit_mode is None else _track_only(global_limit_mode),
            [
                (_account(entry, "account_id"), _optional_track_only(entry.mode))
                for entry in _listed(account_limit_modes, SpotFundsLimitModeAccountEntry)
            ],
            [
                (_group(entry, "account_group_id"), _optional_track_only(entry.mode))
                for entry in _listed(account_group_limit_modes, SpotFundsLimitModeAccountGroupEntry)
            ],
            [
                (_account(entry, "account_id"), asset_text(entry.asset), _limit(entry.limit))
                for entry in _listed(position_limits, SpotFundsPositionLimitEntry)
            ],
        )

    def require_sense(self) -> None:
        """Raise SettingsError for more than one hundred percent of slippage."""
        _require_slippage(self.slippage_bps)
        for override in self.overrides:
            _require_slippage(override.bps)

    def apply_to(self, settings: Settings) -> None:
        """Change the settings; entries that are not listed stay."""
        slippage = settings.slippage
        if self.slippage_bps is not None:
            slippage.of_all = self.slippage_bps
        if self.book_top is not None:
            settings.book_top = self.book_top
        for instrument, account, group, bps in self.overrides:
            if account is not None:
                _set(slippage.of_account, (instrument, account), bps)
            elif group is not None:
                _set(slippage.of_group, (instrument, group), bps)
            else:
                _set(slippage.of_instrument, instrument, bps)
        if self.track_only is not None:
            settings.track_only = self.track_only
        for account, mode in self.account_modes:
            _set(settings.account_track_only, account, mode)
        for group, mode in self.group_modes:
            _set(settings.group_track_only, group, mode)
        for account, asset, limit in self.position_limits:
            limits = settings.position_limits.setdefault(account, {})
            _set(limits, asset, limit)
            if not limits:
                del settings.position_limits[account]


class BarriersUpdate(NamedTuple):
    """New PnL barriers by axis; Ellipsis or None keeps an axis, None clears the global one."""

    of_all: Barrier | EllipsisType | None
    of_group: list[tuple[int, Barrier]] | None
    of_account: list[tuple[int, Barrier]] | None

    @classmethod
    def read(
        cls, *, global_barrier: object, account_group_barriers: object, account_barriers: object
    ) -> BarriersUpdate:
        """Read the configurator's arguments.

        Raises:
            TypeError: an argument of a wrong class.
            ValueError: an empty currency, a bound that is no amount, a group outside its range.
        """
        of_all: Barrier | EllipsisType | None
        if global_barrier is ... or global_barrier is None:
            of_all = global_barrier
        else:
            of_all = _barrier(global_barrier)
        groups = barriers(account_group_barriers, SpotFundsPnlBoundsAccountGroupBarrier)
        of_group = None if groups is None else [_group_barrier(entry) for entry in groups]
        accounts = barriers(account_barriers, SpotFundsPnlBoundsAccountBarrier)
        of_account = None if accounts is None else [_account_barrier(entry) for entry in accounts]
        return cls(of_all, of_group, of_account)

    def require_sense(self) -> None:
        """Raise SettingsError for a barrier without any bound."""
        listed = [barrier for _, barrier in [*(self.of_group or ()), *(self.of_account or ())]]
        if isinstance(self.of_all, Barrier):
            listed.append(self.of_all)
        for barrier in listed:
            if barrier.lower is None and barrier.upper is None:
                raise SettingsError("spot-funds P&L bounds must configure at least one bound")

    def applied_to(self, barriers: PnlBarriers) -> PnlBarriers:
        """Return the barriers after this update; of two for one key the last counts."""
        return PnlBarriers(
            barriers.of_all if isinstance(self.of_all, EllipsisType) else self.of_all,
            barriers.of_group if self.of_group is None else dict(self.of_group),
            barriers.of_account if self.of_account is None else dict(self.of_account),
        )


class AccountPnlUpdate(NamedTuple):
    """The PnL that an account is set to, or the reason with which it is halted."""

    account: int
    state: Decimal | PnlHaltReason

    @classmethod
    def read(cls, *, account: object, state: object) -> AccountPnlUpdate:
        """Read the configurator's arguments.

        Raises:
            TypeError: an argument of a wrong class.
            ValueError: a state that is no amount.
        """
        number = account_number(account)
        if isinstance(state, PnlHaltReason):
            return cls(number, state)
        return cls(number, decimal_of(Pnl(state)))  # type: ignore[arg-type]  # Pnl checks the class


def read_u16(value: object) -> int:
    """Return an unsigned 16-bit number; OverflowError for others, TypeError for no integer."""
    number = index(value)  # type: ignore[arg-type]  # index() raises the TypeError itself
    if not 0 <= number <= _U16_MAX:
        raise OverflowError("out of range integral type conversion attempted")
    return number


def _require_slippage(bps: int | None) -> None:
    """Raise SettingsError for more than one hundred percent of slippage."""
    if bps is not None and bps > MAX_SLIPPAGE_BPS:
        raise SettingsError(f"slippage {bps} bps is out of range (must be <= 10 000 bps)")


def _set(entries: dict[_Key, _Value], key: _Key, value: _Value | None) -> None:
    """Set an entry, or clear it with None."""
    if value is None:
        entries.pop(key, None)
    else:
        entries[key] = value


def _listed(value: object, kind: type[_Entry]) -> Iterable[_Entry]:
    """Return a sequence of entries of one class; nothing was given at all by default."""
    if value is ...:
        return ()
    if value is None:
        raise TypeError("'None' is not an instance of 'Sequence'")
    return barriers(value, kind) or ()


def _account(entry: object, field: str) -> int:
    account = getattr(entry, field)
    if not isinstance(account, AccountId):
        raise TypeError(f"{type(entry).__name__}.{field} must be openpit.param.AccountId")
    return account.value


def _group(entry: object, field: str) -> int:
    group = getattr(entry, field)
    if not isinstance(group, AccountGroupId):
        raise TypeError(f"{type(entry).__name__}.{field} must be openpit.param.AccountGroupId")
    return group.value


def _instrument(instrument: object) -> int:
    if not isinstance(instrument, InstrumentId):
        raise TypeError("spot funds override target instrument must be openpit.core.InstrumentId")
    return instrument.value


def _track_only(mode: object) -> bool:
    return expect(mode, SpotFundsLimitMode) is SpotFundsLimitMode.TRACK_ONLY


def _optional_track_only(mode: object) -> bool | None:
    return None if mode is None else _track_only(mode)


def _limit(limit: object) -> Decimal | None:
    if limit is None:
        return None
    if not isinstance(limit, Quantity):
        raise TypeError("SpotFundsPositionLimitEntry.limit must be openpit.param.Quantity or None")
    return decimal_of(limit)


def _barrier(barrier: object) -> Barrier:
    barrier = expect(barrier, SpotFundsPnlBoundsBarrier)
    return Barrier(
        asset_text(barrier.currency), _bound(barrier.lower_bound), _bound(barrier.upper_bound)
    )


def _bound(bound: object) -> Decimal | None:
    return None if bound is None else decimal_of(Pnl(bound))  # type: ignore[arg-type]  # as above


def _account_barrier(entry: SpotFundsPnlBoundsAccountBarrier) -> tuple[int, Barrier]:
    barrier = _barrier(entry.barrier)
    return account_number(entry.account_id), barrier


def _group_barrier(entry: SpotFundsPnlBoundsAccountGroupBarrier) -> tuple[int, Barrier]:
    barrier = _barrier(entry.barrier)
    return _barrier_group(entry.account_group_id), barrier


def _barrier_group(group: object) -> int:
    """Return a group's number; the default group is taken only as an AccountGroupId."""
    if isinstance(group, AccountGroupId):
        return group.value
    try:
        number = index(group)  # type: ignore[arg-type]  # what is no integer raises just here
    except TypeError:
        number = -1
    if not 0 <= number <= _U32_MAX:
        raise ValueError(
            "account_group_id must be an AccountGroupId or integer in range 1..=4294967295"
        )
    return AccountGroupId.from_int(number).value
