"""Pictures of the page, taken by a Chromium without a window."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["FLAGS", "MISSING", "NoChromiumError", "find_chromium", "take_picture"]

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

MISSING: Final = f"--png needs Chromium: none of {', '.join(NAMES)} is on the path"

FLAGS: Final = (
    "--headless",
    "--no-sandbox",  # it opens one file of ours, and containers run it as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--virtual-time-budget=10000",
)

SIZE: Final = (1180, 900)

SECONDS: Final = 60


class NoChromiumError(Exception):
    """There is no Chromium, or it took no picture."""


def find_chromium() -> str | None:
    """Return the path of a Chromium; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def take_picture(html: str) -> bytes:
    """Return a PNG of a page.

    Raises:
        NoChromiumError: there is no Chromium, or it did not do it.
    """
    chromium = find_chromium()
    if chromium is None:
        raise NoChromiumError(MISSING)
    width, height = SIZE
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "page.html")
        source.write_text(html, encoding="utf-8")
        taken = Path(folder, "picture.png")
        command = [
            chromium,
            *FLAGS,
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height}",
            f"--screenshot={taken}",
            source.as_uri(),
        ]
        try:
            done = subprocess.run(  # noqa: S603 - a program found by name, as users call it
                command, check=False, capture_output=True, text=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            raise NoChromiumError(f"{chromium} took no picture within {SECONDS} s") from None
        if not taken.exists():
            last = (done.stderr.strip() or "it says nothing").splitlines()[-1]
            raise NoChromiumError(f"{chromium} took no picture: {last}")
        return taken.read_bytes()
