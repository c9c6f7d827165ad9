"""Puts together what the docs' site is made of: `python scripts/site_source.py FOLDER`.

That is `docs/`, the README as the first page, the changelog, and a page for each public module with
its public names. A link to a file that is not on the site becomes the file's name.
"""

from __future__ import annotations

import re
import shutil
import sys
from functools import cache
from importlib import import_module
from inspect import cleandoc, isclass, isroutine
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Final

ROOT: Final = Path(__file__).parents[1]

GUIDES: Final = (
    "quick_start",
    "concepts",
    "writing_policies",
    "cookbook",
    "policies_on_shards",
    "limits",
    "actors",
    "fix_gateway",
    "when_a_shard_is_down",
    "journal",
    "snapshots",
    "keys",
    "expiry",
    "console",
    "deploying",
    "security",
    "moving",
    "operating",
    "mcp",
    "loadtest",
)
REFERENCE: Final = ("cli", "protocol", "differences")
BEHIND: Final = ("architecture", "changelog")

MODULES: Final = (
    "openpit",
    "openpit.core",
    "openpit.param",
    "openpit.account_adjustment",
    "openpit.pretrade",
    "openpit.pretrade.policies",
    "openpit.marketdata",
    "openpit.limits",
    "openpit.metrics",
    "openpit.reference_book",
    "openpit.errors",
)
"""Whose names are public."""

_LINK: Final = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)#]+)(#[^)]*)?\)")


def main(folder: Path) -> None:
    """Make the folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    (folder / "index.md").write_text(_at_root("README.md") + _contents())
    (folder / "changelog.md").write_text(_at_root("CHANGELOG.md"))
    (folder / "api").mkdir()
    for name in MODULES:
        (folder / "api" / f"{name}.rst").write_text(page_of(name))
    for page in folder.glob("*.md"):
        page.write_text(_LINK.sub(lambda link: _on_site(folder, link), page.read_text()))


def _at_root(name: str) -> str:
    """Return a text of the repository's root as one of `docs/`."""
    text = (ROOT / name).read_text()
    return text.replace("](docs/", "](").replace("](CHANGELOG.md)", "](changelog.md)")


def _on_site(folder: Path, link: re.Match[str]) -> str:
    """Return a link, or the name of the file that it leads to and the site has not."""
    text, target, _ = link.groups()
    if (folder / target).is_file():
        return link[0]
    return text if "/" in text else f"{text} (`{PurePosixPath(target).name}`)"


def _contents() -> str:
    """Return the lists of pages."""
    lists = {
        "Guides": GUIDES,
        "Reference": (*REFERENCE, *(f"api/{name}" for name in MODULES)),
        "Behind it": BEHIND,
    }
    return "".join(
        "\n".join(("\n```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""))
        for caption, pages in lists.items()
    )


def page_of(name: str) -> str:
    """Return the page of a public module: what it says of itself, and each of its names."""
    module = import_module(name)
    about = cleandoc(module.__doc__ or "")
    entries = [f"{name}\n{'=' * len(name)}", f".. py:module:: {name}", about]
    elsewhere = []
    for each in sorted(module.__all__):
        value = getattr(module, each)
        if isinstance(value, ModuleType):
            continue
        home = _home_of(value)
        if home == f"{name}.{each}":
            entries.append(f".. {_directive(value)}:: {name}.{each}")
        else:
            elsewhere.append(f"* ``{each}`` is :py:obj:`{home}`")
    if elsewhere:
        entries += ["And under other names or from other modules:", "\n".join(elsewhere)]
    return "\n\n".join(entries) + "\n"


@cache
def _homes() -> dict[int, str]:
    """Return under which name each public thing is told, by its identity: the most particular."""
    homes: dict[int, str] = {}
    for name in MODULES:
        module = import_module(name)
        homes |= {id(getattr(module, each)): f"{name}.{each}" for each in module.__all__}
    return homes


def _home_of(value: object) -> str:
    return _homes()[id(value)]


def _directive(value: object) -> str:
    if isclass(value):
        return "autoexception" if issubclass(value, BaseException) else "autoclass"
    return "autofunction" if isroutine(value) else "autodata"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
