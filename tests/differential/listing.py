"""Print the public API of whichever ``openpit`` this interpreter imports, as JSON.

Public is what a module lists in ``__all__`` and what it defines itself under a name without a
leading underscore; what it merely imports is not.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import json
import sys
import types
from typing import Any

from runner import load

MODULES = (
    "openpit",
    "openpit.param",
    "openpit.core",
    "openpit.account_adjustment",
    "openpit.marketdata",
    "openpit.pretrade",
    "openpit.pretrade.policies",
    "openpit.pretrade.policy",
)

#: What every class has from its builtin bases is Python's, not this API's.
_BUILTIN_BASES = (object, str, int, Exception, ValueError, enum.StrEnum)


def public_names(module: types.ModuleType) -> list[str]:
    listed = set(getattr(module, "__all__", ()))
    defined = {
        name
        for name in dir(module)
        if not name.startswith("_")
        and getattr(getattr(module, name), "__module__", None) == module.__name__
    }
    return sorted(listed | defined)


def parameters(function: Any) -> list[list[Any]] | None:
    """Name, kind and default of each parameter but ``self``; None where Python cannot say."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    described = []
    for parameter in signature.parameters.values():
        if parameter.name == "self":
            continue
        default = parameter.default
        text = None if default is inspect.Parameter.empty else repr(default)
        described.append([parameter.name, parameter.kind.name, text])
    return described


def attribute(owner: type, name: str) -> dict[str, Any]:
    static = inspect.getattr_static(owner, name)
    value = getattr(owner, name)
    if isinstance(static, staticmethod | classmethod):
        # Which of the two it is makes no difference to who calls it on the class.
        return {"is": "class function", "parameters": parameters(value)}
    if callable(value) and not isinstance(value, type):
        return {"is": "method", "parameters": parameters(value)}
    if hasattr(static, "__get__") and not isinstance(static, types.FunctionType):
        return {"is": "attribute"}
    return {"is": "constant", "value": repr(value)}


def class_attributes(owner: type) -> list[str]:
    builtin = {name for base in _BUILTIN_BASES if issubclass(owner, base) for name in dir(base)}
    return [name for name in dir(owner) if not name.startswith("_") and name not in builtin]


def describe_class(owner: type) -> dict[str, Any]:
    described: dict[str, Any] = {
        "is": "class",
        "module": owner.__module__,
        "name": owner.__qualname__,
        "exception": issubclass(owner, BaseException),
    }
    if issubclass(owner, BaseException):
        described["bases"] = [base.__name__ for base in owner.__mro__[1:-1]]
    elif issubclass(owner, enum.Enum):
        described["members"] = {member.name: member.value for member in owner}
        described["bases"] = [base.__name__ for base in owner.__mro__[1:-1]]
    elif owner is not int:
        described["parameters"] = parameters(owner)
    described["attributes"] = {name: attribute(owner, name) for name in class_attributes(owner)}
    return described


def describe(value: Any) -> dict[str, Any]:
    if isinstance(value, type) and not isinstance(value, types.GenericAlias):
        return describe_class(value)
    if isinstance(value, types.ModuleType):
        return {"is": "module", "name": value.__name__}
    if callable(value) and not isinstance(value, types.GenericAlias):
        return {"is": "function", "parameters": parameters(value)}
    return {"is": type(value).__name__, "text": repr(value)}


def listing() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        found[name] = {public: describe(getattr(module, public)) for public in public_names(module)}
    # Reachable only through ``engine.configure()``.
    engine = sys.modules["openpit"]
    builder = engine.Engine.builder().no_sync()
    validation = engine.pretrade.policies.build_order_validation()
    configurator = type(builder.builtin(validation).build().configure())
    found["openpit"]["Configurator"] = describe_class(configurator)
    return found


if __name__ == "__main__":
    load(sys.argv[1])
    sys.stdout.write(json.dumps(listing()))
