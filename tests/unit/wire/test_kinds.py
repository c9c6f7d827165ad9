from __future__ import annotations

import pytest

from openpit.wire import kinds


def test_numbers_are_dense_and_given_once() -> None:
    assert sorted(kinds.COMMANDS) == list(range(1, 32))
    assert sorted(kinds.REPLIES) == list(range(1, 26))


def test_every_command_but_the_first_starts_with_what_routes_it() -> None:
    for kind, layout in kinds.COMMANDS.items():
        assert (layout.fields[0].name == "account") is (kind != kinds.HELLO)


def test_no_message_has_a_time_or_a_number_of_its_own() -> None:
    for layout in (*kinds.COMMANDS.values(), *kinds.REPLIES.values()):
        assert not {"time", "sequence number"}.intersection(field.name for field in layout.fields)


def test_every_command_can_be_answered_and_every_reply_is_to_something() -> None:
    assert set(kinds.ANSWERS) == set(kinds.COMMANDS)
    assert set().union(*kinds.ANSWERS.values()) == set(kinds.REPLIES)


LIMITS = (9, 1, 1, 0)


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ((kinds.COMMIT, 5, 7), True),
        ((kinds.COMMIT, None, 7), True),
        ((kinds.COMMIT, None), False),
        ((kinds.COMMIT, 5, 1_000, 7), False),
        ((kinds.COMMIT, None, True), False),
        ((kinds.COMMIT, None, None), False),
        ((kinds.COMMIT, "5", 7), False),
        ((kinds.HELLO, 8, LIMITS, b""), True),
        ((kinds.HELLO, 8, LIMITS, ""), False),
        ((99,), False),
        (("1",), False),
        ((), False),
    ],
)
def test_conformity(message: tuple[object, ...], fits: bool) -> None:
    assert kinds.conforms(message, kinds.COMMANDS) is fits
