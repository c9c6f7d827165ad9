"""Where the reference wheel is: found, or installed into a folder of its own.

It must never get into the project's environment: the import names collide.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TextIO

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / "build" / "reference"
REQUIREMENT = "openpit==0.10.0"
INSTALL_SECONDS = 300
RETRY_SECONDS = 600


class ReferenceMissingError(Exception):
    """There is no reference wheel and none can be installed."""


def reference_wheel() -> Path:
    """The folder to put on a path; installs the wheel once, whoever asks first."""
    given = os.environ.get("OPENPIT_REFERENCE")
    if given:
        # Who names a folder has tried already (``make reference``): trying again takes minutes.
        if not _complete(Path(given)):
            message = f"OPENPIT_REFERENCE={given} has no {REQUIREMENT}"
            raise ReferenceMissingError(message)
        return Path(given)
    FOLDER.parent.mkdir(exist_ok=True)
    with (FOLDER.parent / "reference.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _complete(FOLDER):
            _not_again_so_soon(lock)
            _install()
    return FOLDER


def _complete(folder: Path) -> bool:
    # pip moves the metadata in last, after the package.
    return any(folder.glob("openpit-*.dist-info/RECORD")) and (folder / "openpit").is_dir()


def _not_again_so_soon(lock: TextIO) -> None:
    """Leave a mark of the attempt in the lock: parallel tests need not all wait for a network."""
    lock.seek(0)
    last = lock.read().strip()
    if last and time.time() - float(last) < RETRY_SECONDS:
        message = f"pip could not install {REQUIREMENT} a moment ago"
        raise ReferenceMissingError(message)
    lock.truncate(0)
    lock.write(f"{time.time()}")
    lock.flush()


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
    if done.returncode != 0 or not _complete(FOLDER):
        last = (done.stderr.strip() or "no output").splitlines()[-1]
        message = f"pip cannot install {REQUIREMENT} into build/reference: {last}"
        raise ReferenceMissingError(message)
