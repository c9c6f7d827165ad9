"""Files of tokens: what may stand in one, who may read it, and when it is read again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from openpit.console.tokens import (
    FILE_BYTES,
    LEAST,
    MOST,
    Caller,
    TokenFile,
    TokensError,
    digest_of,
    tokens_in,
)
from openpit.wire.roles import Role

if TYPE_CHECKING:
    from pathlib import Path

A, B = "a" * LEAST, "b" * MOST


def test_a_line_has_a_name_a_role_and_a_token() -> None:
    told = tokens_in(f"# who may ask\n\nalice  admin\t{A}\ngrafana reader {digest_of(B)}\n")

    assert told == {
        digest_of(A): Caller("alice", Role.ADMIN),
        digest_of(B): Caller("grafana", Role.READER),
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "there is no token in it"),
        ("# alice admin", "there is no token in it"),
        ("alice admin", "line 1: NAME ROLE TOKEN is expected, not 2 words"),
        (f"alice admin {A} {B}", "line 1: NAME ROLE TOKEN is expected, not 4 words"),
        (f"alice root {A}", "line 1: a role is reader, trader or admin, not 'root'"),
        (f"al/ice admin {A}", "line 1: a name has 1 to 32 letters, digits and _ . @ -"),
        (f"{'a' * 33} admin {A}", "line 1: a name has 1 to 32"),
        (f"alice admin {A[1:]}", f"line 1: a token has {LEAST} to {MOST} printable"),
        (f"alice admin {B}b", f"line 1: a token has {LEAST} to {MOST} printable"),
        (f"alice admin {'é' * LEAST}", "line 1: a token has"),
        ("alice admin sha256:abc", "line 1: a token has"),
        (f"alice admin {A}\nalice reader {B}", "line 2: alice has a token already"),
        (f"alice admin {A}\n\nbob reader {A}", "line 3: alice has this token, too"),
        (f"alice admin {A}\nbob reader {digest_of(A)}", "line 2: alice has this token, too"),
    ],
)
def test_what_is_wrong_is_told_by_its_line_and_never_the_token(text: str, why: str) -> None:
    with pytest.raises(TokensError) as raised:
        tokens_in(text)
    assert str(raised.value).startswith(why)
    assert A not in str(raised.value)


def test_there_may_be_so_many() -> None:
    lines = [f"n{number} reader {number:0>{LEAST}}" for number in range(MOST + 1)]
    assert len(tokens_in("\n".join(lines[:MOST]))) == MOST
    with pytest.raises(TokensError, match=f"line {MOST + 1}: more than {MOST} tokens"):
        tokens_in("\n".join(lines))


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_whose_a_token_is(tmp_path: Path) -> None:
    file = TokenFile(written(tmp_path / "tokens", f"alice admin {A}\n"))

    assert file.caller(A) == Caller("alice", Role.ADMIN)
    assert file.caller(B) is None
    assert file.caller("") is None
    assert file.caller(digest_of(A)) is None  # what the file may have is nobody's token


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_one_that_others_may_read_is_refused_by_its_mode(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "tokens", f"alice admin {A}\n", mode)
    with pytest.raises(TokensError, match=rf"\(mode {mode:04o}\): chmod 600 "):
        TokenFile(path)


def test_what_is_no_such_file_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(TokensError, match=r"cannot read .*none: No such file"):
        TokenFile(tmp_path / "none")
    with pytest.raises(TokensError, match=r"cannot read .*: Is a directory"):
        TokenFile(tmp_path)
    path = written(tmp_path / "tokens", "x" * (FILE_BYTES + 1))
    with pytest.raises(TokensError, match=f"more than {FILE_BYTES} bytes"):
        TokenFile(path)
    path.write_bytes(b"\xff")
    with pytest.raises(TokensError, match="not UTF-8"):
        TokenFile(path)


def test_it_is_read_again_when_it_has_changed_and_lets_nobody_in_while_it_is_wrong(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path / "tokens", f"alice admin {A}\n")
    file = TokenFile(path)
    written(path, f"alice admin {A}\nbob reader {B}\n")
    assert file.caller(B) == Caller("bob", Role.READER)

    written(path, f"alice king {A}\n")
    assert file.caller(A) is None
    assert "nobody is let in until it is mended" in caplog.text
    path.unlink()
    assert file.caller(A) is None

    written(path, f"alice reader {A}\n")
    assert file.caller(A) == Caller("alice", Role.READER)


def test_another_text_of_the_same_length_and_time_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path / "tokens", f"alice admin {A}\n")
    file = TokenFile(path)
    was = path.stat()
    path.write_text(f"alice admin {A.upper()}\n")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    assert file.caller(A) is None


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "tokens", 0o600)
    with pytest.raises(TokensError, match="is no file"):
        TokenFile(tmp_path / "tokens")
