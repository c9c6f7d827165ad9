"""What the engine knows of accounts: block causes, groups, currencies."""

from __future__ import annotations

import pytest

from openpit.engine.registry import AccountRegistry, admin_block
from openpit.errors import AccountBlockError, AccountGroupRegistrationError
from openpit.pretrade import AccountBlock

RESERVED = "the reserved default account group is not a valid target"


@pytest.fixture
def registry() -> AccountRegistry:
    return AccountRegistry()


def told(registry: AccountRegistry, account: int | None) -> str | None:
    """The reason for which an order of the account is stopped."""
    stopped = registry.check(account)
    return None if stopped is None else stopped.reason


def test_the_accounts_own_cause_goes_before_its_groups_and_that_before_the_engines(
    registry: AccountRegistry,
) -> None:
    registry.register_group([1], 5)
    registry.arm_unattributed_report()
    assert told(registry, 1) == "account is blocked due to kill-switch"
    registry.arm_finalizer_failure()
    assert told(registry, 1) == "mutation finalizer failed"
    registry.block_group(5, "group")
    assert told(registry, 1) == "group"
    registry.block(1, admin_block("own"))
    assert told(registry, 1) == "own"

    registry.unblock(1)
    assert told(registry, 1) == "group"
    registry.unblock_group(5)
    assert told(registry, 1) == "mutation finalizer failed"
    registry.unblock_all()
    assert told(registry, 1) is None


def test_the_engines_causes_are_cleared_together(registry: AccountRegistry) -> None:
    registry.arm_unattributed_report()
    registry.arm_finalizer_failure()

    registry.unblock_all()

    assert told(registry, 1) is None
    assert not registry.anything_blocked


def test_a_reject_copies_the_cause(registry: AccountRegistry) -> None:
    registry.block(
        1,
        AccountBlock(policy="Watch", code="Custom", reason="seen", details="twice", user_data=7),
    )

    stopped = registry.check(1)
    assert stopped is not None

    assert (stopped.code, stopped.reason, stopped.details) == ("Custom", "seen", "twice")
    assert (stopped.policy, stopped.scope, stopped.user_data) == ("Watch", "account", 7)


def test_the_first_cause_stays_until_it_is_replaced_or_removed(registry: AccountRegistry) -> None:
    registry.block(1, admin_block("first"))
    registry.block(1, admin_block("second"))
    registry.block_group(5, "first")
    registry.block_group(5, "second")
    registry.register_group([2], 5)
    assert (told(registry, 1), told(registry, 2)) == ("first", "first")

    registry.replace_block_reason(1, "third")
    registry.replace_group_block_reason(5, "third")

    assert (told(registry, 1), told(registry, 2)) == ("third", "third")
    assert registry.blocked_accounts == 1


def test_an_order_without_account_is_stopped_while_anything_is_blocked(
    registry: AccountRegistry,
) -> None:
    assert told(registry, None) is None
    registry.block_group(5, "nobody is in it")
    assert told(registry, None) == "account could not be verified as account ID is missing"
    registry.unblock_group(5)
    assert told(registry, None) is None


def test_a_group_block_is_about_whoever_is_in_the_group_now(registry: AccountRegistry) -> None:
    registry.block_group(5, "group")
    registry.register_group([1], 5)
    assert told(registry, 1) == "group"

    registry.unregister_group([1], 5)

    assert told(registry, 1) is None


def test_a_block_made_while_another_is_removed_is_not_forgotten(registry: AccountRegistry) -> None:
    """A dropped handle's rollback may block an account between any two steps of an unblock."""

    class Watched(dict[int, AccountBlock]):
        def __bool__(self) -> bool:
            if not self._done:
                self._done = True
                registry.block_group(5, "in between")
            return len(self) > 0

        _done = False

    registry.block(1, admin_block("own"))
    registry._blocks = Watched(registry._blocks)

    registry.unblock(1)

    assert registry.anything_blocked


def test_registering_is_all_or_nothing(registry: AccountRegistry) -> None:
    registry.register_group([1, 2, 1], 5)

    for group in (5, 6):
        with pytest.raises(
            AccountGroupRegistrationError,
            match=r"^account is already registered in a different group$",
        ):
            registry.register_group([3, 2], group)

    assert [registry.group_of(number) for number in (1, 2, 3)] == [5, 5, None]


def test_unregistering_is_all_or_nothing(registry: AccountRegistry) -> None:
    registry.register_group([1], 5)
    registry.register_group([2], 6)
    wrong = "account is not in the requested group; it belongs to"

    with pytest.raises(AccountGroupRegistrationError, match=f"^{wrong} a different group$"):
        registry.unregister_group([1, 2], 5)
    with pytest.raises(AccountGroupRegistrationError, match=f"^{wrong} no group$"):
        registry.unregister_group([1, 3], 5)
    assert registry.group_of(1) == 5

    registry.unregister_group([1, 1], 5)
    assert registry.group_of(1) is None


def test_the_default_group_is_no_group_to_be_in_or_to_block(registry: AccountRegistry) -> None:
    for register in (registry.register_group, registry.unregister_group):
        with pytest.raises(AccountGroupRegistrationError, match=f"^{RESERVED}$"):
            register([1], 0)
    with pytest.raises(AccountBlockError, match=f"^{RESERVED}$"):
        registry.block_group(0, "everybody")
    with pytest.raises(AccountBlockError, match=f"^{RESERVED}$"):
        registry.unblock_group(0)
    with pytest.raises(AccountBlockError, match=f"^{RESERVED}$"):
        registry.replace_group_block_reason(0, "everybody")


def test_a_reason_cannot_be_replaced_where_there_is_none(registry: AccountRegistry) -> None:
    with pytest.raises(AccountBlockError, match=r"^account is not blocked$"):
        registry.replace_block_reason(1, "why")
    with pytest.raises(AccountBlockError, match=r"^account group is not blocked$"):
        registry.replace_group_block_reason(5, "why")


def test_the_currency_is_the_accounts_else_its_groups_else_that_of_all(
    registry: AccountRegistry,
) -> None:
    registry.register_group([1], 5)
    seen = [registry.currency_of(1)]
    registry.set_group_currency(0, "USD")
    seen.append(registry.currency_of(1))
    registry.set_group_currency(5, "EUR")
    seen.append(registry.currency_of(1))
    registry.set_currency(1, "CHF")
    seen.append(registry.currency_of(1))

    assert seen == [None, "USD", "EUR", "CHF"]
    assert registry.currency_of(2) == "USD"
    assert [registry.currency_in(2, group) for group in (None, 5, 6)] == ["USD", "EUR", "USD"]

    registry.clear_currency(1)
    registry.clear_group_currency(5)
    assert registry.currency_of(1) == "USD"
    registry.clear_group_currency(0)
    assert registry.currency_of(1) is None


def test_known_accounts_have_a_currency_or_a_group_of_their_own(registry: AccountRegistry) -> None:
    registry.set_currency(1, "USD")
    registry.register_group([2, 3], 5)
    registry.set_group_currency(0, "USD")
    registry.block(4, admin_block("own"))

    assert set(registry.known_accounts()) == {1, 2, 3}
