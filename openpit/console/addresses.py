"""Where a console listens, and by which names it may be called."""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AddressError", "HttpAddress", "HttpNames", "http_address", "listening"]

BACKLOG: Final = 128

MAX_PORT: Final = 65535


class AddressError(ValueError):
    """It is no address, or nothing can listen there."""


class HttpAddress(NamedTuple):
    """An address of this machine."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine's own programs can come by it."""
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def http_address(text: str) -> HttpAddress:
    """Return the address that a text names: ``127.0.0.1:8080``, ``[::1]:8080``, ``localhost:0``.

    Port 0 is one that is free.

    Raises:
        AddressError: it names none. Names of hosts are not looked up, but for ``localhost``.
    """
    host, colon, port = text.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    host = "127.0.0.1" if host == "localhost" else host
    try:
        ipaddress.ip_address(host)
    except ValueError:
        colon = ""
    if not colon or not (port.isascii() and port.isdecimal()) or int(port) > MAX_PORT:
        raise AddressError(f"{text!r} is no address: HOST:PORT is, as 127.0.0.1:8080 or [::1]:8080")
    return HttpAddress(host, int(port))


def listening(address: HttpAddress) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        AddressError: nothing can: the text says why.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise AddressError(f"cannot listen at {address}: {error.strerror}") from None
    return found


class HttpNames:
    """By which names a browser may call the console: what its requests have as their host.

    An address does, and ``localhost``. Any other name has to be listed, for whoever owns a name may
    have it lead to this machine, and then a page of theirs could read what is here.
    """

    def __init__(self, listed: Iterable[str] = ()) -> None:
        self._listed: Final = frozenset(name.lower() for name in listed) | {"localhost"}

    def has(self, host: str) -> bool:
        """Tell whether a request's ``Host`` is one of them; its port does not matter."""
        name = host
        if host.startswith("["):
            name, _, behind = host[1:].partition("]")
            if behind and not behind.startswith(":"):
                return False
        elif host.count(":") == 1:
            name = host.partition(":")[0]
        if name.lower() in self._listed:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
