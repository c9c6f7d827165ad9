"""The check of a reply: of what was decided, not of who said so."""

from __future__ import annotations

from openpit.shards.reply_checks import check_of
from openpit.wire import kinds
from openpit.wire.frames import body_of, command_frame, pack, reply_frame

COMMANDS = command_frame(1, 0, 5, 2, 77, b"")


def reply(*messages: tuple[object, ...]) -> bytes:
    return reply_frame(COMMANDS, body_of([pack(message) for message in messages], len(messages)))


def raised(text: str, trace: str, name: str = "ValueError") -> tuple[object, ...]:
    return (kinds.RAISED, "builtins", name, b"\x90", text, trace)


def rejected(details: str) -> tuple[object, ...]:
    return (kinds.REJECTED, (("Mine", "Custom", "no", details, "order", 0),))


def test_the_same_reply_has_the_same_check_and_another_has_another() -> None:
    assert check_of(reply((kinds.DONE, 2))) == check_of(reply((kinds.DONE, 2)))
    assert check_of(reply((kinds.DONE, 2))) != check_of(reply((kinds.DONE, 1)))
    assert check_of(reply(rejected("5"))) != check_of(reply(rejected("6")))


def test_a_run_of_rejects_has_a_check_of_its_numbers() -> None:
    def alike(*numbers: int) -> tuple[object, ...]:
        return (kinds.REJECTED_ALIKE, numbers, ("Mine", "Custom", "", " of 5", "order", "", 0))

    passed = (kinds.ACCEPTED, 2)
    assert check_of(reply(passed, alike(6, 7))) == check_of(reply(passed, alike(6, 7)))
    assert check_of(reply(passed, alike(6, 7))) != check_of(reply(passed, alike(6, 8)))
    assert check_of(reply(passed, alike(6, 7))) != check_of(reply(passed, alike(6)))


def test_the_same_reply_to_another_batch_has_another_check() -> None:
    other = command_frame(1, 0, 6, 2, 77, b"")
    body = body_of([pack((kinds.DONE, 2))], 1)

    assert check_of(reply_frame(COMMANDS, body)) != check_of(reply_frame(other, body))


def test_texts_and_traces_of_exceptions_do_not_count_their_class_does() -> None:
    one = check_of(reply(raised("at noon", "line 7"), rejected("5")))

    assert one == check_of(reply(raised("at one", "line 8"), rejected("5")))
    assert one != check_of(reply(raised("at noon", "line 7", "KeyError"), rejected("5")))
    assert one != check_of(reply(raised("at noon", "line 7"), rejected("6")))


def test_what_is_answered_again_is_compared_as_it_was_at_first() -> None:
    def again(first: tuple[object, ...], *, is_open: bool = False) -> int:
        return check_of(reply((kinds.ONCE, 5, is_open, first)))

    assert again(raised("at noon", "line 7")) == again(raised("at one", "line 8"))
    assert again(raised("at noon", "line 7")) != again(raised("at noon", "line 7", "KeyError"))
    assert again(rejected("<Desk at 0x7f01>")) == again(rejected("<Desk at 0x55>"))
    assert again(rejected("5")) != again(rejected("6"))
    assert again(rejected("5")) != again(rejected("5"), is_open=True)


def test_of_the_failures_in_a_batch_their_places_count() -> None:
    def failures(place: int, text: str) -> int:
        failure = (place, "builtins", "ValueError", b"\x90", text, "")
        return check_of(reply((kinds.FAILURES, (failure,))))

    assert failures(3, "one") == failures(3, "two")
    assert failures(3, "one") != failures(4, "one")


def test_addresses_do_not_count() -> None:
    one = check_of(reply(rejected("<Desk object at 0x7f01>")))

    assert one == check_of(reply(rejected("<Desk object at 0x5566aabb>")))
    assert one != check_of(reply(rejected("<Book object at 0x7f01>")))


def test_orders_that_are_told_again_are_compared_by_their_handles() -> None:
    def left(handle: int, order: bytes) -> bytes:
        return reply((kinds.LEFT, ((handle, 1, order, b"bare", b"told"),)))

    assert check_of(left(7, b"a set")) == check_of(left(7, b"set a"))
    assert check_of(left(7, b"a set")) != check_of(left(8, b"a set"))


def test_what_a_worker_counts_of_its_process_is_not_compared() -> None:
    def tally(accepted: int, journal_bytes: int, turns: tuple[int, ...]) -> bytes:
        counts = accepted, 2, 0, 3, 1, 1, 1, 0, 0, False, 9
        rejects = (("RateLimitExceeded", "RateLimitPolicy", 2),)
        sizes = (0, 9)
        return reply((kinds.TALLIES, *counts, rejects, sizes, turns, 700, journal_bytes, 0))

    assert check_of(tally(5, 1000, (0, 3))) == check_of(tally(5, 2000, (7, 7)))
    assert check_of(tally(5, 1000, (0, 3))) != check_of(tally(6, 1000, (0, 3)))


def test_answers_that_are_told_again_are_not_compared() -> None:
    def missed(told: bytes) -> bytes:
        return reply((kinds.MISSED, 0, True, ((7, 0, 8, False, 77, b"asked", told),)))

    def outcome(number: int) -> bytes:
        return reply((kinds.OUTCOME, 1, number, False, (kinds.DONE, 1)))

    assert check_of(missed(b"a trace")) == check_of(missed(b"another"))
    assert check_of(outcome(7)) == check_of(outcome(8))
    assert check_of(missed(b"a trace")) != check_of(outcome(7))
