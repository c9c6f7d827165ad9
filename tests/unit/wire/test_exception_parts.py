"""What travels in an exception is tested as a whole in ``test_failures``; here are its limits."""

from __future__ import annotations

import importlib
import sys

import pytest

from openpit.errors import LeftBehind
from openpit.wire.exception_parts import IMPORTABLE, ROOM, Packing, Unpacking


@pytest.mark.parametrize(("size", "travels"), [(ROOM - 64, True), (ROOM + 1, False)])
def test_the_room_of_one_exception(size: int, *, travels: bool) -> None:
    packing = Packing()
    arrived = Unpacking(0).exception(packing.exception(ValueError("x" * size)))
    assert isinstance(arrived.args[0], str) is travels
    assert isinstance(arrived.args[0], LeftBehind) is not travels
    assert packing.left == ([] if travels else ["args[0] (builtins.str)"])


def test_many_values_that_stay_behind_are_not_all_named() -> None:
    packing = Packing()
    packing.exception(ValueError(*[object() for _ in range(100)]))
    assert len(packing.left) == 9
    assert packing.left[-1] == "and others"


def test_only_modules_of_the_standard_library_are_imported() -> None:
    roots = {name.partition(".")[0] for name in IMPORTABLE}
    known = {name for name in roots if name in sys.stdlib_module_names}
    assert roots == known
    assert importlib.import_module("json.decoder").__name__ in IMPORTABLE
