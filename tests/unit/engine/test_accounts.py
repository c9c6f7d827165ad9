"""The public handle on accounts: what it takes, and that it reaches the engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from makers import Scripted, account, engine_with, order, pnl_report, reasons, reject_fields

import openpit
from openpit import AccountBlockError, AccountGroupRegistrationError
from openpit.param import AccountGroupId
from openpit.pretrade import AccountBlock, policies

if TYPE_CHECKING:
    from collections.abc import Callable

GROUP_1 = "account_group_id must be an AccountGroupId or integer in range 1..=4294967295"
GROUP_0 = "account_group_id must be an AccountGroupId or integer in range 0..=4294967295"
ACCOUNT = "account_id must be openpit.param.AccountId"
RESERVED = "the reserved default account group is not a valid target"


@pytest.fixture
def engine() -> openpit.Engine:
    return engine_with(Scripted())


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def test_a_group_may_be_given_by_number_or_by_id(engine: openpit.Engine) -> None:
    accounts = engine.accounts()

    accounts.register_group([account(1)], 5)
    accounts.register_group((account(number) for number in (2, 3)), AccountGroupId.from_int(6))
    accounts.register_group([account(4)], True)

    assert [accounts.group_of(account(number)) for number in range(1, 6)] == [
        AccountGroupId.from_int(5),
        AccountGroupId.from_int(6),
        AccountGroupId.from_int(6),
        AccountGroupId.from_int(1),
        None,
    ]
    accounts.unregister_group([account(2)], 6)
    assert accounts.group_of(account(2)) is None


def test_groups_are_told_apart_by_their_errors(engine: openpit.Engine) -> None:
    accounts = engine.accounts()

    with pytest.raises(AccountGroupRegistrationError, match=exactly(RESERVED)):
        accounts.register_group([account(1)], AccountGroupId.DEFAULT)
    with pytest.raises(AccountBlockError, match=exactly(RESERVED)):
        accounts.block_group(AccountGroupId.DEFAULT, "all")
    with pytest.raises(
        ValueError, match=exactly("account group id must not equal the reserved default group")
    ):
        accounts.register_group([account(1)], 0)
    with pytest.raises(AccountBlockError, match=exactly("account is not blocked")):
        accounts.replace_block_reason(account(1), "why")


@pytest.mark.parametrize("group", [-1, 2**32, 1.5, "5", None])
def test_what_is_no_group_is_a_value_error(engine: openpit.Engine, group: Any) -> None:
    accounts = engine.accounts()

    for call in (
        lambda: accounts.register_group([account(1)], group),
        lambda: accounts.unregister_group([account(1)], group),
        lambda: accounts.block_group(group, "why"),
        lambda: accounts.unblock_group(group),
        lambda: accounts.replace_group_block_reason(group, "why"),
    ):
        with pytest.raises(ValueError, match=exactly(GROUP_1)):
            call()
    for call in (
        lambda: accounts.set_group_currency(group, "USD"),
        lambda: accounts.clear_group_currency(group),
    ):
        with pytest.raises(ValueError, match=exactly(GROUP_0)):
            call()


@pytest.mark.parametrize(
    "call",
    [
        lambda accounts: accounts.register_group([account(1), 2], 5),
        lambda accounts: accounts.unregister_group([2], 5),
        lambda accounts: accounts.group_of(2),
        lambda accounts: accounts.set_currency(2, "USD"),
        lambda accounts: accounts.clear_currency(2),
        lambda accounts: accounts.block(2, "why"),
        lambda accounts: accounts.block_with_cause(2, AccountBlock(**CAUSE)),
        lambda accounts: accounts.unblock(2),
        lambda accounts: accounts.replace_block_reason(2, "why"),
    ],
)
def test_what_is_no_account_is_a_type_error_and_changes_nothing(
    engine: openpit.Engine, call: Callable[[openpit.Accounts], object]
) -> None:
    with pytest.raises(TypeError, match=exactly(ACCOUNT)):
        call(engine.accounts())
    assert engine.accounts().group_of(account(1)) is None


CAUSE = {"policy": "Watch", "code": "Custom", "reason": "seen", "details": "twice"}


def test_a_currency_is_a_text_that_is_not_empty(engine: openpit.Engine) -> None:
    accounts = engine.accounts()

    with pytest.raises(TypeError, match=exactly("asset must be a str")):
        accounts.set_currency(account(1), 5)
    with pytest.raises(ValueError, match=exactly("asset must not be empty")):
        accounts.set_group_currency(5, " ")


def test_currencies_come_and_go_tier_by_tier(engine: openpit.Engine) -> None:
    accounts = engine.accounts()
    accounts.register_group([account(1)], 5)
    seen = []

    for change in (
        lambda: accounts.set_group_currency(AccountGroupId.DEFAULT, "USD"),
        lambda: accounts.set_group_currency(5, "EUR"),
        lambda: accounts.set_currency(account(1), "CHF"),
        lambda: accounts.clear_currency(account(1)),
        lambda: accounts.clear_group_currency(AccountGroupId.from_int(5)),
        lambda: accounts.clear_group_currency(0),
    ):
        change()
        seen.append(engine._core.registry.currency_of(1))

    assert seen == ["USD", "EUR", "CHF", "EUR", "USD", None]


def test_a_reason_is_a_text_and_a_cause_a_block(engine: openpit.Engine) -> None:
    accounts = engine.accounts()

    with pytest.raises(TypeError, match=exactly("'int' object is not an instance of 'str'")):
        accounts.block(account(1), 5)
    with pytest.raises(
        TypeError, match=exactly("'str' object is not an instance of 'AccountBlock'")
    ):
        accounts.block_with_cause(account(1), "seen")


def test_blocks_of_operators_and_with_a_cause(engine: openpit.Engine) -> None:
    accounts = engine.accounts()
    accounts.block_with_cause(account(1), AccountBlock(**CAUSE))
    accounts.block(account(1), "too late")
    accounts.block(account(2), "")

    assert reject_fields(engine.execute_pre_trade(order(1))) == [
        ("Custom", "seen", "twice", "Watch", "account")
    ]
    assert reject_fields(engine.execute_pre_trade(order(2))) == [
        ("AccountBlocked", "", "", "Engine", "account")
    ]

    accounts.replace_block_reason(account(1), "under review")
    assert reject_fields(engine.execute_pre_trade(order(1))) == [
        ("AccountBlocked", "under review", "under review", "Engine", "account")
    ]
    accounts.unblock(account(1))
    accounts.unblock(account(1))
    assert engine.execute_pre_trade(order(1))


def test_a_group_is_blocked_and_unblocked_as_one(engine: openpit.Engine) -> None:
    accounts = engine.accounts()
    accounts.register_group([account(1), account(2)], 5)
    accounts.block_group(5, "review")
    accounts.replace_group_block_reason(5, "long review")

    assert [reasons(engine.execute_pre_trade(order(number))) for number in (1, 2, 3)] == [
        ["long review"],
        ["long review"],
        [],
    ]
    accounts.unblock_group(5)
    accounts.unblock_group(5)
    assert engine.execute_pre_trade(order(1))


def test_all_handles_share_the_engines_state_and_outlive_it(engine: openpit.Engine) -> None:
    first, second = engine.accounts(), engine.accounts()
    assert first is not second

    first.register_group([account(1)], 5)
    del engine

    assert second.group_of(account(1)) == AccountGroupId.from_int(5)


def test_callbacks_may_use_them(engine: openpit.Engine) -> None:
    def block(ctx: Any, report: Any) -> None:
        busy.accounts().block(account(1), "by report")

    busy = engine_with(Scripted(report=block), sync="full_sync")

    busy.apply_execution_report(pnl_report(1))

    assert reasons(busy.execute_pre_trade(order(1))) == ["by report"]


def test_a_move_to_another_group_is_judged_by_that_groups_pnl_barrier() -> None:
    engine = engine_with(
        policies.build_spot_funds_pnl_bounds_killswitch().account_group_barriers(
            policies.SpotFundsPnlBoundsAccountGroupBarrier(
                policies.SpotFundsPnlBoundsBarrier("USD", lower_bound=10),
                AccountGroupId.from_int(5),
            )
        )
    )
    accounts = engine.accounts()
    accounts.set_currency(account(1), "USD")
    assert engine.execute_pre_trade(order(1))

    # Nothing earned yet: below the 10 USD that this group asks for.
    accounts.register_group([account(1)], 5)

    stopped = engine.execute_pre_trade(order(1))
    assert [(item.code, item.scope) for item in stopped.rejects] == [
        ("PnlKillSwitchTriggered", "account")
    ]
    accounts.unregister_group([account(1)], 5)
    assert not engine.execute_pre_trade(order(1))
    accounts.unblock(account(1))
    assert engine.execute_pre_trade(order(1))


def test_programs_cannot_make_one() -> None:
    with pytest.raises(TypeError, match=r"^cannot create 'openpit.Accounts' instances$"):
        openpit.Accounts()
