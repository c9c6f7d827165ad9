"""Accounts, groups, assets and instrument ids."""

from __future__ import annotations

import copy
import pickle
from enum import IntEnum
from itertools import count

import pytest

from openpit.errors import AccountIdError, AssetError
from openpit.param import ids
from openpit.param.ids import (
    DEFAULT_ACCOUNT_GROUP,
    AccountGroupId,
    AccountId,
    Asset,
    InstrumentId,
)

BLANK_TEXTS = ["", " ", "\t\n", "\u00a0", "\u0085", "\u3000"]
# Python counts the first of these as blank, Unicode's White_Space does not.
VISIBLE_TEXTS = ["\x1c", "\u200b"]


class Number(IntEnum):
    FIVE = 5


# --- accounts -----------------------------------------------------------------------------------


def test_account_from_int():
    assert AccountId.from_int(5).value == 5
    assert AccountId.from_int(0).value == 0
    assert AccountId.from_int(2**64 - 1).value == 2**64 - 1
    assert AccountId.from_int(True).value == 1
    assert AccountId.from_int(Number.FIVE).value == 5
    assert repr(AccountId.from_int(5)) == str(AccountId.from_int(5)) == "AccountId(value=5)"


def test_only_the_first_accounts_are_found_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ids, "_MOST_ACCOUNTS", len(ids._accounts) + 1)
    unknown = (n for n in count(2**63) if n not in ids._accounts)
    first, later = next(unknown), next(unknown)
    assert AccountId.from_int(first) is AccountId.from_int(first)
    assert AccountId.from_int(later) is not AccountId.from_int(later)
    assert AccountId.from_int(later) == AccountId.from_int(later)
    assert later not in ids._accounts


@pytest.mark.parametrize("value", [-1, 2**64, "5", 5.0, None])
def test_account_from_int_refuses(value):
    with pytest.raises(OverflowError) as refusal:
        AccountId.from_int(value)
    assert str(refusal.value) == (
        "account id must be a non-negative integer in range 0..=18446744073709551615"
    )


def test_account_from_string_hashes_the_text_as_it_is():
    assert AccountId.from_string("abc").value == 16654208175385433931
    assert AccountId.from_string(" abc ").value == 6890849785742305091
    assert AccountId.from_string("é").value == 775207407765167617


@pytest.mark.parametrize("text", BLANK_TEXTS)
def test_account_from_blank_text(text):
    with pytest.raises(AccountIdError, match=r"^account id string must not be empty$"):
        AccountId.from_string(text)


def test_account_from_what_is_no_text():
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'str'$"):
        AccountId.from_string(5)
    with pytest.raises(UnicodeEncodeError):
        AccountId.from_string("\ud800")


# --- groups -------------------------------------------------------------------------------------


def test_group_from_int():
    assert AccountGroupId.from_int(2**32 - 1).value == 4294967295
    assert AccountGroupId.from_int(True).value == 1
    assert repr(AccountGroupId.from_int(5)) == "AccountGroupId(value=5)"


@pytest.mark.parametrize("value", [-1, 2**32, "5", 1.0, None])
def test_group_from_int_refuses(value):
    with pytest.raises(OverflowError) as refusal:
        AccountGroupId.from_int(value)
    assert str(refusal.value) == "account_group_id must be an integer in range 1..=4294967295"


def test_the_default_group_cannot_be_named():
    with pytest.raises(ValueError, match=r"^account group id must not equal the reserved default"):
        AccountGroupId.from_int(0)
    assert AccountGroupId.DEFAULT is DEFAULT_ACCOUNT_GROUP
    assert DEFAULT_ACCOUNT_GROUP.value == 0


def test_group_from_string():
    assert AccountGroupId.from_string("abc").value == 440920331
    with pytest.raises(TypeError, match=r"^'int' object is not an instance of 'str'$"):
        AccountGroupId.from_string(5)


@pytest.mark.parametrize("text", BLANK_TEXTS)
def test_group_from_blank_text(text):
    with pytest.raises(ValueError, match=r"^account group id string must not be empty$"):
        AccountGroupId.from_string(text)


# --- assets -------------------------------------------------------------------------------------


def test_assets_are_kept_as_they_are():
    asset = Asset(" usd ")
    assert asset == " usd "
    assert hash(asset) == hash(" usd ")
    assert isinstance(asset, str)
    assert type(Asset(asset)) is Asset
    assert str(Asset(value="x" * 10_000)) == "x" * 10_000
    assert type(Asset._of("usd")) is Asset


@pytest.mark.parametrize("text", VISIBLE_TEXTS)
def test_assets_that_only_look_blank(text):
    assert Asset(text) == text
    assert AccountId.from_string(text).value > 0


@pytest.mark.parametrize("text", BLANK_TEXTS)
def test_blank_assets(text):
    with pytest.raises(AssetError, match=r"^asset must not be empty$"):
        Asset(text)


def test_assets_that_are_no_text():
    for value in (5, None, b"USD"):
        with pytest.raises(TypeError, match=r"^asset must be str$"):
            Asset(value)
    with pytest.raises(AssetError, match="surrogates not allowed"):
        Asset("\ud800")


# --- instrument ids -----------------------------------------------------------------------------


def test_instrument_id():
    assert InstrumentId(5).value == 5
    assert InstrumentId(value=2**64 - 1).value == 2**64 - 1
    assert repr(InstrumentId(5)) == "InstrumentId(5)"
    assert InstrumentId.__module__ == "openpit.core"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-1, OverflowError, "can't convert negative int to unsigned"),
        (2**64, OverflowError, "int too big to convert"),
        ("5", TypeError, "'str' object cannot be interpreted as an integer"),
        (None, TypeError, "'NoneType' object cannot be interpreted as an integer"),
    ],
)
def test_instrument_id_refuses(value, error, text):
    with pytest.raises(error) as refusal:
        InstrumentId(value)
    assert str(refusal.value) == text


def test_instrument_ids_have_no_order():
    five, six = InstrumentId(5), InstrumentId(6)
    for compare in (
        lambda: five < six,
        lambda: five <= six,
        lambda: five > six,
        lambda: five >= six,
    ):
        with pytest.raises(TypeError, match=r"^InstrumentId supports only == and !=$"):
            compare()
    with pytest.raises(TypeError, match="not supported between instances"):
        five < 6  # noqa: B015 - the comparison is what fails


# --- all of them --------------------------------------------------------------------------------

FIVES = [AccountId.from_int(5), AccountGroupId.from_int(5), InstrumentId(5)]
each = pytest.mark.parametrize("five", FIVES, ids=lambda five: type(five).__name__)


@each
def test_equal_by_value_within_a_class(five):
    twin = type(five)._of(5)
    assert five == twin
    assert hash(five) == hash(twin)
    assert five != type(five)._of(6)
    assert five != 5
    assert sum(five == other for other in FIVES) == 1


@each
def test_copies_and_pickles(five):
    for twin in (copy.copy(five), copy.deepcopy(five), pickle.loads(pickle.dumps(five))):
        assert twin == five
    assert type(pickle.loads(pickle.dumps(Asset("USD")))) is Asset


@each
def test_closed(five):
    kind = type(five)
    with pytest.raises(AttributeError):
        five.value = 6
    with pytest.raises(AttributeError):
        five.note = "x"
    with pytest.raises(TypeError) as refusal:
        type("Mine", (kind,), {})
    assert str(refusal.value) == (
        f"type '{kind.__module__}.{kind.__name__}' is not an acceptable base type"
    )


@pytest.mark.parametrize("kind", [AccountId, AccountGroupId])
def test_built_by_name_only(kind):
    with pytest.raises(TypeError) as refusal:
        kind(5)
    assert str(refusal.value) == f"cannot create 'openpit.param.{kind.__name__}' instances"
