"""Parts of the command that need packages of an extra: imported when they are wanted."""

from __future__ import annotations

import importlib
from typing import Any

from openpit.cli.exits import Exit, ExitError

__all__ = ["loaded"]

_EXTRAS = {
    **dict.fromkeys(
        (
            *("openpit.console.addresses", "openpit.console.app", "openpit.console.past_lines"),
            *("openpit.console.running", "openpit.console.tokens"),
        ),
        ("the console", "console"),
    ),
    "openpit.cli.arrow_flows": ("reading and writing Parquet and Arrow", "arrow"),
    "openpit.cli.arrow_rows": ("reading and writing Parquet and Arrow", "arrow"),
    "openpit.metrics": ("metrics as OpenMetrics text", "metrics"),
    "openpit.cli.mcp_tools": ("offering a server to a model", "mcp"),
}


def loaded(module: str) -> Any:
    """Import a part of the command; what it needs is installed apart.

    Raises:
        ExitError: it is not; the text says which extra has it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        what, extra = _EXTRAS.get(module, ("the load test", "loadtest"))
        raise ExitError(
            Exit.NOT_FOUND,
            f"{error.name} is not installed: {what} is an extra of openpit-sharded, "
            f"[{extra}]; in a clone, pip install '.[{extra}]' or make dev",
        ) from None
