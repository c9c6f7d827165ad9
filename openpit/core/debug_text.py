"""Quoted texts and optional fields as the reference prints them in its ``repr``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.param.decimals import plain
from openpit.param.words import quoted

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["optional", "optional_figure", "optional_member", "quoted", "truth"]


def optional(text: str | None) -> str:
    """Return a quoted text that may be absent."""
    return "None" if text is None else f"Some({quoted(text)})"


def optional_figure(value: Decimal | None) -> str:
    """Return a decimal that may be absent, in plain notation."""
    return optional(None if value is None else plain(value))


def optional_member(member: object) -> str:
    """Return an enum member that may be absent: by its address, as the reference prints it."""
    return "Ok(None)" if member is None else f"Ok(Some(Py(0x{id(member):x})))"


def truth(value: bool) -> str:  # noqa: FBT001 - the value is what is printed
    """Return a truth value in lower case."""
    return "true" if value else "false"
