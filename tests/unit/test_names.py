"""A name stands for one thing: no two classes of one name, no two files of one name in a room.

What has two of a name on purpose is listed with its reason; an exception that is no longer needed
fails the test as a new one does.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import openpit

if TYPE_CHECKING:
    from collections.abc import Iterable

pytestmark = pytest.mark.one_python

PACKAGE = Path(openpit.__file__).parent

# Names of classes that several modules define, and why.
CLASSES: dict[str, str] = {}

# Names of files that a room has several of, and why.
FILES = {
    ("cli", "generate.py"): "cli/commands has the command of what the file beside it does",
    ("cli", "replay.py"): "as cli/commands/generate.py",
    ("faces", "accounts.py"): "faces/blocking is generated from faces/aio",
    ("faces", "actors.py"): "as faces/accounts.py",
    ("faces", "driver.py"): "a face's own beside what the two faces share",
    ("faces", "engine.py"): "faces/blocking is generated from faces/aio",
    ("faces", "handles.py"): "those of the asyncio face beside those of the embedded engine",
    ("faces", "market.py"): "faces/blocking is generated from faces/aio",
    ("faces", "returning.py"): "as faces/driver.py",
    ("faces", "settings.py"): "faces/blocking is generated from faces/aio",
    ("pretrade", "policy.py"): "the public module of that name, and the policy of spot funds",
}

# Every package has them.
USUAL = {"__init__.py", "__main__.py"}


def sources_in(folder: Path) -> dict[str, str]:
    """Return the sources of a package by their paths in it."""
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
    }


def classes_told_twice(sources: dict[str, str]) -> dict[str, list[str]]:
    """Return the names that more than one class has, each with the files that define one."""
    homes = defaultdict(list)
    for path, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(path)
    return {name: paths for name, paths in homes.items() if len(paths) > 1}


def files_told_twice(paths: Iterable[str]) -> dict[tuple[str, str], list[str]]:
    """Return the names of files, each after its room, that a room has more than once."""
    homes = defaultdict(list)
    for path in paths:
        parts = Path(path).parts
        room, name = parts[0], parts[-1]
        if name not in USUAL:
            homes[room, name].append(path)
    return {names: paths for names, paths in homes.items() if len(paths) > 1}


def files_beside_their_package(paths: Iterable[str]) -> list[str]:
    """Return the files that stand beside a folder of the same name."""
    known = list(paths)
    folders = {str(Path(path).parent) for path in known}
    return [path for path in known if path.removesuffix(".py") in folders]


SOURCES = sources_in(PACKAGE)


def test_no_two_classes_have_one_name() -> None:
    found = classes_told_twice(SOURCES)

    assert {name: found[name] for name in found if name not in CLASSES} == {}
    assert set(CLASSES) <= set(found)


def test_no_two_files_of_a_room_have_one_name_but_those_that_are_known() -> None:
    found = files_told_twice(SOURCES)

    assert {names: found[names] for names in found if names not in FILES} == {}
    assert set(FILES) <= set(found)


def test_no_file_stands_beside_a_package_of_its_name() -> None:
    assert files_beside_their_package(SOURCES) == []


def test_what_has_two_of_a_name_is_found() -> None:
    sources = {
        "core/order.py": "class Order: ...",
        "loadtest/flow.py": "def make():\n    class Order: ...",
        "wire/order.py": "class Row: ...",
        "wire/rows/order.py": "",
        "wire/rows/__init__.py": "",
        "wire/rows.py": "",
        "wire/__init__.py": "",
    }

    assert classes_told_twice(sources) == {"Order": ["core/order.py", "loadtest/flow.py"]}
    assert files_told_twice(sources) == {
        ("wire", "order.py"): ["wire/order.py", "wire/rows/order.py"]
    }
    assert files_beside_their_package(sources) == ["wire/rows.py"]
