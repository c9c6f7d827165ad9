"""What a hostile program sends to a server: garbage, bad bodies behind right heads, lying heads.

All of it is from sessions that trade, unless said otherwise, and none of it may be taken.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import msgpack
from flow import IN_SHARD_0, IN_SHARD_1
from fuzz_mutants import bent, broken

import openpit
from openpit.wire import kinds
from openpit.wire.frames import body_of, pack
from openpit.wire.limits import CHANGES_PER_FRAME
from openpit.wire.roles import Role
from openpit.wire.sessions import (
    SessionOp,
    batch_frame,
    changes_frame,
    given_back_frame,
    note_frame,
)
from openpit.wire.values import encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from openpit.wire.axes import CountingAxes

__all__ = ["KINDS", "Attack", "Target", "attack", "garbage", "lying_head", "sure_body"]

HEAD = struct.Struct(">IBHIIBQIBBIIq")
FIELDS = {
    "length": (0, 4), "version": (4, 1), "shard": (5, 2), "epoch": (7, 4), "client": (11, 4),
    "op": (15, 1), "first": (16, 8), "count": (24, 4), "flags": (28, 1), "role": (29, 1),
    "settings": (30, 4), "axes": (34, 4), "time": (38, 8),
}  # fmt: skip
HOME = (IN_SHARD_0, IN_SHARD_1)

NO_OPS = (1, *range(3, 34), 37, 39, *range(41, 256))
"""What is no batch, and no note that may stand alone with all that a batch has in its head."""

KINDS = ("garbage", "bad body", "lying head")


class Attack(NamedTuple):
    """What is sent behind the first frame, and what it is."""

    kind: str
    name: str
    data: bytes
    role: int = Role.TRADER


class Target(NamedTuple):
    """What a hostile program can know of a server with two shards."""

    axes: CountingAxes
    handles: tuple[int | None, int | None] = (None, None)
    """Of each shard, one that another session has open."""
    actor: str = ""
    """The name of one that its workers have, if they do; then they have a service of market data,
    too, with one instrument."""

    @property
    def numbers(self) -> list[int]:
        """The numbers of the axes on which an order in USD counts."""
        return [number for number, asset, _ in self.axes.rows if asset in {None, "USD"}]


def order(shard: int, target: Target, rank: int = 1) -> tuple[Any, ...]:
    """An order as it is to be."""
    row = (HOME[shard], "AAPL", "USD", "BUY", "1", None, "1")
    if not target.axes.rows:
        return (kinds.EXECUTE, *row)
    ranks = [rank if 0 in target.numbers else 0, rank if max(target.numbers, default=0) else 0]
    return (kinds.EXECUTE_COUNTED, *row, *ranks)


def framed(shard: int, target: Target, commands: Any, rows: Any = (), **head: int) -> bytes:
    """The first batch of a session for a shard."""
    body = commands
    if type(commands) is not bytes:
        body = body_of([msgpack.packb(one) for one in commands], len(commands))
        head.setdefault("count", len(commands))
    count = head.pop("count", 1)
    settings = head.pop("settings", target.axes.version)
    frame = batch_frame(shard, 0, 0, count, 0, body, 0, rows, settings=settings)
    return with_fields(frame, **head) if head else frame


def with_fields(frame: bytes, **fields: int) -> bytes:
    """A frame with other fields in its head."""
    data = bytearray(frame)
    for name, value in fields.items():
        start, size = FIELDS[name]
        data[start : start + size] = (value % 2 ** (8 * size)).to_bytes(size, "big")
    return bytes(data)


def rows_for(target: Target, count: int, reach: int | None = None, lacking: int = 0) -> Any:
    return [(axis, lacking, reach or count, count, 0, 0) for axis in target.numbers]


def changes(commands: Any, count: int | None = None) -> bytes:
    """A frame of changes of market data, for every shard."""
    body = body_of([msgpack.packb(one) for one in commands], len(commands))
    return changes_frame(len(commands) if count is None else count, 0, body)


def quoted(*operation: Any, service: int = 0, account: int | None = None) -> tuple[Any, ...]:
    """A change of market data, as a rule of the one instrument that there is."""
    return (kinds.QUOTE, account, service, encode(operation or ("quote", 0, "1", None, "2", 0)))


def asked(shard: int, target: Target, **fields: Any) -> tuple[Any, ...]:
    """A message to an actor that may count for no order, unless said otherwise."""
    values = {"actor": target.actor, "message": b"", "rank": 0, "orders": 0, "assets": (), **fields}
    return (kinds.ASK_ACTOR, values.pop("account", HOME[shard]), *values.values())


# --- garbage -----------------------------------------------------------------------------------


def garbage(rng: Random, target: Target) -> Attack:
    """What is no frame of a client, or not in this place."""
    shard = rng.randrange(2)
    frame = framed(shard, target, [order(shard, target)], rows_for(target, 1))
    name, data = rng.choice(
        [
            ("too short", struct.pack(">I", rng.randrange(42)) + rng.randbytes(50)),
            ("too long", struct.pack(">I", rng.randrange(2**24 + 1, 2**32)) + rng.randbytes(9)),
            ("a version", with_fields(frame, version=rng.choice([0, 1, 2, 255]))),
            ("an epoch", with_fields(frame, epoch=rng.randrange(1, 2**32))),
            ("a client", with_fields(frame, client=rng.randrange(1, 2**32))),
            ("a role", with_fields(frame, role=rng.randrange(1, 256))),
            (
                "an op",
                with_fields(frame, op=rng.choice([1, *range(3, 34), 37, 39, *range(41, 256)])),
            ),
            ("flags", with_fields(frame, flags=rng.choice([1, 2, 8, 16, 32, 64, 128, 255]))),
            ("a gap", with_fields(frame, first=rng.randrange(1, 2**64))),
            ("no command", with_fields(frame, count=0)),
            ("a flood", with_fields(frame, count=rng.randrange(5000, 2**32))),
            ("axes", with_fields(frame, axes=rng.randrange(100, 2**32))),
            ("no such shard", with_fields(frame, shard=rng.randrange(2, 2**16))),
            ("twice", frame * 2),
            ("a second hello", note_frame(SessionOp.HELLO, b"\x91\x91\xc0")),
            ("no turn to end", note_frame(SessionOp.TURN_OVER)),
            ("no turn for a group", note_frame(SessionOp.GROUP, count=rng.randrange(2**32))),
            ("nothing is given back", given_back_frame([(rng.randrange(2, 99), 1, 1)]) * 1100),
            ("no rows", note_frame(SessionOp.GIVEN_BACK, rng.randbytes(9) + b"\xc1")),
            ("a close of two", with_fields(batch_frame(0, 2, 0, 1, 0, b""), count=2)),
            ("no change of market data", changes([quoted()], 0)),
            ("too many changes", changes([quoted()], rng.randrange(CHANGES_PER_FRAME + 1, 2**32))),
        ]
    )
    return Attack("garbage", name, data)


# --- bad bodies --------------------------------------------------------------------------------


def examples(shard: int, target: Target) -> list[tuple[Any, ...]]:
    """A command of each kind that a session that trades may send, and a few more."""
    account = HOME[shard]
    whole = encode(
        openpit.Order(
            operation=openpit.OrderOperation(
                instrument=openpit.Instrument("AAPL", "USD"),
                account_id=openpit.param.AccountId.from_int(account),
                side=openpit.param.Side.BUY,
                trade_amount=openpit.param.TradeAmount.quantity("1"),
                price=openpit.param.Price("1"),
            )
        ),
        bare=True,
    )
    ranks = order(shard, target)[-2:] if target.axes.rows else (0, 0)
    fill = ("1", "1", "0", None, "0", True, ())
    return [
        order(shard, target),
        *[(kind, account, whole, *ranks) for kind in range(3, 8)],
        *[(kind, account, 5) for kind in (8, 9, 10)],
        *[(kind, account, (5, 6)) for kind in (11, 12, 13)],
        (kinds.REPORT, account, "AAPL", "USD", "BUY", "1", "0", fill),
        (kinds.ADJUST, account, (0,)),
        (kinds.ADMINISTER, account, "block", (1, account, "halt")),
        (kinds.CONFIGURE, None, "rate_limit", (2, "name", "RateLimitPolicy")),
        (kinds.TELL_AXES, None),
        *[(kind, *asked(shard, target)[1:]) for kind in (kinds.ASK_ACTOR, kinds.TELL_ACTOR)],
        (kinds.ASK_MARKET, None, 0, encode(("is_registered", 5))),
    ]


def bad_body(rng: Random, target: Target) -> Attack:
    """A body with a fault, behind the head of one that has none; it may turn out to be none."""
    shard = rng.randrange(2)
    if rng.random() < 0.1:
        return bad_change(rng)
    command = rng.choice(examples(shard, target))
    rows: Any = rows_for(target, 1) if command[0] in {2, 3, 4, 7} else ()
    if command[0] in {5, 6}:
        rows = [(*row[:3], 0, *row[4:]) for row in rows_for(target, 1)]
    if rng.random() < 0.3:
        body = b"\x91" + broken(rng, msgpack.packb(command))
        return Attack("bad body", "bytes", framed(shard, target, body, rows))
    for _ in range(rng.randrange(1, 3)):
        command = bent(rng, command)
    try:
        packed = msgpack.packb(command)
    except (OverflowError, ValueError):  # a number of more than 64 bits
        packed = b"\xc1"
    return Attack("bad body", "bent", framed(shard, target, b"\x91" + packed, rows))


def bad_change(rng: Random) -> Attack:
    """A change of market data with a fault; it may turn out to be none."""
    command = quoted()
    for _ in range(rng.randrange(1, 3)):
        command = bent(rng, command)
    try:
        packed = msgpack.packb(command)
    except (OverflowError, ValueError):  # as below
        packed = b"\xc1"
    if rng.random() < 0.3:
        packed = broken(rng, packed)
    return Attack("bad body", "a bent change", changes_frame(1, 0, b"\x91" + packed))


def sure_change(rng: Random, target: Target) -> Attack:
    """A change of market data with a fault that is one for sure."""
    price = rng.choice(["NaN", "", "1_0", 1, 1.5])
    far = rng.randrange(1, 2**63)
    name, command = rng.choice(
        [
            ("no such service", quoted(service=rng.choice([1, 2**40, -1, "0"]))),
            ("a change of an account", quoted(account=IN_SHARD_0)),
            ("no such change", quoted(rng.choice(["", "read", "__class__", "drop"]), 0)),
            ("no such instrument", quoted("quote", far, "1", None, None, 0)),
            ("a cleared stranger", quoted("clear", far)),
            ("a price", quoted("quote", 0, price, None, None, 0)),
            ("an age", quoted("quote", 0, "1", None, None, rng.choice([-1, 1.5, None, 2**64 - 1]))),
            ("a field less of a quote", quoted("quote", 0, "1", None, None)),
            ("a field more of a quote", quoted("quote", 0, "1", None, None, 0, 0)),
            ("a quote for nobody", quoted("quote_for", 0, "1", None, None, 0, (), ())),
            ("a quote for an account", quoted("quote_for", 0, "1", None, None, 0, (-1,), ())),
            ("an instant", quoted("push", 0, "1", None, None, rng.randrange(2**62))),
            ("an order among quotes", order(rng.randrange(2), target)),
            ("a question among quotes", (kinds.ASK_MARKET, None, 0, encode(("is_registered", 0)))),
            ("a message among quotes", asked(rng.randrange(2), target)),
        ]
    )
    others = [quoted()] * rng.randrange(3)
    return Attack("bad body", name, changes([*others, command, *others]))


def sure_message(rng: Random, target: Target) -> Attack:
    """A message to an actor, or a question about market data, with a fault that is one for sure."""
    shard = rng.randrange(2)
    several = rng.choice([(("USD", 1, 1), ("USD", 2, 1)), (("USD", 1),), (("USD", -1, 1),), (5,)])
    nobody = rng.choice(["", "desks", "__init__", 5, None, b"x"])
    question = rng.choice([("drop", 0), ("is_registered",), ("is_registered", -1), (), "x", 5])
    name, command = rng.choice(
        [
            ("no such actor", asked(shard, target, actor=nobody)),
            ("no message", asked(shard, target, message=rng.choice(["", None, 5, ("x",)]))),
            ("a rank", asked(shard, target, rank=rng.choice([-1, None, "1", 1.5]))),
            ("orders", asked(shard, target, orders=rng.choice([-1, None, "1", 1.5, 2**63]))),
            ("assets", asked(shard, target, orders=1, assets=several)),
            ("nobody's message", asked(shard, target, account=rng.choice([None, -1, "1", 1.5]))),
            ("a field more of a message", (*asked(shard, target), 0)),
            ("a field less of a message", asked(shard, target)[:-1]),
            ("a quote in a batch", quoted()),
            ("a service that is asked", (kinds.ASK_MARKET, None, 1, encode(("is_registered", 0)))),
            ("a question", (kinds.ASK_MARKET, None, 0, encode(question))),
        ]
    )
    return Attack("bad body", name, framed(shard, target, [command]))


def sure_body(rng: Random, target: Target) -> Attack:
    """A body with a fault that is one for sure."""
    if target.actor and rng.random() < 0.4:
        return rng.choice([sure_change, sure_message])(rng, target)
    shard = rng.randrange(2)
    right = order(shard, target)
    packed = pack(right)
    place = rng.randrange(1, 8)
    number, side = rng.choice(["NaN", "", "1_0", " 1"]), rng.choice(["buy", "", "HOLD"])
    name, body = rng.choice(
        [
            ("cut", b"\x91" + packed[: rng.randrange(len(packed))]),
            ("longer", b"\x91" + packed + rng.randbytes(1 + rng.randrange(9))),
            ("no array", rng.choice([b"\x01", b"\xa1x", b"\x80", b"\xc0", b"\x90", b""])),
            ("a map", b"\x91\x81\x01\x02"),
            ("an extension", b"\x91\xd4\x05\x00"),
            ("a kind", b"\x91" + pack((rng.choice([0, 26, 99, -1, 2**40, None, "x"]), *right[1:]))),
            ("a field less", b"\x91" + pack(right[:-1])),
            ("a field more", b"\x91" + pack((*right, rng.choice([0, None, "x"])))),
            ("a list", b"\x91" + pack((*right[:place], (1,), *right[place + 1 :]))),
            ("a float", b"\x91" + pack((*right[:place], 1.5, *right[place + 1 :]))),
            ("a flag", b"\x91" + pack((*right[:place], True, *right[place + 1 :]))),
            ("no decimal", b"\x91" + pack((*right[:5], number, *right[6:]))),
            ("no side", b"\x91" + pack((*right[:4], side, *right[5:]))),
            ("two amounts", b"\x91" + pack((*right[:6], "1", *right[7:]))),
            ("an account", b"\x91" + pack((right[0], rng.choice([-1, "1", 1.0]), *right[2:]))),
            ("market data", b"\x91" + pack((kinds.QUOTE, None, 0, ()))),
            (
                "a start",
                b"\x91" + pack((kinds.HELLO, 2, (9, 1, 1, 0), b"cos\nsystem\n(S'true'\ntR.")),
            ),
        ]
    )
    return Attack("bad body", name, framed(shard, target, body, rows_for(target, 1)))


# --- lying heads -------------------------------------------------------------------------------


def lying_head(rng: Random, target: Target) -> Attack:
    """A right body behind a head that says something else, or that its session may not say."""
    shard = rng.randrange(2)
    other = 1 - shard
    many = rng.randrange(2, 6)
    right = [order(shard, target, rank) for rank in range(1, many + 1)]
    plain = [(kinds.EXECUTE, *one[1:8]) for one in right]
    rows = rows_for(target, many)

    def lie(commands: Any = right, its: Any = rows, at: int = shard, **head: int) -> bytes:
        return framed(at, target, commands, its, **head)

    lies: dict[str, Callable[[], bytes]] = {
        "another shard": lambda: lie(at=other),
        "more commands": lambda: lie(count=many + rng.randrange(1, 99)),
        "fewer commands": lambda: lie(count=rng.randrange(1, many)),
        "settings": lambda: lie(
            [(kinds.CONFIGURE, None, "rate_limit", (2, "name", "RateLimitPolicy"))], ()
        ),
        "a block": lambda: lie([(kinds.ADMINISTER, HOME[shard], "unblock", (1, HOME[shard]))], ()),
        "a group": lambda: lie(
            [(kinds.ADMINISTER, None, "register_group", (1, (0, HOME[shard]), 5))], ()
        ),
        "an adjustment": lambda: lie([(kinds.ADJUST, HOME[shard], (0,))], ()),
        "a turn": lambda: note_frame(SessionOp.TURN),
        "a handle of the future": lambda: lie(
            [(kinds.COMMIT, HOME[shard], rng.randrange(2**40, 2**63))], ()
        ),
        "a handle of another life": lambda: lie([(kinds.ROLLBACK, HOME[shard], 0)], ()),
    }
    if target.actor:
        number = rng.randrange(1, 2**32)
        ttl = rng.choice([("instrument_ttl", 0, 5), ("account_ttl", 1, 5), ("default_ttl", 5)])
        lies |= {
            "more changes": lambda: changes([quoted()] * many, many + rng.randrange(1, 99)),
            "fewer changes": lambda: changes([quoted()] * many, rng.randrange(1, many)),
            "an instrument": lambda: changes([quoted("register", number, "X", "USD", None)]),
            "how long quotes live": lambda: changes([quoted(), quoted(*ttl)]),
            "another shard's message": lambda: lie([asked(other, target)], ()),
        }
        if target.numbers:
            some = {"rank": 1, "orders": many, "assets": (("USD", 1, many),)}
            lies |= {
                "a message that is not counted": lambda: lie([asked(shard, target, **some)], ()),
                "a message that counts for more": lambda: lie(
                    [asked(shard, target, **some)], rows_for(target, many - 1)
                ),
                "a message that counts for less": lambda: lie(
                    [asked(shard, target, **some)], rows_for(target, many + 1)
                ),
            }
    held = target.handles[shard]
    if held is not None:
        kind = rng.choice([kinds.COMMIT, kinds.ROLLBACK, kinds.EXECUTE_REQUEST])
        several = rng.choice([kinds.COMMIT_MANY, kinds.ROLLBACK_MANY, kinds.DROP])
        lies["a stranger's handle"] = lambda: lie([*right, (kind, HOME[shard], held)])
        lies["a stranger's handle in a list"] = lambda: lie([(several, None, (held,))], ())
    if target.numbers:
        less = rng.randrange(1, many)
        lies |= {
            "fewer counts": lambda: lie(its=rows_for(target, less)),
            "more counts": lambda: lie(its=rows_for(target, many + less)),
            "no counts": lambda: lie(its=rows_for(target, 0, reach=many)),
            "no rows": lambda: lie(its=()),
            "an axis less": lambda: lie(its=rows[1:]),
            "an axis more": lambda: lie(its=[*rows, (rng.randrange(50, 2**31), 0, 1, 1, 0, 0)]),
            "an axis twice": lambda: lie(its=[*rows, rows[0]]),
            "counts that are too low": lambda: lie(
                its=rows_for(target, many, lacking=-rng.randrange(1, 2**40))
            ),
            "no reach": lambda: lie(its=rows_for(target, many, reach=less)),
            "a reach beyond all": lambda: lie(its=rows_for(target, many, reach=2**63)),
            "uncounted": lambda: lie(plain, ()),
            "some uncounted": lambda: lie([*right[:-1], plain[-1]], rows_for(target, many - 1)),
            "ranks that fall": lambda: lie(right[::-1]),
        }
    name = rng.choice([*lies])
    return Attack("lying head", name, lies[name]())


def attack(rng: Random, target: Target) -> Attack:
    """Any of them: of 10 some four are garbage, three bad bodies, three lying heads."""
    return rng.choices([garbage, bad_body, lying_head], [30, 35, 35])[0](rng, target)
