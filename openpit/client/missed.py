"""The answers that a client's former life has missed: asked for, and told as its calls would have.

A program that died with calls in flight has no error to ask by. Its shards have what it had asked,
and what they answered, until a later call of its has acknowledged that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from openpit.client.answers import READS
from openpit.client.expected import questions_to
from openpit.client.outcome import result_of
from openpit.core.opaque import Opaque
from openpit.core.order import new_order
from openpit.engine.batches import failure_of
from openpit.errors import WireError
from openpit.param.ids import new_account_id
from openpit.router.calls import Raised
from openpit.wire import kinds
from openpit.wire.decimal_texts import ASSETS, SIGNED, UNSIGNED
from openpit.wire.failures import read_failure
from openpit.wire.flat_rows import SIDES, read_report
from openpit.wire.frames import body_of, messages_of
from openpit.wire.replies import check_replies
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openpit.client.left_open import LeftOpen
    from openpit.param.ids import AccountId
    from openpit.router.procedures import Steps
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink

__all__ = ["MissedAnswer", "MissedAnswers", "ask_missed", "taken"]

Found: TypeAlias = "tuple[ShardLink, int, list[tuple[Any, ...]]]"
"""A shard, of how many commands its answers are not kept any more, and the rows of the others."""

_ORDER: Final = "order", "order"
_REPORT: Final = "report", "report"
_SAID: Final[dict[int, tuple[str, str]]] = {
    kinds.EXECUTE: _ORDER,
    kinds.EXECUTE_COUNTED: _ORDER,
    kinds.EXECUTE_WHOLE: _ORDER,
    kinds.START: ("start stage", "start stage"),
    kinds.EXECUTE_REQUEST: ("main stage", "order"),
    kinds.DROP_COPY: ("drop copy", "drop copy"),
    kinds.COMMIT: ("commit", "value"),
    kinds.ROLLBACK: ("rollback", "value"),
    kinds.COMMIT_MANY: ("commit many", "value"),
    kinds.ROLLBACK_MANY: ("rollback many", "value"),
    kinds.REPORT: _REPORT,
    kinds.REPORT_WHOLE: _REPORT,
    kinds.ADJUST: ("adjustments", "adjustments"),
    kinds.ADMINISTER: ("administration", "value"),
    kinds.CONFIGURE: ("settings", "value"),
    kinds.ASK_ACTOR: ("message", "message"),
}
"""Of each kind of command, what a program calls it, and which answers it has."""


class MissedAnswer(Opaque):
    """An answer that the program may have missed; ``missed_answers()`` of an engine tells them."""

    __module__ = "openpit"
    __slots__ = ("_error", "_result", "_tell", *(
        "account_id", "asked", "batch", "call", "key", "place", "shard", "time",
    ))  # fmt: skip

    _error: BaseException | None
    _result: Any
    _tell: Callable[[], Any] | None
    shard: int
    """That has answered."""
    batch: int
    """The number of the batch that the command was in: they rise from call to call on a shard."""
    place: int
    """Of the command in its batch, from 0 on."""
    time: int
    """Of the engine's clock, in nanoseconds, at which the call was made."""
    account_id: AccountId | None
    """The call's account; None where it had none, or lists handles."""
    call: str
    """What was called: ``"order"``, ``"start stage"``, ``"main stage"``, ``"drop copy"``,
    ``"commit"``, ``"rollback"``, ``"commit many"``, ``"rollback many"``, ``"report"``,
    ``"adjustments"``, ``"administration"``, ``"settings"`` or ``"message"``."""
    asked: Any
    """A copy of the order, the report, the list of adjustments or the message; None of other calls,
    and where its class is not to be had here."""
    key: bytes | None
    """That the call had, in UTF-8 if it was a text."""

    @property
    def result(self) -> Any:
        """What the call would have returned; a reservation in it as it was when it was asked.

        It is made when it is looked at first, and is the same from then on. What is open in it
        stays so until ``open_reservations()`` is called or the grace is over. From then on it is as
        ever: it rolls back when nobody holds it any more, neither this object nor that list.

        Raises:
            Exception: what the call would have raised.
        """
        tell, self._tell = self._tell, None
        if tell is not None:
            try:
                self._result = tell()
            except Raised as raised:
                self._error = raised.error
        if self._error is not None:
            raise self._error
        return self._result

    def __repr__(self) -> str:
        whose = "" if self.account_id is None else f" of account {self.account_id.value}"
        where = f"shard {self.shard}, batch {self.batch}, place {self.place}"
        return f"MissedAnswer({self.call}{whose}: {where})"


class MissedAnswers(list[MissedAnswer]):
    """The answers that a program may have missed: shard by shard, in the order of its calls."""

    __module__ = "openpit"
    __slots__ = ("forgotten",)

    forgotten: int
    """Calls that were answered, too, and whose answers are not kept any more."""


def ask_missed(router: Router, now: int, before: Mapping[int, int]) -> Steps:
    """Ask all shards that answer for the answers that were missed; changes nothing but that."""
    found: list[Found] = []
    for number, end in before.items():
        link, after = router.links[number], 0
        rows: list[tuple[Any, ...]] = []
        while link.is_up:
            asked = (kinds.ASK_MISSED, None, after, end)
            (answer,) = yield now, questions_to([link], asked)
            if answer is None:
                break
            _, forgotten, is_all, more = _missed_in(link, answer[1])
            rows += more
            if is_all or not more:
                found.append((link, forgotten, rows))
                break
            last = more[-1][0] + more[-1][1]
            if last <= after:
                raise WireError(f"missed answers that begin again: {last} comes behind {after}")
            after = last
    return found


def _missed_in(link: ShardLink, reply: tuple[Any, ...]) -> tuple[Any, ...]:
    if reply[0] == kinds.MISSED:
        return reply
    raise Raised(read_failure(reply[1:], link.number))


def taken(left: LeftOpen, found: list[Found]) -> MissedAnswers:
    """Return what was found: once, whoever else has asked meanwhile."""
    answers = MissedAnswers()
    answers.forgotten = 0
    for link, forgotten, rows in found:
        if left.missed.pop(link.number, None) is not None:
            answers.forgotten += forgotten
            answers += [_answer(link, left, *row) for row in rows]
    return answers


def _answer(
    link: ShardLink,
    left: LeftOpen,
    batch: int,
    place: int,
    number: int,
    is_open: bool,  # noqa: FBT001 - a row's column
    time: int,
    asked: bytes,
    reply: bytes,
) -> MissedAnswer:
    """Return what a row tells.

    Raises:
        WireError: it is none.
    """
    self: MissedAnswer = object.__new__(MissedAnswer)
    command, told = _message(asked), _message(reply)
    check_replies((told,))
    self.key = None
    if _is_of(kinds.KEYED, command):
        _, _, self.key, command = command
    if told[0] == kinds.ONCE:
        _, number, _, told = told
    kind = command[0] if command else None
    if kind not in _SAID or not _is_of(kind, command) or told[0] not in kinds.ANSWERS[kind]:
        raise WireError(f"not a call and its answer: {command!r:.100}, {told!r:.100}")
    account = command[1]
    self.shard, self.batch, self.place, self.time = link.number, batch, place, time
    self.account_id = None if account is None else new_account_id(account)
    self.call, word = _SAID[command[0]]
    self.asked = _asked(command)
    self._result = self._error = None

    def find(link: ShardLink, handle: int) -> Any:
        return left.shown.get((link.number, handle))

    def add(handle: Any) -> None:
        left.tell(link, number, handle, is_open=is_open)

    def tell() -> Any:
        if told[0] == kinds.FAILURES:
            raise Raised(_failure_of(self.call, len(command[2]), told[1], link.number))
        read = READS[word]
        return result_of(link, read, account, number, told, find, add, is_open=is_open)

    self._tell = tell
    return self


def _is_of(kind: int, command: tuple[Any, ...]) -> bool:
    """Tell whether a command is of this kind, with the fields of one."""
    try:
        return command[:1] == (kind,) and kinds.conforms(command, kinds.COMMANDS)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return False


def _failure_of(call: str, items: int, failures: Any, shard: int) -> Exception:
    """Return the exception of a call that lists handles, of which some have failed."""
    errors: dict[int, Any] = {
        place: read_failure(tuple(failure), shard) for place, *failure in failures
    }
    results = [None if place in errors else True for place in range(items)]
    return failure_of(call.replace(" ", "_"), results, errors)


_WHOLE: Final = frozenset(
    {kinds.EXECUTE_WHOLE, kinds.START, kinds.DROP_COPY, kinds.REPORT_WHOLE, kinds.ADJUST}
)
_NOT_HERE: Final = (WireError, TypeError, ValueError, LookupError, AttributeError)


def _message(packed: bytes) -> tuple[Any, ...]:
    (message,) = messages_of(body_of([packed], 1))
    return message


def _asked(command: tuple[Any, ...]) -> Any:
    """Return what a call was about, as its program knows it."""
    kind = command[0]
    if kind in {kinds.EXECUTE, kinds.EXECUTE_COUNTED}:
        _, account, underlying, settlement, side, quantity, volume, price = command[:8]
        return new_order(
            ASSETS[underlying],
            ASSETS[settlement],
            account,
            SIDES[side],
            None if quantity is None else UNSIGNED[quantity],
            None if volume is None else UNSIGNED[volume],
            None if price is None else SIGNED[price],
        )
    if kind == kinds.REPORT:
        return read_report(command)
    if kind in _WHOLE:
        try:
            return decode(command[2])
        except _NOT_HERE:  # of a class that this program has not
            return None
    return command[3] if kind == kinds.ASK_ACTOR else None
