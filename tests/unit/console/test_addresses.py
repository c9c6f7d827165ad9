"""Where a console listens, and what it may be called."""

from __future__ import annotations

import pytest

from openpit.console.addresses import AddressError, HttpNames, http_address, listening


@pytest.mark.parametrize(
    ("text", "told", "is_loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080", True),
        ("127.5.5.5:1", "127.5.5.5:1", True),
        ("localhost:0", "127.0.0.1:0", True),
        ("[::1]:8080", "[::1]:8080", True),
        ("0.0.0.0:65535", "0.0.0.0:65535", False),
        ("[::]:80", "[::]:80", False),
        ("10.1.2.3:80", "10.1.2.3:80", False),
    ],
)
def test_an_address_is_an_ip_and_a_port(text: str, told: str, is_loopback: bool) -> None:
    address = http_address(text)
    assert (str(address), address.is_loopback) == (told, is_loopback)


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "desk:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
             "127.0.0.1:-1", "127.0.0.1:8o", "1.2.3:80", "127.0.0.1:\uff18\uff10"],
)  # fmt: skip
def test_what_is_none_is_told_by_itself(text: str) -> None:
    with pytest.raises(AddressError) as raised:
        http_address(text)
    assert repr(text) in str(raised.value)


def test_where_somebody_listens_nobody_else_can() -> None:
    with listening(http_address("127.0.0.1:0")) as one:
        port = one.getsockname()[1]
        with pytest.raises(AddressError, match=f"cannot listen at 127.0.0.1:{port}: Address"):
            listening(http_address(f"127.0.0.1:{port}"))


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("LOCALHOST:1", True),
        ("desk.example", True),
        ("Desk.Example:443", True),
        ("evil.example", False),
        ("desk.example.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:80", False),
        ("", False),
        ("[evil.example]:80", False),
        ("127.0.0.1:80:80", False),
        ("2130706433", False),
        ("[::1]evil.example", False),
        ("[::1]evil.example:80", False),
    ],
)
def test_a_console_is_called_by_an_address_or_by_a_name_that_is_listed(
    host: str, is_ours: bool
) -> None:
    assert HttpNames(["desk.example"]).has(host) is is_ours
