"""Which way a replay on shards goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from openpit.cli.events import BadLine
from openpit.cli.flows import event_of
from openpit.cli.on_shards import OnShards

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openpit.cli.lines import Line

TIMED = b'{"event":"cancel","order":1,"time":5}'
TIMELESS = b'{"event":"cancel","order":1}'


class Recorded:
    """A replay that keeps what it is given."""

    def __init__(self) -> None:
        self.blocks: list[Sequence[Line]] | None = None

    def run(self, blocks: Iterable[Sequence[Line]]) -> None:
        self.blocks = list(blocks)


@pytest.mark.parametrize(
    ("first", "is_strict", "way"),
    [
        ([(1, TIMED)], False, "lines"),
        ([(1, TIMED)], True, "orders"),
        ([(1, TIMELESS), (2, TIMED)], False, "orders"),
        ([(1, b"x"), (2, BadLine(2, "too long")), (3, TIMED)], False, "lines"),
        ([(1, b"x"), (2, TIMELESS)], False, "orders"),
        ([(1, b"x")], False, "lines"),
        ([], False, "lines"),
    ],
)
def test_the_first_event_decides_and_every_line_is_taken(
    first: list[Line], is_strict: bool, way: str
) -> None:
    made = {"lines": Recorded(), "orders": Recorded()}
    blocks: list[list[Line]] = [first, [(9, TIMED)]]
    replay = OnShards(lambda: made["lines"], lambda: made["orders"], event_of, is_strict=is_strict)

    replay.run(iter(blocks))

    chosen = made.pop(way)
    assert chosen.blocks == blocks
    assert next(iter(made.values())).blocks is None


def test_an_empty_flow_has_no_lines_to_take() -> None:
    lines, orders = Recorded(), Recorded()

    OnShards(lambda: lines, lambda: orders, event_of, is_strict=False).run([])

    assert lines.blocks == [()]
    assert orders.blocks is None
