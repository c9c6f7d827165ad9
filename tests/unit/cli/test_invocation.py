from __future__ import annotations

import re

import click
from click.testing import CliRunner

from openpit.cli import LazyGroup
from openpit.cli.invocation import Invocation, invocation_of


def test_a_command_knows_how_and_when_it_was_called() -> None:
    kept: list[Invocation] = []

    @click.group(cls=LazyGroup)
    def group() -> None:
        pass

    @click.command()
    @click.argument("words", nargs=-1)
    @click.pass_context
    def command(context: click.Context, words: tuple[str, ...]) -> None:
        kept.append(invocation_of(context))

    group.get_command = lambda *_: command  # type: ignore[method-assign]
    result = CliRunner().invoke(group, ["replay", "my flow.jsonl", "x"])

    assert (result.exit_code, result.output) == (0, "")
    (invocation,) = kept
    assert invocation.command_line == ["openpit", "replay", "my flow.jsonl", "x"]
    assert invocation.text == "openpit replay 'my flow.jsonl' x"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", invocation.date)
    assert re.match(r"\d+\.\d+", invocation.version)
