"""Pre-trade risk engine, in one process or sharded by account over several.

``Engine.builder()`` starts it; see :class:`openpit.Engine` and :class:`openpit.ShardedEngine`.
Values are in :mod:`openpit.param`, orders and reports in :mod:`openpit.core`, results and policies
in :mod:`openpit.pretrade`, exceptions in :mod:`openpit.errors`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from openpit import account_adjustment, core, errors, marketdata, param, pretrade
from openpit.account_adjustment import (
    AccountPnlOperation as AccountAdjustmentAccountPnlOperation,
)
from openpit.account_adjustment import Adjustment as AccountAdjustment
from openpit.account_adjustment import Amount as AccountAdjustmentAmount
from openpit.account_adjustment import BalanceOperation as AccountAdjustmentBalanceOperation
from openpit.account_adjustment import Bounds as AccountAdjustmentBounds
from openpit.account_adjustment import PositionOperation as AccountAdjustmentPositionOperation
from openpit.core import (
    AccountControl,
    ExecutionReport,
    ExecutionReportFillDetails,
    ExecutionReportOperation,
    ExecutionReportPositionImpact,
    FinancialImpact,
    Instrument,
    Mutation,
    Order,
    OrderMargin,
    OrderOperation,
    OrderPosition,
)
from openpit.core.contexts import AccountAdjustmentContext
from openpit.engine.accounts import Accounts
from openpit.errors import (
    AccountBlockError,
    AccountGroupRegistrationError,
    ActorScopeError,
    EngineClosed,
    NotPermitted,
    OutcomeUnknown,
    PolicyConfigureError,
    RejectError,
    ServerRefused,
    ShardCallbackError,
    ShardDown,
    ShardedEngineError,
    ShardOverloaded,
    ShardStartError,
    SomeItemsFailed,
)
from openpit.param import AdjustmentAmount, Leverage, MonetaryAmount, PositionMode
from openpit.param.enums import ConfigureErrorKind
from openpit.pretrade import PostTradeResult

if TYPE_CHECKING:
    from openpit.client.missed import MissedAnswer, MissedAnswers
    from openpit.client.outcome import CallOutcome
    from openpit.faces.acting import ActorEngine
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.blocking.engine import ShardedEngine
    from openpit.faces.connecting import connect, connect_async
    from openpit.faces.embedded import (
        Engine,
        EngineBuilder,
        ReadyEngineBuilder,
        SyncedEngineBuilder,
    )
    from openpit.faces.observing import Observer
    from openpit.faces.past_engine import PastEngine
    from openpit.wire.shard_stats import ShardStats

__all__ = [
    "AccountAdjustment",
    "AccountAdjustmentAccountPnlOperation",
    "AccountAdjustmentAmount",
    "AccountAdjustmentBalanceOperation",
    "AccountAdjustmentBounds",
    "AccountAdjustmentContext",
    "AccountAdjustmentPositionOperation",
    "AccountBlockError",
    "AccountControl",
    "AccountGroupRegistrationError",
    "Accounts",
    "ActorEngine",
    "ActorScopeError",
    "AdjustmentAmount",
    "AsyncShardedEngine",
    "CallOutcome",
    "ConfigureErrorKind",
    "Engine",
    "EngineBuilder",
    "EngineClosed",
    "ExecutionReport",
    "ExecutionReportFillDetails",
    "ExecutionReportOperation",
    "ExecutionReportPositionImpact",
    "FinancialImpact",
    "Instrument",
    "Leverage",
    "MissedAnswer",
    "MissedAnswers",
    "MonetaryAmount",
    "Mutation",
    "NotPermitted",
    "Observer",
    "Order",
    "OrderMargin",
    "OrderOperation",
    "OrderPosition",
    "OutcomeUnknown",
    "PastEngine",
    "PolicyConfigureError",
    "PositionMode",
    "PostTradeResult",
    "ReadyEngineBuilder",
    "RejectError",
    "ServerRefused",
    "ShardCallbackError",
    "ShardDown",
    "ShardOverloaded",
    "ShardStartError",
    "ShardStats",
    "ShardedEngine",
    "ShardedEngineError",
    "SomeItemsFailed",
    "SyncedEngineBuilder",
    "account_adjustment",
    "connect",
    "connect_async",
    "core",
    "errors",
    "marketdata",
    "param",
    "pretrade",
]


# A worker imports the package, too, and needs none of these: they load where one is asked for.
_LATE: Final = {
    "ActorEngine": "openpit.faces.acting",
    "AsyncShardedEngine": "openpit.faces.aio.engine",
    "CallOutcome": "openpit.client.outcome",
    "Engine": "openpit.faces.embedded",
    "EngineBuilder": "openpit.faces.embedded",
    "MissedAnswer": "openpit.client.missed",
    "MissedAnswers": "openpit.client.missed",
    "Observer": "openpit.faces.observing",
    "PastEngine": "openpit.faces.past_engine",
    "ReadyEngineBuilder": "openpit.faces.embedded",
    "ShardStats": "openpit.wire.shard_stats",
    "ShardedEngine": "openpit.faces.blocking.engine",
    "SyncedEngineBuilder": "openpit.faces.embedded",
    "connect": "openpit.faces.connecting",
    "connect_async": "openpit.faces.connecting",
}
_LATE_ROOMS: Final = ("client", "faces", "limits", "metrics", "router")


if not TYPE_CHECKING:  # to a type checker a name that is not here stays an error

    def __getattr__(name: str) -> object:
        """Find what loads when it is first asked for, and the exceptions that say they live here.

        Pickle and the frames to and from the shards look a class up where it says it lives.
        """
        if name in _LATE:
            globals()[name] = value = getattr(import_module(_LATE[name]), name)
            return value
        if name in _LATE_ROOMS:
            return import_module(f"{__name__}.{name}")
        found = vars(errors).get(name)
        if isinstance(found, type) and found.__module__ == __name__:
            return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *_LATE, *_LATE_ROOMS})
