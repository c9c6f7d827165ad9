"""Numbers near the edges of the decimal model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generators.expressions import Expression, call

if TYPE_CHECKING:
    from generators.draw import Draw

LARGEST = 2**96 - 1

DECIMAL_TYPES = (
    "Quantity",
    "Volume",
    "Notional",
    "Price",
    "Pnl",
    "Fee",
    "CashFlow",
    "PositionSize",
)
UNSIGNED = frozenset({"Quantity", "Volume", "Notional"})

EDGES = (
    "0",
    "0.0",
    "0.00",
    "1",
    "1.0",
    "1.50",
    "0.5",
    "2.5",
    "3",
    "7",
    "10",
    "100",
    "1000000",
    "0.1",
    "0.25",
    "0.333333333",
    "0.9999999999999999999999999999",
    "0.0000000000000000000000000001",
    "0.0000000000000000000000000005",
    "0.00000000000001",
    "3.3333333333333333333333333333",
    "1.0000000000000000000000000000",
    str(LARGEST),
    str(LARGEST - 1),
    str(LARGEST // 2),
    str(LARGEST // 2 + 1),
    "7.9228162514264337593543950335",
    "7922816251426433759354395033.5",
    "792281625142643375935439.50335",
    "9999999999999999999999999999",
    "10000000000000000000000000000",
    "281474976710655",
    "281474976710656",
    "9223372036854775807",
    "18446744073709551615",
)

#: Sums and products of these leave the range, or need more digits than there are.
HUGE = (
    str(LARGEST),
    str(LARGEST),
    str(LARGEST // 2 + 1),
    str(LARGEST - 1),
    "60000000000000000000000000000",
    "7922816251426433759354395033.5",
    "0.0000000000000000000000000001",
    "1.0000000000000000000000000001",
    "1",
)

TEXT_GRAMMAR = (
    "",
    " 1",
    "1 ",
    "+5",
    "++5",
    "-5",
    "--5",
    "-",
    "+",
    ".",
    "-.",
    ".5",
    "5.",
    "-.5",
    "+5.",
    "1_000",
    "_1",
    "1_",
    "1__0",
    "1_.5",
    "1._5",
    "1.5_",
    "._5",
    "-_5",
    "1.2.3",
    "1e5",
    "1E-3",
    "0x10",
    "nan",
    "NaN",
    "inf",
    "Infinity",
    "1,5",
    "abc",
    "٣",
    "1٣",
    "½",
    "\x00",
    "1\n",
    "00012.5000",
    "-0",
    "-0.00",
    "+0",
    "0000000000000000000000000000000000000000001",
    str(LARGEST + 1),
    str(LARGEST) + ".0",
    str(LARGEST) + ".4",
    "-" + str(LARGEST),
    "-" + str(LARGEST + 1),
    "0.00000000000000000000000000001",
    "0.00000000000000000000000000000",
    "1.00000000000000000000000000000",
    "0." + "1" * 28,
    "0." + "1" * 29,
    "7.9228162514264337593543950336",
    "9.9999999999999999999999999999",
    "1" + "0" * 40,
    "it's",
    'say "x"',
)

INTEGERS = (
    0,
    1,
    -1,
    2,
    3,
    10,
    -7,
    255,
    256,
    65535,
    65536,
    2**31,
    2**32 - 1,
    2**32,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63),
    -(2**63) - 1,
    2**64 - 1,
    2**64,
    LARGEST,
    LARGEST + 1,
    -LARGEST,
    -LARGEST - 1,
    10**40,
)

FLOATS = (
    0.0,
    1.0,
    -1.0,
    0.1,
    0.1 + 0.2,
    2 / 3,
    1.5,
    2.5,
    -2.5,
    1e15,
    1e16,
    1e17,
    1e21,
    1e28,
    7.9e28,
    8e28,
    1e-5,
    1e-7,
    1e-20,
    1e-28,
    4e-29,
    1e-30,
    1e300,
    123456789.123456789,
    185.5,
    0.3,
    1234.5678,
    99999999999999.99,
    5e-324,
)

FLOAT_TEXTS = ("nan", "inf", "-inf")

DECIMALS = (
    "1E+3",
    "1E-3",
    "-1E+28",
    "1E+29",
    "7.9E+28",
    "1E-28",
    "1E-29",
    "1E-30",
    "0E-30",
    "0E-28",
    "0E+50",
    "-0",
    "-0.0",
    "NaN",
    "sNaN",
    "Infinity",
    "-Infinity",
    "1.50",
    "-2.50",
    "123456789012345678901234567890",
    "1.23456789012345678901234567890",
    "1" * 70,
    "-0." + "1" * 70,
)

WRONG = (
    None,
    True,
    False,
    ["bytes", "31"],
    ["list"],
    ["tuple", 1],
    ["obj", {}],
    "x",
    1.5,
    7,
)


def magnitude(random: Draw) -> str:
    """The text of a non-negative number that every type accepts."""
    kind = random.random()
    if kind < 0.45:
        return random.choice(EDGES)
    if kind < 0.85:
        return plain(random)
    digits = random.randint(1, 28)
    mantissa = str(random.randrange(10**digits))
    scale = random.randint(0, 28)
    if scale == 0:
        return mantissa
    padded = mantissa.rjust(scale + 1, "0")
    return padded[:-scale] + "." + padded[-scale:]


def plain(random: Draw) -> str:
    """The text of an everyday non-negative number."""
    scale = random.choice((0, 0, 1, 2, 2, 4))
    whole = random.choice((random.randrange(10), random.randrange(1000), random.randrange(10**6)))
    if scale == 0:
        return str(whole)
    return f"{whole}.{random.randrange(10**scale):0{scale}d}"


def signed(random: Draw) -> str:
    text = magnitude(random)
    return "-" + text if random.random() < 0.4 else text


def number_for(random: Draw, kind: str) -> str:
    """The text of a number that the type accepts."""
    return magnitude(random) if kind in UNSIGNED else signed(random)


def value(random: Draw, kind: str) -> Expression:
    """A value of the type."""
    return call(f"param.{kind}", number_for(random, kind))


def raw(random: Draw, kind: str) -> Expression:
    """Any argument a constructor of the type may be given, good or bad."""
    form = random.random()
    if form < 0.30:
        return signed(random)
    if form < 0.45:
        return random.choice(TEXT_GRAMMAR)
    if form < 0.58:
        return random.choice(INTEGERS)
    if form < 0.72:
        return random.choice((random.choice(FLOATS), -random.choice(FLOATS), random.uniform(0, 9)))
    if form < 0.75:
        return ["float", random.choice(FLOAT_TEXTS)]
    if form < 0.85:
        return ["dec", random.choice((random.choice(DECIMALS), signed(random)))]
    if form < 0.90:
        return value(random, kind)
    if form < 0.95:
        return value(random, random.choice(DECIMAL_TYPES))
    return random.choice(WRONG)
