"""A program that hears no answer: python missing_program.py PATH SERVER ACCOUNT OTHER_ACCOUNT.

Both accounts are of one shard. It connects as "desk", makes calls of every kind, and stands still
once they are sent, to be killed. Its server, by its process's number, goes on only then.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from flow import account, buy, report
from makers import deposit

import openpit

__all__ = []


async def main(path: str, server: int, number: int, other: int) -> None:
    engine = await openpit.connect_async(path, name="desk")
    held = [(await engine.execute_pre_trade(buy(number, "10", price="10"))) for _ in range(3)]
    first, second, third = [one.reservation for one in held]
    assert first is not None
    assert second is not None
    assert third is not None
    os.kill(server, signal.SIGSTOP)
    tasks = [
        asyncio.create_task(one)
        for one in (
            engine.execute_pre_trade(buy(number, "20", price="10")),
            engine.execute_pre_trade(buy(number, "9999", price="10")),
            engine.apply_execution_report(report(other)),
            engine.apply_account_adjustment(account(number), [deposit("USD", "5")], key="paid"),
            first.commit(),
            engine.execute_pre_trade_many([buy(number, "30", price="10")] * 2),
            engine.apply_execution_report_many([report(other)] * 2),
            engine.commit_many([second, third]),
            engine.start_pre_trade(buy(number, "1", price="10")),
        )
    ]
    for _ in range(8):  # turns of the loop, in which calls of many go on
        await asyncio.sleep(0)
    tasks.append(asyncio.create_task(engine.accounts().block(account(number), "by hand")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    os.kill(server, signal.SIGCONT)
    os.kill(os.getpid(), signal.SIGSTOP)
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
