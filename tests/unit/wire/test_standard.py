"""Values of the standard library, made again of what was read from them and of nothing else."""

from __future__ import annotations

import datetime as dt
import os
import pathlib
import subprocess
import sys
from collections import Counter, OrderedDict, deque
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from openpit.errors import WireError
from openpit.wire import standard
from openpit.wire.values import decode, encode

NOON = dt.datetime(2026, 2, 28, 12, 0, 0, 5, ZoneInfo("Europe/Zurich"), fold=1)
FAR = dt.timezone(dt.timedelta(hours=-5), "desk")
VALUES: list[Any] = [
    {1, "a", (2, None)},
    frozenset({b"x"}),
    OrderedDict(b=1, a=[2]),
    Counter("aab"),
    deque([1, 2], 5),
    deque(),
    bytearray(b"ab"),
    complex(1, -0.0),
    range(0, 10, 3),
    slice(1, None, "x"),
    Fraction(-1, 3),
    UUID(int=7),
    dt.date(2024, 2, 29),
    dt.time(23, 59, 59, 999_999),
    dt.time(1, tzinfo=FAR),
    NOON,
    dt.datetime.min,  # noqa: DTZ901 - without a zone
    dt.UTC,
    FAR,
    ZoneInfo("UTC"),
    pathlib.Path("/var/desk"),
    pathlib.PureWindowsPath("c:\\desk"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_arrives_as_it_left(value: Any) -> None:
    arrived = decode(encode(value))
    assert repr(arrived) == repr(value) or arrived == value
    assert type(arrived) is type(value)


def test_every_class_is_tried() -> None:
    late = {name for names, _ in standard._LATE.values() for name in names} - {"WindowsPath"}
    kinds = {row.kind for row in standard._TABLE} | {standard.standard(name).kind for name in late}
    assert {type(value) for value in VALUES} >= kinds - {pathlib.PurePosixPath}


def test_a_class_of_a_late_module_has_its_own_name_or_none() -> None:
    class Path(pathlib.PurePosixPath):
        """As a user derives one."""

    Path.__module__ = "pathlib"
    assert standard.name_in_table(pathlib.PurePosixPath) == "PurePosixPath"
    assert standard.name_in_table(Path) is None
    with pytest.raises(KeyError):
        standard.standard("Path")


# -S: an editable install has its .pth file import things of its own.
WITH_PACKAGES = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

LATE = """
import sys
from openpit.wire.values import decode, encode

late = ("fractions", "pathlib", "zoneinfo")
assert not [name for name in late if name in sys.modules]
zone = decode((9, "ZoneInfo", "Europe/Zurich"))
path = decode((9, "PurePosixPath", "/var/desk"))
third = decode((9, "Fraction", 1, 3))
import datetime, fractions, pathlib, zoneinfo
assert zone is zoneinfo.ZoneInfo("Europe/Zurich")
assert path == pathlib.PurePosixPath("/var/desk")
assert third == fractions.Fraction(1, 3)
"""


def test_what_a_module_that_nobody_imported_yet_has_arrives() -> None:
    subprocess.run([sys.executable, "-S", "-c", LATE], check=True, env=WITH_PACKAGES)


def test_what_is_no_number_and_a_zone_is_the_same() -> None:
    assert decode(encode(complex("nan"))).real != 0
    assert decode(encode(NOON)).tzinfo is NOON.tzinfo
    assert decode(encode(dt.UTC)) is dt.UTC


class Stamp(dt.datetime):
    """A time as another library has it."""


class Zone(dt.tzinfo):
    """A zone as a user writes one."""


@pytest.mark.parametrize(
    "value",
    [Stamp(2026, 1, 1), dt.time(1, tzinfo=Zone()), {object()}],
    ids=["a derived class", "a zone of a user's", "in a set"],
)
def test_what_is_made_of_something_else_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="cannot travel to a shard"):
        encode(value)


ENDLESS = (9, "range", 0, 2**62, 1)


@pytest.mark.parametrize(
    "packed",
    [
        (9,),
        (9, 5),
        (9, "int", 5),
        (9, (0,)),
        (9, "date", 2026, 2, 29),
        (9, "date", 2026, 2),
        (9, "date", True, 1, 1),
        (9, "date", b"\x07\xea\x02\x1c"),
        (9, "datetime", b"\x07\xea\x02\x1c\x00\x00\x00\x00\x00\x00"),
        (9, "time", 1, 1, 1, 1, None, 2),
        (9, "time", 1, 1, 1, 1, 5, 0),
        (9, "UUID", "not one"),
        (9, "UUID", "{" + "0" * 32 + "}"),
        (9, "Fraction", 2, 4),
        (9, "Fraction", 1, 0),
        (9, "Fraction", "1e99999999"),
        (9, "bytearray", 2**40),
        (9, "complex", "1", 0.0),
        (9, "range", 0, 1, 0),
        (9, "set", ENDLESS),
        (9, "set", (0, 1, 1)),
        (9, "set", (0, (0,))),
        (9, "frozenset", (2,)),
        (9, "deque", ENDLESS, None),
        (9, "deque", (0, 1, 2), 1),
        (9, "Counter", ENDLESS),
        (9, "OrderedDict", (0, (1, "a", 1), (1, "a", 2))),
        (9, "OrderedDict", (0, (0, "a", 1))),
        (9, "ZoneInfo", "../../etc/passwd"),
        (9, "ZoneInfo", "No/Where"),
        (9, "timezone", (6, 18, 2, 0, 0), None),
    ],
    ids=repr,
)
def test_what_no_value_is_made_of(packed: Any) -> None:
    with pytest.raises(WireError):
        decode(packed)
