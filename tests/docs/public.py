"""The public callables: functions, constructors, methods and properties that programs use."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from openpit.core.opaque import Opaque
from openpit.param.native_enum import NativeEnum

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Public", "cannot_raise", "public_callables", "public_classes", "raised_by", "said_of"]

ROOT = Path(__file__).parents[2]

#: Classes without a public name that public calls return.
HANDED = (
    "openpit.engine.configurator.Configurator",
    "openpit.faces.aio.accounts.AsyncShardedAccounts",
    "openpit.faces.aio.market.AsyncShardedMarketData",
    "openpit.faces.aio.settings.AsyncShardedConfigurator",
    "openpit.faces.blocking.accounts.ShardedAccounts",
    "openpit.faces.blocking.market.ShardedMarketData",
    "openpit.faces.blocking.settings.ShardedConfigurator",
    "openpit.faces.embedded.ReadyShardedEngineBuilder",
    "openpit.faces.embedded.ShardedEngineBuilder",
)


class Public(NamedTuple):
    """A callable, and how programs call it."""

    name: str
    function: FunctionType
    said: str
    """Its docstring, with that of its class where it is a constructor."""
    is_own: bool = True
    """Whether it is its class's own, and not one of a class that is derived from."""


def _modules() -> tuple[str, ...]:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        modules: tuple[str, ...] = import_module("site_source").MODULES
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return modules


def _values() -> list[tuple[str, Any]]:
    """Return what programs are given, by name: public values, and the classes of HANDED."""
    values: list[tuple[str, Any]] = []
    for name in _modules():
        module = import_module(name)
        values += [(f"{name}.{each}", getattr(module, each)) for each in module.__all__]
    for path in HANDED:
        home, _, name = path.rpartition(".")
        values.append((name, getattr(import_module(home), name)))
    return [(name, value) for name, value in values if not isinstance(value, ModuleType)]


def public_classes() -> list[type]:
    """Return the classes among them."""
    return [value for _, value in _values() if isinstance(value, type)]


def public_callables() -> list[Public]:
    """Return each of them once, by its own class, and of several names by the shortest."""
    found: dict[FunctionType, Public] = {}
    for name, value in _values():
        for one in _of_class(name, value) if isinstance(value, type) else _of_function(name, value):
            known = found.get(one.function)
            if known is None or (one.is_own, -len(one.name)) > (known.is_own, -len(known.name)):
                found[one.function] = one
    return sorted(found.values(), key=lambda one: one.name)


def _of_function(name: str, value: Any) -> Iterator[Public]:
    if isinstance(value, FunctionType):
        yield Public(name, value, inspect.getdoc(value) or "")


def _of_class(name: str, kind: type) -> Iterator[Public]:
    if not issubclass(kind, (BaseException, Enum, NativeEnum)):
        for each in ("__init__", "__new__"):
            function = inspect.getattr_static(kind, each)
            function = function.__func__ if isinstance(function, staticmethod) else function
            if isinstance(function, FunctionType) and function is not Opaque.__new__:
                yield Public(name, function, said_of(kind))
    for each in dir(kind):
        if each.startswith("_"):
            continue
        value = inspect.getattr_static(kind, each)
        said = inspect.getdoc(getattr(kind, each)) or ""
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        for function in (value.fget, value.fset) if isinstance(value, property) else (value,):
            if isinstance(function, FunctionType) and _is_ours(function):
                yield Public(f"{name}.{each}", function, said, each in vars(kind))


def said_of(value: Any) -> str:
    """Return a docstring; of a class, with that of its constructor."""
    said = inspect.getdoc(value) or ""
    if isinstance(value, type):
        made = value.__new__ if "__new__" in vars(value) else value.__init__  # type: ignore[misc]
        said += f"\n\n{inspect.getdoc(made)}"
    return said


def _is_ours(function: FunctionType) -> bool:
    return function.__code__.co_filename.startswith(str(ROOT / "openpit"))


_SECTION = re.compile(r"^Raises:\n((?:    .*\n?|\n)+)", re.MULTILINE)


def raised_by(said: str) -> list[str]:
    """Return the classes that a docstring's section of exceptions names."""
    section = _SECTION.search(said)
    return re.findall(r"^    ([\w.]+):", section[1], re.MULTILINE) if section else []


#: What looks at plain containers, and makers of values that were checked when they came in.
_TOTAL = frozenset(
    [
        "bool",
        "cast",
        "cls",
        "dict",
        "frozenset",
        "getattr",
        "hasattr",
        "id",
        "isinstance",
        "iter",
        "len",
        "list",
        "map",
        "repr",
        "sorted",
        "str",
        "super",
        "tuple",
        "type",
        "values",
        "zip",
        "copy_lock",
        "decimal_of",
        "group_states_of",
        "negate",
        "plain",
        "property",
        "_new",
    ]
)


def cannot_raise(function: FunctionType) -> bool:
    """Tell by how a function is written that it raises nothing.

    That is so if it checks nothing and does nothing: it gives out what an object holds, or makes an
    object of that; it stores what it is given in an object of its own. No exception is raised in
    it, nothing is awaited or looked up by a key, no number is calculated, and only such functions
    are called. One that has no body is another class's to fill in, and tells nothing.
    """
    if function.__code__.co_filename == "<string>":
        return True  # a record's, of its fields: what checks them is written out
    source = textwrap.dedent(inspect.getsource(function))
    (node,) = ast.parse(source).body
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return bool(body) and all(
        _is_total(part, function) for statement in body for part in ast.walk(statement)
    )


def _is_total(part: ast.AST, function: FunctionType) -> bool:
    if isinstance(part, ast.Call):
        called = part.func
        name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
        if name in _TOTAL or name.startswith(("new_", "_new")) or name in {"_of", "_from_row"}:
            return True
        found = function.__globals__.get(name)
        return isinstance(found, FunctionType) and cannot_raise(found)
    if isinstance(part, ast.Subscript):  # of a row, by the place of a column
        return not isinstance(part.ctx, ast.Load) or isinstance(part.slice, ast.Constant)
    if isinstance(part, ast.BinOp):
        return isinstance(part.op, ast.BitOr)  # of types
    return not isinstance(
        part, (ast.Raise, ast.Await, ast.Assert, ast.Delete, ast.With, ast.AsyncWith)
    )
