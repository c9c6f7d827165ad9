"""`openpit config`: the default policies, to start a file of one's own from."""

from __future__ import annotations

import click

from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import STREAMS, listed
from openpit.cli.streams import writing_to_stdout

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit config > limits.toml
  openpit replay flow.jsonl --config limits.toml

""" + listed(*STREAMS)


@click.command(epilog=EPILOG)
def command() -> None:
    """Print the policies and limits that `openpit replay` uses by default, with comments."""
    with writing_to_stdout():
        click.echo(DEFAULT_CONFIG, nl=False)
