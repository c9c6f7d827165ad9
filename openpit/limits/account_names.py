"""The texts that accounts are reckoned from, where somebody has them in a file: to be shown.

An account's number is a hash of its text, which leads nowhere back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.limits.tables import ConfigError, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["NO_NAMES", "AccountNames"]


class AccountNames:
    """What accounts are called, by their numbers; most have no name."""

    __slots__ = ("_names",)

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names: Final = names

    @classmethod
    def of_lines(cls, lines: Iterable[str]) -> AccountNames:
        """Return the names of a file's lines, one in each; blank ones and ``#`` lines have none.

        Raises:
            ConfigError: a line is too long, or two texts have one number; the line is told.
        """
        names: dict[int, str] = {}
        for number, line in enumerate(lines, 1):
            text = line.rstrip("\r\n")
            if not text.strip() or text.startswith("#"):
                continue
            account = Table(f"line {number}", {"account": text}).account("account").value
            other = names.setdefault(account, text)
            if other != text:
                raise ConfigError(f"line {number}: {text!r} and {other!r} are the same account")
        return cls(names)

    def of(self, account: int | None) -> str | None:
        """Return what an account is called, None where nobody has said."""
        return None if account is None else self._names.get(account)

    def shown(self, account: int | None) -> str:
        """Return what an account is called, or its number; ``-`` where there is none."""
        return "-" if account is None else self._names.get(account, str(account))


NO_NAMES: Final = AccountNames({})
