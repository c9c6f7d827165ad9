"""`openpit ctl`: look at a running server, and steer it. A client of it like any other."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.account_document import account_document, cause_document, pnl_text
from openpit.cli.exits import Exit, ExitError, listed
from openpit.cli.extra import loaded
from openpit.cli.grids import Grid, ReportConsole
from openpit.cli.inputs import text_of, told
from openpit.cli.named import account_named
from openpit.cli.server_options import socket_option, timeout_option
from openpit.cli.streams import tell, writing_to_stdout
from openpit.errors import (
    NotPermitted,
    OutcomeUnknown,
    PolicyConfigureError,
    ServerRefused,
    ShardDown,
    ShardOverloaded,
)
from openpit.faces.asking import drain_server, sessions_of
from openpit.faces.connecting import connect
from openpit.limits.changing import (
    changes_between,
    difference,
    settings_in,
    text_of_tables,
)
from openpit.limits.reading import loads
from openpit.limits.tables import ConfigError
from openpit.wire.roles import role_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openpit.faces.blocking.engine import ShardedEngine
    from openpit.pretrade.account_state import AccountState

__all__ = ["command"]

EPILOG = """\b
Examples:
  openpit ctl --socket desk.sock stats
  openpit ctl --socket desk.sock metrics
  openpit ctl --socket desk.sock account 7 --json
  openpit ctl --socket desk.sock limits show > limits.toml
  openpit ctl --socket desk.sock limits set limits.toml
  openpit ctl --socket desk.sock halt "exchange is down"

What changes something takes a user whose sessions administer (`openpit serve --role`).

""" + listed(
    Exit.OK,
    Exit.FAILED,
    Exit.USAGE,
    Exit.BAD_CONFIG,
    Exit.SHARD_DIED,
    Exit.IO_FAILED,
    Exit.REFUSED,
    Exit.INTERRUPTED,
)


@dataclass(frozen=True)
class _Server:
    """Where the server is, and how long it is waited for."""

    path: Path
    timeout: float

    @property
    def name(self) -> str:
        """What the command calls its session."""
        return f"ctl {os.getpid()}"

    @contextmanager
    def engine(self) -> Iterator[ShardedEngine]:
        """Connect, and end the session with the block."""
        with _told(), connect(self.path, name=self.name, timeout=self.timeout) as engine:
            yield engine


@contextmanager
def _told() -> Iterator[None]:
    """End with the code of what went wrong between the command and its server."""
    try:
        yield
    except (ServerRefused, NotPermitted) as error:
        raise ExitError(Exit.REFUSED, str(error)) from None
    except (ShardDown, ShardOverloaded, OutcomeUnknown) as error:
        raise ExitError(Exit.SHARD_DIED, str(error)) from None


@click.group(epilog=EPILOG)
@socket_option
@timeout_option
@click.pass_context
def command(context: click.Context, path: Path, timeout: float) -> None:
    """Look at the server that listens at PATH, and steer it."""
    context.obj = _Server(path, timeout)


def _json_option(function: Callable[..., None]) -> Callable[..., None]:
    option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")
    return option(function)


def _print(document: Any, as_json: bool, *grids: Grid | str) -> None:  # noqa: FBT001 - the option
    """Print a document, or what shows it to a person."""
    with writing_to_stdout():
        if as_json:
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            ReportConsole().print(*grids)


def _text(value: object) -> str:
    return "-" if value is None else str(value)


# --- looking --------------------------------------------------------------------------------------


@command.command()
@_json_option
@click.pass_obj
def stats(server: _Server, as_json: bool) -> None:  # noqa: FBT001 - click passes options by name
    """Show the shards, the sessions, and whether orders are halted."""
    with server.engine() as engine:
        shards = engine.stats()
        halted = engine.halted() if any(one.state == "up" for one in shards) else None
        found = sessions_of(server.path, timeout=server.timeout)
    sessions = [one for one in found if one.name != server.name]
    document = {
        "halted": halted,
        "shards": [{"shard": one.shard, "state": one.state, "why": one.why} for one in shards],
        "sessions": [{**one._asdict(), "role": role_name(one.role)} for one in sessions],
    }
    states = Grid("shard", "state", "why")
    for one in shards:
        states.add_row(str(one.shard), one.state, _text(one.why))
    users = Grid("session", "name", "user", "role", "commands", "in flight", "unsent bytes")
    for each in sessions:
        users.add_row(
            str(each.number), _text(each.name), str(each.user), role_name(each.role),
            str(each.commands), str(each.in_flight), str(each.unsent_bytes),
        )  # fmt: skip
    head = "orders pass" if halted is None else f"orders are halted: {halted}"
    _print(document, as_json, head, states, users)


@command.command()
@click.pass_obj
def metrics(server: _Server) -> None:
    """Print the metrics of the server as OpenMetrics text, for Prometheus and what reads it."""
    metrics = loaded("openpit.metrics")
    with server.engine() as engine:
        text = metrics.collector(engine, timeout=server.timeout).text()
    with writing_to_stdout():
        click.echo(text, nl=False)


@command.command()
@click.argument("account")
@_json_option
@click.pass_obj
def account(server: _Server, account: str, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Show what an account has, holds and is blocked for."""
    number = account_named(account)
    with server.engine() as engine:
        state = engine.account_state(number)
    _print(account_document(state), as_json, *_grids(state))


def _grids(state: AccountState) -> Iterator[Grid | str]:
    facts = Grid("account", str(state.account.value))
    facts.add_row("group", "-" if state.group is None else str(state.group.value))
    facts.add_row("currency", _text(state.currency))
    causes = {"": state.block, "group ": state.group_block, "engine ": state.engine_block}
    for whose, block in causes.items():
        why = None if block is None else f"{block.code}: {block.reason} ({block.policy})"
        facts.add_row(f"{whose}blocked", _text(why))
    for name, count in asdict(state.open).items():
        facts.add_row(f"open {name.replace('_', ' ')}", str(count))
    yield facts
    for one in state.policies:
        if one.holdings:
            holdings = Grid(
                "asset", "available", "held", "incoming", "average price", "PnL", title=one.policy
            )
            for each in one.holdings:
                holdings.add_row(
                    each.asset, str(each.available), str(each.held), str(each.incoming),
                    _text(each.average_entry_price), _text(pnl_text(each.pnl)),
                )  # fmt: skip
            yield holdings
        if one.pnls:
            pnls = Grid("currency", "PnL", title=one.policy)
            for pnl in one.pnls:
                pnls.add_row(_text(pnl.currency), _text(pnl_text(pnl.pnl)))
            yield pnls


@command.command()
@_json_option
@click.pass_obj
def groups(server: _Server, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Show the groups of accounts: members, blocks, currencies."""
    with server.engine() as engine:
        found = engine.groups()
    table = Grid("group", "members", "blocked", "currency")
    for one in found:
        reason, currency = _text(one.block_reason), _text(one.currency)
        table.add_row(str(one.group.value), str(one.members), reason, currency)
    document = [{**asdict(one), "group": one.group.value} for one in found]
    _print(document, as_json, table if found else "no groups")


# --- settings -------------------------------------------------------------------------------------


@command.group()
def limits() -> None:
    """Show the limits in force, or change them."""


@limits.command()
@_json_option
@click.pass_obj
def show(server: _Server, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Print the limits in force, as a file that `limits set` takes."""
    with server.engine() as engine:
        tables = engine.settings()
    with writing_to_stdout():
        click.echo(json.dumps(tables, indent=2) if as_json else text_of_tables(tables), nl=as_json)


@contextmanager
def _naming(file: Path) -> Iterator[None]:
    """End with the name of the file for what is wrong in it; nothing is changed then."""
    try:
        yield
    except (ConfigError, PolicyConfigureError) as error:
        raise ExitError(Exit.BAD_CONFIG, f"{told(file)}: {error}") from None


@limits.command(name="set")
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
)
@click.option("--yes", is_flag=True, help="Ask nothing.")
@_json_option
@click.pass_obj
def set_(server: _Server, file: Path, yes: bool, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Change the limits to those of FILE, having shown what that changes: all of them, or none.

    Policies stay those that the server was started with. What is of the start alone (funds, first
    PnLs, the accounts' currency) is not looked at.
    """
    if as_json and not yes:
        raise click.UsageError("--json needs --yes: there is nobody to ask")
    with server.engine() as engine:
        before = engine.settings()
        with _naming(file):
            after = settings_in(loads(text_of(file)), before)
        shown = difference(before, after)
        if not as_json:
            _print(None, False, shown or "these limits are in force already")
        if shown and not yes and not click.confirm("Change the limits of the running server?"):
            tell("nothing was changed")
            return
        changes = changes_between(before, after)
        with _naming(file):
            if changes:
                engine.configure().apply_all(changes.values())
    changed = [*changes]
    if as_json:
        _print({"changed": changed, "difference": shown}, True)
    elif changed:
        tell("these limits are in force")


# --- steering -------------------------------------------------------------------------------------


@command.command()
@click.argument("account")
@click.argument("reason", default="by hand")
@_json_option
@click.pass_obj
def block(server: _Server, account: str, reason: str, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Reject the orders of ACCOUNT for REASON; a cause that it has already stays."""
    number = account_named(account)
    with server.engine() as engine:
        engine.accounts().block(number, reason)
        cause = engine.account_state(number).block
    reason = "" if cause is None else cause.reason
    document = {"account": number.value, "block": cause_document(cause)}
    _print(document, as_json, f"account {number.value} is blocked: {reason}")


@command.command()
@click.argument("account")
@_json_option
@click.pass_obj
def unblock(server: _Server, account: str, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Remove ACCOUNT's own block; those of its group and of the engine stay."""
    number = account_named(account)
    with server.engine() as engine:
        engine.accounts().unblock(number)
        cause = engine.account_state(number).cause
    still = "is not blocked" if cause is None else f"is still blocked: {cause.reason}"
    document = {"account": number.value, "cause": cause_document(cause)}
    _print(document, as_json, f"account {number.value} {still}")


@command.command()
@click.argument("reason")
@_json_option
@click.pass_obj
def halt(server: _Server, reason: str, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Reject all orders of all accounts for REASON; reports, commits and rollbacks go on."""
    with server.engine() as engine:
        engine.halt(reason)
        silent = [one.shard for one in engine.stats() if one.state == "stalled"]
    text = f"orders are halted: {reason}"
    if silent:
        numbers = ", ".join(map(str, silent))
        text += f"\nshards that are stalled have it ahead of any order: {numbers}"
    _print({"halted": reason, "stalled": silent}, as_json, text)


@command.command()
@_json_option
@click.pass_obj
def resume(server: _Server, as_json: bool) -> None:  # noqa: FBT001 - as above
    """Let orders pass again."""
    with server.engine() as engine:
        engine.resume()
    _print({"halted": None}, as_json, "orders pass")


@command.command()
@click.option(
    "--wait", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True,
    help="Seconds to wait until the server has ended.",
)  # fmt: skip
@_json_option
@click.pass_obj
def drain(server: _Server, wait: float, as_json: bool) -> None:  # noqa: FBT001 - as above
    """End the server when what is in flight is answered, and wait for that."""
    with _told():
        has_ended = drain_server(server.path, timeout=server.timeout, wait=wait)
    if not has_ended:
        raise ExitError(Exit.SHARD_DIED, f"the server has not ended within {wait:g} s")
    _print({"ended": True}, as_json, "the server takes nothing more, and ends")
