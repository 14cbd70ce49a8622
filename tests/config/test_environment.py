import importlib.metadata
import platform
import subprocess
import sys

import pytest

from helpers.config import environment

AS_TESTED = {"Python": "3.13.7", "TensorFlow": "2.20.1", "Keras": "3.13.9", "NumPy": "2.0.9"}


def test_what_is_installed_is_found_without_loading_it():
    here = environment.installed()
    assert here["Python"] == platform.python_version()
    assert here["Keras"] == importlib.metadata.version("keras")
    assert set(here) == {"Python", *environment.PACKAGES}
    assert f"Keras {here['Keras']}" in environment.versions_line()


def test_every_library_has_been_tested_in_every_runtime():
    known = environment.tested()
    assert known["Python"] == ["3.12", "3.13"]
    assert set(known) == {"Python", *environment.PACKAGES}
    assert {len(versions) for versions in known.values()} == {2}


def test_the_versions_tested_are_not_warned_of(monkeypatch):
    monkeypatch.setattr(environment, "gpu_name", lambda: "Tesla T4")
    assert environment.untested(AS_TESTED) == []
    assert environment.advice(AS_TESTED) == {}
    for which in (0, -1):
        assert (
            environment.untested({name: found[which] for name, found in environment.tested().items()}) == []
        )


@pytest.mark.parametrize(
    ("library", "version", "words"),
    [
        ("Keras", "4.0.0rc1", "Keras 4.0.0rc1 (tested: 3.13)"),
        ("Keras", "3.9", "Keras 3.9 (tested: 3.13)"),
        ("NumPy", "3", "NumPy 3 (tested: 2.0 to 2.1)"),
        ("Python", "3.14.0+", "Python 3.14.0+ (tested: 3.12 to 3.13)"),
        ("TensorFlow", "2.100.0.dev1", "TensorFlow 2.100.0.dev1 (tested: 2.20)"),
    ],
)
def test_others_are_warned_of_with_what_to_click(library, version, words):
    here = AS_TESTED | {library: version}
    assert environment.untested(here) == [words]
    line = environment.advice(here)["Untested"]
    assert line.startswith(f"{words}. That may well work.")
    assert "Runtime > Change runtime type > Runtime version > 2026.07" in line


def test_a_gpu_is_missed_where_there_is_none(monkeypatch):
    monkeypatch.setattr(environment, "gpu_name", lambda: None)
    assert "Change runtime type > T4 GPU" in environment.advice(AS_TESTED)["GPU"]


def test_it_loads_no_framework():
    program = "import sys; from helpers.config import settings; settings.start(); print(sorted(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=environment.COURSE_FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"'tensorflow'", "'keras'"} & set(answer.stdout.split(", "))
