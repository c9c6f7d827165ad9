from __future__ import annotations

import pytest

from openpit.pretrade.codes import RejectCode
from openpit.pretrade.rejects import (
    AccountBlock,
    Reject,
    block_from_reject,
    missing_field,
    missing_field_block,
)


def a_reject(**changes) -> Reject:
    values = {
        "code": "InsufficientFunds",
        "reason": "spot funds insufficient",
        "details": "asset USD: available 5, requested 7",
        "policy": "SpotFundsPolicy",
        "scope": "order",
        "user_data": 9,
    }
    return Reject._of(**{**values, **changes})


def a_block(**changes) -> AccountBlock:
    values = {"policy": "Desk", "code": "Custom", "reason": "stop", "details": "by hand"}
    return AccountBlock(**{**values, **changes})


def test_a_reject_shows_what_it_was_made_of():
    reject = a_reject()
    assert (reject.code, reject.reason) == ("InsufficientFunds", "spot funds insufficient")
    assert reject.details == "asset USD: available 5, requested 7"
    assert (reject.policy, reject.scope, reject.user_data) == ("SpotFundsPolicy", "order", 9)


def test_a_reject_prints_its_fields_quoted():
    reject = a_reject(reason='say "no"', details="tab\there")
    assert repr(reject) == (
        'Reject(code="InsufficientFunds", reason="say \\"no\\"", details="tab\\there", '
        'policy="SpotFundsPolicy", scope="order", user_data=9)'
    )


def test_a_reject_cannot_be_made_changed_extended_or_derived_from():
    with pytest.raises(TypeError, match=r"^cannot create 'openpit.pretrade.Reject' instances$"):
        Reject("Other", "r", "d", "p", "order")
    with pytest.raises(AttributeError):
        a_reject().code = "Other"
    with pytest.raises(AttributeError):
        a_reject().note = "mine"
    with pytest.raises(
        TypeError, match=r"^type 'openpit.pretrade.Reject' is not an acceptable base type$"
    ):
        type("MyReject", (Reject,), {})


def test_rejects_are_compared_by_identity():
    assert a_reject() != a_reject()


def test_a_block_takes_a_code_or_its_string_and_keeps_a_plain_string():
    assert a_block(code=RejectCode.ACCOUNT_BLOCKED).code == "AccountBlocked"
    assert type(a_block(code=RejectCode.ACCOUNT_BLOCKED).code) is str
    assert a_block().user_data == 0


def test_a_block_prints_its_code_first():
    assert repr(a_block(user_data=2**64 - 1)) == (
        'AccountBlock(code="Custom", policy="Desk", reason="stop", details="by hand", '
        "user_data=18446744073709551615)"
    )


def test_a_block_is_compared_by_identity_and_cannot_be_changed():
    assert a_block() != a_block()
    with pytest.raises(AttributeError):
        a_block().code = "Other"


def test_a_block_takes_texts_in_any_script_that_utf8_can_hold():
    assert a_block(reason="資金不足").reason == "資金不足"
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed"):
        a_block(reason="\ud800")


def test_a_block_refuses_an_unknown_code():
    with pytest.raises(ValueError, match=r'^unsupported reject code "zzz"$'):
        a_block(code="zzz")
    with pytest.raises(ValueError, match=r'^unsupported reject code ""$'):
        a_block(code="")


@pytest.mark.parametrize("field", ["policy", "code", "reason", "details"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "'None' is not an instance of 'str'"),
        (5, "'int' object is not an instance of 'str'"),
        (b"x", "'bytes' object is not an instance of 'str'"),
    ],
)
def test_a_block_takes_texts_only(field, value, message):
    with pytest.raises(TypeError) as refused:
        a_block(**{field: value})
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-1, OverflowError, "can't convert negative int to unsigned"),
        (2**64, OverflowError, "int too big to convert"),
        (1.0, TypeError, "'float' object cannot be interpreted as an integer"),
        (None, TypeError, "'NoneType' object cannot be interpreted as an integer"),
    ],
)
def test_a_block_takes_a_token_of_64_bits(value, error, message):
    with pytest.raises(error) as refused:
        a_block(user_data=value)
    assert str(refused.value) == message


def test_the_block_of_an_account_scope_reject_has_the_code_account_blocked():
    block = block_from_reject(a_reject(scope="account"))
    assert (block.policy, block.code) == ("SpotFundsPolicy", "AccountBlocked")
    assert (block.reason, block.user_data) == ("spot funds insufficient", 9)
    assert block.details == "asset USD: available 5, requested 7"


def test_the_block_of_a_report_keeps_its_code():
    assert block_from_reject(a_reject(), rewrite=False).code == "InsufficientFunds"


def test_a_missing_field_names_its_label_and_its_path():
    reject = missing_field("trade amount", "OrderSizeLimitPolicy")
    assert (reject.code, reject.scope) == ("MissingRequiredField", "order")
    assert reject.reason == "failed to access required field 'trade amount'"
    assert reject.details == "failed to access field 'operation.trade_amount'"
    assert (reject.policy, reject.user_data) == ("OrderSizeLimitPolicy", 0)


def test_a_missing_field_of_an_adjustment_concerns_the_account():
    reject = missing_field("balance asset", "SpotFundsPolicy", "account")
    assert reject.scope == "account"
    assert reject.details == "failed to access field 'operation.balance_asset'"


def test_a_missing_field_of_a_report_blocks_under_its_own_code():
    block = missing_field_block("P&L", "PnlBoundsKillSwitchPolicy")
    assert (block.policy, block.code) == ("PnlBoundsKillSwitchPolicy", "MissingRequiredField")
    assert block.reason == "failed to access required field 'P&L'"
    assert block.details == "failed to access field 'financial_impact.pnl'"
