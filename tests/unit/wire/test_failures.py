from __future__ import annotations

import dataclasses
import datetime as dt
import json
import pickle
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError

import msgpack
import pytest
from custom_policies import Untravelled, Unusual

from openpit.errors import LeftBehind, PolicyConfigureError, ShardCallbackError
from openpit.param import Side
from openpit.param.enums import ConfigureErrorKind
from openpit.wire.failures import failure_row, read_failure
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable


def raised(error: BaseException) -> BaseException:
    try:
        raise error  # noqa: TRY301 - for the traceback
    except BaseException as caught:  # noqa: BLE001 - whatever a policy raises
        row = msgpack.unpackb(msgpack.packb(failure_row(caught)), use_list=False)
    return read_failure(row, 3)


def test_the_same_type_with_the_workers_traceback_as_cause() -> None:
    error = raised(ValueError("bad", 5))
    assert type(error) is ValueError
    assert error.args == ("bad", 5)
    assert str(error.__cause__).startswith("\nTraceback (most recent call last):")
    assert "in raised" in str(error.__cause__)


def test_attributes_and_notes_travel() -> None:
    sent = PolicyConfigureError("refused")
    sent.kind = ConfigureErrorKind.VALIDATION
    sent.add_note("a note")
    error = raised(sent)
    assert isinstance(error, PolicyConfigureError)
    assert error.kind == ConfigureErrorKind.VALIDATION
    assert error.__notes__ == ["a note"]


def test_exceptions_of_users_travel_by_their_reduction() -> None:
    error = raised(Unusual("text", 7))
    assert isinstance(error, Unusual)
    assert (str(error), error.code) == ("text", 7)


def test_exceptions_with_arguments_of_their_own() -> None:
    error = raised(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"))
    assert isinstance(error, UnicodeDecodeError)
    assert isinstance(raised(KeyboardInterrupt()), KeyboardInterrupt)


class Reduced(Exception):  # noqa: N818 - named as users name theirs
    def __reduce__(self) -> str:
        return "somewhere"


class Mute(Exception):  # noqa: N818 - as above
    def __str__(self) -> str:
        raise ValueError


class Choosy(Exception):  # noqa: N818 - as above
    def __init__(self, *, wanted: int) -> None:
        super().__init__("chosen")
        self.wanted = wanted


class Telling(Exception):  # noqa: N818 - as above
    def __init__(self, venue: str, code: int) -> None:
        super().__init__(f"{venue} refused with {code}")
        self.code = code


class Doubling(Exception):  # noqa: N818 - as above
    def __init__(self, text: str) -> None:
        super().__init__(f"not {text}")


class Picky(Exception):  # noqa: N818 - as above
    def __new__(cls, *, code: int) -> Picky:
        return super().__new__(cls, code)

    def __init__(self, *, code: int) -> None:
        super().__init__(f"code {code}")


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818 - as above
    code: int


@dataclasses.dataclass
class Ticket:
    price: Decimal
    when: dt.datetime


class Slotted(Exception):  # noqa: N818 - as above
    __slots__ = ("__secret",)

    def __init__(self, text: str, secret: int) -> None:
        super().__init__(text)
        self.__secret = secret

    def secret(self) -> int:
        return self.__secret


class Counting(Exception):  # noqa: N818 - as above
    made = 0

    def __init__(self) -> None:
        Counting.made += 1


class Leaving(Exception):  # noqa: N818 - as above
    def __str__(self) -> str:
        raise SystemExit

    def __reduce__(self) -> str:
        raise KeyboardInterrupt


def test_exceptions_that_make_their_own_arguments() -> None:
    telling = raised(Telling("XNAS", 7))
    assert isinstance(telling, Telling)
    assert (str(telling), telling.code) == ("XNAS refused with 7", 7)
    doubling = raised(Doubling("good"))
    assert isinstance(doubling, Doubling)
    assert str(doubling) == "not good"
    choosy = raised(Choosy(wanted=3))
    assert isinstance(choosy, Choosy)
    assert (str(choosy), choosy.wanted) == ("chosen", 3)
    assert str(raised(Picky(code=3))) == "code 3"


def test_classes_with_ways_of_their_own_are_made_without_their_code() -> None:
    assert isinstance(raised(Reduced("x")), Reduced)
    mute = raised(Mute("x"))
    assert isinstance(mute, Mute)
    assert mute.args == ("x",)
    assert isinstance(raised(Leaving()), Leaving)
    frozen = raised(Frozen(7))
    assert isinstance(frozen, Frozen)
    assert (frozen.code, frozen.args) == (7, (7,))
    slotted = raised(Slotted("limit", 5))
    assert isinstance(slotted, Slotted)
    assert slotted.secret() == 5
    assert Counting.made == 0
    raised(Counting())
    assert Counting.made == 1  # by this test, and not when it arrived


def ask_for_a_table() -> None:
    with closing(sqlite3.connect(":memory:")) as book:
        book.execute("select * from orders")


@pytest.mark.parametrize(
    "fails",
    [
        lambda: Decimal(1) / 0,
        lambda: Decimal("one"),
        lambda: json.loads("{x"),
        b"\xff".decode,
        "\udcff".encode,
        lambda: {}["k"],
        lambda: (5).nothing,  # type: ignore[attr-defined]  # that is the point
        lambda: Path("/nowhere/to/be/found").read_text(),
        lambda: compile("a b", "desk.py", "exec"),
        lambda: subprocess.run([sys.executable, "-c", "raise SystemExit(3)"], check=True),
        ask_for_a_table,
        lambda: uuid.UUID("x"),
    ],
)
def test_what_the_standard_library_raises_arrives_as_it_is(fails: Callable[[], object]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is
        fails()
    error = raised(caught.value)
    assert type(error) is type(caught.value)
    assert error.args == caught.value.args
    assert str(error) == str(caught.value)
    assert vars(error) == vars(caught.value)


def test_the_parts_that_built_in_exceptions_keep_to_themselves() -> None:
    missing: Any = raised(FileNotFoundError(2, "No such file", "limits.toml"))
    assert (missing.errno, missing.strerror, missing.filename) == (2, "No such file", "limits.toml")
    assert raised(StopIteration(5)).value == 5  # type: ignore[attr-defined]
    assert raised(SystemExit(3)).code == 3  # type: ignore[attr-defined]
    busy: Any = raised(HTTPError("http://desk", 503, "busy", None, None))  # type: ignore[arg-type]
    assert (type(busy), busy.code, str(busy)) == (HTTPError, 503, "HTTP Error 503: busy")


def test_groups_arrive_with_their_members() -> None:
    inner = ExceptionGroup("feeds", [KeyError("AAPL"), Choosy(wanted=3)])
    group = raised(ExceptionGroup("checks", [ValueError(1), inner]))
    assert isinstance(group, ExceptionGroup)
    assert repr(group) == "ExceptionGroup('checks', [ValueError(1), " + repr(inner) + "])"
    handled, rest = group.split(KeyError)
    assert handled is not None
    assert rest is not None
    assert [type(error) for error in rest.exceptions] == [ValueError, ExceptionGroup]


def test_values_that_exceptions_carry() -> None:
    when = dt.datetime(2024, 5, 6, 7, 8, tzinfo=dt.timezone.utc)  # noqa: UP017 - as it prints
    held: dict[str, Any] = {
        "limits": [1, (2, {3}), {"price": Decimal("1.50"), 1: None}],
        "order": Ticket(Decimal(2), when),
        "side": Side.BUY,
        "kind": ValueError,
        "id": uuid.UUID(int=5),
        "file": Path("limits.toml"),
        "name": "\udcff",
        "big": 2**80,
    }
    error = Exception("told")
    vars(error).update(held)
    arrived = raised(error)
    assert vars(arrived) == held


def test_an_exception_that_holds_itself() -> None:
    error: Any = ValueError("self")
    error.cause = error
    error.book = []
    error.book.append(error.book)
    arrived: Any = raised(error)
    assert arrived.cause is arrived
    assert arrived.__notes__ == ["left in the worker: book[0] (builtins.list)"]


def test_texts_without_a_utf_8_form_arrive_as_they_are() -> None:
    arrived = raised(ValueError("no such file: \udcff"))
    assert arrived.args == ("no such file: \udcff",)
    assert "\\udcff" in str(arrived.__cause__)


def test_what_cannot_travel_is_left_behind_and_named() -> None:
    error: Any = Untravelled()
    error.table = list(range(1_000_000))
    arrived: Any = raised(error)
    assert isinstance(arrived, Untravelled)
    assert isinstance(arrived.args[0], LeftBehind)
    assert str(arrived) == str(error)
    assert repr(arrived.table) == "<builtins.list, too large>"
    assert arrived.__notes__ == [
        "left in the worker: args[0] (builtins.object), table (builtins.list)"
    ]


def test_a_class_that_cannot_be_had_here_is_one_of_its_bases_all_the_same() -> None:
    class Local(FileNotFoundError):  # noqa: N818 - named as users name theirs
        desk = 7

    error: Any = Local(2, "none", "limits.toml")
    error.code = 7
    arrived: Any = raised(error)
    assert isinstance(arrived, ShardCallbackError)
    assert isinstance(arrived, FileNotFoundError)
    assert str(arrived).endswith("Local: [Errno 2] none: 'limits.toml'")
    assert (arrived.shard, arrived.errno, arrived.code) == (3, 2, 7)
    assert "made in a function" in arrived.why
    assert arrived.__notes__ == [f"raised in place of its own class: {arrived.why}"]

    class Bare(Exception):  # noqa: N818 - named as users name theirs
        pass

    assert type(raised(Bare("x"))) is ShardCallbackError
    copied = pickle.loads(pickle.dumps(arrived))
    assert (type(copied), str(copied), copied.shard) == (ShardCallbackError, str(arrived), 3)


def test_a_group_whose_class_cannot_be_had_keeps_its_members() -> None:
    class Local(ExceptionGroup[Exception]):
        pass

    arrived: Any = raised(Local("checks", [ValueError(1), KeyError(2)]))
    assert isinstance(arrived, ShardCallbackError)
    assert isinstance(arrived, ExceptionGroup)
    assert arrived.subgroup(KeyError).exceptions[0].args == (2,)


def test_nothing_is_imported_for_a_class() -> None:
    node = ("antigravity", "Error", (("builtins", "KeyError"),), "text", ("tuple", ()), None, ())
    arrived: Any = read_failure(("antigravity", "Error", encode((node, ())), "text", "trace"), 0)
    assert isinstance(arrived, ShardCallbackError)
    assert isinstance(arrived, KeyError)
    assert str(arrived) == "antigravity.Error: text"
    assert arrived.why == "this process has not imported antigravity"
    assert "antigravity" not in sys.modules


def test_a_state_that_is_none() -> None:
    for state in (None, 5, (1, (1,), None)):
        arrived = read_failure(("builtins", "int", state, "text", "trace"), 0)
        assert type(arrived) is ShardCallbackError
        assert str(arrived) == "builtins.int: text"
    node = ("builtins", "int", (), "text", ("tuple", ()), None, ())
    no_exception = read_failure(("builtins", "int", encode((node, ())), "text", "trace"), 0)
    assert type(no_exception) is ShardCallbackError
