"""Changes of market data go to all shards at one point, whoever sends them and whatever happens."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from flow import IN_SHARD_0, IN_SHARD_1, account, buy
from switched import SwitchedDriver, SwitchedHost

import openpit
from openpit.client.remote import Greeting
from openpit.errors import NotPermitted, ShardDown, ShardOverloaded
from openpit.faces.blocking.engine import ShardedEngine
from openpit.marketdata import InstrumentId, MarketDataService, Quote, QuoteResolution, QuoteTtl
from openpit.pretrade import Policy
from openpit.pretrade.policies import build_order_validation, build_spot_funds
from openpit.server import limits, to_all
from openpit.wire import kinds
from openpit.wire.frames import body_of, pack
from openpit.wire.limits import CHANGES_BYTES, CHANGES_IN_FLIGHT, CHANGES_PER_FRAME
from openpit.wire.roles import Role
from openpit.wire.sessions import SessionOp, batch_frame, changes_frame, note_frame, op_of
from openpit.wire.values import encode

if TYPE_CHECKING:
    from openpit.server.session import Session

NOW = timedelta(0)
AAPL = openpit.Instrument("AAPL", "USD")
EVERYWHERE = QuoteResolution.ACCOUNT_THEN_GROUP_THEN_DEFAULT


class Alone:
    account_group = None


class Reading(Policy):
    """Holds a service."""

    def __init__(self, name: str, service: MarketDataService) -> None:
        self.label = name
        self.service = service

    @property
    def name(self) -> str:
        return self.label


def host(shards: int = 2, **options: Any) -> SwitchedHost:
    """A server whose spot funds read one service, which has one instrument."""
    builder = openpit.Engine.builder().clock(lambda: 1000).sharded(shards, credits=8)
    service = builder.market_data(QuoteTtl.infinite()).build()
    service.register(AAPL)
    spot = build_spot_funds().market_data(service, 100)
    its = SwitchedHost(builder.builtin(build_order_validation()).builtin(spot), **options)
    its.driver.checks = False  # a refusal is no body of replies
    its.pump()
    return its


def services(its: SwitchedHost) -> list[list[Any]]:
    """What each shard's service knows."""
    return [stub.core.services[0]._snapshot() for stub in its.driver.shards if stub.core]


def engine(its: SwitchedHost, role: int = Role.ADMIN) -> ShardedEngine:
    return ShardedEngine._of(SwitchedDriver(its, role=role))


def opened(its: SwitchedHost, role: int = Role.ADMIN) -> Session:
    session = its.switch.open(role)
    its.switch.receive(session, Greeting(None).sent)
    session.take()
    return session


def changes(*operations: Any, service: int = 0, account: int | None = None) -> bytes:
    rows = [pack((kinds.QUOTE, account, service, encode(one))) for one in operations]
    return changes_frame(len(rows), 0, body_of(rows, len(rows)))


def quote(mark: str, number: int = 0) -> tuple[Any, ...]:
    values = openpit.marketdata.Quote(mark=mark)._values
    return ("quote", number, *values, 0)


def order(shard: int, first: int, count: int = 1, rows: Any = ()) -> bytes:
    home = (IN_SHARD_0, IN_SHARD_1)[shard]
    row = pack((kinds.EXECUTE, home, "AAPL", "USD", "BUY", "1", None, "1"))
    return batch_frame(shard, 0, first, count, 0, body_of([row] * count, count), rows=rows)


def marks(its: SwitchedHost) -> list[str]:
    """The quote for everyone in each shard."""
    return [
        str(change[2])
        for known in services(its)
        for change in known
        if change[0] == "push_for" and change[1] == 0
    ]


# --- what a program sees -----------------------------------------------------------------------


def test_a_sessions_quotes_price_the_market_orders_of_every_shard() -> None:
    its = host()
    one, other = engine(its), engine(its)
    for number in (IN_SHARD_0, IN_SHARD_1):
        (reject,) = one.execute_pre_trade(buy(number, price=None)).rejects
        assert str(reject.code) == "MarkPriceUnavailable"
    market = one.market_data()
    market.push(InstrumentId(0), Quote(mark="100", ask="101"), NOW)
    for number in (IN_SHARD_0, IN_SHARD_1):  # it has no funds, but a price
        (reject,) = one.execute_pre_trade(buy(number, price=None)).rejects
        assert str(reject.code) == "InsufficientFunds"
    told = other.market_data("SpotFundsPolicy").get(
        InstrumentId(0), account(5), Alone(), EVERYWHERE
    )
    assert told == Quote(mark="100", ask="101")


def test_ages_count_from_the_servers_time() -> None:
    now = [10**18]
    builder = openpit.Engine.builder().clock(lambda: now[0]).sharded(2)
    service = builder.market_data(QuoteTtl.within(timedelta(seconds=5))).build()
    service.register(AAPL)
    its = SwitchedHost(
        builder.builtin(build_spot_funds().market_data(service, 0)), client_time=False
    )
    driver = SwitchedDriver(its)
    driver.clock = lambda: 10**17  # a program's own, which counts for nothing
    market = ShardedEngine._of(driver).market_data()
    asked = (InstrumentId(0), account(1), Alone(), EVERYWHERE)
    market.push(InstrumentId(0), Quote(mark="1"), timedelta(seconds=3))
    now[0] += 2 * 10**9 - 1
    assert market.get_optional(*asked) == Quote(mark="1")
    now[0] += 1
    assert market.get_optional(*asked) is None


def test_a_group_is_asked_for_once_and_only_if_it_matters() -> None:
    asked: list[int] = []

    class Reader:
        @property
        def account_group(self) -> Any:
            asked.append(1)

    market = engine(host()).market_data()
    number = InstrumentId(0)
    market.push_for(number, Quote(mark="1"), NOW, [account(1)], [])
    market.set_instrument_account_ttl(number, account(1), QuoteTtl.infinite())
    market.get(number, account(1), Reader(), EVERYWHERE)
    assert asked == []
    assert market.get_optional(number, account(2), Reader(), EVERYWHERE) is None
    assert asked == [1]


def test_an_engine_of_the_program_has_its_service_elsewhere() -> None:
    from link import link  # noqa: PLC0415 - of this test alone

    builder = openpit.Engine.builder().sharded(1).builtin(build_order_validation())
    with pytest.raises(RuntimeError, match="a service of the program's own"):
        link(builder).market_data()


def test_which_service_is_meant() -> None:
    builder = openpit.Engine.builder().sharded(1)
    with pytest.raises(LookupError, match="which of 0 market data services"):
        engine_of(builder.builtin(build_order_validation())).market_data()
    services = [builder.market_data(QuoteTtl.infinite()).build() for _ in range(2)]
    names = [("Cash", services[0]), ("Margin", services[1]), ("Hedge", services[1])]
    stage: Any = builder
    for name, service in names:
        stage = stage.pre_trade(Reading(name, service))
    two = engine_of(stage)
    with pytest.raises(LookupError, match=r"which of 2 market .* there are: Cash, Hedge, Margin"):
        two.market_data()
    two.market_data("Cash").register(AAPL)
    assert two.market_data("Margin").resolve(AAPL) is None
    two.market_data("Margin").register_with_id(AAPL, InstrumentId(9))
    assert two.market_data("Hedge").resolve(AAPL) == InstrumentId(9)
    with pytest.raises(LookupError, match="'Desk' reads 0 market data services"):
        two.market_data("Desk")
    with pytest.raises(TypeError):
        two.market_data(7)  # type: ignore[arg-type]


def engine_of(stage: Any) -> ShardedEngine:
    return ShardedEngine._of(SwitchedDriver(SwitchedHost(stage)))


def test_the_servers_own_object_quotes_what_it_knew_at_the_start() -> None:
    builder = openpit.Engine.builder().clock(lambda: 1000).sharded(2)
    service = builder.market_data(QuoteTtl.infinite()).build()
    service.register(AAPL)
    its = SwitchedHost(builder.builtin(build_spot_funds().market_data(service, 0)))
    market = engine(its).market_data()
    market.register(openpit.Instrument("MSFT", "USD"))
    service.push(InstrumentId(0), Quote(mark="5"), NOW)
    its.pump()
    assert marks(its) == ["5", "5"]
    with pytest.raises(RuntimeError, match="register of instrument 1: once a server has started"):
        service.register(openpit.Instrument("IBM", "USD"))
    with pytest.raises(RuntimeError, match="push of instrument 1"):
        service.push(InstrumentId(1), Quote(mark="5"), NOW)
    service.set_account_ttl(account(1), QuoteTtl.within(NOW))
    its.pump()
    first, second = services(its)
    assert first == second
    assert ("register", 1, "MSFT", "USD", None) in first


# --- one order for all shards ------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_all_shards_agree_whatever_the_sessions_do(seed: int) -> None:
    """Two sessions quote one instrument; each shard goes on when it likes, with little credit."""
    rng = Random(seed)
    its = host(3)
    drivers = [SwitchedDriver(its) for _ in range(2)]
    markets = [ShardedEngine._of(driver).market_data() for driver in drivers]
    for market in markets:
        market.push(InstrumentId(0), Quote(mark="1"), NOW)  # each has asked for the instrument
    calls = []
    for step in range(120):
        which = rng.randrange(2)
        driver = drivers[which]
        form = rng.random()
        if form < 0.3:
            operation = ("quote", 0, *Quote(mark=str(step + 2))._values, 0)
            markets[which]._calls.change_instrument(driver.clock(), operation)
        elif form < 0.6:
            number = rng.randrange(1, 40)
            calls.append(driver.client.execute(driver.clock(), buy(number, "1", price=None)))
        elif form < 0.75:
            driver.move()
        elif form < 0.85:
            its.switch.serve(its.clock())
        else:
            its.driver.step(rng.randrange(3))
    its.pump()
    assert all(call.done for call in calls)
    first, *others = services(its)
    assert others == [first, first]
    assert [driver.session.inbox_bytes for driver in drivers] == [0, 0]
    assert [driver.session.changes_passed for driver in drivers] == [0, 0]


def test_orders_see_the_quote_before_them_and_not_the_one_behind() -> None:
    its = host()
    driver = SwitchedDriver(its)
    market = ShardedEngine._of(driver).market_data()
    market.push(InstrumentId(0), Quote(mark="1"), NOW)
    calls = []
    for mark in ("10", "20", "30"):
        change = quote(mark)
        market._calls.change_instrument(driver.clock(), change)
        calls += [
            driver.client.execute(driver.clock(), buy(number, "1", price=None))
            for number in (IN_SHARD_0, IN_SHARD_1)
        ]
    its.pump()
    # The reject tells the price: 1 at the mark and one per cent.
    told = [call.result().rejects[0].details for call in calls]
    wanted = ["10.1", "10.1", "20.2", "20.2", "30.3", "30.3"]
    assert [price in text for price, text in zip(wanted, told, strict=True)] == [True] * 6, told


def test_a_change_waits_for_what_its_session_has_sent_before_and_for_nobody_else() -> None:
    its = host()
    busy, other = opened(its), opened(its)
    its.switch.receive(busy, order(0, 0, 8) + order(0, 8, 8) + changes(quote("7")))
    its.switch.receive(other, changes(quote("9")))
    its.switch.serve(its.clock())
    assert [entry.count for entry in its.driver.router.links[0].pending] == [8, 1]  # type: ignore[attr-defined]
    its.driver.step(1)
    assert marks(its) == ["9"]
    its.pump()
    assert marks(its) == ["7", "7"]


def test_a_session_has_so_many_changes_on_their_way() -> None:
    its = host()
    session = opened(its)
    frame = changes(*[quote("1")] * CHANGES_PER_FRAME)
    its.switch.receive(session, frame * 5)
    its.switch.serve(its.clock())
    most = limits.CHANGES_PASSED
    assert [link.in_flight for link in its.driver.router.links] == [most, most]
    its.pump()
    told = session.take()
    assert told.count(frame[:0] + bytes([op_of(note_frame(SessionOp.MARKET))])) >= 5
    assert session.stats.in_flight == 0


# --- shards that stand still, or are gone --------------------------------------------------------


def test_a_stalled_shard_owes_changes_and_nobody_waits_for_it() -> None:
    its = host()
    one, other = engine(its), engine(its)
    link = its.driver.router.links[0]
    market = one.market_data()
    market.push(InstrumentId(0), Quote(mark="1"), NOW)
    driver = one._driver
    driver.client.execute(driver.clock(), buy(IN_SHARD_0))
    driver.move()
    its.driver.router.stall(link, "it answers nothing")
    its.driver.silent.add(0)
    its.pump()
    market.push(InstrumentId(0), Quote(mark="2"), NOW)
    number = market.register(openpit.Instrument("MSFT", "USD"))
    other.market_data().push(number, Quote(mark="3"), NOW)
    assert other.market_data().get(number, account(1), Alone(), EVERYWHERE) == Quote(mark="3")
    assert marks(its) == ["1", "2"]
    assert driver.session.stats.in_flight == 1  # the order
    its.driver.silent.clear()
    its.pump()
    first, second = services(its)
    assert first == second
    assert marks(its) == ["2", "2"]


def test_a_stalled_shard_that_owes_too_much_is_to_be_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    its = host()
    market = engine(its).market_data()
    market.push(InstrumentId(0), Quote(mark="1"), NOW)
    link = its.driver.router.links[0]
    its.driver.router.stall(link, "it answers nothing")
    its.driver.silent.add(0)
    its.pump()
    monkeypatch.setattr(to_all, "MARKET_BACKLOG", 3)
    for _ in range(3):
        market.push(InstrumentId(0), Quote(mark="2"), NOW)
    assert its.switch.changes.behind() == []
    market.push(InstrumentId(0), Quote(mark="2"), NOW)
    assert its.switch.changes.behind() == [(link, "4 quotes behind, and taking none")]
    monkeypatch.setattr(to_all, "MARKET_BACKLOG", 100)
    assert its.switch.changes.behind() == []
    monkeypatch.setattr(to_all, "OWED_BYTES", 4000)
    assert its.switch.changes.behind() == [(link, "4 quotes behind, and taking none")]
    its.driver.silent.clear()
    its.driver.router.revive(link)
    its.pump()
    assert its.switch.changes.behind() == []
    assert marks(its) == ["2", "2"]


def test_a_shard_that_is_gone_is_done_without() -> None:
    its = host()
    one = engine(its)
    market = one.market_data()
    market.push(InstrumentId(0), Quote(mark="1"), NOW)
    one._driver.kill(0)
    market.push(InstrumentId(0), Quote(mark="2"), NOW)
    assert market.get(InstrumentId(0), account(1), Alone(), EVERYWHERE) == Quote(mark="2")
    assert market.register(openpit.Instrument("MSFT", "USD")) == InstrumentId(1)
    one._driver.kill(1)
    for call in (
        lambda: market.push(InstrumentId(0), Quote(mark="2"), NOW),
        lambda: market.push(InstrumentId(7), Quote(mark="2"), NOW),
        lambda: market.register(openpit.Instrument("IBM", "USD")),
        lambda: market.resolve(AAPL),
    ):
        with pytest.raises(ShardDown):
            call()


def test_what_was_sent_to_a_shard_that_was_gone_already_keeps_nothing_up() -> None:
    its = host()
    session = opened(its)
    its.driver.kill(0)
    its.switch.receive(session, order(0, 0) + changes(quote("4")) + changes(quote("5")))
    its.pump()
    assert session.inbox_bytes == 0
    core = its.driver.shards[1].core
    assert core is not None
    assert core.services[0]._snapshot()[-1][2:3] == (Quote(mark="5")._values[0],)


# --- sessions that end, lie, or send too much ----------------------------------------------------


def test_a_session_that_goes_takes_what_waits_along() -> None:
    its = host()
    session = opened(its)
    its.switch.receive(session, order(0, 0, 8) + order(0, 8, 8) + changes(quote("7")))
    its.switch.serve(its.clock())
    its.switch.leave(session, its.clock())
    its.pump()
    assert marks(its) == []


def test_what_closes_a_session_ahead_of_its_change_leaves_it_unmade_everywhere() -> None:
    its = host()
    session = opened(its)
    link = its.driver.router.links[0]
    its.driver.router.stall(link, "it answers nothing")
    # What stands before it at the stalled shard lies; at the other one nothing does.
    its.switch.receive(session, order(0, 0, rows=[(99, 0, 1, 1, 0, 0)]) + changes(quote("7")))
    its.driver.silent.add(0)
    its.pump()
    assert session.why == "no rate is limited on the axis 99"
    its.driver.silent.clear()
    its.driver.router.revive(link)
    its.pump()
    assert marks(its) == []


REGISTER = ("register", 5, "MSFT", "USD", None)
NO_TURN = "an instrument is registered out of turn"

LIES: dict[str, tuple[int, bytes, str]] = {
    "a reader's": (Role.READER, changes(quote("1")), "a change of market data is not for this"),
    "a trader registers": (Role.TRADER, changes(REGISTER), "message 19 is not for this session"),
    "a trader's ttl": (Role.TRADER, changes(("account_ttl", 1, 0)), "message 19 is not for"),
    "out of turn": (Role.ADMIN, changes(REGISTER), NO_TURN),
    "the router's": (Role.ADMIN, changes(("push", 0, None, None, None, 5)), "message 19 is not"),
    "the default": (Role.ADMIN, changes(("default_ttl", 0)), "message 19 is not for this"),
    "no such service": (Role.TRADER, changes(quote("1"), service=1), "a market data service"),
    "service -1": (Role.TRADER, changes(quote("1"), service=-1), "a market data service"),
    "an account": (Role.TRADER, changes(quote("1"), account=IN_SHARD_0), "a market data service"),
    "no such change": (Role.TRADER, changes(("drop", 0)), "not a command of this protocol"),
    "no such instrument": (Role.TRADER, changes(quote("1"), quote("1", 1)), "an instrument"),
    "an age below 0": (Role.TRADER, changes(("quote", 0, None, None, None, -1)), "a change of"),
    "a price that is none": (Role.TRADER, changes(("quote", 0, 1.5, None, None, 0)), "a change of"),
    "for nobody": (Role.TRADER, changes(("quote_for", 0, *[None] * 3, 0, (), ())), "an account or"),
    "a field less": (Role.TRADER, changes(("quote", 0)), "a change of market data"),
    "no tuple": (Role.TRADER, changes(7), "a change of market data"),
    "no name": (Role.TRADER, changes((None, 0)), "a change of market data"),
    "no body": (Role.TRADER, changes_frame(1, 0, b"\xc1"), "not a body"),
    "more than are told": (
        Role.TRADER,
        changes_frame(1, 0, changes(quote("1"), quote("2"))[46:]),
        "2 commands where 1",
    ),
    "none": (Role.TRADER, changes_frame(0, 0, b"\x90"), "0 changes of market data in 47 bytes"),
    "an order to all": (
        Role.TRADER,
        changes_frame(1, 0, body_of([pack((kinds.TELL_AXES, None))], 1)),
        "what is no change of market data, to all shards",
    ),
    "to one shard": (
        Role.ADMIN,
        batch_frame(0, 0, 0, 1, 0, changes(quote("1"))[46:]),
        "a change of market data that is not everybody's",
    ),
    "behind the end": (
        Role.TRADER,
        batch_frame(0, 2, 0, 1, 0, b"") + changes(quote("1")),
        "in the midst of a group, or after the end",
    ),
    "a question of another service": (
        Role.READER,
        batch_frame(0, 0, 0, 1, 0, body_of([pack((kinds.ASK_MARKET, None, 1, (1, "x")))], 1)),
        "a market data service",
    ),
    "no question": (
        Role.READER,
        batch_frame(0, 0, 0, 1, 0, body_of([pack((kinds.ASK_MARKET, None, 0, (1, "x")))], 1)),
        "a question about market data",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_lies_closes_its_session_and_changes_nothing(lie: str) -> None:
    role, data, why = LIES[lie]
    its = host()
    session = opened(its, role)
    before = services(its)
    its.switch.receive(session, data)
    its.pump()
    assert session.why is not None
    assert why in session.why
    assert services(its) == before
    market = engine(its).market_data()
    market.push(InstrumentId(0), Quote(mark="8"), NOW)
    its.pump()
    assert marks(its) == ["8", "8"]


def test_what_a_refused_batch_would_have_registered_is_not() -> None:
    its = host()
    session = opened(its)
    its.switch.receive(session, note_frame(SessionOp.TURN))
    assert session.has_turn
    its.switch.receive(session, changes(REGISTER, quote("1", 5), quote("1", 6)))
    its.pump()
    assert session.is_over
    its.switch.leave(session, its.clock())
    other = opened(its)
    its.switch.receive(other, changes(quote("1", 5)))
    its.pump()
    assert other.is_over
    market = engine(its).market_data()
    msft = openpit.Instrument("MSFT", "USD")
    assert market.resolve(msft) is None
    assert market.register_with_id(msft, InstrumentId(5)) == InstrumentId(5)


@pytest.mark.parametrize(
    "again", [REGISTER, ("register", 6, "MSFT", "USD", None), ("register", 5, "IBM", "USD", None)]
)
def test_an_instrument_is_registered_once(again: tuple[Any, ...]) -> None:
    its = host()
    for sent, is_refused in (([REGISTER, again], True), ([REGISTER], False), ([again], True)):
        session = opened(its)
        its.switch.receive(session, note_frame(SessionOp.TURN))
        its.switch.receive(session, changes(*sent))
        its.pump()
        assert session.is_over is is_refused
        its.switch.leave(session, its.clock())
    assert [REGISTER in known for known in services(its)] == [True, True]


def test_a_change_ahead_of_a_group_is_made_ahead_of_it_everywhere() -> None:
    its = host()
    session = opened(its)
    its.switch.receive(session, note_frame(SessionOp.TURN))
    row = pack((kinds.ADMINISTER, None, "anything_blocked", encode((), bare=True)))
    asked = batch_frame(0, 0, 16, 1, 0, body_of([row], 1))
    group = note_frame(SessionOp.GROUP, count=1) + asked
    ahead = order(0, 0, 8) + order(0, 8, 8)
    its.switch.receive(session, ahead + changes(REGISTER) + group + changes(quote("4", 5)))
    its.pump()
    its.switch.receive(session, note_frame(SessionOp.TURN_OVER))
    assert session.why is None
    first, second = services(its)
    assert first == second
    assert REGISTER in first
    assert first[-1][1] == 5


@pytest.mark.parametrize("too_many", [0, 1])
def test_frames_and_flights_have_limits(too_many: int) -> None:
    its = host()
    frame = changes(*[quote("1")] * (CHANGES_PER_FRAME + too_many))
    session = opened(its)
    its.switch.receive(session, frame)
    assert session.is_over is bool(too_many)
    session = opened(its)
    size = CHANGES_BYTES + too_many
    its.switch.receive(session, changes_frame(1, 0, bytes(size - 46)))
    assert session.is_over is bool(too_many)
    its.pump()
    session = opened(its)
    frame = changes(*[quote("1")] * CHANGES_PER_FRAME)
    its.switch.receive(session, frame * (2 * CHANGES_IN_FLIGHT // CHANGES_PER_FRAME))
    its.switch.receive(session, changes(quote("1")) * too_many)
    assert session.is_over is bool(too_many)


def test_a_client_waits_with_so_many_in_flight() -> None:
    its = host()
    driver = SwitchedDriver(its)
    market = ShardedEngine._of(driver).market_data()
    market.push(InstrumentId(0), Quote(mark="1"), NOW)
    its.driver.silent |= {0, 1}
    its.drivers.remove(driver)  # nothing moves
    calls = [market._calls.change_instrument(5, quote("2")) for _ in range(CHANGES_IN_FLIGHT)]
    late = market._calls.change_instrument(5, quote("3"))
    assert all(call.done for call in calls)
    assert not late.done
    gone = market._calls.change_instrument(5, quote("4"))
    gone.abandon()
    with pytest.raises(ShardOverloaded, match="8192 changes of market data are in flight"):
        market.push(InstrumentId(0), Quote(mark="5"), NOW)
    its.driver.silent.clear()
    its.drivers.append(driver)
    its.pump()
    assert late.done
    assert marks(its) == ["3", "3"]


def test_a_session_does_not_send_what_its_role_may_not() -> None:
    its = host()
    reading, trading = engine(its, Role.READER), engine(its, Role.TRADER)
    number = InstrumentId(0)
    trading.market_data().push(number, Quote(mark="6"), NOW)
    reader = reading.market_data()
    assert reader.get(number, account(1), Alone(), EVERYWHERE) == Quote(mark="6")
    with pytest.raises(NotPermitted, match="market data"):
        reader.push(number, Quote(mark="7"), NOW)
    with pytest.raises(NotPermitted):
        reader.clear(number)
    market = trading.market_data()
    for call in (
        lambda: market.register(openpit.Instrument("MSFT", "USD")),
        lambda: market.push_by_instrument(openpit.Instrument("MSFT", "USD"), Quote(), NOW),
        lambda: market.set_instrument_ttl(number, QuoteTtl.within(NOW)),
        lambda: market.clear_account_ttl(account(1)),
    ):
        with pytest.raises(NotPermitted):
            call()
    assert market.push_by_instrument(AAPL, Quote(mark="9"), NOW) == number
    assert [session.is_over for session in its.switch.sessions.values()] == [False, False]
    its.pump()
    assert marks(its) == ["9", "9"]


def test_a_quote_for_too_many_accounts_is_not_sent() -> None:
    its = host()
    market = engine(its).market_data()
    market.push(InstrumentId(0), Quote(mark="1"), NOW)
    many = [account(2**63 + number) for number in range(120_000)]
    with pytest.raises(openpit.errors.FrameTooLarge, match="over the frame limit of 1048576"):
        market.push_for(InstrumentId(0), Quote(mark="2"), NOW, many, [])
    market.push_for(InstrumentId(0), Quote(mark="3"), NOW, many[:100_000], [])
    assert market.get(InstrumentId(0), many[5], Alone(), EVERYWHERE) == Quote(mark="3")


def test_nothing_is_pushed_through_an_engine_that_is_closed() -> None:
    one = engine(host())
    market = one.market_data()
    market.push(InstrumentId(0), Quote(mark="1"), NOW)
    one.close()
    for call in (
        lambda: market.push(InstrumentId(0), Quote(mark="1"), NOW),
        lambda: market.push_by_instrument(AAPL, Quote(mark="1"), NOW),
        lambda: market.resolve(AAPL),
        lambda: market.register(AAPL),
    ):
        with pytest.raises(openpit.EngineClosed):
            call()
