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
from typing import TYPE_CHECKING, Final

from openpit.errors import WireError
from openpit.shards.setup import first_command, start_shard
from openpit.wire import kinds
from openpit.wire.frames import FrameReader, frame, pack

if TYPE_CHECKING:
    from openpit.shards.core import ShardCore
    from openpit.wire.frames import Frame

__all__ = ["LOOKS", "READ_BYTES", "await_ready", "main", "serve"]

READ_BYTES: Final = 65536
"""At most this much per read: below the size from which the allocator asks the system each time."""

LOOKS: Final = 30
"""How often a side looks for an answer before it sleeps, about a microsecond each.

To be woken on an idle processor takes tens of microseconds, several times what a shard needs for
one order. Between looks the processor goes to whoever else wants it.
"""

MALFORMED: Final = 76
"""Exit code of a worker that was sent what is no command; ``EX_PROTOCOL`` of sysexits.h."""

FEW_BYTES: Final = 512
"""Commands that were this few came one at a time: the next may follow at once."""

LAST_WORDS_SECONDS: Final = 5.0
"""How long a policy may go on after the router has gone, before the worker is ended under it."""

_MILLISECONDS: Final = 1000.0

# A worker's garbage is what custom policies leave in cycles. The engine leaves none, and the
# objects that it keeps would be looked at in vain: collect seldom.
_GC_THRESHOLDS: Final = (50_000, 20, 100)


def main(number: int, command: object, reply: object) -> None:
    """Run a shard; ``command`` and ``reply`` are this side's connections."""
    # ^C at a terminal goes to the whole foreground group: it is the caller's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command_fd: int = command.fileno()  # type: ignore[attr-defined]  # a Connection: it has no stub
    reply_fd: int = reply.fileno()  # type: ignore[attr-defined]  # as above
    threading.Thread(
        target=_end_with_router, args=(command_fd,), name=f"shard-{number}-watch", daemon=True
    ).start()
    serve(command_fd, reply_fd)


def serve(command_fd: int, reply_fd: int) -> None:
    """Handle commands until there can be no more; end the process if one of them is none."""
    core: ShardCore | None = None
    try:
        started = _hello(command_fd, reply_fd)
        if started is None:
            return
        core, arrived = started
        _serve(core, arrived, command_fd, reply_fd)
    except WireError as error:
        shard = "a shard" if core is None else f"shard {core.number}"
        print(f"openpit: {shard} ends, WireError: {error}", file=sys.stderr, flush=True)  # noqa: T201 - its last words
        sys.exit(MALFORMED)
    finally:
        if core is not None:
            core.finish()


def _serve(core: ShardCore, arrived: list[Frame], command_fd: int, reply_fd: int) -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    replies = core.answer(arrived)
    poller = select.poll()
    poller.register(command_fd, select.POLLIN)
    data = b""
    try:
        while not core.closed:
            if replies:
                _write(reply_fd, replies)
                if len(data) < FEW_BYTES:
                    await_ready(poller, 0.0, LOOKS)
            data = os.read(command_fd, READ_BYTES)
            if not data:
                break
            replies = core.receive(data)
        else:
            _write(reply_fd, replies)
    except BrokenPipeError:
        pass  # the router is gone, and nobody else reads the replies


def await_ready(poller: select.poll, seconds: float, looks: int) -> list[tuple[int, int]]:
    """Look for ready descriptors that often, then sleep until there are some or time is up."""
    for _ in range(looks):
        ready = poller.poll(0)
        if ready:
            return ready
        os.sched_yield()
    return poller.poll(seconds * _MILLISECONDS)


def _hello(command_fd: int, reply_fd: int) -> tuple[ShardCore, list[Frame]] | None:
    """Read the first command and load the engine; return it, and what came behind the command."""
    reader = FrameReader()
    arrived: list[Frame] = []
    while not arrived:
        data = os.read(command_fd, READ_BYTES)
        if not data:
            return None
        arrived = reader.feed(data)
    hello, commands = first_command(arrived[0])
    try:
        core = start_shard(hello, reader)
    except Exception as error:  # noqa: BLE001 - a policy's: the router tells it to whoever builds
        text = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
        _write(reply_fd, frame(0, pack((kinds.REFUSED, 0, text)), 1))
        return None
    _write(reply_fd, frame(0, pack((kinds.READY, 0)), 1))
    return core, [(1, commands), *arrived[1:]]


def _write(fd: int, data: bytes) -> None:
    """Write all of it; the router always reads."""
    written = os.write(fd, data)
    if written < len(data):
        view = memoryview(data)
        while written < len(data):
            written += os.write(fd, view[written:])


def _end_with_router(command_fd: int) -> None:
    """End the process when the router has gone and a policy does not let go of it."""
    poller = select.poll()
    poller.register(command_fd, 0)  # no event asked for: only that the other end is closed
    poller.poll()
    time.sleep(LAST_WORDS_SECONDS)
    os._exit(1)
