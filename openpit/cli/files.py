"""Files that a command writes: under their name whole, or not at all."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.streams import StdoutFile, is_stream

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["PART", "OutFile", "check_place", "opened", "refuse_overwriting", "write_whole"]

PART = ".part"
"""What follows the name until everything is written."""


class OutFile:
    """A file that gets its name, and takes the place of another, with :meth:`finish`.

    Until then it is ``NAME.part``. Without :meth:`finish` the part is removed, or stays with
    ``is_part_kept`` if there is anything in it. A device or a pipe is written to at once.

    Every method raises :class:`ExitError` if the file cannot be written.
    """

    def __init__(self, path: Path, *, is_text: bool = True, is_part_kept: bool = False) -> None:
        self.path = path
        self._is_part_kept = is_part_kept
        self.has_content = False
        self.is_finished = False
        try:
            self._target = Path(os.path.realpath(path))
            is_there = self._target.exists()
            self._is_direct = is_there and not self._target.is_file()
            self.part = self._target if self._is_direct else _beside(self._target)
            if is_there and not os.access(self._target, os.W_OK):
                raise PermissionError(13, "Permission denied")
            self._file: IO[Any] = (
                self.part.open("w", encoding="utf-8", newline="\n")
                if is_text
                else self.part.open("wb")
            )
            if is_there and not self._is_direct:
                shutil.copymode(self._target, self.part)
        except OSError as error:
            raise self._failed(error) from None

    def write(self, content: str | bytes) -> None:
        """Append text, or bytes."""
        self.has_content = True
        try:
            self._file.write(content)
        except OSError as error:
            raise self._failed(error) from None

    def finish(self) -> None:
        """Write what is left, and give the file its name."""
        try:
            self._file.close()
            if not self._is_direct:
                self.part.replace(self._target)
        except OSError as error:
            raise self._failed(error) from None
        self.is_finished = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.is_finished:
            return
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from None
        finally:
            if not self._is_direct and not (self._is_part_kept and self.has_content):
                self.part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> ExitError:
        return ExitError(Exit.IO_FAILED, f"cannot write {self.path}: {error.strerror}")


def opened(path: Path, *, is_text: bool = True, is_part_kept: bool = False) -> OutFile | StdoutFile:
    """Return a file to be written, stdout for ``-``.

    Raises:
        ExitError: it cannot be written.
    """
    return (
        StdoutFile()
        if is_stream(path)
        else OutFile(path, is_text=is_text, is_part_kept=is_part_kept)
    )


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file, or to stdout for ``-``.

    Raises:
        ExitError: it cannot be written.
    """
    with opened(path, is_text=isinstance(content, str)) as file:
        file.write(content)
        file.finish()


def check_place(path: Path) -> None:
    """Find out before a long work whether its result can be written; it opens and makes nothing.

    Raises:
        ExitError: it cannot be written.
    """
    if is_stream(path):
        return
    target = Path(os.path.realpath(path))
    try:
        if not stat.S_ISDIR(target.parent.stat().st_mode):
            raise NotADirectoryError(20, "Not a directory")
        is_there = target.exists()
        if target.is_dir():
            raise IsADirectoryError(21, "Is a directory")
        if is_there and not target.is_file():
            return  # a device or a pipe: its folder is of no matter
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise PermissionError(13, "no access to its folder")
        if is_there and not os.access(target, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise ExitError(Exit.IO_FAILED, f"cannot write {path}: {error.strerror}") from None


def refuse_overwriting(outputs: dict[str, Path | None], inputs: dict[str, Path | None]) -> None:
    """Refuse to write over what is read, and two results into one file; both by their options.

    Raises:
        UsageError: an output, or the part that it is until it is whole, is one of the others.
    """
    taken = {name: _place(path) for name, path in inputs.items() if _is_file(path)}
    for name, path in outputs.items():
        if path is None or not _is_file(path):
            continue
        target = Path(os.path.realpath(path))
        for place in (target, _beside(target)):
            for other, its in taken.items():
                if its == _place(place):
                    raise click.UsageError(f"{name} would overwrite {other}")
        taken[name] = _place(target)


def _is_file(path: Path | None) -> bool:
    """Tell whether a path is that of a file, or of none yet: anything may share a device."""
    return path is not None and not is_stream(path) and (path.is_file() or not path.exists())


def _place(path: Path | None) -> object:
    """Return what two paths have in common if they lead to one file."""
    assert path is not None  # noqa: S101 - those are left out before
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino


def _beside(path: Path) -> Path:
    return path.with_name(path.name + PART)
