"""Tests of helpers/_common.py: how a student's error looks in a notebook; unfinished folders."""

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers._common import HOST, LINE_WIDTH, CourseError, unfinished_folder


class ExampleError(CourseError):
    pass


def test_is_a_value_error():
    assert issubclass(CourseError, ValueError)


def test_shows_name_and_message_in_one_line():
    assert ExampleError("1.mat is empty.")._render_traceback_() == ["ExampleError: 1.mat is empty."]


def test_wraps_long_messages_but_keeps_paths_whole():
    path = "/content/course/" + "a-folder/" * 20 + "1.mat"
    lines = ExampleError(f"{path} is empty. " + "Download it again. " * 20)._render_traceback_()
    assert any(path in line for line in lines)
    assert all(len(line) <= LINE_WIDTH for line in lines if path not in line)


def test_keeps_the_message_s_own_lines():
    assert ExampleError("first\n\nthird")._render_traceback_() == [
        "ExampleError: first",
        "",
        "third",
    ]


def test_an_error_without_a_message_still_shows_its_name():
    assert ExampleError()._render_traceback_() == ["ExampleError:"]


def test_survives_pickling():
    assert str(pickle.loads(pickle.dumps(CourseError("1.mat is empty.")))) == "1.mat is empty."


def test_ipython_prints_the_message_and_no_traceback(capsys):
    shell_module = pytest.importorskip("IPython.core.interactiveshell")
    shell = shell_module.InteractiveShell.instance()
    result = shell.run_cell("from helpers._common import CourseError\nraise CourseError('1.mat is empty.')")
    shown = "".join(capsys.readouterr())
    assert isinstance(result.error_in_exec, CourseError)
    assert "CourseError: 1.mat is empty." in shown
    assert "Traceback" not in shown and "---" not in shown


def test_nbclient_still_records_an_error_output():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    source = "from helpers._common import CourseError\nraise CourseError('1.mat is empty.')"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, allow_errors=True, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.output_type == "error"
    assert (output.ename, output.evalue) == ("CourseError", "1.mat is empty.")
    assert output.traceback == ["CourseError: 1.mat is empty."]


# ---- unfinished folders ----


def fill(target):
    with unfinished_folder(target, lambda: False) as partial:
        (partial / "file").write_text("new")


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a" / "set"
    fill(target)
    (target / "old").write_text("x")
    with pytest.raises(KeyboardInterrupt), unfinished_folder(target, lambda: False) as partial:
        assert partial.parent == target.parent and list(partial.iterdir()) == []
        raise KeyboardInterrupt
    assert (target / "old").exists()
    fill(target)
    assert [path.name for path in target.iterdir()] == ["file"]
    assert [path.name for path in target.parent.iterdir()] == ["set"]


def test_a_folder_that_cannot_get_its_name_leaves_the_old_one(tmp_path, monkeypatch):
    target = tmp_path / "set"
    target.mkdir()
    (target / "old").write_text("x")
    rename = Path.rename

    def locked(path, new):
        if new == target and not path.name.endswith("-old"):
            raise PermissionError(13, "locked", str(path))
        return rename(path, new)

    monkeypatch.setattr(Path, "rename", locked)
    with pytest.raises(PermissionError, match="locked"):
        fill(target)
    assert list(tmp_path.iterdir()) == [target]
    assert [path.name for path in target.iterdir()] == ["old"]


def test_the_old_folder_is_not_taken_for_a_leftover_meanwhile(tmp_path, monkeypatch):
    target = tmp_path / "set"
    target.mkdir()
    (target / "old").write_text("x")
    os.utime(target, (0, 0))  # older than this process
    rename = Path.rename

    def locked(path, new):
        if new == target and not path.name.endswith("-old"):
            with pytest.raises(KeyboardInterrupt), unfinished_folder(target, lambda: False):
                raise KeyboardInterrupt  # another call, which removes leftovers first
            raise PermissionError(13, "locked", str(path))
        return rename(path, new)

    monkeypatch.setattr(Path, "rename", locked)
    with pytest.raises(PermissionError):
        fill(target)
    assert (target / "old").exists()


def test_only_folders_of_ended_processes_are_removed(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    start = f"set.partial-{HOST}"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as running:
        kept = [tmp_path / f"{start}-{running.pid}-a", tmp_path / f"other.partial-{HOST}-{ended.pid}-a"]
        reused = tmp_path / f"{start}-{running.pid}-b"  # older than the process that has the number now
        gone = [tmp_path / f"{start}-{ended.pid}-a-old", tmp_path / f"{start}-x", reused]
        for folder in [*kept, *gone]:
            folder.mkdir()
        os.utime(reused, (0, 0))
        fill(tmp_path / "set")
        assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "set"])
        running.communicate(b"\n")


def test_folders_of_another_computer_are_removed_after_a_day(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    hours = {23: tmp_path / f"set.partial-0-{ended.pid}-a", 25: tmp_path / f"set.partial-0-{os.getpid()}-b"}
    for age, folder in hours.items():
        folder.mkdir()
        os.utime(folder, (time.time() - age * 3600,) * 2)
    with unfinished_folder(tmp_path / "set", lambda: False) as partial:
        assert partial.name.startswith(f"set.partial-{HOST}-{os.getpid()}-")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "set", hours[23]]
