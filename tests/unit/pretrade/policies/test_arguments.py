from __future__ import annotations

import re
from collections import deque
from typing import Any

import pytest

from openpit.param.ids import AccountId
from openpit.pretrade.policies import RateLimit
from openpit.pretrade.policies import arguments as read


def refusal(call: Any, *arguments: Any) -> str:
    with pytest.raises((TypeError, ValueError, OverflowError)) as caught:
        call(*arguments)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_group_ids() -> None:
    assert [read.group_id_value(number) for number in (0, 65535, True)] == [0, 65535, 1]
    out_of_range = "OverflowError: out of range integral type conversion attempted"
    assert refusal(read.group_id_value, -1) == out_of_range
    assert refusal(read.group_id_value, 65536) == out_of_range
    assert refusal(read.group_id_value, 1.0) == (
        "TypeError: 'float' object cannot be interpreted as an integer"
    )


def test_accounts() -> None:
    assert read.account_number(AccountId.from_int(7)) == 7
    assert (
        refusal(read.account_number, 7) == "TypeError: account_id must be openpit.param.AccountId"
    )


def test_objects_of_one_class() -> None:
    limit = RateLimit(1, None)
    assert read.expect(limit, RateLimit) is limit
    assert (
        refusal(read.expect, 5, RateLimit)
        == "TypeError: expected openpit.pretrade.policies.RateLimit"
    )


def test_flags_are_no_numbers() -> None:
    assert read.flag(True) is True
    assert refusal(read.flag, 1) == "TypeError: 'int' object is not an instance of 'bool'"


def test_lists() -> None:
    limit = RateLimit(1, None)

    assert read.listed(None) is None
    assert read.listed((1, "x")) == (1, "x")
    assert read.barriers(None, RateLimit) is None
    assert read.barriers(deque([limit]), RateLimit) == [limit]
    assert refusal(read.barriers, [limit, 5], RateLimit) == (
        "TypeError: expected openpit.pretrade.policies.RateLimit"
    )
    assert refusal(read.listed, "AAPL") == "TypeError: Can't extract `str` to `Vec`"
    assert re.match(
        "TypeError: 'generator' object is not an instance of 'Sequence'",
        refusal(read.listed, (item for item in ())),
    )
