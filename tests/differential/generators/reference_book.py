"""The reference book and settlement schemes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators.expressions import Expression, Scenario, call, get, on, op, ref, step, v
from generators.market_data import instrument

if TYPE_CHECKING:
    from generators.draw import Draw

_NUMBERS = (0, 1, 2, 3, 2**64 - 1)
_ODD_NUMBERS = (-1, 2**64, 1.5, "1", None, True)


def generate(random: Draw) -> Scenario:
    steps: Scenario = [step(call("core.ReferenceBook"), "book")]
    for _ in range(random.randint(8, 25)):
        random.turn()
        steps.append(step(random.choices(_MAKERS, (3, 2, 2, 4, 2, 4, 4))[0](random)))
    return steps


def identifier(random: Draw) -> Expression:
    if random.fault():
        return random.choice((0, None, "0"))
    return call("core.InstrumentId", random.choice((0, 0, 1, 2, 5)))


def lag(random: Draw) -> Expression:
    unit = ref(f"core.SettlementUnit.{random.choice(('BUSINESS_DAYS', 'CALENDAR_DAYS'))}")
    return call(
        "core.SettlementLag",
        random.odd(_NUMBERS, _ODD_NUMBERS),
        random.odd((unit,), (0, None, "x")),
    )


def scheme(random: Draw) -> Expression:
    if random.fault():
        return random.choice((None, 1, "x"))
    if random.chance(0.4):
        number = random.odd(_NUMBERS, _ODD_NUMBERS)
        return call("core.SettlementScheme.uniform", number)
    if random.chance(0.5):
        return call("core.SettlementScheme", delivery=lag(random), payment=lag(random))
    return call("core.SettlementScheme", lag(random), random.odd((lag(random),), (None, 1)))


def _register(random: Draw) -> Expression:
    return on(v("book"), "register", instrument(random))


def _register_with_id(random: Draw) -> Expression:
    return on(v("book"), "register_with_id", instrument(random), identifier(random))


def _resolve(random: Draw) -> Expression:
    return on(v("book"), "resolve", instrument(random))


def _set(random: Draw) -> Expression:
    return on(v("book"), "set_settlement_scheme", identifier(random), scheme(random))


def _clear(random: Draw) -> Expression:
    return on(v("book"), "clear_settlement_scheme", identifier(random))


def _get(random: Draw) -> Expression:
    return on(v("book"), "settlement_scheme", identifier(random))


def _value(random: Draw) -> Expression:
    left = random.choice((scheme, lag))(random)
    form = random.random()
    if form < 0.3:
        return left
    if form < 0.5:
        return op(random.choice(("repr", "str", "hashable", "bool")), left)
    if form < 0.6:
        return get(left, random.choice(("n", "unit", "delivery", "payment")))
    if form < 0.65:
        return ["set", left, random.choice(("n", "delivery", "x")), 1]
    right = random.choice((left, scheme(random), lag(random), 1))
    return op(random.choice(("eq", "eq", "ne", "lt")), left, right)


_MAKERS = (_register, _register_with_id, _resolve, _set, _clear, _get, _value)
