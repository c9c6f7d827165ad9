"""What stands between connections and the actor: routes messages by account, numbers the answers.

A connection's own business (logon, heartbeats, resending what was missed) is not here.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol

from fix_gateway import replies
from fix_gateway.fields import fields_of
from fix_gateway.frames import MOST_BYTES, SOH, cut, framed, header_of
from fix_gateway.refusals import BUSINESS_REJECT, RefusedError
from openpit import SomeItemsFailed
from openpit.param import AccountId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fix_gateway.frames import Header

__all__ = ["ACTOR", "AskingEngine", "Session"]

ACTOR: Final = "fix"

MOST_ANSWER_BYTES: Final = 2 * MOST_BYTES
"""A message that is passed on says in whose name and gets an id: a little longer than it came."""

_ACCOUNT: Final = b"\x011="


class AskingEngine(Protocol):
    """What the session asks of an engine with the actor: embedded, or a server's client."""

    def ask_many(
        self, name: str, messages: Sequence[tuple[AccountId, bytes, int]]
    ) -> list[bytes | None]:
        """Have the actor receive messages; answers in their order."""


class Session:
    """Hands messages to the actor; its answers are numbered for each of those whom they go to."""

    def __init__(self, engine: AskingEngine) -> None:
        self._engine = engine
        self._numbers: Counter[bytes] = Counter()

    def handle(self, messages: Sequence[bytes]) -> list[bytes]:
        """Return what is to be sent for each of some messages: none, one or two messages.

        The answers have the SendingTime of what they answer, so that a recorded day gives the same
        bytes again; a live session would have its clock's.

        Raises:
            GarbledError: one is not whole; none is handed on.
        """
        headers = [header_of(message) for message in messages]
        answers: list[bytes | None] = [None] * len(messages)
        asked: list[tuple[AccountId, bytes, int]] = []
        places: list[int] = []
        for place, (header, message) in enumerate(zip(headers, messages, strict=True)):
            try:
                account_id = _account_of(message)
            except RefusedError as refused:
                answers[place] = replies.refusal(header, refused)
            else:
                # Rates that span accounts are counted by the order: a D has one checked, at most.
                asked.append((account_id, message, int(header.kind == b"D")))
                places.append(place)
        for place, answer in zip(places, self._ask(asked, headers, places), strict=True):
            answers[place] = answer
        return [
            b"" if answer is None else self._numbered(answer, header)
            for header, answer in zip(headers, answers, strict=True)
        ]

    def _ask(
        self,
        asked: Sequence[tuple[AccountId, bytes, int]],
        headers: Sequence[Header],
        places: Sequence[int],
    ) -> list[bytes | None]:
        """Return the actor's answers; where it has failed, that the application is not there."""
        try:
            return self._engine.ask_many(ACTOR, asked)
        except SomeItemsFailed as failed:
            answers: list[bytes | None] = failed.results
            for index, error in failed.failures.items():
                text = f"{type(error).__name__}: {error}"
                refused = RefusedError(BUSINESS_REJECT, 4, text)
                answers[index] = replies.refusal(headers[places[index]], refused)
            return answers

    def _numbered(self, answer: bytes, header: Header) -> bytes:
        """Return the messages of an answer with MsgSeqNum (34) and SendingTime (52)."""
        return b"".join(
            self._stamped(message, header.time)
            for _, message in cut(answer, MOST_ANSWER_BYTES)
            if isinstance(message, bytes)
        )

    def _stamped(self, message: bytes, time: bytes) -> bytes:
        _begin, _length, kind, sender, target, body = message.split(SOH, 5)
        body = body[: body.rindex(b"10=")]
        self._numbers[target] += 1
        number = self._numbers[target]
        head = b"%b\x01%b\x01%b\x0134=%d\x01" % (kind, sender, target, number)
        if time:
            head += b"52=%b\x01" % time
        return framed(head + body)


def _account_of(message: bytes) -> AccountId:
    """Return whose a message is; RefusedError if it does not say.

    Splitting it into all its fields is the actor's work, which finds a text that is no field.
    """
    if message.count(_ACCOUNT) == 1:
        begin = message.index(_ACCOUNT) + len(_ACCOUNT)
        name = message[begin : message.index(SOH, begin)]
        if name.isascii() and name.strip():
            return AccountId.from_string(name.decode("ascii"))
    return AccountId.from_string(fields_of(message).needed(1))
