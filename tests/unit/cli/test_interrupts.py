"""Signals that end a program come to a command as an interrupt, and are given back after it."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from openpit.cli.exits import Exit
from openpit.cli.interrupts import heeded, interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ENDING = [signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def as_a_program_begins() -> Iterator[None]:
    """Have both signals do what they do in a program that says nothing of them."""
    before = {number: signal.signal(number, signal.SIG_DFL) for number in ENDING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_an_interrupt_that_tells_its_name(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt) as caught, heeded():
        os.kill(os.getpid(), number)

    ended = interrupted(caught.value)
    assert ended.code is Exit.INTERRUPTED
    assert ended.message == f"interrupted by {number.name}"


def test_an_interrupt_from_the_keyboard_has_no_name() -> None:
    assert interrupted(KeyboardInterrupt()).message == "interrupted"


@pytest.mark.parametrize("number", ENDING)
def test_a_second_signal_is_left_to_the_system(number: signal.Signals) -> None:
    with heeded():
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_DFL


def test_after_the_command_the_signals_are_as_before() -> None:
    with heeded():
        assert all(callable(signal.getsignal(number)) for number in ENDING)

    assert [signal.getsignal(number) for number in ENDING] == [signal.SIG_DFL] * 2


def test_what_nohup_or_the_program_says_of_a_signal_holds() -> None:
    own: Callable[..., None] = lambda *_: None  # noqa: E731
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, own)

    with heeded():
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is own


def test_a_thread_cannot_take_signals_and_does_without() -> None:
    seen: list[object] = []

    def command() -> None:
        with heeded():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=command)
    thread.start()
    thread.join()

    assert seen == [signal.SIG_DFL]
