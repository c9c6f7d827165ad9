"""Credit, and the reserve of it: what a flood of orders never keeps waiting, and what it does."""

from __future__ import annotations

from typing import Any

import pytest
from flow import ALSO_IN_SHARD_0, IN_SHARD_0, IN_SHARD_1, buy, report
from played import NOW, Bench

from openpit.client.deadlines import Patience
from openpit.errors import ShardOverloaded, ShardStalled
from openpit.wire import kinds
from openpit.wire.limits import CREDITS, RESERVE

RESERVED = (kinds.RESERVED, True, (), ())
ACCEPTED = (kinds.ACCEPTED, 1)
DONE = (kinds.DONE, 1)


def sent(bench: Bench) -> list[tuple[int, int]]:
    """The kinds of the commands that shard 0 has got since the last look, and their accounts."""
    return [command[:2] for command in bench.sent(0)]


def order(bench: Bench, account: int = IN_SHARD_0) -> Any:
    return bench.client.execute(NOW, buy(account))


def reported(bench: Bench, account: int = IN_SHARD_0) -> Any:
    return bench.client.report(NOW, report(account))


def reserved(bench: Bench, count: int = 1) -> list[Any]:
    """Reservations that shard 0 keeps, with nothing in flight."""
    reservations = []
    for _ in range(count):
        call = order(bench)
        bench.reply(0, RESERVED)
        reservations.append(call.result().reservation)
    bench.sent(0)
    return reservations


def flooded(**options: Any) -> tuple[Bench, list[Any]]:
    """A shard of eight credits, and so a reserve of one, with eleven orders; and what it keeps."""
    bench = Bench(custom=True, credit=8, **options)
    held = reserved(bench, 3)
    for _ in range(11):
        order(bench)
    assert sent(bench) == [(kinds.EXECUTE, IN_SHARD_0)] * 8
    return bench, held


def test_the_reserve_is_one_for_each_eight_credits() -> None:
    limits = [(credit, Bench(credit=credit).router.links[0]) for credit in (1, 7, 8, 16, CREDITS)]
    spare = [link.credits_and_reserve - credit for credit, link in limits]
    assert spare == [1, 1, 1, 2, CREDITS // RESERVE] == [1, 1, 1, 2, 1024]


def test_a_commit_does_not_wait_for_credit_of_orders() -> None:
    bench, held = flooded()
    call = bench.client.finalize(NOW, held[0], True)
    assert sent(bench) == [(kinds.COMMIT, IN_SHARD_0)]
    bench.reply(0, *[ACCEPTED] * 8, DONE)
    assert call.result() is None


def test_the_reserve_has_an_end() -> None:
    bench, held = flooded()
    for reservation in held[:2]:
        bench.client.finalize(NOW, reservation, False)
    bench.client.rollback_many(NOW, held[2:]).feed()  # type: ignore[attr-defined]  # it has it
    assert sent(bench) == [(kinds.ROLLBACK, IN_SHARD_0)]
    assert bench.router.links[0].in_flight == 9
    bench.reply(0, ACCEPTED)  # which is no credit for an order: eight are in flight still
    assert sent(bench) == [(kinds.ROLLBACK, IN_SHARD_0)]
    bench.reply(0, ACCEPTED)
    assert sent(bench) == [(kinds.ROLLBACK_MANY, None)]
    bench.reply(0, ACCEPTED)
    assert sent(bench) == []
    bench.reply(0, ACCEPTED)
    assert sent(bench) == [(kinds.EXECUTE, IN_SHARD_0)]


def test_a_report_overtakes_orders_of_other_accounts_alone() -> None:
    bench, _ = flooded()
    ours = reported(bench)
    other = reported(bench, ALSO_IN_SHARD_0)
    assert sent(bench) == [(kinds.REPORT, ALSO_IN_SHARD_0)]
    bench.reply(0, *[ACCEPTED] * 8, DONE)
    assert sent(bench) == [(kinds.EXECUTE, IN_SHARD_0)] * 3 + [(kinds.REPORT, IN_SHARD_0)]
    bench.reply(0, *[ACCEPTED] * 3, DONE)
    assert ours.done
    assert other.done


def test_reports_of_an_account_stay_in_order_where_the_reserve_is_spent() -> None:
    bench = Bench(credit=1)
    order(bench)
    numbers = (ALSO_IN_SHARD_0, IN_SHARD_0, ALSO_IN_SHARD_0)
    calls = [reported(bench, number) for number in numbers]
    assert [account for _, account in sent(bench)] == [IN_SHARD_0, ALSO_IN_SHARD_0]
    bench.reply(0, ACCEPTED)
    bench.reply(0, DONE)
    assert [account for _, account in sent(bench)] == [IN_SHARD_0, ALSO_IN_SHARD_0]
    bench.reply(0, DONE, DONE)
    assert all(call.done for call in calls)


@pytest.mark.parametrize(
    ("waiting", "many", "is_ahead"),
    [
        ([IN_SHARD_0], [ALSO_IN_SHARD_0, ALSO_IN_SHARD_0], True),
        ([IN_SHARD_0], [ALSO_IN_SHARD_0, IN_SHARD_0], False),
        ([ALSO_IN_SHARD_0, IN_SHARD_0], [ALSO_IN_SHARD_0, ALSO_IN_SHARD_0], False),
    ],
)
def test_reports_of_many_overtake_where_none_of_them_meets_its_own(
    waiting: list[int], many: list[int], is_ahead: bool
) -> None:
    bench = Bench(credit=16)
    for _ in range(16):
        order(bench, IN_SHARD_0)
    batch = bench.many(*waiting)
    batch.feed()
    bench.sent(0)
    bench.client.report_many(NOW, [report(number) for number in many]).feed()
    assert bool(sent(bench)) is is_ahead


def test_a_report_without_an_account_overtakes_nothing() -> None:
    bench, _ = flooded()
    bench.client.report(NOW, report(None))
    assert sent(bench) == []
    bench.reply(0, *[ACCEPTED] * 8)
    assert [kind for kind, _ in sent(bench)] == [kinds.EXECUTE] * 3 + [kinds.REPORT]


def test_a_request_s_main_stage_is_an_order() -> None:
    bench = Bench(credit=1)
    call = bench.client.start_stage(NOW, buy(IN_SHARD_0))
    bench.reply(0, (kinds.STARTED,))
    request = call.result().request
    order(bench, ALSO_IN_SHARD_0)
    bench.sent(0)
    bench.client.execute_request(NOW, request)
    assert sent(bench) == []
    bench.reply(0, ACCEPTED)
    assert sent(bench) == [(kinds.EXECUTE_REQUEST, IN_SHARD_0)]


def test_a_commit_overtakes_orders_of_its_own_account_which_has_been_answered() -> None:
    bench = Bench(credit=1)
    (held,) = reserved(bench)
    order(bench)
    late = order(bench)
    bench.client.finalize(NOW, held, True)
    assert sent(bench) == [(kinds.EXECUTE, IN_SHARD_0), (kinds.COMMIT, IN_SHARD_0)]
    assert not late.is_sent


def test_where_nothing_may_wait_the_reserve_is_used_and_then_refused() -> None:
    bench, held = flooded(patience=Patience(max_wait=0))
    commit = bench.client.finalize(NOW, held[0], True)
    assert commit.is_sent
    refused = bench.client.finalize(NOW, held[1], True)
    with pytest.raises(ShardOverloaded, match="9 commands are in flight"):
        refused.result()
    assert held[1].account_adjustments == []  # open still
    assert not bench.router.links[0].waiting


# --- what nobody holds any more ------------------------------------------------------------------


def test_a_drop_uses_the_reserve_and_goes_ahead_of_all_that_waits() -> None:
    bench, held = flooded()
    bench.client.finalize(NOW, held.pop(0), True)
    late = bench.client.finalize(NOW, held.pop(0), True)
    held.clear()
    reported(bench, IN_SHARD_1)  # lets it go
    assert sent(bench) == [(kinds.COMMIT, IN_SHARD_0)]
    assert bench.router.links[0].waiting[-1] is not late
    bench.reply(0, ACCEPTED)
    assert sent(bench) == [(kinds.DROP, None)]  # its client's commit has to see what comes of it
    bench.reply(0, *[ACCEPTED] * 7, DONE)
    assert sent(bench) == []
    bench.reply(0, DONE)
    assert [kind for kind, _ in sent(bench)] == [kinds.COMMIT] + [kinds.EXECUTE] * 3


def test_a_drop_that_waits_for_a_shard_that_stalls_is_owed() -> None:
    bench, held = flooded()
    bench.client.finalize(NOW, held.pop(0), True)
    handles = [reservation._handle for reservation in reversed(held)]
    held.clear()
    assert reported(bench, IN_SHARD_1).is_sent is False  # until it is settled
    bench.sent(0)
    bench.router.stall(bench.router.links[0], "silent")
    assert bench.router.links[0].owed_drops == handles
    assert not bench.router.books.settling
    assert [kind for kind, *_ in bench.sent(1)] == [kinds.REPORT]
    with pytest.raises(ShardStalled):
        reported(bench).result()
    bench.reply(0, ACCEPTED)
    bench.client.report(NOW, report(IN_SHARD_1))
    assert [command[2] for command in bench.sent(0)] == [tuple(handles)]
