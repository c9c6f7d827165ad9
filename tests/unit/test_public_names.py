"""The names that programs may rely on. One that is missing here, or new, is a change of the API."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PUBLIC = {
    "openpit": """
        account_adjustment AccountAdjustment AccountAdjustmentAccountPnlOperation
        AccountAdjustmentAmount AccountAdjustmentBalanceOperation AccountAdjustmentBounds
        AccountAdjustmentContext AccountAdjustmentPositionOperation AccountBlockError
        AccountControl AccountGroupRegistrationError Accounts ActorEngine ActorScopeError
        AdjustmentAmount
        AsyncShardedEngine CallOutcome ConfigureErrorKind connect connect_async core
        Engine EngineBuilder EngineClosed errors
        ExecutionReport ExecutionReportFillDetails ExecutionReportOperation
        ExecutionReportPositionImpact FinancialImpact Instrument Leverage marketdata
        MissedAnswer MissedAnswers MonetaryAmount Mutation NotPermitted Observer Order OrderMargin
        OrderOperation
        OrderPosition
        OutcomeUnknown PastEngine param PolicyConfigureError PositionMode PostTradeResult pretrade
        ReadyEngineBuilder
        RejectError ServerRefused ShardCallbackError ShardDown ShardedEngine ShardedEngineError
        ShardOverloaded ShardStartError ShardStats SomeItemsFailed SyncedEngineBuilder
    """,
    "openpit.param": """
        AccountGroupId AccountId AccountIdError AdjustmentAmount Asset AssetError CashFlow
        DEFAULT_ACCOUNT_GROUP Fee FillType Kind Leverage MonetaryAmount Notional ParamError Pnl
        PositionEffect PositionMode PositionSide PositionSize Price Quantity RoundingStrategy
        Side Trade TradeAmount Volume
    """,
    "openpit.core": """
        AccountAdjustment AccountAdjustmentAccountPnlOperation AccountAdjustmentAmount
        AccountAdjustmentBalanceOperation AccountAdjustmentBounds AccountAdjustmentContext
        AccountAdjustmentPositionOperation AccountControl ExecutionReport
        ExecutionReportFillDetails ExecutionReportOperation ExecutionReportPositionImpact
        FinancialImpact Instrument InstrumentId Order OrderMargin OrderOperation OrderPosition
        ReferenceBook ReferenceBookRegistrationError SettlementLag SettlementScheme
        SettlementUnit UnknownReferenceBookInstrumentId
    """,
    "openpit.account_adjustment": """
        AccountPnlOperation Adjustment Amount BalanceOperation Bounds PositionOperation
    """,
    "openpit.limits": """
        apply apply_async ConfigError diff load loads Policies schema
    """,
    "openpit.metrics": """
        AsyncEngineCollector collector EngineCollector
    """,
    "openpit.marketdata": """
        AlreadyRegistered InstrumentId MarketDataBuilder MarketDataError MarketDataService Quote
        QuoteExpired QuoteResolution QuoteTtl QuoteUnavailable RegistrationError
        UnknownInstrument UnknownInstrumentId
    """,
    "openpit.pretrade": """
        AccountAdjustmentBatchResult AccountAdjustmentOutcome AccountBlock AccountBlockOutcome
        AccountBlockOutcomes AccountControl AccountOutcomeEntry AccountPnlOutcome AccountState
        AsyncDropCopyOperation AsyncDropCopyResult AsyncExecuteResult AsyncRequest
        AsyncReservation AsyncStartResult Context
        DEFAULT_POLICY_GROUP_ID DropCopyOperation DropCopyResult DryRunReport ExecuteResult
        GroupState Holding Lock OpenHandles OpenReservation OutcomeAmount PnlHaltReason
        PnlOutcome PnlOutcomeAmount
        policies Policy policy PolicyAccountAdjustmentResult PolicyConfigurationResult
        PolicyDecision PolicyGroupId PolicyPreTradeResult PolicyReject PolicyState
        PostTradeContext PostTradeResult RealizedPnl Reject RejectCode Rejects RejectScope Request
        Reservation StartResult
    """,
    "openpit.pretrade.policies": """
        build_order_size_limit build_order_validation build_pnl_bounds_killswitch
        build_rate_limit build_spot_funds build_spot_funds_pnl_bounds_killswitch
        DEFAULT_POLICY_GROUP_ID OrderSizeAccountAssetBarrier OrderSizeAssetBarrier
        OrderSizeBrokerBarrier OrderSizeLimit OrderSizeLimitBuilder OrderSizeLimitReadyBuilder
        OrderValidationBuilder PnlBoundsAccountAssetBarrier PnlBoundsAccountAssetBarrierUpdate
        PnlBoundsBrokerBarrier PnlBoundsKillswitchBuilder PnlBoundsKillswitchReadyBuilder
        RateLimit RateLimitAccountAssetBarrier RateLimitAccountBarrier RateLimitAssetBarrier
        RateLimitBrokerBarrier RateLimitBuilder RateLimitReadyBuilder SpotFundsBuilder
        SpotFundsLimitMode SpotFundsLimitModeAccountEntry SpotFundsLimitModeAccountGroupEntry
        SpotFundsOverride SpotFundsOverrideEntry SpotFundsOverrideTarget
        SpotFundsOverrideTargetInstrument SpotFundsOverrideTargetInstrumentAccount
        SpotFundsOverrideTargetInstrumentAccountGroup SpotFundsPnlBoundsAccountBarrier
        SpotFundsPnlBoundsAccountGroupBarrier SpotFundsPnlBoundsBarrier
        SpotFundsPnlBoundsKillswitchBuilder SpotFundsPnlBoundsKillswitchReadyBuilder
        SpotFundsPositionLimitEntry SpotFundsPricingSource SpotFundsReadyBuilder
    """,
    "openpit.pretrade.policy": """
        Policy PolicyAccountAdjustmentResult PolicyDecision PolicyPreTradeResult PolicyReject
    """,
    "openpit.errors": """
        AccountBlockError AccountGroupRegistrationError AccountIdError ActorScopeError
        AlreadyRegistered AssetError EngineClosed FrameTooLarge
        JournalDamaged JournalError JournalFailed JournalInUse JournalMismatch ReplayDiverged
        KeyConflict LeftBehind MarketDataError ReservationExpired
        CommandSkipped NotPermitted OutcomeUnknown ParamError
        PolicyConfigureError QuoteExpired QuoteUnavailable ReferenceBookRegistrationError
        RegistrationError RejectError ServerRefused ShardCallbackError ShardDown ShardedEngineError
        ShardOverloaded ShardStalled ShardStartError SomeItemsFailed UnknownInstrument
        UnknownInstrumentId
        UnknownReferenceBookInstrumentId WireError
    """,
}

# Needed by some programs only, and slow to load.
HEAVY = ("asyncio", "cbor2", "click", "dill", "hdrh", "multiprocess", "plotly", "rich", "uvloop")


@pytest.mark.parametrize("module", PUBLIC)
def test_the_names_of_a_module_are_these(module: str) -> None:
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module].split())


@pytest.mark.parametrize("module", PUBLIC)
def test_every_name_is_there_and_its_class_says_where_to_find_it(module: str) -> None:
    loaded = importlib.import_module(module)

    for name in PUBLIC[module].split():
        value = getattr(loaded, name)
        if isinstance(value, type):
            home = importlib.import_module(value.__module__)
            assert getattr(home, value.__qualname__) is value


def test_names_that_are_public_without_being_listed() -> None:
    core = importlib.import_module("openpit.core")
    policies = importlib.import_module("openpit.pretrade.policies")

    assert core.Mutation is importlib.import_module("openpit").Mutation
    assert policies.RateLimitBuilder.NAME == "RateLimitPolicy"
    assert not hasattr(policies.OrderValidationBuilder, "NAME")


def test_a_name_that_is_not_there_is_told_like_any() -> None:
    with pytest.raises(AttributeError, match=r"^module 'openpit' has no attribute 'Nothing'$"):
        importlib.import_module("openpit").Nothing  # noqa: B018 - the access is the test


def test_importing_the_engine_loads_nothing_heavy() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, openpit; openpit.Engine.builder(); print(*sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert "openpit.engine.pipeline" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_what_a_worker_imports_of_the_package_has_no_faces() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, openpit.shards.worker; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    assert "openpit.shards.shard" in loaded
    assert "asyncio" not in loaded
    rooms = ("openpit.client", "openpit.faces", "openpit.router")
    assert [name for name in loaded if name.startswith(rooms)] == []


LATE = """
import openpit

names = set(openpit.__all__)
assert names <= set(dir(openpit)), names - set(dir(openpit))
assert "Engine" not in vars(openpit)
everything = {}
exec("from openpit import *", everything)
assert names <= set(everything), names - set(everything)
from openpit import Engine, ShardStats
assert openpit.Engine is Engine is everything["Engine"]
assert openpit.router.ShardStats is ShardStats
"""


def test_names_that_load_late_are_there_for_every_way_to_ask() -> None:
    subprocess.run([sys.executable, "-c", LATE], check=True)


def test_rooms_that_load_late_are_there_without_an_import_of_their_own() -> None:
    program = "import openpit; print(openpit.router.ShardStats.__name__, openpit.faces.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["ShardStats", "openpit.faces"]
