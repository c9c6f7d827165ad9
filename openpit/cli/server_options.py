"""Options of commands that ask a running server, or its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

__all__ = ["accounts_option", "socket_option", "timeout_option"]

socket_option: Final = click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="Path where the server listens.",
)

timeout_option: Final = click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=5.0,
    show_default=True,
    help="Seconds that the server has for an answer.",
)

accounts_option: Final = click.option(
    "--accounts",
    "names",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Texts that accounts are reckoned from, one in each line: shown beside their numbers.",
)
