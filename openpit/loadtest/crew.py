"""The clients of a run and the server that they share: how they start, and what they did together.

The server is this run's own, or one that was there before; the conductor kills its worker where
that is asked for, and looks what its processes use.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path
from time import monotonic, monotonic_ns
from typing import TYPE_CHECKING

from openpit.loadtest.children import START_SECONDS, STUCK_SECONDS, Child, heard, next_of
from openpit.loadtest.messages import Driven, Notice, Progress, Watched
from openpit.loadtest.outcome import Outcome, of_all, recorded
from openpit.loadtest.plan import KILLED_SHARD, LEAD, SECOND
from openpit.loadtest.recording import MISSING
from openpit.loadtest.servers import processes_of
from openpit.loadtest.usage import Usage, of_process, used_between

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.loadtest.plan import Plan

__all__ = ["conduct_clients"]


def conduct_clients(
    plan: Plan, *, progress: Callable[[int], object], tell: Callable[[str], object]
) -> Outcome:
    """Run a plan with its clients from start to end; as `conduct`, which raises the same."""
    folder = None if plan.server is not None else tempfile.mkdtemp(prefix="openpit-loadtest-")
    clients: list[Child] = []
    servers: list[Child] = []
    try:
        if folder is not None:
            servers.append(Child("served", name="server"))
        clients += [Child("client", name=f"client {each}") for each in range(plan.clients)]
        for number, client in enumerate(clients):
            client.send((plan, number))  # they make their shares while the server starts
        path = plan.server or str(Path(str(folder), "socket"))
        if servers:
            servers[0].send((plan, Path(path)))
            _, serving = next_of(servers, monotonic() + START_SECONDS)
            pids = [servers[0].process.pid, *serving.workers]
        else:
            pids = processes_of(path, plan.shards)
        crew = _Crew(plan, clients, servers, pids)
        crew.start(path)
        return crew.run(progress, tell)
    finally:
        for client in clients:
            client.control.close()  # all hear of it before one is waited for
        for client in clients:
            client.end()
        for server in servers:
            server.end(by_signal=True)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


class _Crew:
    """A run's processes, and what is to be done with them at certain times."""

    def __init__(
        self, plan: Plan, clients: list[Child], servers: list[Child], pids: list[int]
    ) -> None:
        self._plan = plan
        self._clients = clients
        self._servers = servers
        self._pids = pids
        self._start = 0
        self._decided: dict[Child, int] = {}
        self._before = self._usages()
        self._warm: tuple[list[Usage], int] | None = None
        self._killed: int | None = None

    def _usages(self) -> list[Usage]:
        return [of_process(pid) for pid in self._pids]

    def _now(self) -> int:
        return monotonic_ns() - self._start

    def start(self, path: str) -> None:
        """Have the clients connect, fund their accounts, and begin together."""
        for client in self._clients:
            client.send(path)
        deadline = monotonic() + START_SECONDS
        starting = list(self._clients)
        while starting:
            client, _ = next_of([*starting, *self._servers], deadline)
            starting.remove(client)
        self._start = monotonic_ns() + LEAD
        for client in self._clients:
            client.send(self._start)
        if self._plan.in_flight is not None:
            self._warm = self._usages(), 0  # a closed loop is measured from its start

    def run(self, progress: Callable[[int], object], tell: Callable[[str], object]) -> Outcome:
        """Read messages until each client has sent its last; do what is due meanwhile."""
        last: dict[Child, Driven] = {}
        deadline = monotonic() + STUCK_SECONDS
        running = list(self._clients)
        most = 0
        while running:
            due = self._do_what_is_due()
            until = deadline if due is None else min(deadline, monotonic() + due / SECOND)
            found = heard([*running, *self._servers], until - monotonic())
            if found is None:
                if monotonic() >= deadline:
                    next_of(running, deadline)  # says who is silent
                continue
            client, message = found
            if isinstance(message, Notice):
                tell(message.text)
            elif isinstance(message, Progress):
                self._decided[client] = message.orders
            else:
                last[client] = message
                running.remove(client)
            decided = sum(self._decided.values())
            if decided > most:
                most = decided
                deadline = monotonic() + STUCK_SECONDS
                progress(decided)
        return self._outcome([last[client] for client in self._clients])

    def _do_what_is_due(self) -> int | None:
        """Look at the server after the warm-up, kill a worker; return nanoseconds to the next."""
        plan, now = self._plan, self._now()
        if self._warm is None and now >= plan.warm_up:
            self._warm = self._usages(), sum(self._decided.values())
        if plan.kill_at is not None and self._killed is None and now >= plan.kill_at:
            os.kill(self._pids[1 + KILLED_SHARD], signal.SIGKILL)
            self._killed = self._now()
        due = [] if self._warm is not None else [plan.warm_up - now]
        if plan.kill_at is not None and self._killed is None:
            due.append(plan.kill_at - now)
        return min(due, default=None)

    def _outcome(self, driven: list[Driven]) -> Outcome:
        recording, lags = recorded(self._plan, driven)
        lost: dict[int, str] = {}
        for each in driven:
            lost = each.lost | lost
        clients = [watched for each in driven for watched in each.processes]
        together = Driven(
            recording=recording,
            processes=clients,
            collected=[],
            library=driven[0].library,
            killed_at=self._killed,
            noticed_at=min((at for each in driven if (at := each.noticed_at)), default=None),
            errors=[error for each in driven for error in each.errors],
            lost=lost,
        )
        decided = len(recording.verdicts) - recording.verdicts.count(MISSING)
        return Outcome(
            driven=together,
            processes=[*of_all(clients), *self._served(decided)],
            lags=lags,
            collected={
                watched.name: each.collected for each, watched in zip(driven, clients, strict=True)
            },
        )

    def _served(self, decided: int) -> list[Watched]:
        """Return what the server's processes used; those that are not known are told as such."""
        names = ["router", *(f"worker {shard}" for shard in range(self._plan.shards))]
        warm, decided_warm = self._warm or (self._before, 0)
        nothing = Usage(None, None)
        rows: list[tuple[Usage, ...]] = list(zip(self._before, warm, self._usages(), strict=True))
        rows += [(nothing, nothing, nothing)] * (len(names) - len(rows))
        orders = max(decided - decided_warm, 1)
        return [
            Watched(name, used_between(then, now), orders, before.peak, now.peak)
            for name, (before, then, now) in zip(names, rows, strict=True)
        ]
