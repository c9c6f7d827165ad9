"""The examples of a service and of a container, as far as that goes without running one."""

from __future__ import annotations

import configparser
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from openpit.cli.commands.serve import command
from openpit.cli.exits import Exit

pytestmark = pytest.mark.one_python

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "examples" / "deploy"
PROGRAM = "/opt/openpit/bin/openpit"


def options_of(line: list[str], folder: Path) -> dict[str, object]:
    """What the command makes of a line, with a configuration that is there."""
    config = folder / "limits.toml"
    config.write_text("")
    words = [str(config) if word == "/etc/openpit/limits.toml" else word for word in line]
    assert words[0] == "serve"
    return command.make_context("serve", words[1:]).params


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # as documented
    parser.read(DEPLOY / "openpit.service")
    return parser


def test_the_service_starts_what_there_is_and_waits_for_it_to_drain(tmp_path: Path) -> None:
    service = unit()["Service"]
    program, *line = shlex.split(service["ExecStart"])
    assert program == PROGRAM
    options = options_of(line, tmp_path)
    assert options["path"] == Path("/run") / service["RuntimeDirectory"] / "desk.sock"
    assert isinstance(options["drain"], float)
    assert options["drain"] < float(service["TimeoutStopSec"])
    assert (service["Type"], service["KillMode"]) == ("notify", "mixed")
    never = {Exit(int(code)) for code in service["RestartPreventExitStatus"].split()}
    assert never == {Exit.USAGE, Exit.BAD_CONFIG}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not there")
def test_systemd_takes_the_service(tmp_path: Path) -> None:
    program = tmp_path / "openpit"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = tmp_path / "openpit.service"
    path.write_text((DEPLOY / "openpit.service").read_text().replace(PROGRAM, str(program)))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert str(path) not in done.stderr


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage of the container's file."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: list[list[tuple[str, str]]] = []
    for line in lines:
        name, _, rest = line.partition(" ")
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest.strip()))
    return found


def test_the_container_runs_the_server_as_a_user_with_its_socket_in_a_volume(
    tmp_path: Path,
) -> None:
    _, last = stages()
    names = [name for name, _ in last]
    said = dict(last)
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert int(said["USER"]) > 0
    assert f"--uid {said['USER']}" in said["RUN"]
    assert json.loads(said["ENTRYPOINT"]) == [PROGRAM]
    options = options_of(json.loads(said["CMD"]), tmp_path)
    assert PurePosixPath(str(options["path"])).parent == PurePosixPath(said["VOLUME"])
    assert said["COPY"].startswith("--from=build ")


def test_what_the_container_copies_is_all_that_the_package_is_built_from(tmp_path: Path) -> None:
    first, _ = stages()
    sources = [word for name, rest in first if name == "COPY" for word in rest.split()[:-1]]
    ignored = (DEPLOY / "Containerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == set(sources)
    for source in sources:
        path = ROOT / source
        if path.is_dir():
            shutil.copytree(path, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, tmp_path / source)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=100,
    )
    (wheel,) = (tmp_path / "dist").iterdir()
    assert wheel.suffix == ".whl"
    assert ".[server]" in dict(first)["RUN"]
