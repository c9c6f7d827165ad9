"""Files that a command writes: under their name whole, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from openpit.cli.exits import Exit, ExitError

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["PART", "OutFile", "write_whole"]

PART = ".part"
"""What follows the name until everything is written."""


class OutFile:
    """A file that gets its name, and takes the place of another, with :meth:`finish`.

    Until then it is ``NAME.part``. Without :meth:`finish` the part stays, or is removed unless
    ``is_part_kept``. A device or a pipe is written to at once.

    Every method raises :class:`ExitError` if the file cannot be written.
    """

    def __init__(self, path: Path, *, is_text: bool = True, is_part_kept: bool = False) -> None:
        self.path = path
        self._is_part_kept = is_part_kept
        self._is_finished = False
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
        self._is_finished = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self._is_finished:
            return
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from None
        finally:
            if not self._is_direct and not self._is_part_kept:
                self.part.unlink(missing_ok=True)

    def _failed(self, error: OSError) -> ExitError:
        return ExitError(Exit.IO_FAILED, f"cannot write {self.path}: {error.strerror}")


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file.

    Raises:
        ExitError: it cannot be written.
    """
    with OutFile(path, is_text=isinstance(content, str)) as file:
        file.write(content)
        file.finish()


def _beside(path: Path) -> Path:
    return path.with_name(path.name + PART)
