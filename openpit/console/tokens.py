"""Who may ask the console what: bearer tokens from a file, each with a name and a role."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from openpit.wire.roles import ROLES, Role, role_name

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["ANYBODY", "Caller", "TokenFile", "TokensError", "digest_of", "tokens_in"]

LEAST: Final = 32
"""Characters of a token, at least: nobody guesses one."""

MOST: Final = 256
"""Tokens of a file, at most, and characters of a token."""

FILE_BYTES: Final = 256 * 1024
"""Largest file of tokens that is read."""

_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,32}")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")

_log = logging.getLogger("openpit.console")


class TokensError(ValueError):
    """A file of tokens is of no use; the text says where and why."""


class Caller(NamedTuple):
    """Who asks: a name, None where no tokens are asked for, and a role of the server's."""

    name: str | None
    role: int

    @property
    def role_name(self) -> str:
        """What a command line calls the role."""
        return role_name(self.role)


ANYBODY: Final = Caller(None, Role.READER)
"""Who asks where there are no tokens."""


def digest_of(token: str) -> str:
    """Return what a file may have in place of a token: it tells nobody the token."""
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def tokens_in(text: str) -> dict[str, Caller]:
    """Return whose each token is, by its digest. A line has a name, a role and a token.

    Raises:
        TokensError: a line has something else, or there is none.
    """
    found: dict[str, Caller] = {}
    names: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) != len(("name", "role", "token")):
            raise TokensError(
                f"line {number}: NAME ROLE TOKEN is expected, not {len(fields)} words"
            )
        name, role, token = fields
        if not _NAME.fullmatch(name):
            raise TokensError(f"line {number}: a name has 1 to 32 letters, digits and _ . @ -")
        if role not in ROLES:
            raise TokensError(f"line {number}: a role is reader, trader or admin, not {role!r:.40}")
        if name in names:
            raise TokensError(f"line {number}: {name} has a token already")
        digest = token if _DIGEST.fullmatch(token) else digest_of(_checked(token, number))
        if digest in found:
            raise TokensError(f"line {number}: {found[digest].name} has this token, too")
        names.add(name)
        found[digest] = Caller(name, ROLES[role])
        if len(found) > MOST:
            raise TokensError(f"line {number}: more than {MOST} tokens")
    if not found:
        raise TokensError("there is no token in it")
    return found


def _checked(token: str, number: int) -> str:
    if not LEAST <= len(token) <= MOST or not _TOKEN.fullmatch(token):
        raise TokensError(
            f"line {number}: a token has {LEAST} to {MOST} printable characters of ASCII "
            "(openssl rand -hex 32), or is sha256: and the digest of one"
        )
    return token


class TokenFile:
    """A file of tokens, which is read again when it has changed.

    One that is of no use any more lets nobody in, until it is mended.

    Raises:
        TokensError: it cannot be read, others may read it, or a line of it is wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path: Final = path
        self._mark: tuple[int, ...] = ()
        self._callers: dict[str, Caller] = {}
        self._load()

    def caller(self, token: str) -> Caller | None:
        """Return whose a token is; None for nobody's."""
        try:
            if self._mark != self._now():
                self._load()
                _log.warning("%s has changed: %d tokens", self._path, len(self._callers))
        except (OSError, TokensError) as error:
            if self._callers:
                _log.error("nobody is let in until it is mended: %s", error)
            self._callers = {}
            self._mark = ()
            return None
        given = digest_of(token)
        found = None
        for digest, caller in self._callers.items():  # all of them: the time tells nothing
            if hmac.compare_digest(digest, given):
                found = caller
        return found

    def _now(self) -> tuple[int, ...]:
        return _mark_of(self._path.stat())

    def _load(self) -> None:
        try:
            with open(self._path, "rb", opener=_open_at_once) as file:
                held = os.fstat(file.fileno())
                if not stat.S_ISREG(held.st_mode):
                    raise TokensError(f"{self._path} is no file")
                data = file.read(FILE_BYTES + 1)
        except OSError as error:
            raise TokensError(f"cannot read {self._path}: {error.strerror}") from None
        if held.st_mode & 0o077:
            raise TokensError(
                f"{self._path} may be read by others (mode {held.st_mode & 0o777:04o}): "
                f"chmod 600 {self._path}"
            )
        if held.st_uid not in {os.geteuid(), 0}:
            raise TokensError(f"{self._path} is another user's ({held.st_uid})")
        if len(data) > FILE_BYTES:
            raise TokensError(f"{self._path} has more than {FILE_BYTES} bytes")
        try:
            self._callers = tokens_in(data.decode())
        except UnicodeDecodeError:
            raise TokensError(f"{self._path}: not UTF-8 text") from None
        except TokensError as error:
            raise TokensError(f"{self._path}: {error}") from None
        self._mark = _mark_of(held)


def _mark_of(found: os.stat_result) -> tuple[int, ...]:
    """Return what tells a file's content from others; nobody can set the time of its change."""
    return (
        found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_mode,
        found.st_uid,
    )  # fmt: skip


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for somebody who writes
