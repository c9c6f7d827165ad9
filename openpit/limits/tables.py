"""Strict reading of TOML tables: every key is asked for by its type, and none may be left over."""

from __future__ import annotations

import re
import tomllib
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from openpit.errors import AccountIdError
from openpit.param.ids import AccountId, Asset
from openpit.wire.limits import ACCOUNT_TEXT_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Steps = tuple[str | int, ...]

__all__ = ["ConfigError", "Table", "located", "parse"]

MOST = (1 << 64) - 1
"""Largest whole number, unless a key says otherwise: the engine counts in 64 bits."""

SHOWN = 60
"""Characters of a wrong value that a message quotes."""

WINDOW = r"(\d{1,12})(us|ms|s|m|h)"
"""A length of time, as a regular expression."""

NAMES = 8
"""Names of a key, with those of its tables: more than any has. Reading takes their square."""

LOOKS = 24
"""How many times a text is read, at most, to find the line of an error, however it is made."""

LOOKED_AT = 1 << 18
"""Characters that are always read for that: a short text's line is found whatever it takes."""

_WINDOW = re.compile(WINDOW)

# Texts and comments: each match goes on to its end, so that none is looked at twice.
_QUOTED = re.compile(
    r'"{3}(?:\\.|[^\\])*?(?:"{3}|\\?\Z)'
    r"|'{3}.*?(?:'{3}|\Z)"
    r'|"(?:\\.|[^"\\\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
_LONG_KEY = re.compile(rf"(?<![\w-])[\w-]++(?:[ \t]*+\.[ \t]*+[\w-]++){{{NAMES}}}")

_UNITS = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}

_LONGEST = timedelta(microseconds=MOST // 1000)
"""What nanoseconds in 64 bits can tell: 584 years."""

_Value = TypeVar("_Value")
_Choice = TypeVar("_Choice", bound=StrEnum)


class ConfigError(Exception):
    """A configuration is wrong; the text names the table, the key and the reason, and the line.

    ``line`` is the line of the text where the value, or the table, begins, counted from 1; None
    where the text is not known, or it would take too long to find.
    """

    def __init__(self, text: str, steps: Steps = ()) -> None:
        super().__init__(text)
        self.steps = steps
        """Where it is: the names, and the places in arrays, from the top of the document on."""
        self.line: int | None = None

    def locate(self, document: str) -> None:
        """Look for the place in the text that was read, and name its line."""
        if self.line is None and self.steps:
            self.line = line_of(document, self.steps)
            if self.line is not None:
                self.args = (f"{self} (line {self.line})",)


@contextmanager
def located(document: str) -> Iterator[None]:
    """Have errors of a configuration name the line of its text."""
    try:
        yield
    except ConfigError as error:
        error.locate(document)
        raise


class Table:
    """One table of the configuration; ``path`` is its name in messages.

    Each method reads one key and raises :class:`ConfigError` if the value is of another kind.
    """

    def __init__(self, path: str, values: dict[str, object], steps: Steps = ()) -> None:
        self.path = path
        self._steps = steps or (path,)
        self._values = values
        self._asked: list[str] = []

    def asset(self, key: str) -> Asset:
        """Return a required asset."""
        value = self._required(key)
        if type(value) is str and value.strip():
            self._check_length(key, value)
            return Asset(value)
        raise self._error(key, "must be a text")

    def optional_asset(self, key: str) -> Asset | None:
        """Return an asset, or None where the key is absent."""
        return self.asset(key) if self.has(key) else None

    def count(self, key: str, most: int = MOST) -> int:
        """Return a required whole number from 0 to ``most``."""
        value = self._required(key)
        if type(value) is int and 0 <= value <= most:
            return value
        raise self._error(key, f"must be a whole number from 0 to {most}")

    def optional_count(self, key: str, most: int = MOST) -> int | None:
        """Return a whole number from 0 to ``most``, or None where the key is absent."""
        return self.count(key, most) if self.has(key) else None

    def choice(self, key: str, choices: type[_Choice], default: _Choice) -> _Choice:
        """Return one of the members of an enumeration, named by its value."""
        if not self.has(key):
            return default
        value = self._values[key]
        for member in choices:
            if value == member.value:
                return member
        named = ", ".join(member.value for member in choices)
        raise self._error(key, f"must be one of {named}")

    def amount(self, key: str, kind: Callable[[str | int | Decimal], _Value]) -> _Value:
        """Return a required decimal as a value of the given type."""
        value = self._required(key)
        if type(value) is not str and type(value) is not int and type(value) is not Decimal:
            raise self._error(key, "must be a number or text")
        try:
            return kind(value)
        except ValueError as error:
            raise self._wrong(key, error) from None

    def optional_amount(
        self, key: str, kind: Callable[[str | int | Decimal], _Value]
    ) -> _Value | None:
        """Return a decimal as :meth:`amount` does, or None where the key is absent."""
        return self.amount(key, kind) if self.has(key) else None

    def window(self, key: str) -> timedelta:
        """Return a required length of time."""
        value = self._required(key)
        found = _WINDOW.fullmatch(value) if type(value) is str else None
        if found is None or int(found[1]) == 0:
            raise self._error(key, 'must be a length of time such as "250ms", "1s" or "5m"')
        try:
            window = int(found[1]) * _UNITS[found[2]]
        except OverflowError:
            window = timedelta.max
        if window > _LONGEST:
            raise self._error(key, "is too long")
        return window

    def account(self, key: str) -> AccountId:
        """Return a required account."""
        value = self._required(key)
        try:
            if type(value) is int:
                return AccountId.from_int(value)
            if type(value) is str:
                self._check_length(key, value)
                return AccountId.from_string(value)
        except (OverflowError, AccountIdError) as error:
            raise self._wrong(key, error) from None
        raise self._error(key, "must be a whole number or text")

    def table(self, key: str) -> Table | None:
        """Return a table within this one, None where it is absent."""
        if not self.has(key):
            return None
        value = self._values[key]
        if isinstance(value, dict):
            return Table(f"{self.path}.{key}", value, (*self._steps, key))
        raise self._error(key, "must be a table")

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables, empty where it is absent; named by position from 1."""
        if not self.has(key):
            return []
        value = self._values[key]
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [
                Table(f"{self.path}.{key} #{position}", item, (*self._steps, key, position - 1))
                for position, item in enumerate(value, start=1)
            ]
        raise self._error(key, "must be an array of tables")

    def finish(self) -> None:
        """Raise :class:`ConfigError` for a key that was not asked for."""
        for key in self._values:
            if key not in self._asked:
                known = ", ".join(self._asked) or "none"
                raise self.error(f"unknown key {key!r} (keys here: {known})", key)

    def has(self, key: str) -> bool:
        """Tell whether the table has a key; it counts as asked for."""
        if key not in self._asked:
            self._asked.append(key)
        return key in self._values

    def refuse_twin(self, places: dict[tuple[object, ...], str], *keys: str) -> None:
        """Enter this table by the values of keys; ConfigError if another has the same.

        The engine would take the last of both without a word, and which is meant is not known.
        """
        place = places.setdefault(tuple(self._values[key] for key in keys), self.path)
        if place != self.path:
            raise self.error(f"is for the same {' and '.join(keys)} as [{place}]")

    def error(self, reason: str, *keys: str) -> ConfigError:
        """Return the error of this table, or of one of its keys."""
        return ConfigError(f"[{self.path}] {reason}", (*self._steps, *keys))

    def _required(self, key: str) -> object:
        if not self.has(key):
            raise self.error(f"key {key!r} is missing")
        return self._values[key]

    def _check_length(self, key: str, text: str) -> None:
        if len(text.encode()) > ACCOUNT_TEXT_BYTES:
            raise self._error(key, f"must be at most {ACCOUNT_TEXT_BYTES} bytes long")

    def _error(self, key: str, reason: str) -> ConfigError:
        return self.error(f"key {key!r} {reason}, not {self._told(key)}", key)

    def _wrong(self, key: str, why: Exception) -> ConfigError:
        return self.error(f"key {key!r} is wrong ({why}): {self._told(key)}", key)

    def _told(self, key: str) -> str:
        value = self._values[key]
        told = str(value) if isinstance(value, Decimal) else repr(value)
        return told if len(told) <= SHOWN else f"{told[: SHOWN - 3]}..."


def parse(text: str) -> dict[str, object]:
    """Return the document's top level, its tables in their order; ConfigError if it is not TOML."""
    if _LONG_KEY.search(_QUOTED.sub("_", text)):
        raise ConfigError(f"a key has {NAMES} names at most")
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except ValueError as error:  # no TOML, or a number of too many digits
        raise ConfigError(f"not TOML: {error}") from None
    except RecursionError:
        raise ConfigError("not TOML that can be read: its values are nested too deeply") from None


def line_of(document: str, steps: Steps) -> int | None:
    """Return the line of a TOML text on which what the steps lead to begins, counted from 1.

    A text up to a line either has it or not, and all longer ones are as the shorter: so it is
    looked for by halves. One that ends within a value is no TOML, and is looked at with more lines;
    None where that would take too long.
    """
    lines = document.splitlines(keepends=True)
    left = max(LOOKED_AT, LOOKS * len(document))
    without, within = 0, len(lines)  # lines up to which it is not there, and is there
    while within - without > 1:
        middle = end = (without + within) // 2
        top = None
        while end < within:
            begin = "".join(lines[:end])
            left -= len(begin)
            if left < 0:
                return None
            top = _parsed(begin)
            if top is not None:
                break
            end += 1
        if top is None or _leads_to(top, steps):
            within = middle
        else:
            without = end
    return within


def _parsed(text: str) -> dict[str, object] | None:
    try:
        return tomllib.loads(text)
    except ValueError:
        return None


def _leads_to(top: object, steps: Steps) -> bool:
    for step in steps:
        if isinstance(step, int):
            if not isinstance(top, list) or len(top) <= step:
                return False
            top = top[step]
        else:
            if not isinstance(top, dict) or step not in top:
                return False
            top = top[step]
    return True
