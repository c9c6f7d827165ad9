from __future__ import annotations

import pytest

from openpit.pretrade.codes import PLAIN_CODE, RejectCode, RejectScope

EVALUATION_FAILURES = {
    "MissingRequiredField",
    "UnknownInstrument",
    "UnknownAccount",
    "UnknownVenue",
    "UnknownClearingAccount",
    "UnknownCollateralAsset",
    "RiskConfigurationMissing",
    "ReferenceDataUnavailable",
    "OrderValueCalculationFailed",
    "SystemUnavailable",
    "MarkPriceUnavailable",
    "ArithmeticOverflow",
}


def test_there_are_44_codes_each_named_as_its_value():
    assert len(RejectCode) == 44
    for code in RejectCode:
        assert code.value == "".join(word.capitalize() for word in code.name.split("_"))


def test_codes_equal_their_strings_and_hash_alike():
    assert RejectCode.RATE_LIMIT_EXCEEDED == "RateLimitExceeded"
    assert str(RejectCode.RATE_LIMIT_EXCEEDED) == "RateLimitExceeded"
    assert {"Other": 1}[RejectCode.OTHER] == 1


def test_twelve_codes_say_that_the_check_could_not_be_made():
    failures = {code.value for code in RejectCode if code.is_evaluation_failure()}
    assert failures == EVALUATION_FAILURES


def test_a_scope_is_order_or_account_and_nothing_else():
    assert RejectScope("order") is RejectScope.ORDER
    assert RejectScope("account") is RejectScope.ACCOUNT
    for other in ("ORDER", "engine", None, 5):
        with pytest.raises(ValueError, match=r"^scope must be either 'order' or 'account'$"):
            RejectScope(other)


def test_plain_codes_are_plain_strings_for_members_and_texts_alike():
    assert PLAIN_CODE[RejectCode.CUSTOM] == "Custom"
    assert type(PLAIN_CODE[RejectCode.CUSTOM]) is str
    assert type(PLAIN_CODE["Custom"]) is str


def test_both_enums_say_that_they_live_in_pretrade():
    assert RejectCode.__module__ == "openpit.pretrade"
    assert RejectScope.__module__ == "openpit.pretrade"
