"""Every limit of the wire, each with its reason."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACCOUNT_TEXT_BYTES",
    "ACTOR_NAME_BYTES",
    "BATCH_BYTES",
    "BESIDE_BYTES",
    "CHANGES_BYTES",
    "CHANGES_IN_FLIGHT",
    "CHANGES_PER_FRAME",
    "CREDITS",
    "FRAME_BYTES",
    "HANDLES_PER_COMMAND",
    "LEFT_BYTES",
    "LEFT_ROWS",
    "MARKET_BACKLOG",
    "MESSAGE_BYTES",
    "MESSAGE_ORDERS",
    "NESTING",
    "OPEN_HANDLES",
    "READ_BYTES",
    "RECOVERING_BACKLOG",
    "REPLY_BYTES",
    "RESERVE",
    "ROWS_PER_FRAME",
    "SESSION_ROWS_PER_FRAME",
    "START_BYTES",
]

FRAME_BYTES: Final = 16 * 1024 * 1024
"""Largest frame, without its length prefix.

A plain order takes some 40 bytes, so full credits fit twenty times over. What is larger is a
mistake or garbage, and must not make the other side reserve memory for it.
"""

BATCH_BYTES: Final = 15 * 1024 * 1024
"""Messages of several calls that go into one frame: together they stay below its limit."""

BESIDE_BYTES: Final = 16 * 1024
"""Room in a session's frame for what is no message: head, times, and rows of 65 axes.

A frame of 511 orders takes some 7 KiB of it; their ranks, which may grow when they are sent again,
8 KiB more at the most.
"""

REPLY_BYTES: Final = 256 * 1024 * 1024
"""Largest frame of replies, which answers exactly one frame of commands.

Each reply is at most as large as a frame of commands. The replies to a batch that are larger
together are those of policies that write books; what has no room raises FrameTooLarge.
"""

START_BYTES: Final = 1024 * 1024 * 1024
"""Largest first frame of a connection, which carries the policies with all that they hold.

A policy may hold a table of every instrument; a worker that would need a gigabyte for it had better
read it from a file.
"""

ACCOUNT_TEXT_BYTES: Final = 256
"""Longest account text, in UTF-8 bytes, that an order flow or a configuration may carry.

Texts become 64-bit numbers before they reach a shard, so no frame holds one, and
``AccountId.from_string`` takes any length; but decisions repeat them. Venues' account names stay
far below this.
"""

CREDITS: Final = 8192
"""Commands in flight to one shard, unless the builder says otherwise.

At 5 µs a command that is 40 ms of work: enough to keep a worker busy while the router is not
scheduled, and little enough that a caller notices a slow shard before its memory does.
"""

RESERVE: Final = 8
"""For each so many credits there is one more that orders cannot use; at least one.

Reports, commits, rollbacks and what is let go of make room: a flood of orders must not keep them
waiting. An order's report and commit come in fewer commands than one for each of eight orders,
where they are many.
"""

ROWS_PER_FRAME: Final = 128
"""Orders or reports of one call that are packed into one frame; the last may have twice as many.

A worker starts on the first of them while the router still packs the next. To send, receive and
answer a frame takes either side as long as some eight orders do.
"""

SESSION_ROWS_PER_FRAME: Final = 256
"""The same of a session's calls, whose frames pass a router that other programs wait for, too.

There a frame costs the router the same whatever it holds: with one to each shard for a call of 256
orders it takes 0.58 to 0.67 of the processor time that it takes with frames of 64.
"""

HANDLES_PER_COMMAND: Final = 4096
"""Handles that one finalising command lists, so that its frame and its answer stay small."""

LEFT_ROWS: Final = 16384
LEFT_BYTES: Final = 4 * 1024 * 1024
"""What a shard tells in one reply of what a client has left open: at most so many of them, and so
many bytes, or one that is larger."""

OPEN_HANDLES: Final = 65536
"""Reservations, requests and drop copies that one session may have open on one shard.

An order is open between its check and the venue's word, so a desk has some hundreds. Each takes
about a kilobyte of the worker's: a program that opens and never ends costs it 64 MiB at the most.
"""

MARKET_BACKLOG: Final = 65536
"""Quotes on their way to one shard before whoever pushes them has to wait for it.

Quotes need no credit, which belongs to orders; at about 100 bytes each this is 6 MiB.
"""

RECOVERING_BACKLOG: Final = 16 * MARKET_BACKLOG
"""Quotes that are kept for a shard while another worker takes its place: 100 MiB.

Nobody waits for that one. Beyond it the shard is down.
"""

MESSAGE_BYTES: Final = BATCH_BYTES
"""Largest message to an actor, and largest answer: either has room in a frame on its own."""

MESSAGE_ORDERS: Final = 65536
"""Orders that one message to an actor may declare: more are a batch of messages.

A head counts the orders of its batch in 32 bits; those of full credits stay below a quarter of it.
"""

ACTOR_NAME_BYTES: Final = 64
"""Longest name of an actor, in UTF-8 bytes: it travels with each message."""

CHANGES_PER_FRAME: Final = 256
"""Changes of market data that a session sends in one frame, which every shard applies in one go.

At 20 µs each, another session's orders wait some 5 ms behind them.
"""

CHANGES_BYTES: Final = 1024 * 1024
"""Largest frame of them: a quote for tens of thousands of accounts."""

CHANGES_IN_FLIGHT: Final = 8192
"""Changes of market data of one session that the shards have not all applied.

Who pushes more waits. With twice as many, a session is closed: a client that keeps to the limit has
some more on their way only in calls that ask first.
"""

READ_BYTES: Final = 65536
"""At most this much per read: below the size from which the allocator asks the system each time."""

NESTING: Final = 200
"""Arrays within arrays that are read in one value, two of Python's calls for each.

What a program hangs on its orders may be nested half as deep, which is a hundred lists in lists.
"""
