"""What docs/limits.md shows, done."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import openpit
from openpit.limits import ConfigError

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_file_can_be_loaded_and_the_programs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (text,) = blocks("toml")
    Path("limits.toml").write_text(text, encoding="utf-8")
    Path("limits-of-tomorrow.toml").write_text(
        text.replace("max_orders = 50\n", "max_orders = 60\n"), encoding="utf-8"
    )
    building, changing = blocks("python")
    names: dict[str, object] = {"openpit": openpit}
    exec(building.replace("sharded(2)", "no_sync()"), names)
    exec(changing, names)
    assert names["changed"] == ["rate_limit"]


def test_the_message_that_is_shown_is_the_one_there_is() -> None:
    (shown,) = re.findall(r"Error: limits\.toml: (.*)", PAGE)
    rows = "".join(
        f'\n[[rate_limit.account]]\naccount = {account}\nmax_orders = 50\nwindow = "1s"\n'
        for account in (7, 7)
    )
    text = f"[order_validation]\n\n[rate_limit]\n\n{rows}"
    with pytest.raises(ConfigError) as caught:
        openpit.limits.loads(text)
    assert str(caught.value) == shown
