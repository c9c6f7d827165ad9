"""The latest replies of a shard that has a journal: kept for callers to whom they were lost.

More than can be in flight to one shard; they are in its snapshots, and a replay has them again.
"""

from __future__ import annotations

from collections import deque
from itertools import islice, repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openpit.shards.unacknowledged import Unacknowledged, is_of_before
from openpit.wire import kinds
from openpit.wire.fates import Fate
from openpit.wire.frames import EPOCH_COMMANDS, NAME, Op, body_of, head_of, messages_of, reply_in
from openpit.wire.runs import each_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from openpit.shards.answering import Reply
    from openpit.shards.counts import BatchCounts
    from openpit.shards.held import Held
    from openpit.shards.keys import Keys
    from openpit.wire.frames import Frame

__all__ = ["ANSWER_BYTES", "KeptAnswers", "ToldOutcomes"]

ANSWER_BYTES: Final = 4 * 1024 * 1024
"""Of the replies that are kept: those to 9,216 commands, as many as can be in flight, with some 400
bytes each."""

_OVERHEAD: Final = 64
"""Bytes of a reply beside its own."""

_NO_REPLY: Final = (kinds.DONE, 1)
"""In place of a call's reply, where there is none to tell."""


class KeptAnswer(NamedTuple):
    """What one command was answered."""

    client: int
    op: int
    reply: tuple[Any, ...]


class KeptAnswers:
    """The latest of them; ``ends`` has of each epoch the number behind its last command.

    Beside them those that clients have not ``missed`` yet, as far as anybody knows: of some clients
    there may be older ones.
    """

    __slots__ = ("_bytes", "_ends", "_replies", "missed")

    def __init__(self, ends: Mapping[int, int]) -> None:
        self._ends: Final = ends
        # Each with the number of its first command by its session's own count, if it has one.
        self._replies: deque[tuple[int, Frame]] = deque()
        self._bytes = 0
        self.missed: Final = Unacknowledged()

    def note(self, frame: Frame, reply: Frame) -> None:
        """Keep the replies to a batch, in place of older ones."""
        self._add(self.missed.note(frame, reply), reply)

    def _add(self, own: int, reply: Frame) -> None:
        self._replies.append((own, reply))
        self._bytes += len(reply) + _OVERHEAD
        while self._bytes > ANSWER_BYTES:
            own, oldest = self._replies.popleft()
            self._bytes -= len(oldest) + _OVERHEAD
            if own:
                head = head_of(oldest)
                self.missed.evict(head.client, own + head.commands)

    def export(self) -> list[Frame]:
        """Return all of them, the oldest first."""
        return [reply for _, reply in self._replies]

    def export_own(self) -> tuple[Any, ...]:
        """Return what sessions have to be told by their own counts, and what they have missed."""
        return [own for own, _ in self._replies], self.missed.export()

    def restore(self, replies: Sequence[Frame], own: Sequence[Any] = ()) -> None:
        """Keep those that a snapshot has, and nothing else."""
        numbers, missed = own or (repeat(0, len(replies)), ())
        self._replies.clear()
        self._bytes = 0
        self.missed.restore(missed)
        for number, reply in zip(numbers, replies, strict=True):
            if not is_of_before(reply):
                self._add(number, reply)

    def find_own(self, client: int, number: int) -> tuple[int, KeptAnswer] | None:
        """Return what a command of a session's was answered, and its number over all clients."""
        found = self.missed.find(client, number)
        if found is None:
            for own, reply in reversed(self._replies):
                head = head_of(reply) if own else None
                if head and head.client == client and own <= number < own + head.commands:
                    found = number - own, reply
                    break
            else:
                return None
        place, reply = found
        head = head_of(reply)
        _, _, body = reply_in(reply, reply[NAME])
        return head.first + place, KeptAnswer(client, head.op, _nth(body, place))

    def find(self, number: int) -> KeptAnswer | None:
        """Return what a command of a number was answered; None where that is not kept."""
        for _, reply in reversed(self._replies):
            head = head_of(reply)
            if head.first <= number < head.first + head.commands:
                if head.op != Op.MESSAGES:
                    return KeptAnswer(head.client, head.op, ())
                _, _, body = reply_in(reply, reply[NAME])
                return KeptAnswer(head.client, head.op, _nth(body, number - head.first))
        return None

    def has_had(self, number: int, now: int) -> bool:
        """Tell whether a command of a number has come before the one of the number ``now``."""
        epoch = number // EPOCH_COMMANDS
        return number < (now if epoch == now // EPOCH_COMMANDS else self._ends.get(epoch, 0))


def _nth(body: bytes, place: int) -> tuple[Any, ...]:
    """Return the reply to the command at a place of a batch."""
    return next(islice(each_of(messages_of(body)), place, None))


class ToldOutcomes:
    """Tells what became of calls; ``kept`` is there where there is a journal."""

    __slots__ = ("_counts", "_held", "_keys", "_shard", "kept")

    def __init__(self, shard: int, keys: Keys, held: Held, counts: BatchCounts) -> None:
        self._shard: Final = shard
        self._keys: Final = keys
        self._held: Final = held
        self._counts: Final = counts
        self.kept: KeptAnswers | None = None

    def reply(self, client: int, seq: int, command: Any, now: int) -> Reply:
        """Return the reply that tells it of a call of a client's: by its key, or its number.

        Raises:
            ValueError: the number is another client's, or none that a command has had.
        """
        _, account, number, key, age = command
        if key:
            known = self._keys.find(account, key, now)
            if known is None:
                is_long_ago = age >= self._keys.window or self._keys.had(account, key, now)
                return _untold(Fate.TOO_OLD if is_long_ago else Fate.NEVER)
            (reply,) = messages_of(body_of([known.reply], 1))
            return self._told(client, known.number, reply)
        if self._counts.has_own and self.kept is not None:
            return self._of_session(self.kept, client, number)
        if number >= seq:
            raise ValueError(f"shard {self._shard} has had no command {number}")
        if self.kept is None:
            return _untold(Fate.NOT_KEPT)
        found = self.kept.find(number)
        if found is None:
            return _untold(Fate.TOO_OLD if self.kept.has_had(number, seq) else Fate.NEVER)
        if found.client != client:
            raise ValueError(f"command {number} of shard {self._shard} is another client's")
        return self._told(client, number, found.reply) if found.reply else _untold(Fate.NEVER)

    def _of_session(self, kept: KeptAnswers, client: int, number: int) -> Reply:
        """Return the reply that tells it by a session's own count."""
        found = kept.find_own(client, number)
        if found is None:
            return _untold(kept.missed.fate(client, number))
        over_all, answer = found
        return self._told(client, over_all, answer.reply)

    def missed(self, client: int | None, command: Any, opened: Collection[int]) -> Reply:
        """Return the reply that tells a client which answers it has missed."""
        if self.kept is None:
            return kinds.MISSED, 0, True, ()
        _, _, after, before = command
        return self.kept.missed.told(client or 0, after, before, opened)

    @property
    def clients(self) -> tuple[int, ...]:
        """The numbers of the clients that have something open, or may have missed answers."""
        missed = () if self.kept is None else self.kept.missed.clients
        return tuple(dict.fromkeys((*self._held.clients, *missed)))

    def _told(self, client: int, number: int, reply: tuple[Any, ...]) -> Reply:
        return kinds.OUTCOME, Fate.APPLIED, number, number in self._held.of(client), reply


def _untold(fate: int) -> Reply:
    return kinds.OUTCOME, fate, 0, False, _NO_REPLY
