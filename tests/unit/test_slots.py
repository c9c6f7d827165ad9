from __future__ import annotations

from collections import Counter

import pytest

from openpit import slots
from openpit.slots import SLOTS, Owners, slot_of, spread_slots


@pytest.mark.parametrize(
    ("account", "slot"), [(0, 0), (1, 2531), (2, 966), (3, 3498), (2**64 - 1, 1564)]
)
def test_an_account_never_changes_its_slot(account: int, slot: int) -> None:
    assert slot_of(account) == slot


@pytest.mark.parametrize("stride", [1, 2, 8, 1000, 4096, 65536, 2**20 + 1])
@pytest.mark.parametrize("shards", [2, 3, 8])
def test_accounts_that_follow_a_pattern_are_spread(stride: int, shards: int) -> None:
    owner = spread_slots(shards)
    share = Counter(owner[slot_of(n * stride)] for n in range(8_000))
    assert max(share.values()) < 1.3 * 8_000 / shards


def test_every_shard_has_its_share_of_the_slots() -> None:
    for shards in (1, 2, 3, 5, 256):
        sizes = Counter(spread_slots(shards))
        assert sum(sizes.values()) == SLOTS
        assert len(sizes) == shards
        assert max(sizes.values()) - min(sizes.values()) <= 1


def test_owners_are_those_of_the_slots_whether_remembered_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slots, "_MOST_REMEMBERED", 3)
    by_slot = spread_slots(5)
    owners = Owners(by_slot)
    for account in (1, 2, 3, 4, 5, 2**64 - 1, 1, 5):
        assert owners[account] == by_slot[slot_of(account)]
    assert sorted(owners) == [1, 2, 3]
