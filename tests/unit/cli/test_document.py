from __future__ import annotations

import json
from typing import Any

from openpit.cli.course import FlowClock
from openpit.cli.document import ReplaySetting, as_document
from openpit.cli.exits import Exit, ExitError
from openpit.cli.flows import event_of
from openpit.cli.invocation import Invocation
from openpit.cli.local import LocalReplay
from openpit.cli.totals import Totals
from openpit.faces.embedded import Engine
from openpit.limits.reading import loads

CONFIG = '[order_validation]\n[order_size_limit]\nbroker = {max_quantity = "100"}\n'

FLOW = b"""\
{"event":"order","time":1,"order":1,"account":5,"symbol":"KO","currency":"USD","side":"BUY","quantity":10,"price":60.5}
{"event":"order","time":2,"order":2,"account":6,"symbol":"KO","currency":"USD","side":"BUY","quantity":101,"price":60.5}
{"event":"order","time":3,"order":3,"account":6,"symbol":"KO","currency":"USD","side":"BUY","quantity":0,"price":60.5}
{"event":"fill","time":4,"order":1,"quantity":4,"price":"60.25","fee":"0.02","pnl":"1.10"}
{"event":"cancel","time":5,"order":1}
{"event":"cancel","time":6,"order":1}
{"event":"cancel","time":6,"order":2}
nonsense
"""

CALL = ReplaySetting(
    Invocation(["openpit", "replay", "flow.jsonl"], "2026-11-28T10:00:00Z", "0.1.0"), 0, 8
)


def document_of(flow: bytes, **changes: Any) -> dict[str, Any]:
    clock = FlowClock()
    engine = loads(CONFIG).add_to(Engine.builder().clock(clock).no_sync()).build()
    totals = Totals()
    replay = LocalReplay(engine, clock, event_of, totals, batch=8)
    replay.run([list(enumerate(flow.splitlines(), start=1))])
    told = {"ended": None, "config": CONFIG, "seconds": 0.5, "died": {}, "call": CALL} | changes
    return as_document(totals, told.pop("call"), **told)


def test_what_the_flow_decided() -> None:
    document = document_of(FLOW)

    assert (document["schema"], document["version"]) == ("openpit-replay", 1)
    assert document["exit"] == {"code": 0, "name": "OK", "reason": None}
    assert document["flow"] == {
        "events": 7,
        "bad_lines": {
            "count": 1,
            "first": [{"line": 8, "reason": "not JSON: Expecting value at column 1"}],
        },
        "left_out": {"order_not_placed": 0, "order_rejected": 1, "order_finished": 1},
        "without_order": {},
    }
    assert document["total"] == {
        "accounts": 2,
        "orders": 3,
        "accepted": 1,
        "rejected": 2,
        "reports": 2,
        "blocked_accounts": 0,
        "rejects_by_code": {"InvalidFieldValue": 1, "OrderQtyExceedsLimit": 1},
        "rejects_by_policy": {
            "OrderSizeLimitPolicy": {"OrderQtyExceedsLimit": 1},
            "OrderValidationPolicy": {"InvalidFieldValue": 1},
        },
    }
    # Money is text: 4 at 60.25.
    assert document["money"] == {
        "USD": {"fills": 1, "traded": "241.00", "fees": "0.02", "pnl": "1.10"}
    }
    assert json.loads(json.dumps(document)) == document


def test_what_belongs_to_the_run_stands_apart() -> None:
    first = document_of(FLOW)
    sharded = ReplaySetting(CALL.invocation, 1, 1024)
    second = document_of(FLOW, seconds=2.0, call=sharded)

    assert first["run"]["command_line"] == ["openpit", "replay", "flow.jsonl"]
    assert (first["run"]["date"], first["run"]["openpit"]) == ("2026-11-28T10:00:00Z", "0.1.0")
    assert (first["run"]["orders_per_second"], first["shards"]) == (6.0, [])
    assert second["run"]["orders_per_second"] == 1.5
    assert second["shards"] == [{"shard": 0, "died": None, **second["total"]}]
    for document in (first, second):
        del document["run"], document["shards"]
    assert first == second


def test_bad_lines_are_bounded_and_counted() -> None:
    flow = document_of(b"nonsense\n" * 250)["flow"]

    assert flow["bad_lines"]["count"] == 250
    assert [bad["line"] for bad in flow["bad_lines"]["first"]] == list(range(1, 101))


def test_why_a_replay_stopped_is_told() -> None:
    ended = ExitError(Exit.SHARD_DIED, "replay stopped: shard 1: killed")

    document = document_of(FLOW, ended=ended, died={1: "shard 1: killed"})

    assert document["exit"] == {
        "code": 5,
        "name": "SHARD_DIED",
        "reason": "replay stopped: shard 1: killed",
    }
