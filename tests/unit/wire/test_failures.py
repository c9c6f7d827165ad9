from __future__ import annotations

import msgpack
import pytest
from custom_policies import Untravelled, Unusual

from openpit.errors import PolicyConfigureError, ShardCallbackError
from openpit.param.enums import ConfigureErrorKind
from openpit.wire.failures import failure_row, read_failure


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


def test_texts_without_a_utf_8_form_are_told_with_escapes() -> None:
    arrived = raised(ValueError("no such file: \udcff"))
    assert isinstance(arrived, ShardCallbackError)
    assert str(arrived) == "builtins.ValueError: no such file: \\udcff"
    assert "\\udcff" in str(arrived.__cause__)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Untravelled(), "custom_policies.Untravelled: <object object at"),
        (Reduced("x"), "Reduced: x"),
        (Mute("x"), "Mute: <no text: its __str__ raised>"),
        (Picky(code=3), "Picky: code 3"),
        (Leaving(), "Leaving: <no text: its __str__ raised>"),
    ],
)
def test_what_cannot_travel_becomes_a_callback_error(error: Exception, text: str) -> None:
    arrived = raised(error)
    if isinstance(error, Mute):
        assert isinstance(arrived, Mute)
        return
    assert isinstance(arrived, ShardCallbackError)
    assert text in str(arrived)
    assert arrived.shard == 3


def test_a_class_that_is_none_here() -> None:
    row = ("builtins", "int", (1, (1,), None), "text", "trace")
    assert isinstance(read_failure(row, 0), ShardCallbackError)
    row = ("no.such", "Error", (1, (1,), None), "text", "trace")
    assert str(read_failure(row, 0)) == "no.such.Error: text"
