"""Classes of values: offered by the caller, lacked or not by a worker, and no others are made."""

from __future__ import annotations

import enum
import sys
from dataclasses import dataclass
from http import HTTPStatus
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from custom_policies import Marked

from openpit.errors import WireError
from openpit.wire import classes
from openpit.wire.classes import find_value, name_of, offer, refuse_untold, share
from openpit.wire.limits import NESTING
from openpit.wire.values import decode, encode, named_classes


class Urgency(enum.Enum):
    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Tag:
    desk: str
    urgency: Urgency


class Leg(NamedTuple):
    inside: Any

    class Side(enum.Enum):
        NEAR = 1


class Unshared(enum.Enum):
    ONE = 1


class Plain:
    """Neither of those."""


@dataclass(frozen=True)
class Hashless:
    one: int

    def __hash__(self) -> int:
        raise RuntimeError(f"no hash of {self.one}")


SHARED = [name_of(kind) for kind in (Urgency, Tag, Leg, Leg.Side, Hashless)]
HERE = Urgency.__module__


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classes, "_shared", type(classes._shared)())
    assert share(SHARED) == []


def marked(value: object) -> Any:
    return encode(Marked(value))


def test_what_is_loaded_is_offered_by_the_name_that_leads_to_it() -> None:
    class Local(enum.Enum):
        ONE = 1

    offered = offer()
    assert {*SHARED, name_of(HTTPStatus)} <= {*offered}
    assert not {name_of(kind) for kind in (Plain, Local, Marked)} & {*offered}
    assert not [module for module, _ in offered if module.startswith("openpit")]


def test_a_worker_says_what_it_lacks_and_imports_nothing() -> None:
    names = [SHARED[0], ("antigravity", "Fly"), (HERE, "Gone"), (HERE, "Plain"), ("os", "path")]
    assert share(names) == [1, 2, 3, 4]
    assert "antigravity" not in sys.modules


def test_what_the_other_side_lacks_is_not_shared() -> None:
    assert share([name_of(Unshared)], {0}) == []
    with pytest.raises(WireError, match="no class of values is shared as"):
        find_value(*name_of(Unshared))
    assert find_value(*name_of(Leg.Side)) is Leg.Side


def test_values_of_shared_classes_travel_in_one_another() -> None:
    held = {Urgency.LOW: [Leg((Tag("fx", Urgency.HIGH), Leg.Side.NEAR)), None]}
    arrived = decode(marked(held)).mark
    assert arrived == held
    assert arrived[Urgency.LOW][0].inside[0].urgency is Urgency.HIGH
    assert {*named_classes(marked(held))} == {name_of(Marked), *SHARED[:4]}


def test_a_value_whose_class_the_workers_lack_is_named_with_what_to_do() -> None:
    why = (
        r"attribute 'mark' of Marked: .*Unshared cannot travel to a shard: the workers do not "
        r"have it; define or import it, before build\(\), at the top of a module"
    )
    with pytest.raises(TypeError, match=why):
        marked([Unshared.ONE])
    with pytest.raises(TypeError, match="Plain cannot travel to a shard: of classes of your own"):
        marked(Plain())

    class Local(enum.Enum):
        ONE = 1

    with pytest.raises(TypeError, match="defined in a function cannot be imported there"):
        marked(Local.ONE)


def test_a_class_that_was_defined_anew_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Tag("fx", Urgency.LOW)
    again = type("Tag", (), {"__module__": HERE, "__qualname__": "Tag"})
    monkeypatch.setattr(sys.modules[HERE], "Tag", again)
    # As long as no engine has been built since, the workers have the old one.
    assert type(decode(marked(old)).mark) is type(old)
    share([(HERE, "Urgency")])
    monkeypatch.setattr(sys.modules[HERE], "Urgency", enum.Enum("Urgency", "LOW", module=HERE))
    share([(HERE, "Urgency")])
    with pytest.raises(TypeError, match="Urgency cannot travel to a shard: its name does not lead"):
        marked(old.urgency)


def test_an_engine_whose_workers_lack_it_refuses_what_another_one_takes() -> None:
    told = frozenset({name_of(Marked)})
    with pytest.raises(TypeError, match="Urgency cannot travel to a shard: the workers do not"):
        refuse_untold(named_classes(marked(Urgency.LOW)), told)
    refuse_untold(named_classes(marked(Urgency.LOW)), told | {name_of(Urgency)})


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = Leg(value)
    return value


def test_values_may_be_nested_as_deep_as_lists() -> None:
    deepest = NESTING // 2 - 1
    assert decode(marked(nested(deepest))).mark == nested(deepest)
    with pytest.raises(TypeError, match="attribute 'mark' of Marked is nested too deep"):
        marked(nested(deepest + 1))
    packed: Any = 1
    for level in range(NESTING + 2):
        packed = (8, HERE, "Leg", packed)
        if level == NESTING:
            assert decode(packed) == nested(NESTING + 1)
    with pytest.raises(WireError, match="nested too deep"):
        decode(packed)


@pytest.mark.parametrize(
    "packed",
    [
        (8,),
        (8, HERE),
        (8, HERE, "Urgency"),
        (8, HERE, "Urgency", "NOPE"),
        (8, HERE, "Urgency", "mro"),
        (8, HERE, "Urgency", 1),
        (8, HERE, "Urgency", (3, "1")),
        (8, HERE, "Tag", "fx"),
        (8, HERE, "Tag", "fx", (8, HERE, "Urgency", "LOW"), 1),
        (8, HERE, "Leg"),
        (8, HERE, "Plain"),
        (8, HERE, "Unshared", "ONE"),
        (8, HERE, "Leg.Side.NEAR", "NEAR"),
        (8, "http", "HTTPStatus", "OK"),
        (8, "antigravity", "Fly", 1),
        (8, 5, "Urgency", "LOW"),
        (8, None, None, "LOW"),
        (8, (), "Urgency", "LOW"),
        (True, HERE, "Urgency", "LOW"),
        (2, (8, HERE, "Leg", (0,)), 1),
        (2, (8, HERE, "Hashless", 1), 1),
    ],
    ids=repr,
)
def test_what_is_no_value_of_a_shared_class(packed: Any) -> None:
    with pytest.raises(WireError):
        decode(packed)


def test_no_code_of_a_module_runs_as_its_classes_are_looked_for() -> None:
    lazy = ModuleType("lazy")
    lazy.__getattr__ = pytest.fail  # type: ignore[method-assign]
    sys.modules["lazy"] = lazy
    try:
        assert share([("lazy", "Fly")]) == [0]
    finally:
        del sys.modules["lazy"]


def test_a_class_that_is_none_of_values_any_more_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @dataclass
    class Changing:
        figure: int

    Changing.__qualname__ = "Changing"
    monkeypatch.setattr(sys.modules[__name__], "Changing", Changing, raising=False)
    assert share([name_of(Changing)]) == []
    Changing.__del__ = lambda self: None  # type: ignore[attr-defined]  # set on purpose
    with pytest.raises(WireError, match=r"Changing is no class of values here"):
        decode((8, *name_of(Changing), 1))
