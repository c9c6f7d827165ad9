"""The router's core under hundreds of thousands of replies that may be none.

Each input is a frame of replies to calls in flight. The test's own reader says whether a shard
could have sent it. If so, every call has to end as its reply says. If not, the router has to
refuse with WireError before any call has ended, the shard is lost, and no check has passed by it.
"""

from __future__ import annotations

import struct
from collections import Counter
from random import Random
from typing import Any

import fuzz_reader as own
import msgpack
from flow import IN_SHARD_0, IN_SHARD_1, buy, report
from fuzz_mutants import bent, broken
from fuzz_reader import Refused, Unread, need
from fuzz_shard import outcomes, read_funded, read_outcomes, said
from played import NOW, Bench

from openpit.errors import OutcomeUnknown, WireError
from openpit.pretrade import RejectCode
from openpit.wire import kinds

CODES = {code.value for code in RejectCode}

# What a call is, and the kinds of reply that it can have.
CHECKED = {kinds.ACCEPTED, kinds.RESERVED, kinds.FUNDED, kinds.REJECTED}
CALLS: dict[str, set[int]] = {
    "execute": CHECKED | {kinds.REJECTED_ALIKE},
    "start": {kinds.STARTED, kinds.REJECTED},
    "dry": {kinds.DRY},
    "drop copy": {kinds.RECORDED, kinds.REJECTED},
    "report": {kinds.DONE, kinds.REPORTED},
    "adjust": {kinds.ADJUSTED},
    "unblock": {kinds.DONE},
    "group of": {kinds.DONE, kinds.ANSWER},
}


# --- the test's own reader -----------------------------------------------------------------------


def texts(*values: Any) -> None:
    need(all(type(value) is str for value in values))


def is_reject(row: Any) -> None:
    need(type(row) is tuple and len(row) == 6)
    code, reason, details, policy, scope, data = row
    texts(code, reason, details, policy, scope)
    need(code in CODES and scope in {"order", "account"})
    own.integer(data)


def rejected_alike(reply: Any) -> list[Any]:
    """What each order of a run is told, or Refused."""
    need(len(reply) == 3)
    _, numbers, columns = reply
    need(type(numbers) is tuple and len(numbers) > 0)
    need(type(columns) is tuple and len(columns) == 7)
    code, reason, before, behind, *rest = columns
    texts(before, behind)
    rows = [(code, reason, f"{before}{own.integer(one)}{behind}", *rest) for one in numbers]
    listed(tuple(rows), is_reject)
    return [(kinds.REJECTED, (row,)) for row in rows]


def is_block(row: Any) -> None:
    need(type(row) is tuple and len(row) == 5)
    policy, code, reason, details, data = row
    texts(policy, code, reason, details)
    need(code in CODES)
    own.integer(data)


def listed(rows: Any, check: Any) -> None:
    need(type(rows) is tuple)
    for row in rows:
        check(row)


def is_figure(text: str) -> None:
    body = text.removeprefix("-")
    whole, dot, fraction = body.partition(".")
    need(whole.isascii() and whole.isdigit() and len(whole) <= 29)
    need(not dot or (fraction.isascii() and fraction.isdigit() and len(fraction) <= 28))
    mantissa = int(whole + fraction)
    need(mantissa < 2**96)
    # Within 14 and 14 digits a zero may have a sign, and nobody minds.
    need(mantissa or text == body or (len(whole) <= 14 and len(fraction) <= 14))


def is_outcome(row: Any) -> None:
    need(type(row) is tuple and len(row) == 4)
    group, asset, amounts, halt = row
    own.integer(group, 0, 65535)
    need(own.asset(asset) is not None)
    need(halt is None or own.integer(halt, 1, 5))
    texts(amounts)
    parts = amounts.split(";")
    need(len(parts) == 5)
    for change in parts[:4]:
        if change:
            need(change.count("|") == 1)
            for figure in change.split("|"):
                is_figure(figure)
    if parts[4]:
        is_figure(parts[4])


def is_funded(
    account: Any, group: Any, underlying: Any, settlement: Any, buys: Any, *decimals: Any
) -> None:
    own.integer(account)
    own.integer(group, 0, 65535)
    need(own.asset(underlying) is not None and own.asset(settlement) is not None)
    flag(buys)
    for text in decimals[:2]:
        need(own.unsigned(text) is not None)
    for text in decimals[2:]:
        texts(text)
        whole, _, fraction = text.removeprefix("-").partition(".")
        if len(whole) <= 14 and len(fraction) <= 14 and "E" not in text:
            is_figure(text)
        else:
            own.decimal(text)


def is_pnl(row: Any) -> None:
    need(type(row) is tuple and len(row) == 5)
    group, account, delta, absolute, halt = row
    own.integer(group, 0, 65535)
    own.integer(account)
    need((delta is None) == (absolute is None))
    own.plain(delta)
    own.plain(absolute)
    need(halt is None or own.integer(halt, 1, 5))


def flag(value: Any) -> None:
    need(type(value) is bool)


def read(reply: Any, call: str) -> None:
    """Refused unless this is a whole reply, and one that the call can have."""
    need(type(reply) is tuple and len(reply) > 0 and type(reply[0]) is int)
    kind, *columns = reply
    need(kind in CALLS[call] or kind == kinds.RAISED)
    widths = {
        kinds.RESERVED: 3, kinds.REJECTED: 1, kinds.STARTED: 0,
        kinds.DRY: 4, kinds.RECORDED: 5, kinds.REPORTED: 3, kinds.ADJUSTED: 4, kinds.ANSWER: 1,
        kinds.RAISED: 5, kinds.FUNDED: 10,
    }  # fmt: skip
    need(len(columns) == widths[kind])
    if kind == kinds.RESERVED:
        flag(columns[0])
        own.lock(columns[1])
        listed(columns[2], is_outcome)
    elif kind == kinds.FUNDED:
        is_funded(*columns)
    elif kind == kinds.REJECTED:
        listed(columns[0], is_reject)
    elif kind == kinds.DRY:
        if columns[0] is not None:
            listed(columns[0], is_reject)
        own.lock(columns[1])
        listed(columns[2], is_outcome)
        if columns[3] is not None:
            is_block(columns[3])
    elif kind == kinds.RECORDED:
        flag(columns[0])
        own.lock(columns[1])
        listed(columns[2], is_outcome)
        if columns[3] is not None:
            is_block(columns[3])
        flag(columns[4])
    elif kind == kinds.REPORTED:
        listed(columns[0], is_block)
        listed(columns[1], is_pnl)
        listed(columns[2], is_outcome)
    elif kind == kinds.ADJUSTED:
        need(columns[0] is None or own.integer(columns[0], 0, -1) is None)  # nothing was adjusted
        listed(columns[1], is_reject)
        listed(columns[2], is_outcome)
        listed(columns[3], is_block)
    elif kind == kinds.ANSWER:
        own.integer(own.value(columns[0]), 0, 2**32 - 1)
    elif kind == kinds.RAISED:
        module, name, state, text, trace = columns
        texts(module, name, text, trace)
        need(state is None or type(state) is tuple)


def answering(
    frame: bytes, replies: list[Any], axes: list[tuple[int, int, int]] | None = None
) -> bytes:
    """The replies to a batch, as bytes: its name is repeated."""
    body = b"".join(AXIS.pack(*axis) for axis in axes or ())
    body += msgpack.packb(replies, use_bin_type=True)
    return struct.pack(">I24sB5xIq", 42 + len(body), frame[4:28], 0, len(axes or ()), 0) + body


def answers_in(data: bytes, frame: bytes, orders: int) -> tuple[list[Any], dict[int, int]]:
    """The replies to a batch that bytes begin with, and how many of its orders did not count.

    Refused if the bytes begin with none.
    """
    need(len(data) >= 46)
    size, name, flags, axes, _ = struct.unpack(">I24sB5xIq", data[:46])
    end = 4 + size
    start = 46 + AXIS.size * axes
    need(size >= 42 and end <= len(data))
    need(end == len(data) or is_incomplete(data[end:]))
    need(name == frame[4:28] and flags < 4)
    need(start <= end)
    uncounted = {axis: many for axis, _, many in AXIS.iter_unpack(data[46:start])}
    need(len(uncounted) == axes and set(uncounted) <= {0, 1})
    need(all(0 < many <= orders for many in uncounted.values()))
    try:
        found = msgpack.unpackb(data[start:end], use_list=False, object_hook=dict.__getitem__)
    except Exception:  # noqa: BLE001 - msgpack has many
        raise Refused from None
    need(type(found) is tuple and len(found) > 0)
    for reply in found:
        need(type(reply) is tuple and len(reply) > 0)
    if flags:
        raise Unheld
    return list(found), uncounted


def is_incomplete(data: bytes) -> bool:
    """Whether more may come that makes replies of this."""
    if len(data) < 4:
        return True
    (size,) = struct.unpack(">I", data[:4])
    return 42 <= size <= 256 * 1024 * 1024 and len(data) - 4 < size


AXIS = struct.Struct(">Iqq")
COUNTING = {"execute", "start", "drop copy"}


# --- inputs --------------------------------------------------------------------------------------


def fresh() -> Bench:
    """A router that limits the broker's rate, and that of an asset."""
    return Bench(rate=10**9, assets=True)


class RouterFuzz:
    """One seed: routers with calls in flight, and replies to them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seen: Counter[str] = Counter()
        self.bench = fresh()

    def run(self, inputs: int) -> Counter[str]:
        for _ in range(inputs):
            self.once()
        return self.seen

    def once(self) -> None:
        random = self.random
        bench = self.bench
        client, link = bench.client, bench.router.links[0]
        names = [
            random.choice([*CALLS, "execute", "execute"])
            for _ in range(random.choice((1, 2, 3, 5)))
        ]
        calls = [self.begin(client, name) for name in names]
        frame = link.take()
        data = self.input(frame, names)
        try:
            replies, uncounted = self.judged(data, frame, names)
        except (Unheld, Unread):
            self.seen["unread"] += 1
            self.bench = fresh()
            return
        except Refused:
            self.refuse(data, calls, names)
            return
        self.seen["valid"] += 1
        self.seen["uncounted"] += bool(uncounted)
        before = self.counts()
        client.router.receive(link, data)
        after = [count - uncounted.get(axis, 0) for axis, count in enumerate(before)]
        assert self.counts() == after
        for name, call, reply in zip(names, calls, replies, strict=True):
            assert call.done, (name, reply)
            self.compare(name, call, reply)
        assert link.in_flight == 0
        leaves = {kinds.RESERVED, kinds.FUNDED, kinds.RECORDED, kinds.STARTED}
        if link.reader._pending or any(reply[0] in leaves for reply in replies):
            self.bench = fresh()  # the next input has a router of its own

    def counts(self) -> list[int]:
        rates = self.bench.router.books.rates
        return [rates.window(axis).count for axis in (0, 1)]

    def begin(self, client: Any, name: str) -> Any:
        if name == "execute":
            return client.execute(NOW, buy(IN_SHARD_0))
        if name == "start":
            return client.start_stage(NOW, buy(IN_SHARD_0))
        if name == "dry":
            return client.execute_dry_run(NOW, buy(IN_SHARD_0))
        if name == "drop copy":
            return client.drop_copy(NOW, buy(IN_SHARD_0))
        if name == "report":
            return client.report(NOW, report(IN_SHARD_0))
        if name == "adjust":
            return client.adjust(NOW, IN_SHARD_0, [])
        if name == "unblock":
            return client.administer(NOW, IN_SHARD_0, "unblock")
        return client.administer(NOW, IN_SHARD_0, "group_of")

    def input(self, frame: bytes, names: list[str]) -> bytes:
        random = self.random
        replies = self.joined([self.reply(name) for name in names])
        if random.random() < 0.05:
            del replies[random.randrange(1, len(replies) + 1) :]
        way = random.random()
        if way < 0.3:
            place = random.randrange(len(replies))
            replies[place] = bent(random, replies[place])
        elif way < 0.4:
            return broken(random, answering(frame, replies, self.axes(names)))
        return answering(frame, replies, self.axes(names))

    def joined(self, replies: list[Any]) -> list[Any]:
        """Some of the rejects that stand side by side as one run."""
        told: list[Any] = []
        for reply in replies:
            if (
                told
                and told[-1][0] == reply[0] == kinds.REJECTED_ALIKE
                and told[-1][2] == reply[2]
                and self.random.random() < 0.7
            ):
                told[-1] = (reply[0], told[-1][1] + reply[1], reply[2])
                self.seen["runs"] += 1
            else:
                told.append(reply)
        return told

    def axes(self, names: list[str]) -> list[tuple[int, int, int]]:
        """What the head says of orders that did not count, as a rule nothing."""
        random = self.random
        if random.random() < 0.9:
            return []
        orders = sum(name in COUNTING for name in names)
        numbers = random.choice(((0,), (1,), (0, 1), (0, 1), (1, 0), (0, 0), (2,), (2**32 - 1,)))
        many = random.choice((1, 1, 1, orders, orders, orders + 1, 0, -1, 2**62))
        return [(number, random.choice((0, NOW, -(2**63))), many) for number in numbers]

    def judged(
        self, data: bytes, frame: bytes, names: list[str]
    ) -> tuple[list[Any], dict[int, int]]:
        """What each call is told by a frame, and how many did not count; or Refused."""
        told: list[Any] = []
        orders = sum(name in COUNTING for name in names)
        replies, uncounted = answers_in(data, frame, orders)
        for reply in replies:
            need(type(reply[0]) is int)
            count = 1
            is_run = reply[0] in {kinds.ACCEPTED, kinds.DONE}
            if is_run:
                need(len(reply) == 2)
                count = own.integer(reply[1], 1)
            alike = rejected_alike(reply) if reply[0] == kinds.REJECTED_ALIKE else ()
            count = len(alike) or count
            need(len(told) + count <= len(names))
            for place, name in enumerate(names[len(told) : len(told) + count]):
                if is_run or alike:
                    need(reply[0] in CALLS[name])
                    if alike:
                        told.append(alike[place])
                        continue
                else:
                    read(reply, name)
                told.append(reply)
        need(len(told) == len(names))
        return told, uncounted

    def refuse(self, data: bytes, calls: list[Any], names: list[str]) -> None:
        client, link = self.bench.client, self.bench.router.links[0]
        other = client.execute(NOW, buy(IN_SHARD_1))
        try:
            client.router.receive(link, data)
        except WireError as error:
            assert not any(call.done for call in calls), data
            client.router.lose(link, f"its worker sent what is no reply: {error}")
            for name, call in zip(names, calls, strict=True):
                self.ended_unanswered(name, call)
            self.seen["refused"] += 1
        else:
            assert is_incomplete(data), (data, names)
            assert not any(call.done for call in calls), data
            self.seen["incomplete"] += 1
        assert not other.done
        self.bench.reply(1, (kinds.ACCEPTED, 1))
        assert other.result().ok
        self.bench = fresh()

    def ended_unanswered(self, name: str, call: Any) -> None:
        assert call.done
        if name in {"execute", "start", "drop copy", "dry"}:
            result = call.result()
            assert not (result.is_pass if name == "dry" else result.ok), name
            assert [one.code for one in result.rejects] == ["SystemUnavailable"]
        else:
            assert isinstance(call.error, OutcomeUnknown), name

    def compare(self, name: str, call: Any, reply: Any) -> None:
        kind = reply[0]
        self.seen[kinds.REPLIES[kind].name] += 1
        if kind == kinds.RAISED:
            assert call.error is not None
            return
        result = call.result()
        if name in {"execute", "start", "drop copy"}:
            is_passed = kind != kinds.REJECTED
            assert result.ok is is_passed
            if not is_passed:
                assert said(result.rejects) == [row[:5] for row in reply[1]]
        if kind == kinds.RESERVED:
            kept = result.reservation
            assert kept.lock == own.lock(reply[2])
            same(kept.account_adjustments, reply[3])
        elif kind == kinds.FUNDED:
            kept = result.reservation
            assert kept.lock == own.lock(((reply[2], reply[7]),))
            assert outcomes(kept.account_adjustments) == read_funded(reply)
        elif kind == kinds.RECORDED:
            assert result.operation.lock == own.lock(reply[2])
            same(result.operation.account_adjustments, reply[3])
            assert result.operation.is_account_blocked is reply[5]
        elif kind == kinds.DRY:
            assert said(result.rejects) == [row[:5] for row in reply[1] or ()]
            same(result.account_adjustments, reply[3])
        elif kind == kinds.REPORTED:
            assert [block.code for block in result.account_blocks] == [row[1] for row in reply[1]]
            same(result.account_adjustments, reply[3])
        elif kind == kinds.ADJUSTED:
            assert result.failed_index == reply[1]
            assert said(result.rejects) == [row[:5] for row in reply[2]]
            same(result.outcomes, reply[3])
        elif kind == kinds.ANSWER:
            assert result == own.value(reply[1])

    # --- replies that a shard could send -------------------------------------------------------

    def rejects(self) -> tuple[Any, ...]:
        random = self.random
        row = (
            random.choice(sorted(CODES)),
            "why",
            "figures",
            "P",
            random.choice(("order", "account")),
            7,
        )
        return (row,) * random.randrange(3)

    def rows(self) -> tuple[Any, ...]:
        random = self.random
        amounts = random.choice(
            ("-5|95;5|5;;;1.50", "0|0;;;;", ";;;-1.5|2;", "79228162514264337593543950335|-1;;;;")
        )
        return ((0, random.choice(("USD", "ß")), amounts, random.choice((None, 1, 5))),) * (
            random.randrange(3)
        )

    def lock(self) -> tuple[Any, ...]:
        return self.random.choice(((), ((0, "185.5"),), ((3, "-1.50", "1E-7"), (0, "4"))))

    def funded(self) -> tuple[Any, ...]:
        random = self.random
        sizes, figures = ("8", "1.50", "1E-7"), ("120.00", "-8", "0E-8", f"{2**96 - 1}")
        drawn = *random.choices(sizes, k=2), *random.choices(figures, k=3)
        return (random.random() < 0.5, *drawn)

    def block(self) -> Any:
        return self.random.choice((None, ("P", "AccountBlocked", "why", "figures", 0)))

    def reply(self, name: str) -> Any:
        random = self.random
        kind = random.choice(sorted(CALLS[name]))
        if random.random() < 0.05:
            return (kinds.RAISED, "builtins", "KeyError", (1, (1, "x"), None), "'x'", "trace")
        if kind in {kinds.ACCEPTED, kinds.DONE}:
            return (kind, 1)
        if kind == kinds.RESERVED:
            return (kind, random.random() < 0.5, self.lock(), self.rows())
        if kind == kinds.FUNDED:
            return (kind, IN_SHARD_0, 0, random.choice(("USD", "ß")), "EUR", *self.funded())
        if kind == kinds.REJECTED:
            return (kind, self.rejects())
        if kind == kinds.REJECTED_ALIKE:
            reject = ("RateLimitExceeded", "why", "figures ", "", "P", "order", 7)
            return (kind, (random.choice((0, 7, 2**64 - 1)),), reject)
        if kind == kinds.STARTED:
            return (kind,)
        if kind == kinds.DRY:
            rejects = random.choice((None, self.rejects()))
            return (kind, rejects, self.lock(), self.rows(), self.block())
        if kind == kinds.RECORDED:
            return (kind, True, self.lock(), self.rows(), self.block(), random.random() < 0.5)
        if kind == kinds.REPORTED:
            block = self.block()
            pnl = (0, IN_SHARD_0, "-1.50", "2", None)
            return (kind, () if block is None else (block,), (pnl,), self.rows())
        if kind == kinds.ADJUSTED:
            return (kind, None, self.rejects(), self.rows(), ())
        return (kind, random.choice((1, 7, 2**32 - 1)))


class Unheld(Refused):
    """An engine-wide block is told of: calls are held back until all shards know; not here."""


def same(found: Any, rows: Any) -> None:
    def figures(listed: Any) -> Any:
        return [
            (
                group,
                name,
                *[None if pair is None else tuple(map(number, pair)) for pair in pairs],
                number(average),
            )
            for group, name, *pairs, average in listed
        ]

    assert figures(outcomes(found)) == figures(read_outcomes(rows))


def number(text: Any) -> Any:
    return None if text is None else float(text)
