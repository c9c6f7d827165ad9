"""The schema says of limits files what reading them does, as far as a schema can."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from limits_texts import (
    BARE,
    FULL,
    ORDER_SIZE_LIMIT,
    PNL_BOUNDS,
    RATE_LIMIT,
    SPOT_FUNDS,
    WRONG,
)

from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.limits import ConfigError, loads, schema

BEYOND = ("more than", "is for the same", "is too long", "bytes long", "is wrong", "length of time")
"""What no schema can say, or says of fewer texts."""


def is_right(text: str) -> bool:
    validator = jsonschema.Draft202012Validator(schema())
    return validator.is_valid(_plain(tomllib.loads(text)))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return float(value) if isinstance(value, Decimal) else value


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "text", [DEFAULT_CONFIG, FULL, BARE, RATE_LIMIT, ORDER_SIZE_LIMIT, PNL_BOUNDS, SPOT_FUNDS]
)
def test_what_can_be_read_is_right(text: str) -> None:
    assert loads(text).settings()
    assert is_right(text)


@pytest.mark.parametrize(("text", "reason", "line"), WRONG)
def test_what_cannot_be_read_is_wrong(text: str, reason: str, line: int | None) -> None:
    del line
    with pytest.raises(ConfigError):
        loads(text)
    if not any(words in reason for words in BEYOND):
        assert not is_right(text)
