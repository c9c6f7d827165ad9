"""Sides, modes and effects given as text: blanks around it and the case of letters do not count."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from openpit.param.classes import is_of
from openpit.param.enums import PositionEffect, PositionMode, PositionSide, Side
from openpit.param.words import folded, is_encodable, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

__all__ = ["position_effect", "position_mode", "position_side", "side"]

_Choice = TypeVar("_Choice", bound="StrEnum")

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_POSITION_SIDES = {"long": PositionSide.LONG, "short": PositionSide.SHORT}
_POSITION_EFFECTS = {"open": PositionEffect.OPEN, "close": PositionEffect.CLOSE}
_POSITION_MODES = {"netting": PositionMode.NETTING, "hedged": PositionMode.HEDGED}


def _choose(
    given: object, members: Mapping[str, _Choice], parameter: str, owner: str, what: str
) -> _Choice | None:
    """Return the member that ``given`` names, None for None; TypeError for anything else."""
    if given is None:
        return None
    if not is_of(given, str):
        raise TypeError(f"{parameter} must be a str or {owner}")
    text = folded(given)
    member = members.get(text)
    if member is not None:
        return member
    if not is_encodable(text):
        raise TypeError(f"{parameter} must be a str or {owner}")
    first, second = members
    raise TypeError(f"ValueError: invalid {what} {quoted(text)}; expected '{first}' or '{second}'")


def side(given: object) -> Side | None:
    """Return the side that ``given`` is or names."""
    return _choose(given, _SIDES, "side", "openpit.Side", "side")


def position_side(given: object) -> PositionSide | None:
    """Return the side of a position that ``given`` is or names."""
    return _choose(given, _POSITION_SIDES, "position_side", "openpit.PositionSide", "position side")


def position_effect(given: object) -> PositionEffect | None:
    """Return the effect on a position that ``given`` is or names."""
    return _choose(
        given, _POSITION_EFFECTS, "position_effect", "openpit.PositionEffect", "position effect"
    )


def position_mode(given: object) -> PositionMode | None:
    """Return the position mode that ``given`` is or names."""
    return _choose(given, _POSITION_MODES, "mode", "openpit.param.PositionMode", "position mode")
