"""The report as data, as text and as a page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from load_reports import MS, ladder, report_of, run_of

from openpit.cli.invocation import Invocation
from openpit.loadtest.faults import Fault
from openpit.loadtest.headline import checked, headline, knee, most
from openpit.loadtest.histograms import fold, latency_of
from openpit.loadtest.ladder import Ladder, StepOutcome
from openpit.loadtest.oracle import Judgement
from openpit.loadtest.page import page
from openpit.loadtest.processes import RoleFigures
from openpit.loadtest.report import NOT_MEASURED, Baseline, Report, as_document
from openpit.loadtest.text import print_report

pytestmark = pytest.mark.one_python

WRONG = Judgement(40, 2, 0, "c0ffee", ["order 7, shard 0: accepted; right: refused"])


def text_of(report: Report, capsys: pytest.CaptureFixture[str]) -> str:
    print_report(report)
    return capsys.readouterr().out


def rows(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


# --- headline ------------------------------------------------------------------------------------


def test_the_headline_of_an_open_loop() -> None:
    assert headline(report_of()) == (
        "2 shards, 10,000 accounts, simple policies: 10.3 orders/s decided of 10.3 offered "
        "(10.0 asked for); latency p50 1.000 ms, p99 3.000 ms, max 3.000 ms"
    )


def test_the_headline_of_a_closed_loop_says_that_it_is_one() -> None:
    report = report_of(setting=replace(report_of().setting, in_flight=64))

    assert "at most 10.3 orders/s in a closed loop (64 in flight to each shard)" in headline(report)
    assert "service time p50" in headline(report)


def test_a_run_inside_the_workers_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    setting = replace(report_of().setting, inside=True)
    harness = RoleFigures("harness", 3, 4_000.0, 0.2)
    run, _ = run_of(roles=[harness, RoleFigures("engine", 2, 16_000.0, 0.8)])
    full = replace(run, roles=[harness, RoleFigures("engine", 2, 10_000.0, 0.8)])
    report, closed = (
        report_of(setting=replace(setting, in_flight=orders), run=run, saturation=loop)
        for orders, loop in ((None, full), (64, None))
    )

    assert headline(report).startswith("2 shards, driven inside the workers, 10,000 accounts, ")
    assert "in a closed loop (64 at a time in each shard); service" in headline(closed)
    found, found_closed = text_of(report, capsys), text_of(closed, capsys)
    assert "Decision latency from the intended arrival, in the worker\n" in found
    assert "workers behind their timeline by p50 1.000" in found
    assert "an actor in each worker, beside its engine, with the accounts of its shard; " in found
    assert "harness 3 4.0 20% 4.0 20%" in rows(found)
    assert (
        "a core of nothing but the closed loop's calls of the engine: 100,000 orders/s\n" in found
    )
    assert "a core of nothing but the run's calls of the engine: 62,500 orders/s\n" in found_closed
    assert "workers: the engine, and the harness beside it; driver: has the workers go on" in found
    assert "service time from the call of the engine, in the worker\n" in found_closed
    assert "the driver waited" not in found_closed


def test_the_headline_of_one_shard_alone() -> None:
    report = report_of(setting=replace(report_of().setting, only_shard=1))

    assert headline(report).startswith("shard 1 of 2 alone, 10,000 accounts, simple policies: ")


def test_an_invalid_run_has_no_headline() -> None:
    run, _ = run_of(invalid="the generator was late")

    assert headline(report_of(run=run)) == "INVALID: the generator was late"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"judgement": WRONG}, "2 wrong of 40 decisions"),
        ({"errors": ["Traceback"]}, "1 lanes came to an unexpected end"),
        ({"failures": {"ShardDown": 2, "OutcomeUnknown": 1}}, "calls raised: OutcomeUnknown 1, "),
    ],
)
def test_a_broken_run_has_no_headline(changes: dict[str, object], why: str) -> None:
    run, _ = run_of(**changes)
    good, _ = run_of()

    assert headline(report_of(run=run)).startswith(f"FAILED: {why}")
    assert headline(report_of(run=good, saturation=run)).startswith(f"FAILED: {why}")


def test_wrong_decisions_on_the_ladder_take_the_headline_away() -> None:
    climbed = ladder()
    wrong = replace(climbed.steps[2], verdict=StepOutcome.WRONG.value)
    report = report_of(ladder=replace(climbed, steps=[*climbed.steps[:2], wrong]))

    assert headline(report) == "FAILED: wrong decisions on the ladder at 40 orders/s"


def test_calls_that_raise_are_expected_when_a_worker_was_killed() -> None:
    run, _ = run_of(failures={"ShardDown": 2}, fault=FAULT)

    assert report_of(run=run).failure is None
    run, _ = run_of(fault=replace(FAULT, passed_after=3))
    assert report_of(run=run).failure == "FAILED: 3 orders passed a shard that was down"


def test_what_was_checked() -> None:
    run, _ = run_of(judgement=Judgement(30, 0, 10, "", []))

    assert checked(report_of()) == "all 40 decisions are right"
    assert checked(report_of(run=run)) == (
        "all 30 decisions are right; 10 were denied for the killed shard"
    )


def test_the_knee() -> None:
    open_end = Ladder([], 40.0, is_knee_certain=False)

    assert knee(report_of()) == "knee: 20.0 orders/s, 10.0 for each shard"
    assert knee(report_of(ladder=open_end)) == (
        "knee: at least 40.0 orders/s, 20.0 for each shard; no step showed the engine behind"
    )
    assert knee(report_of(ladder=None)) is None
    nothing = report_of(ladder=Ladder([], None, is_knee_certain=True))
    assert knee(nothing) == "knee: no rate of the ladder was carried"


def test_a_shard_alone_shares_its_rate_with_no_other() -> None:
    report = report_of()
    alone = replace(report, setting=replace(report.setting, only_shard=1))

    assert knee(alone) == "knee: 20.0 orders/s"
    assert most(alone) == "closed loop: at most 10.3 orders/s"


def test_the_most() -> None:
    slow, _ = run_of(invalid="starved")

    assert most(report_of()) == "closed loop: at most 10.3 orders/s, 5.2 for each shard"
    assert most(report_of(saturation=slow)) == "closed loop: INVALID, starved"
    assert most(report_of(saturation=None)) is None


# --- text ----------------------------------------------------------------------------------------

FAULT = Fault(
    shard=0,
    killed_at=2_000 * MS,
    noticed=3 * MS,
    first_denial=4 * MS,
    denied=17,
    slowest_denial=5 * MS,
    passed_after=0,
    others_before=latency_of(fold([MS])),
    others_after=latency_of(fold([2 * MS])),
)


def test_the_text_tells_everything(capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(text_of(report_of(), capsys))

    assert found[0] == headline(report_of())
    # 15 orders of shard 0 after the warm-up, 1 ms each; 16 of shard 1, 3 ms each.
    assert "0 20 16 5.3 51.6% 0.0 1 1.000 1.000 1.000 1.000 1.000" in found
    assert "1 20 15 5.0 48.4% 0.0 1 3.000 3.000 3.000 3.000 3.000" in found
    assert "all 40 31 10.3 0.0 1.000 3.000 3.000 3.000 3.000" in found
    assert "warm-up 9 3.000 3.000 3.000 3.000 3.000" in found
    assert "20.0 20.2 19.9 2.000 2.000 2.000 0.01 carried (knee)" in found
    assert "40.0 39.8 25.0 9.003 900.0 900.0 3.00 fell behind" in found
    assert "driver 20.0 40.0 1,000" in found
    assert "worker 1 50.0 25.0 500" in found
    assert "1 12,500 workers" in found
    assert "4 50,000 router" in found
    assert "in-process: all 40 decisions are the same" in found
    assert any(line.startswith("over this run 1.00 x 0.50 x") for line in found)
    whole = "\n".join(found)
    assert "seed 1, config " in whole
    assert "decisions c0ffee" in whole
    assert "2 cores for" in whole or " cores for 4 processes (" in whole
    assert "garbage collections by generation: generator [1, 0, 0], driver [0, 0, 0]" in whole
    for limit in NOT_MEASURED:
        assert limit in whole


def test_each_figure_says_what_it_counts(capsys: pytest.CaptureFixture[str]) -> None:
    found = text_of(report_of(), capsys)

    assert "orders: decided after the warm-up (of 31 that arrived then), 1 of them refused" in found


def test_how_and_when_it_was_called(capsys: pytest.CaptureFixture[str]) -> None:
    called = Invocation(
        ["openpit", "loadtest", "--policy", "a b:C", "--rate", "10"],
        "2026-11-28T10:00:00Z",
        "0.1.0",
    )
    report = report_of(invocation=called)

    assert (
        "openpit loadtest --policy 'a b:C' --rate 10, begun 2026-11-28T10:00:00Z, "
        "openpit-sharded 0.1.0" in text_of(report, capsys)
    )
    assert "<code>openpit loadtest --policy &#x27;a b:C&#x27; --rate 10</code>" in page(report)
    assert "2026-11-28T10:00:00Z" in page(report)
    document = json.loads(json.dumps(as_document(report)))
    assert document["invocation"] == {
        "command_line": called.command_line,
        "date": "2026-11-28T10:00:00Z",
        "version": "0.1.0",
    }


def test_a_load_too_low_to_project_from_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = text_of(report_of(projection=None, unprojected="the load is too low"), capsys)

    assert "no projection: the load is too low\n" in found
    assert "Projection" not in found


def test_several_runs_are_told_and_one_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = run_of()
    slow = replace(run, figures=replace(run.figures, per_second=9.0))
    report = report_of(runs=[slow, run, run], told=1)

    assert headline(report).endswith("max 3.000 ms (run 2 of 3, the middle one by p99)")
    assert checked(report) == "all 40 decisions are right in each of 3 runs"
    found = rows(text_of(report, capsys))
    assert "1 31 9.0 1.000 3.000 3.000 3.000 3.000 100.0" in found
    assert "2 (reported) 31 10.3 1.000 3.000 3.000 3.000 3.000 100.0" in found
    assert "<h2>Runs, each of the same load</h2>" in page(report)
    assert len(as_document(report)["runs"]) == 3


def test_the_text_of_a_broken_run_has_no_headline(capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = run_of(judgement=WRONG, errors=["Traceback (most recent call last)"])

    found = text_of(report_of(run=run, missed=["required p99<1ms, found 3.000 ms"]), capsys)

    assert found.startswith("FAILED: 2 wrong of 40 decisions\n")
    assert "orders/s decided of" not in found
    assert "knee:" not in found
    assert "wrong: order 7, shard 0: accepted; right: refused" in found
    assert "Traceback (most recent call last)" in found
    assert "MISSED: required p99<1ms, found 3.000 ms" in found


def test_the_text_of_a_killed_worker(capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = run_of(fault=FAULT, failures={"OutcomeUnknown": 1})

    found = rows(text_of(report_of(run=run), capsys))

    assert "Worker of shard 0 killed at 2.000 s" in found
    assert "from the kill until the engine said that the shard is down 3.000 ms" in found
    assert "from the kill until the first order was denied 4.000 ms" in found
    assert "orders denied 17" in found
    assert "other calls that raised OutcomeUnknown 1" in found
    assert "p50 and p99 of the other shards after it, ms 2.000, 2.000" in found


def test_a_checksum_repeats_only_where_nothing_was_denied(
    capsys: pytest.CaptureFixture[str],
) -> None:
    killed, _ = run_of(judgement=Judgement(30, 0, 10, "c0ffee", []), fault=FAULT)

    assert "decisions c0ffee: the same for the same seed and config\n" in text_of(
        report_of(), capsys
    )
    assert "decisions c0ffee\n" in text_of(report_of(run=killed), capsys)


def test_a_baseline_that_says_nothing_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    late, _ = run_of(invalid="late")
    baseline = Baseline("in-process", late, late, {"orders/s": 1.0, "p50": 0.004})

    found = rows(text_of(report_of(baselines=[baseline]), capsys))

    assert "in-process: INVALID, late" in found
    assert "in-process, closed loop: INVALID, late" in found
    assert any(line.startswith("in-process (0.1.0), INVALID ") for line in found)
    assert any(line.startswith("this run 10.3 ") for line in found)
    assert "over this run 1.00 x 0.004 x" in found


def test_the_text_of_a_closed_loop_and_of_one_lane(capsys: pytest.CaptureFixture[str]) -> None:
    setting = replace(report_of().setting, in_flight=8, lanes=1)
    report = report_of(setting=setting, ladder=None, baselines=[], projection=None, saturation=None)

    found = text_of(report, capsys)

    assert "Closed loop: service time from the call of the engine" in found
    assert "the driver waited for the generator for 0.0% of the time" in found
    assert "one lane for all shards, since a limit over all accounts binds" in found
    for absent in ("Ladder", "Baselines", "Projection"):
        assert absent not in found


# --- JSON ----------------------------------------------------------------------------------------


def test_the_document_has_its_version_and_survives_json() -> None:
    document = as_document(report_of())

    assert (document["schema"], document["version"], document["valid"]) == (
        "openpit-loadtest",
        1,
        True,
    )
    back = json.loads(json.dumps(document))
    assert back["run"]["figures"]["shards"][1]["latency"]["max"] == 3 * MS
    assert back["ladder"]["knee"] == 20.0
    assert back["setting"]["seed"] == 1
    assert back["histograms"]["all"].startswith("HIST")
    assert back["not_measured"] == list(NOT_MEASURED)


# --- page ----------------------------------------------------------------------------------------


class Links(HTMLParser):
    """Collects what a page would fetch, and the ids of its elements."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in {"src", "href", "data", "srcset"}:
                self.fetched.append(f"{tag} {value}")
            if name == "id" and value:
                self.ids.append(value)


def test_the_page_fetches_nothing_and_has_every_chart() -> None:
    html = page(report_of())

    links = Links()
    links.feed(html)
    assert links.fetched == []
    assert links.ids == ["latency", "throughput", "trajectory", "ladder"]
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert "10.3 orders/s decided of 10.3 offered" in html
    # Whoever is given the page has to know what it does not tell.
    for limit in NOT_MEASURED:
        assert limit in html
    assert "generator behind its timeline by p50" in html


def test_the_page_tells_the_steps_of_the_ladder_apart() -> None:
    html = page(report_of())

    assert '"symbol":["circle","circle","triangle-down"]' in html
    assert "<td>carried (knee)</td>" in html
    assert "<td>fell behind</td>" in html


def test_the_page_without_a_ladder_says_how_to_get_one() -> None:
    html = page(report_of(ladder=None))

    assert "run with --ladder" in html
    assert "In the chart" not in html
    assert '<div id="ladder">' not in html


def test_the_page_of_an_invalid_run() -> None:
    run, _ = run_of(invalid="late <b>")

    html = page(report_of(run=run, missed=["required p99<1ms, found 3 ms"]))

    assert '<p class="headline bad">INVALID: late &lt;b&gt;</p>' in html
    assert "required p99&lt;1ms, found 3 ms" in html
    assert "decisions are right" not in html


def test_a_picture_has_the_headline_and_the_charts_alone() -> None:
    html = page(report_of(), is_picture=True)

    assert "<h2>" not in html
    assert "10.3 orders/s decided" in html
    assert len(re.findall(r'<div id="', html)) == 4
