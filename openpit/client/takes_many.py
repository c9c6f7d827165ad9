"""What takes the replies to many of its orders at once, where these are alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = ["TakesMany"]


class TakesMany:
    """An entry that makes results of many replies; to any other, each is told by itself."""

    __slots__ = ()

    def rejected_alike(self, seq: int, numbers: Sequence[int], reject: Sequence[Any]) -> None:
        """Handle the reply to the orders from one on, as many as there are numbers.

        ``reject`` has the columns of :class:`~openpit.pretrade.alike_rejects.AlikeReject`.
        """
        raise NotImplementedError

    def replied_to_all(self, link: ShardLink, replies: Sequence[Reply]) -> bool:
        """Handle the replies to all of the orders, if they are alike; tell whether that is so."""
        raise NotImplementedError
