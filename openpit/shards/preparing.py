"""What a fresh interpreter is told about the program before it becomes a worker."""

from __future__ import annotations

import os
import sys
from typing import Any

from multiprocess import process

from openpit.wire.classes import is_main_imported

__all__ = ["preparation"]


def preparation(name: str) -> dict[str, Any]:
    """Return what ``multiprocess`` prepares a process with: path, arguments, main module.

    A program without a main module that could be imported (standard input, a prompt) has none
    imported. In a working directory that has been deleted, the worker just stays where it is.
    """
    path = list(sys.path)
    if "" in path and process.ORIGINAL_DIR is not None:
        path.append(process.ORIGINAL_DIR)  # the program may have moved since it imported from there
    told: dict[str, Any] = {
        "name": name,
        "authkey": process.current_process().authkey,
        "sys_path": path,
        "sys_argv": sys.argv,
        "orig_dir": process.ORIGINAL_DIR,
    }
    try:
        told["dir"] = os.getcwd()  # noqa: PTH109 - as text
    except FileNotFoundError:
        told["sys_path"] = list(filter(None, path))
    if is_main_imported():
        main = sys.modules["__main__"]
        spec = getattr(main, "__spec__", None)
        if spec is not None:
            told["init_main_from_name"] = spec.name
        else:
            told["init_main_from_path"] = os.path.join(  # noqa: PTH118 - as text
                process.ORIGINAL_DIR or "", str(main.__file__)
            )
    return told
