"""No loop stands where what a signal's handler raises as it goes round passes by its handlers.

CPython looks for signals where a loop goes round. The compiler writes some of these jumps itself,
and enters them in no handler's range (issue 130279): what is raised there passes by ``except``,
``finally`` and ``with`` around the loop in its own function, though not by those of the caller.
Which jumps these are differs from version to version.
"""

from __future__ import annotations

import ast
import dis
import sys
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

import pytest
from interrupting import LOOKS

import openpit

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(openpit.__file__).parent

# They keep no book of an engine: ^C ends the program, its workers and its files with it.
PROGRAMS = ("cli", "console", "loadtest")

MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in PROGRAMS
)

ALLOWED = {
    "shards/worker.py": {"serve"},  # a worker takes no interrupts
}

# Instructions that put a comprehension's variable back, or turn a generator's StopIteration into a
# RuntimeError: nothing is lost when they are passed by.
TIDYING = {"SWAP", "POP_TOP", "STORE_FAST", "STORE_FAST_LOAD_FAST", "CALL_INTRINSIC_1", "COPY"}


def code_of(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_of(constant)


class Handlers:
    """Which handler catches what an instruction raises."""

    def __init__(self, code: CodeType) -> None:
        self._entries = dis._parse_exception_table(code)  # type: ignore[attr-defined]
        self._instructions = list(dis.get_instructions(code))

    def of(self, at: int) -> int | None:
        """The handler that does more than to tidy up, by its address."""
        for entry in self._entries:
            if entry.start <= at < entry.end:
                target: int = entry.target
                return self.of(target) if self._only_tidies(target) else target
        return None

    def _only_tidies(self, target: int) -> bool:
        for instruction in self._instructions:
            if instruction.offset >= target:
                if instruction.opname == "RERAISE":
                    return True
                if instruction.opname not in TIDYING:
                    return False
        return False


def open_loops(code: CodeType) -> Iterator[int | None]:
    """The lines of loops that go round at a place that their own handlers do not see."""
    handlers = Handlers(code)
    for instruction in dis.get_instructions(code):
        if instruction.opname not in LOOKS or "JUMP_BACKWARD" not in instruction.opname:
            continue
        head = instruction.argval
        # From 3.13 on the jump is looked up itself, before that the instruction ahead of its aim.
        at = instruction.offset if sys.version_info >= (3, 13) else head - 2
        expected = handlers.of(head)
        if expected is not None and handlers.of(at) != expected:
            assert instruction.positions is not None
            yield instruction.positions.lineno


def guarded_loops(tree: ast.AST) -> Iterator[int]:
    """The lines of loops that stand inside ``try`` or ``with`` in their own function."""

    def walk(node: ast.AST, *, is_guarded: bool) -> Iterator[int]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.GeneratorExp):
            is_guarded = False
        elif is_guarded and isinstance(
            node, ast.For | ast.While | ast.ListComp | ast.SetComp | ast.DictComp
        ):
            yield node.lineno
        elif isinstance(node, ast.Try | ast.With):
            is_guarded = True
        for child in ast.iter_child_nodes(node):
            yield from walk(child, is_guarded=is_guarded)

    yield from walk(tree, is_guarded=False)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_loop_is_seen_by_the_handlers_around_it(path: Path) -> None:
    source = path.read_text()

    found = {
        code.co_qualname
        for code in code_of(compile(source, path, "exec"))
        for _ in open_loops(code)
    }

    assert found <= ALLOWED.get(str(path.relative_to(PACKAGE)), set())


@pytest.mark.parametrize("path", sorted((PACKAGE / "engine").glob("*.py")), ids=lambda p: p.name)
def test_the_engine_has_no_loop_inside_try_at_all(path: Path) -> None:
    """Whatever the next version's compiler makes of them."""
    assert list(guarded_loops(ast.parse(path.read_text()))) == []


WITH_A_HOLE = """
def run(pending, finish):
    try:
        while pending:
            pending.pop()()
    finally:
        finish()
"""

WITHOUT = """
def run(pending, finish):
    try:
        rest(pending)
    finally:
        finish()

def rest(pending):
    while pending:
        pending.pop()()

def some(numbers):
    return [number for number in numbers if number] + list(n for n in numbers if n)
"""


@pytest.mark.parametrize(("source", "count"), [(WITH_A_HOLE, 1), (WITHOUT, 0)])
def test_such_a_loop_is_found(source: str, count: int) -> None:
    compiled = [line for code in code_of(compile(source, "", "exec")) for line in open_loops(code)]

    assert len(list(guarded_loops(ast.parse(source)))) == count
    if sys.version_info >= (3, 13):
        assert len(compiled) == count
