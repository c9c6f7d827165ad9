"""`openpit config`: the default policies, to start a file of one's own from; and checks of one."""

from __future__ import annotations

import json
from pathlib import Path

import click

from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import STREAMS, Exit, ExitError, listed
from openpit.cli.inputs import text_of, told
from openpit.cli.streams import writing_to_stdout
from openpit.limits import ConfigError, loads, schema

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit config > limits.toml
  openpit replay flow.jsonl --config limits.toml
  openpit config --check limits.toml
  openpit config --schema > limits.schema.json

An editor with TOML support completes a file whose first line is
`#:schema ./limits.schema.json`.

""" + listed(*STREAMS, Exit.BAD_CONFIG)


@click.command(epilog=EPILOG)
@click.option(
    "--check",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Say whether FILE is a configuration, and what is wrong with it.",
)
@click.option("--schema", "as_schema", is_flag=True, help="Print the JSON schema of such a file.")
def command(file: Path | None, as_schema: bool) -> None:  # noqa: FBT001 - the option
    """Print the policies and limits that `openpit replay` uses by default, with comments."""
    if file is not None and as_schema:
        raise click.UsageError("--check and --schema exclude each other")
    if file is not None:
        text = _checked(file)
    else:
        text = json.dumps(schema(), indent=2) + "\n" if as_schema else DEFAULT_CONFIG
    with writing_to_stdout():
        click.echo(text, nl=False)


def _checked(file: Path) -> str:
    try:
        tables = loads(text_of(file)).settings()
    except ConfigError as error:
        raise ExitError(Exit.BAD_CONFIG, f"{told(file)}: {error}") from None
    return f"{told(file)}: right ({', '.join(tables)})\n"
