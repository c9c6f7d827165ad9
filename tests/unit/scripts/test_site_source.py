"""The site of the docs has a page for each guide, and every public name on one."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.one_python


@pytest.fixture
def site() -> Iterator[Any]:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        yield import_module("site_source")
    finally:
        sys.path.remove(str(ROOT / "scripts"))


def test_every_guide_is_listed(site: Any) -> None:
    listed = {*site.GUIDES, *site.REFERENCE, *site.BEHIND}
    assert listed == {page.stem for page in (ROOT / "docs").glob("*.md")} | {"changelog"}


def test_every_public_name_is_told_once(site: Any) -> None:
    told: list[str] = []
    for name in site.MODULES:
        page = site.page_of(name)
        told += re.findall(r"^\.\. auto\w+:: (\S+)$", page, re.MULTILINE)
        module = import_module(name)
        for each in module.__all__:
            if not isinstance(getattr(module, each), ModuleType):
                assert f":: {name}.{each}\n" in page or f"* ``{each}`` is " in page, each
    values = [
        getattr(import_module(name), each)
        for name, _, each in (one.rpartition(".") for one in told)
    ]
    assert len(told) > 100
    assert len(set(map(id, values))) == len(values), "told twice"


def test_a_link_leads_to_a_page_or_is_a_name(site: Any, tmp_path: Path) -> None:
    site.main(tmp_path / "source")
    pages = [*(tmp_path / "source").rglob("*.md")]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)", page.read_text())
    ]
    assert len(links) > 10
    assert [
        (page.name, target) for page, target in links if not (page.parent / target).is_file()
    ] == []
