"""What is on a pipe is no frame of this protocol: the shard counts as dead, the rest goes on."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import makers
import pytest
from fault_hosts import PROMPT, denial_of
from fault_policies import Harmful
from fault_traces import eventually, is_alive

from openpit.errors import OutcomeUnknown
from openpit.pretrade.policies import build_order_validation
from openpit.wire import kinds
from openpit.wire.frames import Op, command_frame, pack, reply_frame
from openpit.wire.limits import REPLY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from fault_hosts import Host


def answer(shard: int, body: bytes, first: int = 1, flags: int = 0) -> bytes:
    """A frame that answers a command; the one in hand has the number 1, after the start."""
    return reply_frame(command_frame(shard, Op.MESSAGES, first, 1, 0, b""), body, flags=flags)


def reply(*columns: Any) -> Callable[[int], bytes]:
    """A well-formed frame with one reply, of a shard that is still to be told."""
    return lambda shard: answer(shard, pack([columns]))


def spoilt(place: int) -> Callable[[int], bytes]:
    """The right answer, but for one byte of its head."""

    def made(shard: int) -> bytes:
        right = bytearray(answer(shard, pack([(kinds.REJECTED, ())])))
        right[place] ^= 0x80
        return bytes(right)

    return made


GARBAGE: dict[str, Callable[[int], bytes]] = {
    "noise": lambda _: b"\xff" * 64,
    "oversized": lambda _: (REPLY_BYTES + 1).to_bytes(4, "big"),
    "empty": lambda _: b"\0\0\0\0",
    "just no head": lambda _: (41).to_bytes(4, "big") + bytes(41),
    "no msgpack": lambda shard: answer(shard, b"\xc1"),
    "cut inside": lambda shard: answer(shard, b"\x91\x92\x04"),
    "another shard": lambda shard: answer(shard + 1, pack([(kinds.REJECTED, ())])),
    "a number that was not asked for": spoilt(23),
    "another count": spoilt(27),
    "flags that there are not": spoilt(28),
    "two replies to one command": lambda shard: answer(shard, pack([(kinds.REJECTED, ())] * 2)),
    "an answer to more than was asked": reply(kinds.ACCEPTED, 1000),
    "the reply to another command": reply(kinds.ANSWER, None),
    "done, for an order": reply(kinds.DONE, 1),
    "columns missing": reply(kinds.RESERVED, True),
    "a failure without columns": reply(kinds.RAISED),
}


@pytest.mark.one_python
def test_garbage_instead_of_a_reply(host: Host) -> None:
    # One shard for each kind of garbage, and one that is to survive all of it.
    host.build(Harmful(), shards=len(GARBAGE) + 1)
    pids = [host.pid(shard) for shard in range(len(GARBAGE))]

    for shard, (name, made) in enumerate(GARBAGE.items()):
        garbage = made(shard)
        ours = host.account_of(shard)
        since = time.monotonic()
        result = host.execute(ours, f"WRITE {garbage.hex()}")

        assert time.monotonic() - since < PROMPT, name
        assert denial_of(result)[:3] == ("SystemUnavailable", "Router", "order"), name
        assert f"shard {shard}: its worker sent what is no reply" in denial_of(result)[3], name
        assert denial_of(host.execute(ours))[3] == denial_of(result)[3], name

    # A worker that cannot be understood is ended: it must not go on deciding unheard.
    assert eventually(lambda: not any(is_alive(pid) for pid in pids))
    assert [(one.shard, one.state) for one in host.down] == [
        (shard, "down") for shard in range(len(GARBAGE))
    ]
    assert host.execute(host.account_of(len(GARBAGE)))


def test_garbage_ends_every_call_in_flight(host: Host) -> None:
    host.build(Harmful())
    ours = host.account_of(0)
    host.stop(0)
    garbage = host.begin_execute(ours, f"WRITE {b'hello, hello'.hex()}")
    host.in_flight(0, 1)
    check = host.begin_execute(host.account_of(0, 1))
    report = host.begin(lambda e: e.apply_execution_report(makers.pnl_report(ours, "5")))
    host.in_flight(0, 3)

    since = time.monotonic()
    host.go_on(0)

    assert denial_of(garbage.result(PROMPT))[:2] == ("SystemUnavailable", "Router")
    assert denial_of(check.result(PROMPT))[:2] == ("SystemUnavailable", "Router")
    assert isinstance(report.exception(PROMPT), OutcomeUnknown)
    assert time.monotonic() - since < PROMPT


@pytest.mark.one_python
def test_a_frame_cut_short_by_the_end_of_the_worker(host: Host) -> None:
    cuts = [3, 4, 10, 40, 43]
    host.build(Harmful(), shards=len(cuts) + 1)

    for shard, cut in enumerate(cuts):
        whole = reply(kinds.REJECTED, ())(shard)
        assert cut < len(whole)
        since = time.monotonic()
        result = host.execute(host.account_of(shard), f"LAST {whole[:cut].hex()}")

        assert time.monotonic() - since < PROMPT
        assert denial_of(result)[3] == f"shard {shard}: its worker ended with exit code 0"

    assert host.execute(host.account_of(len(cuts)))


def test_a_frame_that_never_ends_costs_the_timeout(host: Host) -> None:
    host.build(Harmful(), timeout=0.3, stall_timeout=0.6)
    ours = host.account_of(0)

    result = host.execute(ours, f"WRITE {(60).to_bytes(4, 'big').hex()}")

    assert denial_of(result)[3] == "shard 0: no answer within 0.3 s"
    assert host.execute(host.account_of(1))
    # Nothing more is sent there that could answer: what has come of the frame is no answer.
    assert eventually(lambda: not host.execute(ours) and host.stats(0).state == "down")
    assert denial_of(host.execute(ours))[3] == "shard 0: stalled for 0.6 s"


@pytest.mark.one_python
def test_garbage_instead_of_commands(host: Host, capfd: pytest.CaptureFixture[str]) -> None:
    garbage: list[Callable[[int], bytes]] = [
        lambda _: (41).to_bytes(4, "big") + bytes(41),
        lambda _: b"\xff" * 64,
        lambda shard: command_frame(shard, Op.MESSAGES, 1, 1, 0, b"\x07"),
        lambda shard: command_frame(shard + 1, Op.CLOSE, 1, 1, 0, b""),
        lambda shard: command_frame(shard, 9, 1, 1, 0, b""),  # no such op
    ]
    host.build(build_order_validation(), shards=len(garbage) + 1)

    for shard, made in enumerate(garbage):
        command = made(shard)
        os.write(host.engine._driver._ports[shard].command_fd, command)

        denial = denial_of(host.execute(host.account_of(shard)))
        assert denial[3] == (
            f"shard {shard}: its worker ended with exit code 76: "
            "it was sent what is no command, see its stderr"
        )

    assert host.execute(host.account_of(len(garbage)))
    assert capfd.readouterr().err.count("WireError") >= len(garbage)


@pytest.mark.one_python
@pytest.mark.parametrize(
    "method", ["unblock_all", "block", "register_group"], ids=["everywhere", "one shard", "group"]
)
def test_an_answer_that_is_none_leaves_administration_usable(host: Host, method: str) -> None:
    host.build(Harmful())
    ours, other = host.account_of(0), makers.account(host.account_of(1))
    arguments = {
        "unblock_all": (),
        "block": (makers.account(ours), "by the desk"),
        "register_group": ([makers.account(ours), other], 7),
    }[method]
    host.stop(0)
    # The shard answers the order, and then the call behind it, before it has seen that.
    lie = answer(0, pack([(kinds.REJECTED, ())])) + answer(0, pack([(kinds.STARTED,)]), first=2)
    order = host.begin_execute(ours, f"WRITE {lie.hex()}")
    host.in_flight(0, 1)
    call = host.begin(lambda e: getattr(e.accounts(), method)(*arguments))
    host.in_flight(0, 2)

    since = time.monotonic()
    host.go_on(0)

    assert order.result(PROMPT).rejects == []
    if method == "unblock_all":
        call.result(PROMPT)  # it was done on every shard that is left
    else:
        assert call.exception(PROMPT) is not None
    assert time.monotonic() - since < PROMPT
    assert host.stats(0).state == "down"
    host.ask(lambda e: e.accounts().register_group([other], 8))
    assert host.ask(lambda e: e.accounts().group_of(other)).value == 8
