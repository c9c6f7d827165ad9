"""What is raised for a value that its type does not take."""

from __future__ import annotations

__all__ = ["AccountIdError", "AssetError", "ParamError"]


class ParamError(ValueError):
    """A value is outside the range, the grammar or the sign of its type."""

    __module__ = "openpit"


class AssetError(ValueError):
    """An asset name is empty."""

    __module__ = "openpit.param"


class AccountIdError(ValueError):
    """An account text is empty."""

    __module__ = "openpit.param"
