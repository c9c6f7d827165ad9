"""What tells a call with a key from another one: a digest of its command, but for ranks.

An order's ranks are those of the moment; of two calls with one key they differ.
"""

from __future__ import annotations

from typing import Any, Final

from openpit.core.order import new_order
from openpit.wire import kinds
from openpit.wire.decimal_texts import malformed
from openpit.wire.frames import pack
from openpit.wire.plain_orders import PLAIN_ORDERS
from openpit.wire.shard_limits import KEY_BYTES

__all__ = ["check_keyed", "read_keyed"]

Command = tuple[Any, ...]

_DIGEST_BYTES: Final = 16
_RANKED: Final = frozenset({kinds.EXECUTE_COUNTED, kinds.EXECUTE_WHOLE, kinds.START})


def check_keyed(command: Command) -> Command:
    """Return a call with a key, whose command is still to be read.

    Raises:
        WireError: it has no such key, or no command that may have one.
    """
    _, account, key, asked = command
    if type(key) is not bytes or not 0 < len(key) <= KEY_BYTES:
        raise malformed(f"a key of 1 to {KEY_BYTES} bytes", command)
    if type(asked) is not tuple or not asked or asked[0] not in kinds.KEYABLE:
        raise malformed("a command that may have a key", command)
    if account is None or asked[1] != account:
        raise malformed("the account of the call that has the key", command)
    return command


def read_keyed(command: Command, asked: Command) -> Command:
    """Return a call with a key whose command has been read, with a digest of it as it came.

    An order in a flat row comes as one that travels whole.
    """
    kind, account, key, packed = command
    return kind, account, key, _whole(asked), _digest(packed)


def _whole(command: Command) -> Command:
    if command[0] not in PLAIN_ORDERS:
        return command
    _, account, underlying, settlement, side, quantity, volume, price, broker, asset = command
    order = new_order(underlying, settlement, account, side, quantity, volume, price)
    return kinds.EXECUTE_WHOLE, account, order, broker, asset


def _digest(command: Command) -> bytes:
    # Few programs use keys, and OpenSSL, which comes with it, takes each worker time and memory.
    from hashlib import blake2b  # noqa: PLC0415

    if command[0] in _RANKED:
        command = command[:-2]
    if command[0] == kinds.EXECUTE_COUNTED:
        command = kinds.EXECUTE, *command[1:]
    return blake2b(pack(command), digest_size=_DIGEST_BYTES).digest()
