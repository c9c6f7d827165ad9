from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from openpit.core.instrument import Instrument
from openpit.errors import (
    AlreadyRegistered,
    QuoteExpired,
    QuoteUnavailable,
    RegistrationError,
    UnknownInstrument,
    UnknownInstrumentId,
)
from openpit.marketdata.quotes import Quote, QuoteTtl
from openpit.marketdata.service import (
    MarketDataBuilder,
    MarketDataService,
    apply_operation,
    new_replica,
)
from openpit.marketdata.store import EXPIRED
from openpit.param.enums import QuoteResolution
from openpit.param.ids import AccountGroupId, AccountId, InstrumentId
from openpit.param.values import Price

AAPL = Instrument("AAPL", "USD")
MSFT = Instrument("MSFT", "USD")
ACCOUNT = AccountId.from_int(5)
GROUP = AccountGroupId.from_int(3)
FRESH = timedelta(0)
INFINITE = QuoteTtl.infinite()
ONLY = QuoteResolution.ACCOUNT_ONLY
THEN_GROUP = QuoteResolution.ACCOUNT_THEN_GROUP
THEN_DEFAULT = QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT
GROUP_TEXT = r"^account_group_id must be an AccountGroupId or integer in range 1\.\.=4294967295$"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000_000_000

    def __call__(self) -> int:
        return self.now

    def move(self, duration: timedelta) -> None:
        self.now += int(duration.total_seconds()) * 1_000_000_000


class Reader:
    """Account information that counts how often it is asked."""

    def __init__(self, group: object = None) -> None:
        self.group = group
        self.asked = 0

    @property
    def account_group(self) -> object:
        self.asked += 1
        if isinstance(self.group, Exception):
            raise self.group
        return self.group


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=[True, False], ids=["full_sync", "no_sync"])
def service(clock, request) -> MarketDataService:
    return MarketDataBuilder._of(INFINITE, clock, request.param).build()


# --- building ---------------------------------------------------------------------------------


def test_a_builder_makes_a_new_service_each_time(clock):
    builder = MarketDataBuilder._of(INFINITE, clock, True)
    assert builder.no_sync() is builder
    first = builder.build()
    assert first._is_no_sync is True
    assert builder.full_sync() is builder
    second = builder.build()
    assert second._is_no_sync is False
    first.register(AAPL)
    assert second.resolve(AAPL) is None


def test_a_builder_needs_a_time_to_live(clock):
    with pytest.raises(TypeError, match=r"^'timedelta' object is not an instance of 'QuoteTtl'$"):
        MarketDataBuilder._of(timedelta(1), clock, True)


@pytest.mark.parametrize("kind", [MarketDataBuilder, MarketDataService])
def test_only_an_engine_builder_makes_them(kind):
    with pytest.raises(TypeError) as refused:
        kind()
    assert str(refused.value) == f"cannot create 'openpit.marketdata.{kind.__name__}' instances"


# --- instruments ------------------------------------------------------------------------------


def test_ids_count_up_from_zero_and_skip_those_that_are_taken(service):
    assert service.register(AAPL) == InstrumentId(0)
    assert service.register_with_id(MSFT, InstrumentId(1)) == InstrumentId(1)
    assert service.register_with_ttl(Instrument("EUR", "USD"), INFINITE) == InstrumentId(2)
    assert service.register_with_id_and_ttl(
        Instrument("GBP", "USD"), InstrumentId(2**64 - 1), INFINITE
    ) == InstrumentId(2**64 - 1)
    assert service.register(Instrument("JPY", "USD")) == InstrumentId(3)


def test_a_registered_instrument_resolves_to_its_id(service):
    assert service.resolve(AAPL) is None
    service.register_with_id(AAPL, InstrumentId(7))
    assert service.resolve(Instrument("AAPL", "USD")) == InstrumentId(7)
    assert service._id_of("AAPL", "USD") == 7
    assert service._id_of("MSFT", "USD") is None


def test_an_instrument_is_registered_once(service):
    service.register(AAPL)
    for register in (
        lambda: service.register(AAPL),
        lambda: service.register_with_ttl(AAPL, INFINITE),
    ):
        with pytest.raises(AlreadyRegistered) as refused:
            register()
        assert str(refused.value) == (
            'instrument Instrument { underlying_asset: Asset("AAPL"), '
            'settlement_asset: Asset("USD") } is already registered'
        )
        assert refused.value.instrument == AAPL


def test_an_instrument_that_is_taken_is_told_before_an_id_that_is_taken(service):
    service.register(AAPL)
    with pytest.raises(RegistrationError, match=r"^instrument Instrument \{") as refused:
        service.register_with_id(AAPL, InstrumentId(0))
    assert (refused.value.instrument, refused.value.instrument_id) == (AAPL, None)

    with pytest.raises(
        RegistrationError, match=r"^instrument id 0 is already registered$"
    ) as taken:
        service.register_with_id_and_ttl(MSFT, InstrumentId(0), INFINITE)
    assert (taken.value.instrument, taken.value.instrument_id) == (None, InstrumentId(0))


def test_registering_takes_instruments_ids_and_times_to_live_only(service):
    class Hollow(Instrument):
        def __init__(self) -> None:
            pass

    for wrong in (5, None, Hollow()):
        with pytest.raises(TypeError, match=r"^instrument must be openpit.core.Instrument$"):
            service.register(wrong)
        with pytest.raises(TypeError, match=r"^instrument must be openpit.core.Instrument$"):
            service.resolve(wrong)
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'InstrumentId'$"):
        service.register_with_id(5, 5)
    with pytest.raises(TypeError, match=r"^'None' is not an instance of 'QuoteTtl'$"):
        service.register_with_ttl(AAPL, None)
    assert service.resolve(AAPL) is None


# --- pushing ----------------------------------------------------------------------------------


def test_a_pushed_quote_is_everyones(service):
    aapl = service.register(AAPL)
    service.push(aapl, Quote(mark="185.5"), FRESH)
    assert service.get(aapl, ACCOUNT, Reader(), THEN_DEFAULT) == Quote(mark="185.5")
    assert service._read("AAPL", "USD", 5, None, 0) == (Price("185.5").decimal, None, None)


def test_pushing_by_instrument_registers_it(service):
    assert service.push_by_instrument(MSFT, Quote(mark=1), FRESH) == InstrumentId(0)
    assert service.push_by_instrument(MSFT, Quote(mark=2), FRESH) == InstrumentId(0)
    assert service._read_stale("MSFT", "USD", 5, None) == (Price(2).decimal, None, None)


def test_a_refused_push_by_instrument_registers_nothing(service):
    with pytest.raises(TypeError):
        service.push_by_instrument(MSFT, Quote(), 5)
    with pytest.raises(TypeError):
        service.push_by_instrument(MSFT, 5, FRESH)
    assert service.resolve(MSFT) is None


def test_a_quote_for_accounts_and_groups_is_theirs_alone(service):
    aapl = service.register(AAPL)
    service.push_for(aapl, Quote(mark=7), FRESH, [ACCOUNT], iter([GROUP]))
    assert service.get(aapl, ACCOUNT, Reader(), ONLY) == Quote(mark=7)
    member = AccountId.from_int(6)
    assert service.get(aapl, member, Reader(GROUP), THEN_GROUP) == Quote(mark=7)
    assert service.get_optional(aapl, member, Reader(), THEN_DEFAULT) is None


def test_a_group_may_be_given_by_its_number(service):
    aapl = service.register(AAPL)
    service.push_for(aapl, Quote(mark=7), FRESH, [], [3])
    assert service.get(aapl, ACCOUNT, Reader(GROUP), THEN_GROUP) == Quote(mark=7)


def test_the_default_group_is_everyones_bucket(service):
    aapl = service.register(AAPL)
    service.push_for(aapl, Quote(mark=7), FRESH, [], [AccountGroupId.DEFAULT])
    assert service.get(aapl, ACCOUNT, Reader(), THEN_DEFAULT) == Quote(mark=7)
    assert service.get(aapl, ACCOUNT, Reader(AccountGroupId.DEFAULT), THEN_GROUP) == Quote(mark=7)
    assert service.get_optional(aapl, ACCOUNT, Reader(), THEN_GROUP) is None


def test_a_push_for_needs_a_target(service):
    aapl = service.register(AAPL)
    with pytest.raises(
        ValueError, match=r"^push_for requires at least one account or group target$"
    ):
        service.push_for(aapl, Quote(), FRESH, [], [])


def test_a_push_for_with_a_wrong_target_changes_nothing(service):
    aapl = service.register(AAPL)
    with pytest.raises(TypeError, match=r"^account_id must be openpit.param.AccountId$"):
        service.push_for(aapl, Quote(), FRESH, [ACCOUNT, 5], [])
    for wrong in ("x", -1, 2**32, 1.0, None):
        with pytest.raises(ValueError, match=GROUP_TEXT):
            service.push_for(aapl, Quote(), FRESH, [ACCOUNT], [wrong])
    with pytest.raises(
        ValueError, match=r"^account group id must not equal the reserved default group$"
    ):
        service.push_for(aapl, Quote(), FRESH, [ACCOUNT], [0])
    assert service.get_optional(aapl, ACCOUNT, Reader(), ONLY) is None


def test_an_unknown_id_is_named(service):
    unknown = InstrumentId(999)
    for change in (
        lambda: service.push(unknown, Quote(), FRESH),
        lambda: service.push_for(unknown, Quote(), FRESH, [ACCOUNT], []),
        lambda: service.set_instrument_ttl(unknown, INFINITE),
        lambda: service.clear_instrument_ttl(unknown),
        lambda: service.set_instrument_account_ttl(unknown, ACCOUNT, INFINITE),
        lambda: service.clear_instrument_account_ttl(unknown, ACCOUNT),
        lambda: service.set_instrument_account_group_ttl(unknown, GROUP, INFINITE),
        lambda: service.clear_instrument_account_group_ttl(unknown, GROUP),
    ):
        with pytest.raises(UnknownInstrumentId, match=r"^unknown instrument id: 999$") as refused:
            change()
        assert refused.value.instrument_id == unknown


@pytest.mark.parametrize("wrong", [None, 0, 1.5, "x"])
def test_a_source_age_is_a_timedelta(service, wrong):
    aapl = service.register(AAPL)
    for push in (
        lambda: service.push(aapl, Quote(), wrong),
        lambda: service.push_by_instrument(AAPL, Quote(), wrong),
        lambda: service.push_for(aapl, Quote(), wrong, [], []),
    ):
        with pytest.raises(TypeError, match=r"^source_age must be datetime.timedelta$"):
            push()


def test_pushing_takes_ids_and_quotes_only(service):
    aapl = service.register(AAPL)
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'InstrumentId'$"):
        service.push(5, Quote(), FRESH)
    with pytest.raises(TypeError, match=r"^'None' is not an instance of 'Quote'$"):
        service.push(aapl, None, FRESH)
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'InstrumentId'$"):
        service.clear(0)


def test_clearing_forgets_quotes_and_ignores_unknown_ids(service):
    aapl = service.push_by_instrument(AAPL, Quote(mark=1), FRESH)
    service.clear(aapl)
    service.clear(InstrumentId(999))
    assert service.get_optional(aapl, ACCOUNT, Reader(), THEN_DEFAULT) is None
    assert service.resolve(AAPL) == aapl


# --- reading ----------------------------------------------------------------------------------


def test_an_unknown_instrument_is_not_an_instrument_without_quote(service):
    with pytest.raises(UnknownInstrument, match=r"^unknown instrument$"):
        service.get(InstrumentId(9), ACCOUNT, Reader(), THEN_DEFAULT)
    assert service.get_optional(InstrumentId(9), ACCOUNT, Reader(), THEN_DEFAULT) is None
    aapl = service.register(AAPL)
    for resolution in (ONLY, THEN_GROUP, THEN_DEFAULT):
        with pytest.raises(QuoteUnavailable, match=r"^quote unavailable$"):
            service.get(aapl, ACCOUNT, Reader(GROUP), resolution)


def test_an_empty_quote_is_a_quote(service):
    aapl = service.push_by_instrument(AAPL, Quote(), FRESH)
    assert service.get(aapl, ACCOUNT, Reader(), THEN_DEFAULT) == Quote()


def test_a_quote_expires_when_its_age_reaches_the_time_to_live(service, clock):
    aapl = service.register_with_ttl(AAPL, QuoteTtl.within(timedelta(seconds=10)))
    service.push(aapl, Quote(mark=1), timedelta(seconds=4))
    clock.move(timedelta(seconds=5))
    assert service.get(aapl, ACCOUNT, Reader(), THEN_DEFAULT) == Quote(mark=1)
    clock.move(timedelta(seconds=1))
    with pytest.raises(QuoteExpired, match=r"^quote expired$") as refused:
        service.get(aapl, ACCOUNT, Reader(), THEN_DEFAULT)
    assert refused.value.quote == Quote(mark=1)
    assert service.get_optional(aapl, ACCOUNT, Reader(), THEN_DEFAULT) is None
    assert service._read("AAPL", "USD", 5, None, clock.now) is EXPIRED
    assert service._read_stale("AAPL", "USD", 5, None) == (Price(1).decimal, None, None)


def test_a_negative_source_age_counts_as_none(service, clock):
    aapl = service.register_with_ttl(AAPL, QuoteTtl.within(timedelta(seconds=10)))
    service.push(aapl, Quote(mark=1), timedelta(days=-3))
    clock.move(timedelta(seconds=10))
    assert service.get_optional(aapl, ACCOUNT, Reader(), THEN_DEFAULT) is None


def test_the_group_is_asked_once_and_only_when_it_matters(service):
    aapl = service.register(AAPL)
    empty = Reader()
    service.get_optional(aapl, ACCOUNT, empty, ONLY)
    assert empty.asked == 0

    service.push_for(aapl, Quote(mark=1), FRESH, [ACCOUNT], [])
    for_time_to_live = Reader(GROUP)
    service.get(aapl, ACCOUNT, for_time_to_live, ONLY)
    assert for_time_to_live.asked == 1

    service.set_instrument_account_ttl(aapl, ACCOUNT, INFINITE)
    settled = Reader(GROUP)
    service.get(aapl, ACCOUNT, settled, THEN_DEFAULT)
    assert settled.asked == 0


def test_the_groups_own_failure_reaches_the_reader(service):
    aapl = service.register(AAPL)
    with pytest.raises(KeyError, match="lost"):
        service.get_optional(aapl, ACCOUNT, Reader(KeyError("lost")), THEN_GROUP)
    with pytest.raises(
        AttributeError, match=r"^'NoneType' object has no attribute 'account_group'$"
    ):
        service.get(aapl, ACCOUNT, None, THEN_GROUP)
    with pytest.raises(TypeError) as refused:
        service.get(aapl, ACCOUNT, Reader(3), THEN_GROUP)
    assert str(refused.value) == (
        "account_info.account_group must be AccountGroupId or None, got: "
        "'int' object is not an instance of 'AccountGroupId'"
    )


def test_the_groups_own_code_may_use_the_service(service):
    aapl = service.register(AAPL)

    class Pusher:
        @property
        def account_group(self) -> None:
            service.push_for(aapl, Quote(mark=9), FRESH, [ACCOUNT], [])

    assert service.get(aapl, ACCOUNT, Pusher(), THEN_DEFAULT) == Quote(mark=9)


def test_reading_takes_ids_and_resolutions_only(service):
    aapl = service.register(AAPL)
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'InstrumentId'$"):
        service.get(5, 5, None, 5)
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'QuoteResolution'$"):
        service.get(aapl, 5, None, 0)
    with pytest.raises(TypeError, match=r"^account_id must be openpit.param.AccountId$"):
        service.get(aapl, 5, None, ONLY)


# --- times to live ----------------------------------------------------------------------------


def test_each_level_can_be_set_and_cleared(service):
    aapl = service.push_by_instrument(AAPL, Quote(mark=1), FRESH)
    at_once = QuoteTtl.within(timedelta(0))
    levels = [
        (
            lambda: service.set_instrument_ttl(aapl, at_once),
            lambda: service.clear_instrument_ttl(aapl),
        ),
        (
            lambda: service.set_account_group_ttl(AccountGroupId.DEFAULT, at_once),
            lambda: service.clear_account_group_ttl(AccountGroupId.DEFAULT),
        ),
        (
            lambda: service.set_account_group_ttl(GROUP, at_once),
            lambda: service.clear_account_group_ttl(3),
        ),
        (
            lambda: service.set_account_ttl(ACCOUNT, at_once),
            lambda: service.clear_account_ttl(ACCOUNT),
        ),
        (
            lambda: service.set_instrument_account_group_ttl(aapl, GROUP, at_once),
            lambda: service.clear_instrument_account_group_ttl(aapl, GROUP),
        ),
        (
            lambda: service.set_instrument_account_ttl(aapl, ACCOUNT, at_once),
            lambda: service.clear_instrument_account_ttl(aapl, ACCOUNT),
        ),
    ]
    for set_level, clear_level in levels:
        set_level()
        assert service.get_optional(aapl, ACCOUNT, Reader(GROUP), THEN_DEFAULT) is None
        clear_level()
        assert service.get_optional(aapl, ACCOUNT, Reader(GROUP), THEN_DEFAULT) == Quote(mark=1)


def test_times_to_live_take_their_own_classes_only(service):
    aapl = service.register(AAPL)
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'QuoteTtl'$"):
        service.set_account_ttl(5, 5)
    with pytest.raises(TypeError, match=r"^account_id must be openpit.param.AccountId$"):
        service.set_account_ttl(5, INFINITE)
    with pytest.raises(TypeError, match=r"^account_id must be openpit.param.AccountId$"):
        service.set_instrument_account_ttl(InstrumentId(99), 5, INFINITE)
    with pytest.raises(ValueError, match=GROUP_TEXT):
        service.set_instrument_account_group_ttl(InstrumentId(99), -1, INFINITE)
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'QuoteTtl'$"):
        service.set_instrument_account_group_ttl(aapl, -1, 5)


# --- copies in other processes ----------------------------------------------------------------


def test_a_replica_that_is_fed_every_operation_answers_the_same(service, clock):
    aapl = service.push_by_instrument(AAPL, Quote(mark=1), timedelta(seconds=3))
    operations = []
    replica = new_replica(service._subscribe(operations.append), clock)
    assert replica.resolve(AAPL) == aapl

    service.push(aapl, Quote(bid="1.50"), timedelta(seconds=3))
    service.push_for(aapl, Quote(mark=7), FRESH, [ACCOUNT], [GROUP])
    service.set_account_ttl(ACCOUNT, QuoteTtl.within(timedelta(seconds=9)))
    msft = service.push_by_instrument(MSFT, Quote(mark=2), FRESH)
    service.clear(aapl)
    service.set_instrument_account_group_ttl(msft, GROUP, INFINITE)
    service.push(aapl, Quote(ask=4), FRESH)
    assert [operation[0] for operation in operations] == [
        "push",
        "push_for",
        "account_ttl",
        "register",
        "push",
        "clear",
        "instrument_group_ttl",
        "push",
    ]
    assert operations[0] == ("push", 0, None, Price("1.50").decimal, None, 997_000_000_000)
    for operation in operations:
        apply_operation(replica, operation)
    for account in (5, 6):
        for now in (clock.now, clock.now + 10_000_000_000):
            for settlement in ("AAPL", "MSFT"):
                question = (settlement, "USD", account, 3, now)
                assert replica._read(*question) == service._read(*question)
    assert replica._snapshot() == service._snapshot()


def test_a_listener_that_left_hears_nothing_more(service):
    operations = []
    others = []
    service._subscribe(operations.append)
    service._subscribe(others.append)
    service.register(AAPL)
    service._unsubscribe(operations.append)
    service.register(MSFT)
    assert operations == [("register", 0, "AAPL", "USD", None)]
    assert others == [*operations, ("register", 1, "MSFT", "USD", None)]


def test_a_replica_may_feed_any_engine(service, clock):
    assert new_replica(service._snapshot(), clock)._is_no_sync is False


def test_a_refused_change_is_no_operation(service):
    operations = []
    service._subscribe(operations.append)
    with pytest.raises(UnknownInstrumentId):
        service.push(InstrumentId(9), Quote(), FRESH)
    service.clear(InstrumentId(9))
    assert operations == []


def test_threads_register_each_instrument_once_and_listeners_hear_one_order(clock):
    service = MarketDataBuilder._of(INFINITE, clock, True).build()
    operations = []
    service._subscribe(operations.append)
    instruments = [Instrument(f"A{number}", "USD") for number in range(50)]

    def push_all() -> None:
        for instrument in instruments:
            service.push_by_instrument(instrument, Quote(mark=1), FRESH)

    threads = [threading.Thread(target=push_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    registered = [operation for operation in operations if operation[0] == "register"]
    assert [operation[1] for operation in registered] == list(range(50))
    assert len(operations) == 50 + 4 * 50
    replica = new_replica([("default_ttl", -1), *operations], clock)
    assert replica._snapshot() == service._snapshot()
