"""How a message is refused: by which other message, for which of its reasons, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fix_gateway.orders import ClientOrder

__all__ = [
    "BUSINESS_REJECT",
    "CANCEL_REJECT",
    "DONT_KNOW",
    "ORDER_REJECT",
    "SESSION_REJECT",
    "RefusedError",
]

# MsgTypes (35) of the messages that refuse another.
SESSION_REJECT: Final = b"3"
BUSINESS_REJECT: Final = b"j"
ORDER_REJECT: Final = b"8"
CANCEL_REJECT: Final = b"9"
DONT_KNOW: Final = b"Q"


class RefusedError(Exception):
    """A message is refused, and has changed nothing.

    ``kind`` is the MsgType of what refuses it and ``reason`` one of that message's own. ``tag`` is
    the field that a session's reject is about, ``order`` the one that a cancel request is about.
    """

    def __init__(
        self,
        kind: bytes,
        reason: int | str,
        text: str,
        tag: int | None = None,
        order: ClientOrder | None = None,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.reason = reason
        self.text = text
        self.tag = tag
        self.order = order
