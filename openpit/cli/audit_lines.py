"""What a journal tells, as JSON lines: who was refused when and why, and by which limits.

::

    {"kind":"order","time":71000000,"at":"2026-11-28T16:40:00.000071Z","shard":0,"record":7,
     "session":0,"order":3,"account":42,"accepted":true,"rejects":[]}

(on one line). From ``order`` on, the line of an order is that of ``openpit replay --out``: see
:mod:`openpit.cli.decisions`. Lines come in the order of their times; of one time, by their shards.
"""

from __future__ import annotations

import json
import re
from heapq import merge
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.cli.decisions import accepted_line, rejected_line
from openpit.cli.plain_values import plain_value
from openpit.engine.answers import Recorded, Started
from openpit.engine.inspection import settings_of
from openpit.limits.account_names import NO_NAMES
from openpit.pretrade.codes import ACCOUNT
from openpit.pretrade.effects import Effects
from openpit.pretrade.rejects import new_reject
from openpit.shards.administration import REMARKS
from openpit.shards.counts import asked_of
from openpit.wire import kinds
from openpit.wire.flat_rows import read_block
from openpit.wire.frames import CAUSES, Flag, Op
from openpit.wire.roles import OF_METHOD, Role
from openpit.wire.values import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from openpit.faces.past import Life, Past
    from openpit.limits.account_names import AccountNames
    from openpit.pretrade.rejects import AccountBlock, Reject
    from openpit.shards.past import PastBatch, PastShard
    from openpit.shards.watched_scope import Done

__all__ = ["AuditEntry", "AuditLines"]

ORDER: Final = "order"
DROP_COPY: Final = "drop copy"
ADJUSTMENT: Final = "adjustment"
REPORT: Final = "report"
BLOCK: Final = "block"
CHANGE: Final = "change"
REMARK: Final = "remark"
LIMITS: Final = "limits"
START: Final = "start"
SKIPPED: Final = "skipped"

_ORDERS: Final = frozenset(
    {kinds.EXECUTE, kinds.EXECUTE_COUNTED, kinds.EXECUTE_WHOLE, kinds.EXECUTE_REQUEST}
)
_REPORTS: Final = frozenset({kinds.REPORT, kinds.REPORT_WHOLE})
_ASKS: Final = frozenset({"can_register", "can_unregister"})
_BY_ACCOUNTS: Final = frozenset({"register_group", "unregister_group"})
"""Methods without an account of which each shard has those of its own."""

_CAUSES: Final = {
    Flag.FINALIZER_FAILED: "a commit or rollback has failed",
    Flag.UNATTRIBUTED_REPORT: "a report without account has blocked",
}


class AuditEntry(NamedTuple):
    """One line, but for its order's number.

    ``rejects`` are those of a decision, None where the line is none; then ``account`` may be None.
    """

    kind: str
    time: int
    shard: int | None = None
    record: int | None = None
    session: int | None = None
    epoch: int = 0
    account: int | None = None
    rejects: Sequence[Reject] | None = None
    more: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it


class AuditLines:
    """Makes lines of what the shards of a past are told.

    ``is_plain``: decisions of orders alone, byte for byte as a replay writes them. ``account``:
    lines of one account alone, its orders' numbers those that they have among all. ``names`` are
    told beside the numbers of accounts that have some.
    """

    def __init__(
        self,
        past: Past,
        *,
        is_plain: bool = False,
        account: int | None = None,
        names: AccountNames = NO_NAMES,
    ) -> None:
        self._past: Final = past
        self._is_plain: Final = is_plain
        self._account: Final = account
        self._names: Final = names
        self.orders = 0
        self.rejected = 0

    def __iter__(self) -> Iterator[str]:
        """Tell the shards their past; yield each line, with its end.

        Raises:
            Exception: as :meth:`openpit.shards.past.PastShard.tell`; what was yielded before holds.
        """
        shards = [_entries_of(number, shard) for number, shard in enumerate(self._past.shards)]
        lives = (_start(life) for life in self._past.lives)
        for _, entry in merge(_in_order(lives), *map(_in_order, shards), key=_time_of):
            line = self._line(entry)
            if line is not None:
                yield line

    def _line(self, entry: AuditEntry) -> str | None:
        number = 0
        if entry.kind == ORDER:
            number = self.orders = self.orders + 1
            self.rejected += bool(entry.rejects)
        if self._account is not None and entry.account != self._account:
            return None
        if self._is_plain:
            return _decision(entry, number) if number else None
        head = _json(self._head(entry))
        if entry.rejects is None:
            return head + "\n"
        tail = _decision(entry, number)
        if not number:
            tail = tail.replace('"order":0,', "", 1)
        return f"{head[:-1]},{tail[1:]}"

    def _head(self, entry: AuditEntry) -> dict[str, Any]:
        day = self._past.day_of(entry.time)
        found: dict[str, Any] = {"kind": entry.kind, "time": entry.time}
        if day is not None:
            found["at"] = day.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if entry.shard is not None:
            found |= {"shard": entry.shard, "record": entry.record, "session": entry.session}
            known = self._past.session(entry.epoch, entry.session) if entry.session else None
            if known is not None:
                found["name"], found["user"] = known
        if entry.rejects is None and entry.account is not None:
            found["account"] = entry.account
        name = self._names.of(entry.account)
        if name is not None:
            found["account_name"] = name
        return found | entry.more


_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _decision(entry: AuditEntry, number: int) -> str:
    account = "null" if entry.account is None else str(entry.account)
    if entry.rejects or "raised" in entry.more:
        return rejected_line(number, account, entry.rejects or ())
    return accepted_line(number, account)


def _time_of(timed: tuple[int, AuditEntry]) -> int:
    return timed[0]


def _in_order(entries: Iterator[AuditEntry]) -> Iterator[tuple[int, AuditEntry]]:
    """Yield entries with the times that order them: a program's own clock may go back."""
    latest = None
    for entry in entries:
        latest = entry.time if latest is None else max(latest, entry.time)
        yield latest, entry


def _start(life: Life) -> AuditEntry:
    made = {name: life.made.get(name) for name in ("openpit", "python", "shards")}
    if life.said:
        made["carried over"] = [*life.said]
    return AuditEntry(START, life.time, more={"what": f"start {life.epoch + 1}", "detail": made})


def _entries_of(number: int, shard: PastShard) -> Iterator[AuditEntry]:
    """Tell a shard its past; yield what there is to say of each batch."""
    shard.begin(whole=True)
    if not number:
        yield AuditEntry(LIMITS, shard.latest, more={"detail": settings_of(shard.core.engine)})
    for batch in shard.tell():
        yield from _BatchLines(number, shard, batch).entries()


class _BatchLines:
    """One batch: what its commands have come to."""

    def __init__(self, number: int, shard: PastShard, batch: PastBatch) -> None:
        self._shard: Final = shard
        self._batch: Final = batch
        self._number: Final = number

    def _entry(self, kind: str, time: int, **fields: Any) -> AuditEntry:
        batch = self._batch
        return AuditEntry(
            kind, time, self._number, batch.record, batch.client, batch.epoch, **fields
        )

    def entries(self) -> Iterator[AuditEntry]:
        """Yield the lines."""
        batch = self._batch
        changed = None
        messages = iter(batch.messages)
        for command, time, answer in self._made():
            if command[0] in kinds.ASKING:
                for actor, done in islice(messages, 1):
                    yield from self._of_message(actor, done)
            entry = _ENTRIES.get(command[0], _BatchLines.nothing)(self, command, time, answer)
            if entry is not None:
                yield entry
            yield from self._blocks(command, time, answer)
            if command[0] == kinds.CONFIGURE and self._is_of_all(command):
                changed = time
        if changed is not None:
            settings = settings_of(self._shard.core.engine)
            yield self._entry(LIMITS, changed, more={"detail": settings})
        if batch.op == Op.SKIP:
            yield self._skipped()
        if batch.flags & CAUSES:
            causes = [text for flag, text in _CAUSES.items() if batch.flags & flag]
            yield self._entry(BLOCK, batch.time, more={"what": "engine", "detail": causes})

    def _made(self) -> Iterator[tuple[Any, int, Any]]:
        """Yield commands with their times and answers; of those with a key the ones in them.

        A call that its key has answered again was not made again, and is none of them.
        """
        batch = self._batch
        asked = zip(batch.commands, batch.times, batch.answers, strict=True)
        for number, (command, time, answer) in enumerate(asked, batch.first):
            if answer[0] != kinds.ONCE:
                yield asked_of(command), time, answer
            elif answer[1] == number:
                yield asked_of(command), time, answer[3]

    def _of_message(self, actor: str, done: Sequence[Done]) -> Iterator[AuditEntry]:
        """Yield what an actor has done for a message."""
        for one in done:
            more: dict[str, Any] = {"actor": actor}
            if one.raised is not None:
                more["raised"] = _exception(one.raised)
            if one.what == CHANGE:
                method, arguments = one.detail
                more |= {"what": method, "detail": plain_value(list(arguments))}
            elif one.what == ADJUSTMENT:
                more["detail"] = plain_value(one.detail)
            rejects, blocks = _outcome_of(one)
            kind = ORDER if one.what == "start" else one.what
            is_told = not isinstance(one.answer, Started) and (kind != REPORT or one.raised)
            if is_told:
                yield self._entry(kind, one.time, account=one.account, rejects=rejects, more=more)
            for block in blocks:
                yield self._entry(
                    BLOCK, one.time, account=one.account, rejects=[_as_reject(block)],
                    more={"actor": actor},
                )  # fmt: skip

    def _skipped(self) -> AuditEntry:
        """Return what was left out, as far as its record has it: one of before has nothing."""
        account = None
        more = {"what": "a command that ends its worker"}
        if self._batch.skipped is not None:
            kind, account = self._batch.skipped
            more["detail"] = kinds.COMMANDS[kind].name
        return self._entry(SKIPPED, self._batch.time, account=account, more=more)

    def nothing(self, _command: Any, _time: int, _answer: Any) -> AuditEntry | None:
        """Return no line: no decision, and no change."""
        return None

    def order(self, command: Any, time: int, answer: Any) -> AuditEntry:
        """Return the decision of an order."""
        return self._decided(ORDER, command[1], time, answer)

    def start_stage(self, command: Any, time: int, answer: Any) -> AuditEntry | None:
        """Return the decision of an order that its first stage has ended."""
        if answer[0] == kinds.STARTED:
            return None
        return self.order(command, time, answer)

    def drop_copy(self, command: Any, time: int, answer: Any) -> AuditEntry:
        """Return whether a drop copy was recorded."""
        return self._decided(DROP_COPY, command[1], time, answer)

    def _decided(self, kind: str, account: int | None, time: int, answer: Any) -> AuditEntry:
        rejects = [new_reject(*row) for row in answer[1]] if answer[0] == kinds.REJECTED else ()
        more = _raised(answer)
        return self._entry(kind, time, account=account, rejects=rejects, more=more)

    def adjustment(self, command: Any, time: int, answer: Any) -> AuditEntry:
        """Return what was made of an account's funds, or that it was refused."""
        more = {"detail": plain_value(command[2])} | _raised(answer)
        rejects = [] if more.get("raised") else [new_reject(*row) for row in answer[2]]
        return self._entry(ADJUSTMENT, time, account=command[1], rejects=rejects, more=more)

    def report(self, command: Any, time: int, answer: Any) -> AuditEntry | None:
        """Return that a report has raised: what it comes to else is no decision."""
        more = _raised(answer)
        return self._entry(REPORT, time, account=command[1], more=more) if more else None

    def change(self, command: Any, time: int, answer: Any) -> AuditEntry | None:
        """Return who has changed a limit, a block, a group, a currency, or has halted all."""
        kind, account, method, arguments = command
        if method in REMARKS:
            return self._entry(REMARK, time, account=account, more={"detail": arguments[-1]})
        if kind == kinds.ADMINISTER:
            if OF_METHOD[method] < Role.ADMIN or method in _ASKS:
                return None
            arguments = arguments if account is None else arguments[1:]
        if not self._is_of_all(command):
            return None
        if kind == kinds.CONFIGURE:
            arguments = {name: its for name, its in arguments.items() if its is not None}
        more = {"what": method, "detail": plain_value(arguments)} | _raised(answer)
        return self._entry(CHANGE, time, account=account, more=more)

    def _is_of_all(self, command: Any) -> bool:
        """Tell whether a change is to be told by this shard: of those that all make, by one."""
        _, account, method, _ = command
        return account is not None or method in _BY_ACCOUNTS or not self._number

    def _blocks(self, command: Any, time: int, answer: Any) -> Iterator[AuditEntry]:
        """Yield the blocks that a command has led to, beside its answer's own rejects."""
        for account, block in _blocks_in(command, answer):
            rejects = [_as_reject(block)]
            yield self._entry(BLOCK, time, account=account, rejects=rejects)


def _blocks_in(command: Any, answer: Any) -> list[tuple[int | None, AccountBlock]]:
    account = command[1]
    if answer[0] == kinds.REPORTED:
        return [(account, read_block(row)) for row in answer[1]]
    if answer[0] == kinds.ADJUSTED:
        return [(account, read_block(row)) for row in answer[4]]
    if answer[0] == kinds.RECORDED and answer[4] is not None:
        return [(account, read_block(answer[4]))]
    if command[0] == kinds.CONFIGURE and answer[0] == kinds.ANSWER:
        return list(decode(answer[1]))
    return []


def _outcome_of(done: Done) -> tuple[Sequence[Reject] | None, Sequence[AccountBlock]]:
    """Return the rejects of what an actor has done, None if it is no decision; and the blocks."""
    answer = done.answer
    if done.what == CHANGE:
        return None, ()
    if done.what == REPORT:
        return None, answer[0] if answer else ()
    if answer is None or isinstance(answer, (Effects, Started)):
        return (), ()
    if isinstance(answer, Recorded):
        return (), () if answer.block is None else (answer.block,)
    if done.what == ADJUSTMENT:
        _, rejects, _, blocks = answer
        return rejects, blocks
    return answer, ()


def _as_reject(block: AccountBlock) -> Reject:
    return new_reject(block.code, block.reason, block.details, block.policy, ACCOUNT)


def _raised(answer: Any) -> dict[str, str]:
    """Return what a command has raised, its class and its text; nothing where it has not."""
    if answer[0] != kinds.RAISED:
        return {}
    _, module, name, _, text, _ = answer
    return {"raised": _raised_text(module, name, text)}


def _exception(error: BaseException) -> str:
    return _raised_text(type(error).__module__, type(error).__qualname__, str(error))


def _raised_text(module: str, name: str, text: str) -> str:
    return f"{module}.{name}: {_ADDRESSES.sub(' at 0x', text)}"


_ADDRESSES: Final = re.compile(" at 0x[0-9a-fA-F]+")
"""In texts: another one each time."""


_ENTRIES: Final[dict[int, Callable[[_BatchLines, Any, int, Any], AuditEntry | None]]] = {
    **dict.fromkeys(_ORDERS, _BatchLines.order),
    **dict.fromkeys(_REPORTS, _BatchLines.report),
    kinds.START: _BatchLines.start_stage,
    kinds.DROP_COPY: _BatchLines.drop_copy,
    kinds.ADJUST: _BatchLines.adjustment,
    kinds.ADMINISTER: _BatchLines.change,
    kinds.CONFIGURE: _BatchLines.change,
}
