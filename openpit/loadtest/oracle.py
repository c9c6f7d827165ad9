"""What every decision of a run should have been, and whether it was.

One engine in this process is given the same events, one by one, each at its own time. A decision
is right if the order was accepted where the oracle accepts it, and refused with the same rejects,
to the letter, where it refuses it; a report must raise the same account blocks.
"""

from __future__ import annotations

import hashlib
import threading
from array import array
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from openpit.loadtest.children import ChildFailedError
from openpit.loadtest.engine_objects import EngineObjects
from openpit.loadtest.flow import ORDER, flow
from openpit.loadtest.generator import shard_finder
from openpit.loadtest.lane import Lane, TimelineClock
from openpit.loadtest.plan import Target
from openpit.loadtest.recording import ACCEPTED, DENIED, MISSING, Recording
from openpit.loadtest.spanning import Beside, lift
from openpit.loadtest.targets import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.loadtest.flow import Event
    from openpit.loadtest.plan import Plan

__all__ = ["Judgement", "Truth", "checksum", "find_orders", "find_truth", "judge", "unjudged"]

PATIENCE: Final = 60.0
"""Seconds that the engine may take over one event, before a policy is taken to never return."""

EXAMPLES: Final = 5
"""Wrong decisions that are told in full."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The right decisions, where they are known, and each order's data by its number, from 1."""

    recording: Recording
    times: array[int]
    """Intended arrival, nanoseconds from the start."""
    shards: array[int]
    accounts: list[int]
    """How many accounts of each shard have sent orders."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """How the decisions of a run compare with the right ones."""

    checked: int
    """Orders whose decision was compared: all but those denied by a shard that was killed."""
    wrong: int
    """Decisions that were not right, or never came, and reports that were not answered right."""
    denied: int
    """Orders refused because their shard could not be asked."""
    checksum: str
    """Over all decisions of the run; the same for the same seed and config."""
    examples: list[str]

    def beside(self, unfit: list[tuple[int, str]]) -> Judgement:
        """Return this with what is wrong with limits as a whole: how many decisions, and how."""
        wrong = self.wrong + sum(count for count, _ in unfit)
        examples = [text for _, text in unfit] + self.examples
        return replace(self, wrong=wrong, examples=examples[:EXAMPLES])


def find_truth(plan: Plan, *, patience: float = PATIENCE, beside: Recording | None = None) -> Truth:
    """Decide a plan's orders one by one by an engine in this process.

    ``beside`` is the recording of a run whose refusals by limits over all accounts are taken from
    it, see :mod:`openpit.loadtest.spanning`.

    Raises:
        ConfigError: a policy cannot be made.
        ChildFailedError: the engine took longer than ``patience``, in seconds, over one event. Its
            thread cannot be ended; it goes on until the process ends.
    """
    finder = _Finder(plan, None if beside is None else Beside(beside))
    finder.start()
    taken = 0
    while finder.is_alive():
        finder.join(patience)
        if finder.is_alive() and finder.taken == taken:
            raise ChildFailedError(
                f"the oracle, one engine with the same policies, has no answer to event {taken:,} "
                f"within {patience:g} s"
            )
        taken = finder.taken
    return finder.result()


def find_orders(plan: Plan) -> Truth:
    """Return what is known of a plan's orders without any engine: no decision is in it."""
    return _gone_through(plan, Recording(0), lambda _: None)


class _Finder(threading.Thread):
    """Finds a truth in a thread of its own: one whose policy never returns can be left."""

    def __init__(self, plan: Plan, beside: Beside | None = None) -> None:
        super().__init__(name="oracle", daemon=True)
        self._plan = plan
        self._beside = beside
        self._found: Truth | BaseException = RuntimeError("the oracle has not ended")
        self.taken = 0
        """Events that were given to the engine, accounts that it was to fund included."""

    def run(self) -> None:
        try:
            self._found = self._find()
        except BaseException as error:  # noqa: BLE001 - for the thread that waits
            self._found = error

    def result(self) -> Truth:
        """Return what was found, or raise what was raised; for when the thread has ended."""
        if isinstance(self._found, Truth):
            return self._found
        raise self._found

    def _find(self) -> Truth:
        plan = self._plan
        clock = TimelineClock()
        engine = build(replace(plan, target=Target.IN_PROCESS), clock)
        objects = EngineObjects(plan.workload.currency)
        objects.fund(
            _Counted(engine, self), range(1, plan.workload.accounts + 1), plan.workload.initial
        )
        recording, beside = Recording(plan.orders), self._beside
        lane = Lane(0, engine, objects, clock, recording, one_by_one=True)
        if beside is not None:
            lift(engine)

        def take(event: Event) -> None:
            self.taken += 1
            if beside is not None and beside.has(event):
                clock.now = event[2]
                beside.decide(event[1], engine, objects.order(event), recording)
            else:
                lane.take((event,))

        return _gone_through(plan, recording, take)


class _Counted:
    """An engine that is funded, with a count."""

    def __init__(self, engine: Any, finder: _Finder) -> None:
        self._engine = engine
        self._finder = finder

    def apply_account_adjustment(self, account: Any, adjustments: Any) -> None:
        self._finder.taken += 1
        self._engine.apply_account_adjustment(account, adjustments)


def _gone_through(plan: Plan, recording: Recording, take: Callable[[Event], object]) -> Truth:
    """Run every event of a plan, and record its orders."""
    shard_of = shard_finder(plan.shards)
    only = plan.only_shard
    times, shards = array("q", [0]), array("H", [0])
    accounts: list[set[int]] = [set() for _ in range(plan.shards)]
    for event in flow(plan.load, lambda account: only is None or shard_of(account) == only):
        take(event)
        if event[0] == ORDER:
            shard = shard_of(event[3])
            times.append(event[2])
            shards.append(shard)
            accounts[shard].add(event[3])
    return Truth(recording, times, shards, [len(those) for those in accounts])


def unjudged(recording: Recording) -> Judgement:
    """Return the judgement of a run whose decisions are not compared with any."""
    return Judgement(0, 0, recording.verdicts.count(DENIED), checksum(recording), [])


def judge(truth: Truth, recording: Recording, *, killed_shard: int | None = None) -> Judgement:
    """Compare a run's recording with the truth; denials of the killed shard are told apart."""
    right = truth.recording
    wrong = denied = 0
    examples: list[str] = []
    for number in range(1, len(right.verdicts)):
        verdict = recording.verdicts[number]
        if verdict == right.verdicts[number] and (
            verdict == ACCEPTED or recording.rejects.get(number) == right.rejects.get(number)
        ):
            continue
        if verdict == DENIED and truth.shards[number] == killed_shard:
            denied += 1
            continue
        wrong += 1
        if len(examples) < EXAMPLES:
            examples.append(
                f"order {number}, shard {truth.shards[number]}: {_told(recording, number)}; "
                f"right: {_told(right, number)}"
            )
    if killed_shard is None:
        for key in sorted(recording.blocks.keys() | right.blocks.keys()):
            if recording.blocks.get(key) != right.blocks.get(key):
                wrong += 1
                if len(examples) < EXAMPLES:
                    examples.append(f"report on order {key[0]}: other blocks than right")
    return Judgement(len(right.verdicts) - 1 - denied, wrong, denied, checksum(recording), examples)


def checksum(recording: Recording) -> str:
    """Return a hash of all decisions and blocks, as hexadecimal digits."""
    found = hashlib.blake2b(bytes(recording.verdicts), digest_size=16)
    for number in sorted(recording.rejects):
        found.update(repr((number, recording.rejects[number])).encode())
    for report in sorted(recording.blocks):
        found.update(repr((report, recording.blocks[report])).encode())
    return found.hexdigest()


def _told(recording: Recording, number: int) -> str:
    if number in recording.rejects:
        code, _, details, policy, _ = recording.rejects[number][0]
        return f"{code} of {policy} ({details})"
    return "no decision" if recording.verdicts[number] == MISSING else "accepted"
