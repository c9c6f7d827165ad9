"""A program whose files may not grow beyond a size: it pays an account until its shard stops."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

sys.path[1:1] = [str(Path(__file__).parents[1] / "support")]

from makers import account, deposit  # noqa: E402 - found there

import openpit  # noqa: E402 - found there
from openpit.pretrade.policies import build_spot_funds  # noqa: E402 - found there


def main() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
    stage = openpit.Engine.builder().sharded(1, journal=sys.argv[1])
    engine = stage.builtin(build_spot_funds()).build()
    acknowledged = 0
    try:
        for _ in range(1_000):
            engine.apply_account_adjustment(account(1), [deposit("USD", "1")])
            acknowledged += 1
    except openpit.ShardedEngineError:
        pass
    print(json.dumps({"acknowledged": acknowledged, "why": engine.stats()[0].why}))  # noqa: T201 - to the test
    engine.close()


if __name__ == "__main__":
    main()
