"""The replay's part in a worker: an actor that takes lines of the flow, and answers decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openpit.cli.events import BadEventError
from openpit.cli.lane import ReplayLane
from openpit.cli.line_blocks import BlockAnswer, LaneTotals, LineBlock, read_block, write
from openpit.faces.shard_engine import ShardEngine

if TYPE_CHECKING:
    from openpit.cli.heads import FlowFormat
    from openpit.faces.acting import ActorEngine
    from openpit.param.ids import AccountId

__all__ = ["STAGE", "ReplayStage", "StageFactory"]

STAGE = "replay"
"""The name of the actor."""


class StageFactory:
    """Makes the stage of a worker, for flows of a format; ``tells`` whether it says decisions."""

    __slots__ = ("_format", "_tells")

    def __init__(self, format_: FlowFormat, *, tells: bool) -> None:
        self._format = format_
        self._tells = tells

    def __call__(self, engine: ActorEngine, _shard: int) -> ReplayStage:
        """Return a stage beside an engine."""
        return ReplayStage(ShardEngine.behind(engine), self._format, tells=self._tells)


class ReplayStage:
    """Reads, books and decides the lines of one shard's accounts, block after block."""

    def __init__(self, engine: ShardEngine, format_: FlowFormat, *, tells: bool) -> None:
        self._engine = engine
        self._tells = tells
        self._event_of = format_.event_of()
        self._lane = ReplayLane(engine)

    def receive(self, _: AccountId, message: bytes) -> bytes:
        """Take a block of lines; return what became of them."""
        block = read_block(message)
        lane = self._lane
        blocked = len(lane.blocked)
        self._engine.count_next(0, 0)
        take = self._take if block.counts is None else self._take_counted
        decisions, bad, stopped = take(block)
        return write(
            BlockAnswer(
                "".join(decisions).encode() if self._tells else b"",
                len(decisions),
                bad,
                stopped,
                lane.blocked[blocked:],
                LaneTotals.of(lane),
            )
        )

    def _take(self, block: LineBlock) -> tuple[list[str], list[tuple[int, str]], list[int]]:
        """Take the lines; return the decisions, the bad lines and the orders that were stopped."""
        event_of, lane, clock = self._event_of, self._lane, self._engine.clock
        take, stops = lane.take, lane.stopped
        decisions: list[str] = []
        bad: list[tuple[int, str]] = []
        stopped: list[int] = []
        for place, line in enumerate(block.lines.split(b"\n")):
            try:
                event = event_of(line)
                now = event.time
                if now is None:
                    now = block.time
                clock.now = now  # type: ignore[assignment]  # one is told
                decision = take(event, now)  # type: ignore[arg-type]  # as above
            except BadEventError as error:
                bad.append((place, str(error)))
                continue
            if decision is None:
                continue
            if lane.stopped != stops:
                stops = lane.stopped
                stopped.append(len(decisions))
            decisions.append(decision)
        return decisions, bad, stopped

    def _take_counted(self, block: LineBlock) -> tuple[list[str], list[tuple[int, str]], list[int]]:
        """Take lines whose orders count as the block says.

        Raises:
            RuntimeError: an order has counted of which the block says that it does not, or has not.
        """
        decisions: list[str] = []
        bad: list[tuple[int, str]] = []
        stopped: list[int] = []
        engine, counts = self._engine, block.counts
        assert counts is not None  # noqa: S101 - that is why
        for place, line in enumerate(block.lines.split(b"\n")):
            expected = counts[place]
            engine.count_next(*(expected or (0, 0)))
            decided, is_bad, is_stopped = self._take(LineBlock(line, block.time))
            if (engine.has_counted and expected is None) or (
                expected is not None and not engine.has_counted
            ):
                raise RuntimeError(f"not counted as foretold: {line!r:.200}")
            bad += [(place, reason) for _, reason in is_bad]
            stopped += [len(decisions) for _ in is_stopped]
            decisions += decided
        return decisions, bad, stopped
