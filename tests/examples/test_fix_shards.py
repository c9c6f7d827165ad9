"""The FIX gateway in workers: the same bytes at any number of shards, and as one engine gives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gateway_alone import FUNDS, Desk, answers_in, fix, placed, reported
from test_fix_hostile import FUNDS as HOSTILE_FUNDS
from test_fix_hostile import stream

import openpit
from fix_gateway.actor import Gateway
from fix_gateway.desk import engine_of, pay_in, read_funds
from fix_gateway.frames import GarbledError, cut, header_of
from fix_gateway.sample import day
from fix_gateway.session import ACTOR, Session
from openpit.param import AccountId
from openpit.pretrade import Policy, policies

if TYPE_CHECKING:
    from openpit.pretrade import Context, PolicyDecision

EXAMPLES = Path(__file__).parents[2] / "examples"
SAMPLE = EXAMPLES / "fix_gateway" / "sample.fix"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "fix_gateway", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        cwd=EXAMPLES,
    )


def whole(messages: list[bytes]) -> list[bytes]:
    """Return the messages that are not garbled."""
    kept = []
    for message in messages:
        try:
            header_of(message)
        except GarbledError:
            continue
        kept.append(message)
    return kept


def test_the_sample_is_what_its_script_writes(tmp_path: Path) -> None:
    assert SAMPLE.read_bytes() == day(seed=7, orders=45)


def test_the_script_answers_the_same_at_any_number_of_shards(tmp_path: Path) -> None:
    alone = Desk(read_funds(EXAMPLES / "fix_gateway" / "funds.csv"))
    messages = [each for _, each in cut(SAMPLE.read_bytes()) if isinstance(each, bytes)]
    expected = b"".join(Session(alone).handle(messages))

    for shards in ("1", "4"):
        out = tmp_path / f"answers-{shards}.fix"
        ended = run(str(SAMPLE), "--shards", shards, "--out", str(out))

        assert (ended.returncode, ended.stdout) == (0, "")
        garbled, told = ended.stderr.splitlines()
        assert garbled.startswith("sample.fix: byte 12432: CheckSum (10) is ")
        assert told == f"{len(messages)} messages on {shards} shards, 4 of them without an answer"
        assert out.read_bytes() == expected
    # A number for each message to each of the four who get them, with none left out.
    for name in ("ALPHA", "BETA", "GAMMA", "VENUE"):
        numbers = [int(each[34]) for each in answers_in(expected) if each[56] == name]
        assert numbers == [*range(1, len(numbers) + 1)]
        assert len(numbers) > 20


@pytest.mark.parametrize("shards", [1, 4])
def test_hostile_messages_have_the_same_answers(shards: int) -> None:
    messages = whole([*stream(seed=11, count=40)])
    expected = Session(Desk(HOSTILE_FUNDS)).handle(messages)

    with engine_of(shards) as engine:
        pay_in(engine, HOSTILE_FUNDS)
        assert Session(engine).handle(messages) == expected


class FragilePolicy(Policy):
    """Breaks at one symbol."""

    @property
    def name(self) -> str:
        return "FragilePolicy"

    def perform_pre_trade_check(self, ctx: Context, order: openpit.Order) -> PolicyDecision:
        operation = order.operation
        assert operation is not None
        if operation.instrument.underlying_asset == "BAD":
            raise LookupError("no such sector")
        return openpit.pretrade.PolicyDecision.accept()


def test_an_order_that_breaks_a_policy_is_answered_and_the_others_go_on() -> None:
    builder = openpit.Engine.builder().sharded(shards=2).builtin(policies.build_spot_funds())
    with builder.pre_trade(FragilePolicy()).actor(ACTOR, Gateway).build() as engine:
        pay_in(engine, FUNDS)
        asked = [placed("C1"), placed("C2", "55=BAD|38=1"), placed("C2", "1=B2"), reported("0")]
        first, broken, other, new = map(answers_in, Session(engine).handle([*map(fix, asked)]))
        (again,) = map(answers_in, Session(engine).handle([fix(placed("C2", "38=1"))]))

    assert [answer[35] for answer in first] == ["D", "8"]
    assert [(answer[35], answer[56], answer[380], answer[58]) for answer in broken] == [
        ("j", "ALPHA", "4", "LookupError: no such sector")
    ]
    assert [answer[35] for answer in other] == ["D", "8"]
    assert [answer[150] for answer in new] == ["0"]
    # The id was not used up by it.
    assert [answer[35] for answer in again] == ["D", "8"]


def test_an_account_that_is_missing_or_comes_twice_is_told_without_the_actor() -> None:
    desk = Desk()
    missing, twice, nobodys = (
        answers_in(answer)
        for answer in Session(desk).handle(
            [
                fix(placed(left_out=[1])),
                fix(placed() + "|1=B2"),
                # A text that looks like the field, in a data field: only the actor sees it.
                fix(placed(left_out=[1]) + "|95=6|96=a\x011=A1"),
            ]
        )
    )

    assert [(each[35], each[380]) for each in missing] == [("j", "5")]
    assert [(each[35], each[373], each[371]) for each in twice] == [("3", "13", "1")]
    assert [(each[35], each[380]) for each in nobodys] == [("j", "5")]
    assert desk.alone.calls == 0


def test_files_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    funds = tmp_path / "funds.csv"
    funds.write_text("A1,USD\n")

    assert run("missing.fix").stderr == "missing.fix: No such file or directory\n"
    assert run(str(SAMPLE), "--funds", str(funds)).stderr == (
        "funds.csv:1: not ACCOUNT,ASSET,AMOUNT\n"
    )


def test_a_shard_that_is_gone_is_told_and_costs_only_its_own_accounts() -> None:
    with engine_of(2) as engine:
        shards = {name: engine.shard_of(AccountId.from_string(name)) for name in "ABCDEFGH"}
        ours, theirs = (
            next(name for name, at in shards.items() if at == shard) for shard in (0, 1)
        )
        pay_in(engine, [(name, "USD", "10000") for name in shards])
        pid = engine.stats()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        asked = [fix(placed("C1", f"1={name}")) for name in (ours, theirs)]
        gone, there = map(answers_in, Session(engine).handle(asked))

    assert [(answer[35], answer[56], answer[380]) for answer in gone] == [("j", "ALPHA", "4")]
    assert [answer[35] for answer in there] == ["D", "8"]
