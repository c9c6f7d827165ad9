"""Feed a file of FIX messages to the gateway and write what it sends, in order.

Run: python -m fix_gateway fix_gateway/sample.fix          (in the folder examples/)
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from fix_gateway.desk import engine_of, pay_in, read_funds
from fix_gateway.frames import GarbledError, cut, header_of
from fix_gateway.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

HERE = Path(__file__).parent

BLOCK = 256
"""Messages that are handed on together: each shard gets its own in one frame."""


def arguments() -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m fix_gateway", description=__doc__)
    parser.add_argument("file", type=Path, help="FIX 4.4 messages, one after the other")
    parser.add_argument("--shards", type=int, default=4, help="worker processes (default: 4)")
    parser.add_argument(
        "--funds", type=Path, default=HERE / "funds.csv", help="ACCOUNT,ASSET,AMOUNT a line"
    )
    parser.add_argument("--out", type=Path, help="a file for the answers; else lines with | on it")
    return parser.parse_args()


def whole(name: str, stream: bytes) -> Iterator[bytes]:
    """Yield the messages of a stream; tell of those that are garbled, which FIX leaves alone."""
    for at, message in cut(stream):
        try:
            if isinstance(message, GarbledError):
                raise message
            header_of(message)
        except GarbledError as error:
            print(f"{name}: byte {at}: {error}; left alone", file=sys.stderr)
        else:
            yield message


def show(answer: bytes) -> None:
    """Print messages as logs show them, one a line."""
    for _, message in cut(answer, most=len(answer)):
        if isinstance(message, bytes):
            print(message.replace(b"\x01", b"|").decode("ascii", "backslashreplace"))


def feed(session: Session, messages: Iterator[bytes], out: BinaryIO | None) -> tuple[int, int]:
    """Have the gateway handle messages; return how many these were, and how many had no answer."""
    count = silent = 0
    while block := list(islice(messages, BLOCK)):
        for answer in session.handle(block):
            count += 1
            silent += not answer
            if out is None:
                show(answer)
            else:
                out.write(answer)
    return count, silent


def main() -> None:
    """Build the desk's engine, feed it the file, say how it went."""
    said = arguments()
    with ExitStack() as stack:
        try:
            messages = whole(said.file.name, said.file.read_bytes())
            funds = read_funds(said.funds)
            out = stack.enter_context(said.out.open("wb")) if said.out else None
        except OSError as error:
            raise SystemExit(f"{error.filename}: {error.strerror}") from None
        except ValueError as error:
            raise SystemExit(str(error)) from None
        engine = stack.enter_context(engine_of(said.shards))
        pay_in(engine, funds)
        count, silent = feed(Session(engine), messages, out)
    print(
        f"{count} messages on {said.shards} shards, {silent} of them without an answer",
        file=sys.stderr,
    )


if __name__ == "__main__":
    main()
