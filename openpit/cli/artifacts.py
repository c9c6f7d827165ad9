"""The files that a load test leaves: its report as JSON, page, picture and histograms."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from openpit.cli.exits import Exit, ExitError
from openpit.cli.extra import loaded
from openpit.cli.files import check_place, refuse_overwriting, write_whole
from openpit.cli.request import NAMED
from openpit.cli.streams import is_stream, one_stream

if TYPE_CHECKING:
    from openpit.loadtest.report import Report

__all__ = ["check_outputs", "write"]

OPTIONS = {"--json": "json_", "--html": "html", "--png": "png"}
"""Options that take a file, and the names of their values."""


def check_outputs(options: dict[str, Any]) -> str | None:
    """Make the folders of the files to be written: no run is to be lost for the lack of one.

    Returns the option that takes stdout, None if none does.
    """
    files: dict[str, Path | None] = {option: options[name] for option, name in OPTIONS.items()}
    folder: Path | None = options["hgrm"]
    if is_stream(folder):
        raise click.UsageError("--hgrm is a folder, and cannot be -")
    machine = one_stream("stdout", files)
    config = options["config"]
    inputs = {
        "the configuration": None if config in NAMED else Path(config),
        "the workload": options["workload"],
    }
    refuse_overwriting(files, inputs)
    for path in (*files.values(), folder):
        if path is None or is_stream(path):
            continue
        needed = path if path is folder else path.parent
        try:
            needed.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExitError(Exit.IO_FAILED, f"cannot write {path}: {error.strerror}") from None
        if path is not folder:
            check_place(path)
        elif not os.access(needed, os.W_OK | os.X_OK):
            raise ExitError(Exit.IO_FAILED, f"cannot write {path}: no access to its folder")
    if options["png"] is not None:
        picture = loaded("openpit.loadtest.picture")
        if picture.find_chromium() is None:
            raise ExitError(Exit.NOT_FOUND, picture.MISSING)
    return machine


def write(report: Report, histograms: list[Any], options: dict[str, Any]) -> None:
    """Write the files that were asked for."""
    if path := options["json_"]:
        document = loaded("openpit.loadtest.report").as_document(report)
        write_whole(path, json.dumps(document, indent=1) + "\n")
    if path := options["hgrm"]:
        _write_histograms(path, histograms)
    if path := options["html"]:
        write_whole(path, loaded("openpit.loadtest.page").page(report))
    if path := options["png"]:
        _take_picture(path, report)


def _write_histograms(folder: Path, histograms: list[Any]) -> None:
    module = loaded("openpit.loadtest.histograms")
    named = {"merged": module.merged(histograms)}
    named |= {f"shard-{shard}": histogram for shard, histogram in enumerate(histograms)}
    for name, histogram in named.items():
        write_whole(folder / f"{name}.hgrm", module.hgrm_of(histogram))


def _take_picture(path: Path, report: Report) -> None:
    module = loaded("openpit.loadtest.picture")
    html = loaded("openpit.loadtest.page").page(report, is_picture=True)
    try:
        picture = module.take_picture(html)
    except module.NoChromiumError as error:
        raise ExitError(Exit.NOT_FOUND, str(error)) from None
    write_whole(path, picture)
