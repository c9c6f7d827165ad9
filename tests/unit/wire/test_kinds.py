from __future__ import annotations

import pytest

from openpit.wire import kinds


def test_numbers_are_dense_and_given_once() -> None:
    assert sorted(kinds.COMMANDS) == list(range(1, 23))
    assert sorted(kinds.REPLIES) == list(range(1, 17))


def test_every_command_starts_with_what_routes_it() -> None:
    for layout in kinds.COMMANDS.values():
        assert [field.name for field in layout.fields[:2]] == ["account", "time"]


def test_every_reply_starts_with_the_number_it_answers() -> None:
    for layout in kinds.REPLIES.values():
        assert layout.fields[0].name == "sequence number"


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ((kinds.COMMIT, 5, 1_000, 7), True),
        ((kinds.COMMIT, None, 1_000, 7), True),
        ((kinds.COMMIT, None, 1_000), False),
        ((kinds.COMMIT, None, 1_000, True), False),
        ((kinds.COMMIT, None, 1_000, None), False),
        ((kinds.COMMIT, "5", 1_000, 7), False),
        ((99,), False),
        (("1",), False),
        ((), False),
    ],
)
def test_conformity(message: tuple[object, ...], fits: bool) -> None:
    assert kinds.conforms(message, kinds.COMMANDS) is fits
