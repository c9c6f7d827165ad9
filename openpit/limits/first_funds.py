"""What a `[spot_funds]` table asks of an engine once it is built: modes, limits, first funds."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from openpit.account_adjustment import Adjustment, Amount, BalanceOperation
from openpit.limits.tables import ConfigError
from openpit.param.amounts import AdjustmentAmount
from openpit.param.ids import AccountGroupId, AccountId
from openpit.param.values import PositionSize, Quantity
from openpit.pretrade.policies import SpotFundsLimitMode, SpotFundsPositionLimitEntry

if TYPE_CHECKING:
    from collections.abc import Generator

    from openpit.limits.tables import Table

__all__ = ["Funds"]

NAME = "SpotFundsPolicy"

LIMIT_MODES = [mode.value for mode in SpotFundsLimitMode]

MAX_ACCOUNTS = 10_000_000
"""Of one row: as many as `openpit generate` makes. Each takes a call of the engine."""


class Funds:
    """The settings of the spot funds policy that its builder does not take."""

    __slots__ = ("_currency", "_limits", "_mode", "_seeds")

    def __init__(self, table: Table) -> None:
        self._mode = table.choice("limit_mode", SpotFundsLimitMode, SpotFundsLimitMode.ENFORCE)
        self._currency = table.optional_asset("account_currency")
        self._limits = []
        places: dict[tuple[object, ...], str] = {}
        for row in table.tables("position_limit"):
            limit = row.amount("limit", Quantity)
            self._limits.append(
                SpotFundsPositionLimitEntry(row.account("account"), row.asset("asset"), limit)
            )
            row.finish()
            row.refuse_twin(places, "account", "asset")
        self._seeds: list[tuple[range, Adjustment]] = []
        for row in table.tables("funds"):
            accounts = _accounts(row)
            operation = BalanceOperation(asset=row.asset("asset"))
            amount = AdjustmentAmount.absolute(row.amount("balance", PositionSize))
            adjustment = Adjustment(operation=operation, amount=Amount(balance=amount))
            self._seeds.append((accounts, adjustment))
            row.finish()

    @property
    def _settings(self) -> dict[str, Any]:
        return {"global_limit_mode": self._mode, "position_limits": self._limits}

    def prepare(self, engine: Any) -> None:
        """Tell an engine; each account of a row gets its funds.

        Raises:
            ConfigError: an account cannot get them.
        """
        calls = self._calls(engine)
        answer = None
        with suppress(StopIteration):
            while True:
                answer = calls.send(answer)

    def tune(self, configurator: Any) -> None:
        """Tell a configurator the settings alone."""
        configurator.spot_funds(NAME, **self._settings)

    async def prepare_async(self, engine: Any) -> None:
        """Tell an asyncio engine; as :meth:`prepare`."""
        calls = self._calls(engine)
        answer = None
        with suppress(StopIteration):
            while True:
                answer = await calls.send(answer)

    def _calls(self, engine: Any) -> Generator[Any, Any, None]:
        """Call the engine's methods; yield what they return, and get what that comes to."""
        yield engine.configure().spot_funds(NAME, **self._settings)
        if self._currency is not None:
            yield engine.accounts().set_group_currency(AccountGroupId.DEFAULT, self._currency)
        for accounts, adjustment in self._seeds:
            for account in accounts:
                result = yield engine.apply_account_adjustment(
                    AccountId.from_int(account), [adjustment]
                )
                if not result.ok:
                    why = result.rejects[0]
                    raise ConfigError(
                        f"[spot_funds.funds] account {account} cannot get its funds: "
                        f"{why.reason}, {why.details}"
                    )


def _accounts(row: Table) -> range:
    first, last = row.optional_count("first_account"), row.optional_count("last_account")
    if first is None and last is None:
        only = row.account("account").value
        return range(only, only + 1)
    if first is None or last is None or first > last or row.has("account"):
        raise row.error("give either account, or first_account and last_account in this order")
    if last - first >= MAX_ACCOUNTS:
        raise row.error(f"more than {MAX_ACCOUNTS:,} accounts")
    return range(first, last + 1)
