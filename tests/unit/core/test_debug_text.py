from __future__ import annotations

from decimal import Decimal

from openpit.core.debug_text import optional, optional_figure, optional_member, quoted, truth
from openpit.param.enums import Side


def test_a_text_is_quoted_and_nested_quotes_are_escaped():
    assert quoted("AAPL") == '"AAPL"'
    assert quoted(quoted("A\\B")) == '"\\"A\\\\\\\\B\\""'


def test_an_optional_text_says_whether_it_is_there():
    assert optional(None) == "None"
    assert optional("185.50") == 'Some("185.50")'


def test_an_optional_figure_is_in_plain_notation():
    assert optional_figure(None) == "None"
    assert optional_figure(Decimal("1.5E+3")) == 'Some("1500")'


def test_a_member_is_shown_by_its_address():
    assert optional_member(None) == "Ok(None)"
    assert optional_member(Side.BUY) == f"Ok(Some(Py({id(Side.BUY):#x})))"


def test_truth_values_are_in_lower_case():
    assert truth(True) == "true"
    assert truth(False) == "false"
