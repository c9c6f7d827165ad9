"""Batches of commands to a shard's core, and the replies to them, without a router."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.wire.frames import (
    Op,
    body_of,
    command_frame,
    messages_of,
    name_of,
    pack,
    reply_frame,
    reply_in,
)
from openpit.wire.roles import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NOW", "batch", "replies_in", "replies_to"]

NOW = 1_000


def batch(number: int, first: int, *commands: Any, times: Sequence[int] = (), **head: Any) -> bytes:
    """A batch for a shard, of so many commands as there are, unless the test says otherwise.

    One of a client is one that administers, by the settings as they were at the start.
    """
    body = body_of([pack(command) for command in commands], len(commands)) if commands else b""
    head = {"op": Op.MESSAGES, "count": len(commands), "time": NOW, "body": body} | head
    head.setdefault("role", Role.ADMIN if head.get("client") else Role.ROUTER)
    return command_frame(number, head.pop("op"), first, head.pop("count"), times=times, **head)


def replies_to(command: bytes, *replies: Any, flags: int = 0) -> bytes:
    """The frame of replies that is the right answer."""
    return reply_frame(command, pack(replies) if replies else b"", flags=flags)


def replies_in(command: bytes, data: bytes) -> tuple[int, list[tuple[Any, ...]]]:
    """The flags and the replies of the one frame that answers a batch, all of which counted."""
    flags, uncounted, body = reply_in(data, name_of(command))
    assert not uncounted
    return flags, list(messages_of(body)) if body else []
