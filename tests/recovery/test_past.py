"""What a journal tells of the past: an engine as it stood, and who was refused when and why."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from makers import SECOND, account, deposit, order
from recovery_policies import Counting, Moody
from trading import ACCOUNTS, Day, with_policies

import openpit
from openpit.cli import main
from openpit.cli.audit_lines import AuditEntry, AuditLines
from openpit.cli.course import FlowClock
from openpit.cli.defaults import DEFAULT_CONFIG
from openpit.cli.exits import Exit
from openpit.cli.heads import FlowFormat
from openpit.cli.lines import numbered_lines
from openpit.cli.replay import Replay
from openpit.cli.totals import Totals
from openpit.errors import (
    JournalDamaged,
    JournalError,
    JournalMismatch,
    KeyConflict,
    NotPermitted,
    ReplayDiverged,
)
from openpit.faces.past import Past
from openpit.journal.files import DISK
from openpit.journal.layout import ROUTER, log_folder
from openpit.journal.reading import LogReader
from openpit.journal.writing import LogWriter
from openpit.limits.reading import loads
from openpit.pretrade.policies import (
    RateLimit,
    RateLimitBrokerBarrier,
    build_order_validation,
    build_spot_funds,
)

pytestmark = pytest.mark.one_python

HERE = Path(__file__).parent


def stage_of(journal: Path, shards: int = 2) -> Any:
    return openpit.Engine.builder().sharded(shards, journal=journal)


def seen(engine: Any) -> list[str]:
    """All that an engine tells of itself."""
    told = [repr(engine.account_state(account(number))) for number in ACCOUNTS]
    return [*told, repr(engine.groups()), repr(engine.settings()), repr(engine.halted())]


def lines_of(stage: Any, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in AuditLines(Past(stage._plan()), **options)]


# --- an engine as it stood ------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "shards"), [(11, 1), (13, 3)])
def test_an_engine_is_brought_up_as_it_stood_at_any_of_its_times(
    tmp_path: Path, seed: int, shards: int
) -> None:
    day = Day(tmp_path / "journal", seed, shards=shards)
    stood: list[tuple[int, list[str]]] = []
    for _ in range(4):
        day.trade(30)
        stood.append((day.clock.now, seen(day.engine)))
        day.clock.move(1)
    day.come_back(kills=True)
    day.trade(20)

    for time, told in stood:  # the engine is at work still
        past = with_policies(stage_of(tmp_path / "journal", shards)).build_past(time)
        assert seen(past) == told
        assert past.time <= time
    past = with_policies(stage_of(tmp_path / "journal", shards)).build_past()
    assert seen(past) == seen(day.engine)
    day.close()


def test_a_record_of_a_shard_is_a_moment_of_all(tmp_path: Path) -> None:
    clock = [SECOND]
    stage = openpit.Engine.builder().clock(lambda: clock[0]).sharded(2, journal=tmp_path)
    with stage.builtin(build_spot_funds()).build() as engine:
        here, there = (
            next(account(n) for n in range(9) if engine.shard_of(account(n)) == k) for k in (0, 1)
        )
        for _ in range(3):
            for one in (here, there):
                clock[0] += SECOND
                engine.apply_account_adjustment(one, [deposit("USD", "10")])

    def available(until: Any) -> list[str]:
        past = stage_of(tmp_path).builtin(build_spot_funds()).build_past(until)
        states = [past.account_state(one).policies for one in (here, there)]
        return [str(its[0].holdings[0].available) if its else "" for its in states]

    assert available((0, 2)) == ["20", "10"]
    assert available((1, 2)) == ["20", "20"]
    assert available(2 * SECOND) == ["10", ""]
    assert available(2 * SECOND - 1) == ["", ""]
    assert available(None) == ["30", "30"]
    with pytest.raises(ValueError, match="the log shard-0001 has no record 90: its last is"):
        available((1, 90))
    with pytest.raises(ValueError, match="there is no shard 2: there are 0 to 1"):
        available((2, 1))
    with pytest.raises(ValueError, match="a clock of the program's own"):
        available(datetime.now(UTC))
    with pytest.raises(TypeError, match="until is nanoseconds"):
        available("noon")


def test_a_time_of_the_day_is_one_of_the_engines(tmp_path: Path) -> None:
    with stage_of(tmp_path).builtin(build_spot_funds()).build() as engine:
        engine.apply_account_adjustment(account(7), [deposit("USD", "10")])
        between = datetime.now(UTC)
        engine.apply_account_adjustment(account(7), [deposit("USD", "10")])
        after = datetime.now(UTC)

    def past_at(moment: datetime | None) -> openpit.PastEngine:
        return stage_of(tmp_path).builtin(build_spot_funds()).build_past(moment)  # type: ignore[no-any-return]

    past = past_at(between)
    assert str(past.account_state(account(7)).policies[0].holdings[0].available) == "10"
    assert past.day is not None
    assert timedelta(0) <= between - past.day < timedelta(seconds=60)
    assert str(past_at(after).account_state(account(7)).policies[0].holdings[0].available) == "20"
    assert past_at(between - timedelta(days=1)).records == (0, 0)
    with pytest.raises(ValueError, match="has no time zone"):
        past_at(datetime.now())  # noqa: DTZ005 - that it has none


def test_an_engine_of_the_past_is_asked_and_not_changed(tmp_path: Path) -> None:
    day = Day(tmp_path, 21, shards=2)
    day.trade(60)
    day.clock.move(4000)
    asked = [order(number, "1", None) for number in ACCOUNTS] + [order(None, "1", "10")]

    past = with_policies(stage_of(tmp_path)).build_past()
    before = seen(past)

    for one in asked:  # at the time of then, in the window of then
        assert type(past.execute_pre_trade_dry_run(one)) is type(
            day.engine.execute_pre_trade_dry_run(one)
        )
    broker = RateLimitBrokerBarrier(RateLimit(1, timedelta(hours=1)))
    for change in (
        lambda: past.execute_pre_trade(order(1)),
        lambda: past.execute_pre_trade(order(None)),
        lambda: past.start_pre_trade(order(1)),
        lambda: past.start_pre_trade(order(None)),
        lambda: past.apply_drop_copy(order(1)),
        lambda: past.apply_drop_copy(order(None)),
        lambda: past.execute_pre_trade_many([order(1)]),
        lambda: past.apply_execution_report_many([]),
        lambda: past.apply_account_adjustment(account(1), [deposit("USD", "1")]),
        lambda: past.accounts().block(account(1), "no"),
        lambda: past.accounts().block_group(5, "no"),
        lambda: past.accounts().register_group([account(1)], 77),
        lambda: past.configure().rate_limit("RateLimitPolicy", broker=broker),
        lambda: past.halt("no"),
        past.resume,
    ):
        with pytest.raises(NotPermitted, match="this session has 'reader'"):
            change()
    assert seen(past) == before
    past.close()
    past.close()
    with pytest.raises(openpit.EngineClosed):
        past.settings()
    day.come_back(kills=False)  # nothing was written
    day.compare()
    day.close()


def test_a_dry_run_is_counted_in_the_window_of_then(tmp_path: Path) -> None:
    day = Day(tmp_path, 7, shards=3)
    for number in range(39):
        day.both(partial(place, order(number % 8 + 1, "1", None)))
    almost = day.clock.now
    day.clock.move(1)
    day.both(partial(place, order(5, "1", None)))
    day.close()

    def refused(until: int | None) -> list[str]:
        past = with_policies(stage_of(tmp_path, 3)).build_past(until)
        return [
            one.policy for one in past.execute_pre_trade_dry_run(order(1, "1", None)).rejects or ()
        ]

    assert "RateLimitPolicy" not in refused(almost)
    assert "RateLimitPolicy" in refused(None)


def place(one: Any, engine: Any) -> Any:
    return engine.execute_pre_trade(one)


def test_the_programs_own_module_stays_as_it_is(tmp_path: Path) -> None:
    import __main__  # noqa: PLC0415 - whatever runs the tests

    with_policies(stage_of(tmp_path)).build().close()
    before = dict(vars(__main__))

    with_policies(stage_of(tmp_path)).build_past()

    assert all(vars(__main__)[name] is its for name, its in before.items())


def test_what_is_no_past_is_refused_by_its_name(tmp_path: Path) -> None:
    with with_policies(stage_of(tmp_path / "one")).build() as engine:
        engine.execute_pre_trade(order(1))
    with stage_of(tmp_path / "moody").pre_trade(Moody()).build() as engine:
        engine.execute_pre_trade(order(1))

    with pytest.raises(ValueError, match="takes sharded"):
        openpit.Engine.builder().sharded(2).builtin(build_order_validation()).build_past()
    with pytest.raises(JournalError, match="is no journal"):
        stage_of(tmp_path / "none").builtin(build_order_validation()).build_past()
    assert not (tmp_path / "none").exists()
    with pytest.raises(JournalMismatch, match="it has 3 shards, and had 2"):
        with_policies(stage_of(tmp_path / "one", 3)).build_past()
    with pytest.raises(JournalMismatch, match="policy Counting: most is 5, and was 20"):
        with_policies(stage_of(tmp_path / "one"), Counting(5)).build_past()
    with pytest.raises(ReplayDiverged, match="was answered otherwise"):
        stage_of(tmp_path / "moody").pre_trade(Moody()).build_past()
    for path in (tmp_path / "one").glob("shard-*/*.log"):
        path.rename(path.with_name(f"{9:020d}.log"))
    with pytest.raises((JournalError, JournalDamaged)):
        with_policies(stage_of(tmp_path / "one")).build_past()


# --- decisions ------------------------------------------------------------------------------------


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["journal", *map(str, arguments)])


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """Return the journal that a flow has written, and what `replay --out` has decided of it."""
    folder = tmp_path_factory.mktemp("flow")
    flow, out, journal = folder / "flow.jsonl", folder / "out.jsonl", folder / "journal"
    runner = CliRunner()
    runner.invoke(main, ["generate", "--orders", "700", "--accounts", "40", "--out", str(flow)])
    assert not runner.invoke(
        main, ["replay", str(flow), "--shards", "0", "--out", str(out)]
    ).exit_code
    clock = FlowClock()
    stage = openpit.Engine.builder().clock(clock).sharded(2, journal=journal)
    policies = loads(DEFAULT_CONFIG)
    with policies.add_to(stage).build() as engine:
        policies.prepare(engine)
        totals = Totals(2, complain=print, strict=True)
        told = Replay(engine, clock, FlowFormat().event_of(), totals, shard_of=engine.shard_of)
        with flow.open("rb") as file:
            told.run(numbered_lines(file, lambda _: None))
    (folder / "limits.toml").write_text(DEFAULT_CONFIG)
    return journal, out.read_bytes()


def test_the_decisions_of_a_journal_are_those_of_the_replay_byte_for_byte(
    replayed: tuple[Path, bytes], tmp_path: Path
) -> None:
    journal, expected = replayed
    config = journal.parent / "limits.toml"
    out = tmp_path / "out.jsonl"

    result = run("decisions", journal, "--config", config, "--plain", "--out", out)

    assert result.exit_code == 0, result.output
    assert out.read_bytes() == expected
    rejected = expected.count(b'"accepted":false')
    assert rejected > 20
    assert result.stderr == f"700 orders, {rejected} of them refused\n"
    whole = run("decisions", journal, "--config", config).stdout.splitlines(keepends=True)
    tails = ["{" + line[line.index('"order":') :] for line in whole if '"kind":"order"' in line]
    assert "".join(tails).encode() == expected
    one = run("decisions", journal, "--config", config, "--account", 2, "--plain").stdout
    assert one.encode() == b"".join(
        line for line in expected.splitlines(keepends=True) if b'"account":2,' in line
    )


@pytest.mark.parametrize("end", ["csv", "parquet", "arrow"])
def test_decisions_are_rows_where_the_name_says_so(
    replayed: tuple[Path, bytes], tmp_path: Path, end: str
) -> None:
    journal, expected = replayed
    out = tmp_path / f"out.{end}"

    assert not run(
        "decisions", journal, "--config", journal.parent / "limits.toml", "--out", out
    ).exit_code

    rows = rows_in(out)
    orders = [row for row in rows if row["kind"] == "order"]
    assert len(orders) == expected.count(b"\n")
    assert {row["kind"] for row in rows} >= {"start", "limits", "block", "order"}
    (limits,) = (row for row in rows if row["kind"] == "limits")
    assert "max_orders" in json.loads(limits["detail"])["rate_limit"]["broker"]


def rows_in(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".csv":
        import csv  # noqa: PLC0415 - of this case alone

        with path.open(newline="") as file:
            return list(csv.DictReader(file))
    import pyarrow.feather  # noqa: PLC0415 - as above
    import pyarrow.parquet  # noqa: PLC0415

    read = pyarrow.parquet if path.suffix == ".parquet" else pyarrow.feather
    return read.read_table(path).to_pylist()  # type: ignore[no-any-return]


def test_who_has_changed_what_is_told_in_the_order_of_time(tmp_path: Path) -> None:
    clock = [0]

    def tick() -> int:
        clock[0] += SECOND
        return clock[0]

    stage = openpit.Engine.builder().clock(tick).sharded(2, journal=tmp_path)
    with with_policies(stage).build() as engine:
        there = next(n for n in ACCOUNTS if engine.shard_of(account(n)) == 1)
        engine.apply_account_adjustment(account(there), [deposit("USD", "100")])
        engine.execute_pre_trade(order(there, "1", "10"))
        broker = RateLimitBrokerBarrier(RateLimit(1000, timedelta(hours=1)))
        engine.configure().rate_limit("RateLimitPolicy", broker=broker)
        engine.accounts().block(account(there), "by hand")
        engine.execute_pre_trade(order(there, "1", "10"))
        engine.halt("lunch")
        engine.accounts().register_group([account(n) for n in ACCOUNTS], 5)
        with pytest.raises(openpit.AccountBlockError):
            engine.accounts().replace_block_reason(account(there % 8 + 1), "there is none")
        engine.accounts().unblock(account(there))
        engine.resume()
        with pytest.raises(ValueError, match="13 shares"):
            engine.execute_pre_trade(order(there, "13", "1"))

    lines = lines_of(with_policies(stage_of(tmp_path)))

    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert [(line["kind"], line.get("what")) for line in lines if line["kind"] != "order"] == [
        ("start", "start 1"),
        ("limits", None),
        ("adjustment", None),
        ("change", "rate_limit"),
        ("limits", None),
        ("change", "block"),
        ("change", "halt"),
        ("change", "register_group"),
        ("change", "register_group"),
        ("change", "replace_block_reason"),
        ("change", "unblock"),
        ("change", "resume"),
    ]
    before, after = (
        line["detail"]["rate_limit"]["broker"] for line in lines if line["kind"] == "limits"
    )
    assert (before["max_orders"], after["max_orders"]) == (40, 1000)
    orders = [line for line in lines if line["kind"] == "order"]
    assert [(one["order"], one["accepted"]) for one in orders] == [
        (1, True),
        (2, False),
        (3, False),
    ]
    assert [one["reason"] for one in orders[1]["rejects"]] == ["by hand"]
    assert orders[2]["raised"].startswith("builtins.ValueError: 13 shares, 0 orders, says <")
    assert {line["session"] for line in lines if "session" in line} == {0}
    (failed,) = (line for line in lines if line.get("what") == "replace_block_reason")
    assert failed["raised"].startswith("openpit.AccountBlockError: ")
    groups = [line["detail"] for line in lines if line.get("what") == "register_group"]
    assert sorted(n for (accounts, group) in groups for n in accounts if group == 5) == [*ACCOUNTS]


def test_drop_copies_and_requests_and_blocks_have_lines(tmp_path: Path) -> None:
    with with_policies(stage_of(tmp_path, 1)).build() as engine:
        for _ in range(9):
            engine.start_pre_trade(order(2, "1", None)).request.execute()
        refused = engine.start_pre_trade(order(2, "1", None))
        recorded = engine.apply_drop_copy(order(1, "1", "10"))
        assert not refused
        assert recorded
    lines = lines_of(with_policies(stage_of(tmp_path, 1)))

    orders = [line for line in lines if line["kind"] == "order"]
    assert [one["order"] for one in orders] == [*range(1, 11)]
    assert [one["account"] for one in orders] == [2] * 10
    assert orders[9]["rejects"][0]["code"] == "RateLimitExceeded"
    (copy,) = (line for line in lines if line["kind"] == "drop copy")
    assert "order" not in copy
    assert (copy["account"], copy["accepted"], copy["rejects"]) == (1, True, [])
    assert all(datetime.fromisoformat(line["at"]).tzinfo for line in lines)


def test_orders_that_a_rate_refuses_together_have_a_line_each(tmp_path: Path) -> None:
    def stage() -> Any:
        rate = RateLimitBrokerBarrier(RateLimit(12, timedelta(hours=1)))
        rates = openpit.pretrade.policies.build_rate_limit().broker_barrier(rate)
        return stage_of(tmp_path, 1).builtin(build_order_validation()).builtin(rates)

    details = [f"submitted {count} orders in 3600s window, max allowed: 12" for count in range(41)]
    with stage().build() as engine:
        batches = [[order(number, "1", "1") for number in range(1, 11)] for _ in range(2)]
        told = [
            [reject.details for result in results for reject in result.rejects]
            for results in map(engine.execute_pre_trade_many, batches)
        ]
        assert told == [[], details[13:21]]
        worker = engine.stats()[0].pid
        os.kill(worker, signal.SIGKILL)  # the next one has seen none of the accounts
        again = engine.execute_pre_trade_many(batches[0])
        assert [result.rejects[0].details for result in again] == details[21:31]

    orders = [line for line in lines_of(stage()) if line["kind"] == "order"]
    assert [one["order"] for one in orders] == [*range(1, 31)]
    assert [one["account"] for one in orders] == [*range(1, 11)] * 3
    assert [one["accepted"] for one in orders] == [True] * 12 + [False] * 18
    assert [one["rejects"][0]["details"] for one in orders[12:]] == details[13:31]


def test_calls_with_a_key_have_lines_as_others_and_none_where_they_are_answered_again(
    tmp_path: Path,
) -> None:
    with with_policies(stage_of(tmp_path, 1)).build() as engine:
        for _ in range(2):
            engine.apply_account_adjustment(account(2), [deposit("USD", "500")], key="pay")
            engine.execute_pre_trade(order(2, "1", "1"), key="first")
        for number in range(9):
            engine.execute_pre_trade(order(2, "1", "1"), key=number.to_bytes())
        with pytest.raises(KeyConflict):
            engine.execute_pre_trade(order(2, "2", "1"), key="first")
    lines = lines_of(with_policies(stage_of(tmp_path, 1)))

    paid = [line for line in lines if line["kind"] == "adjustment"]
    assert [(one["account"], one["accepted"]) for one in paid] == [(2, True)]
    orders = [line for line in lines if line["kind"] == "order"]
    assert [one["order"] for one in orders] == [*range(1, 12)]
    assert [one["accepted"] for one in orders] == [True] * 9 + [False] * 2
    assert orders[9]["rejects"][0]["code"] == "RateLimitExceeded"
    assert orders[10]["raised"].startswith("openpit.errors.KeyConflict: shard 0: another call")


def test_the_commands_end_by_their_codes(replayed: tuple[Path, bytes], tmp_path: Path) -> None:
    journal, _ = replayed
    config = journal.parent / "limits.toml"
    (tmp_path / "other.toml").write_text("[order_validation]\n")

    assert run("decisions", journal).exit_code == Exit.USAGE
    assert "name them by --config and --policy" in run("decisions", journal).output
    other = run("decisions", journal, "--config", tmp_path / "other.toml")
    assert other.exit_code == Exit.MISMATCH
    assert "policy RateLimitPolicy is not there" in other.output
    assert run("decisions", tmp_path, "--config", config).exit_code == Exit.USAGE
    assert run("replay", journal, "--config", config, "--until", "noon").exit_code == Exit.USAGE
    assert "no record 99999" in run(
        "replay", journal, "--config", config, "--until", "0:99999"
    ).output  # fmt: skip
    log = next((journal / "shard-0001").glob("*.log"))
    whole = log.read_bytes()
    try:
        log.write_bytes(whole[:2000] + b"x" + whole[2001:])
        assert run("decisions", journal, "--config", config).exit_code == Exit.DAMAGED
    finally:
        log.write_bytes(whole)


def test_replay_prints_what_the_engine_knew(replayed: tuple[Path, bytes]) -> None:
    journal, _ = replayed
    config = journal.parent / "limits.toml"

    result = run("replay", journal, "--config", config, "--account", 2, "--account", 3)
    first = run("replay", journal, "--config", config, "--until", "0:1", "--account", 2)

    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert [one["account"] for one in document["accounts"]] == [2, 3]
    assert document["at"] is None  # a flow has its own clock
    assert min(document["records"]) > 10
    assert document["settings"]["rate_limit"]["broker"]["max_orders"] > 0
    assert json.loads(first.stdout)["records"][0] == 1


@pytest.mark.parametrize(
    "options",
    [{"reservation_ttl": 30.0}, {"keys": 1}, {"key_window": 10.0}],
    ids=lambda it: next(iter(it)),
)
def test_what_its_shards_kept_and_how_long_the_journal_knows_by_itself(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    now = [0]
    config = tmp_path / "limits.toml"
    config.write_text("[order_validation]\n[spot_funds]\n")
    journal = tmp_path / "journal"
    stage = openpit.Engine.builder().clock(lambda: now[0]).sharded(1, journal=journal, **options)
    with loads(config.read_text()).add_to(stage).build() as engine:
        engine.apply_account_adjustment(account(1), [deposit("USD", "10")])
        held = []
        for key in ("a", "b", "a"):
            now[0] += 20 * SECOND
            held.append(engine.execute_pre_trade(order(1, "1", "3"), key=key))
        refused = [not one for one in held]
        stood = repr(engine.account_state(account(1)))
    assert refused == [False, "keys" in options, False]
    made = 3 if "key_window" in options else 2  # the third call is the first, asked for again

    result = run("decisions", journal, "--config", config)
    replayed = run("replay", journal, "--config", config, "--account", 1)
    past = loads(config.read_text()).add_to(stage_of(journal, 1)).build_past()

    assert result.exit_code == replayed.exit_code == Exit.OK, result.output + replayed.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [not one["accepted"] for one in lines if one["kind"] == "order"] == refused[:made]
    assert repr(past.account_state(account(1))) == stood
    [state] = json.loads(replayed.stdout)["accounts"]
    assert state["open"]["reservations"] == past.account_state(account(1)).open.reservations


# --- with snapshots -------------------------------------------------------------------------------


def lived(journal: Path, lives: int, **options: Any) -> list[tuple[int, str]]:
    """Have an engine live so often, with a snapshot at each end; return what stood at each."""
    clock = [0]

    def tick() -> int:
        clock[0] += SECOND
        return clock[0]

    stood = []
    for _ in range(lives):
        stage = openpit.Engine.builder().clock(tick).sharded(2, journal=journal, **options)
        with stage.builtin(build_spot_funds()).build() as engine:
            for number in ACCOUNTS:
                engine.apply_account_adjustment(account(number), [deposit("USD", "10")])
                engine.execute_pre_trade(order(number, "1", "4")).reservation.commit()
            told = [repr(engine.account_state(account(number))) for number in ACCOUNTS]
        stood.append((clock[0], " ".join(told)))
    return stood


def funds_of(journal: Path) -> Any:
    return stage_of(journal).builtin(build_spot_funds())


def test_the_past_begins_with_the_newest_snapshot_of_before(tmp_path: Path) -> None:
    stood = lived(tmp_path, 3, keep=None)

    for time, told in stood:
        past = funds_of(tmp_path).build_past(time)
        assert " ".join(repr(past.account_state(account(n))) for n in ACCOUNTS) == told
        assert past.records > (0, 0)
    assert not [path for path in tmp_path.rglob("*") if path.suffix not in (".log", ".snap", "")]
    last = funds_of(tmp_path).build_past()
    replayed = sum(shard.batches_told for shard in last._driver.past.shards)
    assert replayed == 0  # an orderly end is in a snapshot whole
    orders = [one for one in lines_of(funds_of(tmp_path)) if one["kind"] == "order"]
    assert [one["order"] for one in orders] == [*range(1, 1 + 3 * len(ACCOUNTS))]


def test_of_a_log_that_was_cut_there_is_what_its_snapshots_leave(tmp_path: Path) -> None:
    stood = lived(tmp_path, 5)

    lines = lines_of(funds_of(tmp_path))
    orders = [one for one in lines if one["kind"] == "order"]
    whole = {one["account"] for one in orders}
    past = funds_of(tmp_path).build_past()

    assert whole == {*ACCOUNTS}
    assert len(orders) < 5 * len(ACCOUNTS)
    assert orders[0]["order"] == 1
    (limits,) = (one for one in lines if one["kind"] == "limits")
    assert 0 < limits["time"] <= orders[0]["time"]
    assert " ".join(repr(past.account_state(account(n))) for n in ACCOUNTS) == stood[-1][1]
    with pytest.raises(JournalDamaged, match="is not there, nor in a snapshot"):
        funds_of(tmp_path).build_past(stood[0][0])


def test_prune_leaves_what_a_start_needs(tmp_path: Path) -> None:
    stood = lived(tmp_path, 4, keep=None)
    kept = json.loads(run("prune", tmp_path, "--keep-days", 1, "--json").stdout)
    assert [one["removed"] for one in kept] == [0, 0]

    result = run("prune", tmp_path, "--keep-days", 0, "--json")

    assert result.exit_code == 0
    pruned = json.loads(result.stdout)
    assert [one["log"] for one in pruned] == ["shard-0000", "shard-0001"]
    assert all(one["removed"] > 0 for one in pruned)
    past = funds_of(tmp_path).build_past()
    assert " ".join(repr(past.account_state(account(n))) for n in ACCOUNTS) == stood[-1][1]
    for path in sorted(tmp_path.glob("shard-*/*.snap"))[1::2]:  # of each shard the newest
        path.write_bytes(b"damaged")
    with funds_of(tmp_path).build() as engine:
        told = " ".join(repr(engine.account_state(account(n))) for n in ACCOUNTS)
    assert told == stood[-1][1]
    assert run("prune", tmp_path / "shard-0000", "--keep-days", 0).exit_code == Exit.USAGE


# --- sessions -------------------------------------------------------------------------------------


def note(journal: Path, *said: dict[str, Any]) -> None:
    """Write into a router's log, as a server does."""
    folder = log_folder(journal, ROUTER)
    reader = LogReader(DISK, folder)
    for _ in reader:
        pass
    header = {
        name: its
        for name, its in reader.headers[-1].items()
        if name not in ("log", "first", "wall")
    }
    writer = LogWriter(DISK, folder, ROUTER, reader.next, header)
    writer.append([(json.dumps(one).encode(), 0) for one in said])
    writer.close()


def test_a_session_is_told_by_the_name_that_its_number_had_then(tmp_path: Path) -> None:
    funds_of(tmp_path).build().close()
    note(tmp_path, {"session": [1, "desk", 1000]}, {"session": [2, "night", 1001]}, {"gone": 1})
    life = json.loads(next(iter(LogReader(DISK, log_folder(tmp_path, ROUTER)))).batch)["life"]
    note(tmp_path, {"life": {**life, "epoch": 1}}, {"session": [1, None, 1002]}, {"gone": 2})

    past = Past(funds_of(tmp_path)._plan())

    assert [[past.session(epoch, number) for number in (1, 2, 3)] for epoch in (0, 1)] == [
        [("desk", 1000), ("night", 1001), None],
        [(None, 1002), ("night", 1001), None],
    ]
    lines = AuditLines(past)
    entry = AuditEntry("change", 1, 0, 7, 2, 0, account=3, more={"what": "block"})
    said = json.loads(str(lines._line(entry)))
    assert (said["session"], said["name"], said["user"]) == (2, "night", 1001)
    assert "name" not in json.loads(str(lines._line(entry._replace(session=3))))
