"""The public handle on policies' settings.

Each call reads its arguments, finds the policy, validates the new settings as a whole, and applies
them only then: a call that raises has changed nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from openpit.core.opaque import Opaque
from openpit.errors import PolicyConfigureError
from openpit.param.enums import ConfigureErrorKind
from openpit.param.words import plain_text
from openpit.pretrade.policies.arguments import SettingsError
from openpit.pretrade.policies.order_size_limit import OrderSizeLimitPolicy
from openpit.pretrade.policies.order_size_limit_settings import OrderSizeUpdate
from openpit.pretrade.policies.pnl_bounds_killswitch import PnlBoundsKillSwitchPolicy
from openpit.pretrade.policies.pnl_bounds_settings import PnlBoundsUpdate
from openpit.pretrade.policies.rate_limit import RateChange, RateLimitPolicy
from openpit.pretrade.policies.rate_limit_settings import RateLimitUpdate
from openpit.pretrade.policies.spot_funds.policy import SpotFundsPolicy
from openpit.pretrade.results import (
    AccountBlockOutcomes,
    PolicyConfigurationResult,
    new_account_block_outcomes,
    new_policy_configuration_result,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import EllipsisType

    from openpit.engine.pipeline import EngineCore
    from openpit.param.enums import PnlHaltReason
    from openpit.param.ids import AccountId, Asset
    from openpit.param.values import Pnl
    from openpit.pretrade import policies as settings
    from openpit.pretrade.policy_contract import BuiltinPolicy
    from openpit.pretrade.rejects import AccountBlock

__all__ = [
    "TOGETHER",
    "Configurator",
    "check_arguments",
    "checked_change",
    "new_configurator",
    "read_changes",
]

TOGETHER: Final = (
    "rate_limit",
    "order_size_limit",
    "pnl_bounds_killswitch",
    "spot_funds",
    "spot_funds_pnl_bounds_killswitch",
)
"""The changes that :meth:`Configurator.apply_all` makes: those of no single account."""

_Policy = TypeVar("_Policy", bound="BuiltinPolicy")
_Result = TypeVar("_Result")
_Blocks = list[tuple[int, "AccountBlock"]]
Changes = list[tuple[str, dict[str, Any]]]


def _error(kind: ConfigureErrorKind, message: str) -> PolicyConfigureError:
    error = PolicyConfigureError(message)
    error.kind = kind
    return error


class Configurator(Opaque):
    """Changes the settings of built-in policies while the engine runs; outlives the engine.

    Every method names the policy by its registered name and is atomic. It raises
    :class:`openpit.PolicyConfigureError` (``kind`` UNKNOWN for a name that cannot be configured,
    TYPE_MISMATCH for a policy of another type, VALIDATION for settings that a policy cannot work
    with), TypeError for arguments of a wrong class, ValueError for an empty asset. Changes apply
    from the next call.
    """

    __slots__ = ("_core", "_engine")
    __module__ = "openpit"

    _core: EngineCore
    _engine: object

    @classmethod
    def _of(cls, core: EngineCore, engine: object = None) -> Self:
        """Return a configurator; it keeps the engine, if there is one, in use."""
        self: Self = object.__new__(cls)
        self._core = core
        self._engine = engine
        return self

    def _find(self, name: str, kind: type[_Policy]) -> _Policy:
        for policy in self._core.policies:
            if policy.name != name or not hasattr(policy, "settings_type"):
                continue
            if isinstance(policy, kind):
                return policy
            raise _error(
                ConfigureErrorKind.TYPE_MISMATCH,
                f"policy {name} has settings type {policy.settings_type}, "
                f"not {cast('Any', kind).settings_type}",
            )
        raise _error(ConfigureErrorKind.UNKNOWN, f"no configurable policy named {name}")

    def _update(
        self, name: str, kind: type[_Policy], prepare: Callable[[_Policy], Callable[[], _Result]]
    ) -> _Result:
        """Find the policy, let it validate, apply: in one piece."""

        def update() -> _Result:
            return self._prepared(name, kind, prepare)()

        return self._core.finisher.alone(update)

    def _prepared(
        self, name: str, kind: type[_Policy], prepare: Callable[[_Policy], Callable[[], _Result]]
    ) -> Callable[[], _Result]:
        """Find the policy and let it validate; return what applies the update."""
        try:
            return prepare(self._find(name, kind))
        except SettingsError as error:
            raise _error(
                ConfigureErrorKind.VALIDATION, f"policy {name} rejected the update: {error}"
            ) from None

    def _recorded(self, apply: Callable[[], _Blocks]) -> Callable[[], _Blocks]:
        """Put in force the blocks that an update finds."""

        def apply_and_block() -> _Blocks:
            blocks = apply()
            for account, block in blocks:
                self._core.registry.block(account, block)
            return blocks

        return apply_and_block

    def apply_all(self, changes: Iterable[tuple[str, Mapping[str, Any]]]) -> AccountBlockOutcomes:
        """Make several changes at one point between two calls: all of them, or none.

        A change is the name of a method below and its arguments by name, the policy's ``name``
        among them: ``("rate_limit", {"name": "RateLimitPolicy", "clear_broker": True})``. Those
        that set the PnL of one account are not among them. Returns the blocks that the changes
        recorded, sorted by account id.

        Raises:
            ValueError: a method that is none of these, or a second change of one policy by it.
            TypeError: a change that is no such pair, or what its method raises for arguments.
            openpit.PolicyConfigureError: as its method raises it.
        """
        listed = read_changes(changes)
        return new_account_block_outcomes(self._core.finisher.alone(self._apply_all, listed))

    def _apply_all(self, changes: Changes) -> _Blocks:
        core = self._core
        prepared = [checked_change(core, method, arguments) for method, arguments in changes]
        blocks: _Blocks = []
        for apply in prepared:
            blocks += apply() or ()
        return sorted(blocks, key=lambda block: block[0])

    # --- rate limit ----------------------------------------------------------------------------

    def rate_limit(
        self,
        name: str,
        *,
        broker: settings.RateLimitBrokerBarrier | None = None,
        clear_broker: bool = False,
        asset_barriers: Sequence[settings.RateLimitAssetBarrier] | None = None,
        account_barriers: Sequence[settings.RateLimitAccountBarrier] | None = None,
        account_asset_barriers: Sequence[settings.RateLimitAccountAssetBarrier] | None = None,
    ) -> None:
        """Replace the barriers of some axes: None keeps an axis, an empty list clears it.

        A broker or asset barrier that stays keeps its count; one that comes anew starts at zero.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: an asset is blank, or ``broker`` is given with ``clear_broker``.
            OverflowError: a count does not fit into 64 bits.
        """
        name = plain_text(name)
        update = RateLimitUpdate.read(
            broker, clear_broker, asset_barriers, account_barriers, account_asset_barriers
        )
        self._update(
            name, RateLimitPolicy, lambda policy: policy.prepare(update, self._core.clock())
        )

    # --- order size limit ----------------------------------------------------------------------

    def order_size_limit(
        self,
        name: str,
        *,
        broker: settings.OrderSizeBrokerBarrier | None = None,
        clear_broker: bool = False,
        asset_barriers: Sequence[settings.OrderSizeAssetBarrier] | None = None,
        account_asset_barriers: Sequence[settings.OrderSizeAccountAssetBarrier] | None = None,
    ) -> None:
        """Replace the caps of some axes: None keeps an axis, an empty list clears it.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: an asset is blank, or ``broker`` is given with ``clear_broker``.
        """
        name = plain_text(name)
        update = OrderSizeUpdate.read(broker, clear_broker, asset_barriers, account_asset_barriers)
        self._update(
            name, OrderSizeLimitPolicy, lambda policy: policy.prepare(update, self._core.clock())
        )

    # --- PnL bounds kill switch ----------------------------------------------------------------

    def pnl_bounds_killswitch(
        self,
        name: str,
        *,
        broker_barriers: Sequence[settings.PnlBoundsBrokerBarrier] | None = None,
        account_barriers: Sequence[settings.PnlBoundsAccountAssetBarrierUpdate] | None = None,
    ) -> None:
        """Replace the bounds of some axes; realized PnL stays, and the next order decides.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: an asset is blank.
        """
        name = plain_text(name)
        update = PnlBoundsUpdate.read(broker_barriers, account_barriers)
        self._update(
            name,
            PnlBoundsKillSwitchPolicy,
            lambda policy: policy.prepare(update, self._core.clock()),
        )

    def set_account_pnl(
        self, name: str, *, account: AccountId, settlement_asset: Asset | str, pnl: Pnl
    ) -> None:
        """Set an account's realized PnL in a settlement asset; blocks stay as they are.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: the asset is blank, or ``pnl`` no amount.
            ParamError: ``pnl`` is not one that ``Pnl`` takes.
        """
        name = plain_text(name)
        apply = PnlBoundsKillSwitchPolicy.read_pnl(account, settlement_asset, pnl)
        self._update(name, PnlBoundsKillSwitchPolicy, lambda policy: partial(apply, policy))

    # --- spot funds ----------------------------------------------------------------------------

    def spot_funds(
        self,
        name: str,
        *,
        global_slippage_bps: int | None = None,
        pricing_source: settings.SpotFundsPricingSource | None = None,
        overrides: Sequence[settings.SpotFundsOverrideEntry] | EllipsisType = ...,
        global_limit_mode: settings.SpotFundsLimitMode | None = None,
        account_limit_modes: Sequence[settings.SpotFundsLimitModeAccountEntry] | EllipsisType = ...,
        account_group_limit_modes: Sequence[settings.SpotFundsLimitModeAccountGroupEntry]
        | EllipsisType = ...,
        position_limits: Sequence[settings.SpotFundsPositionLimitEntry] | EllipsisType = ...,
    ) -> None:
        """Set or clear single entries; what is not listed stays.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: an asset is blank.
            OverflowError: ``global_slippage_bps`` does not fit into 16 bits.
        """
        name = plain_text(name)
        update = SpotFundsPolicy.read_update(
            global_slippage_bps=global_slippage_bps,
            pricing_source=pricing_source,
            overrides=overrides,
            global_limit_mode=global_limit_mode,
            account_limit_modes=account_limit_modes,
            account_group_limit_modes=account_group_limit_modes,
            position_limits=position_limits,
        )
        self._update(name, SpotFundsPolicy, lambda policy: policy.prepare_spot_funds(update))

    def spot_funds_pnl_bounds_killswitch(
        self,
        name: str,
        *,
        global_barrier: settings.SpotFundsPnlBoundsBarrier | EllipsisType | None = ...,
        account_group_barriers: Sequence[settings.SpotFundsPnlBoundsAccountGroupBarrier]
        | None = None,
        account_barriers: Sequence[settings.SpotFundsPnlBoundsAccountBarrier] | None = None,
    ) -> AccountBlockOutcomes:
        """Replace PnL barriers; accounts whose effective barrier changes are looked at at once.

        Returns the blocks that this recorded, sorted by account id.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: a currency is blank.
        """
        name = plain_text(name)
        update = SpotFundsPolicy.read_barriers(
            global_barrier=global_barrier,
            account_group_barriers=account_group_barriers,
            account_barriers=account_barriers,
        )
        return new_account_block_outcomes(
            self._update(
                name,
                SpotFundsPolicy,
                lambda policy: self._recorded(policy.prepare_barriers(update)),
            )
        )

    def set_spot_funds_account_pnl(
        self, name: str, *, account: AccountId, state: Pnl | PnlHaltReason
    ) -> PolicyConfigurationResult:
        """Set or halt an account's PnL; the result lists the block that follows, if any.

        Raises:
            PolicyConfigureError: there is no policy of that name, it is of another kind, or cannot
                work with this; ``kind`` says which. Nothing was applied.
            TypeError: an argument is of another class.
            ValueError: ``state`` is no amount.
            ParamError: ``state`` is not one that ``Pnl`` takes.
        """
        name = plain_text(name)
        update = SpotFundsPolicy.read_account_pnl(account=account, state=state)
        return new_policy_configuration_result(
            self._update(
                name,
                SpotFundsPolicy,
                lambda policy: self._recorded(policy.prepare_account_pnl(update)),
            )
        )


class _Reading(Configurator):
    """Reads the arguments of a change, and no more."""

    __slots__ = ()

    def _update(self, *_: object) -> Any:
        return ()


class _Checking(Configurator):
    """Checks a change, and keeps what would apply it; of several, the one of rates."""

    __slots__ = ("change",)

    change: Callable[[], Any]

    def _update(self, *update: Any) -> Any:
        self.change = self._core.finisher.alone(self._prepared, *update)
        return ()

    def _apply_all(self, changes: Changes) -> _Blocks:
        checked = [checked_change(self._core, *change) for change in changes]
        self.change = next((one for one in checked if isinstance(one, RateChange)), list)
        return []


def read_changes(changes: object) -> Changes:
    """Return the changes that :meth:`Configurator.apply_all` was given, their arguments read.

    Raises what it does for its argument alone.
    """
    listed: Changes = []
    named: set[tuple[str, object]] = set()
    for change in changes if isinstance(changes, Iterable) else [changes]:
        match change:
            case (str() as method, Mapping() as given):
                arguments = dict(given)
            case _:
                raise TypeError(f"a change is a method's name and its arguments, not {change!r}")
        if method not in TOGETHER:
            raise ValueError(f"changes are of {', '.join(TOGETHER)}, not {method!r}")
        getattr(_READING, method)(**arguments)
        key = method, str(arguments["name"])
        if key in named:
            raise ValueError(f"two changes of {key[1]} by {method}: one has room for both")
        named.add(key)
        listed.append((method, arguments))
    return listed


def check_arguments(method: str, name: str, arguments: Mapping[str, Any]) -> None:
    """Raise what a method of the configurator raises for its arguments alone, without an engine."""
    getattr(_READING, method)(name, **arguments)


def checked_change(
    core: EngineCore, method: str, arguments: Mapping[str, Any]
) -> Callable[[], Any]:
    """Return what would apply a change of settings; raises what the configurator's method does."""
    checking = _Checking._of(core)
    getattr(checking, method)(**arguments)
    return checking.change


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_configurator = Configurator._of
_READING: Final = _Reading._of(cast("EngineCore", None))
