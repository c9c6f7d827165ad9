"""What processor time went into and what it would take, as rows and lines of text and page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openpit.loadtest.units import microseconds, rate

if TYPE_CHECKING:
    from openpit.loadtest.cores import Cores
    from openpit.loadtest.report import Report

__all__ = ["CORES", "ROLES", "core_rows", "cores_told", "role_rows", "roles_told"]

ROLES: Final = ("", "processes", "µs per order", "share", "closed loop: µs", "share")

CORES: Final = ("orders/s", "client library", "harness", "router", "workers")


def role_rows(report: Report) -> list[list[str]]:
    """Return a row for each role, in the columns of `ROLES`."""
    full = (
        {} if report.saturation is None else {role.role: role for role in report.saturation.roles}
    )
    rows = []
    for role in report.run.roles:
        row = [role.role, str(role.processes), microseconds(role.processor), f"{role.share:.0%}"]
        other = full.get(role.role)
        if other is None:
            rows.append([*row, "-", "-"])
        else:
            rows.append([*row, microseconds(other.processor), f"{other.share:.0%}"])
    return rows


def roles_told(report: Report) -> list[str]:
    """Return what the roles are, a line for each thing."""
    if report.setting.inside:
        return [
            "engine: processor time in calls of the engine, with all their orders and reports made",
            "harness: the rest of the workers: pacing, making reports, recording; and the driver",
            *_ceiling(report),
        ]
    if not report.setting.clients:
        return []
    told = [
        "client library: processor time in calls of the engine; reports are made as they take them",
        "harness: the rest of the clients: pacing, recording; orders are made before it",
    ]
    if report.setting.server is not None:
        told.append("router, workers: with what other programs had the server do meanwhile")
    return told


def _ceiling(report: Report) -> list[str]:
    """Return what a core carries that has nothing else to do than the engine's calls."""
    for name, run in (("closed loop", report.saturation), ("run", report.run)):
        if run is not None and run.invalid is None:
            used = [role.processor for role in run.roles if role.role == "engine"]
            if used and used[0]:
                most = rate(1e9 / used[0])
                return [f"a core of nothing but the {name}'s calls of the engine: {most} orders/s"]
    return []


def core_rows(cores: Cores) -> list[list[str]]:
    """Return a row for each rate, in the columns of `CORES`."""
    rows = []
    for row in cores.rows:
        router = f"{row.router:.2f}" + (": over one router" if row.router > 1 else "")
        used = (f"{row.clients:.2f}", f"{row.harness:.2f}", router, f"{row.workers:.2f}")
        rows.append([rate(row.per_second), *used])
    return rows


def cores_told(report: Report) -> list[str]:
    """Return what the cores stand on, and how sure they are."""
    cores = report.cores
    if cores is None:
        return []
    source = "the run" if report.saturation is None else "the closed loop"
    full = f"one router is full at {rate(cores.router_per_second)} orders/s"
    sure = "how sure that is, one run does not tell: --runs 5 does"
    if cores.spread is not None:
        sure = (
            f"over {len(report.runs)} runs a role's time per order differed by up to "
            f"{cores.spread:.0%}, and so may these"
        )
    return [
        f"from {source}, with calls as large as there; {full}; {sure}",
        "cores in use: what waits for a busy one, and what cores share (memory), is not in it",
    ]
