"""The table of the benchmark, with a library of before beside it."""

from __future__ import annotations

import shutil
import sys

import pytest

from bench.__main__ import main
from bench.instructions import _of_callgrind, _of_perf, counter
from bench.libraries import OURS

pytestmark = pytest.mark.one_python

TINY = ("--turns", "1", "--rounds", "1", "--scale", "0.005")


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_row_has_a_line_with_the_code_of_before_beside_it(capsys, tmp_path):
    saved = tmp_path / "table.md"

    status = main(["--only", "construct an order", "--against", str(OURS), *TINY,
                   "--save", str(saved)])  # fmt: skip

    out = capsys.readouterr().out
    _, before, _, columns, _, line = out.splitlines()[:6]
    assert status == 0
    assert before == f"before: {OURS}"
    assert cells(columns) == [
        *("row", "now / before", "", "now", "before", "now / yardstick", "aim")
    ]
    name, ratio, verdict, now, was, *_ = cells(line)
    assert (name, verdict) == ("construct an order", "few turns")
    assert min(float(ratio), float(now), float(was)) > 0
    assert saved.read_text() == out


def test_a_row_that_the_code_of_before_lacks_is_said_so(capsys, tmp_path):
    (tmp_path / "openpit").mkdir()
    (tmp_path / "openpit" / "__init__.py").touch()

    status = main(["--only", "construct an order", "--against", str(tmp_path), *TINY])

    out = capsys.readouterr().out
    assert status == 0
    assert "* construct an order: before cannot run it: ImportError: cannot import name" in out
    line = next(line for line in out.splitlines() if line.startswith("| construct an order"))
    assert cells(line)[1:5:3] == ["-", "-"]


def test_a_row_on_shards_tells_the_processor_time_of_each_part(capsys):
    status = main(["--only", "2 shards, batches of 256", *TINY])

    lines = capsys.readouterr().out.splitlines()[4:7]
    assert status == 0
    assert [cells(line)[0] for line in lines] == [
        "2 shards, batches of 256: construct, execute, commit",
        "- processor time of the caller",
        "- processor time of the workers",
    ]
    assert all(float(cells(line)[3]) > 0 for line in lines)


def test_instructions_are_told_by_operation(capsys, monkeypatch):
    # Takes the command that it is put in front of for granted: 1000 for the start, 7 an operation.
    say = "import sys; print('==1== Collected :', 1000 + 7 * int(sys.argv[-1]), file=sys.stderr)"
    monkeypatch.setattr(
        "bench.instructions.counter", lambda: ((sys.executable, "-c", say), _of_callgrind)
    )
    monkeypatch.setattr("bench.__main__.counter", lambda: (("valgrind",), _of_callgrind))

    status = main(["--only", "construct an order", "--instructions", "--against", str(OURS)])

    out = capsys.readouterr().out.splitlines()
    assert status == 0
    assert out[0].endswith("; instructions by valgrind for one operation.")
    assert cells(out[5]) == ["construct an order", "1", "", "7", "7", "1", "0.32"]


def test_both_counters_are_read():
    assert _of_callgrind("==8== Events    : Ir\n==8== Collected : 1251548476\n") == 1251548476
    assert _of_perf("12345678,,instructions:u,2101844,100.00,,\n") == 12345678
    assert _of_perf("<not supported>,,instructions:u,0,100.00,,\n") is None


def test_a_machine_without_a_counter_is_told(capsys, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    counter.cache_clear()
    try:
        status = main(["--only", "construct an order", "--instructions"])
    finally:
        counter.cache_clear()

    assert status == 2
    assert capsys.readouterr().err == (
        "bench: neither perf nor valgrind counts instructions on this machine\n"
    )


def test_what_cannot_be_run_beside_is_told(capsys, tmp_path):
    assert main(["--against", str(tmp_path)]) == 2

    assert capsys.readouterr().err == (
        f"bench: --against {tmp_path}: there is no openpit/__init__.py in this folder\n"
    )


@pytest.mark.parametrize("wrong", [["--turns", "0"], ["--scale", "0"], ["--only", "no such row"]])
def test_options_that_make_no_sense_are_refused(capsys, wrong):
    with pytest.raises(SystemExit) as ended:
        main(wrong)

    assert ended.value.code == 2
    assert "python -m bench: error: " in capsys.readouterr().err
