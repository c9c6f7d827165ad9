from __future__ import annotations

import re

import pytest

from openpit.core import choices
from openpit.param.enums import PositionEffect, PositionMode, PositionSide, Side


@pytest.mark.parametrize("given", [Side.BUY, "BUY", "buy", "bUy", " buy\n"])
def test_a_side_is_known_in_any_case_and_with_blanks_around_it(given):
    assert choices.side(given) is Side.BUY


def test_each_choice_knows_its_two_members():
    assert choices.side("sell") is Side.SELL
    assert choices.position_side("long") is PositionSide.LONG
    assert choices.position_side("SHORT") is PositionSide.SHORT
    assert choices.position_effect("open") is PositionEffect.OPEN
    assert choices.position_effect("Close") is PositionEffect.CLOSE
    assert choices.position_mode("netting") is PositionMode.NETTING
    assert choices.position_mode("HEDGED") is PositionMode.HEDGED


@pytest.mark.parametrize(
    "choose",
    [choices.side, choices.position_side, choices.position_effect, choices.position_mode],
)
def test_none_is_no_choice(choose):
    assert choose(None) is None


@pytest.mark.parametrize(
    ("choose", "given", "text"),
    [
        (choices.side, "XyZ", "side \"xyz\"; expected 'buy' or 'sell'"),
        (choices.side, "", "side \"\"; expected 'buy' or 'sell'"),
        (choices.side, 'a"b', "side \"a\\\"b\"; expected 'buy' or 'sell'"),
        (choices.side, "Ä", "side \"Ä\"; expected 'buy' or 'sell'"),
        (choices.position_side, "buy", "position side \"buy\"; expected 'long' or 'short'"),
        (choices.position_effect, "x", "position effect \"x\"; expected 'open' or 'close'"),
        (choices.position_mode, "x", "position mode \"x\"; expected 'netting' or 'hedged'"),
    ],
)
def test_another_word_is_named_in_the_error(choose, given, text):
    with pytest.raises(TypeError, match=f"^{re.escape(f'ValueError: invalid {text}')}$"):
        choose(given)


@pytest.mark.parametrize("given", [5, True, b"buy", "\ud800"])
def test_what_is_no_text_is_refused_by_the_name_of_the_parameter(given):
    with pytest.raises(TypeError, match=r"^side must be a str or openpit.Side$"):
        choices.side(given)


def test_each_parameter_names_its_own_class():
    with pytest.raises(TypeError, match=r"^position_side must be a str or openpit.PositionSide$"):
        choices.position_side(5)
    with pytest.raises(TypeError, match=r"^position_effect must be .* openpit.PositionEffect$"):
        choices.position_effect(5)
    with pytest.raises(TypeError, match=r"^mode must be a str or openpit.param.PositionMode$"):
        choices.position_mode(5)
