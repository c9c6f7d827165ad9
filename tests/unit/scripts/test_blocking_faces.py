"""The blocking public classes are what the script makes of the asyncio ones."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.one_python  # files of the repository

ROOT = Path(__file__).resolve().parents[3]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "blocking_faces", ROOT / "scripts" / "blocking_faces.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = _script()
FACES = ROOT / "openpit" / "faces"
AWAITED = (ast.Await, ast.AsyncFunctionDef, ast.AsyncWith, ast.AsyncFor)


@pytest.mark.parametrize("name", SCRIPT.FILES)
def test_the_generated_files_are_current(name: str) -> None:
    written = SCRIPT.blocking(name, (FACES / "aio" / name).read_text())
    assert (FACES / "blocking" / name).read_text() == written, "run `make generated`"


def test_nothing_is_awaited() -> None:
    for name in SCRIPT.FILES:
        tree = ast.parse((FACES / "blocking" / name).read_text())
        assert not [node for node in ast.walk(tree) if isinstance(node, AWAITED)]


def test_a_method_is_called_where_it_was_awaited() -> None:
    source = (
        '"""The handle on accounts of the asyncio face."""\n\n'
        "class AsyncShardedAccounts:\n"
        "    async def unblock(self) -> AsyncStartResult:\n"
        '        """Ask for it; the await in a sentence stays."""\n'
        "        return await self.run(\n"
        "            self.unblock, 1\n"
        "        )\n"
    )
    assert SCRIPT.blocking("accounts.py", source) == (
        '"""The handle on accounts of the blocking face."""\n\n'
        "# Generated from ../aio/accounts.py by scripts/blocking_faces.py: change it there.\n\n\n"
        "class ShardedAccounts:\n"
        "    def unblock(self) -> StartResult:\n"
        '        """Ask for it; the await in a sentence stays."""\n'
        "        return self.run(self.unblock, 1)\n"
    )


def test_a_sentence_that_has_changed_is_not_taken_over_unseen() -> None:
    with pytest.raises(ValueError, match=r"accounts\.py: 0 times, not once: .*asyncio face"):
        SCRIPT.blocking("accounts.py", '"""Something else."""\n')
