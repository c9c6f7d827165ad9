"""The server's process of a load test: what `openpit serve` runs, with a plan's policies."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any, Final

import openpit
from openpit.cli.exits import Exit, ExitError
from openpit.cli.serving import Ending, clock_of, serve
from openpit.limits.reading import Policies, loads
from openpit.limits.tables import ConfigError
from openpit.loadtest.messages import Failed, Serving
from openpit.loadtest.targets import custom_policies
from openpit.server.limits import Limits
from openpit.wire.roles import Role

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from openpit.loadtest.plan import Plan

__all__ = ["main"]

DRAIN_SECONDS: Final = 1.0
"""For what is in flight at the end: the clients have gone by then."""


def main(control: Connection, _: list[int]) -> None:
    """Play the server until SIGTERM, which also comes when the conductor has gone."""
    # What is logged of its shards is told by a client, with the time in the run.
    logging.getLogger("openpit").addHandler(logging.NullHandler())
    try:
        plan, path = control.recv()
        failed = _serve(plan, path, control)
        if failed is not None:
            control.send(failed)
    except (ConnectionError, EOFError):
        return


def _serve(plan: Plan, path: Path, control: Connection) -> Failed | None:
    try:
        policies = loads(plan.policies) if plan.policies else Policies({}, None, None)
        clock = clock_of(client_time=plan.has_client_time)
        builder = openpit.Engine.builder().clock(clock)
        stage: Any = policies.add_to(builder.sharded(shards=plan.shards))
        for policy in custom_policies(plan):
            stage = stage.pre_trade(policy=policy)
        start = stage._plan()  # noqa: SLF001 - as in `openpit serve`
        users = {os.getuid(): int(Role.ADMIN)}
        ending = _Announced(path, control)
        serve(start, policies, Limits(), users, ending, client_time=plan.has_client_time)
    except ConfigError as error:
        return Failed(str(error))
    except ExitError as error:
        if error.code in {Exit.INTERRUPTED, Exit.SHARD_DIED}:
            return None  # asked for; and clients have told which one and when
        return Failed(f"the server: {error.message}", is_config=error.code is Exit.BAD_CONFIG)
    except Exception as error:  # noqa: BLE001 - of the engine's start: the conductor tells it
        return Failed(f"the server: {type(error).__name__}: {error}", is_config=False)
    return None


class _Announced(Ending):
    """Tells the conductor, and nobody else, that the server listens."""

    def __init__(self, path: Path, control: Connection) -> None:
        super().__init__(path, DRAIN_SECONDS, None, None)
        self._control = control

    def announce(self, engine: Any) -> None:
        """Say that the server listens, and what its workers are."""
        self._control.send(Serving([stats.pid for stats in engine.stats()]))
