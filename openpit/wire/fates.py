"""What may have become of a call, as its shard tells it later."""

from __future__ import annotations

from typing import Final

__all__ = ["Fate"]


class Fate:
    """Plain numbers, as all that travels."""

    NEVER: Final = 0  # it has not been made, and never is
    APPLIED: Final = 1  # it was made; its answer is told with it
    TOO_OLD: Final = 2  # it was made, or may have been: the answer is not kept any more
    NOT_KEPT: Final = 3  # the shard keeps no answers
