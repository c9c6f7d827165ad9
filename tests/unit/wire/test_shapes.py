"""What values of users' own classes are made of; none of their code runs as they arrive."""

from __future__ import annotations

import enum
import functools
from dataclasses import KW_ONLY, InitVar, dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import pytest

from openpit.wire.shapes import fields_of, has_shape, shape_of, shaped

T = TypeVar("T")


class Urgency(enum.Enum):
    LOW = 1
    HIGH = [2]  # noqa: RUF012 - a value without a hash
    CALM = 1  # noqa: PIE796 - another name of the same


class Level(enum.IntEnum):
    ONE = 1


class Venue(enum.StrEnum):
    XNAS = "xnas"


class Route(enum.Flag):
    DARK = 1
    LIT = 2
    SLOW = 4
    BOTH = 3


class Bits(enum.IntFlag):
    ONE = 1


class Guessed(enum.Enum):
    KNOWN = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        made = object.__new__(cls)
        made._name_, made._value_ = "GUESSED", value
        return made


@dataclass(frozen=True)
class Tag:
    desk: str
    urgency: Urgency = Urgency.LOW
    made: ClassVar[int] = 0

    def __post_init__(self) -> None:
        Tag.made += 1


@dataclass(frozen=True, slots=True)
class Slotted(Tag):
    strategy: str = "twap"


@dataclass
class Counted:
    start: InitVar[int]
    _: KW_ONLY
    count: int = field(init=False)

    def __post_init__(self, start: int) -> None:
        self.count = start + 1

    @functools.cached_property
    def double(self) -> int:
        return 2 * self.count


@dataclass
class Both:
    __slots__ = ("__hidden", "shown")
    shown: int

    def hide(self) -> None:
        self.__hidden = 1


@dataclass
class Remembering:
    desk: str

    def __post_init__(self) -> None:
        self.key = self.desk.lower()


@dataclass
class Finalised:
    desk: str

    def __del__(self) -> None:
        """Say goodbye."""


@dataclass
class Wrong(Exception):  # noqa: N818 - that it is one is what is wrong
    desk: str


class Leg(NamedTuple):
    symbol: str
    ratio: int = 1


class Longer(Leg):
    """A named tuple with a dictionary."""


class Box(NamedTuple, Generic[T]):
    inside: T


class Attrs:
    """As the attrs library makes them."""

    __attrs_attrs__ = (type("Attribute", (), {"name": "desk"}),)

    def __init__(self) -> None:
        self.desk = "rates"


class Plain:
    """A class like any other."""


def again(value: Any) -> Any:
    shape = shape_of(type(value))
    assert shape is not None
    return shape.make(shape.read(value))


@pytest.mark.parametrize(
    "member",
    [
        Urgency.LOW,
        Urgency.HIGH,
        Urgency.CALM,
        Level.ONE,
        Venue.XNAS,
        Route.DARK,
        Route.BOTH,
        Route.DARK | Route.SLOW,
        Route(0),
        ~Route.SLOW,
        Bits(9),
        HTTPStatus.NOT_FOUND,
    ],
    ids=repr,
)
def test_a_member_of_an_enumeration_is_the_same_object(member: enum.Enum) -> None:
    assert again(member) is member


def test_a_data_class_is_its_fields_and_its_code_does_not_run() -> None:
    tag = Tag("rates", Urgency.HIGH)
    before = Tag.made
    assert again(tag) == tag
    assert hash(again(Tag("fx"))) == hash(Tag("fx"))
    assert Tag.made == before + 2  # the two that this test has made

    slotted = Slotted("fx", Urgency.LOW, "vwap")
    assert again(slotted) == slotted
    assert type(again(slotted)) is Slotted

    counted = Counted(4)
    assert counted.double == 10
    assert vars(again(counted)) == {"count": 5}
    assert again(Both(3)).shown == 3
    assert vars(again(Attrs())) == {"desk": "rates"}


def test_a_named_tuple_is_its_items() -> None:
    for value in (Leg("AAPL", 2), Longer("AAPL"), Box([1])):
        assert again(value) == value
        assert type(again(value)) is type(value)


@pytest.mark.parametrize(
    "kind", [Plain, Finalised, Wrong, object, int, list, tuple, dict, ValueError, type], ids=repr
)
def test_what_is_more_than_its_fields_has_no_shape(kind: type) -> None:
    assert not has_shape(kind)
    assert shape_of(kind) is None


def test_those_of_many_classes_that_have_a_shape() -> None:
    class Odd(type):
        """What its classes say of themselves, raises."""

        def __getattribute__(cls, name: str) -> Any:
            raise RuntimeError(f"no {name}")

    class OddTuple(tuple[int, ...], metaclass=Odd):  # noqa: SLOT001 - it cannot be asked
        """Derives from what may have a shape."""

    class OddPlain(metaclass=Odd):
        """Derives from nothing that has one."""

    class Late:
        desk: str

    every = [Urgency, Bits, Tag, Slotted, Leg, Longer, Attrs, Late, OddTuple, OddPlain]
    every += [Plain, Finalised, Wrong, object, int, tuple]
    assert shaped(every) == [Urgency, Bits, Tag, Slotted, Leg, Longer, Attrs]
    dataclass(Late)
    assert shaped(every) == [kind for kind in every[:8] if has_shape(kind)] == every[:8]


def test_what_is_more_or_less_than_its_fields_is_named() -> None:
    longer = Longer("AAPL")
    longer.note = "x"  # type: ignore[attr-defined]
    hidden = Both(1)
    hidden.hide()
    unset = object.__new__(Tag)
    for value, text in (
        (Remembering("FX"), "attribute 'key' of Remembering is no field of it"),
        (hidden, "attribute '_Both__hidden' of Both is no field of it"),
        (longer, "attribute 'note' of Longer is no field of it"),
        (unset, "field 'desk' of Tag is not set"),
        (tuple.__new__(Leg, ("AAPL",)), "Leg has 2 fields"),
        (Guessed(7), "'GUESSED' is no member of Guessed"),
    ):
        with pytest.raises(TypeError, match=f"^{text}$"):
            again(value)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        (Urgency, ["NOPE"]),
        (Urgency, ["mro"]),
        (Urgency, ["CALM"]),
        (Urgency, [1]),
        (Urgency, []),
        (Urgency, ["LOW", "HIGH"]),
        (Level, [1]),
        (Route, [True]),
        (Route, [1]),
        (Route, [3]),
        (Route, [8]),
        (Route, [-1]),
        (Route, ["DARK|SLOW"]),
        (Bits, [-5]),
        (Tag, ["rates"]),
        (Tag, ["rates", Urgency.LOW, 1]),
        (Leg, ["AAPL"]),
        (Leg, ["AAPL", 1, 2]),
    ],
    ids=repr,
)
def test_parts_that_no_value_has(kind: type, parts: list[object]) -> None:
    shape = shape_of(kind)
    assert shape is not None
    with pytest.raises((ValueError, LookupError, TypeError)):
        shape.make(parts)


def test_the_fields_of_a_class() -> None:
    assert fields_of(Slotted) == ["desk", "urgency", "strategy"]
    assert fields_of(Counted) == ["count"]
    assert fields_of(Attrs) == ["desk"]
    assert fields_of(Leg) is None
    assert fields_of(Finalised) is None
