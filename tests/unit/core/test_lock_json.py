from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.core.lock import Lock
from openpit.core.lock_json import JsonReader
from openpit.core.lock_shape import UnreadableLock


def groups_of(text):
    return JsonReader(text.encode()).lock()


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("[]", {}),
        ("[[]]", {}),
        (" [ [ \"1\" ,\n2 ] ,\t[ 7 , '3' ] ] ".replace("'", '"'), {0: [1, 2], 7: [3]}),
        ('[["1.50",2.50,-3]]', {0: ["1.50", "2.5", -3]}),
        ("[[1e3,1E-2,0.30000000000000004]]", {0: [1000, "0.01", "0.30000000000000004"]}),
        ('[["1e3","1_000",".5","+5"]]', {0: [1000, 1000, "0.5", 5]}),
        ("[[-0,-0.0,0]]", {0: [0, 0, 0]}),
        ("[[18446744073709551615,18446744073709551616]]", {0: [2**64 - 1, 2**64 + 384]}),
        ("[[-9223372036854775808,-9223372036854775809]]", {0: [-(2**63), -(2**63) - 192]}),
        ("[[3e25]]", {0: [30000000000000005000000000]}),
        ("[[123456789.123456789123456789]]", {0: ["123456789.1234568"]}),
        ("[[1e-400,0e999,0.0e400,-1e-30]]", {0: [0, 0, 0, 0]}),
        ('[["\\u0031\\u002e5"]]', {0: ["1.5"]}),
        ('[["0.00000000000000000000000000015"]]', {0: ["0.0000000000000000000000000002"]}),
    ],
)
def test_a_lock_is_read(text, groups):
    expected = {group: [Decimal(price) for price in prices] for group, prices in groups.items()}
    assert groups_of(text) == expected


def test_scales_are_kept():
    assert [str(price) for price in groups_of('[["1.50","4"]]')[0]] == ["1.50", "4"]


NO_GROUP = "invalid length 0, expected non-default group section must start with a group_id"
TAGGED = "default group must be encoded as the first sublist, not as a tagged section"
PRICE = "expected a Decimal type representing a fixed-point number"
PRICES = "expected a list of prices for the default group"
SECTION = "expected a non-default group section [group_id, prices...]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("   ", "EOF while parsing a value at line 1 column 3"),
        ("x", "expected value at line 1 column 1"),
        ("nul", "EOF while parsing a value at line 1 column 3"),
        ("nulx", "expected ident at line 1 column 4"),
        ("[", "EOF while parsing a list at line 1 column 1"),
        ('[["1",', "EOF while parsing a value at line 1 column 6"),
        ("[,]", "expected value at line 1 column 2"),
        ('[["1",]]', "trailing comma at line 1 column 7"),
        ("[[] []]", "expected `,` or `]` at line 1 column 5"),
        ("[[1x]]", "expected `,` or `]` at line 1 column 4"),
        ("[] []", "trailing characters at line 1 column 4"),
        ("[[1]]\n\n x", "trailing characters at line 3 column 2"),
        ("[5]", f"invalid type: integer `5`, {PRICES} at line 1 column 2"),
        ("[1.5]", f"invalid type: floating point `1.5`, {PRICES} at line 1 column 4"),
        ('["a"]', f'invalid type: string "a", {PRICES} at line 1 column 4'),
        ("[true]", f"invalid type: boolean `true`, {PRICES} at line 1 column 5"),
        ("[[],false]", f"invalid type: boolean `false`, {SECTION} at line 1 column 9"),
        ("[[],{}]", f"invalid type: map, {SECTION} at line 1 column 4"),
        ("[[],[[]]]", "invalid type: sequence, expected u16 at line 1 column 5"),
        ("[[],[null]]", "invalid type: null, expected u16 at line 1 column 9"),
        ("[[],[1e1]]", "invalid type: floating point `10.0`, expected u16 at line 1 column 8"),
        ("[[],[-1]]", "invalid value: integer `-1`, expected u16 at line 1 column 7"),
        ("[[],[65536]]", "invalid value: integer `65536`, expected u16 at line 1 column 10"),
        (
            "[[],[]]",
            f"{NO_GROUP} at line 1 column 6",
        ),
        (
            "[[],[0 , 5]]",
            f"{TAGGED} at line 1 column 9",
        ),
        (
            "[\n[],\n[0]]",
            f"{TAGGED} at line 3 column 3",
        ),
        ('[["x"]]', f'invalid value: string "x", {PRICE} at line 1 column 5'),
        ('[["éé"],x', f'invalid value: string "éé", {PRICE} at line 1 column 8'),
        ("[[1e35]]", f"invalid value: floating point `1e+35`, {PRICE} at line 1 column 6"),
        ("[[null]]", f"invalid type: null, {PRICE} at line 1 column 6"),
        ("[[[1]]]", f"invalid type: sequence, {PRICE} at line 1 column 3"),
        ("[[[]]]", f"invalid type: sequence, {PRICE} at line 1 column 4"),
        ("[[{}]]", f"invalid type: map, {PRICE} at line 1 column 4"),
        ('[[{"a":1}]]', f"invalid type: map, {PRICE} at line 1 column 3"),
        ("[[01]]", "invalid number at line 1 column 4"),
        ("[[1.]]", "invalid number at line 1 column 5"),
        ("[[1.", "EOF while parsing a value at line 1 column 4"),
        ("[[-]]", "invalid number at line 1 column 4"),
        ("[[-", "EOF while parsing a value at line 1 column 3"),
        ("[[1e]]", "invalid number at line 1 column 5"),
        ("[[1e+", "EOF while parsing a value at line 1 column 5"),
        ("[[1e400]]", "number out of range at line 1 column 7"),
        ("[[1.8e308]]", "number out of range at line 1 column 9"),
        ('[["1]]', "EOF while parsing a string at line 1 column 6"),
        ('[["1\\', "EOF while parsing a string at line 1 column 5"),
        ('[["\\x"]]', "invalid escape at line 1 column 5"),
        ('[["\\u00', "EOF while parsing a string at line 1 column 7"),
        ('[["\\u00zz"]]', "invalid escape at line 1 column 9"),
        ('[["\\ud800"]]', "unexpected end of hex escape at line 1 column 10"),
        ('[["\\ud800', "EOF while parsing a string at line 1 column 9"),
        ('[["\\ud800\\u0041"]]', "lone leading surrogate in hex escape at line 1 column 15"),
        ('[["\\udc00"]]', "lone leading surrogate in hex escape at line 1 column 9"),
        (
            '[["\n"]]',
            "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0",
        ),
        (
            '[["\\n\\/\\ud83d\\ude00"]]',
            f'invalid value: string "\\n/😀", {PRICE} at line 1 column 20',
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text, problem):
    with pytest.raises(UnreadableLock) as info:
        groups_of(text)
    assert str(info.value) == problem


def test_thousands_of_digits_are_only_digits():
    ones = "1" * 5000

    assert groups_of(f'[[{ones}e-4999,"{"0" * 5000}7",1e{"0" * 5000}5]]') == {
        0: [Decimal("1.1111111111111112"), 7, 100000]
    }
    for number in (ones, f"1e{ones}", f"1e-{ones}1.", f'"{ones}"'):
        with pytest.raises(UnreadableLock):
            groups_of(f"[[{number}]]")


PRICES_OF_A_GROUP = st.lists(
    st.decimals(-(10**9), 10**9, places=4, allow_nan=False), min_size=1, max_size=3
)


@given(st.dictionaries(st.integers(0, 65535), PRICES_OF_A_GROUP, max_size=4))
def test_every_lock_survives_each_format(groups):
    lock = Lock((group, price) for group, prices in groups.items() for price in prices)

    assert repr(Lock.from_json(lock.to_json())) == repr(lock)
    assert repr(Lock.from_msgpack(lock.to_msgpack())) == repr(lock)
    assert repr(Lock.from_cbor(lock.to_cbor())) == repr(lock)


@given(st.text('[]{}",:0123456789.eE+-\\ux ntfals\n', max_size=12))
def test_any_text_is_read_or_refused(text):
    try:
        groups, problem = groups_of(text), None
    except UnreadableLock as refusal:
        groups, problem = None, str(refusal)
    if groups is None:
        assert re.search(r" at line [0-9]+ column [0-9]+$", problem)
    else:
        assert all(groups.values())
