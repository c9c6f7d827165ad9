"""Which call it was whose answer is lost: what its error or its denial has to ask for it later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.errors import OutcomeUnknown, SentCall
from openpit.pretrade.rejects import Reject

if TYPE_CHECKING:
    from openpit.router.shard_link import Entry, ShardLink

__all__ = ["Unanswered", "lost_call", "sent_call"]

_NOT_ONE: Final = "it spans shards: ask for what it was to change"


class Unanswered(list[Reject]):
    """The rejects of an order that was on its way to its shard, and may have been checked."""

    call: SentCall


def sent_call(
    link: ShardLink,
    entry: Entry,
    what: str | None,
    account: int | None,
    *,
    key: bytes = b"",
    place: int = 0,
) -> SentCall | None:
    """Return which call an entry was that is on its way; None where nobody can ask for it."""
    if what is None:
        return None
    lasting = link.lasting
    number = None if lasting is None else lasting + entry.first + place
    return SentCall(what, link.number, number, account, key, entry.now, 0, link.session)


def lost_call(lost: object) -> SentCall:
    """Return which call it was that an error or a denied result is of.

    Raises:
        TypeError: it is neither.
        ValueError: it is of a call whose answer is not lost.
        OutcomeUnknown: the error is of no single shard.
    """
    if isinstance(lost, OutcomeUnknown):
        if lost.call is None:
            raise OutcomeUnknown(f"shard {lost.shard}: {_NOT_ONE}", lost.shard)
        return lost.call
    rejects: Any = getattr(lost, "_rejects", None)
    if rejects is None:
        raise TypeError(f"an OutcomeUnknown or a denied result, not {type(lost).__name__}")
    if not isinstance(rejects, Unanswered):
        raise ValueError("the call has its answer: it was checked, or never sent")  # noqa: TRY004 - the class is right
    return rejects.call
