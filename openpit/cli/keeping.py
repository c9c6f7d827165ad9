"""The options of a server that say for how long its shards keep something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from openpit.faces.options import LEAST_KEPT, LONGEST_SECONDS, SHORTEST_TTL
from openpit.wire.checks import U32_MAX
from openpit.wire.shard_limits import KEY_SECONDS, KEYS

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["keeping_options", "refuse_client_time"]

_Command = TypeVar("_Command", bound="Callable[..., Any]")

ALL: Final = "all"
"""In place of a number of snapshots: nothing of a journal is removed."""


def _kept(_: click.Context, param: click.Parameter, value: str) -> int | None:
    """Return how many snapshots stay, as ``sharded(keep=)`` has it: None is all."""
    if value == ALL:
        return None
    if not (value.isascii() and value.isdecimal() and int(value) >= LEAST_KEPT):
        text = f"{value!r:.40} is neither {LEAST_KEPT} or more nor {ALL}"
        raise click.BadParameter(text, param=param)
    return int(value)


_OPTIONS = (
    click.option(
        "--reservation-ttl", type=click.FloatRange(SHORTEST_TTL, LONGEST_SECONDS),
        metavar="SECONDS",
        help="Roll back a reservation that is open for longer. Not with --client-time.",
    ),
    click.option(
        "--key-window", type=click.FloatRange(0, LONGEST_SECONDS, min_open=True),
        default=KEY_SECONDS, show_default=True, metavar="SECONDS",
        help="How long a call's key is known: one with the same key is answered as the first.",
    ),
    click.option(
        "--keys", type=click.IntRange(1, U32_MAX), default=KEYS, show_default=True,
        help="Keys that one shard knows at a time.",
    ),
    click.option(
        "--keep", callback=_kept, default=str(LEAST_KEPT), show_default=True, metavar="N|all",
        help="With --journal: snapshots that stay, and the logs from the oldest of them on; all: "
        "everything, for an audit that goes back to the beginning.",
    ),
)  # fmt: skip


def keeping_options(command: _Command) -> _Command:
    """Add the options to a command, which has them as keyword arguments of ``sharded()``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def refuse_client_time(*, client_time: bool, reservation_ttl: float | None, **_: object) -> None:
    """Refuse reservations that expire where programs bring the time: each has one of its own.

    Raises:
        click.UsageError: both are asked for.
    """
    if client_time and reservation_ttl is not None:
        raise click.UsageError(
            "--reservation-ttl goes by the server's clock, and --client-time by its programs'"
        )
