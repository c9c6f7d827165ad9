"""A JSON schema of limits files, by which editors complete and check them."""

from __future__ import annotations

from typing import Any, Final

from openpit.limits.first_funds import LIMIT_MODES
from openpit.limits.reading import MAX_GROUP
from openpit.limits.tables import MOST, WINDOW

__all__ = ["schema"]

_TEXT: Final = {"type": "string", "pattern": r"\S"}
_ASSET: Final = _TEXT
_ACCOUNT: Final = {
    "description": "an account's number, or a text that it is reckoned from",
    "anyOf": [{"type": "integer", "minimum": 0, "maximum": MOST}, _TEXT],
}
_AMOUNT: Final = {"description": "a decimal", "type": ["number", "string"]}
_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": MOST}
_WINDOW: Final = {
    "description": 'a length of time such as "250ms", "1s" or "5m"',
    "type": "string",
    "pattern": f"^{WINDOW}$",
}


def _table(description: str, needed: tuple[str, ...] = (), /, **keys: Any) -> dict[str, Any]:
    table = {"description": description, "type": "object", "properties": keys}
    if needed:
        table["required"] = [*needed]
    return table | {"additionalProperties": False}


def _rows(row: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return an array of a barrier's tables, for the one that the keys name."""
    for_one = row | {
        "properties": keys | row["properties"],
        "required": [*keys, *row.get("required", ())],
    }
    return {"type": "array", "items": for_one}


_RATE = _table(
    "at most so many orders in a window",
    ("max_orders", "window"),
    max_orders=_COUNT,
    window=_WINDOW,
)

_SIZE = _table(
    "an order's largest quantity, or quantity times price, or both",
    max_quantity=_AMOUNT,
    max_notional=_AMOUNT,
) | {"anyOf": [{"required": ["max_quantity"]}, {"required": ["max_notional"]}]}

_BOUNDS = _table("realized PnL within bounds", lower_bound=_AMOUNT, upper_bound=_AMOUNT)

_BOUNDS_OF_ACCOUNT = _BOUNDS | {"properties": {**_BOUNDS["properties"], "initial_pnl": _AMOUNT}}

_FUNDS = _table(
    "what an account, or each of a range, has at the start",
    ("asset", "balance"),
    account=_ACCOUNT,
    first_account=_COUNT,
    last_account=_COUNT,
    asset=_ASSET,
    balance=_AMOUNT,
) | {"oneOf": [{"required": ["account"]}, {"required": ["first_account", "last_account"]}]}


def _policy(description: str, **keys: Any) -> dict[str, Any]:
    group = {"type": "integer", "minimum": 0, "maximum": MAX_GROUP}
    return _table(description, **keys, policy_group_id=group)


def schema() -> dict[str, Any]:
    """Return the JSON schema (2020-12) of a limits file.

    It says what :func:`load` does of names, types and ranges. What it cannot say (two rows for the
    same account, an amount with too many digits), :func:`load` alone does.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Limits of openpit-sharded",
        "description": "Each table is a policy; they are asked in the order of the tables.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {
            "order_validation": _policy("an order's fields are there and make sense"),
            "rate_limit": _policy(
                "orders in a window of time",
                broker=_RATE,
                asset=_rows(_RATE, settlement_asset=_ASSET),
                account=_rows(_RATE, account=_ACCOUNT),
                account_asset=_rows(_RATE, account=_ACCOUNT, settlement_asset=_ASSET),
            ),
            "order_size_limit": _policy(
                "the size of an order",
                broker=_SIZE,
                asset=_rows(_SIZE, asset=_ASSET),
                account_asset=_rows(_SIZE, account=_ACCOUNT, asset=_ASSET),
            ),
            "pnl_bounds_killswitch": _policy(
                "realized PnL, outside whose bounds an account is blocked",
                broker=_rows(_BOUNDS, settlement_asset=_ASSET),
                account=_rows(_BOUNDS_OF_ACCOUNT, account=_ACCOUNT, settlement_asset=_ASSET),
            ),
            "spot_funds": _policy(
                "no order without the funds for it",
                limit_mode={"enum": [*LIMIT_MODES]},
                account_currency=_ASSET,
                position_limit=_rows(
                    _table("the largest position", ("limit",), limit=_AMOUNT),
                    account=_ACCOUNT,
                    asset=_ASSET,
                ),
                funds={"type": "array", "items": _FUNDS},
            ),
        },
    }
