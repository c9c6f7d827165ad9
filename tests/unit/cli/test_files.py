from __future__ import annotations

from pathlib import Path

import pytest
from click import UsageError

from openpit.cli.exits import Exit, ExitError
from openpit.cli.files import OutFile, check_place, refuse_overwriting, write_whole


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "decisions.jsonl"


def test_a_file_takes_its_place_when_it_is_whole(path: Path) -> None:
    path.write_text("of yesterday")
    path.chmod(0o640)

    with OutFile(path) as file:
        file.write("one\n")
        file.write("two\n")
        assert path.read_text() == "of yesterday"
        file.finish()

    assert path.read_text() == "one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_what_is_not_whole_leaves_the_name_alone(path: Path) -> None:
    path.write_text("of yesterday")

    with OutFile(path) as file:
        file.write("one\n")

    assert path.read_text() == "of yesterday"
    assert list(path.parent.iterdir()) == [path]


def test_a_part_may_be_kept_under_a_name_of_its_own(path: Path) -> None:
    with OutFile(path, is_part_kept=True) as file:
        file.write("one\n")

    assert not path.exists()
    assert path.with_name("decisions.jsonl.part").read_text() == "one\n"


def test_an_empty_part_is_not_kept(path: Path) -> None:
    with OutFile(path, is_part_kept=True):
        pass

    assert list(path.parent.iterdir()) == []


def test_a_place_is_checked_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "new", tmp_path / "file", Path("/dev/null"), Path("-")):
        check_place(place)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]

    for place, why in (
        ("none/new", "No such file or directory"),
        (".", "Is a directory"),
        ("file/new", "Not a directory"),
    ):
        with pytest.raises(ExitError) as caught:
            check_place(tmp_path / place)
        assert str(caught.value) == f"cannot write {tmp_path / place}: {why}"


def test_nothing_is_written_over_what_is_read(tmp_path: Path) -> None:
    flow = tmp_path / "flow.jsonl"
    part = tmp_path / "other.jsonl.part"
    link = tmp_path / "link"
    for file in (flow, part):
        file.touch()
    link.hardlink_to(flow)

    for out in (flow, link, tmp_path / ".." / tmp_path.name / "flow.jsonl"):
        with pytest.raises(UsageError, match="--out would overwrite the flow"):
            refuse_overwriting({"--out": out, "--json": None}, {"the flow": flow})
    with pytest.raises(UsageError, match="--out would overwrite the flow"):
        refuse_overwriting({"--out": tmp_path / "other.jsonl"}, {"the flow": part})
    with pytest.raises(UsageError, match="--json would overwrite --out"):
        refuse_overwriting({"--out": tmp_path / "new", "--json": tmp_path / "new"}, {})


def test_a_device_may_take_everything(tmp_path: Path) -> None:
    null = Path("/dev/null")

    refuse_overwriting({"--out": null, "--json": null}, {"the flow": null})
    refuse_overwriting({"--out": tmp_path / "a", "--json": tmp_path / "b"}, {"the flow": Path("-")})


def test_a_link_stays_one(path: Path) -> None:
    link = path.with_name("latest")
    link.symlink_to(path.name)

    write_whole(link, "all\n")

    assert link.is_symlink()
    assert path.read_text() == "all\n"


def test_a_device_is_written_to_at_once() -> None:
    write_whole(Path("/dev/null"), "all\n")

    assert not Path("/dev/null.part").exists()
    assert not Path("/dev/null").is_file()


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ExitError) as caught:
        write_whole(tmp_path / "none" / "file", "all\n")

    assert caught.value.exit_code == Exit.IO_FAILED
    assert str(caught.value) == f"cannot write {tmp_path}/none/file: No such file or directory"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk() -> None:
    with pytest.raises(ExitError) as caught:
        write_whole(Path("/dev/full"), "all\n")

    assert str(caught.value) == "cannot write /dev/full: No space left on device"
