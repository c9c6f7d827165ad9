"""A worker dies: what was in flight to it ends by rule 4, its accounts are denied, others go on."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any

import makers
import pytest
from fault_hosts import PATIENCE, PROMPT, an_order, denial_of, on_every_loop
from fault_policies import Harmful
from fault_traces import eventually, is_alive

from openpit.errors import EngineClosed, OutcomeUnknown, ShardDown
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from fault_hosts import Host
    from fault_policies import Journal
    from fault_traces import Traces

KILLED = "shard 0: its worker was killed by signal 9"


def ended_within(futures: list[Future[Any]], seconds: float, since: float) -> None:
    """Assert that calls are over, and that the last one was in time."""
    assert not wait(futures, timeout=PATIENCE).not_done, "calls hang"
    assert time.monotonic() - since < seconds


def killed(host: Host, shard: int = 0) -> None:
    """Kill a worker and wait until it is gone; nothing has told the router, but the pipe."""
    pid = host.pid(shard)
    host.kill(shard)
    assert eventually(lambda: not is_alive(pid))


# --- nothing in flight ---------------------------------------------------------------------------


@on_every_loop
def test_idle_worker_killed(host: Host) -> None:
    host.build(build_order_validation())
    ours, other = host.account_of(0), host.account_of(1)

    killed(host)

    assert denial_of(host.execute(ours)) == ("SystemUnavailable", "Router", "order", KILLED)
    assert host.execute(other)
    assert [(one.shard, one.state, one.why) for one in host.down] == [(0, "down", KILLED[9:])]
    assert [host.stats(shard).state for shard in (0, 1)] == ["down", "up"]


@on_every_loop
def test_the_host_is_told_without_calling(host: Host) -> None:
    host.build(build_order_validation())
    pid = host.pid(0)

    killed(host)

    # On asyncio the loop notices by itself; a blocking engine has no thread, but stats() looks.
    assert eventually(lambda: host.stats(0).state == "down")
    assert [(one.shard, one.pid, one.why) for one in host.down] == [(0, pid, KILLED[9:])]


def test_a_callback_that_fails_or_calls_the_engine_harms_nothing(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[list[str]] = []

    def on_shard_down(_: Any) -> None:
        seen.append([shard.state for shard in host.engine.stats()])
        raise ValueError("the pager is off")

    host.build(build_order_validation(), on_shard_down=on_shard_down)

    killed(host)

    assert not host.execute(host.account_of(0))
    assert host.execute(host.account_of(1))
    assert seen == [["down", "up"]]
    assert "the pager is off" in caplog.text
    caplog.clear()


def test_a_dead_shard_is_never_started_again(host: Host, nothing_left: Traces) -> None:
    host.build(build_order_validation())
    pid, ours = host.pid(0), host.account_of(0)

    killed(host)

    for _ in range(3):
        assert denial_of(host.execute(ours))[3] == KILLED
    assert (host.stats(0).state, host.stats(0).pid) == ("down", pid)
    assert set(nothing_left.new_children()) == {host.pid(1)}


@pytest.mark.parametrize(
    "check",
    [
        "start_pre_trade",
        "execute_pre_trade",
        "start_pre_trade_dry_run",
        "execute_pre_trade_dry_run",
        "apply_drop_copy",
    ],
)
def test_later_checks_are_denied(host: Host, check: str) -> None:
    host.build(build_order_validation(), shards=1)

    killed(host)

    for _ in range(2):  # found out by the first one, known to the second
        (reject,) = host.ask(lambda e: getattr(e, check)(order=an_order(1))).rejects
        assert (reject.code, reject.policy, reject.details) == (
            "SystemUnavailable",
            "Router",
            KILLED,
        )


def test_every_shard_dead(host: Host) -> None:
    host.build(build_order_validation())

    killed(host, 0)
    killed(host, 1)

    numbers = range(1, 9)
    results = host.ask(lambda e: e.execute_pre_trade_many([an_order(n) for n in numbers]))
    shards = [host.engine.shard_of(makers.account(n)) for n in numbers]
    assert [denial_of(result)[3] for result in results] == [
        f"shard {shard}: its worker was killed by signal 9" for shard in shards
    ]
    with pytest.raises(ShardDown):
        host.ask(lambda e: e.accounts().unblock_all())
    with pytest.raises(ShardDown):
        host.ask(lambda e: e.accounts().register_group([makers.account(1)], 7))


def test_an_order_without_account_is_denied_while_any_shard_is_dead(host: Host) -> None:
    # What the dead shard had blocked is not known any more.
    host.build(Harmful())

    killed(host, 1)

    denial = denial_of(host.ask(lambda e: e.execute_pre_trade(order=makers.order(None))))
    assert denial == (
        "SystemUnavailable",
        "Router",
        "order",
        "shard 1: its worker was killed by signal 9",
    )


# --- calls in flight -----------------------------------------------------------------------------


def in_flight(host: Host, journal: Journal) -> dict[str, Callable[[], Future[Any]]]:
    """Every kind of call to shard 0, ready to be begun."""
    number = host.account_of(0)
    account = makers.account(number)

    def held() -> Any:
        return host.execute(number, "HOLD").reservation

    commit, rollback = held(), held()
    request = host.ask(lambda e: e.start_pre_trade(order=an_order(number))).request
    operation = host.ask(lambda e: e.apply_drop_copy(order=an_order(number, "HOLD"))).operation
    many = [held(), held()]
    report = makers.pnl_report(number, "5")
    deposit = makers.deposit("USD", "100")

    def call(ask: Callable[[Any], Any]) -> Callable[[], Future[Any]]:
        return lambda: host.begin(ask)

    return {
        "start": call(lambda e: e.start_pre_trade(order=an_order(number))),
        "execute": call(lambda e: e.execute_pre_trade(order=an_order(number))),
        "start dry": call(lambda e: e.start_pre_trade_dry_run(order=an_order(number))),
        "execute dry": call(lambda e: e.execute_pre_trade_dry_run(order=an_order(number))),
        "drop copy": call(lambda e: e.apply_drop_copy(order=an_order(number))),
        "request": call(lambda _: request.execute()),
        "commit": call(lambda _: commit.commit()),
        "rollback": call(lambda _: rollback.rollback()),
        "operation": call(lambda _: operation.commit()),
        "report": call(lambda e: e.apply_execution_report(report=report)),
        "adjust": call(lambda e: e.apply_account_adjustment(account, [deposit])),
        "block": call(lambda e: e.accounts().block(account, "by the desk")),
        "group of": call(lambda e: e.accounts().group_of(account)),
        "register": call(lambda e: e.accounts().register_group([account], 7)),
        "commit many": call(lambda e: e.commit_many(many)),
        "reports": call(lambda e: e.apply_execution_report_many([report, report])),
    }


CHECKS = {"start", "execute", "start dry", "execute dry", "drop copy", "request"}
BATCHES = {"commit many", "reports"}


@on_every_loop
def test_every_kind_of_call_in_flight_ends(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    calls = in_flight(host, journal)
    host.stop(0)
    begun = {name: begin() for name, begin in calls.items()}
    # The two reports are two commands; "register" asks first.
    host.in_flight(0, len(calls) + 1)

    since = time.monotonic()
    host.kill(0)

    ended_within(list(begun.values()), PROMPT, since)
    for name, future in begun.items():
        if name in CHECKS:
            (reject,) = future.result().rejects
            assert (reject.code, reject.policy, reject.details) == (
                "SystemUnavailable",
                "Router",
                KILLED,
            ), name
        elif name in BATCHES:
            group = future.exception()
            assert isinstance(group, ExceptionGroup), name
            assert str(group).startswith(
                ("commit_many failed at index 0, 1", "apply_execution_report_many failed at")
            )
            assert [type(error) for error in group.exceptions] == [OutcomeUnknown] * 2, name
        else:
            error = future.exception()
            # Nothing was changed by the question that "register" asks before it applies.
            expected = ShardDown if name == "register" else OutcomeUnknown
            assert type(error) is expected, name
            assert error.shard == 0  # type: ignore[attr-defined]  # both have it
            assert "killed by signal 9" in str(error)
    assert journal.lines() == []
    assert host.execute(host.account_of(1))


@pytest.mark.parametrize("granted", [8192, 64], ids=["all in flight", "most wait for credit"])
def test_batches_in_flight_end_item_by_item(host: Host, granted: int) -> None:
    host.build(build_order_validation(), credits=granted)
    numbers = range(1, 1001)
    living = [host.engine.shard_of(makers.account(n)) == 1 for n in numbers]
    orders = [an_order(n) for n in numbers]
    reports = [makers.pnl_report(n, "5") for n in numbers]
    host.stop(0)
    checks = host.begin(lambda e: e.execute_pre_trade_many(orders))
    applied = host.begin(lambda e: e.apply_execution_report_many(reports))
    assert eventually(lambda: host.stats(0).in_flight == min(granted, 2 * living.count(False)))
    assert eventually(lambda: host.stats(1).in_flight == 0)

    since = time.monotonic()
    host.kill(0)

    ended_within([checks, applied], PROMPT, since)
    results = checks.result()
    assert [bool(result) for result in results] == living
    assert {denial_of(r)[3] for r in results if not r} == {KILLED}
    group = applied.exception()
    assert isinstance(group, ExceptionGroup)
    assert len(group.exceptions) == living.count(False)
    # The orders have taken the few credits: no report had been sent.
    expected = OutcomeUnknown if granted == 8192 else ShardDown
    assert {type(error) for error in group.exceptions} == {expected}
    first_dead = living.index(False)
    assert f"failed at index {first_dead}, " in str(group)


def test_a_policy_that_ends_its_process(host: Host) -> None:
    host.build(Harmful())

    since = time.monotonic()
    result = host.execute(host.account_of(0), "DIE")

    assert time.monotonic() - since < PROMPT
    assert denial_of(result)[3] == "shard 0: its worker ended with exit code 7"
    assert host.execute(host.account_of(1))


def test_a_policy_that_ends_its_process_in_the_middle_of_a_batch(host: Host) -> None:
    host.build(Harmful())
    numbers = range(1, 401)
    orders = [an_order(n) for n in numbers]
    living = [host.engine.shard_of(makers.account(n)) == 1 for n in numbers]
    fatal = host.account_of(0, 50)
    orders[fatal - 1] = an_order(fatal, "DIE")

    results = host.ask(lambda e: e.execute_pre_trade_many(orders))

    for place, result in enumerate(results):
        if living[place]:
            assert result
        elif place >= fatal - 1:
            assert denial_of(result)[3] == "shard 0: its worker ended with exit code 7"


def test_a_policy_that_closes_its_workers_pipes(host: Host) -> None:
    host.build(Harmful())

    since = time.monotonic()
    result = host.execute(host.account_of(0), "CLOSE")

    assert time.monotonic() - since < PROMPT + 1.0  # the process may take a second to end
    assert denial_of(result)[:2] == ("SystemUnavailable", "Router")
    assert host.execute(host.account_of(1))


def test_an_error_in_the_workers_loop(host: Host, capfd: pytest.CaptureFixture[str]) -> None:
    host.build(Harmful())
    ours = host.account_of(0)
    assert host.execute(ours, "BREAK")

    with pytest.raises(OutcomeUnknown, match="shard 0: its worker ended with exit code 1") as lost:
        host.ask(lambda e: e.apply_execution_report(report=makers.pnl_report(ours, "5")))

    assert lost.value.shard == 0
    assert denial_of(host.execute(ours))[3] == "shard 0: its worker ended with exit code 1"
    assert host.execute(host.account_of(1))
    assert "Traceback" in capfd.readouterr().err  # the operator finds the reason on stderr


# --- between execute and commit ------------------------------------------------------------------


@pytest.mark.parametrize("finalise", ["commit", "rollback"])
def test_killed_between_execute_and_commit(host: Host, journal: Journal, finalise: str) -> None:
    host.build(Harmful(journal=journal))
    ours = host.account_of(0)
    reservation = host.execute(ours, "HOLD").reservation

    killed(host)

    # Which of the two depends on whether the router knows already: asyncio's loop may have told it.
    with pytest.raises((OutcomeUnknown, ShardDown)) as lost:
        host.ask(lambda _: getattr(reservation, finalise)())
    assert lost.value.shard == 0
    with pytest.raises(RuntimeError, match="reservation has already been finalized"):
        host.ask(lambda _: getattr(reservation, finalise)())
    assert journal.lines() == []


def test_reservations_of_a_shard_that_is_known_to_be_dead(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    ours, other = host.account_of(0), host.account_of(1)
    held = host.execute(ours, "HOLD").reservation
    local = host.execute(ours).reservation  # an order that changed nothing
    living = host.execute(other, "HOLD").reservation
    request = host.ask(lambda e: e.start_pre_trade(order=an_order(ours))).request

    killed(host)
    assert eventually(lambda: host.stats(0).state == "down")

    assert held.account_adjustments == []
    for reservation in (held, local):
        with pytest.raises(ShardDown, match=KILLED.replace("shard 0: ", "shard 0 is down: ")):
            host.ask(lambda _, one=reservation: one.commit())
    for _ in range(2):  # nothing was sent, so the request is as it was: denied again
        assert denial_of(host.ask(lambda _: request.execute()))[3] == KILLED
    host.ask(lambda _: living.commit())
    assert journal.lines() == [f"commit-{other}"]


def test_a_batch_of_commits_with_some_of_a_dead_shard(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal))
    numbers = [host.account_of(0), host.account_of(1), host.account_of(0, 1), host.account_of(1, 1)]
    orders = [an_order(n, "HOLD") for n in numbers]
    results = host.ask(lambda e: e.execute_pre_trade_many(orders))

    killed(host)

    with pytest.raises(ExceptionGroup, match="commit_many failed at index 0, 2") as lost:
        host.ask(lambda e: e.commit_many([result.reservation for result in results]))
    assert {type(error) for error in lost.value.exceptions} <= {OutcomeUnknown, ShardDown}
    assert sorted(journal.lines()) == sorted(f"commit-{n}" for n in (numbers[1], numbers[3]))


# --- under load ----------------------------------------------------------------------------------


@on_every_loop
def test_killed_under_load_from_many_callers(host: Host, journal: Journal) -> None:
    host.build(Harmful(journal=journal), build_order_validation())
    accounts = [host.account_of(shard, place) for shard in (0, 1) for place in range(4)]
    pid = host.pid(0)
    decided: dict[int, list[Any]] = {number: [] for number in accounts}
    is_over = False

    def keep_asking(number: int) -> Callable[[], None]:
        def ask() -> None:
            def done(future: Future[Any]) -> None:
                if isinstance(future.exception(), EngineClosed):
                    return
                decided[number].append(future.result())
                if not is_over:
                    ask()

            host.begin_execute(number).add_done_callback(done)

        return ask

    for number in accounts:
        keep_asking(number)()
    assert eventually(lambda: all(len(results) > 20 for results in decided.values()))
    os.kill(pid, signal.SIGKILL)
    assert eventually(
        lambda: all(results[-1].rejects for n, results in decided.items() if n in accounts[:4])
    )
    counts = [len(decided[number]) for number in accounts[4:]]
    assert eventually(
        lambda: all(len(decided[n]) > c + 20 for n, c in zip(accounts[4:], counts, strict=True))
    )
    is_over = True
    assert eventually(lambda: host.stats(1).in_flight == 0)

    for number in accounts[:4]:
        accepted = [bool(result) for result in decided[number]]
        first = accepted.index(False)
        assert not any(accepted[first:]), "nothing passes after the death"
        assert {denial_of(result)[3] for result in decided[number][first:]} == {KILLED}
    assert all(result for number in accounts[4:] for result in decided[number])
