"""The equivalence as a state machine: hypothesis chooses the calls, and shrinks their sequence."""

from __future__ import annotations

import gc
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from generators.draw import Draw
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from sealing import link_sealed
from sequences import ACCOUNTS, Session
from sides import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable

SEEDS = st.integers(0, 2**32 - 1)


class Engines(RuleBasedStateMachine):
    """One engine and 1, 2, 3 and 5 shards; a rule is one turn of a session."""

    compared: Callable[[], Comparison] = Comparison

    def __init__(self) -> None:
        super().__init__()
        gc.disable()
        self.comparison = self.compared()
        self.session = Session(Draw("", ACCOUNTS))
        self.done = 0

    @initialize(seed=SEEDS)
    def open(self, seed: int) -> None:
        self.session = Session(Draw(str(seed), ACCOUNTS))
        self.session.open()
        self._follow()

    def _turn(self, seed: int, maker: Any) -> None:
        self.session.random.seed(seed)
        self.session.random.turn()
        maker()
        self._follow()

    def _follow(self) -> None:
        steps = self.session.steps
        while self.done < len(steps):
            assert self.comparison.step(steps[self.done]) is None
            self.done += 1

    @rule(seed=SEEDS)
    def order(self, seed: int) -> None:
        self._turn(seed, self.session.place)

    @rule(seed=SEEDS)
    def two_stages(self, seed: int) -> None:
        self._turn(seed, self.session.start)

    @rule(seed=SEEDS)
    def report(self, seed: int) -> None:
        self._turn(seed, self.session.report)

    @rule(seed=SEEDS)
    def batch(self, seed: int) -> None:
        self._turn(seed, self.session.batch if self.session.batches else self.session.place)

    @rule(seed=SEEDS)
    def reports(self, seed: int) -> None:
        session = self.session
        self._turn(seed, session.report_batch if session.batches else session.plain_report)

    @rule(seed=SEEDS)
    def adjustment(self, seed: int) -> None:
        self._turn(seed, self.session.adjust)

    @rule(seed=SEEDS)
    def administration(self, seed: int) -> None:
        self._turn(seed, self.session.administer)

    @rule(seed=SEEDS)
    def setting(self, seed: int) -> None:
        self._turn(seed, self.session.configure)

    @rule(seed=SEEDS)
    def quote(self, seed: int) -> None:
        self._turn(seed, self.session.move_market)

    @rule(seed=SEEDS)
    def time(self, seed: int) -> None:
        self._turn(seed, self.session.tick)

    @rule(seed=SEEDS)
    def forgotten_handle(self, seed: int) -> None:
        self._turn(seed, self.session.let_go)

    @rule(seed=SEEDS)
    def misuse(self, seed: int) -> None:
        self._turn(seed, self.session.misuse)

    def teardown(self) -> None:
        self.comparison.close()
        gc.enable()
        gc.collect(0)


Engines.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
TestEngines = Engines.TestCase


class SealedEngines(Engines):
    """One engine and 1 and 3 shards whose router cannot read a body."""

    compared = staticmethod(partial(Comparison, (1, 3), link_sealed))


SealedEngines.TestCase.settings = settings(Engines.TestCase.settings, max_examples=8)
TestSealedEngines = pytest.mark.one_python(SealedEngines.TestCase)
