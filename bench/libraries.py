"""Where a library is found under the name ``openpit``: ours, ours of before, the reference."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

__all__ = ["OURS", "REFERENCE", "ROOT", "BadBaseline", "folder_of", "revision"]

ROOT = Path(__file__).resolve().parents[1]
OURS = ROOT
REFERENCE = Path(os.environ.get("OPENPIT_REFERENCE") or ROOT / "build" / "reference").resolve()


class BadBaseline(Exception):  # noqa: N818 - said to the one who named it
    """What was named cannot be run beside; says why."""


def folder_of(named: str) -> Path:
    """Return a folder that holds an ``openpit``; BadBaseline for another."""
    folder = Path(named).resolve()
    if not (folder / "openpit" / "__init__.py").is_file():
        raise BadBaseline(f"--against {named}: there is no openpit/__init__.py in this folder")
    return folder


def revision(named: str, *, root: Path = ROOT) -> tuple[Path, str]:
    """Return a folder with this repository's ``openpit`` as of a revision, and its short name.

    The folder is under ``build/baseline``, and is made once for each commit. BadBaseline when there
    is no such revision, or no repository at all.
    """
    commit = _git(root, named, "rev-parse", "--verify", "--quiet", "--end-of-options",
                  f"{named}^{{commit}}").decode().strip()  # fmt: skip
    folder = root / "build" / "baseline" / commit[:12]
    if not folder.is_dir():
        packed = _git(root, named, "archive", "--format=tar", commit, "openpit")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # It gets its name when it is whole: nobody ever finds half of it.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
            unpacked = Path(part) / "unpacked"
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(unpacked, filter="data")
            try:
                unpacked.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another run was quicker
                    raise
    subject = _git(root, named, "log", "-1", "--format=%h %s", commit).decode().strip()
    return folder, subject


def _git(root: Path, named: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], check=False, capture_output=True
        )
    except FileNotFoundError:
        raise BadBaseline(f"--baseline {named}: git is not installed") from None
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip() or "no such revision here"
        raise BadBaseline(f"--baseline {named}: {reason}")
    return done.stdout
