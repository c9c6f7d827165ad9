"""Programs with policies of their own, started in every way that Python has."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from fault_traces import eventually, is_alive

if TYPE_CHECKING:
    from pathlib import Path

HOUSE = """
import contextvars, enum, os, sqlite3
class Venue(enum.Flag):
    XNAS = 1
    ARCX = 2
TRACE = contextvars.ContextVar("trace")
BOOK = sqlite3.connect(":memory:")
OWNER = os.getpid()
TABLE = list(range(3_000_000))
"""

PROGRAM = """
import dataclasses, enum, os, sys
from typing import NamedTuple
import house, openpit
from openpit.param import AccountId, Price, Side, TradeAmount
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

class Mood(enum.Enum):
    CALM = 1
    WILD = 2

@dataclasses.dataclass
class Settings:
    mood: Mood
    limit: int = 3

class Leg(NamedTuple):
    symbol: str
    venue: house.Venue

BANNED = {"banned"}

class Ticket(openpit.Order):
    pass

def is_banned(order):
    return isinstance(order, Ticket) and order.desk in BANNED

class Desk(Policy):
    name = "Desk"
    def __init__(self, settings):
        self.settings = settings
        self.out = sys.stdout
    def perform_pre_trade_check(self, ctx, order):
        assert house.OWNER == os.getpid() and len(house.TABLE) == 3_000_000
        assert self.settings.mood is Mood.CALM
        assert [field.name for field in dataclasses.fields(Settings)] == ["mood", "limit"]
        if isinstance(order, Ticket):
            assert order.mood is Mood.WILD and order.tag == Settings(Mood.CALM, 9)
            assert order.leg.symbol == "AAPL" and order.leg.venue is house.Venue(3)
        if is_banned(order) or order.operation.account_id.value > self.settings.limit:
            reject = PolicyReject(code=RejectCode.OTHER, reason="no", details=type(order).__name__)
            return PolicyDecision.reject([reject])
        return PolicyDecision.accept()

def order(kind, account):
    return kind(operation=openpit.OrderOperation(
        instrument=openpit.Instrument("AAPL", "USD"), account_id=AccountId.from_int(account),
        side=Side.BUY, trade_amount=TradeAmount.quantity(1), price=Price(1)))

def ticket(desk):
    made = order(Ticket, 1)
    made.desk, made.mood, made.tag = desk, Mood.WILD, Settings(Mood.CALM, 9)
    made.leg = Leg("AAPL", house.Venue.XNAS | house.Venue.ARCX)
    return made

def main():
    stage = openpit.Engine.builder().sharded(shards=1).pre_trade(policy=Desk(Settings(Mood.CALM)))
    with stage.build() as engine:
        plain = [order(openpit.Order, account) for account in (3, 4)]
        for asked in (*plain, ticket("banned"), ticket("open")):
            print([reject.details for reject in engine.execute_pre_trade(order=asked).rejects])

if __name__ == "__main__":
    main()
"""

ANSWERS = "[]\n['Order']\n['Ticket']\n[]\n"


def run(folder: Path, *command: str, text: str = "") -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, *command],
        input=text,
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        timeout=120,
        check=False,
    )
    return done.stdout, done.stderr


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "house.py").write_text(HOUSE)
    (tmp_path / "program.py").write_text(PROGRAM)
    package = tmp_path / "firm"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "__main__.py").write_text(PROGRAM)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [("program.py",), ("-m", "program"), ("-m", "firm"), ("-c", PROGRAM)],
    ids=["script", "module", "package", "command"],
)
def test_a_program_is_answered_as_by_one_engine(desk: Path, command: tuple[str, ...]) -> None:
    assert run(desk, *command)[0] == ANSWERS


def test_a_program_on_standard_input(desk: Path) -> None:
    assert run(desk, "-", text=PROGRAM)[0] == ANSWERS


def test_a_program_whose_working_directory_is_deleted(desk: Path) -> None:
    gone = desk / "gone"
    gone.mkdir()
    leaves = f"import os, runpy; os.rmdir({str(gone)!r}); os.execv({sys.executable!r}, "
    leaves += f"[{sys.executable!r}, {str(desk / 'program.py')!r}])"

    assert run(desk, "-c", f"import os; os.chdir({str(gone)!r}); {leaves}")[0] == ANSWERS
    assert not gone.exists()


def test_a_class_that_only_the_guard_defines_is_refused_by_name(desk: Path) -> None:
    head, guard = PROGRAM.split('if __name__ == "__main__":')
    late = f'{head}if __name__ == "__main__":\n    class Late(Desk):\n        pass\n'
    late += f"    Desk = Late{guard}"
    (desk / "program.py").write_text(late)

    out, error = run(desk, "program.py")

    assert out == ""
    assert "the main module does not define Late when a worker imports it" in error


def test_a_value_s_class_that_only_the_guard_defines_is_refused_before_sending(desk: Path) -> None:
    head, guard = PROGRAM.split('if __name__ == "__main__":')
    late = head.replace(
        "    with stage.build() as engine:\n",
        "    with stage.build() as engine:\n"
        "        late = ticket('open')\n"
        "        late.mood = Late.ONE\n"
        "        try:\n"
        "            engine.execute_pre_trade(order=late)\n"
        "        except TypeError as error:\n"
        "            print(error)\n",
    )
    late += 'if __name__ == "__main__":\n    class Late(enum.Enum):\n        ONE = 1\n'
    (desk / "program.py").write_text(late + guard)

    first, rest = run(desk, "program.py")[0].split("\n", 1)

    assert first == (
        "attribute 'mood' of Ticket: __main__.Late cannot travel to a shard: the workers do not "
        "have it; define or import it, before build(), at the top of a module that defines a "
        "policy or the class of an order"
    )
    assert rest == ANSWERS


def test_an_order_class_that_comes_after_the_engine_is_refused_before_sending(desk: Path) -> None:
    late = PROGRAM.replace(
        "    with stage.build() as engine:\n",
        "    with stage.build() as engine:\n"
        "        exec('class Late(openpit.Order): desk = 1', globals())\n"
        "        late = order(Late, 1)\n"
        "        late.note = 'x'\n"
        "        engine.execute_pre_trade(order=late)\n",
    )
    (desk / "program.py").write_text(late)

    out, error = run(desk, "program.py")

    assert out == ""
    assert "TypeError: __main__.Late cannot travel to a shard: the engine was built before" in error


TWO_ENGINES = """
import sys, types
import openpit
from openpit.pretrade import Policy, PolicyDecision
from desks import order

class Desk(Policy):
    name = "Desk"
    def perform_pre_trade_check(self, ctx, order):
        return PolicyDecision.accept()

def stage():
    return openpit.Engine.builder().sharded(shards=1).pre_trade(policy=Desk())

if __name__ == "__main__":
    with stage().build() as early:
        import late
        with stage().build() as later:
            print(bool(later.execute_pre_trade(order=order(late.Late))))
            for kinds in ((late.Late, openpit.OrderOperation), (openpit.Order, late.Operation)):
                try:
                    early.execute_pre_trade(order=order(*kinds))
                except TypeError as error:
                    print(error)
            print(bool(early.execute_pre_trade(order=order(openpit.Order))))
"""

DESKS = """
import openpit
from openpit.param import AccountId, Price, Side, TradeAmount

def order(kind, operation=openpit.OrderOperation):
    return kind(operation=operation(
        instrument=openpit.Instrument("AAPL", "USD"), account_id=AccountId.from_int(1),
        side=Side.BUY, trade_amount=TradeAmount.quantity("1"), price=Price("1")))
"""


def test_a_class_that_only_a_later_engine_knows_does_not_end_the_shard_of_an_earlier_one(
    desk: Path,
) -> None:
    (desk / "desks.py").write_text(DESKS)
    late = "import openpit\n\n\nclass Late(openpit.Order):\n    pass\n\n\n"
    late += "class Operation(openpit.OrderOperation):\n    pass\n"
    (desk / "late.py").write_text(late)
    (desk / "program.py").write_text(TWO_ENGINES)

    out, error = run(desk, "program.py")

    why = "cannot travel to a shard: the engine was built before the class was defined"
    assert error == ""
    lines = out.splitlines()
    assert [lines[0], lines[3]] == ["True", "True"]
    assert lines[1].startswith(f"late.Late {why}")
    assert lines[2].startswith(f"late.Operation {why}")


STRANGER = """
import asyncio, sys, types
import openpit
from openpit.param import AccountId, Price, Side, TradeAmount
from openpit.pretrade import Policy, PolicyDecision

class Desk(Policy):
    name = "Desk"
    def perform_pre_trade_check(self, ctx, order):
        return PolicyDecision.accept()

desks = sys.modules["desks"] = types.ModuleType("desks")
exec("import openpit\\nclass Hand(openpit.Order): pass", desks.__dict__)

def order(kind):
    return kind(operation=openpit.OrderOperation(
        instrument=openpit.Instrument("AAPL", "USD"), account_id=AccountId.from_int(1),
        side=Side.BUY, trade_amount=TradeAmount.quantity("1"), price=Price("1")))

def stage():
    return openpit.Engine.builder().sharded(shards=1).pre_trade(policy=Desk())

def blocking():
    with stage().build() as engine:
        try:
            engine.execute_pre_trade(order=order(desks.Hand))
        except TypeError as error:
            print(error)
        print(engine.execute_pre_trade(order=order(openpit.Order)).ok)

async def awaited():
    async with await stage().build_async() as engine:
        try:
            await engine.execute_pre_trade(order=order(desks.Hand))
        except TypeError as error:
            print(error)
        print((await engine.execute_pre_trade(order=order(openpit.Order))).ok)

if __name__ == "__main__":
    blocking() if sys.argv[1] == "blocking" else asyncio.run(awaited())
"""


@pytest.mark.parametrize("face", ["blocking", "awaited"])
def test_an_order_class_of_a_module_made_by_hand_is_refused_and_the_shard_lives(
    desk: Path, face: str
) -> None:
    (desk / "stranger.py").write_text(STRANGER)

    out, error = run(desk, "stranger.py", face)

    assert out.splitlines() == [
        (
            "desks.Hand cannot travel to a shard: a worker cannot import the module 'desks' by its "
            "name; put the class into a module that can be imported"
        ),
        "True",
    ], error


def test_a_module_of_an_order_class_that_fails_in_the_worker_fails_the_start(desk: Path) -> None:
    (desk / "desks.py").write_text(
        "import multiprocess, openpit\n"
        "if multiprocess.process.current_process().name != 'MainProcess':\n"
        "    raise RuntimeError('only at the desk')\n"
        "class Hand(openpit.Order): pass\n"
    )
    (desk / "program.py").write_text(
        PROGRAM.replace(
            'if __name__ == "__main__":', 'if __name__ == "__main__":\n    import desks'
        )
    )

    out, error = run(desk, "program.py")

    assert out == ""
    assert "ShardStartError" in error
    assert (
        "desks, which defines Hand, cannot be imported: RuntimeError('only at the desk')" in error
    )


def test_a_daemonic_process_says_that_it_may_not(desk: Path) -> None:
    program = "import multiprocess, program\n"
    program += "if __name__ == '__main__':\n"
    program += "    child = multiprocess.Process(target=program.main, daemon=True)\n"
    program += "    child.start(); child.join()\n"
    (desk / "daemon.py").write_text(program)

    assert "a daemonic process of multiprocess may not start workers" in run(desk, "daemon.py")[1]


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_a_daemonic_process_of_the_standard_library_may_and_leaves_no_worker(
    desk: Path, method: str
) -> None:
    (desk / "daemon.py").write_text(f"""
import multiprocessing, time
import openpit
from openpit.pretrade.policies import build_order_validation
from program import order

def trade(answers):
    stage = openpit.Engine.builder().sharded(shards=2).builtin(build_order_validation())
    engine = stage.build()
    answers.put([stats.pid for stats in engine.stats()])
    answers.put(engine.execute_pre_trade(order=order(openpit.Order, 3)).ok)
    time.sleep(600)

if __name__ == "__main__":
    context = multiprocessing.get_context("{method}")
    answers = context.Queue()
    child = context.Process(target=trade, args=(answers,), daemon=True)
    child.start()
    pids = answers.get(timeout=60)
    print(answers.get(timeout=60), *pids)
""")

    passed, *pids = run(desk, "daemon.py")[0].split()

    assert passed == "True"
    assert eventually(lambda: not any(is_alive(int(pid)) for pid in pids))


@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_program_whose_standard_streams_are_closed(desk: Path, closed: str) -> None:
    (desk / "closed.py").write_text(f"""
import pathlib
import openpit
from openpit.pretrade.policies import build_order_validation
from program import order

if __name__ == "__main__":
    with open({str(desk / "answers")!r}, "w") as answers:
        stage = openpit.Engine.builder().sharded(shards=2).builtin(build_order_validation())
        with stage.build() as engine:
            answers.write(str(engine.execute_pre_trade(order=order(openpit.Order, 3)).ok))
""")

    run(desk, "-c", f"import os; os.system({f'{sys.executable} closed.py {closed}'!r})")

    assert (desk / "answers").read_text() == "True"


def test_a_policy_with_a_table_of_twenty_megabytes_travels(desk: Path) -> None:
    (desk / "desks.py").write_text(DESKS)
    (desk / "program.py").write_text("""
import openpit
from desks import order
from openpit.pretrade import Policy, PolicyDecision, PolicyReject, RejectCode

class Table(Policy):
    name = "Table"
    def __init__(self):
        self.rows = bytes(20_000_000) + b"end"
    def perform_pre_trade_check(self, ctx, order):
        text = f"{len(self.rows)} {self.rows[-3:].decode()}"
        reject = PolicyReject(code=RejectCode.OTHER, reason="no", details=text)
        return PolicyDecision.reject([reject])

if __name__ == "__main__":
    stage = openpit.Engine.builder().sharded(shards=2).pre_trade(policy=Table())
    with stage.build() as engine:
        print(engine.execute_pre_trade(order=order(openpit.Order)).rejects[0].details)
""")

    out, error = run(desk, "program.py")

    assert (out, error) == ("20000003 end\n", "")


def test_a_program_that_closes_every_descriptor_is_denied_and_does_not_hang(desk: Path) -> None:
    (desk / "closing.py").write_text("""
import os
import openpit
from openpit.pretrade.policies import build_order_validation
from program import order

if __name__ == "__main__":
    stage = openpit.Engine.builder().sharded(shards=2, timeout=2.0)
    engine = stage.builtin(build_order_validation()).build()
    os.closerange(3, 200)
    files = [open(f"file{number}", "w+b") for number in range(30)]
    for account in range(1, 5):
        try:
            print(engine.execute_pre_trade(order=order(openpit.Order, account)).ok, flush=True)
        except Exception:
            print(False, flush=True)
    os._exit(0)
""")

    assert run(desk, "closing.py")[0] == "False\n" * 4
