"""A policy that starts helper processes, which hold whatever they are given."""

from __future__ import annotations

import os
import subprocess
from typing import Any

from openpit.pretrade import Policy

__all__ = ["Helped"]


class Helped(Policy):
    """Starts a helper for each order, in the way that its instrument names."""

    name = "Helped"

    def perform_pre_trade_check(self, ctx: Any, order: Any) -> Any:
        name = str(order.operation.instrument.underlying_asset)
        if name == "SYSTEM":
            os.system("sleep 30 >/dev/null 2>&1 &")
        elif name == "POPEN":
            subprocess.Popen(["sleep", "30"], close_fds=False, stdout=-3, stderr=-3)
        elif name == "FORK" and os.fork() == 0:
            os.execvp("sleep", ["sleep", "30"])
        elif name == "HOLDS" and os.fork() == 0:  # a copy that execs nothing
            os.popen("sleep 30").read()
            os._exit(0)
        elif name == "RETURNS":
            os.fork()  # and both go on
