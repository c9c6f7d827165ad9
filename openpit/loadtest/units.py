"""Figures as people read them."""

from __future__ import annotations

__all__ = ["mebibytes", "microseconds", "milliseconds", "rate", "ratio"]


def milliseconds(nanoseconds: float) -> str:
    """Return a time in milliseconds: three digits after the point, fewer for long ones."""
    value = nanoseconds / 1e6
    return f"{value:,.3f}" if value < 10 else f"{value:,.1f}"  # noqa: PLR2004 - as said


def microseconds(nanoseconds: float | None) -> str:
    """Return a time in microseconds, a dash where it is not known."""
    return "-" if nanoseconds is None else f"{nanoseconds / 1e3:,.1f}"


def mebibytes(size: float | None) -> str:
    """Return a size in MiB, a dash where it is not known."""
    return "-" if size is None else f"{size / 2**20:,.1f}"


def rate(per_second: float) -> str:
    """Return a rate, whole unless it is below 100."""
    return f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:,.1f}"  # noqa: PLR2004 - as said


def ratio(value: float) -> str:
    """Return a multiple: two digits after the point, or two figures of what is less than 0.1."""
    return f"{value:.2f} x" if value >= 0.1 else f"{value:.2g} x"  # noqa: PLR2004 - as said
