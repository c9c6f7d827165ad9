"""Procedures: calls that ask several shards, step by step.

A procedure is a generator that does no I/O: it yields the questions of a step, and gets the
replies, with None for a shard that was lost meanwhile. What it asks, and what it makes of the
answers, is its maker's affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.errors import FrameTooLarge, WireError
from openpit.router.entries import INTERRUPTED, Call, Entry, Expected, Raised, overload, unknown
from openpit.wire import kinds
from openpit.wire.frames import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from openpit.router.core import RouterCore
    from openpit.router.entries import Reply
    from openpit.router.link import ShardLink

__all__ = ["Ask", "Deny", "Question", "Steps", "WideCall", "arm"]

Question = tuple["ShardLink", tuple[Any, ...], Expected]
"""A shard, the command for it, and what may answer that."""

Steps: TypeAlias = "Generator[list[Question], list[Reply | None], Any]"
"""A procedure: yields the questions of a step, gets their replies (None: the shard is lost)."""

Deny: TypeAlias = "Callable[[int, str], Any]"
"""Makes a check's result of the number of the shard that could not be asked, and why."""

_ARMED: Final = Expected(kinds.ANSWERS[kinds.ARM])


class Ask(Entry):
    """One question of a procedure's step."""

    __slots__ = ("call", "is_over", "kind", "place")

    def __init__(self, call: WideCall, place: int, packed: bytes, question: Question) -> None:
        self.is_sent = True
        self.is_over = False  # the procedure has gone on without the answer
        self.count = 1
        self.packed = packed
        self.call = call
        self.place = place
        _, command, self.expected = question
        self.kind: int = command[0]

    @property
    def holds_up_all(self) -> bool:  # type: ignore[override]  # the base class says it for all
        """Whether it tells of an engine-wide block."""
        return self.kind == kinds.ARM and not self.is_over

    def replied(self, router: RouterCore, link: ShardLink, reply: Reply) -> None:
        # Here and not in the procedure, which goes on when the last shard has answered: the fault
        # is this shard's.
        is_check = self.kind not in _ADMINISTRATIVE
        if (reply[0] in _ADMINISTRATIVE_REPLIES) is is_check and reply[0] != kinds.RAISED:
            raise WireError(f"not a reply to this command: {reply!r:.200}")
        if not self.is_over:
            self.call.answered(router, self.place, reply)

    def lost(self, router: RouterCore, link: ShardLink, *, sent: bool) -> None:
        if not self.is_over:
            self.call.answered(router, self.place, None)

    def stalled(self, router: RouterCore, link: ShardLink, why: str) -> None:
        if self.is_over:
            return
        if self.kind in _ADMINISTRATIVE:
            # The procedure goes on without: what this asks is ahead of all that comes later.
            self.is_over = True
            self.call.answered(router, self.place, None)
        else:  # an order, of which a reservation may come still
            self.call.stalled(router, link, why)


_ADMINISTRATIVE: Final = frozenset({kinds.ADMINISTER, kinds.CONFIGURE, kinds.ARM, kinds.DROP})
_ADMINISTRATIVE_REPLIES: Final = frozenset({kinds.DONE, kinds.ANSWER})


class WideCall(Call):
    """A procedure over several shards, step by step.

    ``deny`` is there if it checks an order: a caller whose time is up then gets what it returns.
    ``is_exclusive`` keeps any other such procedure waiting until this one has ended.
    """

    __slots__ = (
        "_asked",
        "_is_asking",
        "_is_stopped",
        "_missing",
        "_replies",
        "deny",
        "is_exclusive",
        "steps",
    )

    def __init__(
        self, steps: Steps, *, deny: Deny | None = None, is_exclusive: bool = False
    ) -> None:
        super().__init__()
        self.steps = steps
        self.deny = deny
        self.is_exclusive = is_exclusive
        self._asked: list[ShardLink] = []
        self._replies: list[Reply | None] = []
        self._missing = 0
        self._is_asking = False
        self._is_stopped = False

    def advance(self, router: RouterCore, replies: list[Reply | None] | None = None) -> None:
        """Ask the questions of the next steps, until a shard has to answer one."""
        was_torn, router.is_torn = (
            router.is_torn,
            True,
        )  # to stop between two questions is half a step
        self._go_on(router, replies)
        router.is_torn = was_torn

    def _go_on(self, router: RouterCore, replies: list[Reply | None] | None) -> None:
        while True:
            try:
                questions = self.steps.send(replies)  # type: ignore[arg-type]  # None starts it
                packed = [pack(command) for _, command, _ in questions]
            except StopIteration as end:
                self.finish(router, end.value)
                router.ended(self)
                return
            except Raised as raised:
                self.fail(router, raised.error)
                router.ended(self)
                return
            except WireError as error:
                if not isinstance(error, FrameTooLarge):
                    # Only a check gets here: it asks one shard, whose reply was none.
                    self._give_up(
                        router, self._asked[0], f"its worker sent what is no reply: {error}"
                    )
                    router.ended(self)
                    raise
                self.fail(router, error)
                router.ended(self)
                return
            except BaseException as error:  # noqa: BLE001 - on its way to the caller
                self.fail(router, error)
                router.ended(self)
                return
            self._asked = [link for link, _, _ in questions]
            self._replies = replies = [None] * len(questions)
            self._missing = len(questions)
            self._is_asking = True  # a shard that is down answers at once
            for place, question in enumerate(questions):
                router.ask(question[0], Ask(self, place, packed[place], question))
            self._is_asking = False
            if self._missing:
                return

    def answered(self, router: RouterCore, place: int, reply: Reply | None) -> None:
        """Take one answer; go on when it was the last one that was missing."""
        if self._is_stopped:
            return
        self._replies[place] = reply
        self._missing -= 1
        if not self._missing and not self._is_asking:
            self.advance(router, self._replies)

    def expire(self, router: RouterCore, why: str) -> None:
        if router.withdraw(self):
            self.overloaded(router, router.links[0])
            return
        missing = [
            link
            for link, reply in zip(self._asked, self._replies, strict=True)
            if reply is None and (link.is_up or link.is_stalled)
        ]
        self._give_up(router, missing[0] if missing else router.links[0], why)

    def stop(self, router: RouterCore) -> None:
        """End where it stands, and go no step further."""
        self._is_stopped = True
        self._give_up(router, router.links[0], INTERRUPTED)

    def _give_up(self, router: RouterCore, link: ShardLink, why: str) -> None:
        if self.deny is not None:
            self.finish(router, self.deny(link.number, why))
        else:
            self.fail(router, unknown(link, why))

    def overloaded(self, router: RouterCore, link: ShardLink) -> None:
        self.fail(router, overload(router, link))

    def abandon(self, router: RouterCore) -> None:
        if not self.done:
            router.withdraw(self)
        super().abandon(router)


def arm(router: RouterCore, now: int, causes: Reply, deliver: Callable[[], None]) -> Steps:
    """Block the engine on every shard, then deliver the reply that this held up.

    On the one that said so as well: a call that lifts the block may have come there meanwhile, and
    must not find some shards blocked and others not. A shard that is stalled is not waited for: it
    is told first when it answers again, and takes no order until then.
    """
    for link in router.links:
        if link.is_stalled:
            before = link.owed_causes or (False, False)
            link.owed_causes = (before[0] or causes[0], before[1] or causes[1])
    yield [(link, (kinds.ARM, None, now, causes), _ARMED) for link in router.links if link.is_up]
    deliver()
