"""Programs that trade and are killed: python victims.py PATH FIRST_ACCOUNT KILLS SEED."""

from __future__ import annotations

import os
import random
import signal
import sys
import time

from trader import Desk, blocking

__all__ = []

LONGEST = 0.25
"""Seconds that one of them has, at most; connecting takes a hundredth."""


def main(path: str, first: str, kills: str, seed: str) -> None:
    pick = random.Random(seed)
    for kill in range(int(kills)):
        process = os.fork()
        if not process:
            blocking(path, Desk(int(first), f"{seed} {kill}"), 10**9)
            os._exit(1)
        time.sleep(pick.uniform(0, LONGEST))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
