"""The process that runs one workload with one library, a round whenever it is told to.

``-m bench.child SCRIPT WORKLOAD`` says on standard output where its ``openpit`` is, as soon as the
workload is set up; then it reads numbers of operations, a line each, and answers each with what
one operation took. ``--once COUNT`` makes so many operations and ends, to be counted from outside.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import openpit


def main() -> None:
    script, workload, *rest = sys.argv[1:]
    with importlib.import_module(f"bench.{script}").opened(workload) as running:
        if rest:
            running.run(int(rest[1]))
            return
        print(json.dumps(str(Path(openpit.__file__).parents[1])), flush=True)
        for line in sys.stdin:
            print(json.dumps(running.round(int(line))), flush=True)


if __name__ == "__main__":
    main()
