"""Hostile flows: the same of one lane and of the caller of shards, at any batch size."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import pytest
from hostile_flows import HostileFlow, flow_of
from replays import outcome
from staged import StagedWorkers

import openpit
from openpit.cli import flows
from openpit.cli.course import FlowClock
from openpit.cli.heads import FlowFormat
from openpit.cli.lines import numbered_lines
from openpit.cli.lobster import reader
from openpit.cli.local import LocalReplay
from openpit.cli.replay import Replay
from openpit.cli.sharded import ShardedReplay
from openpit.cli.tally import total
from openpit.cli.totals import StrictStopError, Totals
from openpit.limits.reading import loads

if TYPE_CHECKING:
    from pathlib import Path

SEED = int(os.environ.get("OPENPIT_SEED", "1"))


def replayed(flow: HostileFlow, kind: Any, batch: int) -> tuple[str, dict[str, Any]]:
    """Return the decisions, and whatever else a report would tell."""
    policies = loads(flow.limits)
    clock = FlowClock()
    engine = policies.add_to(openpit.Engine.builder().clock(clock).no_sync()).build()
    policies.prepare(engine)
    lines: list[str] = []
    totals = Totals(strict=flow.is_strict)
    event_of = flows.event_of
    if flow.name.endswith(".csv"):
        event_of = reader(symbol="KO", accounts=flow.accounts)
    more = {} if kind is LocalReplay else {"starts": policies.starts}
    replay = kind(engine, clock, event_of, totals, batch=batch, decided=lines.append, **more)
    return told(replay, flow, totals, lines)


def passed_on(flow: HostileFlow, shards: int, batch: int) -> tuple[str, dict[str, Any]]:
    """Return the same of stages that are given the lines."""
    policies = loads(flow.limits)
    lines: list[str] = []
    totals = Totals(shards)
    read = FlowFormat("KO", flow.accounts) if flow.name.endswith(".csv") else FlowFormat()
    replay = ShardedReplay(
        StagedWorkers(flow.limits, read, shards),
        read,
        totals,
        shard_of=lambda account: account.value % shards,
        batch=batch,
        limits=policies.broad_limits,
        starts=policies.starts,
        decided=lines.append,
    )
    return told(replay, flow, totals, lines)


def told(
    replay: Any, flow: HostileFlow, totals: Totals, lines: list[str]
) -> tuple[str, dict[str, Any]]:
    """Run a replay; return the decisions, and whatever else a report would tell."""
    stopped = None
    try:
        replay.run(numbered_lines(io.BytesIO(flow.lines)))
    except StrictStopError as error:
        stopped = str(error)
    tally = total(totals.tallies)
    return "".join(lines), {
        "stopped": stopped,
        "bad": (totals.bad_lines, [(bad.line, bad.reason) for bad in totals.first_bad]),
        "events": totals.events,
        "skipped": +totals.skipped,
        "observations": totals.observations,
        "counts": (tally.accounts, tally.accepted, tally.reports, tally.blocked),
        "refusals": tally.refusals,
        "money": {
            currency: (sums.fills, str(sums.traded), str(sums.fees), str(sums.pnl))
            for currency, sums in totals.turnover.by_currency.items()
        },
    }


@pytest.mark.parametrize("seed", range(SEED, SEED + 60))
def test_batches_change_nothing(seed: int) -> None:
    flow = flow_of(seed)
    expected = replayed(flow, LocalReplay, 7)

    for batch in (1, 3, 1024):
        assert replayed(flow, Replay, batch) == expected, batch


@pytest.mark.parametrize("seed", range(SEED, SEED + 60))
def test_stages_that_are_given_the_lines_change_nothing(seed: int) -> None:
    flow = flow_of(seed)._replace(is_strict=False)
    expected = replayed(flow, LocalReplay, 7)

    for shards in (1, 2, 3, 5):
        for batch in (1, 3, 1024):
            assert passed_on(flow, shards, batch) == expected, (shards, batch)


@pytest.mark.one_python
@pytest.mark.parametrize(
    ("seed", "shards"), [*zip(range(SEED, SEED + 4), (1, 2, 3, 5), strict=True)]
)
def test_shards_change_nothing(tmp_path: Path, seed: int, shards: int) -> None:
    expected = outcome(seed, tmp_path, "--shards", "0")

    assert expected[-1] is None
    assert outcome(seed, tmp_path, "--shards", str(shards), "--batch", "3") == expected
