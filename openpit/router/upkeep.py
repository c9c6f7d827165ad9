"""Commands of the router's own: a shard's start and end, quotes, and what nobody holds any more."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from openpit.errors import ShardStartError, WireError
from openpit.router.answers import read_value
from openpit.router.calls import Call, CommandCall, Entry
from openpit.router.expected import Expected
from openpit.router.lifecycle import ShardEvent
from openpit.wire import kinds
from openpit.wire.frames import pack
from openpit.wire.limits import HANDLES_PER_COMMAND

if TYPE_CHECKING:
    from openpit.router.core import RouterCore
    from openpit.router.link import ShardLink

__all__ = ["Close", "Drop", "Goodbye", "Owed", "Quote", "Start", "let_go", "say_goodbye"]

Reply = tuple[Any, ...]

_DONE: Final = Expected(kinds.ANSWERS[kinds.CLOSE])


class Unattended(Entry):
    """One command whose reply says only that it is done."""

    __slots__ = ()

    expected = _DONE

    def __init__(self) -> None:
        self.is_sent = True
        self.count = 1

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        if reply[0] != kinds.DONE:
            raise WireError(f"not a reply to this command: {reply!r:.200}")

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        """End with the shard: there is nobody to tell."""

    def stalled(self, core: RouterCore, link: ShardLink, why: str) -> None:
        """Wait on: nobody else does."""


class Owed(Unattended):
    """An engine-wide block that was armed while the shard was stalled."""

    __slots__ = ()


class Quote(Unattended):
    """A change of market data."""

    __slots__ = ()


class Drop(Unattended):
    """Handles that nobody holds any more."""

    __slots__ = ("is_settled",)

    def __init__(self) -> None:
        super().__init__()
        self.is_settled = False

    @property
    def holds_up_all(self) -> bool:  # type: ignore[override]  # the base class says it for all
        """Whether calls wait for it."""
        return not self.is_settled

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        super().replied(core, link, reply)
        self._settle(core)

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        self._settle(core)

    def stalled(self, core: RouterCore, link: ShardLink, why: str) -> None:
        self._settle(core)

    def _settle(self, core: RouterCore) -> None:
        if not self.is_settled:
            self.is_settled = True
            core.settled()


class Close(Unattended):
    """The goodbye of one shard."""

    __slots__ = ("_goodbye",)

    def __init__(self, goodbye: Goodbye) -> None:
        super().__init__()
        self._goodbye = goodbye

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        super().replied(core, link, reply)
        link.happen(ShardEvent.ENDED)
        self._goodbye.one_ended(core)

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        self._goodbye.one_ended(core)


class Goodbye(Call):
    """Waits until every shard has ended."""

    __slots__ = ("_open",)

    def __init__(self, shards: int) -> None:
        super().__init__()
        self._open = shards
        self.done = not shards

    def one_ended(self, core: RouterCore) -> None:
        """Take that a shard has ended."""
        self._open -= 1
        if not self._open:
            self.finish(core, None)

    def expire(self, core: RouterCore, why: str) -> None:
        for link in core.links:
            core.lose(link, why)


class Start(CommandCall):
    """The first command: load the engine."""

    __slots__ = ()

    def __init__(self, link: ShardLink) -> None:
        super().__init__(link, None, b"", read_value)

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        if reply[0] == kinds.READY:
            core.encoder.share(reply[2])
            link.happen(ShardEvent.READY)
            self.finish(core, None)
        else:
            self.fail(core, ShardStartError(f"shard {link.number}: {reply[2]}", link.number))

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        self.fail(
            core,
            ShardStartError(
                f"shard {link.number}: {link.why}; what it has to say about that is on stderr "
                '(the main module needs an `if __name__ == "__main__":` around what it does)',
                link.number,
            ),
        )

    def expire(self, core: RouterCore, why: str) -> None:
        self.fail(core, ShardStartError(f"shard {self.link.number}: {why}", self.link.number))


# --- what the core says of its own accord -------------------------------------------------------


def let_go(core: RouterCore) -> None:
    """Tell the shards what nobody holds any more, ahead of anything else.

    A rollback of a custom policy may fail and so block the whole engine. The next call of any
    account must see that, so with custom policies everything waits until it is known.
    """
    core.is_torn = True
    handles: dict[int, list[int]] = {}
    while core.dropped:
        link, handle = core.dropped.popleft()
        handles.setdefault(link.number, []).append(handle)
    for number, listed in handles.items():
        link = core.links[number]
        if link.is_stalled:
            link.owed_drops += listed
            continue
        for start in range(0, len(listed), HANDLES_PER_COMMAND):
            if not link.is_up:
                break
            entry = Drop()
            part = listed[start : start + HANDLES_PER_COMMAND]
            entry.packed = pack((kinds.DROP, None, core._now, part))
            if core.has_custom:
                core._settling += 1
            link.stage(entry)
    core.is_torn = False


def say_goodbye(core: RouterCore, now: int) -> Goodbye:
    """Have every shard end, when it has answered what was sent before."""
    goodbye = Goodbye(sum(link.is_up for link in core.links))
    for link in core.links:
        was_up, was_stalled = link.is_up, link.is_stalled
        link.happen(ShardEvent.CLOSE)
        if was_stalled:  # not waited for again
            link.why = None
            for entry, was_sent in link.forget():
                entry.lost(core, link, sent=was_sent)
        waiting, link.waiting = link.waiting, deque()
        for entry in waiting:
            entry.lost(core, link, sent=False)
        if was_up:
            close = Close(goodbye)
            close.packed = pack((kinds.CLOSE, None, now))
            link.stage(close)
    return goodbye
