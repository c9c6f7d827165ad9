from __future__ import annotations

from decimal import Decimal

import pytest

from openpit.marketdata.quotes import INFINITE
from openpit.marketdata.store import EXPIRED, QuoteStore

AAPL = 0
ACCOUNT, OTHER = 5, 6
GROUP = 3
SECOND = 1_000_000_000


def mark(price: int):
    return (Decimal(price), None, None)


@pytest.fixture
def store() -> QuoteStore:
    store = QuoteStore(INFINITE)
    store.apply(("register", AAPL, "AAPL", "USD", None))
    return store


def read(store: QuoteStore, account=ACCOUNT, group=None, now=0):
    return store.read("AAPL", "USD", account, group, now)


def test_there_is_no_quote_before_one_is_pushed(store):
    assert read(store) is None
    assert store.read_stale("AAPL", "USD", ACCOUNT, None) is None


def test_an_instrument_that_is_not_registered_has_no_quote(store):
    assert store.read("MSFT", "USD", ACCOUNT, None, 0) is None
    assert store.read_stale("MSFT", "USD", ACCOUNT, None) is None
    assert store.book_of("MSFT", "USD") is None


def test_an_account_reads_its_own_quote_then_its_groups_then_everyones(store):
    store.apply(("push", AAPL, *mark(100), 0))
    assert read(store, group=GROUP) == mark(100)
    store.apply(("push_for", AAPL, *mark(101), 0, (), (GROUP,)))
    assert read(store, group=GROUP) == mark(101)
    store.apply(("push_for", AAPL, *mark(102), 0, (ACCOUNT,), ()))
    assert read(store, group=GROUP) == mark(102)
    assert read(store, account=OTHER, group=GROUP) == mark(101)
    assert read(store, account=OTHER) == mark(100)
    assert store.read_stale("AAPL", "USD", ACCOUNT, GROUP) == mark(102)


def test_group_zero_is_everyones_bucket(store):
    store.apply(("push_for", AAPL, *mark(100), 0, (), (0,)))
    assert read(store) == mark(100)


def test_a_push_replaces_the_whole_quote_even_by_an_older_one(store):
    store.apply(("push", AAPL, Decimal(100), Decimal(99), Decimal(101), 50))
    store.apply(("push", AAPL, None, None, Decimal(7), 20))
    assert read(store, now=60) == (None, None, Decimal(7))


def test_clearing_empties_every_bucket(store):
    store.apply(("push_for", AAPL, *mark(100), 0, (ACCOUNT,), (0, GROUP)))
    store.apply(("clear", AAPL))
    assert read(store, group=GROUP) is None


def test_a_quote_expires_when_its_age_reaches_the_time_to_live(store):
    store.apply(("instrument_ttl", AAPL, 10 * SECOND))
    store.apply(("push", AAPL, *mark(100), 1 * SECOND))
    assert read(store, now=11 * SECOND - 1) == mark(100)
    assert read(store, now=11 * SECOND) is EXPIRED
    assert store.read_stale("AAPL", "USD", ACCOUNT, None) == mark(100)


def test_a_time_to_live_of_zero_expires_at_once(store):
    store.apply(("instrument_ttl", AAPL, 0))
    store.apply(("push", AAPL, *mark(100), 0))
    assert read(store, now=0) is EXPIRED


def test_an_expired_quote_hides_the_next_bucket(store):
    store.apply(("push", AAPL, *mark(100), 0))
    store.apply(("push_for", AAPL, *mark(101), -60 * SECOND, (ACCOUNT,), ()))
    store.apply(("account_ttl", ACCOUNT, 60 * SECOND))
    assert read(store) is EXPIRED


# Narrowest first; each line's setting is beaten by those above it.
CASCADE = [
    ("instrument_account_ttl", AAPL, ACCOUNT),
    ("instrument_group_ttl", AAPL, GROUP),
    ("instrument_group_ttl", AAPL, 0),
    ("account_ttl", ACCOUNT),
    ("group_ttl", GROUP),
    ("group_ttl", 0),
    ("instrument_ttl", AAPL),
    ("default_ttl",),
]


def test_the_narrowest_time_to_live_that_is_set_holds(store):
    book = store.books[AAPL]
    for rank in range(len(CASCADE) - 1, -1, -1):
        store.apply((*CASCADE[rank], rank + 100))
        assert store.ttl_of(book, ACCOUNT, GROUP) == rank + 100
    for rank in range(len(CASCADE) - 1):
        assert store.ttl_of(book, ACCOUNT, GROUP) == rank + 100
        store.apply((*CASCADE[rank], None))
    assert store.ttl_of(book, ACCOUNT, GROUP) == len(CASCADE) - 1 + 100


def test_an_account_without_group_skips_the_groups_line(store):
    store.apply(("instrument_group_ttl", AAPL, GROUP, 1))
    store.apply(("group_ttl", GROUP, 2))
    store.apply(("group_ttl", 0, 3))
    book = store.books[AAPL]
    assert store.ttl_of(book, ACCOUNT, None) == 3
    assert store.ttl_of(book, ACCOUNT, GROUP) == 1


def test_an_infinite_time_to_live_stops_the_cascade(store):
    store.apply(("instrument_ttl", AAPL, 0))
    store.apply(("account_ttl", ACCOUNT, INFINITE))
    store.apply(("push", AAPL, *mark(100), 0))
    assert read(store, now=10**18) == mark(100)
    assert read(store, account=OTHER) is EXPIRED


def test_clearing_a_time_to_live_that_is_not_set_changes_nothing(store):
    store.apply(("account_ttl", ACCOUNT, None))
    assert store.ttl_of(store.books[AAPL], ACCOUNT, None) == INFINITE


def test_the_next_number_is_the_lowest_free_one():
    store = QuoteStore(INFINITE)
    assert store.next_number() == 0
    for number, asset in ((0, "A"), (1, "B"), (3, "C")):
        store.apply(("register", number, asset, "USD", None))
    assert store.next_number() == 2
    store.apply(("register", 2, "D", "USD", None))
    assert store.next_number() == 4


def test_a_snapshot_rebuilds_the_state(store):
    operations = [
        ("default_ttl", 5 * SECOND),
        ("register", 7, "EUR", "USD", 9 * SECOND),
        ("push", AAPL, Decimal("1.50"), None, Decimal(2), 11),
        ("push_for", 7, *mark(3), 12, (ACCOUNT, OTHER), (0, GROUP)),
        ("account_ttl", ACCOUNT, INFINITE),
        ("group_ttl", GROUP, 4),
        ("instrument_ttl", AAPL, 8),
        ("instrument_account_ttl", 7, OTHER, 6),
        ("instrument_group_ttl", 7, 0, 7),
    ]
    for operation in operations:
        store.apply(operation)
    copied = QuoteStore(INFINITE)
    for operation in store.snapshot():
        copied.apply(operation)

    assert sorted(copied.snapshot(), key=repr) == sorted(store.snapshot(), key=repr)
    for instrument in (("AAPL", "USD"), ("EUR", "USD")):
        for account in (ACCOUNT, OTHER, 8):
            for group in (None, GROUP):
                for now in (12, 20, 6 * SECOND, 10 * SECOND):
                    question = (*instrument, account, group, now)
                    assert copied.read(*question) == store.read(*question)
    assert copied.next_number() == 1


def test_a_store_that_is_restored_is_the_other_one_whatever_it_was() -> None:
    one, other = QuoteStore(INFINITE), QuoteStore(INFINITE)
    for operation in (
        ("register", 0, "AAPL", "USD", None),
        ("push", 0, None, None, None, 5),
        ("push", 0, None, None, None, 6),
        ("account_ttl", 3, 50),
    ):
        one.apply(operation)
    other.apply(("register", 7, "MSFT", "USD", 9))
    assert QuoteStore(5).is_empty
    assert not other.is_empty

    other.apply(("restored", one.changes, tuple(one.snapshot())))

    assert other.snapshot() == one.snapshot()
    assert (other.changes, other.next_number()) == (4, 1)
    assert other.book_of("MSFT", "USD") is None
