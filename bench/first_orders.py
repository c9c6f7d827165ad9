"""How much faster this machine's cores replay the first orders of a flow than one process does.

python bench/first_orders.py FLOW [ORDERS]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path


def first_lines(flow: Path, orders: int) -> bytes:
    """Return the lines of a flow up to its order of a number."""
    lines = []
    with flow.open("rb") as file:
        for line in file:
            lines.append(line)
            orders -= line.startswith(b'{"event":"order"')
            if not orders:
                break
    return b"".join(lines)


def replayed(folder: Path, *options: str) -> tuple[int, float]:
    """Return on how many shards the first lines were replayed, and for how many seconds."""
    report = folder / "report.json"
    openpit = [sys.executable, "-m", "openpit", "replay", str(folder / "flow.jsonl")]
    out = ["--out", str(folder / "decisions.jsonl"), "--json", str(report)]
    subprocess.run([*openpit, *out, *options], check=True, stdout=subprocess.DEVNULL)
    run = json.loads(report.read_text())["run"]
    return run["shards"], run["seconds"]


def main() -> None:
    flow, orders = Path(sys.argv[1]), int((sys.argv[2:] or ["20000"])[0])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "flow.jsonl").write_bytes(first_lines(flow, orders))
        _, alone = replayed(folder, "--shards", "0")
        shards, together = replayed(folder)
    print(
        f"the first {orders:,} orders: {alone:.2f} s in one process, {together:.2f} s on "
        f"{shards} shards: {alone / together:.2f} times as fast"
    )


if __name__ == "__main__":
    main()
