"""Every command and program of the docs is run: here, or by the test that is named for it."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from click.testing import CliRunner
from link import link
from pages import PAGES, ROOT, Block, Folder, blocks_of, come_in_order, named_file

import openpit
from openpit.cli import main
from openpit.faces.embedded import ReadyShardedEngineBuilder
from openpit.pretrade import Policy
from openpit.pretrade.policies import build_order_validation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.one_python

STORIES = (
    "docs/concepts.md",
    "docs/cookbook.md",
    "docs/moving.md",
    "docs/quick_start.md",
    "docs/security.md",
    "docs/writing_policies.md",
)
"""Pages whose blocks are done one after the other in one folder."""

BY_OTHERS = {
    ("README.md", "make run"): "tests/cli/test_real_flow.py",
    ("README.md", "import openpit"): "tests/cli/test_readme.py",
    ("README.md", ". .venv/bin/activate"): "tests/cli/test_readme.py",
    ("README.md", "openpit serve --socket desk"): "tests/server/test_serve.py",
    ("README.md", "engine = openpit.connect("): "tests/server/test_connect.py",
    ("README.md", "listening at /tmp/openpit-1"): "tests/server/test_demo.py",
    ("docs/cli.md", "openpit replay FLOW       r"): "tests/cli/test_commands.py",
    ("docs/deploying.md", "python3 -m venv /opt/openpi"): "tests/server/test_deploy.py",
    ("docs/deploying.md", "docker build -f examples/de"): "tests/server/test_deploy.py",
    ("docs/fix_gateway.md", "pip install '.[fix]'"): "tests/examples/test_fix_gateway.py",
    ("docs/limits.md", "#:schema ./limits.schema.js"): "tests/examples/test_limits_page.py",
    ("docs/limits.md", "import openpit"): "tests/examples/test_limits_page.py",
    ("docs/limits.md", "wanted = openpit.limits.loa"): "tests/examples/test_limits_page.py",
    ("docs/journal.md", ".sharded(shards=4, journal="): "tests/recovery/test_migrations.py",
    ("docs/journal.md", "engine = build()"): "tests/recovery/test_outcomes.py",
    ("docs/journal.md", "for one in engine.missed_an"): "tests/recovery/test_missed.py",
    ("docs/operating.md", "from prometheus_client"): "tests/faults/test_metrics.py",
    ("docs/operating.md", "class Desk(openpit.Observer"): "tests/faults/test_metrics.py",
    ("docs/console.md", "printf 'alice admin"): "tests/console/test_docs.py",
    ("docs/console.md", "curl -H"): "tests/console/test_docs.py",
    ("docs/quick_start.md", "python3 -m venv .venv"): "tests/distribution/test_distributions.py",
    ("docs/moving.md", "pip uninstall --yes openpit"): "tests/distribution/test_distributions.py",
}
"""Blocks that are done elsewhere."""

SHOWN = {
    "text": "what a command prints: compared where its page is done",
    "json": "read by tests/cli/test_readme.py",
    "toctree": "no page has one",
}
"""What is no command and no program, by its language."""


class Program(NamedTuple):
    """How a part of a program is completed."""

    before: str = ""
    swaps: tuple[tuple[str, str], ...] = ()
    after: str = ""


_ORDER = """
import openpit
from openpit.param import AccountId, Price, Side, TradeAmount
from openpit.pretrade import Lock
account_id = account = AccountId.from_int(7)
order = openpit.Order(operation=openpit.OrderOperation(
    instrument=openpit.Instrument("AAPL", "USD"), account_id=account_id, side=Side.BUY,
    trade_amount=TradeAmount.quantity("100"), price=Price("185.50"),
))
report = openpit.ExecutionReport(operation=openpit.ExecutionReportOperation(
    instrument=openpit.Instrument("AAPL", "USD"), side=Side.BUY, account_id=account_id,
))
"""
_VALIDATION = "builtin(openpit.pretrade.policies.build_order_validation())"

PROGRAMS = {
    ("docs/actors.md", "import openpit"): Program(
        _ORDER + "message = b'buy'\norder_of = lambda account, message: order\n",
        (("builtin(...)", _VALIDATION), (", ...])", "])")),
        "assert engine.ask('gateway', account_id, message) == b'accepted'\n",
    ),
    ("docs/actors.md", 'engine.ask("gateway", accou'): Program(swaps=((", ...])", "])"),)),
    ("docs/expiry.md", "engine = openpit.Engine.bui"): Program(
        _ORDER, (("builtin(...)", _VALIDATION),)
    ),
    ("docs/keys.md", "engine.execute_pre_trade(or"): Program(
        _ORDER
        + "trade_id, adjustments = 'trade-1', []\n"
        + f"engine = openpit.Engine.builder().sharded(2).{_VALIDATION}.build()\n",
        (("order, key=...", "order, key=b'2'"), ("ments, key=...", "ments, key='3'")),
    ),
    ("docs/journal.md", "engine = ("): Program(_ORDER),
    ("docs/journal.md", "for one in engine.open_rese"): Program(
        "rests_at_the_venue = keep = bool\n"
    ),
    ("docs/snapshots.md", "engine = ("): Program(
        _ORDER, (("    ...", f"    .{_VALIDATION}.build())"),)
    ),
    ("docs/snapshots.md", "class Exposure(Policy):"): Program(
        "from decimal import Decimal\nfrom openpit.pretrade import Policy\n",
        after="it = Exposure()\nit.restore_state([[7, '1.50']])\n"
        "assert it.export_state() == [[7, '1.50']]\n",
    ),
}  # fmt: skip
"""Programs and parts of them, done on shards without processes: what is left out, and put in."""

FRAMES = (
    ("docs/cli.md", 'pandas.read_parquet("decisi'),
    ("docs/cli.md", 'pandas.read_parquet("flow.p'),
)  # fmt: skip
"""For libraries that need not be there: names of files and columns are looked at."""


PAST = ("docs/journal.md", "from datetime import UTC")
TRY_IT = ("docs/journal.md", "# desk.py")
COMPLETION = ("docs/cli.md", "_OPENPIT_COMPLETE=")
BY_THEMSELVES = (PAST, TRY_IT, COMPLETION)
"""Blocks with a test of their own, below."""


class Traded(Policy):
    """The policy of the pages on journals."""

    name = "MyPolicy"


def key_of(block: Block) -> tuple[str, str]:
    """Return by what the tables know a block: its page, and how it begins."""
    known = (*BY_OTHERS, *PROGRAMS, *FRAMES, *BY_THEMSELVES)
    found = (key for key in known if key[0] == block.page and block.first.startswith(key[1]))
    return next(found, (block.page, block.first))


EVERY = [block for page in PAGES for block in blocks_of(page)]
COMMANDS = [
    block
    for block in EVERY
    if block.language == "sh"
    and block.page not in STORIES
    and key_of(block) not in {*BY_OTHERS, *BY_THEMSELVES}
]
"""Commands that are read as the command line reads them; see below for those that are run."""


def test_no_block_is_left_out() -> None:
    run_here = {
        *BY_OTHERS, *PROGRAMS, *FRAMES, *BY_THEMSELVES, *(key_of(block) for block in COMMANDS),
    }  # fmt: skip
    left_out = [
        key_of(block)
        for block in EVERY
        if key_of(block) not in run_here
        and block.page not in STORIES
        and block.language not in SHOWN
        and not (block.language == "" and not is_code(block.text))
    ]
    assert left_out == []
    assert {*BY_OTHERS, *PROGRAMS, *FRAMES, *BY_THEMSELVES} - {
        key_of(block) for block in EVERY
    } == set()


def is_code(text: str) -> bool:
    """Whether a block whose language is not told is a command, or a line of a program."""
    return bool(re.match(r"(openpit|make|pip|python\d?|docker|engine|\w+ = ) ?", text.strip()))


def test_what_is_done_elsewhere_is_there() -> None:
    for (page, first), path in BY_OTHERS.items():
        assert (ROOT / path).is_file(), path
        assert "def test_" in (ROOT / path).read_text(), (page, first)


# --- pages that are done from their first block to the last ---------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.end()


@pytest.mark.parametrize("page", STORIES)
@pytest.mark.timeout(240)
def test_a_page_does_what_it_says(page: str, folder: Folder) -> None:
    names: dict[str, object] = {"__name__": "page"}
    printed = ""
    done = 0
    for block in blocks_of(page):
        if key_of(block) in BY_OTHERS:
            continue
        done += 1
        if (name := named_file(block)) is not None:
            folder.write(name, block.text)
        elif block.language == "sh":
            printed = folder.run(block.text)
        elif block.language == "text":
            assert come_in_order(block.text.splitlines(), printed) == [], printed
        elif block.language == "python" and "__main__" in block.text:
            folder.write("program.py", block.text)
            printed = folder.run("python program.py")
        else:
            assert block.language == "python", block
            exec(compile(block.text, page, "exec"), names)
    assert done > 0


# --- parts of programs ----------------------------------------------------------------------------


@pytest.mark.parametrize("page", sorted({page for page, _ in PROGRAMS}))
def test_programs_of_a_page_run(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReadyShardedEngineBuilder, "build", link)
    names: dict[str, object] = {"__name__": "page", "MyPolicy": Traded}
    for block in blocks_of(page):
        program = PROGRAMS.get(key_of(block))
        if program is None:
            continue
        text = block.text
        for old, new in program.swaps:
            assert old in text, (page, old)
            text = text.replace(old, new)
        exec(compile(program.before + text + program.after, page, "exec"), names)


def test_lines_for_other_libraries_name_what_there_is() -> None:
    from openpit.cli.columns import EVENT  # noqa: PLC0415

    assert "event" in EVENT
    for block in EVERY:
        if key_of(block) in FRAMES:
            ast.parse(block.text)
            assert set(re.findall(r'parquet\("(\w+)\.parquet"\)', block.text)) <= {
                *("decisions", "flow")
            }
            for column in re.findall(r'"(?:not )?(\w+)"\)', block.text):
                assert column in {"accepted", "rejects"}


# --- commands -------------------------------------------------------------------------------------


def lines_of(block: Block) -> list[list[str]]:
    """The commands of a block, word by word, without comments."""
    text = block.text.replace("\\\n", " ")
    return [words for line in text.splitlines() if (words := shlex.split(line, comments=True))]


def test_every_command_is_one_that_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    read = 0
    for block in COMMANDS:
        for words in lines_of(block):
            if words[0] != "openpit":
                assert words[0] in {"cd", "pip", "python"}, words
                continue
            if words[1] == "journal":
                continue  # run below
            until = next((n for n, word in enumerate(words) if word in {">", "|"}), None)
            for word in words:
                if re.fullmatch(r"[\w.-]+\.(jsonl|toml|json)", word):
                    (tmp_path / word).write_text("{}" if word.endswith("json") else "")
            _read(main, words[1:until])
            read += 1
    assert read >= 15


def _read(command: Any, words: list[str], parent: Any = None) -> None:
    """Have click read a command line, down to the last of its commands."""
    name = words[0] if words else "openpit"
    context = command.make_context(name, list(words), parent=parent)
    rest = [*context._protected_args, *context.args]
    if hasattr(command, "get_command") and rest:
        name, found, rest = command.resolve_command(context, rest)
        assert found is not None, name
        _read(found, rest, context)


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an engine with the default policies leaves behind."""
    directory = tmp_path_factory.mktemp("var") / "desk"
    config = directory.with_name("limits.toml")
    config.write_text("[order_validation]\n")
    names: dict[str, Any] = {}
    exec(_ORDER, names)
    limits = openpit.limits.load(config)
    builder = openpit.Engine.builder().sharded(2, journal=directory, keep=None, spares=0)
    with limits.add_to(builder).build() as engine:
        engine.execute_pre_trade(names["order"])
        engine.accounts().block(names["account"], "margin call")
        engine.execute_pre_trade(names["order"])
    return directory


def test_commands_on_a_journal_run(
    journal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(journal.parent)
    done = 0
    for block in COMMANDS:
        for words in lines_of(block):
            if words[:2] != ["openpit", "journal"]:
                continue
            given = [
                word.replace("/var/lib/desk", str(journal)).replace("/backup", str(tmp_path))
                for word in words[1 : words.index("|") if "|" in words else None]
            ]
            if "--until" in given:  # the day of the page is before this journal
                given[given.index("--until") + 1] = datetime.now(UTC).isoformat()
            said = CliRunner().invoke(main, given)
            assert said.exit_code == 0, (given, said.output, said.exception)
            done += 1
    assert done == 8
    told = (journal.parent / "decisions.jsonl").read_text()
    assert told.count('"kind":"order"') == 2
    assert told.count('"reason":"margin call"') == 2  # what was done, and who was refused


def test_the_engine_of_the_journal_page_is_asked_how_it_stood(journal: Path) -> None:
    (block,) = [block for block in EVERY if key_of(block) == PAST]
    text = block.text.replace("shards=4", "shards=2").replace("/var/lib/desk", str(journal))
    text = re.sub(r"datetime\(2026.*?tzinfo=UTC\)", "datetime.now(UTC)", text)
    text = text.replace("    .pre_trade(policy=MyPolicy())\n", "")  # the journal's has none
    names: dict[str, Any] = {}
    exec(_ORDER + text + "state = past.account_state(account)\n", names)
    assert names["state"].block.reason == "margin call"
    assert names["state"].account == names["account"]


@pytest.mark.timeout(180)
def test_the_program_of_the_journal_page_goes_on_where_it_was_killed(folder: Folder) -> None:
    (block,) = [block for block in EVERY if key_of(block) == TRY_IT]
    folder.write("desk.py", block.text)
    kill = (
        "python desk.py < fifo > said & exec 3>fifo; "
        "until [ -s said ]; do sleep 0.05; done; kill -9 $!; cat said"
    )
    assert folder.run(f"mkfifo fifo; {kill}").strip() == "account 7 has 100 USD"
    assert folder.run(f"rm said; {kill}").strip() == "account 7 has 200 USD"


def test_the_shell_completes_what_the_page_has_it_told(folder: Folder) -> None:
    (block,) = [block for block in EVERY if key_of(block) == COMPLETION]
    folder.environment["HOME"] = str(folder.path)
    folder.run(block.text)
    assert (folder.path / ".bashrc").read_text() == ". ~/.openpit-complete.bash\n"
    told = "COMP_WORDS='openpit ser' COMP_CWORD=1 _OPENPIT_COMPLETE=bash_complete openpit"
    assert "_openpit_completion" in (folder.path / ".openpit-complete.bash").read_text()
    assert folder.run(told) == "plain,serve\n"


def test_what_is_installed_is_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named: set[str] = set()
    for page in PAGES:
        text = (ROOT / page).read_text()
        for extras in re.findall(r"(?:openpit-sharded|'\.|\s\.)\[([\w,]+)\]", text):
            named |= set(extras.split(","))
    assert {"server", "loadtest", "arrow", "fix"} <= named
    assert named <= set(project["optional-dependencies"])
    assert importlib.import_module("openpit.cli").main.name == "main"
    assert build_order_validation is openpit.pretrade.policies.build_order_validation
