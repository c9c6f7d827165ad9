"""The finisher by itself: order, failures, and when a dropped handle's turn comes."""

from __future__ import annotations

import threading
from threading import RLock
from typing import TYPE_CHECKING, Any

import pytest
from makers import mutation

from openpit.engine import finalize
from openpit.engine.finalize import Finisher
from openpit.engine.registry import AccountRegistry
from openpit.pretrade.effects import ITSELF, NOT_COUNTED, BuiltinFinalizer, Effects, GeneralEffects
from openpit.pretrade.rejects import Reject

if TYPE_CHECKING:
    from collections.abc import Iterator


class Funds(BuiltinFinalizer):
    """What a built-in policy leaves; looks whether it may be disturbed."""

    def __init__(self, finisher: Finisher, seen: list[tuple[str, bool]]) -> None:
        self._finisher = finisher
        self._seen = seen

    def commit(self) -> None:
        self._seen.append(("commit", self._finisher.busy))

    def rollback(self) -> None:
        self._seen.append(("rollback", self._finisher.busy))


def finisher(lock: Any = None) -> Finisher:
    return Finisher(AccountRegistry(), lock)


def dropped(owner: Finisher, *mutations: Any) -> None:
    """Make effects that a handle held, and let go of them."""
    effects = owner.effects(mutations)
    effects.open = True


@pytest.mark.parametrize(
    ("verb", "order"), [("commit", ["a", "b", "c"]), ("rollback", ["c", "b", "a"])]
)
def test_all_run_and_the_first_failure_in_their_order_is_raised(
    verb: str, order: list[str]
) -> None:
    trace: list[str] = []
    registry = AccountRegistry()
    failing = {verb: ValueError(order[0])}, {verb: KeyError("later")}
    first, last = failing if verb == "commit" else failing[::-1]
    mutations = [
        mutation(trace, "a", **first),
        mutation(trace, "b"),
        mutation(trace, "c", **last),
    ]

    with pytest.raises(ValueError, match=f"^{order[0]}$"):
        getattr(Finisher(registry, None).effects(mutations), verb)()

    assert trace == [f"{verb} {name}" for name in order]
    assert registry.finalizer_failed


@pytest.mark.parametrize("verb", ["commit", "rollback"])
def test_a_value_that_cannot_be_called_is_a_failure_like_any(verb: str) -> None:
    class Blank:
        commit = rollback = None

    trace: list[str] = []
    registry = AccountRegistry()

    with pytest.raises(TypeError, match=r"^'NoneType' object is not callable$"):
        getattr(Finisher(registry, None).effects([Blank(), mutation(trace, "b")]), verb)()

    assert trace == [f"{verb} b"]
    assert registry.finalizer_failed


def test_a_single_commit_that_fails_counts_as_well() -> None:
    registry = AccountRegistry()

    with pytest.raises(ValueError, match=r"^disk$"):
        Finisher(registry, None).effects([mutation([], "a", commit=ValueError("disk"))]).commit()

    assert registry.finalizer_failed


def test_built_in_finalisers_are_not_to_be_disturbed_and_callbacks_may_be() -> None:
    seen: list[tuple[str, bool]] = []
    engine = finisher()

    def look() -> None:
        seen.append(("callback", engine.busy))

    mutations = [Funds(engine, seen), mutation([], "a", commit=look, rollback=look)]
    engine.effects(mutations).commit()
    engine.effects(mutations).rollback()

    assert seen == [
        ("commit", True),
        ("callback", False),
        ("callback", False),
        ("rollback", True),
    ]
    assert not engine.busy


class Interrupted(Funds):
    """Figures in the midst of which interrupts come, as often as told."""

    def __init__(self, finisher: Finisher, seen: list[tuple[str, bool]], times: int) -> None:
        super().__init__(finisher, seen)
        self._times = times

    def commit(self) -> None:
        super().commit()
        self._interrupt()

    def rollback(self) -> None:
        super().rollback()
        self._interrupt()

    def _interrupt(self) -> None:
        self._times -= 1
        if self._times >= 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("verb", ["commit", "rollback"])
@pytest.mark.parametrize("others", [0, 1])
def test_a_built_in_finaliser_that_was_interrupted_is_asked_again(others: int, verb: str) -> None:
    seen: list[tuple[str, bool]] = []
    trace: list[str] = []
    registry = AccountRegistry()
    engine = Finisher(registry, None)
    effects = engine.effects([*[mutation(trace, "a")] * others, Interrupted(engine, seen, times=1)])

    with pytest.raises(KeyboardInterrupt):
        getattr(effects, verb)()
    getattr(effects, verb)()  # as whoever is interrupted does

    assert seen == [(verb, True)] * 2
    assert trace == [f"{verb} a"] * others
    assert not registry.finalizer_failed
    assert not engine.busy


def test_a_built_in_finaliser_that_cannot_be_run_counts_as_failed() -> None:
    seen: list[tuple[str, bool]] = []
    trace: list[str] = []
    registry = AccountRegistry()
    engine = Finisher(registry, None)
    effects = engine.effects([mutation(trace, "a"), Interrupted(engine, seen, times=9)])

    with pytest.raises(KeyboardInterrupt):
        effects.rollback()

    assert len(seen) == 2
    assert trace == ["rollback a"]
    assert registry.finalizer_failed


# --- effects that are what they hold -----------------------------------------------------------


class Held(Effects, BuiltinFinalizer):
    """A built-in policy's effects that undo themselves; may be interrupted, as often as told."""

    __slots__ = (
        *["finisher", "group_id", "key", "mutations", "open", "origin", "thread"],
        *["seen", "times"],
    )

    own_rows = ITSELF

    def __init__(self, seen: list[str], times: int = 0) -> None:
        self.mutations = ITSELF
        self.key = NOT_COUNTED
        self.open = False
        self.thread = 0
        self.seen = seen
        self.times = times

    def __iter__(self) -> Iterator[Any]:
        yield ("USD", *[None] * 10)

    def give_back(self) -> None:
        self.seen.append(f"gives back, busy {self.finisher.busy}")
        self.times -= 1
        if self.times >= 0:
            raise KeyboardInterrupt
        self.mutations = ()


def held(owner: Finisher, seen: list[str], times: int = 0) -> Held:
    """Make effects that an engine has taken for an order's."""
    effects = Held(seen, times)
    owner.taken(effects, 3)
    return effects


def test_effects_that_are_what_they_hold_give_it_back_once_and_a_commit_leaves_it() -> None:
    seen: list[str] = []
    engine = finisher()
    rolled_back, committed = held(engine, seen), held(engine, seen)

    committed.commit()
    committed.rollback()
    assert seen == []

    rolled_back.rollback()
    rolled_back.rollback()
    assert seen == ["gives back, busy True"]
    assert not engine.busy


def test_effects_that_are_what_they_hold_are_asked_again_after_an_interrupt() -> None:
    seen: list[str] = []
    engine = finisher()
    effects = held(engine, seen, times=1)

    with pytest.raises(KeyboardInterrupt):
        effects.rollback()
    effects.rollback()

    assert seen == ["gives back, busy True"] * 2
    assert not engine.busy


def test_effects_that_are_what_they_hold_go_back_when_nobody_has_them_any_more() -> None:
    seen: list[str] = []
    engine = finisher()
    effects = held(engine, seen)
    effects.open = True

    del effects

    assert seen == ["gives back, busy True"]


def test_effects_that_are_what_they_hold_are_one_of_many_where_others_have_a_say() -> None:
    trace: list[str] = []
    engine = finisher()

    def merged() -> Effects:
        first, last = (GeneralEffects(None, [mutation(trace, name)]) for name in "ac")
        return engine.merged([(first, 1), (Held(trace), 2), (last, 4)])

    assert merged().rows == [(2, ("USD", *[None] * 10))]
    merged().rollback()
    assert trace == ["rollback c", "gives back, busy True", "rollback a"]

    trace.clear()
    merged().commit()
    assert trace == ["commit a", "commit c"]


def test_what_was_said_is_included_once_whether_it_was_added_or_not() -> None:
    seen: list[str] = []
    engine = finisher()
    said, own = Held(seen), held(engine, seen)
    effects = engine.merged([(said, 1)])

    effects.include(said)
    own.include(own)
    effects.rollback()
    own.rollback()

    assert seen == ["gives back, busy True"] * 2


def test_what_is_dropped_while_the_engine_is_busy_waits() -> None:
    trace: list[str] = []
    engine = finisher()

    engine.busy = True
    dropped(engine, mutation(trace, "a"))
    engine.settle()
    assert trace == []

    engine.busy = False
    dropped(engine, mutation(trace, "b"))

    assert trace == ["rollback a", "rollback b"]


def test_a_dropped_rollback_that_fails_does_not_stop_the_next_one() -> None:
    trace: list[str] = []
    registry = AccountRegistry()
    engine = Finisher(registry, None)
    engine.busy = True
    dropped(engine, mutation(trace, "a", rollback=ValueError("disk")))
    dropped(engine, mutation(trace, "b"))

    engine.busy = False
    engine.settle()

    assert trace == ["rollback a", "rollback b"]
    assert registry.finalizer_failed


def test_an_administrative_call_is_not_disturbed_and_settles_after() -> None:
    trace: list[str] = []
    engine = finisher(RLock())

    def administer(name: str, *, times: int) -> str:
        dropped(engine, mutation(trace, "a"))
        trace.append(name * times)
        return "done"

    assert engine.alone(administer, "set", times=2) == "done"
    assert trace == ["setset", "rollback a"]
    assert not engine.busy


def test_an_administrative_call_that_fails_settles_too() -> None:
    trace: list[str] = []
    engine = finisher()

    def refuse() -> None:
        dropped(engine, mutation(trace, "a"))
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        engine.alone(refuse)

    assert trace == ["rollback a"]
    assert not engine.busy


def test_a_drop_never_waits_for_the_thread_that_is_inside() -> None:
    trace: list[str] = []
    lock = RLock()
    engine = finisher(lock)

    with lock:
        thread = threading.Thread(target=dropped, args=[engine, mutation(trace, "a")])
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
        assert trace == []
    engine.settle()

    assert trace == ["rollback a"]


# --- what policies said, merged ----------------------------------------------------------------


@pytest.mark.parametrize("name", ["get_ident", "suppress"])
@pytest.mark.parametrize("thread", [0, 1])
def test_a_drop_at_the_interpreters_end_is_silent_when_names_are_gone(
    name: str, thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects = finisher().effects([mutation([], "a")])
    effects.open = True
    effects.thread = thread and threading.get_ident()
    monkeypatch.setattr(finalize, name, None)
    del effects


def test_effects_that_were_finalised_or_hold_no_mutation_are_dropped_in_silence() -> None:
    trace: list[str] = []
    engine = finisher()
    committed = engine.effects([mutation(trace, "a")])
    committed.open = True
    committed.commit()

    del committed
    dropped(engine)

    assert trace == ["commit a"]
    assert not engine.dropped


def test_a_rejecting_policy_keeps_its_mutations_and_loses_locks_and_rows() -> None:
    first, second = mutation([], "a"), mutation([], "b")
    rejects = [Reject._of("Custom", "no", "", "Desk", "order")]
    row = ("USD", *[None] * 10)
    effects = finisher().effects()

    effects.add(GeneralEffects(None, [first], [row], [5]), 3)
    effects.add(GeneralEffects(rejects, [second], [row], [6]), 4)

    assert list(effects.mutations) == [first, second]
    assert list(effects.rejects) == rejects
    assert effects.lock_groups == {3: [5]}
    assert list(effects.rows) == [(3, row)]


def test_locks_and_rows_of_several_policies_are_told_in_their_order_until_forgotten() -> None:
    row, other = ("USD", *[None] * 10), ("AAPL", *[None] * 10)
    effects = finisher().effects()

    effects.add(GeneralEffects(None, (), (), [1]), 7)
    effects.add(GeneralEffects(None, (), [row, other]), 2)
    effects.add(GeneralEffects(), 4)
    effects.add(GeneralEffects(None, (), [other], [2, 3]), 0)
    effects.add(GeneralEffects(None, (), (), [4]), 7)

    assert effects.rows == [(2, row), (2, other), (0, other)]
    assert effects.lock_groups == {7: [1, 4], 0: [2, 3]}
    assert list(effects.lock_groups) == [7, 0]

    effects.forget_traces()

    assert effects.rows == []
    assert effects.lock_groups is None


def test_the_first_failure_is_raised_once() -> None:
    effects = finisher().effects()
    effects.add(GeneralEffects(failure=ValueError("first")), 0)
    effects.fail(KeyError("second"))

    with pytest.raises(ValueError, match=r"^first$"):
        effects.undo()
    effects.undo()


def test_an_exception_that_is_false_is_a_failure_all_the_same() -> None:
    class Nothing(Exception):  # noqa: N818 - its point is that it is empty
        def __len__(self) -> int:
            return 0

    effects = finisher().effects()
    effects.fail(Nothing())
    effects.fail(ValueError("second"))

    with pytest.raises(Nothing):
        effects.raise_failure()
