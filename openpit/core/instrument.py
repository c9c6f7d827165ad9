"""What is traded: one asset, paid for in another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.core.assets import asset_text
from openpit.core.debug_text import quoted
from openpit.param.classes import is_of

if TYPE_CHECKING:
    from openpit.param.ids import Asset

__all__ = ["Instrument", "debug_instrument", "new_instrument", "require_instrument"]


class Instrument:
    """The asset that is traded and the asset that settles the trade; equal by both.

    Raises:
        TypeError: an asset is no text.
        ValueError: an asset is blank.
    """

    __module__ = "openpit.core"
    __slots__ = ("__dict__", "__weakref__", "_settlement_", "_underlying_")

    _settlement_: str
    _underlying_: str

    def __init__(self, underlying_asset: Asset | str, settlement_asset: Asset | str) -> None:
        # Letters and digits alone are neither blank nor unencodable: one call tells most assets.
        if type(underlying_asset) is str and underlying_asset.isalnum():
            self._underlying_ = underlying_asset
        else:
            self._underlying_ = asset_text(underlying_asset)
        if type(settlement_asset) is str and settlement_asset.isalnum():
            self._settlement_ = settlement_asset
        else:
            self._settlement_ = asset_text(settlement_asset)

    @classmethod
    def _of(cls, underlying: str, settlement: str) -> Instrument:
        """Return an instrument of two assets that are known to be sound."""
        self = object.__new__(cls)
        self._underlying_ = underlying
        self._settlement_ = settlement
        return self

    @property
    def underlying_asset(self) -> Asset:
        """The asset that is bought or sold."""
        return self._underlying_  # type: ignore[return-value]  # a plain str, as in the reference

    @property
    def settlement_asset(self) -> Asset:
        """The asset that prices are in and payments are made in."""
        return self._settlement_  # type: ignore[return-value]  # a plain str, as in the reference

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Instrument):
            return (
                self.underlying_asset == other.underlying_asset
                and self.settlement_asset == other.settlement_asset
            )
        return NotImplemented

    def __hash__(self) -> int:
        return hash((self.underlying_asset, self.settlement_asset))

    def __repr__(self) -> str:
        return (
            f"Instrument(underlying_asset={quoted(self._underlying_)}, "
            f"settlement_asset={quoted(self._settlement_)})"
        )


def require_instrument(instrument: object) -> None:
    """Raise as the operations do when ``instrument`` is no instrument."""
    if instrument is None:
        raise AttributeError("'NoneType' object has no attribute 'underlying_asset'")
    if not is_of(instrument, Instrument):
        raise TypeError("instrument must be openpit.core.Instrument")


def debug_instrument(instrument: Instrument) -> str:
    """Return an instrument as the texts of registration errors show it."""
    return (
        f"Instrument {{ underlying_asset: Asset({quoted(instrument._underlying_)}), "
        f"settlement_asset: Asset({quoted(instrument._settlement_)}) }}"
    )


# Makers for the rest of the package, unchecked: a program is handed what they make.
new_instrument = Instrument._of
