from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpit.core import lock_formats
from openpit.core.lock import Lock

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


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        (" [ [ ] ]\n", {}),
        ('[["1.50"],[3,"-2","4"]]', {0: ["1.50"], 3: ["-2", "4"]}),
        ('[["\\u0031\\u002e5",2.50,-3]]', {0: ["1.5", "2.5", "-3"]}),
        ("[[18446744073709551616,3e25]]", {0: ["18446744073709552000", "30000000000000005e9"]}),
    ],
)
def test_json_is_understood(text, groups):
    assert shown(lock_formats.from_json(text)) == plainly(groups)


@pytest.mark.parametrize(
    ("data", "groups"),
    [
        ("91 91 05", {0: ["5"]}),
        ("91 91 cb3ff8000000000000", {0: ["1.5"]}),
        ("91 91 ca3fc00040", {0: ["1.5000076293945313"]}),
        ("91 91 cfffffffffffffffff", {0: ["18446744073709551615"]}),
        ("dd00000002 dc0000 92 cd0001 d90131", {1: ["1"]}),
        ("90 ff", {}),
    ],
    ids=["integer", "float", "short float", "large", "long headers", "something follows"],
)
def test_messagepack_is_understood(data, groups):
    assert shown(lock_formats.from_msgpack(bytes.fromhex(data))) == plainly(groups)


@pytest.mark.parametrize(
    ("data", "groups"),
    [
        ("81 81 20", {0: ["-1"]}),
        ("81 81 f93e00", {0: ["1.5"]}),
        ("81 81 fb3ff0000000000000", {0: ["1"]}),
        ("81 81 fa3fc00040", {0: ["1.5000076293945313"]}),
        ("81 81 c249010000000000000000", {0: ["18446744073709551616"]}),
        ("82 80 82 c24107 6131", {7: ["1"]}),
        ("9f 9f 7f 6131 6132 ff ff ff", {0: ["12"]}),
        ("81 82 d81c6131 d81d00", {0: ["1", "1"]}),
        ("9800 ff", {}),
    ],
    ids=[
        "integer",
        "half float",
        "float",
        "of two texts as near to a number the larger",
        "tagged integer",
        "tagged group",
        "indefinite lengths",
        "shared value",
        "something follows",
    ],
)
def test_cbor_is_understood(data, groups):
    assert shown(lock_formats.from_cbor(bytes.fromhex(data))) == plainly(groups)


def shown(groups):
    return {group: [str(price) for price in prices] for group, prices in groups.items()}


def plainly(groups):
    return {
        group: [format(Decimal(price), "f") for price in prices] for group, prices in groups.items()
    }


@pytest.mark.parametrize(
    "text",
    [
        "[[NaN]]",
        "[[1e400]]",
        "[[] []]",
        "[[]]x",
        '[["1"],]',
        '[["\\ud800"]]',
        '[[{"a":1,"a":1}]]',
        "[" * 100_000,
        '{"":' * 100_000,
        f"[[{'1' * 5000}]]",
    ],
    ids=lambda text: text[:16],
)
def test_broken_json_is_refused(text):
    with pytest.raises(ValueError, match=r"^lock json decode failed: .") as info:
        lock_formats.from_json(text)
    str(info.value).encode()


@pytest.mark.parametrize(
    "data",
    [
        "",
        "91",
        "c1",
        "9191a2fffe",
        "9191a3eda080",
        "ddffffffff",
        "91dc7fff",
        "9191dbffffffff31",
        "81c0c0",
        "819001",
        "91c400",
        "9191c40131",
        "9191d40531",
        "91d6ff00000000",
        "9191c705ff0000000000",
        "91" * 100_000,
        "dd0000ffff" * 20_000,
    ],
    ids=lambda data: data[:20] or "nothing",
)
def test_broken_messagepack_is_refused(data):
    with pytest.raises(ValueError, match=r"^lock msgpack decode failed: .+"):
        lock_formats.from_msgpack(bytes.fromhex(data))


@pytest.mark.parametrize(
    "data",
    [
        "",
        "81",
        "1c",
        "ff",
        "81ff",
        "9f9fff",
        "818162fffe",
        "9bffffffffffffffff",
        "81817b7fffffffffffffff31",
        "a18001",
        "81a2616101616102",
        "8140",
        "81814131",
        "8181f7",
        "8181e0",
        "8181d9ffff05",
        "8181c4820a01",
        "8181c11a00000000",
        "8181d8236128",
        "81d9010280",
        "d81c81d81d00",
        "8181d81d05",
        "8181c2591388" + "ff" * 5000,
        "828081c2591388" + "ff" * 5000,
        "81" * 100_000,
        "d81c" * 100_000,
    ],
    ids=lambda data: data[:20] or "nothing",
)
def test_broken_cbor_is_refused(data):
    with pytest.raises(ValueError, match=r"^lock cbor decode failed: .+"):
        lock_formats.from_cbor(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (lock_formats.from_json, '[[],[3,"x"]]'),
        (lock_formats.from_msgpack, b"\x92\x90\x92\x03\xa1x"),
        (lock_formats.from_cbor, b"\x82\x80\x82\x03ax"),
    ],
)
def test_the_place_of_what_is_no_price_is_told(read, data):
    with pytest.raises(ValueError, match=r"failed: expected a price, found 'x' at \[1\]\[1\]$"):
        read(data)


PRICES_OF_A_GROUP = st.lists(
    st.decimals(-(10**9), 10**9, places=4, allow_nan=False), min_size=1, max_size=3
)


@given(st.dictionaries(st.integers(0, 65535), PRICES_OF_A_GROUP, max_size=4))
def test_every_lock_survives_each_format(groups):
    lock = Lock((group, price) for group, prices in groups.items() for price in prices)

    assert repr(Lock.from_json(lock.to_json())) == repr(lock)
    assert repr(Lock.from_msgpack(lock.to_msgpack())) == repr(lock)
    assert repr(Lock.from_cbor(lock.to_cbor())) == repr(lock)


@given(st.text('[]{}",:0123456789.eE+-\\ux ntfalsNI\n', max_size=12))
def test_any_text_is_read_or_refused(text):
    is_read_or_refused(lock_formats.from_json, text)


@given(st.binary(max_size=12))
def test_any_bytes_are_read_or_refused(data):
    is_read_or_refused(lock_formats.from_msgpack, b"\x91" + data)
    is_read_or_refused(lock_formats.from_cbor, b"\x81" + data)


def is_read_or_refused(read, data):
    groups, problem = None, ""
    try:
        groups = read(data)
    except ValueError as refusal:
        problem = str(refusal)
    assert " decode failed: " in problem if groups is None else all(groups.values())


@pytest.mark.parametrize(("module", "form"), [("cbor2", "cbor"), ("json", "json")])
def test_a_decoder_is_imported_when_it_is_first_used(module, form):
    program = (
        f"import sys; from openpit.pretrade import Lock; before = {module!r} in sys.modules; "
        f"Lock.from_{form}(Lock().to_{form}()); print(before, {module!r} in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False True\n"
