"""The caller's process ends, however it does: no worker outlives it, and nothing is printed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from fault_programs import ASYNCIO, BLOCKING, Script
from fault_traces import eventually

from openpit.shards.worker import LAST_WORDS_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

FACES = pytest.mark.parametrize("body", [BLOCKING, ASYNCIO], ids=["blocking", "asyncio"])


@FACES
@pytest.mark.parametrize(
    ("then", "code"),
    [
        ("return", 0),
        ("sys.exit(3)", 3),
        ("global everything; everything = [engine, kept, locals()]", 0),
        ("engine.self = [engine, kept] if hasattr(engine, 'self') else None", 1),
    ],
    ids=["returns", "exits", "ends with handles in its globals", "raises"],
)
def test_the_interpreter_ends_without_close(
    tmp_path: Path, body: str, then: str, code: int
) -> None:
    with Script(tmp_path, body, then) as program:
        returned, out, err = program.end()

        assert (returned, out) == (code, "")
        if code != 1:
            assert err == ""
        program.assert_nothing_is_left()
        # The end of an engine rolls back what is open, whoever brings it about.
        assert program.journal.read_text() == "rollback-1\n"


def test_a_thread_is_in_a_call_at_the_end(tmp_path: Path) -> None:
    then = """
        call = threading.Thread(
            target=engine.execute_pre_trade, args=(an_order(1, "SLEEP"),), daemon=True
        )
        call.start()
        while not any(shard.in_flight for shard in engine.stats()):
            pass
        return
    """
    with Script(tmp_path, BLOCKING.replace("builder()", "builder(timeout=0.5)"), then) as program:
        returned, out, err = program.end()

        assert (returned, out, err) == (0, "", "")
        program.assert_nothing_is_left()


@FACES
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["KILL", "TERM"])
def test_the_caller_is_killed(tmp_path: Path, body: str, number: int) -> None:
    then = "ready(); time.sleep(60)"
    with Script(tmp_path, body, then) as program:
        program.ready()
        assert len(program.others()) == 2

        program.process.send_signal(number)

        assert program.end() == (-number, "", "")
        program.assert_nothing_is_left()
        assert program.journal.read_text() == "rollback-1\n"


def test_the_caller_is_killed_in_the_middle_of_its_calls(tmp_path: Path) -> None:
    then = """
        orders = [an_order(number) for number in range(100)]
        ready()
        while True:
            engine.execute_pre_trade_many(orders)
    """
    with Script(tmp_path, BLOCKING, then) as program:
        program.ready()

        program.process.kill()

        code, out, err = program.end()
        assert (code, out) == (-signal.SIGKILL, "")
        assert "Traceback" not in err  # a worker whose pipe ends has nothing to say
        program.assert_nothing_is_left()


def test_the_caller_is_killed_while_a_policy_does_not_return(tmp_path: Path) -> None:
    then = """
        threading.Thread(target=engine.execute_pre_trade, args=(an_order(1, "SPIN"),)).start()
        while not any(shard.in_flight for shard in engine.stats()):
            pass
        ready()
    """
    with Script(tmp_path, BLOCKING, then) as program:
        program.ready()

        program.process.kill()

        program.end()
        program.assert_nothing_is_left(LAST_WORDS_SECONDS + 5.0)


def test_the_caller_is_killed_while_it_starts_its_workers(tmp_path: Path) -> None:
    body = """
def program():
    ready()
    from fault_starts import HangsWhenLoaded
    builder().pre_trade(policy=HangsWhenLoaded()).build()
    {then}

if __name__ == "__main__":
    program()
"""
    with Script(tmp_path, body, "return") as program:
        program.ready()
        assert eventually(lambda: len(program.others()) == 2)

        program.process.kill()

        program.end()
        program.assert_nothing_is_left(LAST_WORDS_SECONDS + 5.0)


def test_a_loop_ends_before_its_engine_is_closed(tmp_path: Path) -> None:
    """asyncio.run() is over, the engine is not: it ends with the last who holds it."""
    body = """
async def program():
    engine = await builder().build_async()
    kept = (await engine.execute_pre_trade(order=an_order(1, "HOLD"))).reservation
    {then}

def pids(engine):
    return [shard.pid for shard in engine.stats()]

if __name__ == "__main__":
    engine, kept = asyncio.run(program())
    workers = pids(engine)
    del kept
    del engine
    gc.collect()
    alive = [pid for pid in workers if os.path.exists(f"/proc/{{pid}}")]
    print(alive)
"""
    with Script(tmp_path, body, "return engine, kept") as program:
        assert program.end() == (0, "[]\n", "")
        program.assert_nothing_is_left()


# --- copies of the caller ------------------------------------------------------------------------


@FACES
def test_a_copy_of_the_caller_speaks_to_no_shard(tmp_path: Path, body: str) -> None:
    ask = "await " if body is ASYNCIO else ""
    then = f"""
        if os.fork() == 0:
            try:
                {ask}engine.execute_pre_trade(order=an_order(1))
            except openpit.EngineClosed as closed:
                {ask}engine.close()
                del kept
                gc.collect()
                os._exit(42)
            os._exit(1)
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        print(bool({ask}engine.execute_pre_trade(order=an_order(2, "HOLD"))))
        {ask}kept.commit()
        {ask}engine.close()
    """
    with Script(tmp_path, body, then) as program:
        assert program.end() == (0, "42\nTrue\n", "")
        program.assert_nothing_is_left()
        assert sorted(program.journal.read_text().split()) == ["commit-1", "rollback-2"]


def test_a_copy_of_the_caller_ends_as_programs_do(tmp_path: Path) -> None:
    then = """
        import multiprocessing
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(abs, [-1, -2]), flush=True)  # or the copy prints it once more
        if os.fork() == 0:
            sys.exit(0)  # with all that the interpreter does at its end
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        print([shard.state for shard in engine.stats()])
        kept.commit()
    """
    with Script(tmp_path, BLOCKING, then) as program:
        assert program.end() == (0, "[1, 2]\n0\n['up', 'up']\n", "")
        program.assert_nothing_is_left()
        assert program.journal.read_text() == "commit-1\n"


@pytest.mark.parametrize(
    "copy", ["os.fork() or time.sleep(60)", "subprocess.Popen(['sleep', '60'])"]
)
def test_the_caller_is_killed_and_a_copy_lives_on(tmp_path: Path, copy: str) -> None:
    then = f"""
        own = set(os.listdir("/proc"))
        {copy}
        ready()
        time.sleep(60)
    """
    with Script(tmp_path, BLOCKING, then) as program:
        program.ready()
        assert eventually(lambda: len(program.others()) == 3)

        program.process.kill()

        program.process.wait()
        assert eventually(lambda: len(program.others()) == 1)
        os.kill(program.others()[0], signal.SIGKILL)
        program.assert_nothing_is_left()
        assert program.journal.read_text() == "rollback-1\n"
