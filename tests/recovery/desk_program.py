"""A program with an engine on a journal, which does what it is told on stdin. To be killed.

Its first line says what it has come back with; then there is one line for each that it reads.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path[1:1] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parent)]

from desk_calls import held_again, perform, picture, policies  # noqa: E402 - found there

import openpit  # noqa: E402 - found there


def main() -> None:
    directory, shards, sync = sys.argv[1:]
    stage = openpit.Engine.builder().sharded(int(shards), journal=directory, sync=sync)
    engine = policies(stage).build()
    held = held_again(engine)
    say({"open": sorted(held), "picture": picture(engine)})
    for line in sys.stdin:
        say(perform(engine, held, json.loads(line)))
    held.clear()
    engine.close()


def say(what: Any) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 - to the test


if __name__ == "__main__":
    main()
