from __future__ import annotations

import dataclasses

import pytest

from openpit.wire.class_table import RECORDS


class Nosy:
    """Answers None to every name, and remembers it."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        self.asked.add(name)


def stored_names(kind: type) -> set[str]:
    """The slots of a class and of its bases, and the fields of a data class."""
    names = (
        {field.name for field in dataclasses.fields(kind)}
        if dataclasses.is_dataclass(kind)
        else set()
    )
    for owner in kind.__mro__:
        slots = owner.__dict__.get("__slots__", ())
        names |= {slots} if isinstance(slots, str) else set(slots)
    return names


#: A text, a span and a lock are read by what they are, all others by the names of their slots.
SLOTTED = [record for number, record in RECORDS.items() if number not in {12, 18, 40}]


@pytest.mark.parametrize("record", SLOTTED, ids=lambda record: record.cls.__name__)
def test_what_travels_of_a_class_is_what_it_stores(record):
    # The name of a slot that is not there would travel as None, as an empty slot does.
    nosy = Nosy()

    record.read(nosy)

    assert nosy.asked
    assert nosy.asked - stored_names(record.cls) == set()
