"""What is uploaded: the source distribution is whole, and the wheel made of it works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.one_python, pytest.mark.timeout(300)]


def build(source: Path, kind: str, into: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(into)],
        capture_output=True,
        check=False,
        cwd=source,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (made,) = into.iterdir()
    return made


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sources")
    packed = build(ROOT, "sdist", folder / "packed")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder / packed.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel made of the source distribution."""
    return build(sources, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_source_distribution_has_what_the_readme_names(sources: Path) -> None:
    readme = (sources / "README.md").read_text()
    named = set(re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", readme))

    assert {"docs/cli.md", "docs/loadtest.png", "CHANGELOG.md", "examples"} <= named
    assert [name for name in sorted(named) if not (sources / name).exists()] == []
    for name in ("LICENSE", "Makefile", "bench/RESULTS.md", "openpit/py.typed", "pyproject.toml"):
        assert (sources / name).is_file(), name
    assert (sources / "tests" / "distribution" / Path(__file__).name).is_file()


def test_nothing_that_a_run_leaves_behind_is_in_it(sources: Path) -> None:
    left = {"__pycache__", ".venv", "build", "dist", ".mypy_cache", ".hypothesis", ".git"}

    assert [path for path in sources.rglob("*") if path.name in left] == []


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path, sources: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}

    package = {name for name in names if name.startswith("openpit/")}
    files = {
        str(path.relative_to(sources))
        for path in (sources / "openpit").rglob("*")
        if path.is_file()
    }
    assert package == files
    (info,) = {name.split("/")[0] for name in names - package}
    assert re.fullmatch(r"openpit_sharded-[\d.]+\.dist-info", info)
    assert f"{info}/licenses/LICENSE" in names


def test_no_link_of_its_page_leads_nowhere(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = message_from_string(archive.read(name).decode())

    page = str(metadata.get_payload())
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "docs/differences.md: where it deliberately differs from the reference" in page
    assert "in the source distribution" in page
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def test_the_example_of_the_readme_runs_on_the_wheel(
    wheel: Path, sources: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    (example,) = re.findall(r"```python\n(.*?)```", (sources / "README.md").read_text(), re.DOTALL)
    (tmp_path / "example.py").write_text(example + "print(openpit.__file__, result.ok)\n")

    done = subprocess.run(
        [sys.executable, "example.py"],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        text=True,
    )

    assert done.stderr == ""
    assert done.stdout == f"{tmp_path / 'installed' / 'openpit' / '__init__.py'} True\n"
