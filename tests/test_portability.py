"""Portability: Windows and macOS, conda, and machines without a network."""

import ast
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from helpers.config import environment, settings
from helpers.config.environment import COURSE_FOLDER
from instructor.notebooks.execute import NOTEBOOKS

RUNTIMES = sorted((COURSE_FOLDER / "colab").glob("*-py*.txt"))
INSTALLED = COURSE_FOLDER / "colab" / "installed.txt"
POSIX_MODULES = {"crypt", "fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
# Names of `os`, `signal` and `time` that Windows lacks.
POSIX_NAMES = {
    "os": re.compile(
        r"fork|forkpty|get(e?[ug]id|pgid|pgrp|ppgid|sid|loadavg|priority|groups)|set(sid|pgid|[ug]id|priority)"
        r"|killpg|uname|sysconf|f?chown|lchown|mkfifo|mknod|nice|sched_\w+|f?statvfs|wait(id|3|4)|posix_\w+|W[A-Z]+"
        r"|O_(DIRECTORY|NOFOLLOW|DIRECT|SYNC|CLOEXEC|NONBLOCK)|register_at_fork|pread|pwrite|openpty|chroot|symlink"
    ),
    "signal": re.compile(
        r"SIG(KILL|HUP|USR[12]|ALRM|CHLD|STOP|CONT|PIPE|QUIT)|alarm|setitimer|pause|pthread_\w+"
    ),
    "time": re.compile(r"tzset|clock_\w+"),
}  # fmt: skip
POSIX_OPTIONS = {"preexec_fn", "start_new_session", "pass_fds", "process_group", "dir_fd", "shell"}
POSIX_PATH = re.compile(r"^/(tmp|proc|dev|bin|usr|etc|var|home|mnt|root|content|sys)\b")
# Each of these is reached only on a machine that has it.
GUARDED = {
    ("drive.py", "/content/drive/MyDrive"): "tested with is_dir",
    ("download.py", "/content"): "tested with is_file",
    ("settings.py", "/content/course"): "only if on_colab",
    ("environment.py", "/proc/self/status"): "tested with is_file",
    ("environment.py", "resource"): "imported after Windows has returned",
}
TEXT_METHODS = {"read_text", "write_text"}


def findings(path):
    """(what, line) of each POSIX-only thing in a file, and of each text file without an encoding."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        yield from ((what, node.lineno) for what in found_in(node))


def found_in(node):
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names if name.name.split(".")[0] in POSIX_MODULES)
    elif isinstance(node, ast.ImportFrom):
        if node.module in POSIX_MODULES:
            yield node.module
        yield from (name.name for name in node.names if posix_name(node.module, name.name))
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if posix_name(node.value.id, node.attr):
            yield f"{node.value.id}.{node.attr}"
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and POSIX_PATH.match(node.value):
        yield node.value
    elif isinstance(node, ast.Call):
        options = {keyword.arg for keyword in node.keywords}
        yield from sorted(options & POSIX_OPTIONS)
        if (
            isinstance(node.func, ast.Attribute)
            and node.func.attr in TEXT_METHODS
            and "encoding" not in options
        ):
            yield f"{node.func.attr} without an encoding"


def posix_name(module, name):
    return module in POSIX_NAMES and POSIX_NAMES[module].fullmatch(name)


def test_the_lint_finds_posix_only_code(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import fcntl\nfrom os import fork\nimport os, signal, subprocess\nos.getuid()\nsignal.SIGKILL\n"
        "subprocess.Popen([], start_new_session=True)\nopen('/tmp/x')\npath.read_text()\n"
    )
    assert [what for what, _ in sorted(findings(bad), key=lambda found: found[1])] == [
        "fcntl", "fork", "os.getuid", "signal.SIGKILL", "start_new_session", "/tmp/x",
        "read_text without an encoding",
    ]  # fmt: skip


def test_helpers_call_nothing_that_only_posix_has():
    found = {
        (path.name, what): f"{path.name}:{line}: {what}"
        for path in sorted((COURSE_FOLDER / "helpers").rglob("*.py"))
        for what, line in findings(path)
    }
    assert [text for key, text in found.items() if key not in GUARDED] == []
    assert set(GUARDED) <= set(found), "a guard that guards nothing"


def test_peak_memory_on_windows(monkeypatch):
    class Process:
        def memory_info(self):
            return type("Memory", (), {"peak_wset": 12345})

    monkeypatch.setattr(environment.Path, "is_file", lambda path: False)
    monkeypatch.setattr(environment.sys, "platform", "win32")
    monkeypatch.setattr(psutil, "Process", Process)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert environment.peak_bytes() == 12345


def test_kaggle_is_not_colab(monkeypatch):
    """Kaggle's image is made from Colab's, and has Colab's package too."""
    monkeypatch.setattr(settings.importlib.util, "find_spec", lambda name: object())
    monkeypatch.delenv("KAGGLE_KERNEL_RUN_TYPE", raising=False)
    assert settings.on_colab()
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert not settings.on_colab()


# ---- the same packages everywhere ----


def requirements():
    lines = (COURSE_FOLDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line.split("#")[0]) for line in lines if line.split("#")[0].strip()]
    return {one.name: one.specifier for one in found}


def test_conda_installs_the_same_packages():
    lines = (COURSE_FOLDER / "environment.yml").read_text(encoding="utf-8").split("dependencies:")[1]
    words = [line.split("#")[0].strip().removeprefix("- ") for line in lines.splitlines()]
    python, *others = [word for word in words if word]
    project = (COURSE_FOLDER / "pyproject.toml").read_text(encoding="utf-8")
    expected = re.search(r'requires-python = "(.+)"', project)[1]
    assert SpecifierSet(python.removeprefix("python")) == SpecifierSet(expected)
    # The ranges are in requirements.txt alone, so that conda doesn't choose other versions first.
    assert others == ["jupyterlab", "pip", "pip:", "-r requirements.txt"]


def pinned(path):
    pins = re.findall(r"^([\w.-]+)==(\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pins}


@pytest.mark.parametrize("path", RUNTIMES, ids=lambda path: path.stem)
def test_installing_optuna_changes_no_package_of_colab(path):
    """What is installed requires only what is there, in a version that will do, or is installed with it."""
    there, installed = pinned(path), pinned(INSTALLED)
    assert not there.keys() & installed.keys()
    runtime = {"python_version": path.stem.rpartition("-py")[2], "extra": ""}
    for name in installed:
        for line in importlib.metadata.requires(name) or []:
            required = Requirement(line)
            if required.marker is None or required.marker.evaluate(runtime):
                found = (there | installed)[canonicalize_name(required.name)]
                assert found in required.specifier, f"{name} requires {line}; Colab has {found}"


def test_a_notebook_installs_what_its_replicas_have():
    (path,) = (path for path in NOTEBOOKS if path.stem == "hyperparameters")
    cells = nbformat.read(path, as_version=4).cells
    lines = [line.strip() for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    version = pinned(INSTALLED)["optuna"]
    assert [line for line in lines if line.startswith(("%", "!"))] == [f"%pip install -q optuna=={version}"]
    assert version in requirements()["optuna"]


@pytest.mark.parametrize("path", RUNTIMES, ids=lambda path: path.stem)
def test_the_ranges_admit_what_colab_has(path):
    versions = pinned(path)
    versions["opencv-python-headless"] = next(
        version for name, version in versions.items() if name.startswith("opencv")
    )
    missing = set()
    for name, admitted in requirements().items():
        if name in versions:
            assert versions[name] in admitted, f"{name} {versions[name]}"
        else:
            missing.add(name)
    # One is installed in Colab; the other writes grades, outside Colab.
    assert missing <= {"optuna", "openpyxl"}


# ---- without a network ----

BLOCKED = """
import socket, sys

def refuse(*arguments, **options):
    raise AssertionError(f"the network was used: {arguments}")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
import matplotlib
matplotlib.use("agg")
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for source in SOURCES:
    shell.run_cell(source).raise_error()
print("all cells ran")
"""


def test_notebook_01_needs_no_network_once_the_data_is_there(phantom_folder, tmp_path):
    cells = nbformat.read(NOTEBOOKS[0], as_version=4).cells
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    environ = os.environ | {"COURSE_DATA": str(phantom_folder), "COURSE_HOME": str(tmp_path)}
    answer = subprocess.run(
        [sys.executable, "-c", BLOCKED.replace("SOURCES", repr(sources))],
        cwd=COURSE_FOLDER, env=environ | {"IPYTHONDIR": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert answer.stdout.endswith("all cells ran\n"), (answer.stdout + answer.stderr)[-3000:]
    assert Path(tmp_path / "datasets").is_dir()
