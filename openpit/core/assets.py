"""Assets where the API takes a plain text: checked, and kept as ``str``."""

from __future__ import annotations

from openpit.param.words import BLANKS, is_encodable

__all__ = ["asset_text", "optional_asset_text"]


def asset_text(asset: object) -> str:
    """Return ``asset`` as a plain ``str``.

    Raises ``TypeError`` for anything but text that UTF-8 can hold and ``ValueError`` for a blank
    one.
    """
    if not isinstance(asset, str):
        raise TypeError("asset must be a str")
    text = str.__str__(asset)
    if not text.strip(BLANKS):
        raise ValueError("asset must not be empty")
    if not is_encodable(text):
        raise TypeError("asset must be a str")
    return text


def optional_asset_text(asset: object) -> str | None:
    """Return ``asset`` as :func:`asset_text` does, and None for None."""
    return None if asset is None else asset_text(asset)
