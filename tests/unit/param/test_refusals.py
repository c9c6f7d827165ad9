"""The texts with which classes are refused."""

from __future__ import annotations

from typing import final

import pytest

from openpit.param.refusals import (
    not_an_instance,
    refuse_final_bases,
    refuse_operands,
    refuse_order,
    refuse_subclass,
)
from openpit.param.values import Price


class Foreign:
    pass


def test_not_an_instance():
    assert str(not_an_instance(5, "Fee")) == "'int' object is not an instance of 'Fee'"
    assert str(not_an_instance(None, "Fee")) == "'None' is not an instance of 'Fee'"


def test_final_classes_are_closed():
    class Root:
        def __init_subclass__(cls):
            refuse_final_bases(cls)

    @final
    class Leaf(Root):
        pass

    with pytest.raises(TypeError) as refusal:
        type("Twig", (Leaf,), {})
    assert str(refusal.value) == f"type '{__name__}.Leaf' is not an acceptable base type"
    with pytest.raises(TypeError, match="is not an acceptable base type"):
        refuse_subclass(Leaf)


def test_foreign_operands_are_left_to_their_class():
    assert refuse_operands("+", Price(1), Foreign()) is None
    assert refuse_order("<", Foreign(), Price(1)) is None
    with pytest.raises(TypeError):
        refuse_operands("+", Price(1), 1)
    with pytest.raises(TypeError):
        refuse_order("<", 1, Price(1))
