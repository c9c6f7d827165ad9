"""How messages are spoilt: bytes, shapes, and values of other types and at the edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

_DEEP: Any = ()
for _ in range(230):
    _DEEP = (0, _DEEP)

STRANGE: list[Any] = [
    None, True, False, -1, 0, 1, 2, 7, 2**63, 2**64 - 1, -(2**63), 1.0, 1.5, float("nan"),
    "", " ", "x", "BUY", "buy", "NaN", "-Infinity", "1e999999999", "1E-9999", "1_000",
    "\uff11\uff12", " 1", "1 ", "+1", "-0", "0.00", "-10", "1E+2", "0E-7", "1E-7", "1e-7", "01",
    "1.", ".5", "79228162514264337593543950335", "79228162514264337593543950336", "USD", "_price_",
    "__class__", b"1", b"", (), (1,), ((),), (0,), (1,), (3, "1"), (3, "NaN"), (4, "1f"),
    (5, 1, "BUY"), (5, 1, "mro"), (6, 9, 1), (6, 4, (3, "NaN")), (6, 1, (3, "-1")), (9,), _DEEP,
    (7, 21, "os", "PathLike", (), *[None] * 10), (7, 21, "no.such", "Order", (), *[None] * 10),
    (8, "fuzz_reader", "Urgency", "HIGH"), (8, "fuzz_reader", "Urgency", "mro"), "Tag", "Leg",
    (8, "fuzz_reader", "Route", 5), (8, "fuzz_reader", "Route", 4), (8, "fuzz_reader", "Tag", 1),
    (8, "fuzz_reader", "Noted", 1), (8, "no.such", "Tag", 1, 2), (8, "os", "PathLike"), (8,),
    (9, "date", 2026, 2, 29), (9, "date", b"\x07\xea\x02\x1c"), (9, "UUID", "a" * 32), (9,),
    (9, "int", 5), (9, "range", 0, 2**62, 1), (9, "frozenset", (9, "range", 0, 2**62, 1)),
    (9, "set", (0, (0,))), (9, "Fraction", "1e99999999"), (9, "bytearray", 2**40),
    (9, "ZoneInfo", "../../etc/passwd"), (9, "deque", (9, "range", 0, 2**62, 1), None),
    (9, "Counter", (9, "range", 0, 2**62, 1)),
    (6, 21, "A", "B", 1, None, (3, "1"), (3, "1"), None, None, None, None), (6, True, (3, "1")),
]  # fmt: skip


def places(message: Any, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The paths of everything in a message."""
    found = []
    for place, part in enumerate(message):
        found.append((*path, place))
        if type(part) is tuple and len(path) < 6:
            found += places(part, (*path, place))
    return found


def replaced(message: Any, path: tuple[int, ...], new: Any) -> Any:
    """The message with something else in one place."""
    place, *rest = path
    inner = replaced(message[place], tuple(rest), new) if rest else new
    return (*message[:place], inner, *message[place + 1 :])


def bent(random: Random, message: Any) -> Any:
    """A message with one fault of shape or value, which may turn out to be none."""
    path = random.choice(places(message))
    *above, place = path
    parent = message
    for step in above:
        parent = parent[step]
    way = random.randrange(6)
    if way == 0:
        changed = (*parent[:place], *parent[place + 1 :])
    elif way == 1:
        changed = (*parent[:place], random.choice(STRANGE), *parent[place:])
    elif way == 2 and len(parent) > 1:
        other = random.randrange(len(parent))
        listed = list(parent)
        listed[place], listed[other] = listed[other], listed[place]
        changed = tuple(listed)
    elif way == 3 and type(parent[place]) is int:
        changed = replaced(parent, (place,), parent[place] + random.choice((-1, 1)))
    else:
        changed = replaced(parent, (place,), random.choice(STRANGE))
    return replaced(message, tuple(above), changed) if above else changed


def broken(random: Random, data: bytes) -> bytes:
    """Bytes of a frame, flipped, cut or spliced."""
    way = random.randrange(3)
    place = random.randrange(len(data))
    if way == 0:
        return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]
    if way == 1:
        return data[:place] + data[place + random.randrange(1, 4) :]
    return data[:place] + data[random.randrange(len(data)) :][:8] + data[place:]
