from __future__ import annotations

import pytest
from makers import mutation

from openpit.engine.call import DropCopyCall, EngineCall
from openpit.engine.registry import AccountRegistry
from openpit.pretrade import AccountBlock


def block(reason: str) -> AccountBlock:
    return AccountBlock(policy="Watch", code="Custom", reason=reason, details="")


@pytest.fixture
def registry() -> AccountRegistry:
    registry = AccountRegistry()
    registry.register_group([1], 5)
    return registry


def test_a_call_sees_the_group_that_the_account_had_when_it_began(
    registry: AccountRegistry,
) -> None:
    call, nobody, elsewhere = (EngineCall(registry, number) for number in (1, None, 2))

    registry.unregister_group([1], 5)

    assert (call.group(), nobody.group(), elsewhere.group()) == (5, None, None)
    assert not call.is_drop_copy


def test_a_block_is_in_force_at_once_and_needs_an_account(registry: AccountRegistry) -> None:
    EngineCall(registry, None).block(block("nobody"))
    assert not registry.anything_blocked

    EngineCall(registry, 1).block(block("seen"))
    assert registry.has_own_block(1)


def test_a_drop_copy_keeps_the_first_request_until_it_has_succeeded(
    registry: AccountRegistry,
) -> None:
    call = DropCopyCall(registry, 1)
    first = block("first")

    call.request_block(None)
    call.block(first)
    call.block(block("second"))

    assert call.requested_block is first
    assert not registry.anything_blocked
    call.active = False
    call.block(block("late"))
    assert registry.has_own_block(1)


def test_a_start_mutation_is_captured_in_a_drop_copy_only(registry: AccountRegistry) -> None:
    trace: list[str] = []
    call = DropCopyCall(registry, 1)

    call.record_drop_copy_start_mutation(mutation(trace, "a"))
    call.start_mutations[0].commit()
    assert trace == ["commit a"]

    call.active = False
    for ended in (call, EngineCall(registry, 1)):
        with pytest.raises(RuntimeError, match=r"^context is not an active drop-copy operation$"):
            ended.record_drop_copy_start_mutation(mutation(trace, "b"))
    assert len(call.start_mutations) == 1
