"""The path that a server listens at."""

from __future__ import annotations

import fcntl
import os
import stat
from typing import TYPE_CHECKING

import pytest

from openpit.server.address import OWN, Address, AddressInUseError, check_free

if TYPE_CHECKING:
    from pathlib import Path


def test_a_living_servers_socket_stays_and_a_dead_ones_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert not check_free(str(path))
    living = Address(str(path), OWN, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(AddressInUseError, match="a server listens there already"):
        Address(str(path), OWN, 1)
    living.socket.close()
    assert check_free(str(path))
    again = Address(str(path), OWN, 1)
    again.remove()
    again.socket.close()
    assert not path.exists()


def test_another_servers_path_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "s"
    mine = Address(str(path), OWN, 1)
    path.unlink()
    other = Address(str(path), OWN, 1)
    mine.remove()
    assert path.exists()
    other.remove()
    assert not path.exists()
    for address in (mine, other):
        address.socket.close()


def test_what_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(AddressInUseError, match="something that is no socket is there"):
        Address(str(path), OWN, 1)
    assert path.read_text() == "mine"


def test_a_folder_that_somebody_keeps_locked_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openpit.server.address.LOCK_SECONDS", 0.05)
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with pytest.raises(AddressInUseError, match="another program keeps the folder locked"):
        Address(f"{tmp_path}/s", OWN, 1)
    os.close(folder)
    Address(f"{tmp_path}/s", OWN, 1).socket.close()


def test_what_the_system_says_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Address(f"{tmp_path}/none/s", OWN, 1)
    with pytest.raises(OSError, match="too long"):
        Address(f"{tmp_path}/{'s' * 120}", OWN, 1)
