"""What `openpit loadtest` is asked for, from its options: everything is checked before any work."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.extra import loaded
from openpit.cli.inputs import text_of, told
from openpit.cli.named import find_modules_here
from openpit.cli.streams import is_stream, one_stream
from openpit.limits.tables import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from openpit.cli.invocation import Invocation
    from openpit.loadtest.plan import Plan
    from openpit.loadtest.session import LoadRequest

__all__ = ["NAMED", "RATE", "request_of"]

NAMED = ("simple", "spot-funds")
"""Sets of policies that ``--config`` takes by their names."""

RATE = 5000.0
"""Orders per second: with generator, router and two workers on two cores, each is idle for more
than half of the time, so that the report is about the engine and not about waiting for a core."""


def request_of(options: dict[str, Any], invocation: Invocation) -> LoadRequest:
    """Return what the options ask for; policies and workload are loaded.

    Raises:
        UsageError: the options contradict each other.
        ConfigError: the configuration or the workload is wrong, or a policy cannot be made.
        ExitError: a file cannot be read, or the reference is not there.
    """
    one_stream("stdin", {"--config": Path(options["config"]), "--workload": options["workload"]})
    plans = loaded("openpit.loadtest.plan")
    rate = options["rate"] or RATE
    duration = options["duration"]
    warm_up = duration / 5 if options["warm_up"] is None else options["warm_up"]
    if not 1 <= round(min(rate * duration, plans.MAX_ORDERS + 1)) <= plans.MAX_ORDERS:
        raise click.UsageError(
            f"{rate:g} orders/s for {duration:g} s: one run has 1 to {plans.MAX_ORDERS:,} orders"
        )
    orders = round(rate * duration)
    if warm_up >= duration:
        raise click.UsageError("--warm-up must be less than --duration")
    _check_inside(options)
    clients, server = _driven_by(options)
    only, shards = options["only_shard"], server.shards if server else options["shards"]
    if only is not None and only >= shards:
        raise click.UsageError(f"--only-shard {only}: there are shards 0 to {shards - 1}")
    kill = options["kill_worker_at"]
    if options["in_flight"] is not None and (options["ladder"] or kill is not None):
        raise click.UsageError("--in-flight goes with neither --ladder nor --kill-worker-at")
    if kill is not None and kill >= duration:
        raise click.UsageError("--kill-worker-at must be less than --duration")
    name, policies = _policies(options["config"])
    if server is not None:
        name, policies = f"policies of the server at {server.path}", ""
    custom = options["custom"]
    for policy in custom:
        if not all(policy.partition(":")):
            raise click.UsageError(f"--policy {policy}: MODULE:NAME is expected")
    if custom:
        find_modules_here()
    if options["busy_policy"]:
        name += f" and a custom policy of {options['busy_policy']:g} µs"
    if custom:
        name += f" and {', '.join(custom)}"
    plan = plans.Plan(
        workload=_workload(options["workload"], options["accounts"]),
        seed=options["seed"],
        rate=rate,
        orders=orders,
        warm_up=round(warm_up * plans.SECOND),
        shards=shards,
        policies=policies,
        custom=custom,
        busy_microseconds=options["busy_policy"],
        in_flight=options["in_flight"],
        account_skew=options["account_skew"],
        only_shard=only,
        kill_at=None if kill is None else round(kill * plans.SECOND),
        lag_limit=round(options["lag_limit"] * 1_000_000),
        stall=round((options["stall_generator"] or 0) * plans.SECOND),
        clients=clients,
        server=None if server is None else server.path,
        inside=options["inside"],
    )
    _check_limits(plan, options)
    with redirect_stdout(sys.stderr):  # what a module prints is no part of the report
        loaded("openpit.loadtest.targets").check(plan)
    baselines = tuple(dict.fromkeys(map(plans.Target, options["baselines"])))
    request: LoadRequest = loaded("openpit.loadtest.session").LoadRequest(
        plan=plan,
        policies=name,
        baselines=baselines,
        reference=_reference(options["reference"]) if plans.Target.REFERENCE in baselines else None,
        has_ladder=options["ladder"],
        has_saturation=options["saturation"],
        step_seconds=options["ladder_seconds"],
        max_steps=options["ladder_steps"],
        requirements=_requirements(options["requirements"]),
        runs=options["runs"],
        rates=tuple(sorted(set(options["cores_for"]))) or None,
        invocation=invocation,
    )
    return request


MAX_INSIDE_IN_FLIGHT = 1024
"""Orders that a worker which drives itself takes at a time: meanwhile it answers nothing."""


def _check_inside(options: dict[str, Any]) -> None:
    """Raise UsageError for what an actor inside the workers cannot do."""
    if not options["inside"]:
        return
    for option, (name, why) in _OUTSIDE.items():
        if options[name]:
            raise click.UsageError(f"{option} does not go with --inside: {why}")
    if (options["in_flight"] or 0) > MAX_INSIDE_IN_FLIGHT:
        raise click.UsageError(
            f"--in-flight {options['in_flight']}: with --inside {MAX_INSIDE_IN_FLIGHT:,} at most, "
            "for a worker that takes them answers nothing meanwhile"
        )


_OUTSIDE = {
    "--clients": ("clients", "either processes outside drive, or the workers themselves"),
    "--server": ("server", "an actor cannot be put into workers that run already"),
    "--kill-worker-at": ("kill_worker_at", "what its worker has recorded would die with it"),
    "--cores-for": ("cores_for", "the router takes no part, so what it needs is not known"),
}
"""What does not go with an actor inside the workers, and why."""


def _check_limits(plan: Plan, options: dict[str, Any]) -> None:
    """Raise UsageError for a limit that workers which drive themselves cannot count for."""
    if not plan.inside or not plan.policies:
        return
    orders = loaded("openpit.loadtest.plan").MAX_ORDERS if options["ladder"] else plan.orders
    if options["saturation"] and plan.in_flight is None:
        orders = max(orders, loaded("openpit.loadtest.session").SATURATION_ORDERS)
    if loaded("openpit.loadtest.policies").binds_across_accounts(plan.policies, orders):
        raise click.UsageError(
            f"--inside: a rate limit over all accounts could bind within {orders:,} orders; only "
            "the router counts for all shards, and it takes no part"
        )


def _driven_by(options: dict[str, Any]) -> tuple[int, Any]:
    """Return how many clients drive, 0 if a driver does, and the server that is there, if it is.

    Raises:
        UsageError: the options contradict each other.
        ExitError: the server is not there, or does not take orders from this user.
    """
    path, clients = options["server"], options["clients"] or 0
    if options["cores_for"] and not (path or clients):
        raise click.UsageError("--cores-for goes with --clients or --server")
    if path is None:
        return clients, None
    for option, (name, why) in _OWN.items():
        source = click.get_current_context().get_parameter_source(name)
        if options[name] and source is not click.core.ParameterSource.DEFAULT:
            raise click.UsageError(f"{option} does not go with --server: {why}")
    errors = loaded("openpit.errors")
    try:
        return clients or 1, loaded("openpit.loadtest.servers").checked_server(str(path))
    except (errors.ServerRefused, errors.NotPermitted) as error:
        raise ExitError(Exit.REFUSED, str(error)) from None


_OWN = {
    "--shards": ("shards", "it has its shards"),
    "--config": ("config", "it has its policies"),
    "--policy": ("custom", "it has its policies"),
    "--busy-policy": ("busy_policy", "it has its policies"),
    "--kill-worker-at": ("kill_worker_at", "its workers are not this test's to kill"),
    "--baseline": ("baselines", "its policies, which another engine would need, are not known"),
}
"""What a running server settles, and why the option cannot."""


def _policies(config: str) -> tuple[str, str]:
    """Return what the report calls the policies, and their TOML text, checked."""
    named: dict[str, str] = loaded("openpit.loadtest.policies").POLICIES
    if config in named:
        return f"{config} policies", named[config]
    path = Path(config)
    if not is_stream(path) and not path.exists():
        raise ExitError(
            Exit.IO_FAILED,
            f"cannot read {path}: No such file or directory "
            f"(--config takes {', '.join(named)} or a file)",
        )
    text = _read(path, loaded("openpit.limits.reading").loads)
    return f"policies of {'stdin' if is_stream(path) else path.name}", text


def _workload(path: Path | None, accounts: int | None) -> Any:
    load = partial(loaded("openpit.loadtest.workload").load_workload, accounts=accounts)
    return load("") if path is None else load(_read(path, load))


def _read(path: Path, check: Callable[[str], object]) -> str:
    """Return a text that a check takes; what is wrong with it is told with the file's name."""
    try:
        text = text_of(path)
        check(text)
    except ConfigError as error:
        raise ConfigError(f"{told(path)}: {error}") from None
    return text


def _requirements(texts: tuple[str, ...]) -> list[Any]:
    parse = loaded("openpit.loadtest.requirements").parse_requirement
    try:
        return [parse(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--require") from None


def _reference(folder: Path | None) -> Path:
    found = folder or Path(os.environ.get("OPENPIT_REFERENCE") or Path("build", "reference"))
    if not (found / "openpit").is_dir():
        raise ExitError(
            Exit.NOT_FOUND,
            f"there is no reference library in {found}: `make reference` puts it into "
            "build/reference, and --reference names another folder",
        )
    return found.resolve()
