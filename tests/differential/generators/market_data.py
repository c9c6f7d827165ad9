"""Market data: registration, quotes per bucket, the TTL cascade, reading with every resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import domain
from generators.expressions import Expression, Scenario, call, many, on, op, ref, step, v
from generators.spot_funds import HOUR, quote

if TYPE_CHECKING:
    from generators.draw import Draw

_PAIRS = (("AAPL", "USD"), ("MSFT", "USD"), ("EUR", "USD"), ("USD", "EUR"), ("AAPL", "EUR"))
_AGES = (0, 0, 0, 1, -1, -HOUR, HOUR // 2, 2 * HOUR, 30 * 86_400_000_000)
_WITHIN = (0, 1, HOUR, HOUR, 24 * HOUR)


def generate(random: Draw) -> Scenario:
    steps: Scenario = [
        step(on(domain.stage(random), "market_data", ttl(random)), "b"),
        step(on(v("b"), random.choice(("no_sync", "full_sync"))), "b"),
        step(on(v("b"), "build"), "md"),
    ]
    for pair in random.sample(_PAIRS, 3):
        steps.append(step(on(v("md"), "register", call("Instrument", *pair))))
    for number in range(random.randint(12, 40)):
        random.turn()
        makers = (_register, _push, _set_ttl, _get, _other)
        maker = random.choices(makers, (4, 30, 20, 44, 4))[0]
        steps.append(step(maker(random), f"r{number}"))
    return steps


def ttl(random: Draw) -> Expression:
    if random.fault():
        return random.choice(
            (
                None,
                1,
                ["td", HOUR],
                call("marketdata.QuoteTtl.within", ["td", -1]),
                call("marketdata.QuoteTtl.within", 5),
                call("marketdata.QuoteTtl.within", ["td", 86_399_999_999_999_999]),
            )
        )
    if random.chance(0.3):
        return call("marketdata.QuoteTtl.infinite")
    return call("marketdata.QuoteTtl.within", ["td", random.choice(_WITHIN)])


def instrument(random: Draw) -> Expression:
    return random.odd((call("Instrument", *random.choice(_PAIRS)),), (1, None, "AAPL"))


def instrument_id(random: Draw) -> Expression:
    if random.fault():
        return random.choice((0, None, "0", call("core.InstrumentId", 2**64 - 1)))
    return call("core.InstrumentId", random.choice((0, 0, 1, 1, 2, 3, 7)))


def account(random: Draw) -> Expression:
    return random.odd((domain.account(random),), (1, None, "x"))


def group(random: Draw) -> Expression:
    if random.fault():
        return random.choice((1, None, "x", 0))
    if random.chance(0.2):
        return ref("param.DEFAULT_ACCOUNT_GROUP")
    return domain.group(random)


def age(random: Draw) -> Expression:
    return random.odd((["td", random.choice(_AGES)],), (None, 0, 1.5, ["td", -(10**15)]))


def any_quote(random: Draw) -> Expression:
    return random.odd((quote(random),), (None, 1, "50"))


def _register(random: Draw) -> Expression:
    form = random.randrange(4)
    if form == 0:
        return on(v("md"), "register", instrument(random))
    if form == 1:
        return on(v("md"), "register_with_ttl", instrument(random), ttl(random))
    if form == 2:
        return on(v("md"), "register_with_id", instrument(random), instrument_id(random))
    return on(
        v("md"), "register_with_id_and_ttl", instrument(random), instrument_id(random), ttl(random)
    )


def _push(random: Draw) -> Expression:
    form = random.random()
    if form < 0.45:
        return on(v("md"), "push", instrument_id(random), any_quote(random), age(random))
    if form < 0.6:
        return on(v("md"), "push_by_instrument", instrument(random), any_quote(random), age(random))
    return on(
        v("md"),
        "push_for",
        instrument_id(random),
        any_quote(random),
        age(random),
        _some(random, account),
        _some(random, group),
    )


def _some(random: Draw, maker: object) -> Expression:
    assert callable(maker)
    if random.fault():
        return random.choice((None, 1))
    made = [maker(random) for _ in range(random.choice((0, 1, 1, 2)))]
    return many(made, random.choice(("list", "tuple", "iter")) if random.fault() else "list")


def _set_ttl(random: Draw) -> Expression:
    scope = random.choice(list(_TTL_SCOPES))
    keys = [maker(random) for maker in _TTL_SCOPES[scope]]
    if random.chance(0.35):
        return on(v("md"), f"clear_{scope}", *keys)
    return on(v("md"), f"set_{scope}", *keys, ttl(random))


_TTL_SCOPES = {
    "account_ttl": (account,),
    "account_group_ttl": (group,),
    "instrument_ttl": (instrument_id,),
    "instrument_account_ttl": (instrument_id, account),
    "instrument_account_group_ttl": (instrument_id, group),
}


def _get(random: Draw) -> Expression:
    method = random.choice(("get", "get", "get_optional"))
    info: Expression = ["obj", {"account_group": None if random.chance(0.4) else group(random)}]
    if random.fault():
        info = random.choice((None, 1, ["obj", {}], ["obj", {"account_group": 7}], ["trap"]))
    resolution: Expression = ref(
        "marketdata.QuoteResolution."
        + random.choice(("ACCOUNT_ONLY", "ACCOUNT_THEN_GROUP", "ACCOUNT_THEN_GROUP_THEN_DEFAULT"))
    )
    if random.fault():
        resolution = random.choice((None, 0, 2, "x"))
    return on(v("md"), method, instrument_id(random), account(random), info, resolution)


def _other(random: Draw) -> Expression:
    form = random.random()
    if form < 0.3:
        return on(v("md"), "clear", instrument_id(random))
    if form < 0.6:
        return on(v("md"), "resolve", instrument(random))
    if form < 0.7:
        return op(random.choice(("repr", "str", "hashable", "bool")), quote(random))
    if form < 0.8:
        return op(random.choice(("eq", "ne")), quote(random), random.choice((quote(random), 1)))
    made = call("marketdata.QuoteTtl.within", ["td", random.choice((0, 1, 1500, 1_500_000, HOUR))])
    if form < 0.9:
        return op(random.choice(("repr", "str", "hashable")), made)
    return op(random.choice(("eq", "ne")), made, made)
