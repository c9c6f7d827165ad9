"""Entry of the processes that a load test starts: ``child.py ROLE CONTROL_FD LANE_FDS...``.

Run by path, with nothing imported that the role does not need: a driver's workers import this
module anew. The first message on the control pipe says where modules are found, and in which folder
the reference library is, if that is what the role is to drive. The reference has the import name of
this package, so the parts that drive it are put under its name.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1]

GRAFTED: Final = ("cli", "limits", "loadtest", "wire")

ALIASES: Final = {
    "openpit.errors": "openpit.param",
    "openpit.param.amounts": "openpit.param",
    "openpit.param.ids": "openpit.param",
    "openpit.param.values": "openpit.param",
}
"""Modules of ours that the parts import, and where the reference has those names."""


def graft(reference: str) -> None:
    """Import the reference library, and put the parts that drive it under its name."""
    sys.path.insert(0, reference)
    library = importlib.import_module("openpit")
    for name in GRAFTED:
        module = ModuleType(f"openpit.{name}")
        module.__path__ = [str(PACKAGE / name)]
        sys.modules[module.__name__] = module
        setattr(library, name, module)
    for alias, name in ALIASES.items():
        sys.modules[alias] = importlib.import_module(name)


CONDUCTOR_LOOKS_SECONDS: Final = 0.5
"""How often a process looks whether the conductor is there still."""


CLEANING_SECONDS: Final = 10.0
"""How long a process that heeds SIGTERM, as a server does, may take over its end."""


def _end_with(conductor: int) -> None:
    """End this process when the conductor has gone: it may be starting workers, for long."""
    while os.getppid() == conductor:
        time.sleep(CONDUCTOR_LOOKS_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(CLEANING_SECONDS)
    os._exit(1)


def main(role: str, control_fd: str, *lane_fds: str) -> None:
    """Find the modules and play the role."""
    threading.Thread(target=_end_with, args=(os.getppid(),), name="watch", daemon=True).start()
    # ^C at a terminal goes to the whole foreground group: it is the conductor's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = Connection(int(control_fd))
    try:
        path, reference = control.recv()
    except (EOFError, ConnectionResetError):
        return  # the conductor has gone before it said anything
    sys.path[:] = path
    if reference is not None:
        graft(reference)
    module = importlib.import_module(f"openpit.loadtest.{role}")
    module.main(control, [int(fd) for fd in lane_fds])


if __name__ == "__main__":
    main(*sys.argv[1:])
