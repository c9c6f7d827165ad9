from __future__ import annotations

import re
import subprocess
import sys
from decimal import Decimal

import pytest

from openpit.core import lock_formats

SECTIONS = [(0, [Decimal("1.50"), Decimal(4)]), (3, [Decimal(-2)]), (300, [Decimal("1E-7")])]


def test_json_is_compact_and_prices_are_plain_texts():
    assert lock_formats.to_json(SECTIONS) == '[["1.50","4"],[3,"-2"],[300,"0.0000001"]]'


def test_without_prices_of_the_default_group_its_array_is_empty():
    assert lock_formats.to_json([(5, [Decimal(1)])]) == '[[],[5,"1"]]'
    assert lock_formats.to_msgpack([(5, [Decimal(1)])]) == b"\x92\x90\x92\x05\xa11"


def test_without_prices_there_is_an_empty_array():
    assert lock_formats.to_json([]) == "[]"
    assert lock_formats.to_msgpack([]) == b"\x90"
    assert lock_formats.to_cbor([]) == b"\x80"


def test_the_binary_formats_have_the_same_shape():
    sections = [(0, [Decimal("1.50")]), (3, [Decimal(5)]), (65535, [Decimal(7)])]

    assert lock_formats.to_msgpack(sections) == (
        b"\x93\x91\xa41.50\x92\x03\xa15\x92\xcd\xff\xff\xa17"
    )
    assert lock_formats.to_cbor(sections) == b"\x83\x81d1.50\x82\x03a5\x82\x19\xff\xffa7"


def test_groups_that_come_twice_are_put_together_and_empty_ones_left_out():
    groups = {1: [Decimal(1), Decimal(2)]}

    assert lock_formats.from_json('[[],[1,"1"],[7],[1,"2"]]') == groups
    assert lock_formats.from_msgpack(b"\x94\x90\x92\x01\xa11\x91\x07\x92\x01\xa12") == groups


def test_numbers_are_understood_as_prices():
    assert lock_formats.from_msgpack(b"\x91\x91\x05") == {0: [Decimal(5)]}
    assert lock_formats.from_msgpack(bytes.fromhex("9191cb3ff8000000000000")) == {
        0: [Decimal("1.5")]
    }
    assert lock_formats.from_cbor(bytes.fromhex("8181f93e00")) == {0: [Decimal("1.5")]}
    assert lock_formats.from_cbor(bytes.fromhex("8181fb3ff0000000000000")) == {0: [Decimal(1)]}


def test_of_two_texts_as_near_to_a_number_the_larger_is_taken():
    assert lock_formats.from_cbor(bytes.fromhex("8181fa3fc00040")) == {
        0: [Decimal("1.5000076293945313")]
    }


def test_what_follows_a_binary_lock_is_not_looked_at():
    assert lock_formats.from_msgpack(b"\x90\xff") == {}
    assert lock_formats.from_cbor(b"\x80\xff") == {}


LOCK = (
    "a sequence whose first element is the default-group price list and whose remaining elements "
    "are [group_id, prices...] sections"
)
SECTION = "a non-default group section [group_id, prices...]"
PRICE = "a Decimal type representing a fixed-point number"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", "IO error while reading marker: failed to fill whole buffer"),
        ("91", "IO error while reading marker: failed to fill whole buffer"),
        ("c1", "wrong msgpack marker Reserved"),
        (
            "9191a2fffe",
            "string found to be invalid utf8: invalid utf-8 sequence of 1 bytes from index 0",
        ),
        ("05", f"invalid type: integer `5`, expected {LOCK}"),
        ("80", f"invalid type: map, expected {LOCK}"),
        ("c0", f"invalid type: unit value, expected {LOCK}"),
        ("c3", f"invalid type: boolean `true`, expected {LOCK}"),
        ("a178", f'invalid type: string "x", expected {LOCK}'),
        ("d40500", f"invalid type: newtype struct, expected {LOCK}"),
        ("91c2", "invalid type: boolean `false`, expected a list of prices for the default group"),
        ("9290cb3ff8000000000000", f"invalid type: floating point `1.5`, expected {SECTION}"),
        (
            "929090",
            "invalid length 0, expected non-default group section must start with a group_id",
        ),
        ("929091c0", "invalid type: unit value, expected u16"),
        ("929091c3", "invalid type: boolean `true`, expected u16"),
        ("929091ff", "invalid value: integer `-1`, expected u16"),
        ("929091ce00010000", "invalid value: integer `65536`, expected u16"),
        (
            "92909100",
            "default group must be encoded as the first sublist, not as a tagged section",
        ),
        ("9191c0", f"invalid type: unit value, expected {PRICE}"),
        ("919190", f"invalid type: sequence, expected {PRICE}"),
        ("9191c40131", f"invalid type: byte array, expected {PRICE}"),
        ("9191a178", f'invalid value: string "x", expected {PRICE}'),
        ("9191cb7ff8000000000000", f"invalid value: floating point `NaN`, expected {PRICE}"),
        ("9191cb7ff0000000000000", f"invalid value: floating point `inf`, expected {PRICE}"),
        (
            "9191cb47d2ced32a16a1b1",
            f"invalid value: floating point `1{'0' * 38}.0`, expected {PRICE}",
        ),
    ],
)
def test_broken_messagepack_is_refused_by_name(data, text):
    with pytest.raises(ValueError, match=f"^lock msgpack decode failed: {re.escape(text)}$"):
        lock_formats.from_msgpack(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("05", "invalid type: integer `5`, expected array"),
        ("f6", "invalid type: null, expected array"),
        ("f7", "invalid type: undefined, expected array"),
        ("e0", "invalid type: simple, expected array"),
        ("6178", "invalid type: string, expected array"),
        ("81a0", "invalid type: map, expected array"),
        ("828080", "invalid length 0, expected non-default group section must start with a gro"),
        ("828081f5", "invalid type: boolean `true`, expected integer"),
        ("8280814105", "invalid type: bytes, expected integer"),
        ("82808120", "unexpected negative integer"),
        ("8280811a00010000", "invalid value: integer `65536`, expected u16"),
        ("82808100", "default group must be encoded as the first sublist, not as a tagged"),
        ("8181f6", f"invalid type: Option value, expected {PRICE}"),
        ("81814131", f"invalid type: byte array, expected {PRICE}"),
        ("8181c482010a", None),
        ("81816178", f'invalid value: string \\"x\\", expected {PRICE}'),
    ],
)
def test_broken_cbor_is_refused_by_name(data, text):
    start = "" if text is None else f'Semantic(None, "{text}'
    with pytest.raises(ValueError, match=f"^lock cbor decode failed: {re.escape(start)}"):
        lock_formats.from_cbor(bytes.fromhex(data))


def test_unknown_tags_and_truncated_cbor_are_refused():
    with pytest.raises(ValueError, match=r'Semantic.*"invalid type: enum, expected a Decimal'):
        lock_formats.from_cbor(bytes.fromhex("8181d9ffff05"))
    with pytest.raises(ValueError, match="UnexpectedEof"):
        lock_formats.from_cbor(b"\x81")
    with pytest.raises(ValueError, match=r"^lock cbor decode failed: Syntax\(0\)$"):
        lock_formats.from_cbor(b"\x1c")


def test_broken_json_is_refused_by_name_and_place():
    with pytest.raises(ValueError, match=r"^lock json decode failed: EOF while parsing a value at"):
        lock_formats.from_json("")
    with pytest.raises(UnicodeEncodeError):
        lock_formats.from_json("\ud800")


def test_cbor_is_imported_when_it_is_first_used():
    program = (
        "import sys; from openpit.core.lock import Lock; before = 'cbor2' in sys.modules; "
        "Lock().to_cbor(); print(before, 'cbor2' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False True\n"
