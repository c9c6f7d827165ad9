"""Programs that trade and are killed: python victims.py PATH FIRST_ACCOUNT KILLS SEED MOMENTS.

Writes down when that was.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

from trader import Desk, blocking
from waits import Waits, write_moments

__all__ = []

LONGEST = 0.25
"""Seconds that one of them has, at most; connecting takes a hundredth."""

PAUSE = 0.2
"""Seconds from a kill to the next program: whom the kill keeps waiting is told by these."""


def main(path: str, first: str, kills: str, seed: str, file: str) -> None:
    pick = random.Random(seed)
    moments = []
    for kill in range(int(kills)):
        process = os.fork()
        if not process:
            blocking(path, Desk(int(first), f"{seed} {kill}"), 10**9, Waits())
            os._exit(1)
        time.sleep(pick.uniform(0, LONGEST))
        moments.append(time.monotonic_ns())
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        time.sleep(PAUSE)
    write_moments(moments, Path(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
