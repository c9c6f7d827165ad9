"""What the exceptions of the package carry, beyond their text."""

from __future__ import annotations

import copy
import pickle

import pytest

from openpit.errors import OutcomeUnknown, ShardDown, SomeItemsFailed

DOWN = ShardDown("shard 1 is down", 1)
LOST = OutcomeUnknown("shard 2 has not answered", 2)


def some_failed() -> SomeItemsFailed:
    """Five reports: the second and the fourth of a shard that is down, the fifth unknown."""
    failures = {1: DOWN, 3: DOWN, 4: LOST}
    results = ["a block", None, "a fill", None, None]
    return SomeItemsFailed._of("apply_execution_report_many", results, failures)


def test_the_text_names_the_indexes_and_the_fields_hold_what_became_of_each() -> None:
    failed = some_failed()
    assert failed.message == "apply_execution_report_many failed at index 1, 3, 4"
    assert failed.exceptions == (DOWN, DOWN, LOST)
    assert failed.results == ["a block", None, "a fill", None, None]
    assert failed.failures == {1: DOWN, 3: DOWN, 4: LOST}
    assert isinstance(failed, ExceptionGroup)


def test_parts_know_the_indexes_of_their_own_exceptions_and_all_results() -> None:
    failed = some_failed()
    down, others = failed.split(ShardDown)
    assert isinstance(down, SomeItemsFailed)
    assert isinstance(others, SomeItemsFailed)
    assert down.failures == {1: DOWN, 3: DOWN}
    assert others.failures == {4: LOST}
    assert down.results is others.results is failed.results
    assert failed.subgroup(KeyError) is None
    whole = failed.subgroup(Exception)
    assert whole is failed


def test_except_star_takes_out_what_it_handles() -> None:
    seen: list[dict[int, Exception]] = []

    def handling_downs() -> None:
        try:
            raise some_failed()
        except* ShardDown as down:
            seen.append(down.failures)  # type: ignore[attr-defined]  # a part of the same class

    with pytest.raises(SomeItemsFailed) as left:
        handling_downs()
    assert seen == [{1: DOWN, 3: DOWN}]
    assert left.value.failures == {4: LOST}
    assert left.value.results[0] == "a block"


def test_a_member_that_is_a_group_keeps_its_index_when_it_is_cut() -> None:
    limit, feed = ValueError("limit"), LookupError("feed")
    nested = ExceptionGroup("two checks", [limit, ExceptionGroup("feeds", [feed])])
    failed = SomeItemsFailed._of("execute_pre_trade_many", [1, None, None], {1: DOWN, 2: nested})
    feeds = failed.subgroup(LookupError)
    assert feeds is not None
    assert feeds.indexes == (2,)
    rest = failed.split(ValueError)[1]
    assert rest is not None
    assert rest.indexes == (1, 2)


def test_a_pickled_copy_leaves_behind_what_is_of_its_engine() -> None:
    failed = SomeItemsFailed._of("commit_many", [True, None, object()], {1: ValueError("twice")})
    failed.add_note("at the close")
    for other in (pickle.loads(pickle.dumps(failed)), copy.copy(failed)):
        assert type(other) is SomeItemsFailed
        assert str(other) == str(failed)
        assert (other.indexes, other.results) == ((1,), [True, None, None])
        assert repr(other.failures) == "{1: ValueError('twice')}"
        assert other.__notes__ == ["at the close"]
