"""What spans accounts: the procedures behind calls that ask several shards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openpit.client.answers import denial, read_value
from openpit.client.expected import expected, questions_to
from openpit.engine.registry import AccountRegistry
from openpit.errors import AccountGroupRegistrationError
from openpit.router.calls import unknown
from openpit.router.own_commands import Unattended
from openpit.router.procedures import Question
from openpit.wire import kinds
from openpit.wire.frames import pack
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from openpit.client.answers import Check
    from openpit.client.submitting import Submitting
    from openpit.pretrade.rejects import Reject
    from openpit.router.procedures import Steps
    from openpit.router.rates import Counting
    from openpit.router.router import Router
    from openpit.router.shard_link import ShardLink
    from openpit.wire.possible_replies import Reply

__all__ = [
    "administration",
    "ask_one",
    "change_group",
    "check_without_account",
    "everywhere",
    "halt",
    "own_turn",
    "refuse_stalled",
    "values_of",
]


def _unverifiable() -> list[Reject]:
    registry = AccountRegistry()
    registry.anything_blocked = True
    reject = registry.check(None)
    return [] if reject is None else [reject]


UNVERIFIABLE: Final = _unverifiable()
"""The reject of an order without account id while anything is blocked."""


def check_without_account(
    client: Submitting,
    now: int,
    check: Check,
    command: Callable[[], tuple[tuple[Any, ...], Sequence[Counting]]],
    handle: int | None = None,
) -> Steps:
    """Check an order that names no account: nothing may be blocked anywhere; shard 0 decides.

    ``handle`` is the request that is used up, where there is one.
    """
    links = client.router.links

    def denied(rejects: list[Reject]) -> Any:
        if handle is not None:
            client.books.dropped.append((links[0], handle))
        return check.deny(rejects)

    for link in links:
        if not link.is_up:  # what it had blocked is not known any more
            return denied(denial(link.number, link.reason))
    answers = yield now, questions_to(links, administration("anything_blocked"))
    for link, answer in zip(links, answers, strict=True):
        if answer is None:
            return denied(denial(link.number, link.reason))
        if read_value(link, None, *answer):
            return denied(UNVERIFIABLE)
    link = links[0]
    asked, counting = command()
    (answer,) = yield now, [Question(link, pack(asked), expected(asked), counting, is_order=True)]
    if answer is None:
        return check.deny(denial(link.number, link.reason))
    return check.read(link, None, *answer)


def ask_one(
    router: Router, now: int, command: tuple[Any, ...], *, needs_all: bool = False
) -> Generator[Any, Any, tuple[ShardLink, tuple[int, Reply]]]:
    """Ask what all shards know alike: the first one that is up, and the next where that goes.

    Return who has answered, and what. Where what follows ``needs_all``, no other is asked once one
    is stalled.
    """
    for link in router.links:
        if link.is_up:
            (answer,) = yield now, questions_to([link], command)
            if needs_all:
                refuse_stalled(router.links)
            if answer is not None:
                return link, answer
    raise router.links[0].refusal()


def values_of(links: Sequence[ShardLink], answers: Sequence[Any]) -> list[Any]:
    """Return what shards have answered, each its own.

    Raises:
        OutcomeUnknown: one has not.
        Exception: what one has raised.
    """
    for link, answer in zip(links, answers, strict=True):
        if answer is None:
            raise unknown(link, link.reason)
    return [read_value(link, None, *answer) for link, answer in zip(links, answers, strict=True)]


def administration(method: str, *values: object) -> tuple[Any, ...]:
    """Return an administrative command of no single account."""
    return (kinds.ADMINISTER, None, method, encode(values, bare=True))


def everywhere(
    router: Router,
    now: int,
    command: tuple[Any, ...],
    merge: Callable[[list[Any]], Any] | None = None,
) -> Steps:
    """Run a command that changes something on every shard that is up; return the merged answers.

    A shard that is down has no state left that could differ, unless there is a journal: then it is
    written down for that one, too, which makes the change when it comes back. While one is stalled,
    nothing is applied to any.
    """
    refuse_stalled(router.links)
    asked = [link for link in router.links if link.is_up]
    if not asked:
        raise router.links[0].refusal()
    if router.books.note is not None:
        asked = router.links
    answers = yield now, questions_to(asked, command, is_change=True)
    for link, answer in zip(asked, answers, strict=True):
        # It has the command, and may come to it; with a journal it does.
        if answer is None and link.is_stalled and router.books.note is None:
            raise unknown(link, link.why or link.reason)
    values = [
        read_value(link, None, *answer)
        for link, answer in zip(asked, answers, strict=True)
        if answer is not None
    ]
    if not values:
        raise unknown(asked[0], asked[0].reason)
    return values[0] if merge is None else merge(values)


def halt(router: Router, now: int, reason: str) -> Steps:
    """Stop all orders on every shard. One that is stalled has it ahead of all that comes later.

    That is sent to it now, with what the others get: whoever asks may be gone when it answers. One
    that is down takes no order anyway; where all go before any has answered, nobody knows whether
    it has been done.
    """
    command = administration("halt", reason)
    packed = pack(command)
    asked = [link for link in router.links if link.is_up]
    if not asked and not router.books.stalled:
        raise router.links[0].refusal()
    note = router.books.note
    if note is not None:  # for one that is down, too: see everywhere()
        asked = [link for link in router.links if not link.is_stalled]
    for link in router.books.stalled:
        link.check_fits(packed)
        if note is not None:
            note([(link.number, link.next_seq, packed)])
        link.stage(Unattended(1, now, packed, router.books.bodies.done))
    answers = yield now, questions_to(asked, command, is_change=True)
    if asked and not any(answers):
        # All of them went amid it: whether they are halted when they come back, nobody has said.
        raise unknown(asked[0], asked[0].reason)


def own_turn(_: Router, now: int) -> Steps:
    """Ask nothing: the end of this tells that what its client has sent before has come in."""
    yield now, []


def refuse_stalled(links: Iterable[ShardLink]) -> None:
    """Raise ShardStalled if one of the shards is: what spans them would wait for it."""
    for link in links:
        if link.is_stalled:
            raise link.refusal()


def change_group(
    router: Router,
    now: int,
    method: str,
    accounts: Sequence[int],
    group: int,
) -> Steps:
    """Change the membership of all listed accounts or of none: check everywhere, then apply."""
    listed: dict[int, list[int]] = {}
    places: dict[int, list[int]] = {}
    for place, account in enumerate(accounts):
        number = router.link_of(account).number
        listed.setdefault(number, []).append(account)
        places.setdefault(number, []).append(place)
    links = [router.links[number] for number in listed]
    for link in links:
        if not link.is_up:
            raise link.refusal()

    def questions(name: str, *, is_change: bool = False) -> list[Question]:
        return [
            question
            for link in links
            for question in questions_to(
                [link], administration(name, listed[link.number], group), is_change=is_change
            )
        ]

    answers = yield now, questions(f"can_{method}")
    refusals: list[tuple[int, str]] = []
    for link, answer in zip(links, answers, strict=True):
        if answer is None:
            raise link.refusal()  # nothing was applied anywhere
        refusal = read_value(link, None, *answer)
        if refusal is not None:
            place, text = refusal
            refusals.append((places[link.number][place], text))
    if refusals:
        raise AccountGroupRegistrationError(min(refusals)[1])
    answers = yield now, questions(f"{method}_group", is_change=True)
    values_of(links, answers)
