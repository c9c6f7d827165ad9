"""A server from start to end, as `openpit serve` runs it: signals, files, the service manager."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from openpit.cli.exits import Exit, ExitError
from openpit.cli.reloading import Reloading
from openpit.cli.streams import tell
from openpit.errors import JournalError, JournalMismatch, ShardStartError
from openpit.limits.changing import changes_between
from openpit.limits.tables import ConfigError
from openpit.server.address import AddressInUseError, check_free
from openpit.server.service import start_service

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from openpit.cli.consoles import ConsoleBeside
    from openpit.faces.aio.engine import AsyncShardedEngine
    from openpit.faces.starting import StartPlan
    from openpit.limits.reading import Policies
    from openpit.server.limits import Limits
    from openpit.server.service import Service

__all__ = ["Ending", "clock_of", "serve"]

_Result = TypeVar("_Result")


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
        self.console: ConsoleBeside | None = None
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

    async def end_console(self) -> None:
        """End the console, if there is one."""
        if self.console is not None:
            await self.console.end()

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
    except JournalMismatch as error:
        told = f"{error}; --migrate carries it over to this one, where that can be done"
        raise ExitError(Exit.NOT_STARTED, told) from error
    except (ShardStartError, JournalError) as error:
        raise ExitError(Exit.NOT_STARTED, str(error)) from error
    try:
        await ending.unless(_prepare(service, policies, applies=plan.options.migrate))
        await service.listen(str(ending.path))
        service.switch.drain = ending.drain_once
        if ending.console is not None:
            await ending.unless(ending.console.start(ending.path))
        ending.announce(service.engine)
    except BaseException as error:
        await ending.end_console()
        await service.close()
        if isinstance(error, ConfigError):
            raise ExitError(Exit.BAD_CONFIG, str(error)) from None
        if isinstance(error, OSError):
            raise _unbound(ending.path, error) from None
        raise
    reloading = None
    if ending.config is not None:
        options = plan.options
        is_kept = options.journal is not None and not options.migrate
        reloading = Reloading(ending.path, ending.config, is_kept=is_kept, say=ending.say)
        reloading.take_signal()
    try:
        await ending.wait()
        await ending.end_console()
        if reloading is not None:
            await reloading.end()
        return await _end(service, ending)
    finally:
        ending.over()


async def _prepare(service: Service, policies: Policies, *, applies: bool) -> None:
    """Tell the engine what its builder could not be told: once in the life of a journal.

    ``applies``: of a journal that has had that, the limits become those of the configuration.
    """
    journal = service.journal
    if journal is None:
        await policies.prepare_async(service.engine)
    elif not journal.is_prepared:
        await policies.prepare_async(service.engine)
        journal.note_prepared()
    if journal is not None and applies:
        in_force, wanted = await service.engine.settings(), policies.settings()
        after = {name: wanted[name] for name in in_force if name in wanted}
        changes = changes_between(in_force, after)
        if changes:
            await service.engine.configure().apply_all(changes.values())
            tell(f"changed {', '.join(f'[{table}]' for table in changes)}")


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
