from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from openpit.engine.batches import each, failure_of
from openpit.errors import SomeItemsFailed

if TYPE_CHECKING:
    from collections.abc import Iterator


def half(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


def test_results_stand_in_the_order_of_the_input() -> None:
    assert each("halve", half, iter([4, 2, 8])) == [2, 1, 4]
    assert each("halve", half, []) == []


def test_every_item_is_finished_and_failures_are_told_together() -> None:
    seen: list[int] = []

    def record(number: int) -> int:
        seen.append(number)
        return half(number)

    with pytest.raises(ExceptionGroup) as caught:
        each("halve", record, [4, 1, 2, 3])

    assert seen == [4, 1, 2, 3]
    assert caught.value.message == "halve failed at index 1, 3"
    assert [str(error) for error in caught.value.exceptions] == ["1 is odd", "3 is odd"]


def test_items_are_taken_one_by_one_as_they_come() -> None:
    trace: list[str] = []

    def items() -> object:
        for number in (2, 4):
            trace.append(f"take {number}")
            yield number

    each("note", lambda number: trace.append(f"call {number}"), items())

    assert trace == ["take 2", "call 2", "take 4", "call 4"]


def test_the_end_of_the_program_is_no_failure_of_an_item() -> None:
    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        each("halve", interrupt, [1, 2])


class Made:
    def __init__(self, made: list[weakref.ref[object]]) -> None:
        made.append(weakref.ref(self))


class Broken(Made, Exception):  # noqa: N818 - only there to be seen off
    pass


def make_all_but_the_second(made: list[weakref.ref[object]], *, then: object = None) -> object:
    def make(number: int) -> Made:
        if number == 2:
            raise Broken(made)
        if number == then:
            raise KeyboardInterrupt
        return Made(made)

    return make


def test_results_live_as_long_as_the_exception_and_no_longer() -> None:
    made: list[weakref.ref[object]] = []
    alive = []
    gc.collect()
    gc.disable()
    try:
        each("make", make_all_but_the_second(made), [1, 2, 3])
    except SomeItemsFailed as failed:
        alive = [reference() is not None for reference in made]
        kinds = [type(result) for result in failed.results]
    finally:
        gc.enable()

    assert alive == [True, True, True]
    assert kinds == [Made, type(None), Made]
    assert [reference() for reference in made] == [None, None, None]


def test_an_interrupted_call_tells_what_was_done_but_keeps_no_handles() -> None:
    made: list[weakref.ref[object]] = []
    with pytest.raises(KeyboardInterrupt) as stopped:
        each("make", make_all_but_the_second(made, then=4), [1, 2, 3, 4, 5])
    assert [type(result) for result in stopped.value.results] == [Made, type(None), Made]
    assert [(index, type(error)) for index, error in stopped.value.failures.items()] == [
        (1, Broken)
    ]

    held: list[weakref.ref[object]] = []
    with pytest.raises(KeyboardInterrupt) as stopped:
        each("make", make_all_but_the_second(held, then=4), [1, 3, 4, 5], lets_go=True)
    assert not hasattr(stopped.value, "results")
    assert [reference() for reference in held] == [None, None]


def test_input_that_breaks_off_does_not_hide_what_was_done() -> None:
    def numbers() -> Iterator[int]:
        yield 4
        yield 2
        raise LookupError("the feed has ended")

    with pytest.raises(LookupError, match="the feed has ended") as ended:
        each("halve", half, numbers())

    assert ended.value.results == [2, 1]


def test_the_failure_by_itself() -> None:
    results = [None, *[True] * 6, None]
    failure = failure_of("commit_many", results, {0: ValueError("a"), 7: KeyError("b")})

    assert failure.message == "commit_many failed at index 0, 7"
    assert [type(error) for error in failure.exceptions] == [ValueError, KeyError]
    assert failure.indexes == (0, 7)
    assert [index for index, result in enumerate(failure.results) if result is None] == [0, 7]
    assert repr(failure.failures) == "{0: ValueError('a'), 7: KeyError('b')}"
