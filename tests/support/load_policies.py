"""Custom policies for load tests; drivers and workers import them by their names."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING

import multiprocess

from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode, RejectScope
from openpit.slots import slot_of, spread_slots

if TYPE_CHECKING:
    from openpit import ExecutionReport, Order
    from openpit.pretrade import Context, PostTradeContext, PostTradeResult

REFUSED = [PolicyReject(RejectCode.OTHER, "refused", "refused by a test", RejectScope.ORDER)]


LET_GO = threading.Event()


def is_worker() -> bool:
    """Tell whether this process is a shard's."""
    return str(multiprocess.current_process().name).startswith("openpit-shard")


class RefusesAll(Policy):
    """Refuses every order."""

    @property
    def name(self) -> str:
        return "RefusesAll"

    def perform_pre_trade_check(self, ctx: Context, order: Order) -> PolicyDecision:
        return PolicyDecision.reject(REFUSED)


class Liar(Policy):
    """Refuses the first order of a worker, and so decides otherwise than an engine elsewhere."""

    def __init__(self) -> None:
        self._has_lied = False

    @property
    def name(self) -> str:
        return "Liar"

    def perform_pre_trade_check(self, ctx: Context, order: Order) -> PolicyDecision:
        if is_worker() and not self._has_lied:
            self._has_lied = True
            return PolicyDecision.reject(REFUSED)
        return PolicyDecision.accept()


class SleepsOnce(Policy):
    """Sleeps for two seconds over one order of shard 0 (of two), after a hundred others."""

    AFTER = 100

    def __init__(self) -> None:
        self._orders = 0

    @property
    def name(self) -> str:
        return "SleepsOnce"

    def perform_pre_trade_check(self, ctx: Context, order: Order) -> PolicyDecision:
        if is_worker() and spread_slots(2)[slot_of(order.operation.account_id.value)] == 0:
            self._orders += 1
            if self._orders == self.AFTER:
                time.sleep(2.0)
        return PolicyDecision.accept()


class Raises(Policy):
    """Has a bug."""

    @property
    def name(self) -> str:
        return "Raises"

    def perform_pre_trade_check(self, ctx: Context, order: Order) -> PolicyDecision:
        raise ZeroDivisionError("a bug")


class RaisesInWorkers(Raises):
    """Has a bug that shows in workers alone."""

    def perform_pre_trade_check(self, ctx: Context, order: Order) -> PolicyDecision:
        if is_worker():
            raise ZeroDivisionError("a bug")
        return PolicyDecision.accept()


class CannotTravel(RefusesAll):
    """Cannot be copied into a worker."""

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("not to be copied")


class EndsItsProcess(RefusesAll):
    """Takes the process with it that makes it."""

    def __init__(self) -> None:
        os._exit(7)


class _Stuck(Policy):
    """Lets some orders pass, and then is stuck over each one."""

    AFTER = 20

    def __init__(self) -> None:
        self._orders = 0

    @property
    def name(self) -> str:
        return type(self).__name__

    def perform_pre_trade_check(self, ctx: Context, order: Order) -> PolicyDecision:
        self._orders += 1
        if self._orders > self.AFTER:
            self.be_stuck(order.operation.account_id.value)
        return PolicyDecision.accept()

    def be_stuck(self, account: int) -> None:
        """Do what does not end."""
        raise NotImplementedError


class SleepsForEver(_Stuck):
    """Waits for what never comes, wherever it is asked."""

    def be_stuck(self, account: int) -> None:
        time.sleep(3_600)


class SpinsForEver(_Stuck):
    """Has a loop without an end, wherever it is asked."""

    def be_stuck(self, account: int) -> None:
        while True:
            pass


class Stops(_Stuck):
    """Stops the worker of shard 0 (of two), as `kill -STOP` does."""

    SIGNAL = signal.SIGSTOP

    def be_stuck(self, account: int) -> None:
        if is_worker() and spread_slots(2)[slot_of(account)] == 0:
            os.kill(os.getpid(), self.SIGNAL)


class StopsAtOnce(Stops):
    """Stops it over its first order."""

    AFTER = 0


class Dies(Stops):
    """Kills it."""

    SIGNAL = signal.SIGKILL


class StuckInReports(_Stuck):
    """Decides every order, and never returns from a report."""

    def be_stuck(self, account: int) -> None:
        """Orders are none of its business."""

    def apply_execution_report(
        self, ctx: PostTradeContext, report: ExecutionReport
    ) -> PostTradeResult | None:
        time.sleep(3_600)
        return None


class StuckElsewhere(Policy):
    """Waits for LET_GO in any process but a worker."""

    @property
    def name(self) -> str:
        return "StuckElsewhere"

    def perform_pre_trade_check(self, ctx: Context, order: Order) -> PolicyDecision:
        if not is_worker():
            LET_GO.wait()
        return PolicyDecision.accept()
