from __future__ import annotations

import copy

import pytest
from users_classes import Unfilled

from openpit.core.fill import ExecutionReportFillDetails
from openpit.core.lock import Lock
from openpit.core.report import FinancialImpact


def test_fields_of_a_group_that_was_never_filled_are_absent():
    group = Unfilled()

    assert (group.leverage, group.collateral_asset, group.auto_borrow) == (None, None, False)
    assert group._leverage_ is None
    assert copy.copy(group).leverage is None


def test_an_unknown_attribute_is_still_an_error():
    with pytest.raises(AttributeError, match=r"^'Unfilled' object has no attribute 'tag'$") as info:
        _ = Unfilled().tag
    assert info.value.name == "tag"


def test_a_group_of_figures_takes_them_before_its_subclass_does():
    class Silent(FinancialImpact):
        def __init__(self, *, pnl, fee):
            self.seen = (pnl, fee)

    impact = Silent(pnl="-3.50", fee=1)

    assert impact.seen == ("-3.50", 1)
    assert str(impact.pnl) == "-3.50"
    assert str(impact.fee) == "1"


def test_a_subclass_may_take_more_and_pass_on_what_the_group_knows():
    class Fill(ExecutionReportFillDetails):
        def __init__(self, *, venue, lock):
            super().__init__(lock=lock, is_final=True)
            self.venue = venue

    fill = Fill(venue="XNAS", lock=Lock([(0, 5)]))

    assert fill.venue == "XNAS"
    assert fill.is_final is True
    assert fill.lock == Lock([(0, 5)])


def test_the_same_holds_for_the_subclass_of_a_subclass():
    class Base(Lock):
        pass

    class Silent(Base):
        def __init__(self, entries):
            self.seen = entries

    assert Silent([(0, 1)]) == Lock([(0, 1)])


def test_a_subclass_with_its_own_new_is_left_alone():
    class Counted(Lock):
        made = 0

        def __new__(cls, *_args):
            cls.made += 1
            return object.__new__(cls)

        def __init__(self, entries):
            super().__init__(entries)

    assert Counted([(0, 1)]) == Lock([(0, 1)])
    assert Counted.made == 1


def test_a_subclass_without_a_constructor_of_its_own_needs_no_filling():
    class Prices(Lock):
        pass

    assert "__new__" not in Prices.__dict__
    assert Prices([(0, 1)]) == Lock([(0, 1)])
