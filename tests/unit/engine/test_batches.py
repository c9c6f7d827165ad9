from __future__ import annotations

import gc
import weakref

import pytest

from openpit.engine.batches import each, failure_of


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


def test_neither_results_nor_failures_outlive_the_exception() -> None:
    made: list[weakref.ref[object]] = []

    class Made:
        def __init__(self) -> None:
            made.append(weakref.ref(self))

    class Broken(Made, Exception):  # noqa: N818 - only there to be seen off
        pass

    def make(number: int) -> Made:
        if number == 2:
            raise Broken
        return Made()

    alive = []
    gc.collect()
    gc.disable()
    try:
        each("make", make, [1, 2, 3])
    except ExceptionGroup:
        alive = [reference() is not None for reference in made]
    finally:
        gc.enable()

    assert alive == [False, True, False]
    assert [reference() for reference in made] == [None, None, None]


def test_the_failure_by_itself() -> None:
    failure = failure_of("commit_many", {0: ValueError("a"), 7: KeyError("b")})

    assert failure.message == "commit_many failed at index 0, 7"
    assert [type(error) for error in failure.exceptions] == [ValueError, KeyError]
