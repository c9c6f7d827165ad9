"""The shard's core under hundreds of thousands of commands that may be none.

Each input is a frame, head and body. The test's own reader says whether a router could have sent
it. If so, an ordinary engine is asked the same through the public API, and the replies have to say
what that answered; if not, the shard has to refuse with WireError, and go on from where it was.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Context, Decimal
from random import Random
from typing import Any

import fuzz_reader as own
from fuzz_frames import ARM, CLOSE, END, SKIP, answered, framed, is_incomplete, misheaded, unframed
from fuzz_mutants import bent, broken
from fuzz_reader import Refused, Unread, need

import openpit
from openpit import param
from openpit.errors import WireError
from openpit.pretrade.effects import Effects
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitAssetBarrier,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_rate_limit,
    build_spot_funds,
)
from openpit.shards.copying import dump_policies
from openpit.shards.setup import read_hello, start_shard
from openpit.wire.frames import FrameReader
from openpit.wire.shard_limits import ShardLimits

OURS = [number for number in range(1, 60) if own.shard_of(number) == 0][:5]
THEIRS = [number for number in range(1, 60) if own.shard_of(number) == 1][:5]
ASSETS = ("USD", "AAPL", "EUR", "ß", "a b")
LIFE = 200  # inputs of one shard and its engine, before both start anew
WIDTHS = {
    1: 8, 2: 10, 3: 5, 4: 5, 5: 5, 6: 5, 7: 5, 8: 3, 9: 3, 10: 3, 11: 3, 12: 3, 13: 3, 14: 8, 16: 3,
    17: 4,
}  # fmt: skip
UNREAD = {15: 3, 18: 4, 19: 4}  # of these another test knows what is right

USD = 1  # the number of the asset's axis
EXECUTE, COUNTED, WHOLE, START, DRY_START, DRY, DROP_COPY = 1, 2, 3, 4, 5, 6, 7
REQUEST, COMMIT, ROLLBACK, COMMIT_MANY, ROLLBACK_MANY, DROP = 8, 9, 10, 11, 12, 13
REPORT, ADJUST, ADMINISTER = 14, 16, 17
RANKED = {COUNTED, WHOLE, START, DROP_COPY}


def rates() -> Any:
    """Rates that are never reached: of the broker, and of the asset USD."""
    limit = RateLimit(2**64 - 1, timedelta(days=365))
    axes = build_rate_limit().broker_barrier(RateLimitBrokerBarrier(limit))
    return axes.asset_barriers(RateLimitAssetBarrier(limit, "USD"))


def check_ranks(batch: Any) -> None:
    """Refused unless the orders' ranks fit the batch's head, and rise."""
    need(set(batch.axes) <= {0, USD})
    last = {0: 0, USD: 0}
    for command in batch.messages:
        kind = command[0]
        if kind not in RANKED | {DRY_START, DRY}:
            continue
        for axis, rank in zip((0, USD), command[-2:], strict=True):
            if not rank:
                continue
            need(axis in batch.axes and 0 < rank + batch.axes[axis] < 2**64)
            if axis == USD and kind == COUNTED:
                need(command[3] == "USD")
            elif axis == USD:
                need(own.order_value(*command[2:0:-1]).operation.settlement_asset == "USD")
            if kind in RANKED:
                need(rank > last[axis])
                last[axis] = rank


CLIENTS = (0, 0, 0, 1, 7)

PLAIN = frozenset({14, 15, 16})
"""What other clients send here: reports and adjustments. What else they may say, and how it is
refused, tests/unit/shards/test_admission.py and the hostile frames are about."""


def need_plain(data: bytes, messages: tuple[Any, ...]) -> None:
    """Unread if it is the batch of another client with more than that."""
    if is_anothers(data) and not {one[0] for one in messages} <= PLAIN:
        raise Unread


def is_anothers(data: bytes) -> bool:
    """Whether it is the batch of a client that the router passes on: it is refused by a reply."""
    return len(data) > 15 and any(data[11:15]) and not data[15]


class Engine:
    """An engine of one process, asked through its public methods alone."""

    def __init__(self) -> None:
        self.engine = (
            openpit.Engine.builder()
            .clock(lambda: 1_000)
            .no_sync()
            .builtin(rates())
            .builtin(build_order_validation())
            .builtin(build_spot_funds())
            .pre_trade(policy=own.Noted())
            .build()
        )
        self.clients: dict[int, dict[int, Any]] = {}
        self.held: dict[int, Any] = {}  # of the client whose batch is in hand

    def turn_to(self, client: int) -> None:
        """Take a client's batch: it has handles of its own."""
        self.held = self.clients.setdefault(client, {})

    def end(self, client: int) -> None:
        """A client has gone: what it has is rolled back, the last first."""
        self.turn_to(client)
        self.dropped([*reversed(self.held)])

    def is_blocked(self, account: int | None) -> bool:
        """Whether a block stops an order before any policy sees it."""
        return self.engine._core.registry.check(account) is not None

    def does(self, seq: int, command: Any) -> Any:
        """The reading of one command, as something to be done later: what that answers."""
        if type(command[0]) is int and UNREAD.get(command[0]) == len(command):
            raise Unread
        need(type(command[0]) is int and WIDTHS.get(command[0]) == len(command))
        kind, account = command[:2]
        own.owned(account)
        engine = self.engine
        if kind in {EXECUTE, COUNTED}:
            order = own.flat_order(command[1:8])
            for count in command[8:]:
                own.integer(count)
            return lambda: self.executed(seq, engine.execute_pre_trade(order))
        if kind in {WHOLE, START, DRY_START, DRY, DROP_COPY}:
            order = own.order_value(command[2], account)
            for count in command[3:]:
                own.integer(count)
            if kind == WHOLE:
                return lambda: self.executed(seq, engine.execute_pre_trade(order))
            if kind == START:
                return lambda: self.started(seq, engine.start_pre_trade(order))
            if kind == DRY_START:
                return lambda: self.dry(engine.start_pre_trade_dry_run(order))
            if kind == DROP_COPY:
                return lambda: self.recorded(seq, engine.apply_drop_copy(order))
            return lambda: self.dry(engine.execute_pre_trade_dry_run(order))
        if kind == REQUEST:
            handle = own.integer(command[2])
            return lambda: self.requested(seq, handle)
        if kind in {COMMIT, ROLLBACK}:
            handle = own.integer(command[2])
            return lambda: self.finished(handle, commit=kind == COMMIT)
        if kind in {COMMIT_MANY, ROLLBACK_MANY, DROP}:
            need(type(command[2]) is tuple)
            handles = [own.integer(handle) for handle in command[2]]
            if kind == DROP:
                return lambda: self.dropped(handles)
            return lambda: self.finished_many(handles, commit=kind == COMMIT_MANY)
        if kind == REPORT:
            report = own.report(command[1:])
            return lambda: self.reported(engine.apply_execution_report(report))
        if kind == ADJUST:
            need(account is not None)
            changes = own.adjustments(command[2])
            who = param.AccountId.from_int(account)
            return lambda: self.adjusted(engine.apply_account_adjustment(who, changes))
        return self.administered(account, command[2], own.value(command[3]))

    def administered(self, account: Any, method: Any, arguments: Any) -> Any:
        accounts = self.engine.accounts()
        need(type(arguments) is tuple and type(method) is str)
        if method == "unblock_all":
            need(arguments == ())
            return lambda: ("done", accounts.unblock_all())
        if method == "block_group":
            need(len(arguments) == 2)
            group = own.integer(arguments[0], 0, 2**32 - 1)
            need(type(arguments[1]) is str)
            if group == 0:
                return lambda: ("raised", "AccountBlockError")
            return lambda: ("done", accounts.block_group(group, arguments[1]))
        need(method in {"unblock", "group_of", "replace_block_reason", "set_currency"})
        need(len(arguments) == (1 if method in {"unblock", "group_of"} else 2))
        who = param.AccountId.from_int(own.owned(own.integer(arguments[0])))
        need(account is None or account == arguments[0])
        if method == "unblock":
            return lambda: ("done", accounts.unblock(who))
        if method == "group_of":
            return lambda: ("done", accounts.group_of(who))
        need(type(arguments[1]) is str)
        if method == "set_currency":
            own.asset(arguments[1])
        call = getattr(accounts, method)

        def done() -> Any:
            try:
                return "done", call(who, arguments[1])
            except Exception as error:  # noqa: BLE001 - whatever the engine says
                return "raised", type(error).__name__

        return done

    # --- what the answers say ------------------------------------------------------------------

    def executed(self, seq: int, result: Any) -> Any:
        if result.reservation is None:
            return "rejected", said(result.rejects)
        kept = result.reservation
        if isinstance(kept, Effects) and kept.mutations:  # what holds nothing has no handle
            self.held[seq] = kept
        return "accepted", kept.lock, outcomes(kept.account_adjustments)

    def started(self, seq: int, result: Any) -> Any:
        if result.request is None:
            return "rejected", said(result.rejects)
        self.held[seq] = result.request
        return ("started",)

    def recorded(self, seq: int, result: Any) -> Any:
        if result.operation is None:
            return "rejected", said(result.rejects)
        kept = result.operation
        if type(kept)._effects.__get__(kept).mutations:
            self.held[seq] = kept
        return (
            "recorded",
            kept.lock,
            outcomes(kept.account_adjustments),
            kept.is_account_blocked,
        )

    def dry(self, report: Any) -> Any:
        return "dry", said(report.rejects), report.lock, outcomes(report.account_adjustments)

    def requested(self, seq: int, handle: int) -> Any:
        request = self.held.get(handle)
        if not hasattr(request, "execute"):
            return "raised", "RuntimeError"
        return self.executed(seq, self.held.pop(handle).execute())

    def finished(self, handle: int, *, commit: bool) -> Any:
        held = self.held.get(handle)
        if held is None or hasattr(held, "execute"):
            return "raised", "RuntimeError"
        del self.held[handle]
        if commit:
            held.commit()
        else:
            held.rollback()
        return "done", None

    def finished_many(self, handles: list[int], *, commit: bool) -> Any:
        failed = [
            place
            for place, handle in enumerate(handles)
            if self.finished(handle, commit=commit)[0] == "raised"
        ]
        return ("failures", failed) if failed else ("done", None)

    def dropped(self, handles: list[int]) -> Any:
        for handle in handles:
            held = self.held.pop(handle, None)
            if held is not None and not hasattr(held, "execute"):
                held.rollback()
        return "done", None

    def reported(self, result: Any) -> Any:
        return "reported", len(result.account_blocks), outcomes(result.account_adjustments)

    def adjusted(self, result: Any) -> Any:
        return (
            "adjusted",
            result.failed_index,
            said(result.rejects),
            outcomes(result.outcomes),
        )


def said(rejects: Any) -> list[tuple[str, ...]]:
    return [(one.code, one.reason, one.details, one.policy, one.scope) for one in rejects or ()]


def outcomes(listed: Any) -> list[Any]:
    def pair(amount: Any) -> Any:
        return None if amount is None else (str(amount.delta), str(amount.absolute))

    found = []
    for one in listed:
        entry = one.entry
        average = entry.average_entry_price
        found.append(
            (
                one.policy_group_id,
                entry.asset,
                pair(entry.balance),
                pair(entry.held),
                pair(entry.incoming),
                None if average is None else str(average),
            )
        )
    return found


def read_outcomes(rows: Any) -> list[Any]:
    def pair(change: str) -> Any:
        if not change:
            return None
        delta, figure = change.split("|")
        return delta, figure

    found = []
    for group, name, amounts, _ in rows:
        balance, held, incoming, _, average = amounts.split(";")
        found.append((group, name, pair(balance), pair(held), pair(incoming), average or None))
    return found


def read_funded(reply: Any) -> list[Any]:
    """The outcomes that such a reply stands for."""
    _, _, group, underlying, settlement, buys, *decimals = reply
    quantity, price, available, held, expected = map(Decimal, decimals)
    notional = Context(prec=99).multiply(quantity, price)
    pays, gets = (notional, quantity) if buys else (quantity, notional)
    paid, bought = (settlement, underlying) if buys else (underlying, settlement)

    def pair(delta: Decimal, figure: Decimal) -> Any:
        return f"{delta:f}", f"{figure:f}"

    return [
        (group, paid, pair(-pays, available), pair(pays, held), None, None),
        (group, bought, None, None, pair(gets, expected), None),
    ]


def read_reply(reply: Any) -> Any:
    """What a reply says, in the words of the engine's answers."""
    kind = reply[0]
    if kind == 3:
        return "accepted", own.lock(reply[2]), read_outcomes(reply[3])
    if kind == 4:
        return "rejected", [row[:5] for row in reply[1]]
    if kind == 5:
        return ("started",)
    if kind == 6:
        return (
            "dry",
            [row[:5] for row in reply[1] or ()],
            own.lock(reply[2]),
            read_outcomes(reply[3]),
        )
    if kind == 7:
        return "recorded", own.lock(reply[2]), read_outcomes(reply[3]), reply[5]
    if kind == 8:
        return "reported", len(reply[1]), read_outcomes(reply[3])
    if kind == 9:
        return "adjusted", reply[1], [row[:5] for row in reply[2]], read_outcomes(reply[3])
    if kind == 11:
        return "raised", reply[2]
    if kind == 12:
        return "failures", [row[0] for row in reply[1]]
    assert kind == 10, reply
    return "done", reply[1]


ALIKE = {
    ("run", 1): ("accepted", openpit.pretrade.Lock(), []),
    ("run", 2): ("done", None),
}


class ShardFuzz:
    """One seed: frames to a shard of two, and to an engine beside it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.seen: Counter[str] = Counter()
        self.fresh()

    def fresh(self) -> None:
        builder = openpit.Engine.builder().account_sync()
        ready = builder.builtin(rates()).builtin(build_order_validation())
        ready = ready.builtin(build_spot_funds())
        ready.pre_trade(policy=own.Noted())
        payload, _, _ = dump_policies(ready._policies)
        hello = framed(0, [(20, own.SHARDS, tuple(ShardLimits()), payload)])
        self.shard, _ = start_shard(read_hello(hello), FrameReader())
        self.engine = Engine()
        self.next = 1

    def run(self, inputs: int) -> Counter[str]:
        for number in range(inputs):
            if number % LIFE == 0:
                self.fresh()
                self.check(framed(self.next, [self.deposit(account) for account in OURS]))
            self.check(self.input())
        return self.seen

    def input(self) -> bytes:
        random = self.random
        commands, axes = self.ranked([self.command() for _ in range(random.choice((1, 1, 2, 4)))])
        if not any(command[0] in RANKED for command in commands) or random.random() < 0.05:
            axes = random.choice(([], axes, axes[:1], axes[1:]))
        way = random.random()
        times = None
        if random.random() < 0.2:
            times = [random.randrange(-(10**6), 10**6) for _ in commands]
        if way < 0.2:
            place = random.randrange(len(commands))
            commands[place] = bent(random, commands[place])
        elif way < 0.28:
            return broken(random, framed(self.next, commands, times, axes))
        elif way < 0.3:
            return framed(self.next + random.choice((-1, 1, 2**40)), commands, times, axes)
        elif way < 0.4:
            return misheaded(random, self.next, commands)
        elif way < 0.42:
            op, flags = random.choice(((ARM, 1), (ARM, 2), (ARM, 3), (CLOSE, 0), (END, 0)))
            client = random.choice(CLIENTS)
            return framed(self.next, [], op=op, flags=flags, count=1, body=b"", client=client)
        is_plain = all(command[:1] in {(14,), (15,), (16,)} for command in commands)
        client = random.choice(CLIENTS) if is_plain else 0
        return framed(self.next, commands, times, axes, client=client)

    def ranked(self, commands: list[Any]) -> tuple[list[Any], list[tuple[int, int, int]]]:
        """The commands with ranks that rise, and what the head says of their axes."""
        random = self.random
        rank, asset_rank = random.choice((0, 5, 2**40)), random.choice((0, 7, 2**62))
        axes = [(0, 0, random.choice((-rank, 0, 3))), (USD, 5, random.choice((-asset_rank, 1)))]
        listed = []
        for command in commands:
            if command[0] in RANKED | {DRY_START, DRY}:
                rank += 1
                settlement = command[3] if command[0] == COUNTED else command[2][-9]
                has_asset = settlement == "USD" and random.random() < 0.8
                asset_rank += has_asset
                ranks = (rank if random.random() < 0.9 else 0, asset_rank if has_asset else 0)
                command = (*command[:-2], *ranks)  # noqa: PLW2901 - the same one, ranked
            listed.append(command)
        return listed, axes

    def check(self, data: bytes) -> None:
        try:
            batch = unframed(data, self.next)
            need_plain(data, batch.messages)
            acts = [
                self.engine.does(self.next + place, command)
                for place, command in enumerate(batch.messages)
            ]
            check_ranks(batch)
        except Unread:
            self.seen["unread"] += 1
            return
        except Refused:
            if is_anothers(data):
                self.seen["unread"] += 1
            else:
                self.refuse(data)
            return
        self.seen["valid"] += 1
        self.seen["times"] += len(set(batch.times)) > 1
        self.engine.turn_to(batch.client)
        self.seen["other clients"] += bool(batch.client)
        expected = []
        uncounted: dict[int, tuple[int, int]] = {}
        counted: dict[int, int] = {}  # the first, by axis
        for act, command, now in zip(acts, batch.messages, batch.times, strict=False):
            is_blocked = command[0] in RANKED and self.engine.is_blocked(command[1])
            is_missed = is_blocked and command[0] != DROP_COPY
            for axis, rank in zip((0, USD), command[-2:], strict=False):
                if command[0] not in RANKED or not rank:
                    continue
                if is_missed:
                    uncounted[axis] = (0, uncounted.get(axis, (0, 0))[1] + 1)
                else:
                    counted.setdefault(axis, now)
            expected.append(act())
        flags, told_uncounted, replies = answered(self.shard.receive(data), data)
        uncounted = {axis: (counted.get(axis, 0), many) for axis, (_, many) in uncounted.items()}
        assert told_uncounted == uncounted
        self.seen["uncounted"] += bool(uncounted)
        self.seen["ranked"] += bool(batch.axes) and bool(counted or uncounted)
        self.shard._reader = FrameReader()  # a frame may be cut off behind this one
        assert self.shard.engine.clock() == batch.times[-1]
        if batch.op:
            assert (flags, replies) == (0, ())
            self.own_word(batch.op, batch.flags, batch.client)
            return
        found: list[Any] = []
        for reply in replies:
            found += (
                [ALIKE["run", reply[0]]] * reply[1] if reply[0] in {1, 2} else [read_reply(reply)]
            )
        self.next += len(batch.messages)
        assert len(found) == len(expected), (batch, replies)
        for command, one, other in zip(batch.messages, found, expected, strict=True):
            told = one
            if one == ("done", None) and other[0] == "reported":
                told = ("reported", 0, [])
            assert told == other, (command, told, other)
            self.seen[str(one[0])] += 1

    def own_word(self, op: int, causes: int, client: int) -> None:
        """What the router said of its own accord has been done, and is undone for what follows."""
        if op == CLOSE:
            self.seen["closed"] += 1
            assert self.shard.closed
            assert not self.shard.open_handles
            self.fresh()
            self.check(framed(self.next, [self.deposit(account) for account in OURS]))
            return
        self.next += 1
        if op == END:
            self.seen["ended"] += bool(self.engine.held)
            self.engine.end(client)
            handles = [number for held in self.engine.clients.values() for number in held]
            assert self.shard.open_handles == set(handles)
            return
        if op == SKIP:
            self.seen["skipped"] += 1
            return
        self.seen["armed"] += 1
        registry = self.engine.engine._core.registry
        if causes & 1:
            registry.arm_finalizer_failure()
        if causes & 2:
            registry.arm_unattributed_report()
        order = (EXECUTE, *self.flat(OURS[0]))
        self.check(framed(self.next, [order, (ADMINISTER, None, "unblock_all", (1,)), order]))

    def refuse(self, data: bytes) -> None:
        shard = self.shard
        before = self.state()
        try:
            replies = shard.receive(data)
        except WireError:
            self.seen["refused"] += 1
        else:
            assert replies == b"", (data, replies)
            assert is_incomplete(data), data
            self.seen["incomplete"] += 1
        shard._reader = FrameReader()
        assert self.state() == before, data

    def state(self) -> Any:
        registry = self.shard.engine.registry
        return (
            self.shard.open_handles,
            self.shard._next,
            dict(registry._blocks),
            dict(registry._currencies),
            dict(registry.groups),
        )

    # --- commands that a router could send -----------------------------------------------------

    def deposit(self, account: int) -> Any:
        change = (6, 14, (3, "1000000"), False)
        listed = [
            (6, 30, (6, 32, asset, None, None), (6, 31, change, None, None), None)
            for asset in ASSETS
        ]
        return (ADJUST, account, (0, *listed))

    def figure(self) -> str:
        random = self.random
        whole = random.choice(("0", "1", "7", "10", "250", "99999", str(random.randrange(10**9))))
        return whole + random.choice(("", "", ".5", ".25", ".00", ".0000001"))

    def decimal(self) -> str:
        return self.random.choice(("", "", "", "-")) + self.figure()

    def signed(self) -> str:
        text = self.decimal()
        return text if text.strip("-0.") else "1"

    def flat(self, account: int) -> tuple[Any, ...]:
        random = self.random
        is_volume = random.random() < 0.2
        return (
            account,
            random.choice(ASSETS),
            random.choice(ASSETS),
            random.choice(("BUY", "SELL")),
            None if is_volume else self.figure(),
            self.figure() if is_volume else None,
            random.choice((None, self.signed(), self.figure(), self.figure())),
        )

    def note(self, depth: int = 0) -> Any:
        """What may hang on an order, of users' own classes."""
        random = self.random
        way = random.randrange(8 if depth < 3 else 3)
        if way == 0:
            return random.choice((None, 5, "x", "twap", b"1", 1.5))
        if way == 1:
            return (8, "fuzz_reader", "Urgency", random.choice(("LOW", "HIGH")))
        if way == 2:
            return (8, "fuzz_reader", "Route", random.choice((0, 3, 5, 6, 7, "LIT", "DARK")))
        if way == 3:
            return random.choice(
                (
                    (9, "date", random.randrange(1, 9999), random.randrange(1, 13), 28),
                    (9, "UUID", f"{random.getrandbits(128):032x}"),
                    (9, "range", *(random.randrange(-5, 6) for _ in range(2)), 2**40),
                )
            )
        if way == 4:
            return (9, "frozenset", (0, *random.sample(("a", "b", "c", 1, 2), 3)))
        parts = (self.note(depth + 1), self.note(depth + 1))
        if way == 5:
            return (random.choice((0, 1)), *parts)
        return (8, "fuzz_reader", random.choice(("Tag", "Leg")), *parts)

    def command(self) -> Any:
        random = self.random
        account = random.choice(OURS)
        recent = random.randrange(max(0, self.next - 20), self.next + 1)
        way = random.randrange(20)
        if way < 6:
            return (EXECUTE, *self.flat(account))
        if way < 8:
            return (COUNTED, *self.flat(account), random.randrange(9), random.randrange(9))
        if way < 11:
            _, one, other, side, quantity, volume, price = self.flat(account)

            def tagged(text: Any) -> Any:
                return None if text is None else (3, text)

            fields = (
                one, other, account, (5, 1, side), tagged(quantity), tagged(volume), tagged(price),
                None, None, None,
            )  # fmt: skip
            note = self.note()
            if type(note) is tuple and random.random() < 0.3:
                note = bent(random, note)
            value = random.choice(
                (
                    (6, 21, *fields),
                    (7, 21, "openpit.core", "Order", ("note", "x"), *fields),
                    (7, 21, "openpit.core", "Order", ("note", note), *fields),
                )
            )
            return (
                random.choice((WHOLE, START, DRY_START, DRY, DROP_COPY)),
                account,
                value,
                0,
                0,
            )
        if way < 14:
            return (random.choice((REQUEST, COMMIT, ROLLBACK)), account, recent)
        if way == 14:
            return (
                random.choice((COMMIT_MANY, ROLLBACK_MANY, DROP)),
                None,
                (recent, recent + 1),
            )
        if way == 15:
            return self.deposit(account)
        if way < 18:
            price = self.figure()
            fill = random.choice(
                (None, (price, self.figure(), None, None, self.figure(), False, ((0, price),)))
            )
            money = random.choice(((None, None), (self.signed(), self.signed())))
            _, one, other, side, *_ = self.flat(account)
            return (REPORT, account, one, other, side, *money, fill)
        method, *arguments = random.choice(
            (
                ("unblock_all",),
                ("block_group", 9, "why"),
                ("unblock", account),
                ("group_of", account),
                ("replace_block_reason", account, "because"),
                ("set_currency", account, "USD"),
            )
        )
        return (ADMINISTER, None, method, (1, *arguments))
