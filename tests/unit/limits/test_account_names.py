"""What accounts are called, out of a file."""

from __future__ import annotations

from typing import Any

import pytest

from openpit.limits import account_names
from openpit.limits.account_names import NO_NAMES, AccountNames
from openpit.limits.tables import ConfigError
from openpit.param import AccountId


def test_a_line_is_a_text_that_an_account_is_reckoned_from() -> None:
    names = AccountNames.of_lines(["# desks", "", "desk 7 \n", "desk/8\r\n", "desk/8"])
    numbers = [AccountId.from_string(text).value for text in ("desk 7 ", "desk/8", "desk 7")]
    assert [names.of(number) for number in numbers] == ["desk 7 ", "desk/8", None]
    assert names.shown(numbers[1]) == "desk/8"
    assert names.shown(numbers[2]) == str(numbers[2])
    assert (names.of(None), names.shown(None), NO_NAMES.shown(7)) == (None, "-", "7")


def test_a_wrong_line_is_told_by_its_number(monkeypatch: Any) -> None:
    with pytest.raises(ConfigError, match="line 2"):
        AccountNames.of_lines(["desk", "x" * 300])

    monkeypatch.setattr(
        account_names.Table, "account", lambda *_: AccountId.from_int(7)
    )  # as a hash of 64 bits does not, in our time
    with pytest.raises(ConfigError, match="line 2: 'b' and 'a' are the same account"):
        AccountNames.of_lines(["a", "b"])
