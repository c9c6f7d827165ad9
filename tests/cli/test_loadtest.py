"""`openpit loadtest` as a user calls it: options, files, messages and exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from load_reports import report_of, run_of
from processes import children_of, is_running, wait_until

from openpit.cli import main
from openpit.cli.exits import Exit
from openpit.loadtest import session
from openpit.loadtest.histograms import fold
from openpit.loadtest.oracle import Judgement
from openpit.loadtest.plan import Target
from openpit.loadtest.report import as_document
from openpit.loadtest.workload import DEFAULT_WORKLOAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.loadtest.session import LoadRequest

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]

QUICK = (
    "--accounts=100",
    "--rate=200",
    "--duration=1",
    "--warm-up=0.2",
    "--lag-limit=60000",
    "--no-saturation",
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["loadtest", *map(str, arguments)])


# --- real runs -----------------------------------------------------------------------------------


def test_a_run_prints_its_report_and_writes_its_files(tmp_path: Path) -> None:
    files = {name: tmp_path / "out" / f"report.{name}" for name in ("html", "json")}
    hgrm = tmp_path / "hgrm"

    result = run(*QUICK, "--html", files["html"], "--hgrm", hgrm, "--require", "throughput>1")

    assert (result.exit_code, result.exception) == (Exit.OK, None)
    assert result.stdout.startswith("2 shards, 100 accounts, simple policies: ")
    decided, offered = re.findall(r"([0-9.]+) (?:orders/s decided|offered)", result.stdout)[:2]
    assert float(decided) <= float(offered)
    assert "no projection: with " in result.stdout  # 200 orders in a second: mostly waking up
    assert "all 200 decisions are right" in result.stdout
    assert result.stderr == "run: 200 orders\n"
    assert "openpit loadtest --accounts=100 --rate=200 " in result.stdout
    assert "<!DOCTYPE html>" in files["html"].read_text()
    assert sorted(path.name for path in hgrm.iterdir()) == [
        "merged.hgrm",
        "shard-0.hgrm",
        "shard-1.hgrm",
    ]


def check_second_step(document: Any) -> int:
    """Check that a ladder of two steps from 100 went on as its first one went; return the other.

    A busy machine may not carry that, and is asked for half of it then.
    """
    how = {step["offered"]: step["verdict"] for step in document["ladder"]["steps"]}
    second = 200 if how[100.0] == "carried" else 50
    assert [*how] == sorted([100.0, float(second)])
    return second


def test_ladder_saturation_and_baseline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "SATURATION_ORDERS", 2_000)
    out = tmp_path / "report.json"

    result = run(
        *QUICK[:-1],
        *("--rate", 100, "--ladder", "--ladder-steps", 2, "--ladder-seconds", 0.5),
        *("--baseline", "in-process", "--json", out),
    )

    assert result.exit_code == Exit.OK, result.stderr
    document = json.loads(out.read_text())
    second = check_second_step(document)
    assert document["saturation"]["offered"] is None
    (baseline,) = document["baselines"]
    assert (baseline["name"], baseline["run"]["judgement"]["wrong"]) == ("in-process", 0)
    assert set(baseline["ratios"]) >= {"orders/s", "p50", "p99", "processor", "closed loop"}
    assert document["projection"]["rows"][0]["shards"] == 1
    assert result.stderr.splitlines()[:2] == [
        "ladder, 100 orders/s: 50 orders",
        f"ladder, {second} orders/s: {second // 2} orders",
    ]


def test_a_ladder_and_a_baseline_of_clients_and_reports_that_are_compared(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    limited = tmp_path / "limits.toml"
    limited.write_text('[rate_limit]\nbroker = {max_orders = 60, window = "1h"}\n')

    result = run(
        *QUICK,
        *("--clients", 2, "--rate", 100, "--ladder", "--ladder-steps", 2, "--ladder-seconds", 0.5),
        *("--baseline", "in-process", "--config", limited, "--json", out, "--runs", 2),
    )

    assert result.exit_code == Exit.OK, result.stderr
    document = json.loads(out.read_text())
    check_second_step(document)
    assert [each["judgement"]["wrong"] for each in document["runs"]] == [0, 0]
    assert document["run"]["judgement"]["checked"] == document["run"]["orders"]
    (baseline,) = document["baselines"]
    assert (baseline["run"]["judgement"]["wrong"], baseline["run"]["unchecked"]) == (0, None)
    assert {role["role"] for role in document["run"]["roles"]} >= {"harness", "router"}
    assert "of limits over all accounts, how many orders they let pass" in result.stdout
    assert run("compare", out, out).exit_code == Exit.OK


def test_a_baseline_keeps_the_order_of_orders_where_a_limit_over_all_accounts_binds(
    tmp_path: Path,
) -> None:
    out = tmp_path / "report.json"
    limited = tmp_path / "limits.toml"
    limited.write_text('[rate_limit]\nbroker = {max_orders = 60, window = "1h"}\n')

    # Faster than either decides, so that many have arrived at a time.
    result = run(
        *("--accounts", 50, "--rate", 50_000, "--duration", 0.1, "--warm-up", 0),
        *("--no-saturation", "--baseline", "in-process", "--config", limited, "--json", out),
    )

    assert result.exit_code == Exit.OK, result.stderr
    document = json.loads(out.read_text())
    (baseline,) = document["baselines"]
    assert [each["judgement"]["wrong"] for each in (document["run"], baseline["run"])] == [0, 0]


def test_workers_that_drive_themselves_climb_run_and_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(session, "SATURATION_ORDERS", 2_000)
    out, page, outside = (tmp_path / name for name in ("a.json", "a.html", "b.json"))

    result = run(
        *QUICK[:-1],
        *("--inside", "--rate", 100, "--ladder", "--ladder-steps", 2, "--ladder-seconds", 0.5),
        *("--baseline", "in-process", "--json", out, "--html", page),
    )

    assert result.exit_code == Exit.OK, result.stderr
    assert result.stdout.startswith("2 shards, driven inside the workers, 100 accounts, ")
    assert "an actor in each worker, beside its engine" in result.stdout
    assert "no projection: the workers drove themselves" in result.stdout
    assert "2 shards, driven inside the workers, 100 accounts, " in page.read_text()
    document = json.loads(out.read_text())
    assert document["setting"]["inside"] is True
    for loop in (document["run"], document["saturation"]):
        assert loop["judgement"]["checked"] == loop["orders"]
        assert [role["role"] for role in loop["roles"]] == ["harness", "engine"]
    (baseline,) = document["baselines"]
    assert baseline["run"]["judgement"]["wrong"] == 0
    assert {role["role"] for role in baseline["run"]["roles"]} == {"generator", "driver"}
    assert run(*QUICK, "--json", outside).exit_code == Exit.OK
    compared = run("compare", outside, out)
    assert "not the same test: inside: False and True" in compared.stderr
    assert "orders/s" not in compared.stdout


def test_a_slow_generator_makes_the_run_invalid_without_a_headline(tmp_path: Path) -> None:
    out = tmp_path / "report.json"

    result = run(*QUICK, "--lag-limit", 50, "--stall-generator", 0.5, "--json", out)

    assert result.exit_code == Exit.INVALID
    assert result.stdout.startswith("INVALID: the generator was ")
    assert "orders/s decided of" not in result.stdout
    assert "over the limit of 50 ms" in result.stderr
    assert json.loads(out.read_text())["valid"] is False


def test_a_wrong_decision_fails_the_run() -> None:
    result = run(*QUICK, "--shards", 1, "--policy", "load_policies:Liar")

    assert result.exit_code == Exit.WRONG
    assert result.stdout.startswith("FAILED: 1 wrong of 200 decisions\n")
    assert "wrong: order 1, shard 0: Other of Liar (refused by a test); right: accepted" in (
        result.stdout
    )
    assert "orders/s decided of" not in result.stdout


@pytest.mark.parametrize("loop", [(), ("--in-flight", 16)])
def test_a_stopped_worker_is_told_at_once_and_ends_the_test_with_a_code_of_its_own(
    tmp_path: Path, loop: tuple[object, ...]
) -> None:
    out = tmp_path / "report.json"

    options = ("--policy", "load_policies:Stops", "--runs", 3, "--json", out)
    result = run(*QUICK, *loop, *options)

    assert (result.exit_code, result.stderr.count("shard 0 is stalled since ")) == (
        Exit.SHARD_DIED,
        1,
    )
    assert "Error: shard 0 was stalled " in result.stderr
    assert "run 2 of 3" not in result.stderr
    assert result.stdout.startswith("INVALID: shard 0 was stalled ")
    assert "checked: nothing, since a shard was lost" in result.stdout
    document = json.loads(out.read_text())
    assert document["valid"] is False
    assert list(document["run"]["lost"]) == ["0"]


def test_a_killed_worker_is_told() -> None:
    result = run(*QUICK, "--kill-worker-at", 0.5)

    assert result.exit_code == Exit.OK, result.stderr
    assert "Worker of shard 0 killed at 0.5" in result.stdout
    assert "were denied for the killed shard" in result.stdout


@pytest.mark.reference
def test_the_reference_decides_the_same(tmp_path: Path) -> None:
    reference = Path(os.environ.get("OPENPIT_REFERENCE") or ROOT / "build" / "reference")
    if not (reference / "openpit").is_dir():
        pytest.skip(f"no reference library in {reference}: make reference")
    out = tmp_path / "report.json"

    result = run(
        *QUICK,
        *("--config", "spot-funds", "--busy-policy", 5),
        *("--baseline", "reference", "--reference", reference, "--json", out),
    )

    assert result.exit_code == Exit.OK, result.stderr
    (baseline,) = json.loads(out.read_text())["baselines"]
    assert (baseline["name"], baseline["run"]["library"]) == ("reference", "0.10.0")
    assert baseline["run"]["judgement"]["wrong"] == 0
    assert "reference: all 200 decisions are the same" in result.stdout
    assert result.stdout.startswith(
        "2 shards, 100 accounts, spot-funds policies and a custom policy of 5 µs: "
    )


def is_interrupt_blocked(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = re.findall(r"^SigBlk:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return bool(int(mask, 16) >> (signal.SIGINT - 1) & 1)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes in /proc")
@pytest.mark.parametrize(
    ("send", "number"),
    [(os.killpg, signal.SIGINT), (os.kill, signal.SIGTERM)],  # as a terminal; as `timeout` does
)
def test_an_interrupt_ends_everything(
    send: Callable[[int, int], None], number: signal.Signals
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "openpit.cli", "loadtest", "--rate", "100", "--no-saturation"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    try:
        family: set[int] = set()

        def has_started() -> bool:
            for child in children_of(process.pid):
                family.add(child)
                family.update(children_of(child))
            return len(family) >= 4  # generator, driver, two workers

        assert wait_until(has_started)
        # A child that is just starting has no handler yet, and must not end with a traceback.
        assert all(is_interrupt_blocked(child) for child in children_of(process.pid))
        send(process.pid, number)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == Exit.INTERRUPTED
    assert b"Error: interrupted" in err
    assert b"Traceback" not in err
    assert wait_until(lambda: not any(map(is_running, family)))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds processes in /proc")
def test_killing_it_leaves_nothing() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "openpit.cli", "loadtest", "--rate", "100", "--no-saturation"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    family: set[int] = set()
    try:
        end = time.monotonic() + 20
        while len(family) < 4 and time.monotonic() < end:
            for child in children_of(process.pid):
                family.add(child)
                family.update(children_of(child))
    finally:
        process.kill()
        process.wait()

    assert len(family) >= 4
    assert wait_until(lambda: not any(map(is_running, family)), seconds=30)


# --- what the command makes of what it is told ---------------------------------------------------


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[LoadRequest]:
    """The requests of calls that run no test and report what the fixture's report says."""
    kept: list[LoadRequest] = []

    def run_load(request: LoadRequest, *_: object) -> tuple[Any, list[Any]]:
        kept.append(request)
        return report_of(), [fold([1]), fold([2])]

    monkeypatch.setattr(session, "run_load", run_load)
    return kept


def test_the_defaults(requests: list[LoadRequest]) -> None:
    assert run().exit_code == Exit.OK

    (request,) = requests
    plan = request.plan
    assert (plan.shards, plan.workload.accounts, plan.rate, plan.orders) == (
        2,
        10_000,
        5_000,
        100_000,
    )
    assert (plan.warm_up, plan.in_flight, plan.seed) == (4_000_000_000, None, 1)
    assert (request.policies, request.has_saturation, request.has_ladder) == (
        "simple policies",
        True,
        False,
    )


def test_options_reach_the_plan(requests: list[LoadRequest], tmp_path: Path) -> None:
    (tmp_path / "limits.toml").write_text("[order_validation]\n")
    (tmp_path / "load.toml").write_text("[symbols]\ncount = 3\n")

    result = run(
        *(
            "--shards",
            3,
            "--config",
            tmp_path / "limits.toml",
            "--policy",
            "load_policies:RefusesAll",
            "--policy",
            "load_policies:Liar",
        ),
        *("--busy-policy", 20, "--workload", tmp_path / "load.toml", "--seed", 5),
        *("--account-skew", 1.5, "--rate", 1_000, "--duration", 3, "--warm-up", 1),
        *("--only-shard", 2, "--kill-worker-at", 1.5, "--stall-generator", 0.1),
        *("--baseline", "in-process", "--baseline", "in-process"),
    )

    assert result.exit_code == Exit.OK, result.stderr
    (request,) = requests
    plan = request.plan
    assert (plan.shards, plan.policies) == (3, "[order_validation]\n")
    assert plan.custom == ("load_policies:RefusesAll", "load_policies:Liar")
    assert (plan.busy_microseconds, plan.workload.symbols, plan.seed) == (20, 3, 5)
    assert (plan.account_skew, plan.rate, plan.orders) == (1.5, 1_000, 3_000)
    assert (plan.warm_up, plan.only_shard) == (1_000_000_000, 2)
    assert (plan.kill_at, plan.stall) == (1_500_000_000, 100_000_000)
    assert request.baselines == (Target.IN_PROCESS,)
    assert request.policies == (
        "policies of limits.toml and a custom policy of 20 µs and load_policies:RefusesAll, "
        "load_policies:Liar"
    )


def test_policies_may_lie_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "policies_of_mine.py").write_text("from load_policies import RefusesAll\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())

    result = run(*QUICK, "--in-flight", 50, "--policy", "policies_of_mine:RefusesAll")

    assert "all 200 decisions are right" in result.stdout, result.output
    assert result.stdout.startswith(
        "2 shards, 100 accounts, simple policies and policies_of_mine:RefusesAll: at most "
    )


def test_a_closed_loop(requests: list[LoadRequest]) -> None:
    assert run("--in-flight", 64).exit_code == Exit.OK

    assert requests[0].plan.in_flight == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rate", 1_000_000), "1e+06 orders/s for 20 s: one run has 1 to 1,000,000 orders"),
        (
            ("--rate", 0.01, "--duration", 1),
            "0.01 orders/s for 1 s: one run has 1 to 1,000,000 orders",
        ),
        (("--rate", "1e300"), "1e+300 orders/s for 20 s: one run has 1 to 1,000,000 orders"),
        (("--rate", "nan"), "Invalid value for '--rate': nan is not a finite number"),
        (("--duration", "inf"), "Invalid value for '--duration': inf is not a finite number"),
        (("--warm-up", "nan"), "Invalid value for '--warm-up': nan is not a finite number"),
        (("--account-skew", "nan"), "Invalid value for '--account-skew': nan is not a finite"),
        (("--busy-policy", "inf"), "Invalid value for '--busy-policy': inf is not a finite"),
        (("--lag-limit", "nan"), "Invalid value for '--lag-limit': nan is not a finite number"),
        (("--warm-up", 20), "--warm-up must be less than --duration"),
        (("--only-shard", 2), "--only-shard 2: there are shards 0 to 1"),
        (("--kill-worker-at", 20), "--kill-worker-at must be less than --duration"),
        (("--in-flight", 5, "--ladder"), "--in-flight goes with neither --ladder nor"),
        (("--in-flight", 5, "--kill-worker-at", 1), "--in-flight goes with neither --ladder nor"),
        (("--clients", 0), "0 is not in the range 1<=x<=32"),
        (("--clients", 33), "33 is not in the range 1<=x<=32"),
        (("--cores-for", 5), "--cores-for goes with --clients or --server"),
        (("--inside", "--clients", 1), "--clients does not go with --inside: either processes"),
        (("--inside", "--server", "s"), "--server does not go with --inside: an actor cannot be"),
        (("--inside", "--kill-worker-at", 1), "--kill-worker-at does not go with --inside: what"),
        (("--inside", "--cores-for", 5), "--cores-for does not go with --inside: the router"),
        (("--inside", "--in-flight", 1025), "--in-flight 1025: with --inside 1,024 at most"),
        (("--server", "s", "--shards", 2), "--shards does not go with --server: it has its shards"),
        (("--server", "s", "--config", "simple"), "--config does not go with --server: it has its"),
        (("--server", "s", "--policy", "a:b"), "--policy does not go with --server: it has its"),
        (("--server", "s", "--busy-policy", 1), "--busy-policy does not go with --server: it has"),
        (("--server", "s", "--kill-worker-at", 1), "--kill-worker-at does not go with --server"),
        (("--server", "s", "--baseline", "in-process"), "--baseline does not go with --server"),
        (("--require", "p99=1ms"), 'is no requirement such as "p99<2ms"'),
        (("--baseline", "other"), "'other' is not one of 'in-process', 'reference'"),
    ],
)
def test_usage_errors(
    requests: list[LoadRequest], options: tuple[object, ...], message: str
) -> None:
    result = run(*options)

    assert result.exit_code == Exit.USAGE
    assert message in " ".join(result.stderr.split())
    assert requests == []


def test_a_server_that_is_not_there(requests: list[LoadRequest], tmp_path: Path) -> None:
    result = run("--server", tmp_path / "socket")

    assert result.exit_code == Exit.REFUSED
    assert str(tmp_path / "socket") in result.stderr
    assert requests == []


def test_clients_and_rates_reach_the_request(requests: list[LoadRequest]) -> None:
    assert run("--clients", 3, "--cores-for", 5_000, "--cores-for", 100).exit_code == Exit.OK

    assert (requests[0].plan.clients, requests[0].rates) == (3, (100, 5_000))


@pytest.mark.parametrize(
    ("options", "most"),
    [
        (("--no-saturation",), 100_000),
        (("--duration", 1), 30_000),  # of the closed loop
        (("--duration", 1, "--ladder"), 1_000_000),
        (("--duration", 1, "--in-flight", 1_024), 5_000),
    ],
)
def test_workers_that_drive_themselves_cannot_count_for_all_shards(
    requests: list[LoadRequest], tmp_path: Path, options: tuple[object, ...], most: int
) -> None:
    limits = tmp_path / "limits.toml"

    def run_with(max_orders: int) -> Result:
        limits.write_text(f'[rate_limit]\nbroker = {{max_orders = {max_orders}, window = "1s"}}\n')
        return run("--inside", "--config", limits, *options)

    refused, taken = run_with(most - 1), run_with(most)

    assert refused.exit_code == Exit.USAGE
    assert f"could bind within {most:,} orders" in " ".join(refused.stderr.split())
    assert taken.exit_code == Exit.OK, taken.stderr
    assert [request.plan.inside for request in requests] == [True]


def test_files_that_are_wrong(requests: list[LoadRequest], tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[order]\n")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff")

    workload, config = run("--workload", wrong), run("--config", wrong)
    no_text, nothing = run("--workload", binary), run("--config", "fast")

    for result in (workload, config, no_text):
        assert result.exit_code == Exit.BAD_CONFIG
    assert f"{wrong}: unknown table [order] (tables: arrivals," in workload.stderr
    assert f"{wrong}: unknown table [order] (tables: order_validation," in config.stderr
    assert f"{binary}: not UTF-8 text" in no_text.stderr
    assert nothing.exit_code == Exit.IO_FAILED
    assert "--config takes simple, spot-funds or a file" in nothing.stderr
    assert requests == []


def test_a_policy_that_cannot_be_made() -> None:
    result = run(*QUICK, "--policy", "nowhere:Policy")

    assert result.exit_code == Exit.BAD_CONFIG
    assert result.stderr.startswith("Error: policy nowhere:Policy: ModuleNotFoundError: ")


def test_a_policy_without_a_name_in_its_module() -> None:
    for policy in ("policies", "policies:", ":Exposure"):
        result = run(*QUICK, "--policy", policy)

        assert result.exit_code == Exit.USAGE
        assert f"--policy {policy}: MODULE:NAME is expected" in result.stderr


def test_an_engine_that_does_not_start() -> None:
    result = run(*QUICK, "--policy", "load_policies:CannotTravel")

    assert result.exit_code == Exit.NOT_STARTED
    assert "ShardStartError" in result.stderr


def test_a_reference_that_is_not_there(requests: list[LoadRequest], tmp_path: Path) -> None:
    result = run("--baseline", "reference", "--reference", tmp_path)

    assert result.exit_code == Exit.NOT_FOUND
    assert f"there is no reference library in {tmp_path}: `make reference` puts" in result.stderr
    assert requests == []


def test_packages_that_are_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpit.loadtest.session", None)

    result = run()

    assert result.exit_code == Exit.NOT_FOUND
    assert "the load test is an extra of openpit-sharded, [loadtest]" in result.stderr


def test_a_report_that_cannot_be_written(requests: list[LoadRequest]) -> None:
    result = run("--json", "/dev/full")

    assert len(requests) == 1
    assert result.exit_code == Exit.IO_FAILED
    assert "cannot write /dev/full: No space left on device" in result.stderr
    assert "orders/s decided" in result.stdout  # what could be told was told


@pytest.mark.parametrize("option", ["--json", "--html", "--png", "--hgrm"])
def test_a_folder_that_cannot_be_made_is_told_before_the_run(
    requests: list[LoadRequest], tmp_path: Path, option: str
) -> None:
    (tmp_path / "file").touch()

    result = run(option, tmp_path / "file" / "folder" / "report")

    assert requests == []
    assert result.exit_code == Exit.IO_FAILED
    assert f"cannot write {tmp_path}/file/folder/report: " in result.stderr


def test_the_folders_of_the_files_are_made(requests: list[LoadRequest], tmp_path: Path) -> None:
    out = tmp_path / "new" / "report.json"

    assert run("--json", out).exit_code == Exit.OK
    assert json.loads(out.read_text())["schema"] == "openpit-loadtest"


def test_without_chromium_there_is_no_picture(
    requests: list[LoadRequest], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    result = run("--png", tmp_path / "charts.png")

    assert requests == []  # told before the run
    assert result.exit_code == Exit.NOT_FOUND
    assert "--png needs Chromium" in result.stderr


def test_a_requirement_that_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    report = report_of(missed=["required p99<1ms, found 3.000 ms"])
    monkeypatch.setattr(session, "run_load", lambda *_: (report, []))

    result = run("--require", "p99<1ms")

    assert result.exit_code == Exit.MISSED
    assert "Error: required p99<1ms, found 3.000 ms" in result.stderr


def test_what_is_worst_decides_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, _ = run_of(judgement=Judgement(40, 1, 0, "", []), invalid="late")
    invalid, _ = run_of(invalid="late")
    lost, _ = run_of(judgement=Judgement(0, 0, 9, "", []), invalid="gone", lost={0: "gone"})
    reports = iter([report_of(run=each, missed=["x"]) for each in (lost, wrong, invalid)])
    monkeypatch.setattr(session, "run_load", lambda *_: (next(reports), []))

    assert run().exit_code == Exit.SHARD_DIED
    assert run().exit_code == Exit.WRONG
    assert run().exit_code == Exit.INVALID


# --- the other commands --------------------------------------------------------------------------


def test_workload_prints_a_file_that_loadtest_takes(
    requests: list[LoadRequest], tmp_path: Path
) -> None:
    printed = run("workload")
    path = tmp_path / "workload.toml"
    path.write_text(printed.output)

    assert printed.output == DEFAULT_WORKLOAD
    assert run("--workload", path).exit_code == Exit.OK


def documents(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    document = as_document(report_of())
    first.write_text(json.dumps(document))
    document["run"]["figures"]["latency"]["p99"] *= 1.5
    document["setting"]["seed"] = 2
    second.write_text(json.dumps(document))
    return first, second


def test_compare_ends_with_a_code_of_its_own_on_a_regression(tmp_path: Path) -> None:
    first, second = documents(tmp_path)

    result = run("compare", first, second)

    assert result.exit_code == Exit.REGRESSED
    rows = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert "p99 3.000 ms 4.500 ms 1.50 worse" in rows
    assert rows[-1].startswith("worse: by more than 10%. With one run on each side, what is noise")
    assert "p50 1.000 ms 1.000 ms 1.00" in rows
    assert "not the same test: seed: 1 and 2" in result.stderr
    assert "Error: worse by more than 10%: p99" in result.stderr


def test_compare_within_the_tolerance(tmp_path: Path) -> None:
    first, second = documents(tmp_path)

    assert run("compare", first, second, "--tolerance", 0.6).exit_code == Exit.OK
    assert run("compare", second, first).exit_code == Exit.OK  # better is no regression


def of_runs(path: Path, *rates: float) -> Path:
    """A report of runs that differ in the orders that they decided in a second."""
    run_, _ = run_of()
    runs = [replace(run_, figures=replace(run_.figures, per_second=each)) for each in rates]
    path.write_text(json.dumps(as_document(report_of(runs=runs))))
    return path


def test_compare_tells_noise_from_regression(tmp_path: Path) -> None:
    before = of_runs(tmp_path / "a.json", 100.0, 104.0, 90.0)
    worse = of_runs(tmp_path / "b.json", 80.0, 89.0, 70.0)
    noisy = of_runs(tmp_path / "c.json", 80.0, 91.0, 70.0)

    regressed, noise = run("compare", before, worse), run("compare", before, noisy)

    assert regressed.exit_code == Exit.REGRESSED
    assert noise.exit_code == Exit.OK
    rows = [" ".join(line.split()) for line in noise.stdout.splitlines()]
    assert "orders/s 100.0 90.0 to 104.0 80.0 70.0 to 91.0 0.80 within noise" in rows
    assert rows[-1].endswith("Without a change that happens to one figure in 20")


def test_runs_of_a_side_may_be_in_several_files(tmp_path: Path) -> None:
    first, again = (of_runs(tmp_path / name, rate) for name, rate in (("a", 100.0), ("b", 101.0)))
    second, more = (of_runs(tmp_path / name, rate) for name, rate in (("c", 80.0), ("d", 100.5)))

    result = run("compare", first, second, "--first", again, "--second", more)

    assert result.exit_code == Exit.OK, result.output
    assert "2 and 2 runs; worse: " in result.stdout
    assert run("compare", first, second).exit_code == Exit.REGRESSED


def test_compare_reads_one_report_from_stdin(tmp_path: Path) -> None:
    path = of_runs(tmp_path / "a.json", 100.0)

    piped = CliRunner().invoke(
        main, ["loadtest", "compare", "-", str(path)], input=path.read_text()
    )
    twice = CliRunner().invoke(main, ["loadtest", "compare", "-", "-"], input=path.read_text())

    assert piped.exit_code == Exit.OK, piped.output
    assert twice.exit_code == Exit.USAGE
    assert "cannot all be -: there is one stdin" in twice.stderr


def test_the_report_for_machines_goes_to_stdout(requests: list[LoadRequest]) -> None:
    result = run("--json", "-", "--runs", 3)

    assert result.exit_code == Exit.OK
    assert json.loads(result.stdout)["schema"] == "openpit-loadtest"
    assert "orders/s decided of" in result.stderr
    (request,) = requests
    assert request.runs == 3
    assert request.invocation is not None
    assert request.invocation.command_line == ["openpit", "loadtest", "--json", "-", "--runs", "3"]


def test_one_thing_goes_to_stdout(requests: list[LoadRequest], tmp_path: Path) -> None:
    both, folder = run("--json", "-", "--html", "-"), run("--hgrm", "-")
    same = run("--json", tmp_path / "a", "--html", tmp_path / "a")

    assert both.exit_code == folder.exit_code == same.exit_code == Exit.USAGE
    assert "--json and --html cannot all be -: there is one stdout" in both.stderr
    assert "--hgrm is a folder, and cannot be -" in folder.stderr
    assert "--html would overwrite --json" in same.stderr
    assert requests == []


def test_the_workload_comes_from_stdin(requests: list[LoadRequest]) -> None:
    result = CliRunner().invoke(
        main, ["loadtest", "--workload", "-"], input="[symbols]\ncount = 3\n"
    )

    assert result.exit_code == Exit.OK, result.output
    assert requests[0].plan.workload.symbols == 3


def test_compare_what_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")

    result = run("compare", path, path)

    assert result.exit_code == Exit.IO_FAILED
    assert "is no report of `openpit loadtest`" in result.stderr
