"""Users' programs, right and wrong ones, as mypy and pyright see them.

The programs lie in a folder of their own and find ``openpit`` as any program does: where it is
installed. In a wrong one, a comment at the end of each line that both tools must refuse names
mypy's code and pyright's rule, and they may say nothing else. A right one runs, too.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).with_name("programs")
RIGHT = sorted(path.stem for path in (PROGRAMS / "right").glob("*.py"))

Findings = dict[tuple[str, int], set[str]]

# A busy machine; neither tool needs ten seconds of processor time.
pytestmark = pytest.mark.timeout(300)


def bare_environment() -> dict[str, str]:
    """The environment of a user in an activated virtual environment."""
    ours = {"PYTHONPATH", "MYPYPATH", "PYTHONHOME"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    here = Path(sys.executable).parent
    return kept | {
        "PATH": f"{here}{os.pathsep}{kept.get('PATH', '')}",
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",  # they ask the network for the newest version
    }


def run(desk: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        check=False,
        cwd=desk,
        env=bare_environment(),
        text=True,
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the repository with all programs, the examples and the README's."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(PROGRAMS, folder, dirs_exist_ok=True)
    # The FIX library of one has no types: what a strict checker says of that is not about ours.
    untyped = shutil.ignore_patterns("fix_gateway")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=untyped)
    readme = (ROOT / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    for number, block in enumerate(blocks):
        (folder / "right" / f"readme_{number}.py").write_text(block)
    assert blocks
    (folder / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "standard", "strict": ["right", "examples"]})
    )
    return folder


def marks(desk: Path) -> Findings:
    """What the comments announce, by file and line."""
    announced: Findings = {}
    for path in desk.rglob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            _, mark, words = line.partition("  # error: ")
            if mark:
                announced[str(path.relative_to(desk)), number] = set(words.split())
    return announced


def assert_as_marked(found: Findings, expected: Findings) -> None:
    unannounced = {place: found[place] for place in found.keys() - expected.keys()}
    unnoticed = {place: expected[place] for place in expected.keys() - found.keys()}
    otherwise = {
        place: found[place]
        for place in found.keys() & expected.keys()
        if not found[place] & expected[place]
    }
    assert (unannounced, unnoticed, otherwise) == ({}, {}, {})


@pytest.mark.one_python
def test_each_mark_names_a_code_of_either_tool(desk: Path) -> None:
    expected = marks(desk)

    assert {place[0].split("/")[0] for place in expected} == {"wrong"}
    assert len(expected) > 150
    for place, words in expected.items():
        rules = {word for word in words if word.startswith("report")}
        assert rules, place
        assert words - rules, place


@pytest.mark.one_python
def test_mypy_refuses_what_is_marked_and_nothing_else(desk: Path) -> None:
    programs = sorted(str(path.relative_to(desk)) for path in desk.rglob("*.py"))

    done = run(
        desk,
        "mypy",
        "--strict",
        "--config-file=",
        "--no-error-summary",
        "--no-pretty",
        f"--cache-dir={ROOT / '.mypy_cache' / 'programs'}",
        *programs,
    )

    found: Findings = defaultdict(set)
    for line in done.stdout.splitlines():
        if match := re.fullmatch(r"([^:]+):(\d+): error: .*\[([a-z-]+)\]", line):
            found[match[1], int(match[2])].add(match[3])
    assert done.stderr == ""
    assert_as_marked(found, marks(desk))


@pytest.mark.one_python
def test_pyright_refuses_what_is_marked_and_nothing_else(desk: Path) -> None:
    done = run(desk, "pyright", "--outputjson", "--pythonpath", sys.executable)

    report: dict[str, Any] = json.loads(done.stdout)
    found: Findings = defaultdict(set)
    for finding in report["generalDiagnostics"]:
        path = Path(finding["file"]).resolve().relative_to(desk.resolve())
        found[str(path), finding["range"]["start"]["line"] + 1].add(finding.get("rule", "syntax"))
    assert report["summary"]["filesAnalyzed"] == len(list(desk.rglob("*.py")))
    assert_as_marked(found, marks(desk))


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_does_what_its_types_say(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAMS / "right" / f"{name}.py")],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
