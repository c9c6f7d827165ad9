"""Sums, differences, products and quotients of random and of boundary decimals, on both sides.

python tests/differential/arithmetic.py --pairs 160000 --seed 7

One interpreter per side draws the same pairs from the seed and prints what the public types make of
them: those of the other generators are short, these fill all 96 bits and end where a digit is
carried, dropped or lost.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import secrets
import subprocess
import sys
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any

from reference_wheel import PROJECT, ReferenceMissingError, reference_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: The output is what this program is for.
say = functools.partial(print, flush=True)

SHOWN = 10
_MOST = 2**96 - 1
_PLACES = (0, 0, 1, 2, 2, 3, 4, 8, 9, 14, 18, 19, 20, 24, 26, 27, 28, 28)
_EDGES = (
    *(1, 2, 3, 5, 7, 8, 9, 11, 99, 101, 10**8, 10**9, 10**18, 10**19, 10**27, 10**28),
    *(2**24, 2**31, 2**32, 2**63, 2**64, _MOST, _MOST // 2, _MOST // 3, _MOST // 10),
    *(5 * 10**27, 5 * 10**28, 25 * 10**26),
)
_ROOMY = Context(prec=120)


def _mantissa(draw: random.Random) -> int:
    kind = draw.random()
    if kind < 0.3:
        return min(_MOST, max(0, draw.choice(_EDGES) + draw.randint(-2, 2)))
    if kind < 0.5:
        return draw.randrange(10 ** draw.randint(1, 28))
    if kind < 0.7:
        return draw.randrange(2 ** draw.randint(1, 96))
    if kind < 0.85:
        return min(_MOST, draw.randrange(1, 10 ** draw.randint(1, 8)) * 10 ** draw.randint(0, 20))
    return 10 ** draw.randint(0, 28) - draw.choice((0, 1))


def _number(draw: random.Random) -> Decimal:
    value = Decimal(_mantissa(draw)).scaleb(-_scale(draw), _ROOMY)
    return value.copy_negate() if value and draw.random() < 0.4 else value


def _scale(draw: random.Random) -> int:
    return draw.choice((*_PLACES, draw.randint(0, 28)))


def pairs(count: int, seed: str) -> Iterator[tuple[Decimal, Decimal]]:
    """Give the pairs of a seed, the same in every interpreter."""
    draw = random.Random(seed)
    for _ in range(count):
        a, b = _number(draw), _number(draw)
        kind = draw.random()
        if kind < 0.1:
            b = a
        elif kind < 0.15:
            b = a.copy_negate() if a else a
        elif kind < 0.25 and a:  # a product near the largest number
            whole = int(a.copy_abs().scaleb(28, _ROOMY)) or 1
            near = min(_MOST, _MOST // whole + draw.randint(0, 2))
            b = Decimal(near).scaleb(-draw.randint(0, 28), _ROOMY)
        yield a, b


def _told(calculate: Callable[[], Any]) -> str:
    try:
        text = str(calculate())
        # Ours has no negative zero (docs/differences.md).
        return text if text.strip("-0.") else text.removeprefix("-")
    except Exception as error:  # noqa: BLE001 - an error is an answer, too
        return f"{type(error).__name__}: {error}"


def answers(count: int, seed: str) -> Iterator[str]:
    """Calculate with whichever ``openpit`` this interpreter imports; one line for each pair."""
    from openpit.param import Pnl, Price, Quantity, Volume  # noqa: PLC0415 - the side's own

    for a, b in pairs(count, seed):
        x, y = format(a, "f"), format(b, "f")
        size, price = x.removeprefix("-"), Price(y)
        yield "\t".join(
            (
                _told(lambda x=x, y=y: Pnl(x) + Pnl(y)),
                _told(lambda x=x, y=y: Pnl(x) - Pnl(y)),
                _told(lambda p=price, s=size: p.calculate_position_size(Quantity(s))),
                _told(lambda p=price, s=size: Volume(s).calculate_quantity(p)),
            )
        )


def _side(folder: Path, count: int, seed: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "--pairs", str(count), "--seed", seed, "--answer"]
    given = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=given, text=True)


def differences(reference: Path, ours: Path, count: int, seed: str) -> tuple[int, list[str]]:
    """Compare both sides; how many pairs were answered by both, and what differs."""
    found = []
    compared = 0
    with _side(reference, count, seed) as theirs, _side(ours, count, seed) as own:
        assert theirs.stdout is not None
        assert own.stdout is not None
        for pair, expected, given in zip(
            pairs(count, seed), theirs.stdout, own.stdout, strict=False
        ):
            compared += 1
            if expected != given:
                found.append(
                    f"{pair}\n  reference: {expected.rstrip()}\n  ours:      {given.rstrip()}"
                )
    return compared, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=160_000)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--answer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        for line in answers(options.pairs, options.seed):
            sys.stdout.write(line + "\n")
        return 0
    try:
        reference = reference_wheel()
    except ReferenceMissingError as missing:
        say(f"no reference wheel: {missing}")
        return 2
    say(f"seed {options.seed}")
    compared, found = differences(reference, PROJECT, options.pairs, options.seed)
    for difference in found[:SHOWN]:
        say(difference)
    say(f"{compared} pairs, {len(found)} differ")
    return 1 if found or compared != options.pairs else 0


if __name__ == "__main__":
    sys.exit(main())
