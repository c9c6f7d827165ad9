"""Objects that only their identity tells from others, and the names that lead to them."""

from __future__ import annotations

import enum
import threading

from openpit.shards.sentinels import Sentinels, is_bare, sentinel

UNSET = object()


class Plain:
    ABSENT = object()


class Slotted:
    __slots__ = ("limit",)


class Copied:
    def __reduce__(self) -> str:
        return "Copied"


class Mood(enum.Enum):
    CALM = 1


PLAIN = Plain()


def test_what_has_no_state_and_copies_as_all_objects_do_is_bare() -> None:
    limited = Slotted()
    limited.limit = 3

    bare = [is_bare(one) for one in (UNSET, PLAIN, Slotted())]
    rest = [
        is_bare(one)
        for one in (
            limited,
            Copied(),
            Mood.CALM,
            {},
            3,
            None,
            threading.Lock(),
            Plain,
            ValueError(),
        )
    ]

    assert bare == [True] * 3
    assert rest == [False] * 9


def test_a_bare_object_is_found_by_the_name_that_a_module_or_a_class_has_for_it() -> None:
    names = Sentinels()

    assert names.name_of(UNSET) == (__name__, "UNSET")
    assert names.name_of(Plain.ABSENT) == (__name__, "Plain.ABSENT")
    assert names.name_of(object()) is None


def test_a_name_that_leads_to_nothing_of_the_kind_gives_a_fresh_object() -> None:
    assert sentinel(__name__, "PLAIN", Plain) is PLAIN
    assert type(sentinel(__name__, "UNSET", Plain)) is Plain
    assert type(sentinel(__name__, "nothing", Plain)) is Plain
