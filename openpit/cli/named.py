"""What arguments of the command line name: policies and actors (``MODULE:NAME``), accounts."""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from openpit.faces.observing import guarded
from openpit.limits.tables import ConfigError, Table
from openpit.pretrade.policies.registration import ReadyBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.param.ids import AccountId

__all__ = ["account_named", "find_modules_here", "observer_named", "with_actor", "with_policy"]

_Result = TypeVar("_Result")


def account_named(text: str) -> AccountId:
    """Return the account of an argument: whole numbers or text, as in a configuration.

    Raises:
        click.UsageError: it is none.
    """
    try:
        return Table("ctl", {"ACCOUNT": int(text) if text.isdecimal() else text}).account("ACCOUNT")
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def with_policy(stage: Any, name: str) -> Any:
    """Return a builder with the policy of a name: what it leads to, called if it is a class.

    A built-in one may hold what no configuration says: its market data.

    Raises:
        click.UsageError: nothing is there, or it is of no use.
    """

    def add(found: Any) -> Any:
        if isinstance(found, ReadyBuilder) and not isinstance(found, type):
            return stage.builtin(found)
        return stage.pre_trade(_made(found) if isinstance(found, type) else found)

    return _with_found("--policy", name, "MODULE:NAME", name, add)


def _made(policy: type) -> object:
    try:
        return policy()
    except TypeError as error:
        hint = "a class is called without arguments: name an object that your module makes of it"
        raise TypeError(f"{error} ({hint})") from error


def with_actor(stage: Any, named: str) -> Any:
    """Return a builder with an actor: its name and its factory's; errors as :func:`with_policy`."""
    name, _, path = named.partition("=")
    return _with_found(
        "--actor", named, "NAME=MODULE:FACTORY", path, lambda found: stage.actor(name, found)
    )


def observer_named(path: str) -> object:
    """Return the observer that a factory makes; errors as :func:`with_policy`."""

    def make(found: Any) -> object:
        guarded(made := found())
        return made

    return _with_found("--observer", path, "MODULE:FACTORY", path, make)


def _with_found(
    option: str, given: str, shape: str, path: str, use: Callable[[Any], _Result]
) -> _Result:
    """Use what a path leads to, in a module that is found as ``python -m`` would find it.

    Raises:
        click.UsageError: nothing is there, or it is of no use.
    """
    module, _, attribute = path.partition(":")
    if not module or not attribute:
        raise click.UsageError(f"{option} is {shape}, not {given}")
    find_modules_here()
    try:
        found: Any = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        return use(found)
    except (ImportError, AttributeError, ValueError) as error:
        raise click.UsageError(f"{option} {given}: {error}") from None
    except Exception as error:
        raise click.UsageError(f"{option} {given}: {type(error).__name__}: {error}") from error


def find_modules_here() -> None:
    """Make the working directory's modules importable, as a script's are from beside it.

    For good: the workers import by their names what is found there.
    """
    with suppress(OSError):  # it has been removed: nothing can be found there
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
