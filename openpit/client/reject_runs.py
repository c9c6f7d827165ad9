"""What takes the reply to several of its orders at once that were rejected alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["TakesRejectRuns"]


class TakesRejectRuns:
    """An entry that makes results of a run of rejects; to any other, each is told by itself."""

    __slots__ = ()

    def rejected_alike(self, seq: int, numbers: Sequence[int], reject: Sequence[Any]) -> None:
        """Handle the reply to the orders from one on, as many as there are numbers.

        ``reject`` has the columns of :class:`~openpit.pretrade.alike_rejects.AlikeReject`.
        """
        raise NotImplementedError
