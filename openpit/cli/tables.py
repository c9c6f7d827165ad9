"""Strict reading of TOML tables: every key is asked for by its type, and none may be left over."""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from openpit.errors import AccountIdError
from openpit.param.ids import AccountId, Asset

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ConfigError", "Table", "parse"]

_WINDOW = re.compile(r"(\d{1,12})(us|ms|s|m|h)")

_UNITS = {
    "us": timedelta(microseconds=1),
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
}

_MISSING = object()

_Value = TypeVar("_Value")


class ConfigError(Exception):
    """The configuration is wrong; the text names the table, the key and the reason."""


class Table:
    """One table of the configuration; ``path`` is its name in messages.

    Each method reads one key and raises :class:`ConfigError` if the value is of another kind.
    """

    def __init__(self, path: str, values: dict[str, object]) -> None:
        self.path = path
        self._values = values
        self._asked: list[str] = []

    def asset(self, key: str) -> Asset:
        """Return a required asset."""
        value = self._required(key)
        if type(value) is str and value.strip():
            return Asset(value)
        raise self._error(key, "must be a text")

    def count(self, key: str, default: int | None = None) -> int:
        """Return a whole number that is not negative; required unless there is a default."""
        value = self._optional(key)
        if value is _MISSING:
            value = self._required(key) if default is None else default
        if type(value) is int and value >= 0:
            return value
        raise self._error(key, "must be a whole number from 0")

    def amount(self, key: str, kind: Callable[[str | int | Decimal], _Value]) -> _Value:
        """Return a required decimal as a value of the given type."""
        value = self._required(key)
        if type(value) is not str and type(value) is not int and type(value) is not Decimal:
            raise self._error(key, "must be a number or text")
        try:
            return kind(value)
        except ValueError as error:
            raise self._error(key, f"is wrong ({error})") from None

    def optional_amount(
        self, key: str, kind: Callable[[str | int | Decimal], _Value]
    ) -> _Value | None:
        """Return a decimal as :meth:`amount` does, or None where the key is absent."""
        return None if self._optional(key) is _MISSING else self.amount(key, kind)

    def window(self, key: str) -> timedelta:
        """Return a required length of time."""
        value = self._required(key)
        found = _WINDOW.fullmatch(value) if type(value) is str else None
        if found is None:
            raise self._error(key, 'must be a length of time such as "250ms", "1s" or "5m"')
        try:
            return int(found[1]) * _UNITS[found[2]]
        except OverflowError:
            raise self._error(key, "is too long") from None

    def account(self, key: str) -> AccountId:
        """Return a required account."""
        value = self._required(key)
        try:
            if type(value) is int:
                return AccountId.from_int(value)
            if type(value) is str:
                return AccountId.from_string(value)
        except (OverflowError, AccountIdError) as error:
            raise self._error(key, str(error)) from None
        raise self._error(key, "must be a whole number or text")

    def table(self, key: str) -> Table | None:
        """Return a table within this one, None where it is absent."""
        value = self._optional(key)
        if value is _MISSING:
            return None
        if isinstance(value, dict):
            return Table(f"{self.path}.{key}", value)
        raise self._error(key, "must be a table")

    def tables(self, key: str) -> list[Table]:
        """Return an array of tables, empty where it is absent; named by position from 1."""
        value = self._optional(key)
        if value is _MISSING:
            return []
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            return [
                Table(f"{self.path}.{key} #{position}", item)
                for position, item in enumerate(value, start=1)
            ]
        raise self._error(key, "must be an array of tables")

    def finish(self) -> None:
        """Raise :class:`ConfigError` for a key that was not asked for."""
        for key in self._values:
            if key not in self._asked:
                known = ", ".join(self._asked) or "none"
                raise ConfigError(f"[{self.path}] unknown key {key!r} (keys here: {known})")

    def _optional(self, key: str) -> object:
        if key not in self._asked:
            self._asked.append(key)
        return self._values.get(key, _MISSING)

    def _required(self, key: str) -> object:
        value = self._optional(key)
        if value is _MISSING:
            raise ConfigError(f"[{self.path}] key {key!r} is missing")
        return value

    def _error(self, key: str, reason: str) -> ConfigError:
        return ConfigError(f"[{self.path}] key {key!r} {reason}, not {self._values[key]!r}")


def parse(text: str) -> dict[str, object]:
    """Return the document's top level, its tables in their order; ConfigError if it is not TOML."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not TOML: {error}") from None
