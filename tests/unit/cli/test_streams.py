from __future__ import annotations

from pathlib import Path

import pytest
from click import UsageError

from openpit.cli.streams import StdoutFile, is_stream, one_stream


def test_a_dash_is_a_stream() -> None:
    assert is_stream(Path("-"))
    assert not is_stream(Path("-x"))
    assert not is_stream(None)


def test_one_thing_at_a_time_goes_to_a_stream() -> None:
    paths = {"--out": Path("-"), "--json": Path("report.json"), "--html": None}

    assert one_stream("stdout", paths) == "--out"
    assert one_stream("stdout", {"--json": Path("report.json")}) is None
    with pytest.raises(UsageError) as caught:
        one_stream("stdout", paths | {"--html": Path("-")})
    assert caught.value.message == "--out and --html cannot all be -: there is one stdout"


def test_stdout_takes_texts_and_bytes_in_the_place_of_a_file(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    with StdoutFile() as file:
        file.write("one\n")
        file.finish()
        file.write(b"\xfftwo\n")

    assert capfdbinary.readouterr().out == b"one\n\xfftwo\n"
