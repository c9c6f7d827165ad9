"""Sessions of a real server, by their bytes."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from byte_client import COMMIT, MESSAGES, ROLLBACK, ByteClient, buy
from server_processes import FUNDS, RATE

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED, DONE, REJECTED, FUNDED = 1, 2, 4, 25


def test_an_order_is_held_and_committed(serve: Callable[..., Any]) -> None:
    server = serve()
    with ByteClient(server.path) as client:
        shard = client.shard_of(7)
        ((kind, account, *_),) = client.ask(shard, buy(7))
        assert (kind, account) == (FUNDED, 7)
        assert client.ask(shard, (COMMIT, 7, client.last)) == ((DONE, 1),)
    assert server.stop() == (0, f"{server.line.strip()}\n")


def test_the_socket_is_its_users_alone(serve: Callable[..., Any]) -> None:
    server = serve()
    assert stat.S_IMODE(Path(server.path).stat().st_mode) == 0o600


def test_sessions_share_one_broker_wide_limit(serve: Callable[..., Any]) -> None:
    server = serve(RATE)
    with ByteClient(server.path) as one, ByteClient(server.path) as other:
        # 5 orders in an hour, whichever session they come from and whichever shard they go to.
        assert one.counted(buy(1), buy(1)) == ((ACCEPTED, 2),)
        assert other.counted(buy(2), buy(2)) == ((ACCEPTED, 2),)
        first, second = one.counted(buy(2), buy(2))
        assert first == (ACCEPTED, 1)
        assert second[0] == REJECTED
        ((kind, rejects),) = other.counted(buy(1))
        assert (kind, rejects[0][0]) == (REJECTED, "RateLimitExceeded")


def test_a_frame_has_its_servers_limit(serve: Callable[..., Any]) -> None:
    server = serve(FUNDS, "--frame", "65536")
    for over in (0, 1):
        with ByteClient(server.path) as client:
            assert client.frame_bytes == 65536
            shard = client.shard_of(7)
            room = 65536 - len(client.batch(shard, buy(7))) + 4 - 2  # a text's head
            client.next.clear()
            order = (*buy(7)[:2], "A" * (room + len("AAPL") + over), *buy(7)[3:])
            client.send(client.batch(shard, order))
            if over:
                assert client.bye() == (
                    "malformed",
                    "a frame of 65537 bytes is over the limit of 65536 bytes",
                )
            else:
                assert client.read(MESSAGES).body[0][0] == FUNDED


def test_a_session_that_ends_nothing_is_denied_more_and_that_counts_for_nothing(
    serve: Callable[..., Any],
) -> None:
    server = serve(RATE + FUNDS, "--open", "2")  # 5 orders an hour, of all sessions
    with ByteClient(server.path) as one, ByteClient(server.path) as other:
        replies = one.counted(*[buy(7, "1")] * 4)
        assert [reply[0] for reply in replies] == [FUNDED, FUNDED, REJECTED, REJECTED]
        shard = one.shard_of(7)
        for _, rejects in replies[2:]:
            assert rejects[0][:4] == (
                "SystemUnavailable",
                "too much is open",
                f"shard {shard}: the session has 2 reservations open, and may have no more",
                "Router",
            )
        assert [reply[0] for reply in other.counted(*[buy(7, "1")] * 2)] == [FUNDED] * 2
        first = other.last
        assert one.ask(shard, (COMMIT, 7, one.last)) == ((DONE, 1),)
        fifth, sixth = one.counted(*[buy(7, "1")] * 2)
        assert (fifth[0], sixth[0]) == (FUNDED, REJECTED)
        assert sixth[1][0][0] == "SystemUnavailable"
        (over,) = other.counted(buy(7, "1"))
        assert over[1][0][0] == "SystemUnavailable"
        assert other.ask(shard, (ROLLBACK, 7, first)) == ((DONE, 1),)
        (over,) = other.counted(buy(7, "1"))  # there is room, and 5 have counted
        assert over[1][0][0] == "RateLimitExceeded"


def test_a_session_that_goes_leaves_no_hold(serve: Callable[..., Any]) -> None:
    server = serve()
    one = ByteClient(server.path)
    assert one.ask(one.shard_of(7), buy(7, "50"))[0][0] == FUNDED
    with ByteClient(server.path) as other:
        shard = other.shard_of(7)
        assert other.ask(shard, buy(7, "50"))[0][0] == REJECTED
        one.close()
        for _ in range(200):
            ((kind, *_),) = other.ask(shard, buy(7, "50"))
            if kind == FUNDED:
                break
        assert kind == FUNDED


def test_a_handle_of_another_session_closes_ones_own(serve: Callable[..., Any]) -> None:
    server = serve()
    with ByteClient(server.path) as one:
        with ByteClient(server.path) as other:
            shard = one.shard_of(7)
            assert one.ask(shard, buy(7))[0][0] == FUNDED
            held = one.last
            other.send(other.batch(shard, (ROLLBACK, 7, held)))
            assert other.bye() == ("malformed", f"a handle that is not this client's: {held}")
        assert one.ask(shard, (COMMIT, 7, held)) == ((DONE, 1),)


BAD: dict[str, tuple[Callable[[ByteClient], bytes], str]] = {
    "no frame": (lambda client: b"\xff" * 80, "over the limit"),
    "another version": (lambda client: client.head(MESSAGES, version=1, count=1), "not a batch"),
    "no such op": (lambda client: client.head(99), "not what a client says: op 99"),
    "the router's op": (lambda client: client.head(1, count=1, flags=1), "not a batch"),
    "no such shard": (lambda client: client.batch(9, buy(7)), "no shard 9 of 2"),
    "another's number": (lambda client: client.batch(0, buy(7), client=5), "not a batch"),
    "a gap": (lambda client: client.batch(0, buy(7), first=5), "command 5 where 0 was expected"),
    "too many": (lambda client: client.batch(0, buy(7), count=5000), "commands in flight"),
    "more than there are": (
        lambda client: client.batch(client.shard_of(7), buy(7), count=3),
        "1 commands where 3 were told",
    ),
    "fewer": (
        lambda client: client.batch(client.shard_of(7), buy(7), buy(7), count=1),
        "2 commands where 1 were told",
    ),
    "another shard's account": (
        lambda client: client.batch(1 - client.shard_of(7), buy(7)),
        "an account of this shard",
    ),
    "no body": (lambda client: client.head(MESSAGES, b"", count=1), "not a body"),
    "no command": (lambda client: client.batch(0, (99, 1)), "a command"),
    "market data": (
        lambda client: client.batch(0, (19, None, 0, [])),
        "",
    ),
    "times": (lambda client: client.batch(0, buy(7), flags=4), "times of their own"),
    "out of turn": (lambda client: client.head(36, count=2), "out of turn"),
    "other axes": (lambda client: client.head(37), "not what a client says: op 37"),
}


def test_who_says_what_it_may_not_is_closed_and_nobody_else(serve: Callable[..., Any]) -> None:
    server = serve(FUNDS)
    workers = server.workers
    with ByteClient(server.path) as other:
        for name, (bad, why) in BAD.items():
            with ByteClient(server.path) as client:
                client.send(bad(client))
                reason, text = client.bye()
                assert reason == "malformed", name
                assert why in text, name
                with pytest.raises(EOFError):
                    client.read()
            account = 8
            ((kind, *_),) = other.ask(other.shard_of(account), buy(account, "1"))
            assert kind == FUNDED, name
    assert server.workers == workers
    assert server.stop()[0] == 0


def test_who_says_nothing_first_is_told(serve: Callable[..., Any]) -> None:
    server = serve()
    with ByteClient(server.path, greets=False) as client:
        client.send(client.batch(0, buy(7)))
        reason, text = client.bye()
    assert reason == "malformed"
    assert text.startswith("a session starts with HELLO, not with ")


def test_one_session_too_many_is_told_so(serve: Callable[..., Any]) -> None:
    server = serve(FUNDS, "--sessions", "1")
    with ByteClient(server.path), ByteClient(server.path, greets=False) as client:
        assert client.bye() == ("full", "there are 1 sessions already")


def test_a_worker_that_dies_is_told_to_all(serve: Callable[..., Any]) -> None:
    server = serve()
    with ByteClient(server.path) as one, ByteClient(server.path) as other:
        os.kill(server.workers[0], signal.SIGKILL)
        for client in (one, other):
            frame = client.read(33)
            assert frame.body == (("down", "its worker was killed by signal 9"),)
    assert server.stop()[0] == 5
