"""Texts of decimals and assets as they arrive: read once, and refused where no value has them.

A text is looked up before it is read: most prices, quantities and assets come again and again. What
is not in the table yet is checked, and only then remembered. A lookup is also the check of its
class, for no key equals anything but a text or None.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from openpit.errors import WireError
from openpit.param.decimals import MAX_MANTISSA, MAX_SCALE, NARROW
from openpit.param.words import BLANKS

__all__ = [
    "ASSETS",
    "FIGURE",
    "SHAPES",
    "SIGNED",
    "TO_SHAPE",
    "UNSIGNED",
    "are_amounts",
    "is_fixed",
    "malformed",
]

REMEMBERED: Final = 16_384
"""Texts that a table holds at most, two to three MiB; then it starts anew."""

LONGEST: Final = 40
"""Longest text of a fixed decimal, exponent included, with some room."""

_SHORT_DIGITS: Final = 28
# Texts that a decimal is written as by everybody: short, no blank, no zero before others, and none
# of the small figures that are written with an exponent.
_is_usual = re.compile(r"-?(?:0|[1-9][0-9]{0,13})(?:\.[0-9]{1,6})?", re.ASCII).fullmatch
_create = NARROW.create_decimal
_text_of = NARROW.to_sci_string


def malformed(what: str, found: object) -> WireError:
    """Return the error of something that no side of this protocol sends."""
    return WireError(f"{what} was expected: {found!r:.200}")


def is_fixed(value: object) -> bool:
    """Tell whether a value is a decimal that the package's value types can hold."""
    if type(value) is not Decimal or (value.is_signed() and not value):  # there is no -0
        return False
    _, digits, exponent = value.as_tuple()
    return (
        isinstance(exponent, int)
        and -MAX_SCALE <= exponent <= 0
        and (len(digits) <= _SHORT_DIGITS or int("".join(map(str, digits))) <= MAX_MANTISSA)
    )


def _fixed(text: object) -> Decimal:
    """Return the decimal of a text as ``str`` writes it; WireError for any other text."""
    if type(text) is not str or len(text) > LONGEST:
        raise malformed("a decimal", text)
    if _is_usual(text) is not None:
        value = Decimal(text)
        if value or text[0] != "-":
            return value
    # Decimal itself takes blanks, underscores, the digits of other scripts, NaN and 1e999999999.
    try:
        value = _create(text)
    except ArithmeticError:
        try:
            value = Decimal(text)
        except ArithmeticError:
            raise malformed("a decimal", text) from None
    # A program may have its exponents written small: that is a setting of its decimal context.
    if _text_of(value) not in {text, text.upper()} or not is_fixed(value):
        raise malformed("a decimal", text)
    return value


class _Signed(dict[str | None, "Decimal | None"]):
    """Decimals by their texts, None by None."""

    __slots__ = ()

    def __missing__(self, text: str | None) -> Decimal | None:
        if text is None:
            return None
        value = self.read(text)
        if len(self) >= REMEMBERED:
            self.clear()
        self[text] = value
        return value

    def read(self, text: str) -> Decimal:
        """Return the decimal of a text; WireError where it has none."""
        return _fixed(text)


class _Unsigned(_Signed):
    """The same without a sign."""

    __slots__ = ()

    def read(self, text: str) -> Decimal:
        value = _fixed(text)
        if value.is_signed():
            raise malformed("a decimal without a sign", text)
        return value


class _Assets(dict[str | None, "str | None"]):
    """Names of assets by themselves, None by None."""

    __slots__ = ()

    def __missing__(self, text: str | None) -> str | None:
        if text is None:
            return None
        if type(text) is not str or not text.strip(BLANKS):
            raise malformed("an asset", text)
        if len(self) >= REMEMBERED:
            self.clear()
        if len(text) <= LONGEST:
            self[text] = text
        return text


SIGNED: Final = _Signed()
"""``SIGNED[text]`` is a price, a profit, a fee; WireError for a text of none."""

UNSIGNED: Final = _Unsigned()
"""``UNSIGNED[text]`` is a quantity or a volume; WireError for a text of none."""

ASSETS: Final = _Assets()
"""``ASSETS[text]`` is an asset's name; WireError for what is none."""

# --- the amounts of an outcome --------------------------------------------------------------------

# No more digits than always fit: that is nearly all there are, and the others are read one by one.
FIGURE: Final = r"-?[0-9]{1,14}+(?:\.[0-9]{1,14}+)?+"
"""Of an amount that always fits, as a regular expression."""
_CHANGE: Final = rf"(?:{FIGURE}\|{FIGURE})?+"
_usual_amounts = re.compile(rf"{_CHANGE};{_CHANGE};{_CHANGE};{_CHANGE};(?:{FIGURE})?+").fullmatch

# Which digit it is says nothing of whether it may stand there. With every digit a 0, a few texts
# are left of thousands, and those are looked up.
TO_SHAPE: Final = bytes.maketrans(b"123456789", b"000000000")
"""``text.encode().translate(TO_SHAPE)`` is the shape of a text of figures."""

SHAPES: Final[set[bytes]] = set()
"""Shapes of amounts that have been seen; see :func:`are_amounts`."""

_usual_figure = re.compile(FIGURE).fullmatch

_CHANGES: Final = 4
_WIDE_FIGURE: Final = re.compile(r"-?[0-9]{1,29}(?:\.[0-9]{1,28})?")


def are_amounts(text: object) -> bool:
    """Tell whether a text is the amounts of an outcome: four changes and a price.

    A change is what was added and what it came to, or nothing: ``-5|95;5|5;;;1.50``.
    """
    if type(text) is not str:
        return False
    shape = text.encode().translate(TO_SHAPE)
    if shape in SHAPES:
        return True
    if _usual_amounts(text) is None:
        return _are_wide_amounts(text)
    if len(SHAPES) >= REMEMBERED:
        SHAPES.clear()
    SHAPES.add(shape)
    return True


def _are_wide_amounts(text: str) -> bool:
    *changes, price = text.split(";")
    if len(changes) != _CHANGES or not (price == "" or _is_figure(price)):
        return False
    for change in changes:
        delta, bar, figure = change.partition("|")
        if change and not (bar and _is_figure(delta) and _is_figure(figure)):
            return False
    return True


def _is_figure(text: str) -> bool:
    # What may stand in a usual text may stand beside a wide figure as well.
    return _usual_figure(text) is not None or (
        _WIDE_FIGURE.fullmatch(text) is not None and is_fixed(Decimal(text))
    )
