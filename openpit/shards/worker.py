"""The loop of a worker process: block on the pipe, handle what is there, write all replies once.

Batching comes from load alone. The end of the command pipe ends the worker; nothing else has to.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn

from openpit.errors import JournalFailed, WireError
from openpit.shards.descriptors import is_still, mark_of
from openpit.shards.log_lines import VARIABLE, write_logs
from openpit.shards.meter import TurnMeter
from openpit.shards.setup import read_hello, start_shard
from openpit.wire import kinds
from openpit.wire.frames import FrameReader, pack, reply_frame
from openpit.wire.limits import READ_BYTES, START_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from openpit.shards.shard import ShardCore
    from openpit.shards.shard_journal import JournalPlace, ShardJournal
    from openpit.wire.frames import Frame

__all__ = ["LOOKS", "await_ready", "main", "serve"]

LOOKS: Final = 30
"""How often a side looks for an answer before it sleeps, about a microsecond each.

To be woken on an idle processor takes tens of microseconds, several times what a shard needs for
one order. Between looks the processor goes to whoever else wants it.
"""

MALFORMED: Final = 76
"""Exit code of a worker that was sent what is no command; ``EX_PROTOCOL`` of sysexits.h."""

PIPES_LOST: Final = 74
"""Exit code of a worker whose pipes a policy has closed or replaced; ``EX_IOERR`` of sysexits.h."""

JOURNAL_FAILED: Final = 73
"""Exit code of a worker whose journal takes nothing more; ``EX_CANTCREAT`` of sysexits.h."""

FEW_BYTES: Final = 512
"""Commands that were this few came one at a time: the next may follow at once."""

LAST_WORDS_SECONDS: Final = 5.0
"""How long a policy may go on after the router has gone, before the worker is ended under it."""

ROUTER_LOOKS_SECONDS: Final = 0.5
"""How often the router's process is looked for where no descriptor tells of its end."""

_NUDGE_SECONDS: Final = 0.05

_MILLISECONDS: Final = 1000.0

# A worker's garbage is what custom policies leave in cycles. The engine leaves none, and the
# objects that it keeps would be looked at in vain: collect seldom.
_GC_THRESHOLDS: Final = (50_000, 20, 100)


def main(
    router: int,
    command: object,
    reply: object,
    place: JournalPlace | None = None,
    modules: Sequence[str] = (),
) -> None:
    """Run a shard; ``command`` and ``reply`` are this side's connections.

    The ``modules`` are imported first, so that the first command has not to wait for that.
    """
    # ^C at a terminal goes to the whole foreground group: it is the caller's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGURG, _leave_if_routerless)  # ignored by default, and in what it starts
    command_fd: int = command.fileno()  # type: ignore[attr-defined]  # a Connection: it has no stub
    reply_fd: int = reply.fileno()  # type: ignore[attr-defined]  # as above
    for fd in (command_fd, reply_fd):
        os.set_inheritable(fd, False)
    os.register_at_fork(after_in_child=lambda: _become_copy(command_fd, reply_fd))
    threading.Thread(
        target=_end_with_router,
        args=(command_fd, router),
        name="shard-watch",
        daemon=True,
    ).start()
    write_logs(os.environ.get(VARIABLE))
    for name in modules:
        _import(name)
    serve(command_fd, reply_fd, place)


def _import(name: str) -> None:
    # What it raises, whatever needs the module will be told.
    with suppress(Exception):
        import_module(name)


class _State:
    """What a worker is by now; the process has one."""

    __slots__ = ("is_copy", "is_routerless")

    def __init__(self) -> None:
        self.is_copy = False  # forked off the worker by a policy: it answers nothing
        self.is_routerless = False


_state: Final = _State()


class _Pipes:
    """The worker's ends of its two pipes, and how to tell that they are its own still."""

    __slots__ = ("_command_mark", "_reply_mark", "command_fd", "journal", "reply_fd")

    def __init__(self, command_fd: int, reply_fd: int) -> None:
        self.command_fd: Final = command_fd
        self.reply_fd: Final = reply_fd
        self._command_mark: Final = mark_of(command_fd)
        self._reply_mark: Final = mark_of(reply_fd)
        self.journal: ShardJournal | None = None

    def check(self) -> None:
        """End the process if they are not: replies must not go into a stranger's file."""
        is_ours = is_still(self.command_fd, self._command_mark) and is_still(
            self.reply_fd, self._reply_mark
        )
        if is_ours and (self.journal is None or self.journal.is_still()):
            return
        text = "a policy has closed its worker's pipes, or put files of its own in their place"
        print(f"openpit: a shard ends: {text}", file=sys.stderr, flush=True)  # noqa: T201 - its last words
        sys.exit(PIPES_LOST)


class _RouterlessError(BaseException):
    """The router's process has ended, whoever else holds the command pipe."""


def serve(command_fd: int, reply_fd: int, place: JournalPlace | None = None) -> None:
    """Handle commands until there can be no more; end the process if one of them is none."""
    core: ShardCore | None = None
    pipes = _Pipes(command_fd, reply_fd)
    try:
        started = _hello(pipes, place)
        if started is not None:
            core, reader, arrived = started
            _freeze()
            if pipes.journal is None:
                _loop(core, core.receive, core.answer(arrived), pipes)
            else:
                recording = _Recording(core, reader, pipes)
                _loop(core, recording.receive, recording.answer(arrived), pipes)
                pipes.journal.end(core)  # its router has closed it, or is gone
    except (BrokenPipeError, _RouterlessError):
        pass  # the router is gone, and nobody else reads the replies
    except WireError as error:
        if _state.is_copy:
            _end_copy()
        shard = "a shard" if core is None else f"shard {core.number}"
        print(f"openpit: {shard} ends, WireError: {error}", file=sys.stderr, flush=True)  # noqa: T201 - its last words
        sys.exit(MALFORMED)
    except JournalFailed as error:
        number = "" if core is None else f" {core.number}"
        print(f"openpit: shard{number} ends: {error}", file=sys.stderr, flush=True)  # noqa: T201 - its last words
        sys.exit(JOURNAL_FAILED)
    finally:
        if _state.is_copy:
            _end_copy()
        if pipes.journal is not None:
            _close_journal(pipes.journal)
        if core is not None:
            core.finish()
            core.raised.end()


class _Recording:
    """Has a shard answer, and its journal hold what was answered before any of it is told."""

    __slots__ = ("_core", "_has_custom", "_pipes", "_reader")

    def __init__(self, core: ShardCore, reader: FrameReader, pipes: _Pipes) -> None:
        self._core: Final = core
        self._reader: Final = reader
        self._pipes: Final = pipes
        self._has_custom: Final = _runs_users_code(core)

    def receive(self, data: bytes) -> bytes:
        """Answer the batches that are complete with ``data``: all that have come, in one write."""
        if self._pipes.journal is not None:
            self._pipes.journal.look(self._core)  # what was answered before has been told
        return self.answer(self._reader.feed(data))

    def answer(self, arrived: list[Frame]) -> bytes:
        """Answer batches; return when they are down."""
        replies = [self._answer(frame) for frame in arrived]
        if self._has_custom:
            if _state.is_copy:
                _end_copy()
            self._pipes.check()
        journal = self._pipes.journal
        if journal is not None:
            journal.append(arrived, replies)
        return b"".join(replies)

    def _answer(self, frame: Frame) -> bytes:
        reply = self._core.answer((frame,))
        if self._pipes.journal is not None:
            self._pipes.journal.note(self._core, frame, reply)
        return reply


def _runs_users_code(core: ShardCore) -> bool:
    """Tell whether there may be code in this process that closes what is not its own."""
    return core.engine.has_custom or bool(core.actors.made)


def _close_journal(journal: ShardJournal) -> None:
    try:
        journal.close()
    except JournalFailed as error:
        print(f"openpit: {error}", file=sys.stderr, flush=True)  # noqa: T201 - its last words


def _freeze() -> None:
    """Set the collector to what a worker keeps from its start on."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def _loop(
    core: ShardCore, receive: Callable[[bytes], bytes], replies: bytes, pipes: _Pipes
) -> None:
    command_fd, reply_fd = pipes.command_fd, pipes.reply_fd
    poller = select.poll()
    # The engine's own code closes nothing; a user's policy or actor may, and what it runs.
    has_custom = _runs_users_code(core)
    poller.register(command_fd, select.POLLIN)
    meter = TurnMeter(pipes.journal)
    core.process = meter.told
    buckets, clock = meter.buckets, time.perf_counter_ns
    data = b""
    while not core.closed:
        if _state.is_copy:
            _end_copy()
        if has_custom:
            pipes.check()
        if replies:
            _write(reply_fd, replies)
            if len(data) < FEW_BYTES:
                await_ready(poller, 0.0, LOOKS)
        data = os.read(command_fd, READ_BYTES)
        if not data:
            return
        began = clock()
        replies = receive(data)
        # Spelt out, as all that is done for each message.
        spent = clock() - began
        buckets[spent.bit_length()] += 1
        meter.total += spent
    if has_custom:
        pipes.check()
    _write(reply_fd, replies)


def _become_copy(command_fd: int, reply_fd: int) -> None:
    """Let go of the pipes, in a process that a policy has forked off."""
    if _state.is_copy:
        return  # forked off such a one: the numbers are its own by now
    _state.is_copy = True
    os.close(command_fd)
    os.close(reply_fd)


def _end_copy() -> NoReturn:
    """End a forked copy that came back from its policy: the orders are the worker's to answer.

    Nothing is rolled back, and nothing that the worker has registered for its end is run.
    """
    os.write(2, b"openpit: a process that a policy forked came back from it, and was ended\n")
    os._exit(1)


def _leave_if_routerless(_: int, frame: FrameType | None) -> None:
    """Leave what waits for a router that has gone; not a policy that is at work."""
    if _state.is_routerless and frame is not None and frame.f_code in _WAITING:
        raise _RouterlessError


def await_ready(poller: select.poll, seconds: float, looks: int) -> list[tuple[int, int]]:
    """Look for ready descriptors that often, then sleep until there are some or time is up."""
    for _ in range(looks):
        ready = poller.poll(0)
        if ready:
            return ready
        os.sched_yield()
    return poller.poll(seconds * _MILLISECONDS)


def _hello(
    pipes: _Pipes, place: JournalPlace | None
) -> tuple[ShardCore, FrameReader, list[Frame]] | None:
    """Read the first command and load the engine, which replays its journal if it has one.

    Return it, what reads its commands, and those that came behind the first.
    """
    command_fd, reply_fd = pipes.command_fd, pipes.reply_fd
    reader = FrameReader(START_BYTES)
    arrived: list[Frame] = []
    while not arrived:
        data = os.read(command_fd, READ_BYTES)
        if not data:
            return None
        arrived = reader.feed(data)
    frame = arrived[0]
    hello = read_hello(frame)
    try:
        if place is not None:
            pipes.journal = _open_journal(place, hello.number)
        core, ready = start_shard(hello, reader, pipes.journal)
    except Exception as error:  # noqa: BLE001 - a policy's: the router tells it to whoever builds
        if _state.is_copy:
            _end_copy()
        pipes.check()
        text = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        _write(reply_fd, reply_frame(frame, pack(((kinds.REFUSED, text),))))
        return None
    if _state.is_copy:
        _end_copy()
    pipes.check()
    _write(reply_fd, reply_frame(frame, pack((ready,))))
    if pipes.journal is not None and pipes.journal.wanted:
        _write(reply_fd, b"".join(pipes.journal.wanted))
        pipes.journal.wanted.clear()
    return core, reader, arrived[1:]


def _open_journal(place: JournalPlace, number: int) -> ShardJournal:
    # A worker without a journal has no need of what reads and writes one.
    from openpit.shards.shard_journal import ShardJournal  # noqa: PLC0415

    return ShardJournal(place, number)


def _write(fd: int, data: bytes) -> None:
    """Write all of it; the router always reads."""
    written = os.write(fd, data)
    if written < len(data):
        view = memoryview(data)
        while written < len(data):
            written += os.write(fd, view[written:])


_WAITING: Final = frozenset(step.__code__ for step in (_hello, _loop, _write))


def _end_with_router(command_fd: int, router: int) -> None:
    """End the process when the router has gone, and a policy does not let go of it.

    The end of the pipe tells it; the end of the router's process, too, where something that the
    router's program started holds the pipe.
    """
    poller = select.poll()
    poller.register(command_fd, 0)  # no event asked for: only that the other end is closed
    process = _open_process(router)
    if process is not None:
        poller.register(process, select.POLLIN)
    while not poller.poll(None if process is not None else ROUTER_LOOKS_SECONDS * _MILLISECONDS):
        if os.getppid() != router:
            break
    _state.is_routerless = os.getppid() != router
    deadline = time.monotonic() + LAST_WORDS_SECONDS
    while time.monotonic() < deadline:
        if _state.is_routerless:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGURG)
        time.sleep(_NUDGE_SECONDS)
        _state.is_routerless = os.getppid() != router
    os._exit(1)


def _open_process(pid: int) -> int | None:
    """Return a descriptor that tells of a process's end, where the system has such."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
