from __future__ import annotations

import inspect

from openpit.core.order import Order
from openpit.core.signatures import no_arguments


def test_a_class_shows_that_its_subclasses_may_take_anything():
    assert str(inspect.signature(Order)) == (
        "(*args: 'typing.Any', **kwargs: 'typing.Any') -> 'Order'"
    )


def test_a_subclass_shows_its_own_constructor_if_it_has_one():
    class Plain(Order):
        pass

    class Tagged(Order):
        def __init__(self, tag):
            super().__init__()
            self.tag = tag

    assert inspect.signature(Plain) == inspect.signature(Order)
    assert str(inspect.signature(Tagged)) == "(tag)"
    assert Tagged(tag="A").tag == "A"


def test_what_cannot_be_made_takes_no_arguments():
    assert str(no_arguments()) == "()"
