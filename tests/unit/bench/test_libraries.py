"""The code that is run beside: a revision of a repository, or a folder."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bench.libraries import OURS, BadBaseline, folder_of, revision

pytestmark = pytest.mark.one_python

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


@pytest.fixture
def repository(tmp_path):
    """A repository whose library has learned to count, in two commits."""

    def git(*arguments):
        identity = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.com")
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True)

    git("init", "--quiet")
    (tmp_path / "openpit").mkdir()
    for number, text in enumerate(("COUNT = 1\n", "COUNT = 2\n"), start=1):
        (tmp_path / "openpit" / "__init__.py").write_text(text)
        git("add", ".")
        git("commit", "--quiet", "--no-gpg-sign", "-m", f"Count to {number}")
    return tmp_path


@needs_git
def test_a_revision_is_unpacked_as_it_was(repository):
    folder, subject = revision("HEAD~1", root=repository)

    assert (folder / "openpit" / "__init__.py").read_text() == "COUNT = 1\n"
    assert subject.endswith(" Count to 1")
    assert folder.parent == repository / "build" / "baseline"
    assert (repository / "openpit" / "__init__.py").read_text() == "COUNT = 2\n"


@needs_git
def test_a_revision_is_unpacked_once(repository):
    first, _ = revision("HEAD", root=repository)
    (first / "mark").touch()

    again, _ = revision("HEAD", root=repository)

    assert again == first
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    assert (again / "mark").exists()


@needs_git
@pytest.mark.parametrize("named", ["no-such-branch", "--all", ""])
def test_a_revision_that_is_not_there_is_refused_by_name(repository, named):
    with pytest.raises(BadBaseline, match=f"--baseline {named}: no such revision here"):
        revision(named, root=repository)


@needs_git
def test_without_a_repository_there_is_no_revision(tmp_path):
    with pytest.raises(BadBaseline, match="not a git repository"):
        revision("HEAD", root=tmp_path)


def test_a_folder_must_hold_the_library(tmp_path):
    assert folder_of(str(OURS)) == OURS
    with pytest.raises(BadBaseline, match=r"there is no openpit/__init__\.py in this folder"):
        folder_of(str(tmp_path))
