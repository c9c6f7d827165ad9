"""Why an order, an account or an adjustment is refused: the codes, and how far a reject reaches."""

from __future__ import annotations

from enum import StrEnum
from typing import Never

__all__ = ["ACCOUNT", "ORDER", "PLAIN_CODE", "PLAIN_SCOPE", "RejectCode", "RejectScope"]


class RejectCode(StrEnum):
    """Reason class of a reject.

    Members compare equal to their strings; results carry the plain strings.
    """

    __module__ = "openpit.pretrade"

    MISSING_REQUIRED_FIELD = "MissingRequiredField"
    INVALID_FIELD_FORMAT = "InvalidFieldFormat"
    INVALID_FIELD_VALUE = "InvalidFieldValue"
    UNSUPPORTED_ORDER_TYPE = "UnsupportedOrderType"
    UNSUPPORTED_TIME_IN_FORCE = "UnsupportedTimeInForce"
    UNSUPPORTED_ORDER_ATTRIBUTE = "UnsupportedOrderAttribute"
    DUPLICATE_CLIENT_ORDER_ID = "DuplicateClientOrderId"
    TOO_LATE_TO_ENTER = "TooLateToEnter"
    EXCHANGE_CLOSED = "ExchangeClosed"
    UNKNOWN_INSTRUMENT = "UnknownInstrument"
    UNKNOWN_ACCOUNT = "UnknownAccount"
    UNKNOWN_VENUE = "UnknownVenue"
    UNKNOWN_CLEARING_ACCOUNT = "UnknownClearingAccount"
    UNKNOWN_COLLATERAL_ASSET = "UnknownCollateralAsset"
    INSUFFICIENT_FUNDS = "InsufficientFunds"
    INSUFFICIENT_MARGIN = "InsufficientMargin"
    INSUFFICIENT_POSITION = "InsufficientPosition"
    CREDIT_LIMIT_EXCEEDED = "CreditLimitExceeded"
    RISK_LIMIT_EXCEEDED = "RiskLimitExceeded"
    ORDER_EXCEEDS_LIMIT = "OrderExceedsLimit"
    ORDER_QTY_EXCEEDS_LIMIT = "OrderQtyExceedsLimit"
    ORDER_NOTIONAL_EXCEEDS_LIMIT = "OrderNotionalExceedsLimit"
    POSITION_LIMIT_EXCEEDED = "PositionLimitExceeded"
    CONCENTRATION_LIMIT_EXCEEDED = "ConcentrationLimitExceeded"
    LEVERAGE_LIMIT_EXCEEDED = "LeverageLimitExceeded"
    RATE_LIMIT_EXCEEDED = "RateLimitExceeded"
    PNL_KILL_SWITCH_TRIGGERED = "PnlKillSwitchTriggered"
    ACCOUNT_BLOCKED = "AccountBlocked"
    ACCOUNT_NOT_AUTHORIZED = "AccountNotAuthorized"
    COMPLIANCE_RESTRICTION = "ComplianceRestriction"
    INSTRUMENT_RESTRICTED = "InstrumentRestricted"
    JURISDICTION_RESTRICTION = "JurisdictionRestriction"
    WASH_TRADE_PREVENTION = "WashTradePrevention"
    SELF_MATCH_PREVENTION = "SelfMatchPrevention"
    SHORT_SALE_RESTRICTION = "ShortSaleRestriction"
    RISK_CONFIGURATION_MISSING = "RiskConfigurationMissing"
    REFERENCE_DATA_UNAVAILABLE = "ReferenceDataUnavailable"
    ORDER_VALUE_CALCULATION_FAILED = "OrderValueCalculationFailed"
    SYSTEM_UNAVAILABLE = "SystemUnavailable"
    MARK_PRICE_UNAVAILABLE = "MarkPriceUnavailable"
    ACCOUNT_ADJUSTMENT_BOUNDS_EXCEEDED = "AccountAdjustmentBoundsExceeded"
    ARITHMETIC_OVERFLOW = "ArithmeticOverflow"
    CUSTOM = "Custom"
    OTHER = "Other"

    def is_evaluation_failure(self) -> bool:
        """Tell whether the check could not be made, as opposed to made and failed.

        A drop copy is refused for these codes alone.
        """
        return self in EVALUATION_FAILURES


class RejectScope(StrEnum):
    """How far a reject reaches: this order, or every later order of the account."""

    __module__ = "openpit.pretrade"

    ORDER = "order"
    ACCOUNT = "account"

    @classmethod
    def _missing_(cls, _value: object) -> Never:
        raise ValueError("scope must be either 'order' or 'account'")


EVALUATION_FAILURES: frozenset[str] = frozenset(
    {
        RejectCode.MISSING_REQUIRED_FIELD,
        RejectCode.UNKNOWN_INSTRUMENT,
        RejectCode.UNKNOWN_ACCOUNT,
        RejectCode.UNKNOWN_VENUE,
        RejectCode.UNKNOWN_CLEARING_ACCOUNT,
        RejectCode.UNKNOWN_COLLATERAL_ASSET,
        RejectCode.RISK_CONFIGURATION_MISSING,
        RejectCode.REFERENCE_DATA_UNAVAILABLE,
        RejectCode.ORDER_VALUE_CALCULATION_FAILED,
        RejectCode.SYSTEM_UNAVAILABLE,
        RejectCode.MARK_PRICE_UNAVAILABLE,
        RejectCode.ARITHMETIC_OVERFLOW,
    }
)
"""Codes of checks that could not be made; a plain string may be looked up as well."""

PLAIN_CODE: dict[str, str] = {code.value: code.value for code in RejectCode}
"""Every code, member or plain string, to its plain string."""

PLAIN_SCOPE: dict[str, str] = {scope.value: scope.value for scope in RejectScope}
"""Every scope, member or plain string, to its plain string."""

ORDER = RejectScope.ORDER.value
ACCOUNT = RejectScope.ACCOUNT.value
