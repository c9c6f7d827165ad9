"""A program that pays accounts, and says after each payment what the account has. To be killed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[1:1] = [str(Path(__file__).parents[1] / "support")]

from makers import account, deposit  # noqa: E402 - found there
from trading import with_policies  # noqa: E402 - found there

import openpit  # noqa: E402 - found there


def main() -> None:
    stage = openpit.Engine.builder().sharded(2, journal=sys.argv[1])
    engine = with_policies(stage).build()
    for turn in range(100_000):
        number = turn % 4 + 1
        (outcome,) = engine.apply_account_adjustment(
            account(number), [deposit("USD", "1")]
        ).outcomes
        print(number, outcome.entry.balance.absolute.decimal, flush=True)  # noqa: T201 - to the test


if __name__ == "__main__":
    main()
