"""Reads a lock's JSON, and says of a broken one what is wrong at which line and column.

Columns count bytes, as the reference's do. Nothing but a lock is read here: an array of arrays of
texts and numbers.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NoReturn

from openpit.core.debug_text import quoted
from openpit.core.lock_shape import (
    GROUP_EXPECTED,
    LOCK_EXPECTED,
    NO_GROUP,
    PRICE_EXPECTED,
    PRICES_EXPECTED,
    SECTION_EXPECTED,
    TAGGED_DEFAULT_GROUP,
    UnreadableLock,
    read_price,
    wrong_group,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from openpit.core.lock_shape import Groups

__all__ = ["JsonReader"]

_NUMBER = re.compile(rb"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_EXPONENT = re.compile(rb"[eE]([+-]?)0*([0-9]+)")
_EXPONENT_LENGTH = 9  # digits that say how far out of range a number is
_HEX = re.compile(rb"[0-9a-fA-F]{4}")
_HEX_LENGTH = 4

_BLANKS = frozenset(b" \t\n\r")
_DIGITS = frozenset(b"0123456789")
_NUMBER_STARTS = _DIGITS | {ord("-")}
_EXPONENT_STARTS = frozenset(b"eE")
_SIGNS = frozenset(b"+-")
_WORDS = {
    ord("n"): (b"null", "null"),
    ord("t"): (b"true", "boolean `true`"),
    ord("f"): (b"false", "boolean `false`"),
}
_ESCAPES = dict(zip(b'"\\/bfnrt', '"\\/\b\f\n\r\t', strict=True))

_LEADING_SURROGATES = range(0xD800, 0xDC00)
_TRAILING_SURROGATES = range(0xDC00, 0xE000)

_I64_MIN = -(2**63)
_I64_LENGTH = len(str(_I64_MIN))  # int() refuses thousands of digits
_U64_MAX = 2**64 - 1

_END = -1  # in place of the next byte, where there is none
_TEXT_STOPS = frozenset({_END, *b'"\\', *range(0x20)})


class JsonReader:
    """One pass over the bytes of a lock."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def lock(self) -> Groups:
        """Return the groups of the whole text; :class:`UnreadableLock` if it is no lock."""
        groups: Groups = {}
        for index in self._elements(LOCK_EXPECTED):
            if index == 0:
                group, prices = 0, [self._price() for _ in self._elements(PRICES_EXPECTED)]
            else:
                group, prices = self._section()
            if prices:
                groups.setdefault(group, []).extend(prices)
        if self._next() != _END:
            self._refuse_next("trailing characters")
        return groups

    # --- the shape of a lock --------------------------------------------------------------------

    def _section(self) -> tuple[int, list[Decimal]]:
        group = 0
        prices = []
        for index in self._elements(SECTION_EXPECTED):
            if index == 0:
                group = self._group()
            else:
                prices.append(self._price())
        if not group:
            self._refuse(NO_GROUP)
        return group, prices

    def _group(self) -> int:
        if self._next() not in _NUMBER_STARTS:
            self._refuse_type(GROUP_EXPECTED)
        number = self._number()
        if isinstance(number, float):
            self._refuse(f"invalid type: floating point `{number!r}`, expected {GROUP_EXPECTED}")
        problem = wrong_group(number)
        if problem == TAGGED_DEFAULT_GROUP:
            self._skip_end("]")
        if problem is not None:
            self._refuse(problem)
        return number

    def _price(self) -> Decimal:
        following = self._next()
        if following == ord('"'):
            value: str | int | float = self._text()
        elif following in _NUMBER_STARTS:
            value = self._number()
        elif following == ord("["):
            self._at += 1
            self._skip_end("]")
            self._refuse(f"invalid type: sequence, expected {PRICE_EXPECTED}")
        elif following == ord("{"):
            self._at += 1
            self._skip_end("}")
            self._refuse(f"invalid type: map, expected {PRICE_EXPECTED}")
        else:
            self._refuse_type(PRICE_EXPECTED)
        try:
            return read_price(value, repr(value))
        except UnreadableLock as problem:
            self._refuse(str(problem))

    # --- JSON -----------------------------------------------------------------------------------

    def _next(self) -> int:
        """Return the next byte that is no blank, or ``_END``."""
        while (following := self._byte()) in _BLANKS:
            self._at += 1
        return following

    def _byte(self) -> int:
        return self._data[self._at] if self._at < len(self._data) else _END

    def _elements(self, expected: str) -> Iterator[int]:
        """Yield the index of each element of an array, which the caller then reads."""
        if self._next() != ord("["):
            self._refuse_type(expected)
        self._at += 1
        index = 0
        while (following := self._next()) != ord("]"):
            if following == _END:
                self._refuse_next("EOF while parsing a list")
            if index:
                if following != ord(","):
                    self._refuse_next("expected `,` or `]`")
                self._at += 1
                following = self._next()
                if following == ord("]"):
                    self._refuse_next("trailing comma")
            yield index
            index += 1
        self._at += 1

    def _skip_end(self, closing: str) -> None:
        """Step over the end of what is refused, or the comma in it, as the reference does."""
        following = self._next()
        if following == ord(closing):
            self._at += 1
        elif following == ord(",") and closing == "]":
            self._at += 1
            self._next()

    def _word(self, word: bytes) -> None:
        for expected in word:
            found = self._byte()
            if found == _END:
                self._refuse("EOF while parsing a value")
            self._at += 1
            if found != expected:
                self._refuse("expected ident")

    def _number(self) -> int | float:
        found = _NUMBER.match(self._data, self._at)
        if found is None:  # a minus sign without a digit
            self._at += 1
            self._refuse_digit()
        self._at = found.end()
        whole, fraction, exponent = found.groups()
        following = self._byte()
        if following == ord(".") and fraction is None and exponent is None:
            self._at += 1
            ended = self._byte() == _END
            self._refuse_next("EOF while parsing a value" if ended else "invalid number")
        if following in _EXPONENT_STARTS and exponent is None:
            self._at += 1
            if self._byte() in _SIGNS:
                self._at += 1
            self._refuse_digit()
        if following in _DIGITS:  # after a leading zero
            self._refuse_next("invalid number")
        if fraction is None and exponent is None and len(whole) <= _I64_LENGTH:
            integer = int(whole)
            if _I64_MIN <= integer <= _U64_MAX and whole != b"-0":
                return integer
        try:
            return _float_of(whole, fraction or b"", exponent or b"")
        except OverflowError:
            self._refuse("number out of range")

    def _refuse_digit(self) -> NoReturn:
        """Refuse what stands where a digit belongs."""
        if self._byte() == _END:
            self._refuse("EOF while parsing a value")
        self._at += 1
        self._refuse("invalid number")

    def _text(self) -> str:
        self._at += 1
        parts = []
        while True:
            start = self._at
            while (following := self._byte()) not in _TEXT_STOPS:
                self._at += 1
            parts.append(self._data[start : self._at].decode())
            if following == _END:
                self._refuse("EOF while parsing a string")
            self._at += 1
            if following == ord('"'):
                return "".join(parts)
            if following != ord("\\"):
                self._refuse("control character (\\u0000-\\u001F) found while parsing a string")
            parts.append(self._escape())

    def _escape(self) -> str:
        """Read what follows a backslash."""
        kind = self._byte()
        if kind == _END:
            self._refuse("EOF while parsing a string")
        self._at += 1
        if kind != ord("u"):
            if kind not in _ESCAPES:
                self._refuse("invalid escape")
            return _ESCAPES[kind]
        unit = self._hex()
        if unit in _TRAILING_SURROGATES:
            self._refuse("lone leading surrogate in hex escape")
        if unit not in _LEADING_SURROGATES:
            return chr(unit)
        for expected in b"\\u":
            found = self._byte()
            if found == _END:
                self._refuse("EOF while parsing a string")
            self._at += 1
            if found != expected:
                self._refuse("unexpected end of hex escape")
        trailing = self._hex()
        if trailing not in _TRAILING_SURROGATES:
            self._refuse("lone leading surrogate in hex escape")
        return chr(0x10000 + ((unit - 0xD800) << 10) + (trailing - 0xDC00))

    def _hex(self) -> int:
        digits = _HEX.match(self._data, self._at)
        self._at = min(self._at + _HEX_LENGTH, len(self._data))
        if digits is None:
            ended = self._at == len(self._data)
            self._refuse("EOF while parsing a string" if ended else "invalid escape")
        return int(digits[0], 16)

    # --- what is wrong --------------------------------------------------------------------------

    def _refuse_type(self, expected: str) -> NoReturn:
        """Refuse what stands where something else belongs."""
        following = self._next()
        if following in _WORDS:
            word, name = _WORDS[following]
            self._word(word)
        elif following in _NUMBER_STARTS:
            number = self._number()
            kind = "integer" if isinstance(number, int) else "floating point"
            name = f"{kind} `{number!r}`"
        elif following == ord('"'):
            name = f"string {quoted(self._text())}"
        elif following == ord("["):
            name = "sequence"
        elif following == ord("{"):
            name = "map"
        else:
            self._refuse_next(
                "EOF while parsing a value" if following == _END else "expected value"
            )
        self._refuse(f"invalid type: {name}, expected {expected}")

    def _refuse(self, problem: str) -> NoReturn:
        """Refuse what has just been read."""
        self._refuse_at(problem, self._at)

    def _refuse_next(self, problem: str) -> NoReturn:
        """Refuse the byte that comes next."""
        self._refuse_at(problem, min(self._at + 1, len(self._data)))

    def _refuse_at(self, problem: str, at: int) -> NoReturn:
        line = self._data.count(b"\n", 0, at) + 1
        column = at - (self._data.rfind(b"\n", 0, at) + 1)
        raise UnreadableLock(f"{problem} at line {line} column {column}")


_MAX_POWER = 308  # of ten, in a float
_POWERS = [float(f"1e{power}") for power in range(_MAX_POWER + 1)]


def _float_of(whole: bytes, fraction: bytes, exponent: bytes) -> float:
    """Return a number that is no integer of 64 bits; OverflowError beyond the largest float.

    The first 64 bits of its digits are scaled by a power of ten, each of the two rounded: beyond 15
    digits, and for large powers, this is not the nearest float, but it is what the reference reads.
    """
    digits, power = 0, 0
    is_full = False
    for digit in whole.lstrip(b"-"):
        is_full = is_full or digits * 10 + digit - ord("0") > _U64_MAX
        if is_full:
            power += 1
        else:
            digits = digits * 10 + digit - ord("0")
    for digit in fraction[1:]:
        if digits * 10 + digit - ord("0") > _U64_MAX:
            break
        digits = digits * 10 + digit - ord("0")
        power -= 1
    if exponent:
        sign, size = _EXPONENT.fullmatch(exponent).groups()  # type: ignore[union-attr]  # it is one
        power += int(sign + size[:_EXPONENT_LENGTH])
    number = float(digits)
    while power < -_MAX_POWER and number:
        number /= _POWERS[_MAX_POWER]
        power += _MAX_POWER
    if power < 0:
        number = number / _POWERS[-power] if number else number
    elif number:
        if power > _MAX_POWER:
            raise OverflowError
        number *= _POWERS[power]
        if math.isinf(number):
            raise OverflowError
    return -number if whole.startswith(b"-") else number
