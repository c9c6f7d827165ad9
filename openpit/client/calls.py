"""Calls of one command: who waits for which reply, and what becomes of them when none comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openpit.client.answers import EXPECTED
from openpit.errors import WireError
from openpit.router.entries import Call, Raised, overload, unknown
from openpit.router.procedures import WideCall
from openpit.wire import kinds

if TYPE_CHECKING:
    from openpit.client.answers import Check, Read
    from openpit.router.core import RouterCore
    from openpit.router.entries import Reply
    from openpit.router.link import ShardLink
    from openpit.router.procedures import Steps
    from openpit.router.rates import Counted

__all__ = ["CommandCall", "HandleCall", "HandleWideCall"]


class CommandCall(Call):
    """One command to one shard."""

    __slots__ = ("account", "check", "counted", "link", "read")

    is_whole_call = True

    def __init__(
        self,
        link: ShardLink,
        account: int | None,
        packed: bytes,
        read: Read,
        check: Check | None = None,
        counted: Counted | None = None,
    ) -> None:
        # Spelt out, since this is the hot path of one order at a time.
        self.done = False
        self.is_sent = True
        self.value = None
        self.error = None
        self.waiter = None
        self.count = 1
        self.packed = packed
        self.link = link
        self.account = account
        self.read = read
        self.check = check
        self.counted = counted
        self.expected = EXPECTED[read]

    def replied(self, router: RouterCore, link: ShardLink, reply: Reply) -> None:
        if reply[0] == kinds.REJECTED_UNCOUNTED:
            router.give_back(self.counted)
        try:
            value = self.read(link, self.account, reply)
        except Raised as raised:
            self.fail(router, raised.error)
        except WireError:
            raise
        except BaseException as error:  # noqa: BLE001 - of reading it, as deep in a recursion
            self.fail(router, error)
        else:
            self.finish(router, value)

    def replied_run(
        self, router: RouterCore, link: ShardLink, kind: int, seq: int, count: int
    ) -> None:
        self.replied(router, link, (kind, seq, count))

    def lost(self, router: RouterCore, link: ShardLink, *, sent: bool) -> None:
        if not sent:
            router.give_back(self.counted)
        if self.check is not None:
            self.finish(router, self.check.denied(link.number, link.reason))
        elif sent:
            self.fail(router, unknown(link, link.reason))
        else:
            self.fail(router, link.refusal())

    def overloaded(self, router: RouterCore, link: ShardLink) -> None:
        router.give_back(self.counted)
        self.fail(router, overload(router, link))

    def expire(self, router: RouterCore, why: str) -> None:
        link = self.link
        if not self.is_sent:
            link.waiting.remove(self)
            self.overloaded(router, link)
        elif self.check is not None:
            self.finish(router, self.check.denied(link.number, why))
        else:
            self.fail(router, unknown(link, why))

    def abandon(self, router: RouterCore) -> None:
        if not self.done and not self.is_sent:
            self.link.waiting.remove(self)
            router.give_back(self.counted)
        super().abandon(router)


class HandleCall(CommandCall):
    """One command about a proxy, which is closed; it is open again if nothing was sent."""

    __slots__ = ("proxy",)

    proxy: Any

    def lost(self, router: RouterCore, link: ShardLink, *, sent: bool) -> None:
        if not sent:
            self.proxy.reopen()
        super().lost(router, link, sent=sent)

    def overloaded(self, router: RouterCore, link: ShardLink) -> None:
        self.proxy.reopen()
        super().overloaded(router, link)

    def abandon(self, router: RouterCore) -> None:
        if not self.done and not self.is_sent:
            self.proxy.reopen()
        super().abandon(router)


class HandleWideCall(WideCall):
    """The main stage of a request without account id; it is open again if this never began."""

    __slots__ = ("proxy",)

    def __init__(self, steps: Steps, proxy: Any, check: Check) -> None:
        super().__init__(steps, deny=check.denied)
        self.proxy = proxy

    def overloaded(self, router: RouterCore, link: ShardLink) -> None:
        self.proxy.reopen()
        super().overloaded(router, link)

    def abandon(self, router: RouterCore) -> None:
        if not self.done and not self.is_sent:
            self.proxy.reopen()
        super().abandon(router)
