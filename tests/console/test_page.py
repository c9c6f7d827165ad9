"""The page in a browser, wide and narrow: what is seen moves, and what is pressed is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from browser import Browser
from consoles import ADMIN, LIMITS
from flow import IN_SHARD_0, IN_SHARD_1, buy
from server_processes import Server, until

import openpit
from openpit.loadtest.picture import find_chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browser import Page

pytestmark = [pytest.mark.one_python, pytest.mark.timeout(300)]

WIDTHS = (1280, 390)

Desk: TypeAlias = tuple[Server, str]

_META = "document.querySelector('#shard-0 > .meta').innerText"
RESTARTS = f"Number({_META}.match(/([0-9]+) restart/)[1])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if find_chromium() is None:
        message = "no Chromium on the path (Debian package chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{message}: CI must have it, and .ci/run could not install it")
        pytest.skip(message)
    browser = Browser()
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def desk(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, str]]:
    """A server that has a console beside it, and its address."""
    folder = tmp_path_factory.mktemp("page")
    tokens = folder / "tokens"
    tokens.touch(0o600)
    tokens.write_text(f"alice admin {ADMIN}\n")
    server = Server(
        LIMITS,
        *("--journal", str(folder / "journal"), "--http", "127.0.0.1:0"),
        *("--http-tokens", str(tokens)),
    )
    assert server.process.stderr is not None
    line = server.process.stderr.readline()
    assert line.startswith("console at http://127.0.0.1:"), line
    yield server, line.split()[2].rstrip(",")
    server.remove()


def signed_in(browser: Browser, url: str, width: int, *, dark: bool = False) -> Page:
    page = browser.page(url, width=width, dark=dark)
    page.until("document.querySelector('#sign-dialog')?.open")
    page.fill("#token", ADMIN)
    page.press("#sign-ok")
    page.until("document.querySelector('#shard-1') !== null")
    page.until("document.querySelector('#orders').innerText === 'orders pass'")
    return page


def codes(engine: Any, account: int, quantity: str = "1") -> list[str]:
    result = engine.execute_pre_trade(buy(account, quantity))
    if result.ok:
        result.reservation.rollback()
    return [str(reject.code) for reject in result.rejects]


def console_of(server: Server) -> int:
    """The process of a server's console."""
    (found,) = (
        pid for pid in server.workers if b"\0console\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return found


def confirm(page: Page, reason: str) -> None:
    page.until("document.querySelector('#ask-dialog').open")
    page.fill("#reason", reason)
    page.press("#ask-ok")
    page.until("!document.querySelector('#ask-dialog').open")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_shows_what_is_and_does_what_is_pressed(
    browser: Browser, desk: Desk, width: int
) -> None:
    server, url = desk
    page = signed_in(browser, url, width, dark=width < 600)
    with openpit.connect(server.path, name="gateway", timeout=30) as engine:
        # it fits
        assert page.run("innerWidth") == width
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.text("#who") == "alice (admin)"

        # numbers move
        refused = int(page.text("#f-refused").replace(",", ""))
        assert codes(engine, IN_SHARD_0, "1001") == ["OrderQtyExceedsLimit"]
        page.until(f"document.querySelector('#f-refused').innerText === '{refused + 1}'")
        page.until(
            "document.querySelector('#refusals').innerText"
            ".includes('requested 1001, max allowed: 1000')"
        )
        assert "[order_size_limit.broker] max_quantity 1000" in page.text("#refusals")
        assert "gateway" in page.text("#sessions")

        # a block stops the next order
        page.fill("#account", str(IN_SHARD_1))
        page.press("#account-form .main")
        page.until("document.querySelector('#account-told').innerText.includes('may trade')")
        page.press("#block")
        confirm(page, "hedge first")
        assert codes(engine, IN_SHARD_1) == ["AccountBlocked"]
        page.until("document.querySelector('#blocked').innerText.includes('hedge first')")
        assert "console:alice blocked" in page.text("#changes")
        page.press(f"[data-key='unblock-{IN_SHARD_1}']")
        confirm(page, "is hedged")
        assert codes(engine, IN_SHARD_1) == []

        # a limit changes decisions on all shards, after a second look
        assert codes(engine, IN_SHARD_0, "6") == codes(engine, IN_SHARD_1, "6") == []
        for old, new, expected in (("1000", "5", ["OrderQtyExceedsLimit"]), ("5", "1000", [])):
            page.until(
                f"document.querySelector('#toml').value.includes('max_quantity = \"{old}\"')"
            )
            text = page.run("document.querySelector('#toml').value")
            page.fill("#toml", text.replace(f'"{old}"', f'"{new}"'))
            page.press("#limits-diff")
            page.until("document.querySelector('#ask-dialog').open")
            assert f'+max_quantity = "{new}"' in page.text("#ask-diff")
            confirm(page, "open of the day")
            for account in (IN_SHARD_0, IN_SHARD_1):
                assert codes(engine, account, "6") == expected
        page.until("document.querySelector('#changes').innerText.includes('changed these limits')")

        # would it pass?
        page.fill("#d-account", str(IN_SHARD_0))
        page.fill("#d-quantity", "2000")
        page.fill("#d-price", "1")
        page.press("#dry-form .main")
        page.until("document.querySelector('#dry-told').innerText.includes('would be refused')")


def test_a_killed_worker_shows_and_comes_back(browser: Browser, desk: Desk) -> None:
    server, url = desk
    page = signed_in(browser, url, 1280)
    assert page.run(RESTARTS) == 0
    pid = int(page.text("#shard-0 > .meta").split()[1])
    os.kill(pid, signal.SIGSTOP)  # it does not answer ...
    try:
        page.until("document.querySelector('#shard-0').dataset.state === 'stalled'", 30)
        page.until("document.querySelector('#shard-0 .why').innerText.includes('no answer')", 30)
        assert page.text("#shard-1 .pill") == "up"
    finally:
        os.kill(pid, signal.SIGKILL)  # ... and then it is gone
    page.until(f"{RESTARTS} === 1", 30)
    page.until("document.querySelector('#shard-0').dataset.state === 'up'", 30)
    assert int(page.text("#shard-0 > .meta").split()[1]) != pid
    with openpit.connect(server.path, name="gateway", timeout=30) as engine:
        assert codes(engine, IN_SHARD_0) == []


def test_without_its_console_a_server_goes_on_and_says_so(desk: Desk) -> None:
    server, _ = desk
    console = console_of(server)
    os.kill(console, signal.SIGKILL)
    assert server.process.stderr is not None
    lines = iter(server.process.stderr.readline, "")
    assert any("the console has ended with code -9; the server goes on" in one for one in lines)
    with openpit.connect(server.path, name="gateway", timeout=30) as engine:
        assert codes(engine, IN_SHARD_0) == []


def test_a_console_ends_with_its_server_however_that_ends(tmp_path: Path) -> None:
    server = Server(LIMITS, "--http", "127.0.0.1:0", shards=1)
    try:
        console = console_of(server)
        server.process.kill()
        server.process.wait()
        until(lambda: not Path(f"/proc/{console}").exists())
    finally:
        server.remove()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--http", "0.0.0.0:0"], 2, "that takes --http-tokens"),
        (["--http", "desk:80"], 2, "'desk:80' is no address"),
        (["--http", "127.0.0.1:0", "--http-tokens", "none"], 2, "cannot read none"),
        (["--http", "192.0.2.1:80", "--http-tokens", "TOKENS"], 7, "cannot listen at 192.0.2.1:80"),
        (["--http-tokens", "TOKENS"], 2, "go with --http"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_starts(
    tmp_path: Path, options: list[str], code: int, text: str
) -> None:
    tokens = tmp_path / "TOKENS"
    tokens.touch(0o600)
    tokens.write_text(f"alice admin {ADMIN}\n")
    done = subprocess.run(
        [sys.executable, "-m", "openpit", "serve", "--socket", "s", *options],
        check=False, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == code
    assert text in " ".join(done.stderr.split())
    assert not (tmp_path / "s").exists()
