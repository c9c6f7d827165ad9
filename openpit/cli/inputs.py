"""Texts that a command reads: configurations, workloads, names; of a file or of stdin."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.streams import is_stream
from openpit.limits.account_names import NO_NAMES, AccountNames
from openpit.limits.tables import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NamedPath", "account_names", "text_of", "told"]


class NamedPath(click.Path):
    """A path of an option: an empty one, as of a variable that is not set, would be this folder."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """Return the path that was given."""
        if not os.fspath(value):
            self.fail("is empty, which names no directory", param, ctx)
        return super().convert(value, param, ctx)


def told(path: Path) -> str:
    """Return what messages call an input."""
    return "stdin" if is_stream(path) else str(path)


def text_of(path: Path) -> str:
    """Return the text of a file, or of stdin for ``-``; without the mark that editors put first.

    Raises:
        ExitError: it cannot be read.
        ConfigError: it is not UTF-8.
    """
    try:
        if not is_stream(path):
            return path.read_text(encoding="utf-8-sig")
        if sys.stdin is None:
            raise ExitError(Exit.IO_FAILED, "cannot read stdin: it is closed")
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except OSError as error:
        raise ExitError(Exit.IO_FAILED, f"cannot read {told(path)}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text") from None


def account_names(path: Path | None) -> AccountNames:
    """Return the names of accounts in a file; none where there is no file.

    Raises:
        ExitError: it cannot be read.
        click.UsageError: it is not UTF-8, or a line of it is wrong.
    """
    if path is None:
        return NO_NAMES
    try:
        return AccountNames.of_lines(text_of(path).splitlines())
    except ConfigError as error:
        raise click.UsageError(f"--accounts {told(path)}: {error}") from None
