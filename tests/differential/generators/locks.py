"""``Lock``: building, reading, merging, and its JSON, MessagePack and CBOR forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators import numbers
from generators.expressions import Expression, Scenario, call, many, on, op, step, v

if TYPE_CHECKING:
    from generators.draw import Draw

_GROUPS = (0, 0, 0, 1, 3, 5, 65535, 256)
_ODD_GROUPS = (-1, 65536, "1", None, True, 1.5, 2**70)
_JSON = (
    "[]",
    "[[]]",
    '[["1.50","4"],[3,"-2"],[1,"9"]]',
    '[[],[5,"1"]]',
    "[[1.5, 2, -3]]",
    "[[1e3]]",
    '[["1e3"]]',
    "[[1.50]]",
    "[[3e25,-3e26,123456789.123456789123456789]]",
    "[[0.1,123456789012345678901234567890]]",
    "[[],[5]]",
    '[[],[0,"1"]]',
    '[[],[5,"1"],[5,"2"]]',
    '[["x"]]',
    "[[null]]",
    "[[true]]",
    "[1]",
    "[[],1]",
    "[[],[]]",
    '[[],["5","1"]]',
    '[[],[65536,"1"]]',
    '[[],[-1,"1"]]',
    '[[],[1.0,"1"]]',
    "{}",
    "null",
    "1",
    '"x"',
    "",
    " ",
    "[",
    "[[]",
    "[[]] ",
    "[[]]x",
    ' [ [ "1" ] ] ',
    '[["1"],]',
    '[["79228162514264337593543950336"]]',
    '[["0.00000000000000000000000000001"]]',
    "[[79228162514264337593543950335]]",
    '[["\\u0031"]]',
    '[[""]]',
    '[["-0"]]',
    "[[-0.0]]",
    "[[NaN]]",
    "[[18446744073709551615,18446744073709551616,-9223372036854775808]]",
    "[[1844674407370955161.9,18446744073709551619.3,123e-324,0.00000000000000000000012345e22]]",
    "[[-18446744073709551615,1e000028,79228162514264337593543950335.5,7.92281625142643e28]]",
    "[[1e400]]",
    "[[-Infinity]]",
    "[[01]]",
    "[[1.]]",
    "[[-]]",
    '[["\\ud800"]]',
    '[["1\n"]]',
    '[[{"a":1,"a":1}]]',
    "[[[[[1]]]]]",
    "[[]]\x00",
    "\ufeff[]",
)
#: Broken and odd encodings. None has a CBOR tag: a lock has none, and decoders differ about them.
_BYTES = (
    "",
    "90",
    "9190",
    "9191a131",
    "9192a3312e3501",
    "9290920501",
    "929092",
    "80",
    "c0",
    "9191c0",
    "9191cb3ff8000000000000",
    "9191ff",
    "929092a135a131",
    "929093cd0100a131a132",
    "9190ff",
    "dc0000",
    "9191d90131",
    "9191c40131",
    "81a16101",
    "8180",
    "81816131",
    "8182633120350a",
    "828082056131",
    "9f80ff",
    "9f9f6131ffff",
    "f6",
    "818101",
    "8181f93e00",
    "8181fb3ff8000000000000",
    "818120",
    "a0",
    "8181f6",
    "81806131",
    "818178013131",
    "82808319010061316132",
)


def generate(random: Draw) -> Scenario:
    steps: Scenario = [step(_new(random), "l0"), step(_new(random), "l1"), step(_new(random), "l2")]
    for _ in range(random.randint(12, 30)):
        random.turn()
        maker = random.choices(_MAKERS, (6, 20, 14, 14, 20, 6))[0]
        # Only what makes a lock may take the place of one.
        keep = f"l{random.randrange(3)}" if maker is _new and random.chance(0.5) else None
        steps.append(step(maker(random), keep))
    return steps


def price(random: Draw) -> Expression:
    form = random.random()
    if form < 0.5:
        return numbers.signed(random)
    if form < 0.9:
        return numbers.value(random, "Price")
    return numbers.raw(random, "Price")


def entries(random: Draw) -> Expression:
    made: list[Expression] = []
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        gid = random.odd(_GROUPS, _ODD_GROUPS)
        form = random.odd(("tuple",), ("list",))
        made.append([form, gid, price(random)])
    if random.fault():
        made.append(random.choice((1, None, ["tuple", 1], ["tuple", 1, "1", 2], "ab")))
    if random.fault():
        return random.choice((1, None, "x", v("l0")))
    return many(made, random.choice(("list", "tuple", "iter")))


def _lock(random: Draw) -> Expression:
    return v(f"l{random.randrange(3)}")


def _new(random: Draw) -> Expression:
    form = random.random()
    if form < 0.15:
        return call("pretrade.Lock")
    if form < 0.25:
        return call("pretrade.Lock", v("l0"))
    if form < 0.3:
        return call(["class", "pretrade.Lock", {}], entries(random))
    return call("pretrade.Lock", entries(random))


def _change(random: Draw) -> Expression:
    lock = _lock(random)
    gid = random.odd(_GROUPS, _ODD_GROUPS)
    form = random.randrange(4)
    if form == 0:
        return on(lock, "push", gid, price(random))
    if form == 1:
        prices = many([price(random) for _ in range(random.choice((0, 1, 2)))])
        return on(lock, "push_many", gid, random.odd((prices,), (1, None, "12")))
    if form == 2:
        return on(lock, "extend", entries(random))
    return on(lock, "merge", random.odd((_lock(random),), (1, None, ["list"])))


def _read(random: Draw) -> Expression:
    lock = _lock(random)
    form = random.random()
    if form < 0.3:
        return on(lock, "prices_of", random.odd(_GROUPS, _ODD_GROUPS))
    if form < 0.5:
        return on(lock, "entries")
    if form < 0.75:
        names = ("len", "bool", "repr", "str", "hashable", "iterate", "neg")
        return op(random.choice(names), lock)
    return op(random.choice(("eq", "ne", "lt", "add")), lock, random.choice((_lock(random), 1)))


def _encode(random: Draw) -> Expression:
    form = random.choice(("json", "msgpack", "cbor"))
    made = on(_lock(random), f"to_{form}")
    if random.chance(0.5):
        return made
    return call(f"pretrade.Lock.from_{form}", made)


def _decode(random: Draw) -> Expression:
    if random.chance(0.5):
        return call("pretrade.Lock.from_json", random.odd(_JSON, (None, 1, ["bytes", "5b5d"])))
    form = random.choice(("msgpack", "cbor"))
    data: Expression = ["bytes", random.choice(_BYTES)]
    if form == "msgpack" and random.chance(0.3):
        # Not the marks of byte strings: the reference takes an empty one for an empty list.
        noise = random.randbytes(random.randint(0, 6)).translate(None, bytes((0xC4, 0xC5, 0xC6)))
        data = ["bytes", noise.hex()]
    return call(f"pretrade.Lock.from_{form}", random.odd((data,), (None, "x", "")))


_MAKERS = (_new, _change, _read, _encode, _decode, _lock)
