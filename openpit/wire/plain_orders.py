"""Plain orders as they arrive: read, and checked against the table of messages, in one go.

For the many frames that hold nothing but orders in flat rows. What else there is, is read by
:func:`~openpit.wire.frames.messages_of`, and looked at one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import Meta
from msgspec.msgpack import Decoder

from openpit.param.enums import Side
from openpit.wire.checks import is_number, is_text
from openpit.wire.frames import FIRST_KIND, FIRST_KIND_OF_MANY, SHORT_ARRAY
from openpit.wire.kinds import COMMANDS, EXECUTE, EXECUTE_COUNTED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.wire.checks import Check

__all__ = ["PLAIN_ORDERS", "plain_orders"]

PLAIN_ORDERS: Final = frozenset({EXECUTE, EXECUTE_COUNTED})
"""The commands that carry an order in a flat row."""

_COLUMNS: Final[dict[Check, Any]] = {is_number: Annotated[int, Meta(ge=0)], is_text: str}


def _row_of(kind: int) -> Any:
    """Return the type of a row, as the table has it; a side's text is the side."""
    columns: list[Any] = [Literal[kind]]
    for field in COMMANDS[kind].fields:
        column = Side if field.name == "side" else _COLUMNS[field.check]
        columns.append(column | None if field.optional else column)
    return tuple[tuple(columns)]  # type: ignore[misc]  # made of the table


_ROWS: Final = {kind: _row_of(kind) for kind in PLAIN_ORDERS}

_READERS: Final[dict[int, Callable[[bytes], list[tuple[Any, ...]]]]] = {
    kind: Decoder(list[_ROWS[kind]]).decode  # type: ignore[valid-type]  # made of the table
    for kind in PLAIN_ORDERS
}


def plain_orders(body: bytes, count: int) -> Sequence[tuple[Any, ...]] | None:
    """Return the orders of a body, all of one kind; None where it holds anything else.

    ``count`` is how many messages it should hold.
    """
    try:
        return _READERS[body[FIRST_KIND if count < SHORT_ARRAY else FIRST_KIND_OF_MANY]](body)
    except (LookupError, ValueError):
        return None
