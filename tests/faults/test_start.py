"""An engine that does not come up says why, and leaves nothing."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from fault_hosts import PROMPT
from fault_policies import Harmful
from fault_starts import (
    NEVER_PICKLED,
    DiesWhenLoaded,
    FailsInItsName,
    FailsToLoad,
    FailsWhenMade,
    HangsWhenLoaded,
    OnlyOne,
)
from fault_traces import descriptors

from openpit.errors import ShardStartError
from openpit.pretrade.policies import build_order_validation
from openpit.wire.classes import MAIN, tell

if TYPE_CHECKING:
    from pathlib import Path

    from fault_hosts import Host
    from fault_traces import Traces


def refused(host: Host, *policies: Any, **options: Any) -> str:
    """Build an engine that cannot be built; return what is said of it, on one line."""
    with pytest.raises(ShardStartError) as failed:
        host.build(build_order_validation(), *policies, **options)
    return str(failed.value).partition("\n")[0]


@pytest.mark.parametrize("name", NEVER_PICKLED)
def test_a_policy_that_cannot_be_pickled(host: Host, nothing_left: Traces, name: str) -> None:
    policy = Harmful()
    policy.extra = NEVER_PICKLED[name]()  # type: ignore[attr-defined]

    text = refused(host, policy)

    assert text.startswith("a policy cannot be copied into a worker: ")
    assert nothing_left.new_children() == {}  # no worker was even started


def test_a_policy_that_fails_to_load(host: Host) -> None:
    why = "the copy of policy FailsToLoad cannot be made: RuntimeError: no licence for this machine"
    assert refused(host, FailsToLoad()) == f"shard 0: RuntimeError: {why}"


def test_a_policy_that_fails_when_it_is_made(host: Host) -> None:
    why = "the copy of policy FailsWhenMade cannot be made: OSError: no such book"
    assert refused(host, FailsWhenMade()) == f"shard 0: RuntimeError: {why}"


def test_a_policy_that_fails_in_its_name(host: Host, nothing_left: Traces) -> None:
    # A name is read once, by the builder: a worker is told it.
    with pytest.raises(KeyError, match="name"):
        host.build(FailsInItsName())
    assert nothing_left.new_children() == {}


def test_the_traceback_of_a_policy_that_fails_to_load_is_told(host: Host) -> None:
    with pytest.raises(ShardStartError, match="in _unlicensed") as failed:
        host.build(FailsToLoad())
    assert failed.value.shard == 0


def test_a_policy_that_ends_its_worker_when_it_is_loaded(host: Host) -> None:
    text = refused(host, DiesWhenLoaded())
    assert text.startswith("shard 0: its worker ended with exit code 9")


def test_a_policy_that_never_comes_up(host: Host) -> None:
    since = time.monotonic()

    assert refused(host, HangsWhenLoaded(), start_timeout=1.0) == "shard 0: not up within 1 s"

    assert time.monotonic() - since < 1.0 + PROMPT


def test_a_policy_that_one_worker_can_load_and_the_other_cannot(host: Host, tmp_path: Path) -> None:
    # Which of the two comes first is theirs to settle; one of them is up when the other fails.
    text = refused(host, OnlyOne(str(tmp_path / "taken")))
    assert text.endswith(
        "FileExistsError: [Errno 17] File exists: " + repr(str(tmp_path / "taken"))
    )


def test_no_descriptors_for_another_worker(host: Host) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Twelve more are enough for the first worker, not for the ninth.
    taken = descriptors()
    free = [number for number in range(soft) if number not in taken]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[12], hard))
    try:
        text = refused(host, shards=9)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert re.fullmatch(
        rf"shard \d: Too many open files: this process may have {free[12]} \(RLIMIT_NOFILE\), "
        "and each shard takes 3 of them, a few more while it starts",
        text,
    )


def test_no_descriptor_at_all(host: Host) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = descriptors()
    limit = next(number for number in range(soft) if number not in taken)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        text = refused(host)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert text.startswith(f"shard 0: Too many open files: this process may have {limit} (")


def test_a_builder_is_used_up_by_a_failure(host: Host) -> None:
    # As in one process: what was registered is gone, and a second try says so.
    assert refused(host, FailsToLoad())
    host.build(Harmful(), build_order_validation())
    assert host.execute(1)


LEAN = """
import sys
from importlib import import_module

for module in sys.argv[1].split():
    import_module(module)
print(*[name for name in ("pytest", "hypothesis", "uvloop") if name in sys.modules])
"""


def test_the_classes_of_tests_that_all_workers_import_load_little() -> None:
    # Where all tests are collected, their classes that derive from orders are told to each worker.
    modules = {module for module, _ in tell() if module not in MAIN}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

    loaded = subprocess.run(
        [sys.executable, "-c", LEAN, " ".join(modules)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert loaded.stdout.split() == []
