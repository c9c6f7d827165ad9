"""What the README shows is what happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    return str(code)


def ran(code: str, path: Path) -> str:
    script = path / "example.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_example_is_twenty_lines_and_runs(tmp_path: Path) -> None:
    assert ran(example() + "print('accepted', result.ok)\n", tmp_path) == "accepted True\n"
    assert len([line for line in example().splitlines() if line]) <= 20


def test_the_example_rejects_what_its_limit_says(tmp_path: Path) -> None:
    code = example().replace('TradeAmount.quantity("100")', 'TradeAmount.quantity("501")')

    assert ran(code, tmp_path) == (
        "[('OrderQtyExceedsLimit', 'requested 501, max allowed: 500')]\n"
    )


def test_its_commands_run_one_after_the_other(tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n(\. \.venv/bin/activate\n.*?)```", README, re.DOTALL)
    _, *lines = block.splitlines()
    script = "\n".join(["set -e", 'openpit() { "$PYTHON" -m openpit.cli "$@"; }', *lines])

    done = subprocess.run(
        ["/bin/sh", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHON": sys.executable},
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "shard 3 " in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("decisions.jsonl", "flow.jsonl", "limits.toml")
    ]
    assert len((tmp_path / "decisions.jsonl").read_text().splitlines()) == 5_000


def test_the_flow_that_the_documentation_shows_is_read(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "cli.md").read_text()
    decision, flow = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "flow.jsonl").write_text(flow)

    arguments = ("replay", "flow.jsonl", "--shards", "0", "--out", "decisions.jsonl", "--strict")
    done = subprocess.run(
        [sys.executable, "-m", "openpit.cli", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "left out" not in done.stdout
    written = json.loads((tmp_path / "decisions.jsonl").read_text())
    assert list(written) == list(json.loads(decision))
    assert written["accepted"]


@pytest.mark.parametrize(
    "document", ["README.md", *sorted(p.name for p in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document if document == "README.md" else ROOT / "docs" / document

    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_the_make_targets_that_it_names_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text()

    for target in ("run", "test", "lint", "bench", "differential", "simulate", "loadtest"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
        assert target in README
