"""Where the reference wheel is: found, or installed into a folder of its own.

It must never get into the project's environment: the import names collide.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "build" / "reference"
REQUIREMENT = "openpit==0.10.0"
INSTALL_SECONDS = 300


class ReferenceMissingError(Exception):
    """There is no reference wheel and none can be installed."""


def reference_wheel() -> Path:
    """The folder to put on a path; installs the wheel once, whoever asks first."""
    given = os.environ.get("DIFFERENTIAL_REFERENCE")
    if given:
        return Path(given)
    FOLDER.parent.mkdir(exist_ok=True)
    with (FOLDER.parent / "reference.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete():
            _install()
    return FOLDER


def _complete() -> bool:
    # pip moves the metadata in last, after the package.
    return any(FOLDER.glob("openpit-*.dist-info/RECORD")) and (FOLDER / "openpit").is_dir()


def _install() -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    command += ["--target", str(FOLDER), REQUIREMENT]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        message = f"pip did not install {REQUIREMENT} within {INSTALL_SECONDS} s"
        raise ReferenceMissingError(message) from None
    if done.returncode != 0 or not _complete():
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        message = f"pip cannot install {REQUIREMENT} into build/reference: {last}"
        raise ReferenceMissingError(message)
