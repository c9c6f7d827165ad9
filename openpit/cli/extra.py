"""Parts of the command that need packages of an extra: imported when they are wanted."""

from __future__ import annotations

import importlib
from typing import Any

from openpit.cli.exits import Exit, ExitError

__all__ = ["loaded"]


def loaded(module: str) -> Any:
    """Import a part of the load test; what it needs is installed apart."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ExitError(
            Exit.NOT_FOUND,
            f"{error.name} is not installed: the load test is an extra of openpit-sharded, "
            "[loadtest]; in a clone, pip install '.[loadtest]' or make dev",
        ) from None
