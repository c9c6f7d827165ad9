"""The sources refer to nothing that a reader does not have."""

from __future__ import annotations

import re

import pytest
from pages import ROOT

pytestmark = pytest.mark.one_python

#: A section by its number: of this project's pages, none has one.
NUMBERED = re.compile(r"\bspec sections?\b|\bspec/API|\bsections? \d", re.IGNORECASE)
PAGE = re.compile(r"docs/\w+\.md")
FOLDERS = ("openpit", "examples", "scripts", "bench", "tests")


def sources() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def test_no_document_is_referred_to_by_the_number_of_a_section() -> None:
    found = {
        path: NUMBERED.findall(" ".join(source.split()))
        for path, source in sources().items()
        if path != "tests/docs/test_references.py"
    }
    assert {path: places for path, places in found.items() if places} == {}


def test_every_page_that_is_named_is_there() -> None:
    named = {
        (path, page)
        for path, source in sources().items()
        for page in PAGE.findall(source)
        if not (ROOT / page).is_file()
    }
    assert named == set()
