"""Order flows with whatever a file may have in it: the same for the same seed."""

from __future__ import annotations

import json
from random import Random
from typing import NamedTuple

__all__ = ["HostileFlow", "flow_of"]

LIMITS = """
[order_validation]
[rate_limit]
broker = {max_orders = 20, window = "30ms"}
[[rate_limit.asset]]
settlement_asset = "USD"
max_orders = 15
window = "31ms"
[[rate_limit.account]]
account = 1
max_orders = 5
window = "9ms"
[order_size_limit]
broker = {max_quantity = "300", max_notional = "50000"}
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-20"
"""

OUTSIDE = """
[order_validation]
[rate_limit.broker]
max_orders = 6
window = "1s"
[[pnl_bounds_killswitch.account]]
account = 1
settlement_asset = "USD"
lower_bound = "-500"
initial_pnl = "-600"
[[pnl_bounds_killswitch.account]]
account = 2
settlement_asset = "USD"
lower_bound = "5"
[[pnl_bounds_killswitch.broker]]
settlement_asset = "EUR"
upper_bound = "-1"
"""

FUNDS = """
[order_validation]
[spot_funds]
account_currency = "USD"
[[spot_funds.funds]]
first_account = 1
last_account = 5
asset = "USD"
balance = "3000"
[[spot_funds.funds]]
first_account = 1
last_account = 5
asset = "KO"
balance = "30"
[[pnl_bounds_killswitch.broker]]
settlement_asset = "USD"
lower_bound = "-20"
"""

# Values as the file has them.
AMOUNTS = [
    *(json.dumps(text) for text in ("10", "0", "-1", "1e1", "1E+2", "9e-5", "1.50", "007", "+3")),
    *(json.dumps(text) for text in (" 5", "", "x", "é", "NaN", "1_000", "1" * 29, "1" * 30, ".5")),
    *(json.dumps(text) for text in ("1e999999", "1e-30", "-0.0", "0e5", "0." + "0" * 28 + "1")),
    *("10", "0", "-1", "1e1", "9e-5", "1.50", "-0.0", "true", "null", "[1]", '{"a":1}', "NaN"),
    *("Infinity", "1e400", "9" * 30, "9" * 5_000, "01", "12345678901234567890.123456789"),
]
NAMES = [
    *('"AAPL"', '"KO:X"', '""', '" "', r'"a\u0000"', r'"\ud83d\ude00"', r'"\ud800"', '"é"', "5"),
    *("null", '"' + "x" * 300 + '"', '"' + "x" * 70 + '"', r'"a\":b"', r'"K\u004f"', '"a\tb"'),
    *('"\x7f"', '"\u00a0"', '"\u200b"'),
]
IDS = [
    *("1", "2", "3", "0", "-1", "-0", "1.0", str((1 << 64) - 1), str(1 << 64), "1e3", "true"),
    *("null", '"1"', '"desk"', '"desk:1"', '""', r'"\u0041"', '"' + "i" * 257 + '"', r'"é\":"'),
]
TIMES = [
    *("1000", "0", "-5", "null", "1e9", "1.5", str((1 << 63) - 1), str(1 << 63), '"5"', "true"),
    "1e-3",
]


class HostileFlow(NamedTuple):
    """A flow and what it is replayed with."""

    name: str
    lines: bytes
    limits: str
    accounts: int
    """Of a LOBSTER file."""
    is_strict: bool


def flow_of(seed: int) -> HostileFlow:
    """Return the flow of a seed."""
    draw = Random(seed)
    limits = draw.choice([LIMITS, OUTSIDE, FUNDS])
    is_strict = draw.random() < 0.1
    if draw.random() < 0.2:
        lines = _messages(draw)
        return HostileFlow("KO_2012-06-21_m.csv", lines, limits, draw.choice([1, 4]), is_strict)
    return HostileFlow("flow.jsonl", _JsonLines(draw).all(), limits, 1, is_strict)


class _JsonLines:
    def __init__(self, draw: Random) -> None:
        self._draw = draw
        self._hostility = draw.choice([0.0, 0.02, 0.1, 0.4])
        self._has_times = draw.choice([1.0, 1.0, 0.5, 0.0])
        self._now = draw.choice([0, 10**9])
        self._orders = 0

    def all(self) -> bytes:
        draw = self._draw
        lines = []
        for _ in range(draw.choice([3, 20, 200])):
            lines.append(self._line())
            if draw.random() < 0.02:
                lines.append(draw.choice([b"", b"  ", b"\r"]))
        return b"\n".join(lines) + draw.choice([b"", b"\n", b"\r\n"])

    def _line(self) -> bytes:
        draw = self._draw
        fields = self._fields()
        share = self._hostility
        if draw.random() < share / 3:
            fields.append(draw.choice(fields))
        if draw.random() < share / 6:
            fields.append((draw.choice(["x", "quantity", "line", "key", r"ti\u006de"]), "1"))
        if draw.random() < share / 6:
            del fields[draw.randrange(len(fields))]
        if draw.random() < 0.3:
            draw.shuffle(fields)
        usual = draw.choice([":", ": ", "\t:"])
        colons = [usual if draw.random() < 0.8 else " :" for _ in fields]
        pairs = (
            f'"{key}"{colon}{value}' for (key, value), colon in zip(fields, colons, strict=True)
        )
        line = ("{" + draw.choice([",", ", "]).join(pairs) + "}").encode("utf-8", "surrogatepass")
        return self._broken(line) if draw.random() < share / 4 else line

    def _broken(self, line: bytes) -> bytes:
        draw = self._draw
        place = draw.randrange(len(line))
        broken = draw.choice(
            [
                *(line[:place], line[:place] + bytes([draw.randrange(256)]) + line[place + 1 :]),
                *(
                    line + b"x",
                    b"[" * 3 + line,
                    b"[" * 3_000 + line,
                    b"  " + line + b" \r",
                    line * 2,
                ),
                *(b"\xef\xbb\xbf" + line, b"null", b"[]", b"\xff", b"\x0b" + line, b"x" * 70_000),
                "\u00a0".encode() + line,
            ]
        )
        return broken.replace(b"\n", b" ")

    def _fields(self) -> list[tuple[str, str]]:
        draw = self._draw
        kind = draw.choices(["order", "fill", "cancel"], [5, 4, 2])[0]
        fields = [("event", self._or(f'"{kind}"', ['"x"', "5", r'"ord\u0065r"'], 6))]
        self._now += draw.choice([0, 100_000, 2_000_000, 10_000_000])
        if draw.random() < self._has_times:
            before = [str(max(0, self._now - 1)), str(max(0, self._now - 3_000_000))]
            fields.append(("time", self._or(str(self._now), TIMES + before, 2)))
        return fields + (self._order() if kind == "order" else self._report(kind))

    def _order(self) -> list[tuple[str, str]]:
        draw = self._draw
        self._orders += 1
        fields = [
            ("order", self._or(str(self._orders), IDS, 3)),
            ("account", self._or(str(draw.randint(1, 6)), IDS, 3)),
            ("symbol", self._or('"KO"', NAMES, 3)),
            ("currency", self._or(draw.choice(['"USD"', '"USD"', '"EUR"']), NAMES, 3)),
            ("side", self._or(draw.choice(['"BUY"', '"SELL"']), ['"buy"', "1", r'"B\u0055Y"'], 6)),
        ]
        for name, share in (("quantity", 0.9), ("volume", 0.1), ("price", 0.9)):
            if draw.random() < share:
                amount = draw.choice(["10", "1", "2", "5", "100", "1000", "0"])
                fields.append((name, self._or(json.dumps(amount), AMOUNTS, 1)))
        return fields

    def _report(self, kind: str) -> list[tuple[str, str]]:
        draw = self._draw
        key = str(draw.randint(max(1, self._orders - 12), self._orders + 1))
        fields = [("order", self._or(key, IDS, 3))]
        shares = (("quantity", 1), ("price", 1), ("fee", 0.7), ("pnl", 0.7))
        for name, share in shares if kind == "fill" else (("quantity", 0.4),):
            if draw.random() < share:
                some = ["-5", "-30", "1"] if name == "pnl" else ["1", "2", "3", "0.5"]
                fields.append((name, self._or(json.dumps(draw.choice(some)), AMOUNTS, 1)))
        return fields

    def _or(self, good: str, bad: list[str], seldom: int) -> str:
        """Return a value as it should be, or one of the others."""
        draw = self._draw
        return draw.choice(bad) if draw.random() < self._hostility / seldom else good


def _messages(draw: Random) -> bytes:
    hostility = draw.choice([0, 0.05, 0.3])
    time = 34_200.0
    lines = []
    for number in range(1, draw.choice([3, 20, 200]) + 1):
        time += draw.choice([0, 0.001, 0.01])
        kind = draw.choice("11112344567")
        row = [
            f"{time:.9f}",
            kind,
            str(number if kind == "1" else draw.randint(1, number)),
            str(draw.choice([1, 2, 10, 100, 0])),
            str(draw.choice([5_853_300, 100, -5, 0])),
            draw.choice(["1", "-1"]),
        ]
        if draw.random() < hostility:
            wrong = ["", "x", "-1", "0", "9" * 20, "1.5", "34100.5", "é", "8"]
            row[draw.randrange(6)] = draw.choice(wrong)
        if draw.random() < hostility / 4:
            row.append("1")
        lines.append(",".join(row).encode() + draw.choice([b"", b"\r"]))
    return b"\n".join(lines)
