"""What a custom policy implements and returns.

The result classes are frozen dataclasses. They have hand-written constructors, because policies
build them for every order and the generated ones take twice the time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openpit.pretrade.codes import RejectScope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from openpit.account_adjustment import Adjustment
    from openpit.core.contexts import AccountAdjustmentContext, Context, PostTradeContext
    from openpit.core.mutation import Mutation
    from openpit.core.order import Order
    from openpit.core.report import ExecutionReport
    from openpit.param.ids import AccountId
    from openpit.param.values import Price
    from openpit.pretrade.outcomes import AccountOutcomeEntry
    from openpit.pretrade.rejects import AccountBlock
    from openpit.pretrade.results import PostTradeResult

    def _attribute(getter: Callable[[Any], object]) -> Any:
        """Declare a property that may be overridden by anything that can be read.

        A policy says ``name = "Limit"`` or has a property; pyright refuses the first where the base
        class has a property, mypy the second where it has a variable of a type other than Any.
        """
else:
    _attribute = property

__all__ = [
    "Policy",
    "PolicyAccountAdjustmentResult",
    "PolicyDecision",
    "PolicyPreTradeResult",
    "PolicyReject",
]

_WRONG_SCOPE = "scope must be openpit.pretrade.RejectScope"


_new = object.__new__


@dataclass(frozen=True)
class PolicyReject:
    """A policy's reason to refuse.

    ``code`` is a :class:`RejectCode` or its string, ``scope`` a :class:`RejectScope`, ``user_data``
    a token from 0 to 2**64 - 1. What else is wrong is told when the engine reads it.

    Raises:
        TypeError: ``scope`` is no :class:`RejectScope`.
    """

    code: str
    reason: str
    details: str
    scope: RejectScope = RejectScope.ORDER
    user_data: int = 0

    def __init__(
        self,
        code: str,
        reason: str,
        details: str,
        scope: RejectScope = RejectScope.ORDER,
        user_data: int = 0,
    ) -> None:
        values = self.__dict__
        values["code"] = code
        values["reason"] = reason
        values["details"] = details
        values["scope"] = scope
        values["user_data"] = user_data
        if type(self) is not PolicyReject:
            self.__post_init__()
        elif type(scope) is not RejectScope:
            raise TypeError(_WRONG_SCOPE)

    def __post_init__(self) -> None:
        """Check the scope; a class that derives from this one may do more, or something else."""
        if type(self.scope) is not RejectScope:
            raise TypeError(_WRONG_SCOPE)


@dataclass(frozen=True)
class PolicyDecision:
    """Verdict of the main stage: a reject if it has rejects, an acceptance otherwise.

    ``mutations`` are finalised with the order either way: committed with its reservation, rolled
    back with its rejection.
    """

    rejects: tuple[PolicyReject, ...] = ()
    mutations: tuple[Mutation, ...] = ()

    def __init__(
        self, rejects: tuple[PolicyReject, ...] = (), mutations: tuple[Mutation, ...] = ()
    ) -> None:
        values = self.__dict__
        values["rejects"] = rejects
        values["mutations"] = mutations

    @classmethod
    def accept(cls, mutations: Iterable[Mutation] = ()) -> PolicyDecision:
        """Return an acceptance with these mutations.

        Raises:
            TypeError: an argument cannot be iterated.
        """
        if cls is not PolicyDecision:
            return cls((), tuple(mutations))
        self = _new(PolicyDecision)
        values = self.__dict__
        values["rejects"] = ()
        values["mutations"] = tuple(mutations)
        return self

    @classmethod
    def reject(
        cls, rejects: Iterable[PolicyReject], mutations: Iterable[Mutation] = ()
    ) -> PolicyDecision:
        """Return a rejection with these reasons; an acceptance if there are none.

        Raises:
            TypeError: an argument cannot be iterated.
        """
        return cls(tuple(rejects), tuple(mutations))


@dataclass(frozen=True)
class PolicyPreTradeResult:
    """Verdict of the main stage, with what the order changes and the prices it locks.

    As :class:`PolicyDecision`; ``account_adjustments`` are reported with the reservation, and
    ``lock_prices`` (anything Price accepts) go into its lock under the policy's group id.
    """

    rejects: tuple[PolicyReject, ...] = ()
    mutations: tuple[Mutation, ...] = ()
    account_adjustments: tuple[AccountOutcomeEntry, ...] = ()
    lock_prices: tuple[Price, ...] = ()

    def __init__(
        self,
        rejects: tuple[PolicyReject, ...] = (),
        mutations: tuple[Mutation, ...] = (),
        account_adjustments: tuple[AccountOutcomeEntry, ...] = (),
        lock_prices: tuple[Price, ...] = (),
    ) -> None:
        values = self.__dict__
        values["rejects"] = rejects
        values["mutations"] = mutations
        values["account_adjustments"] = account_adjustments
        values["lock_prices"] = lock_prices

    @classmethod
    def accept(
        cls,
        mutations: Iterable[Mutation] = (),
        account_adjustments: Iterable[AccountOutcomeEntry] = (),
        lock_prices: Iterable[Price] = (),
    ) -> PolicyPreTradeResult:
        """Return an acceptance.

        Raises:
            TypeError: an argument cannot be iterated.
        """
        return cls((), tuple(mutations), tuple(account_adjustments), tuple(lock_prices))

    @classmethod
    def reject(
        cls,
        rejects: Iterable[PolicyReject],
        mutations: Iterable[Mutation] = (),
        account_adjustments: Iterable[AccountOutcomeEntry] = (),
        lock_prices: Iterable[Price] = (),
    ) -> PolicyPreTradeResult:
        """Return a rejection with these reasons; an acceptance if there are none.

        Raises:
            TypeError: an argument cannot be iterated.
        """
        return cls(tuple(rejects), tuple(mutations), tuple(account_adjustments), tuple(lock_prices))


@dataclass(frozen=True)
class PolicyAccountAdjustmentResult:
    """Verdict on one account adjustment: a reject if it has rejects, else what it changed.

    ``account_blocks`` are put in force when the whole batch is applied.
    """

    rejects: tuple[PolicyReject, ...] = ()
    mutations: tuple[Mutation, ...] = ()
    account_adjustments: tuple[AccountOutcomeEntry, ...] = ()
    account_blocks: tuple[AccountBlock, ...] = ()


class Policy(ABC):
    """Base of custom policies: has a name, and overrides the callbacks it needs.

    The defaults accept everything. Two optional callbacks, ``check_pre_trade_start_dry_run`` and
    ``perform_pre_trade_check_dry_run`` with the parameters of the normal ones, take their place in
    dry runs. An exception of a callback is raised to the caller of the engine.
    """

    @_attribute
    @abstractmethod
    def name(self) -> str:
        """Name under which the policy is registered, unique in its engine.

        Raises:
            NotImplementedError: a policy has to have one.
        """
        raise NotImplementedError("name is not implemented")

    @_attribute
    def policy_group_id(self) -> int:
        """Group that tags the policy's lock prices and outcomes, 0 to 65535."""
        return 0

    def check_pre_trade_start(
        self,
        ctx: Context,
        order: Order,
    ) -> Iterable[PolicyReject]:
        """Check an order in the start stage; no rejects let it pass."""
        return ()

    def perform_pre_trade_check(
        self,
        ctx: Context,
        order: Order,
    ) -> PolicyPreTradeResult | PolicyDecision | None:
        """Check an order in the main stage and reserve what it needs."""
        return PolicyPreTradeResult.accept()

    def apply_execution_report(
        self,
        ctx: PostTradeContext,
        report: ExecutionReport,
    ) -> PostTradeResult | None:
        """Apply an execution report; called with keyword arguments ``ctx`` and ``report``."""
        return None

    def apply_account_adjustment(
        self,
        ctx: AccountAdjustmentContext,
        account_id: AccountId,
        adjustment: Adjustment,
    ) -> PolicyAccountAdjustmentResult:
        """Apply one account adjustment; rejects or an exception undo the whole batch."""
        return PolicyAccountAdjustmentResult()
