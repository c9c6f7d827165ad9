"""Makes the modules of support/ importable, here and in the worker processes of tests."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "support"))

# A deadline would measure how busy the machine is, and fail where nothing is wrong.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# A policy of a test's own goes to its shard by its module's name, which has to lead there.
sys.path.append(str(Path(__file__).parents[1]))

# Programs that tests start inherit what is ignored here, as under nohup or in the background,
# and would not end by what is sent to them. A handler is not inherited, and keeps this one alive.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Keep what is there by now out of the collector's way: thousands of tests, which all stay.

    Each test of faults has it look at everything, twice.
    """
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """Say what ``-n auto`` is: one more than the cores, since tests of faults mostly wait."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    return cores + 1
