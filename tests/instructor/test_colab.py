"""Replica of Colab's runtimes with the current Python; `make colab` uses the Pythons of Colab."""

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import nbformat
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor import __main__ as command
from instructor.colab import environments, replica
from instructor.colab.environments import ListError, Runtime, RuntimeUnknownError
from instructor.notebooks.execute import NOTEBOOKS
from tests.conftest import SHARED

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def pins(path):
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", path.read_text(), re.MULTILINE))


@pytest.fixture
def runtime(tmp_path):
    """A runtime of this Python's version, without packages."""
    path = tmp_path / f"tiny-py{HERE}.txt"
    path.write_text("# nothing\n")
    return Runtime(path)


def test_both_runtimes_are_supported():
    assert [(one.name, one.python) for one in environments.runtimes()] == [
        ("2026.07-py3.12", "3.12"), ("latest-py3.13", "3.13"),
    ]  # fmt: skip
    with pytest.raises(RuntimeUnknownError, match=re.escape("choose one of: 2026.07-py3.12, latest")):
        environments.runtimes("2025.07")


@pytest.mark.parametrize("one", environments.runtimes(), ids=lambda one: one.name)
def test_the_packages_are_those_that_colab_has(one):
    here = pins(one.constraints)
    published = SHARED / "data" / "colab" / one.constraints.name
    if not published.is_file():
        pytest.skip("Colab's lists are not part of the project, and not on this machine")
    assert here.items() <= pins(published).items()


def test_a_runtime_is_updated_to_a_newer_list(runtime, tmp_path):
    runtime.constraints.write_text("# why\nkeras==3.13.2\nml_dtypes==0.5.4\n")
    published = tmp_path / "list.txt"
    published.write_text("keras-hub==9\nkeras==3.14.0\ntorch @ file:///wheel\nml_dtypes==0.6.0\n")
    environments.renew(runtime, published)
    assert runtime.constraints.read_text() == "# why\nkeras==3.14.0\nml_dtypes==0.6.0\n"
    published.write_text("keras==3.15.0\n")
    with pytest.raises(ListError, match="does not have ml_dtypes"):
        environments.renew(runtime, published)
    with pytest.raises(ListError, match="cannot be read"):
        environments.renew(runtime, tmp_path / "none.txt")
    assert "3.14.0" in runtime.constraints.read_text()
    assert command.main(["colab", "--renew", str(published)]) == 1  # which runtime does the list belong to?


@pytest.mark.parametrize("one", environments.runtimes(), ids=lambda one: one.name)
def test_substitutes_need_neither_gpu_nor_screen(one):
    names = {line.split("==")[0] for line in one.packages}
    assert "tensorflow-cpu" in names
    assert not names & set(environments.SUBSTITUTES)
    assert len(names) == len(pins(one.constraints)) + len(pins(environments.INSTALLED))
    assert not names & {"nbval", "pip", "pytest"}


def test_the_two_runtimes_have_colabs_two_versions_of_opencv():
    versions = {
        line.split("==")[1][:2]
        for one in environments.runtimes()
        for line in one.packages
        if "opencv" in line
    }
    assert versions == {"4.", "5."}


def test_a_python_that_does_not_start_is_not_used(runtime, tmp_path, monkeypatch):
    shim = tmp_path / "bin" / f"python{HERE}"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    assert environments.interpreter(runtime) is None
    kept = tmp_path / "pyenv" / "versions" / f"{HERE}.1" / "bin"
    kept.mkdir(parents=True)
    (kept / "python").symlink_to(sys.executable)
    assert environments.interpreter(runtime) == kept / "python"
    monkeypatch.delenv("PYENV_ROOT")
    monkeypatch.setenv("PATH", str(tmp_path / "pyenv" / "shims"))
    shim.parent.rename(tmp_path / "pyenv" / "shims")
    assert environments.interpreter(runtime) == kept / "python"


def test_the_environment_is_reused_until_its_packages_change(runtime, tmp_path, monkeypatch):
    made = []

    def run(words, **options):
        made.append(words)
        if "venv" in words:
            venv.create(words[-1], with_pip=False)
        return subprocess.CompletedProcess(words, 0)

    monkeypatch.setattr(environments.subprocess, "run", run)
    monkeypatch.setattr(environments, "_starts", lambda python, version: python.exists())
    folder = tmp_path / "venv"
    inside = environments.environment(runtime, Path(sys.executable), folder)
    assert inside == folder / "bin" / "python"
    assert "--no-deps" in made[1]
    assert environments.environment(runtime, Path(sys.executable), folder) == inside
    assert len(made) == 2
    runtime.constraints.write_text("numpy==2.0.2\n")
    environments.environment(runtime, Path(sys.executable), folder)
    assert len(made) == 4
    (folder / "packages.txt").unlink()  # as when pip was killed
    environments.environment(runtime, Path(sys.executable), folder)
    assert len(made) == 6


def test_a_failure_of_pip_is_reported(runtime, tmp_path, monkeypatch):
    monkeypatch.setattr(
        environments.subprocess, "run",
        lambda words, **_: (tmp_path / "venv").mkdir(exist_ok=True)
        or subprocess.CompletedProcess(words, int("pip" in words)),
    )  # fmt: skip
    with pytest.raises(environments.InstallError, match="tiny"):
        environments.environment(runtime, Path(sys.executable), tmp_path / "venv")


def test_a_notebook_in_the_replica_detects_colab(runtime, tmp_path):
    setup = next(cell for cell in nbformat.read(NOTEBOOKS[0], as_version=4).cells if cell.id == "setup")
    cells = [
        ("alone", "import os; assert sorted(os.listdir()) == ['course', 'tiny.ipynb'], os.listdir()"),
        ("setup", setup.source),
        ("trained", "assert open('course/runs/unet').read() == 'weights'"),
        ("colab", "assert course.colab and Path(config.__file__).parents[2].parent == Path.cwd()"),
        ("pip", "import subprocess\nassert subprocess.run([sys.executable, '-m', 'pip', 'list']).returncode"),
        ("python", "assert not os.system('python -c \"import numpy\"')"),
        ("same", "1 + 1"),
        ("other", "1 + 2"),
        ("wrong", "import warnings; warnings.warn('look'); 1 / 0"),
    ]
    notebook = nbformat.v4.new_notebook()
    for name, source in cells:
        notebook.cells.append(nbformat.v4.new_code_cell(source, id=name))
        if name in ("same", "other"):
            two = nbformat.v4.new_output("execute_result", {"text/plain": "2"}, execution_count=7)
            notebook.cells[-1].update(metadata={"tags": ["nbval-check-output"]}, outputs=[two])
    nbformat.write(notebook, tmp_path / "tiny.ipynb")
    (tmp_path / "home" / "runs").mkdir(parents=True)
    (tmp_path / "home" / "runs" / "unet").write_text("weights")
    (report,) = replica.run_in_replica(
        runtime, Path(sys.executable), [tmp_path / "tiny.ipynb"], tmp_path / "out", tmp_path / "home"
    )
    assert report["error"] == "tiny.ipynb, cell 'wrong': ZeroDivisionError: division by zero"
    assert list(report["stderr"]) == ["wrong"]
    assert report["differing"] == ["other"]
    assert list(report["seconds"]) == [name for name, _ in cells]
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written["versions"]["Python"].startswith(HERE)
    assert written["notebooks"] == [report]
    assert (tmp_path / "out" / "tiny.html").is_file()
    assert "JUPYTER_PATH" not in os.environ or "colab-" not in os.environ["JUPYTER_PATH"]


@pytest.mark.parametrize(
    ("stored", "shown", "same"),
    [
        ("max 12798 px", "max 12796 px", True),
        ("max 12798 px", "max 12698 px", False),
        ("Correct.", "Not yet.", False),
        ("2 of 240", "3 of 240", False),
        ("0.50 1", "0.50", False),
        ("0 of 5", "0 of 5", True),
    ],
)
def test_numbers_may_differ_by_a_thousandth(stored, shown, same):
    assert replica._same(shown, stored) == same


def test_a_runtime_without_its_python_is_skipped_with_the_reason(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("instructor.colab.cli.interpreter", lambda runtime: None)
    assert command.main(["colab", "--out", str(tmp_path)]) == 0
    assert "2026.07-py3.12: skipped, there is no Python 3.12 on this machine" in capsys.readouterr().out
    assert command.main(["colab", "--runtime", "nightly"]) == 1


def test_nothing_in_the_course_calls_pip():
    """Except for one cell, whose package the replicas have."""
    cells = [cell for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells]
    sources = [cell.source for cell in cells if cell.id != "install"]
    sources += [path.read_text() for path in (COURSE_FOLDER / "helpers").rglob("*.py")]
    assert not [source for source in sources if re.search(r"[%!]pip\b|pip install|['\"]pip['\"]", source)]
