"""`openpit serve`: an engine that many programs share, at a socket of this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import Exit, ExitError, listed
from openpit.cli.inputs import text_of, told
from openpit.cli.keeping import keeping_options, refuse_client_time
from openpit.cli.named import observer_named, with_actor, with_policy
from openpit.cli.reloading import Reloading, is_reloading
from openpit.cli.streams import tell
from openpit.errors import JournalError, ShardStartError
from openpit.faces.embedded import Engine
from openpit.faces.options import GRACE_SECONDS, MIN_FREE, SYNCS, default_shards
from openpit.limits.reading import loads
from openpit.limits.tables import ConfigError
from openpit.server.address import AddressInUseError, check_free
from openpit.server.limits import SESSION_CREDIT, SESSIONS, Limits
from openpit.server.service import start_service
from openpit.shards.log_lines import VARIABLE, write_logs
from openpit.slots import MAX_SHARDS
from openpit.wire.limits import FRAME_BYTES, OPEN_HANDLES
from openpit.wire.roles import ROLES, Role
from openpit.wire.sessions import NOTE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.starting import StartPlan
    from openpit.journal.writing import Sync
    from openpit.limits.reading import Policies
    from openpit.server.service import Service

__all__ = ["Ending", "command", "serve"]

_Result = TypeVar("_Result")

_log = logging.getLogger("openpit.server")

EPILOG = """\b
Examples:
  openpit serve --socket /run/user/1000/openpit.sock --shards 4 --config limits.toml
  openpit serve --socket desk.sock --policy desk.limits:Fatfinger --pid-file desk.pid
  openpit serve --socket desk.sock --actor gateway=desk.gateways:Gateway
  openpit serve --socket desk.sock --journal /var/lib/desk --sync power

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
    "--journal", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write down there what the shards are told, and go on from it after a restart.",
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
    "--observer", metavar="MODULE:FACTORY",
    help="Code of your own in the server that hears what happens: what it returns has methods of "
    "openpit.Observer.",
)  # fmt: skip
@click.option(
    "--log-json", is_flag=True,
    help="Write all logs, of the server and its workers, as lines of JSON to stderr.",
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
    sync: Sync,
    min_free: int,
    grace: float,
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
        write_logs("json")
    clock = clock_of(client_time=client_time)
    refuse_client_time(client_time=client_time, **keeping)
    if journal is not None and client_time:
        raise click.UsageError("--journal goes on with the server's time, not with --client-time")
    keeping |= {"journal": journal, "sync": sync, "min_free": min_free, "grace": grace}
    keeping["shards"] = shards or default_shards()
    policies, plan = _plan(clock, keeping, config, custom, actors)
    if observer is not None:
        plan = replace(plan, observer=observer_named(observer))
    limits = Limits(sessions=sessions, credit=credit, frame_bytes=frame, open_handles=open_handles)
    allowed = {os.getuid(): Role.ADMIN} | dict.fromkeys(users, Role.TRADER) | _roles(roles)
    _check_descriptor(ready_fd)
    ending = Ending(path, drain, pid_file, ready_fd)
    if log_json:
        ending.say = _log.info
    if is_reloading(config):
        ending.config = config
    serve(plan, policies, limits, allowed, ending, client_time=client_time)


def serve(
    plan: StartPlan,
    policies: Policies,
    limits: Limits,
    users: dict[int, int],
    ending: Ending,
    *,
    client_time: bool,
) -> None:
    """Run a server in this process from its start to its end; ``users`` have roles.

    Raises:
        ExitError: it did not start, or ended as its code tells.
    """
    died = _new_loop().run_until_complete(
        _serve(plan, policies, limits, users, ending, client_time=client_time)
    )
    if died:
        raise ExitError(Exit.SHARD_DIED, died)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def clock_of(*, client_time: bool) -> Callable[[], int]:
    """Return a server's own clock: where clients bring the times, it stands before all of them.

    A rate limit's first window begins when it is made. A flow's times may begin anywhere.
    """
    return (lambda: 0) if client_time else time.monotonic_ns


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


class Ending:
    """What tells that a server listens, and how it ends."""

    def __init__(
        self, path: Path, drain: float, pid_file: Path | None, ready_fd: int | None
    ) -> None:
        self.path = path
        self.drain = drain
        self._pid_file = pid_file
        self._ready_fd = ready_fd
        self._event = asyncio.Event()
        self.is_urgent = False
        self.say: Callable[[str], object] = tell
        self.config: Path | None = None  # what SIGHUP reads again; it ends the server where None

    def take_signals(self) -> None:
        """Have SIGTERM, SIGINT and SIGHUP end the server; a second one at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.end)

    def end(self) -> None:
        """End the server when what is in flight is answered; asked again, at once."""
        if self._event.is_set():
            self.is_urgent = True
        self._event.set()

    def drain_once(self) -> None:
        """End the server for a client that has asked for it, who cannot make it urgent."""
        self._event.set()

    def announce(self, engine: AsyncShardedEngine) -> None:
        """Say where the server listens.

        Raises:
            ExitError: the file for its process id cannot be written.
        """
        if self._pid_file is not None:
            try:
                self._pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
            except OSError as error:
                text = f"cannot write {self._pid_file}: {error.strerror}"
                raise ExitError(Exit.IO_FAILED, text) from None
        line = f"listening at {self.path} with {engine.shards} shards, process {os.getpid()}"
        self.say(line)
        if self._ready_fd is not None:
            with suppress(OSError):
                os.write(self._ready_fd, f"{line}\n".encode())
                os.close(self._ready_fd)
        _notify("READY=1")

    async def unless(self, coming: Coroutine[Any, Any, _Result]) -> _Result:
        """Return what is coming, if no signal comes before it.

        Raises:
            ExitError: one has come. What was under way is cancelled.
        """
        task = asyncio.ensure_future(coming)
        signalled = asyncio.ensure_future(self._event.wait())
        await asyncio.wait({task, signalled}, return_when=asyncio.FIRST_COMPLETED)
        signalled.cancel()
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
        if task.cancelled():
            raise ExitError(Exit.INTERRUPTED, "interrupted before it listened")
        return task.result()

    async def wait(self) -> None:
        """Wait for a signal, and tell that the server ends."""
        await self._event.wait()
        _notify("STOPPING=1")

    def over(self) -> None:
        """Remove what told of the server."""
        if self._pid_file is not None:
            with suppress(OSError):
                self._pid_file.unlink(missing_ok=True)


def _notify(text: str) -> None:
    """Tell the service manager, if there is one, as sd_notify(3) does."""
    import socket  # noqa: PLC0415

    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    name = "\0" + address[1:] if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying:
        notifying.sendto(text.encode(), name)


async def _serve(
    plan: StartPlan,
    policies: Policies,
    limits: Limits,
    users: dict[int, int],
    ending: Ending,
    *,
    client_time: bool,
) -> str | None:
    """Run a server from its start to its end; return which shard died, if one did."""
    ending.take_signals()
    try:
        check_free(str(ending.path))  # before workers start: they take a while
    except AddressInUseError as error:
        raise _unbound(ending.path, error) from None
    try:
        clock = clock_of(client_time=client_time)
        service = await ending.unless(
            start_service(plan, clock, limits, users=users, client_time=client_time)
        )
    except (ShardStartError, JournalError) as error:
        raise ExitError(Exit.NOT_STARTED, str(error)) from error
    try:
        await ending.unless(_prepare(service, policies))
        await service.listen(str(ending.path))
        service.switch.drain = ending.drain_once
        ending.announce(service.engine)
    except BaseException as error:
        await service.close()
        if isinstance(error, ConfigError):
            raise ExitError(Exit.BAD_CONFIG, str(error)) from None
        if isinstance(error, OSError):
            raise _unbound(ending.path, error) from None
        raise
    reloading = None
    if ending.config is not None:
        has_journal = plan.options.journal is not None
        reloading = Reloading(ending.path, ending.config, is_fixed=has_journal, say=ending.say)
        reloading.take_signal()
    try:
        await ending.wait()
        if reloading is not None:
            await reloading.end()
        return await _end(service, ending)
    finally:
        ending.over()


async def _prepare(service: Service, policies: Policies) -> None:
    """Tell the engine what its builder could not be told: once in the life of a journal."""
    journal = service.journal
    if journal is None:
        await policies.prepare_async(service.engine)
    elif not journal.is_prepared:
        await policies.prepare_async(service.engine)
        journal.note_prepared()


def _unbound(path: Path, error: OSError) -> ExitError:
    return ExitError(Exit.IO_FAILED, f"cannot listen at {path}: {error.strerror or error}")


async def _end(service: Service, ending: Ending) -> str | None:
    """End a server: what is in flight is answered, unless a second signal comes."""
    down = [shard for shard in service.engine.stats() if shard.state == "down"]
    draining = asyncio.ensure_future(service.drain(ending.drain))
    while not draining.done() and not ending.is_urgent:
        await asyncio.wait([draining], timeout=0.02)
    if not draining.done():
        draining.cancel()
    elif not draining.result():
        ending.say(f"what was in flight was not answered within {ending.drain:g} s")
    await service.close()
    if ending.is_urgent:
        raise ExitError(Exit.INTERRUPTED, "ended at once, by a second signal")
    return ", ".join(f"shard {one.shard} is down: {one.why}" for one in down) or None
