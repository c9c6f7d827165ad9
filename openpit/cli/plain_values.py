"""Values of the public API as JSON has them: what a change of limits or of funds was made with."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from openpit.param.native_enum import NativeEnum, member_label
from openpit.pretrade.policies.order_size_limit_settings import OrderSizeLimit, cap_of

__all__ = ["plain_value"]

_PLAIN: Final = (type(None), bool, int, str)


def plain_value(value: Any) -> Any:
    """Return a value as numbers, texts, lists and objects.

    Decimals are texts, times seconds, members of enumerations their names. Of an object it is the
    public attributes that are set, under ``is`` its class; of an id or amount, what it stands for.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, timedelta):
        return str(Decimal(value // timedelta(microseconds=1)) / 1_000_000)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, NativeEnum):
        return member_label(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {str(plain_value(key)): plain_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item) for item in value]
    found = _attributes(value)
    for only in ("decimal", "value"):
        if only in found:
            return plain_value(found[only])
    return {"is": type(value).__name__} | {name: plain_value(item) for name, item in found.items()}


def _attributes(value: Any) -> dict[str, Any]:
    """Return the public attributes of an object that are set, sorted by their names."""
    if isinstance(value, OrderSizeLimit):  # it shows none, as the reference's does not
        cap = cap_of(value)
        own = {"max_notional": cap.notional, "max_quantity": cap.quantity}
        return {name: its for name, its in own.items() if its is not None}
    found = {name: getattr(value, name) for name in dir(value) if not name.startswith("_")}
    return {name: its for name, its in found.items() if its is not None and not callable(its)}
