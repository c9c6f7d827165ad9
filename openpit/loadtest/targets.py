"""Engines to be driven: built from a plan's policies, and ready to decide."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import openpit
from openpit.limits.reading import loads
from openpit.limits.tables import ConfigError
from openpit.loadtest.busy import BusyPolicy
from openpit.loadtest.plan import Target
from openpit.param import AccountId
from openpit.pretrade import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.loadtest.plan import Plan

__all__ = ["build", "check", "custom_policies", "outside"]


def custom_policies(plan: Plan) -> list[Any]:
    """Return new instances of the plan's policies that are written in Python.

    Raises:
        ConfigError: there is no such module or name, or it does not make a policy.
    """
    policies: list[Any] = []
    if plan.busy_microseconds:
        policies.append(BusyPolicy(plan.busy_microseconds))
    for spec in plan.custom:
        module, _, name = spec.partition(":")
        try:
            policy = getattr(importlib.import_module(module), name)()
        except (Exception, SystemExit) as error:
            # Whatever a user's module raises; the cause is chained.
            raise ConfigError(f"policy {spec}: {type(error).__name__}: {error}") from error
        if not isinstance(policy, Policy):
            raise ConfigError(f"policy {spec}: made a {type(policy).__name__}, which is no policy")
        policies.append(policy)
    return policies


def check(plan: Plan) -> None:
    """Make an engine with the plan's policies in this process, and leave it: they can be made.

    Raises:
        ConfigError: a policy cannot work with its settings, or cannot be made.
    """
    stage: Any = openpit.Engine.builder().no_sync()
    if plan.policies:
        stage = loads(plan.policies).add_to(stage)
    for policy in custom_policies(plan):
        stage = stage.pre_trade(policy=policy)
    try:
        stage.build()
    except Exception as error:
        # What an engine says of policies that do not go together; the cause is chained.
        raise ConfigError(f"policies: {type(error).__name__}: {error}") from error


def outside(plan: Plan) -> Callable[[int], bool] | None:
    """Return what tells the accounts that may start outside their bounds; None: none does.

    Raises:
        ConfigError: the policies cannot be read.
    """
    starts = loads(plan.policies).starts if plan.policies else None
    if starts is None:
        return None
    currency = plan.workload.currency
    return lambda account: starts.may_be_outside(AccountId.from_int(account), currency)


def build(
    plan: Plan,
    clock: Callable[[], int],
    *,
    on_shard_down: Callable[[Any], object] | None = None,
    actor: tuple[str, Callable[[Any, int], Any]] | None = None,
) -> Any:
    """Return an engine with the plan's policies; it reads that clock, the reference its own.

    ``actor`` is the name and the factory of one that its workers are to have.

    Raises:
        ConfigError: a policy cannot work with its settings, or cannot be made.
    """
    stage: Any = openpit.Engine.builder()
    if plan.target is Target.REFERENCE:
        stage = stage.no_sync()
    elif plan.target is Target.IN_PROCESS:
        stage = stage.clock(clock).no_sync()
    else:
        stage = stage.clock(clock).sharded(shards=plan.shards, on_shard_down=on_shard_down)
    policies = loads(plan.policies) if plan.policies else None
    if policies is not None:
        stage = policies.add_to(stage)
    for policy in custom_policies(plan):
        stage = stage.pre_trade(policy=policy)
    if actor is not None:
        stage = stage.actor(*actor)
    engine = stage.build()
    try:
        if policies is not None:
            policies.prepare(engine)
    except BaseException:
        if plan.target is Target.SHARDED:
            engine.close()
        raise
    return engine
