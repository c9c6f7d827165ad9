from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from openpit.loadtest import usage
from openpit.loadtest.usage import Usage, collections, of_process, own

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")


def test_this_process_has_used_something() -> None:
    found = own()

    assert found.processor is not None
    assert found.processor > 0
    assert found.peak is not None
    assert 5 * 2**20 < found.peak < 2**40


@needs_proc
def test_a_process_is_seen_from_outside_as_from_inside() -> None:
    inside, outside = own(), of_process(os.getpid())

    assert inside.processor is not None
    assert outside.processor is not None
    assert abs(inside.processor - outside.processor) < 100_000_000  # ticks of 10 ms
    assert outside.peak == inside.peak


def test_a_process_that_is_not_there() -> None:
    assert of_process(2**30) == Usage(None, None)


def test_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "of_process", lambda _: Usage(None, None))

    found = own()

    assert found.peak is not None
    assert found.peak > 5 * 2**20


def test_collections_are_counted_by_generation() -> None:
    assert len(collections()) == 3
    assert all(count >= 0 for count in collections()), sys.version
