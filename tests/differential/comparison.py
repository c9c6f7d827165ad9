"""Two interpreters side by side: ask both, compare call by call, shrink a difference."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shrinking import shrink
from tolerances import level, tolerated

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNER = Path(__file__).with_name("runner.py")

#: A scenario takes milliseconds; an interpreter that is silent for this long hangs.
ANSWER_SECONDS = 60.0

Scenario = list[dict[str, Any]]


class SideDiedError(Exception):
    """An interpreter ended or fell silent in the middle of a scenario."""


class Side:
    """A runner process for one ``openpit``; started on first use and again after a crash."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self._process: subprocess.Popen[bytes] | None = None
        self._unread = b""

    def ask(self, question: Any) -> None:
        """Send a scenario; the answer is read by ``answer``."""
        process = self._process or self._start()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()

    def answer(self) -> Any:
        process = self._process
        assert process is not None
        assert process.stdout is not None
        descriptor = process.stdout.fileno()
        parts = [self._unread]
        while b"\n" not in parts[-1]:
            ready, _, _ = select.select([descriptor], [], [], ANSWER_SECONDS)
            part = os.read(descriptor, 1 << 20) if ready else b""
            if not part:
                reason = "ended" if ready else "does not answer"
                self.close()
                message = f"the {self.name} interpreter {reason}"
                raise SideDiedError(message)
            parts.append(part)
        line, self._unread = b"".join(parts).split(b"\n", 1)
        return json.loads(line)

    def run(self, question: Any) -> Any:
        self.ask(question)
        return self.answer()

    def close(self) -> None:
        process, self._process, self._unread = self._process, None, b""
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):
                        stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        # Neither this folder nor the current one may provide modules to the runner.
        command = [sys.executable, "-P", str(RUNNER), str(self.path)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=self.path,
        )
        return self._process


class Pair:
    """The reference and ours."""

    def __init__(self, reference: Path, ours: Path) -> None:
        self.reference = Side("reference", reference)
        self.ours = Side("our", ours)
        #: Calls compared in the last scenario: steps that had nothing to act on do not count.
        self.calls = 0

    def difference(self, scenario: Scenario) -> Difference | None:
        """The first step at which the two disagree, or None."""
        if not scenario:
            return None
        self.reference.ask(scenario)
        self.ours.ask(scenario)
        answers: list[Any] = []
        for side in (self.reference, self.ours):
            try:
                answers.append(side.answer())
            except SideDiedError as died:
                answers.append(died)
        theirs, our_answer = answers
        if isinstance(theirs, SideDiedError) or isinstance(our_answer, SideDiedError):
            return Difference(scenario, len(scenario), str(theirs)[:300], str(our_answer)[:300])
        self.calls = sum(map(_is_call, theirs[:-1]))
        for index, (their_step, our_step) in enumerate(zip(theirs, our_answer, strict=True)):
            if their_step != our_step and not tolerated(their_step, our_step):
                return Difference(scenario, index, their_step, our_step)
        return None

    def shrink(self, found: Difference) -> Difference:
        return shrink(found, self.difference)

    def close(self) -> None:
        self.reference.close()
        self.ours.close()


def _is_call(answer: dict[str, Any]) -> bool:
    if "skipped" in answer:
        return False
    raised = answer.get("raised")
    # The commit of a reservation that a reject did not give.
    return raised is None or not raised["message"].startswith("'NoneType' object has no attribute")


class Difference:
    """One step with the two answers to it."""

    def __init__(self, scenario: Scenario, index: int, theirs: Any, ours: Any) -> None:
        self.scenario = scenario
        self.index = index
        self.theirs = theirs
        self.ours = ours

    def __str__(self) -> str:
        steps = "\n".join(
            f"{'>>' if number == self.index else '  '} {number:3} {json.dumps(step)}"
            for number, step in enumerate(self.scenario)
        )
        return (
            f"{steps}\nreference: {json.dumps(self.theirs)}\nours:      {json.dumps(self.ours)}\n"
            f"that is:   {'; '.join(self.places())}"
        )

    def place(self) -> str:
        """Where the answers part first, without what they say there."""
        return self.places()[0].split(" ")[0]

    def places(self) -> list[str]:
        """Where the two answers part, for a reader."""
        return list(_places(level(self.theirs), level(self.ours), ""))[:6]


def _places(theirs: Any, ours: Any, path: str) -> Iterator[str]:
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        for key, value in theirs.items():
            yield from _places(value, ours[key], f"{path}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for index, (left, right) in enumerate(zip(theirs, ours, strict=True)):
            yield from _places(left, right, f"{path}[{index}]")
    elif theirs != ours:
        yield f"{path} {json.dumps(theirs)} / {json.dumps(ours)}"
