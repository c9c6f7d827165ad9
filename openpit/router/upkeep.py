"""Commands of the router's own: a shard's start and end, quotes, and what nobody holds any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.errors import ShardStartError, WireError
from openpit.router.answers import read_value
from openpit.router.calls import Call, CommandCall, Entry
from openpit.router.lifecycle import ShardEvent
from openpit.wire import kinds

if TYPE_CHECKING:
    from openpit.router.core import RouterCore
    from openpit.router.link import ShardLink

__all__ = ["Close", "Drop", "Goodbye", "Quote", "Start"]

Reply = tuple[Any, ...]


class Unattended(Entry):
    """One command whose reply says only that it is done."""

    __slots__ = ()

    def __init__(self) -> None:
        self.is_sent = True
        self.count = 1

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        if reply[0] != kinds.DONE:
            raise WireError(f"not a reply to this command: {reply!r:.200}")

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
        """End with the shard: there is nobody to tell."""


class Quote(Unattended):
    """A change of market data."""

    __slots__ = ()


class Drop(Unattended):
    """Handles that nobody holds any more."""

    __slots__ = ()

    holds_up_all = True

    def replied(self, core: RouterCore, link: ShardLink, reply: Reply) -> None:
        super().replied(core, link, reply)
        core.settled()

    def lost(self, core: RouterCore, link: ShardLink, *, sent: bool) -> None:
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
