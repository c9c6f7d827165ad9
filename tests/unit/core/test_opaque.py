from __future__ import annotations

import inspect
from typing import final

import pytest

from openpit.core.opaque import Closed, Opaque


class Handle(Opaque):
    __slots__ = ("number",)


@final
class Sealed(Closed):
    __slots__ = ()


def test_an_opaque_class_is_made_by_the_engine_alone():
    with pytest.raises(TypeError) as refused:
        Handle(1, name="x")
    assert str(refused.value) == f"cannot create '{__name__}.Handle' instances"
    handle = object.__new__(Handle)
    handle.number = 5
    assert handle.number == 5


def test_an_opaque_class_shows_no_parameters():
    assert str(inspect.signature(Handle)) == "()"


def test_an_opaque_class_may_be_derived_from_unless_it_is_final():
    class Engines(Handle):
        pass

    assert issubclass(Engines, Handle)


def test_a_closed_class_that_is_final_is_no_base():
    with pytest.raises(TypeError) as refused:
        type("Mine", (Sealed,), {})
    assert str(refused.value) == f"type '{__name__}.Sealed' is not an acceptable base type"
