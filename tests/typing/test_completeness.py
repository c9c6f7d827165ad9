"""Everything public has a type that checkers need not guess."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import openpit

PACKAGE = Path(openpit.__file__).parent

# Their names are those that they import from where they are defined.
INDEXES = (".", "core", "marketdata", "param", "pretrade", "pretrade/policies")
# These define what they offer.
HOMES = ("openpit.account_adjustment", "openpit.errors", "openpit.pretrade.policy")


def public_names() -> set[str]:
    """Where everything public is defined: ``openpit.core.order.Order`` and so on."""
    names = set(HOMES)
    for index in INDEXES:
        for node in ast.walk(ast.parse((PACKAGE / index / "__init__.py").read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module != "__future__":
                module = importlib.import_module(node.module)
                names |= {
                    f"{node.module}.{alias.name}"
                    for alias in node.names
                    if not isinstance(getattr(module, alias.name), ModuleType)
                }
    return names


@pytest.mark.one_python
@pytest.mark.timeout(300)
def test_no_public_type_is_unknown_or_ambiguous(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pyright", "--verifytypes", "openpit"),
            *("--ignoreexternal", "--outputjson"),
        ],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        text=True,
    )

    found: dict[str, Any] = json.loads(done.stdout)["typeCompleteness"]
    names = public_names()
    public = [
        symbol
        for symbol in found["symbols"]
        if any(symbol["name"] == name or symbol["name"].startswith(f"{name}.") for name in names)
    ]
    assert "openpit.faces.aio.engine.AsyncShardedEngine.execute_pre_trade" in {
        symbol["name"] for symbol in public
    }
    assert len(public) > 1000
    incomplete = {
        symbol["name"]: [finding["message"] for finding in symbol["diagnostics"]]
        for symbol in public
        if not symbol["isTypeKnown"] or symbol["isTypeAmbiguous"]
    }
    assert incomplete == {}
