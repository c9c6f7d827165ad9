"""How and when a command was called: what a report has to say of itself."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

__all__ = ["ARGUMENTS", "Invocation", "invocation_of"]

ARGUMENTS = "openpit.arguments"
"""Key of the arguments in a context's ``meta``, as they were given."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of the command."""

    command_line: list[str]
    """Arguments as they were given; the first is ``openpit``."""
    date: str
    """When it began, in UTC, to the second: ``2026-11-28T16:40:00Z``."""
    version: str
    """Of this package."""

    @property
    def text(self) -> str:
        """The command line as one would type it."""
        return shlex.join(self.command_line)


def invocation_of(context: click.Context) -> Invocation:
    """Return the call that a command's context belongs to."""
    # Most commands report nothing, and it takes as long to load as all the rest of this room.
    from importlib import metadata  # noqa: PLC0415

    given: Sequence[str] = context.meta.get(ARGUMENTS, ())
    return Invocation(
        command_line=["openpit", *given],
        date=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        version=metadata.version("openpit-sharded"),
    )
