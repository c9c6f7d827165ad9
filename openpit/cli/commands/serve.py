"""`openpit serve`: an engine that many programs share, at a socket of this machine."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.consoles import ConsoleBeside, console_options, http_options, http_socket
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import Exit, ExitError, listed
from openpit.cli.inputs import NamedPath, text_of, told
from openpit.cli.keeping import keeping_options, refuse_client_time
from openpit.cli.named import observer_named, with_actor, with_policy
from openpit.cli.reloading import is_reloading
from openpit.cli.serving import Ending, clock_of, serve
from openpit.errors import JournalError, ShardStartError
from openpit.faces.embedded import Engine
from openpit.faces.options import (
    GRACE_SECONDS,
    LONGEST_SECONDS,
    MIN_FREE,
    RECOVERY_SECONDS,
    RESTARTS,
    SYNCS,
    default_shards,
)
from openpit.limits.reading import loads
from openpit.limits.tables import ConfigError
from openpit.server.limits import SESSION_CREDIT, SESSIONS, Limits
from openpit.shards.log_lines import FORMS, VARIABLE, write_logs
from openpit.slots import MAX_SHARDS
from openpit.wire.limits import FRAME_BYTES, OPEN_HANDLES
from openpit.wire.roles import ROLES, Role
from openpit.wire.sessions import NOTE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openpit.faces.starting import StartPlan
    from openpit.journal.writing import Sync
    from openpit.limits.reading import Policies

__all__ = ["command"]


_log = logging.getLogger("openpit.server")

EPILOG = """\b
Examples:
  openpit serve --socket /run/user/1000/openpit.sock --shards 4 --config limits.toml
  openpit serve --socket desk.sock --policy desk.limits:Fatfinger --pid-file desk.pid
  openpit serve --socket desk.sock --actor gateway=desk.gateways:Gateway
  openpit serve --socket desk.sock --journal /var/lib/desk --sync power
  openpit serve --socket desk.sock --journal /var/lib/desk --config limits.toml --migrate
  openpit serve --socket desk.sock --http 127.0.0.1:8080 --http-tokens tokens

A program connects with openpit.connect(PATH). The socket is its user's alone (mode 0600): who else
may come, --allow-uid and --role say, and the folder that it stands in. SIGTERM and ^C end the
server when the orders in flight are answered, or after --drain seconds; a second one at once.

""" + listed(
    Exit.OK,
    Exit.FAILED,
    Exit.USAGE,
    Exit.BAD_CONFIG,
    Exit.SHARD_DIED,
    Exit.NOT_STARTED,
    Exit.IO_FAILED,
    Exit.INTERRUPTED,
)


@click.command(epilog=EPILOG)
@click.option(
    "--socket",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="Path to listen at. A dead server's socket is replaced, a living one's is not.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, MAX_SHARDS),
    help="Worker processes.  [default: the cores this process may use]",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    help="Policies and limits (TOML).  [default: what `openpit config` prints]",
)
@click.option(
    "--policy",
    "custom",
    multiple=True,
    metavar="MODULE:NAME",
    help="A policy of your own: a class to be called without arguments, or an object; or a "
    "built-in one that is ready for builtin(). Repeatable.",
)
@click.option(
    "--actor",
    "actors",
    multiple=True,
    metavar="NAME=MODULE:FACTORY",
    help="Code of your own in every worker, to which clients send messages. Repeatable.",
)
@click.option(
    "--client-time",
    is_flag=True,
    help="Take the times that clients give their orders, as simulations do.",
)
@click.option(
    "--allow-uid",
    "users",
    type=click.IntRange(0),
    multiple=True,
    help="Another user that may connect and trade, beside the server's own. Repeatable.",
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    metavar="UID=ROLE",
    help="What a user's programs may do: reader, trader or admin. The server's own may do "
    "everything, unless this says otherwise. Repeatable.",
)
@click.option(
    "--sessions", type=click.IntRange(1, 4096), default=SESSIONS, show_default=True,
    help="Programs at once.",
)  # fmt: skip
@click.option(
    "--credit", type=click.IntRange(1, 8192), default=SESSION_CREDIT, show_default=True,
    help="Commands in flight of one session to one shard.",
)  # fmt: skip
@click.option(
    "--open", "open_handles", type=click.IntRange(1), default=OPEN_HANDLES, show_default=True,
    help="Reservations of one session that wait for their end on one shard.",
)  # fmt: skip
@keeping_options
@click.option(
    "--frame", type=click.IntRange(NOTE_BYTES, FRAME_BYTES), default=FRAME_BYTES, show_default=True,
    metavar="BYTES", help="One frame of a session: its largest order, report or change.",
)  # fmt: skip
@click.option(
    "--drain", type=click.FloatRange(0), default=5.0, show_default=True,
    help="Seconds that orders in flight have when the server ends.",
)  # fmt: skip
@click.option(
    "--journal", type=NamedPath(file_okay=False, path_type=Path), metavar="DIR",
    help="Write down there what the shards are told, and go on from it after a restart.",
)  # fmt: skip
@click.option(
    "--migrate", is_flag=True,
    help="Take a journal of other policies, limits or options, and have those of now hold in it.",
)  # fmt: skip
@click.option(
    "--sync", type=click.Choice(SYNCS), default="process", show_default=True,
    help="What an answered call outlasts: the end of any process, or that of the machine.",
)  # fmt: skip
@click.option(
    "--min-free", type=click.IntRange(0), default=MIN_FREE, show_default=True, metavar="BYTES",
    help="Free space of the journal's disk below which the workers warn.",
)  # fmt: skip
@click.option(
    "--grace", type=click.FloatRange(0), default=GRACE_SECONDS, show_default=True,
    help="Seconds for which the open reservations of a session with a name wait for it.",
)  # fmt: skip
@click.option(
    "--restarts", type=click.IntRange(0), default=RESTARTS, show_default=True,
    help="How often in a minute a shard's worker that ends is replaced, with a journal.",
)  # fmt: skip
@click.option(
    "--recovery-timeout", type=click.FloatRange(0, LONGEST_SECONDS, min_open=True),
    default=RECOVERY_SECONDS, show_default=True, metavar="SECONDS",
    help="How long replaying the journal may take, at a start and for a worker that is replaced.",
)  # fmt: skip
@http_options()
@click.option(
    "--observer", metavar="MODULE:FACTORY",
    help="Code of your own in the server that hears what happens: what it returns has methods of "
    "openpit.Observer.",
)  # fmt: skip
@click.option(
    "--log-json", is_flag=True,
    help="Write all logs, of the server and its workers, as lines of JSON to stderr; without it "
    "warnings and errors alone. With OPENPIT_LOG=text in the environment, all of them as text.",
)  # fmt: skip
@click.option(
    "--pid-file", type=click.Path(dir_okay=False, path_type=Path),
    help="Write the server's process id there, and remove it at the end.",
)  # fmt: skip
@click.option(
    "--ready-fd", type=click.IntRange(0), help="Write a line to this descriptor when it listens."
)
def command(
    *,
    path: Path,
    shards: int | None,
    config: Path | None,
    custom: Sequence[str],
    actors: Sequence[str],
    client_time: bool,
    users: Sequence[int],
    roles: Sequence[str],
    sessions: int,
    credit: int,
    open_handles: int,
    frame: int,
    drain: float,
    journal: Path | None,
    migrate: bool,
    sync: Sync,
    min_free: int,
    grace: float,
    http: str | None,
    http_tokens: Path | None,
    http_names: Sequence[str],
    names: Path | None,
    observer: str | None,
    log_json: bool,
    pid_file: Path | None,
    ready_fd: int | None,
    **keeping: Any,
) -> None:
    """Run an engine that many programs share, at the socket PATH.

    Its limits are one for all of them, whichever program an order comes from.
    """
    if log_json:
        os.environ[VARIABLE] = "json"  # the workers' logs, too
    form = os.environ.get(VARIABLE)
    write_logs(form)
    clock = clock_of(client_time=client_time)
    refuse_client_time(client_time=client_time, **keeping)
    if journal is not None and client_time:
        raise click.UsageError("--journal goes on with the server's time, not with --client-time")
    if migrate and journal is None:
        raise click.UsageError("--migrate is for a journal: give --journal DIR")
    keeping |= {"journal": journal, "sync": sync, "min_free": min_free, "grace": grace}
    keeping["migrate"] = migrate
    keeping["shards"] = shards or default_shards()
    policies, plan = _plan(clock, keeping, config, custom, actors)
    if observer is not None:
        plan = replace(plan, observer=observer_named(observer))
    limits = Limits(sessions=sessions, credit=credit, frame_bytes=frame, open_handles=open_handles)
    allowed = {os.getuid(): Role.ADMIN} | dict.fromkeys(users, Role.TRADER) | _roles(roles)
    _check_descriptor(ready_fd)
    ending = Ending(path, drain, pid_file, ready_fd)
    if form in FORMS:
        ending.say = _log.info
    if is_reloading(config):
        ending.config = config
    past = None if journal is None else (journal, config, custom, actors)
    options = console_options(http, http_tokens, http_names, past, names)
    if http is not None:
        ending.console = ConsoleBeside(http_socket(http, http_tokens), options)
    serve(plan, policies, limits, allowed, ending, client_time=client_time)


def _plan(
    clock: Callable[[], int],
    options: dict[str, Any],
    config: Path | None,
    custom: Sequence[str],
    actors: Sequence[str],
) -> tuple[Policies, StartPlan]:
    """Return the policies of a configuration, and what the engine starts from."""
    try:
        policies = loads(DEFAULT_CONFIG if config is None else text_of(config))
        stage = policies.add_to(Engine.builder().clock(clock).sharded(**options))
        for name in custom:
            stage = with_policy(stage, name)
        for named in actors:
            stage = with_actor(stage, named)
        return policies, stage._plan()  # noqa: SLF001 - what build() starts from, and a server, too
    except ConfigError as error:
        name = "default configuration" if config is None else told(config)
        raise ExitError(Exit.BAD_CONFIG, f"{name}: {error}") from None
    except (ShardStartError, JournalError) as error:
        raise ExitError(Exit.NOT_STARTED, str(error)) from error
    except ValueError as error:  # two policies of one name or group
        raise click.UsageError(f"--policy: {error}") from None


def _roles(given: Sequence[str]) -> dict[int, int]:
    """Return the role of each user, as the options say."""
    roles: dict[int, int] = {}
    for text in given:
        user, _, role = text.partition("=")
        if not (user.isascii() and user.isdecimal()) or role not in ROLES:
            raise click.UsageError(f"--role is UID=reader, UID=trader or UID=admin, not {text}")
        roles[int(user)] = ROLES[role]
    return roles


def _check_descriptor(number: int | None) -> None:
    if number is not None:
        try:
            os.fstat(number)
        except OSError:
            raise click.UsageError(f"--ready-fd {number}: no such descriptor is open") from None
