"""The page in a browser: every chart is drawn, and holds its data."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.loadtest.picture import FLAGS, find_chromium

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.one_python

CHROMIUM = find_chromium()

PHONE = (360, 740)
"""Width and height. A frame has it, for a window without a head is never narrower than 500."""


@pytest.fixture(autouse=True)
def chromium() -> str:
    if CHROMIUM is None:
        message = "no Chromium on the path (Debian package chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message}: CI must have it, and .ci/run could not install it")
        pytest.skip(message)
    return CHROMIUM


def opened(chromium: str, page: Path, folder: Path, *flags: str) -> str:
    """Open the page with no network and return its elements once everything is drawn."""
    done = subprocess.run(
        [
            chromium,
            *FLAGS,
            "--proxy-server=127.0.0.1:9",  # nothing answers there
            f"--user-data-dir={folder / 'profile'}",
            *flags,
            "--dump-dom",
            page.as_uri(),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def drawn(dom: str) -> dict[str, list[int]]:
    """Return how many points each trace of each chart was drawn with."""
    found = {}
    for element in re.findall(r'<div id="(?:\w+)"[^>]*data-drawn="[^"]*"[^>]*>', dom):
        name = re.search(r'id="(\w+)"', element)
        counts = re.search(r'data-drawn="([^"]*)"', element)
        assert name is not None
        assert counts is not None
        found[name[1]] = [int(count) for count in counts[1].split()]
    return found


def test_every_chart_holds_its_data(chromium: str, tmp_path: Path) -> None:
    page, out, png = (tmp_path / f"report.{ending}" for ending in ("html", "json", "png"))
    options = "--accounts 200 --rate 200 --duration 2 --lag-limit 60000 --no-saturation --ladder"
    result = CliRunner().invoke(
        main,
        [
            *("loadtest", *options.split(), "--ladder-steps", "2", "--ladder-seconds", "0.5"),
            *("--html", str(page), "--json", str(out), "--png", str(png)),
        ],
    )
    assert result.exit_code == Exit.OK, result.output
    report = json.loads(out.read_text())

    dom = opened(chromium, page, tmp_path)

    curves = [
        sum(percentile < 100 for percentile, _ in report["curves"][name])
        for name in ("all", "0", "1")
    ]
    windows = sum(window["latency"]["count"] > 0 for window in report["run"]["figures"]["windows"])
    steps = len(report["ladder"]["steps"])
    assert min(curves) > 20
    assert windows > 5
    assert drawn(dom) == {
        "latency": curves,
        "throughput": [2],
        "trajectory": [windows] * 3,
        # A machine that others use at the same time may carry no step: then there is no knee.
        "ladder": [steps, steps, steps] + [1] * (report["ladder"]["knee"] is not None),
    }
    # The lines and bars themselves, as the browser has put them there.
    assert len(re.findall(r'<path class="js-line"[^>]* d="M[^"]{20,}"', dom)) == 3 + 3 + 3
    assert len(re.findall(r'<g class="point"><path d="M[^"]+V[^"]+"', dom)) == 2
    assert png.read_bytes().startswith(b"\x89PNG")
    assert png.stat().st_size > 10_000


def test_the_page_fits_a_phone(chromium: str, tmp_path: Path) -> None:
    """Charts take the width that there is; only tables scroll, each by itself."""
    from load_reports import report_of  # noqa: PLC0415 - beside its use

    from openpit.loadtest.page import page  # noqa: PLC0415 - beside its use

    width, height = PHONE
    probe = (
        "<script>addEventListener('load', () => setTimeout(() => {"
        "const drawn = [...document.querySelectorAll('.main-svg:first-child')];"
        "parent.postMessage([innerWidth, document.documentElement.scrollWidth,"
        " ...drawn.map((chart) => chart.clientWidth)].join(' '), '*')}, 2000))</script></body>"
    )
    (tmp_path / "report.html").write_text(page(report_of()).replace("</body>", probe))
    phone = tmp_path / "phone.html"
    phone.write_text(
        "<title></title><script>"
        "addEventListener('message', (told) => { document.title = told.data })</script>"
        f'<iframe src="report.html" width="{width}" height="{height}" frameborder="0"></iframe>'
    )

    dom = opened(chromium, phone, tmp_path)

    title = re.search(r"<title>([^<]+)</title>", dom)
    assert title is not None
    window, content, *charts = map(int, title[1].split())
    assert window == width
    assert content <= window
    assert len(charts) == 4
    assert all(200 < chart <= window for chart in charts)
