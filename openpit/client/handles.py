"""The caller's handles for what lives in a shard.

A proxy knows by itself whether it is finalised: that takes no round trip. One that is dropped
unfinalised leaves its number in its link's queue, and nothing else: a finaliser can run inside any
lock.

No step between reading ``_open`` and clearing it lets another thread in: it holds no call and no
loop. Two threads cannot both finalise one proxy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from openpit.core.lock import Lock, new_lock
from openpit.pretrade.handles import (
    OPERATION_USED,
    REQUEST_USED,
    RESERVATION_USED,
    DropCopyOperation,
    Reservation,
)
from openpit.pretrade.outcomes import outcomes_of
from openpit.pretrade.start import Request
from openpit.wire.flat_rows import DecodedRows, lock_of, read_block
from openpit.wire.funded import funded_lock, funded_outcomes

if TYPE_CHECKING:
    from openpit.pretrade.narrowed import ExecuteResult
    from openpit.pretrade.outcomes import AccountAdjustmentOutcome
    from openpit.pretrade.rejects import AccountBlock
    from openpit.router.shard_link import ShardLink

__all__ = [
    "BLOCKING",
    "Handles",
    "HeldReservation",
    "LocalReservation",
    "OperationProxy",
    "RequestProxy",
    "Runner",
]


_Row = tuple[Any, ...]


class Handles(NamedTuple):
    """The classes of the handles that a face gives out."""

    local: Any
    held: Any
    operation: Any
    request: Any


class Runner:
    """What a proxy asks of the face that it came from."""

    __slots__ = ()

    def finalize(self, proxy: Any, *, commit: bool) -> Any:
        """Commit or roll back."""
        raise NotImplementedError

    def execute_request(self, proxy: Any) -> Any:
        """Run the main stage."""
        raise NotImplementedError


class LocalReservation(Reservation):
    """The handle of an accepted order that changed nothing in its shard.

    There is nothing to commit and nothing to roll back, so neither needs its shard; but its order
    is only as good as its shard's memory, so a shard that is gone still says so.
    """

    __slots__ = ("_link", "_open")

    _link: ShardLink
    _open: bool

    def finish(self) -> None:
        """Mark the handle as finalised."""
        if not self._open:
            raise RuntimeError(RESERVATION_USED)
        self._open = False
        if not self._link.is_up and not self._link.is_stalled:  # a stalled one has its memory
            raise self._link.refusal()

    def commit(self) -> None:
        self.finish()

    def rollback(self) -> None:
        self.finish()

    @property
    def lock(self) -> Lock:
        if not self._open:
            raise RuntimeError(RESERVATION_USED)
        return new_lock({})

    @property
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        if not self._open:
            raise RuntimeError(RESERVATION_USED)
        return []


class _Held:
    """What both kinds of handles with effects share: where they are, and what they hold."""

    __slots__ = (
        "__weakref__",  # see keyed.py
        "_account",
        "_handle",
        "_is_held",
        "_link",
        "_lock_rows",
        "_open",
        "_outcomes",
    )

    _account: int | None
    _handle: int
    _is_held: bool  # the shard keeps something; otherwise there is only something to look at
    _link: ShardLink
    _lock_rows: _Row | None  # None: both are told by the reply to a plain order of spot funds, ...
    _open: bool
    _outcomes: _Row  # ... which is here

    _used_text: str

    @classmethod
    def _of(
        cls,
        link: ShardLink,
        account: int | None,
        handle: int,
        is_held: bool,  # noqa: FBT001 - a column of the reply
        lock_rows: _Row | None,
        outcomes: _Row,
    ) -> Self:
        self = object.__new__(cls)
        self._open = False  # until it is whole
        self._link = link
        self._account = account
        self._handle = handle
        self._is_held = is_held
        self._lock_rows = lock_rows
        self._outcomes = outcomes
        self._open = True
        return self

    def __del__(self) -> None:
        if self._open and self._is_held:
            self._link.dropped.append((self._link, self._handle))

    def close(self) -> bool:
        """Mark the handle as finalised; return whether the shard has to do anything.

        For what it holds, the router core does this in the same breath as it tells the shard: an
        exception in between would leave it with something that nobody can finalise any more.
        """
        if not self._open:
            raise RuntimeError(self._used_text)
        link = self._link
        if link.is_stalled and self._is_held:
            raise link.refusal()  # and stays open: its shard may answer again
        self._open = False
        if not link.is_up and not link.is_stalled:
            raise link.refusal()
        return self._is_held

    def reopen(self) -> None:
        """Mark the handle as open again: its shard never heard of an end."""
        self._open = True

    def commit(self) -> None:
        if self._is_held:
            self._link.runner.finalize(self, commit=True)
        else:
            self.close()

    def rollback(self) -> None:
        if self._is_held:
            self._link.runner.finalize(self, commit=False)
        else:
            self.close()

    def _check_open(self) -> None:
        if not self._open:
            raise RuntimeError(self._used_text)

    @property
    def lock(self) -> Lock:
        self._check_open()
        rows = self._lock_rows
        return funded_lock(self._outcomes) if rows is None else lock_of(rows)

    @property
    def account_adjustments(self) -> list[AccountAdjustmentOutcome]:
        self._check_open()
        if self._lock_rows is None:
            return outcomes_of(funded_outcomes(self._outcomes))
        return outcomes_of(DecodedRows(self._outcomes))


class HeldReservation(_Held, Reservation):
    """The handle of an accepted order whose effects its shard keeps."""

    __slots__ = ()

    _used_text = RESERVATION_USED


class OperationProxy(_Held, DropCopyOperation):
    """The handle of a recorded order that the venue has already."""

    __slots__ = ("_block", "_is_blocked")

    _block: AccountBlock | None
    _is_blocked: bool
    _used_text = OPERATION_USED

    @classmethod
    def _of(cls, *columns: Any, block: _Row | None = None, is_blocked: bool = False) -> Self:
        self = super()._of(*columns)
        self._block = None if block is None else read_block(block)
        self._is_blocked = is_blocked
        return self

    @property
    def account_block(self) -> AccountBlock | None:
        self._check_open()
        return self._block

    @property
    def is_account_blocked(self) -> bool:
        self._check_open()
        return self._is_blocked


class RequestProxy(Request):
    """An order that passed the start stage and waits in its shard."""

    __slots__ = ("__weakref__", "_account", "_handle", "_link", "_open")

    _account: int | None
    _handle: int
    _link: ShardLink
    _open: bool

    @classmethod
    def _of(cls, link: ShardLink, account: int | None, handle: int) -> RequestProxy:
        self: RequestProxy = object.__new__(cls)
        self._open = True
        self._link = link
        self._account = account
        self._handle = handle
        return self

    def __del__(self) -> None:
        if self._open:
            self._link.dropped.append((self._link, self._handle))

    def close(self) -> None:
        """Mark the request as executed."""
        if not self._open:
            raise RuntimeError(REQUEST_USED)
        self._open = False

    def reopen(self) -> None:
        """Mark the request as open again: its shard never heard of it."""
        self._open = True

    def execute(self) -> ExecuteResult:
        result: ExecuteResult = self._link.runner.execute_request(self)
        return result


BLOCKING: Final = Handles(LocalReservation, HeldReservation, OperationProxy, RequestProxy)
"""The handles of the blocking face."""
