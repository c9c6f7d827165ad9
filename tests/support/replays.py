"""Replays hostile flows, and prints all that came of each, by the code that its path has.

    python tests/support/replays.py --baseline REV --flows 2500 --seed 1

compares this code with a commit of before, over the same flows: exit codes, what is told, decisions
and reports have to be the same. The code of before decides an order at once (``--each``): what it
told of orders that the engine rejected depended on where a batch ended.

``--shards 2 3`` has this code replay one flow on two shards, the next on three, and so on.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def outcome(seed: int, folder: Path, *options: str) -> list[Any]:
    """Replay the flow of a seed in a folder; return whatever does not belong to the run alone."""
    from click.testing import CliRunner  # noqa: PLC0415 - the path is set before
    from hostile_flows import flow_of  # noqa: PLC0415 - as above

    from openpit.cli import main  # noqa: PLC0415 - as above

    flow = flow_of(seed)
    path = folder / flow.name
    path.write_bytes(flow.lines)
    limits, out, report = folder / "limits.toml", folder / "out.jsonl", folder / "report.json"
    limits.write_text(flow.limits)
    words = ["replay", path, "--config", limits, "--out", out, "--json", report, *options]
    if flow.is_strict:
        words.append("--strict")
    if path.suffix == ".csv":
        words += ["--accounts", flow.accounts]
    result = CliRunner().invoke(main, [str(word) for word in words])
    told = report.read_text() if report.exists() else "{}"
    document = json.loads(told.replace(str(folder), "DIR"))
    for name in ("run", "shards"):
        document.pop(name, None)
    written = {file.name: file.read_text() for file in sorted(folder.glob("out*"))}
    for file in (path, limits, report, *folder.glob("out*")):
        file.unlink(missing_ok=True)
    return [
        seed,
        result.exit_code,
        result.stderr.replace(str(folder), "DIR"),
        written,
        document,
        None if isinstance(result.exception, SystemExit | None) else repr(result.exception),
    ]


def tell(line: str) -> None:
    sys.stdout.write(line + "\n")


def decide_at_once() -> None:
    """Have a replay end its batch behind every order."""
    from openpit.cli.replay import Replay  # noqa: PLC0415 - the path is set before

    take = Replay._take_order

    def take_and_finish(self: Any, *arguments: Any) -> None:
        take(self, *arguments)
        self._finish()

    Replay._take_order = take_and_finish  # type: ignore[method-assign]  # the code of before


def of_code(folder: str, options: argparse.Namespace, *more: str) -> list[str]:
    """Return what the code of a folder prints."""
    command = [sys.executable, "-P", __file__, "--flows", str(options.flows), *more]
    path = os.pathsep.join([folder, str(ROOT / "tests" / "support")])
    found = subprocess.run(
        [*command, "--seed", str(options.seed)],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
    )
    return found.stdout.decode().splitlines()


def compare(options: argparse.Namespace) -> int:
    """Print the first difference and how many there are; return it."""
    git = ["git", "-C", str(ROOT), "archive", options.baseline, "openpit"]
    packed = subprocess.run(git, stdout=subprocess.PIPE, check=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        tar.extractall(folder, filter="data")
        before = of_code(folder, options, "--each")
    now = of_code(str(ROOT), options, "--shards", *map(str, options.shards))
    differences = [pair for pair in zip(before, now, strict=True) if pair[0] != pair[1]]
    for lines in differences[:1]:
        tell("\n".join(lines))
    decisions = sum(text.count("\n") for line in now for text in json.loads(line)[3].values())
    tell(f"{len(now):,} flows, {decisions:,} decisions, {len(differences):,} differences")
    return bool(differences)


def main() -> int:
    """Print what comes of flows, or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--flows", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--baseline", metavar="REV")
    parser.add_argument("--shards", type=int, nargs="+", default=[0])
    parser.add_argument("--each", action="store_true")
    options = parser.parse_args()
    if options.baseline:
        return compare(options)
    if options.each:
        decide_at_once()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seed, options.seed + options.flows):
            shards = options.shards[seed % len(options.shards)]
            tell(json.dumps(outcome(seed, Path(folder), "--shards", str(shards))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
