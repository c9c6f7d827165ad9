"""Imports of the package run downward, and in no circle; what only a type checker imports, too.

The layers are those of docs/architecture.md. Two packages stand aside with the names that they
re-export for programs: ``openpit`` and ``openpit.core``. What is not yet as it should be is listed
with what will end it; an exception that is no longer needed fails the test as a new one does.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import openpit
from openpit.wire import frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

pytestmark = pytest.mark.one_python

PACKAGE = Path(openpit.__file__).parent

# From the ground up; the rooms of one line know nothing of each other.
LAYERS = (
    ("param", "slots"),
    ("core",),
    ("marketdata", "reference_book", "account_adjustment"),
    ("errors",),
    ("pretrade",),
    ("engine",),
    ("wire",),
    ("journal",),
    ("router",),
    ("shards",),
    ("limits",),
    ("client",),
    ("hosting",),
    ("faces",),
    ("server", "metrics"),
    ("console",),
    ("loadtest",),
    ("cli",),
    ("__main__",),
)

ASIDE = ("openpit", "openpit.core")

# Arrows that run upward, between rooms, and what ends them.
UPWARD = {
    ("loadtest", "cli"): "configuration and figures become a room below both",
}

# Modules that reach each other in a circle, and what ends it.
CIRCLES: dict[frozenset[str], str] = {}


def modules_in(folder: Path) -> dict[str, Path]:
    """Return the modules of a package's folder by their names."""
    found = {}
    for path in folder.rglob("*.py"):
        *parts, last = path.relative_to(folder.parent).with_suffix("").parts
        found[".".join(parts if last == "__init__" else [*parts, last])] = path
    return found


def imports_of(text: str, known: Iterable[str]) -> set[str]:
    """Return the modules, of those known, that a source imports: anywhere in it, for any reader."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name their module in full"
            home = str(node.module)
            for alias in node.names:
                found.add(name if (name := f"{home}.{alias.name}") in known else home)
    return found & set(known)


def names_from(module: str, text: str) -> set[str]:
    """Return what a source imports from a module."""
    return {
        alias.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and node.module == module
        for alias in node.names
    }


def circles_in(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """Return the sets of modules that reach each other."""
    reach = {name: _reached_from(name, graph) for name in graph}
    groups = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph}
    return {group for group in groups if group}


def _reached_from(name: str, graph: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for each in graph[waiting.pop()] - found:
            found.add(each)
            waiting.append(each)
    return found


def upward_in(graph: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """Return the arrows between rooms that do not run downward."""
    return {
        (room, other)
        for name, imported in graph.items()
        for each in imported
        if (room := room_of(name)) != (other := room_of(each)) and height(other) >= height(room)
    }


def room_of(module: str) -> str:
    return module.split(".")[1]


def height(room: str) -> int:
    return next(at for at, rooms in enumerate(LAYERS) if room in rooms)


MODULES = modules_in(PACKAGE)

GRAPH = {
    name: imports_of(path.read_text(encoding="utf-8"), MODULES) - set(ASIDE)
    for name, path in MODULES.items()
    if name not in ASIDE
}


def test_every_module_has_a_layer() -> None:
    rooms = {room_of(name) for name in GRAPH}

    assert rooms == {room for layer in LAYERS for room in layer}


def test_no_circle_between_modules_but_those_that_are_known() -> None:
    assert circles_in(GRAPH) == set(CIRCLES)


def test_no_arrow_runs_upward_but_those_that_are_known() -> None:
    assert upward_in(GRAPH) == set(UPWARD)


def test_the_router_knows_heads_and_makes_and_opens_no_body() -> None:
    router = {name: path for name, path in MODULES.items() if name.startswith("openpit.router")}
    known = {each for name in router for each in GRAPH[name] if room_of(each) == "wire"}
    of_bodies = {"Message", "body_of", "messages_of", "pack", "pack_rows", "pack_start"}

    assert of_bodies <= {*frames.__all__}
    assert known == {
        "openpit.wire.axes",
        "openpit.wire.frames",
        "openpit.wire.limits",
        "openpit.wire.possible_replies",
        "openpit.wire.shard_stats",
    }
    for path in router.values():
        assert (
            names_from("openpit.wire.frames", path.read_text(encoding="utf-8")) & of_bodies == set()
        )


def test_the_journal_knows_bytes_and_positions_and_no_message() -> None:
    journal = {name for name in MODULES if name.startswith("openpit.journal")}
    known = {each for name in journal for each in GRAPH[name] if room_of(each) != "journal"}

    assert known == {"openpit.errors"}


def test_an_import_is_seen_wherever_it_stands() -> None:
    source = """
import openpit.param
if TYPE_CHECKING:
    from openpit.core.order import Order
def later():
    from openpit import engine
    from elsewhere import openpit
"""
    known = ["openpit", "openpit.param", "openpit.core.order", "openpit.engine", "openpit.wire"]

    assert imports_of(source, known) == {"openpit.param", "openpit.core.order", "openpit.engine"}


def test_a_circle_and_an_arrow_upward_are_found() -> None:
    graph = {
        "openpit.engine.pipeline": {"openpit.engine.handles", "openpit.param.ids"},
        "openpit.engine.handles": {"openpit.engine.pipeline"},
        "openpit.param.ids": {"openpit.engine.pipeline"},
        "openpit.wire.flat_rows": {"openpit.wire.values", "openpit.param.ids"},
        "openpit.wire.values": set(),
    }

    assert circles_in(graph) == {
        frozenset({"openpit.engine.pipeline", "openpit.engine.handles", "openpit.param.ids"})
    }
    assert upward_in(graph) == {("param", "engine")}
