"""Replies that answer several commands, taken apart."""

from __future__ import annotations

from openpit.pretrade.alike_rejects import AlikeReject
from openpit.wire import kinds
from openpit.wire.runs import OneOfAlike, answered_by, each_of, told_apart

ALIKE = AlikeReject("Other", "too many", "it is ", " of 5", "Desk", "order", 7)
RUN = (kinds.REJECTED_ALIKE, (6, 10), tuple(ALIKE))
SIXTH, TENTH = (
    (kinds.REJECTED, (("Other", "too many", f"it is {number} of 5", "Desk", "order", 7),))
    for number in (6, 10)
)
STARTED = (kinds.STARTED,)


def test_each_command_has_the_reply_that_it_would_have_had_alone() -> None:
    replies = [(kinds.ACCEPTED, 2), RUN, STARTED, (kinds.DONE, 1)]

    assert [answered_by(reply) for reply in replies] == [2, 2, 1, 1]
    apart = [(kinds.ACCEPTED, 1), (kinds.ACCEPTED, 1), SIXTH, TENTH, STARTED, (kinds.DONE, 1)]
    assert [*each_of(replies)] == apart
    assert [*told_apart(replies)] == [(kinds.ACCEPTED, 2), SIXTH, TENTH, STARTED, (kinds.DONE, 1)]


def test_the_reject_of_an_order_is_made_once_and_says_its_number() -> None:
    rejects = OneOfAlike()
    rejects._alike, rejects._said = ALIKE, 10

    assert len(rejects) == 1
    (reject,) = rejects
    assert reject is rejects[0]
    assert reject is rejects[-1]
    assert ALIKE.row(10) == TENTH[1][0]  # type: ignore[index]  # as above
    assert repr(reject) == (
        'Reject(code="Other", reason="too many", details="it is 10 of 5", policy="Desk", '
        'scope="order", user_data=7)'
    )
