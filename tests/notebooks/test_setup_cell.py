"""The setup cell, in an otherwise empty folder as in Colab, with a repository on this disk as the web."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from instructor.colab.replica import environment, make_remote
from instructor.notebooks.execute import NOTEBOOKS
from instructor.notebooks.publishing import published

ADDRESS = published()
FOLDER = f"{ADDRESS.name.split('/')[1]}-{ADDRESS.version}"
PROBE = "\nimport helpers; print('Loaded from', helpers.__path__[0])"


@pytest.fixture(scope="module")
def source():
    cells = nbformat.read(NOTEBOOKS[0], as_version=4).cells
    return next(cell.source for cell in cells if cell.id == "setup") + PROBE


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    """The published repository, with the archive that GitHub offers for the tag."""
    folder = make_remote(tmp_path_factory.mktemp("web") / ADDRESS.name.split("/")[1])
    (folder / "archive").mkdir()
    words = ["archive", f"--prefix={FOLDER}/", "-o", f"archive/v{ADDRESS.version}.zip", "HEAD"]
    subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@pytest.fixture
def content(tmp_path):
    folder = tmp_path / "content"
    folder.mkdir()
    return folder


def run(source, content, remote, **variables):
    """Run the cell as in a new kernel; return its status, output and standard error."""
    inside = environment(Path(sys.executable), content, remote) | variables
    answer = subprocess.run(
        [sys.executable, "-c", source], cwd=content, env=os.environ | inside, capture_output=True, text=True
    )
    return answer.returncode, answer.stdout, answer.stderr


def assert_it_runs(source, content, remote, **variables):
    status, out, errors = run(source, content, remote, **variables)
    assert (status, errors) == (0, "")
    assert f"Loaded from {content / FOLDER / 'helpers'}" in out
    assert out.startswith(f"Course   version {ADDRESS.version}")


def without_git(tmp_path, source, remote):
    """Return the cell with an archive on this disk, and a PATH without git."""
    (tmp_path / "empty").mkdir(exist_ok=True)
    return source.replace(ADDRESS.repository, remote.as_uri()), str(tmp_path / "empty")


def test_the_banner_shows_the_device_and_what_to_click(source, content, remote):
    _, out, _ = run(source, content, remote)
    for words in ("240 synthetic slices", "GB of memory", "GB of disk free", "Keras ", "KEEP_ON_DRIVE"):
        assert words in out
    assert ("Runtime > Change runtime type > T4 GPU" in out) == ("no GPU" in out)


def test_it_runs_twice_and_after_a_restart(source, content, remote, tmp_path):
    assert_it_runs(source + "\n" + source, content, remote)
    nowhere = tmp_path / "nowhere"  # the second time, nothing is fetched
    assert_it_runs(source, content, nowhere)
    assert not list(content.glob("*/*/.git"))


def test_it_fetches_the_tag_and_not_later_commits(source, content, remote, tmp_path):
    later = shutil.copytree(remote, tmp_path / "later" / remote.name)
    (later / "helpers" / "config" / "settings.py").write_text("raise ValueError('the next version')")
    author = ["-c", "user.name=replica", "-c", "user.email=replica@localhost"]
    subprocess.run(["git", *author, "commit", "-qam", "Later"], cwd=later, check=True)
    assert_it_runs(source, content, later)


def test_without_git_it_fetches_the_archive(source, content, remote, tmp_path):
    elsewhere, empty = without_git(tmp_path, source, remote)
    assert_it_runs(elsewhere, content, remote, PATH=empty)
    assert not (content / FOLDER / ".git").exists()


@pytest.mark.parametrize("git", [True, False])
@pytest.mark.parametrize("left", ["a clone cut off", "half of the files", "broken files"])
def test_an_incomplete_course_is_completed(source, content, remote, tmp_path, left, git):
    half = content / FOLDER
    if left == "a clone cut off":
        (half / ".git" / "objects").mkdir(parents=True)
        (half / ".git" / "index.lock").touch()
    else:
        shutil.copytree(remote, half)
        (half / "helpers" / "config" / "environment.py").unlink()
        if left == "broken files":
            (half / "helpers" / "config" / "settings.py").write_text("def (")
    elsewhere, empty = without_git(tmp_path, source, remote)
    assert_it_runs(elsewhere, content, remote, **({} if git else {"PATH": empty}))
    assert_it_runs(source, content, remote)


def test_a_students_changes_are_kept(source, content, remote):
    run(source, content, remote)
    mine = content / FOLDER / "helpers" / "splits.py"
    mine.write_text(mine.read_text() + "\nMINE = True\n")
    assert_it_runs(source, content, remote)
    assert "MINE" in mine.read_text()


def test_without_a_network_it_prints_one_line(source, content, tmp_path):
    elsewhere, _ = without_git(tmp_path, source, tmp_path / "nowhere")
    status, out, errors = run(elsewhere, content, tmp_path / "nowhere")
    assert (status, out) == (1, "")
    assert len(errors.splitlines()) == 1
    assert "Check the network, then run this again." in errors


@pytest.mark.parametrize("folder", ["notebooks", "notebooks/beyond", "notebooks/student/beyond"])
def test_in_a_checkout_nothing_is_fetched(source, remote, tmp_path, folder):
    notebooks = shutil.copytree(remote, tmp_path / "checkout") / folder
    status, out, errors = run(source, notebooks, tmp_path / "nowhere")
    assert (status, errors) == (0, "")
    assert f"Loaded from {tmp_path / 'checkout' / 'helpers'}" in out
    assert not (notebooks / FOLDER).exists()


def test_it_runs_without_access_to_drive(source, content, remote):
    ticked = source.replace("KEEP_ON_DRIVE = False", "KEEP_ON_DRIVE = True")
    assert ticked != source
    status, out, errors = run(ticked, content, remote)
    assert (status, errors) == (0, "")
    assert out.startswith("Google Drive is not mounted (mount failed); the course continues without it.\n")
    assert "what you train is lost" in out


def test_another_module_called_helpers_is_named(source, content, remote):
    (content / "helpers.py").write_text("mine = True\n")
    status, _, errors = run(f"import helpers\n{source}", content, remote)
    assert status == 1
    assert errors.startswith(f"Another 'helpers' is loaded ({content / 'helpers.py'}). Restart")
    assert_it_runs(source, content, remote)  # in a kernel that has not imported it
