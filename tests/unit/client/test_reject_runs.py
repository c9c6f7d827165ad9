"""Orders that were rejected alike but for a number: told at once, to whom it concerns."""

from __future__ import annotations

from typing import Any

import pytest
from batched import replies_to
from flow import IN_SHARD_0, IN_SHARD_1, buy, report
from played import NOW, Bench

from openpit.errors import WireError
from openpit.wire import kinds
from openpit.wire.frames import Flag

REJECT = ("Other", "too many", "it is ", " of 5", "Desk", "order", 7)


def alike(*numbers: int) -> tuple[Any, ...]:
    return (kinds.REJECTED_ALIKE, numbers, REJECT)


def details(*results: Any) -> list[str]:
    return [reject.details for result in results for reject in result.rejects]


def fed(bench: Bench, *accounts: int) -> Any:
    call = bench.many(*accounts)
    while call.feed():
        pass
    return call


def test_each_order_of_a_call_has_its_own_reject() -> None:
    bench = Bench()
    call = fed(bench, *[IN_SHARD_0, IN_SHARD_1] * 3)
    bench.reply(1, (kinds.ACCEPTED, 3))
    bench.reply(0, (kinds.ACCEPTED, 1), alike(6, 8))

    results = call.result()

    assert [result.ok for result in results] == [True, True, False, True, False, True]
    assert [result.reservation is None for result in results[2::2]] == [True, True]
    assert details(*results) == ["it is 6 of 5", "it is 8 of 5"]
    (reject,) = results[2].rejects
    assert (reject.code, reject.reason, reject.policy) == ("Other", "too many", "Desk")
    assert (reject.scope, reject.user_data) == ("order", 7)
    assert results[2].rejects[0] is reject
    assert repr(results[2]) == "ExecuteResult(ok=False, rejects=1)"


def test_a_run_goes_over_calls_of_one_order_and_of_many() -> None:
    bench = Bench(shards=1)
    client = bench._client  # all of it in one batch
    alone = client.execute(NOW, buy(IN_SHARD_0))
    many = client.execute_many(NOW, [buy(IN_SHARD_0)] * 2, [NOW] * 2)
    while many.feed():
        pass
    other = client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, alike(6, 7, 8, 9))

    rejected = [alone.result(), *many.result(), other.result()]

    assert not any(rejected)
    assert details(*rejected) == [f"it is {number} of 5" for number in (6, 7, 8, 9)]


def test_a_run_that_waits_for_an_engine_wide_block_is_told_after_it() -> None:
    bench = Bench(custom=True)
    call = fed(bench, *[IN_SHARD_0] * 2)
    bench.reply(0, alike(6, 7), armed=Flag.FINALIZER_FAILED)
    assert not call.done
    bench.reply(0, (kinds.DONE, 1))
    bench.reply(1, (kinds.DONE, 1))
    assert details(*call.result()) == ["it is 6 of 5", "it is 7 of 5"]


@pytest.mark.parametrize(
    "replies",
    [(alike(6, 7, 8),), (alike(6, 7), (kinds.ACCEPTED, 1)), (alike(6),), (alike(),)],
    ids=["too many", "one too many", "too few", "none"],
)
def test_as_many_are_told_as_were_sent(replies: Any) -> None:
    bench = Bench()
    call = fed(bench, *[IN_SHARD_0] * 2)
    bench.sent(0)
    frame, link = bench.unanswered[0][0], bench.router.links[0]
    with pytest.raises(WireError):
        bench.router.receive(link, replies_to(frame, *replies))
    assert not call.done


def test_a_report_is_not_rejected_so() -> None:
    bench = Bench()
    call = bench.client.report(NOW, report(IN_SHARD_0))
    bench.sent(0)
    frame, link = bench.unanswered[0][0], bench.router.links[0]
    with pytest.raises(WireError, match="not a reply to this command"):
        bench.router.receive(link, replies_to(frame, alike(6)))
    assert not call.done


def test_an_order_on_its_own_may_be_told_so() -> None:
    bench = Bench()
    call = bench.client.execute(NOW, buy(IN_SHARD_0))
    bench.reply(0, alike(6))
    assert details(call.result()) == ["it is 6 of 5"]


def test_what_comes_too_late_is_let_go() -> None:
    bench = Bench()
    call = fed(bench, *[IN_SHARD_0] * 2)
    bench.sent(0)
    call.abandon()
    bench.reply(0, alike(6, 7))
    assert not bench.router.links[0].pending
