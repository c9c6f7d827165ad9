"""A Chromium without a window, driven by its own protocol over a pair of pipes."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from typing import Any

from openpit.loadtest.picture import FLAGS, find_chromium

__all__ = ["Browser", "Page"]

SECONDS = 60

OWN = [flag for flag in FLAGS if not flag.startswith("--virtual-time")]


class Browser:
    """One process, with a profile of its own."""

    def __init__(self) -> None:
        chromium = find_chromium()
        assert chromium is not None
        self._folder = tempfile.mkdtemp(prefix="openpit-")
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        # It reads descriptor 3 and writes 4, whatever ours are.
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "sh", chromium, *OWN, "--remote-debugging-pipe",
             f"--user-data-dir={self._folder}", "about:blank"],
            pass_fds=[theirs_in, theirs_out],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._held = b""
        self._number = 0

    def call(self, method: str, session: str | None = None, **fields: Any) -> Any:
        """Have it do something; return its answer."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": fields}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self) -> Any:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._held:
            ready, _, _ = select.select([self._in], [], [], deadline - time.monotonic())
            assert ready, "the browser does not answer"
            data = os.read(self._in, 1 << 16)
            assert data, "the browser has ended"
            self._held += data
        message, _, self._held = self._held.partition(b"\0")
        return json.loads(message)

    def page(self, url: str, *, width: int, height: int = 900, dark: bool = False) -> Page:
        """Open a page, of a width."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.call("Page.enable")
        page.call("Runtime.enable")
        page.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        page.call("Emulation.setEmulatedMedia", features=[scheme])
        page.call("Page.navigate", url=url)
        return page

    def close(self) -> None:
        for fd in (self._in, self._out):
            os.close(fd)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    def call(self, method: str, **fields: Any) -> Any:
        return self._browser.call(method, self._session, **fields)

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = SECONDS) -> Any:
        """Wait until an expression is true; return its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = self.run(script)
            if value:
                return value
            assert time.monotonic() < deadline, f"{script}: {self.run('document.body.innerText')}"
            time.sleep(0.05)

    def text(self, selector: str) -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    def fill(self, selector: str, value: str) -> None:
        """Put a text into a field, as typing does."""
        self.run(
            f"(() => {{ const it = document.querySelector({json.dumps(selector)}); it.focus();"
            f" it.value = {json.dumps(value)};"
            " it.dispatchEvent(new Event('input', {bubbles: true})); })()"
        )

    def press(self, selector: str) -> None:
        self.until(f"document.querySelector({json.dumps(selector)}) !== null")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def picture(self, *, whole: bool = False) -> bytes:
        """Return a PNG of what is to be seen, or of the whole page."""
        taken = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        return base64.b64decode(taken["data"])
