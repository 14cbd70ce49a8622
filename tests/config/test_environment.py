import importlib.metadata
import os
import platform
import subprocess
import sys

import numpy as np
import pytest

from helpers.config import environment, settings

AS_TESTED = {"Python": "3.13.7", "TensorFlow": "2.20.1", "Keras": "3.13.9", "NumPy": "2.0.9"}


def test_installed_versions_are_found_without_importing_the_libraries():
    here = environment.installed()
    assert here["Python"] == platform.python_version()
    assert here["Keras"] == importlib.metadata.version("keras")
    assert set(here) == {"Python", *environment.PACKAGES}


def test_every_library_has_been_tested_in_every_runtime():
    known = environment.tested()
    assert known["Python"] == ["3.12", "3.13"]
    assert set(known) == {"Python", *environment.PACKAGES}
    assert {len(versions) for versions in known.values()} == {2}


def test_tested_versions_cause_no_warning():
    assert environment.untested(AS_TESTED) == []
    assert environment.advice("Tesla T4", AS_TESTED) == {}
    for which in (0, -1):
        versions = {name: found[which] for name, found in environment.tested().items()}
        assert environment.untested(versions) == []


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
def test_untested_versions_cause_a_warning_with_what_to_click(library, version, words):
    here = AS_TESTED | {library: version}
    assert environment.untested(here) == [words]
    line = environment.advice("Tesla T4", here)["Untested"]
    assert line.startswith(f"{words}. It will probably work.")
    assert "Runtime > Change runtime type > Runtime version > 2026.07" in line


def test_a_missing_gpu_is_reported_with_what_to_click():
    assert "Change runtime type > T4 GPU" in environment.advice(None, AS_TESTED)["GPU"]


def test_the_banner_says_what_runs(tmp_path):
    text = environment.banner(settings.load({"COURSE_HOME": str(tmp_path)}))
    keras = f"Keras {importlib.metadata.version('keras')}"
    for words in ("240 synthetic slices", "quick", "3064 real slices", "CPU cores", keras, str(tmp_path)):
        assert words in text


def test_the_banner_names_no_folder_above_the_course():
    assert str(environment.COURSE_FOLDER) not in environment.banner(settings.load({}))


def test_peak_memory_includes_an_array_that_is_gone():
    before = environment.peak_bytes()
    used = np.ones(200_000_000 // 8).nbytes
    assert environment.peak_bytes() >= max(before, used)


def test_there_is_always_a_device():
    assert environment.device()


def test_start_loads_no_framework():
    program = "import sys; from helpers.config import settings; settings.start(); print(sorted(sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=environment.COURSE_FOLDER,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"'tensorflow'", "'keras'"} & set(answer.stdout.split(", "))


def test_keras_is_loaded_without_messages_of_tensorflow():
    program = "from helpers import config; config.start(); config.load_keras(); open(2, 'w').write('2')"
    environ = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=settings.COURSE_FOLDER,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert answer.stderr == "2"  # standard error works again
    assert answer.stdout.splitlines()[-1].startswith("Keras 3.")


@pytest.mark.skipif(sys.platform == "win32", reason="the shell closes it")
def test_keras_is_loaded_without_standard_error(tmp_path):
    program = (
        "from helpers import config; config.load_keras();"
        f"file = open({str(tmp_path / 'file')!r}, 'w'); assert file.fileno() != 2"
    )
    answer = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", program],
        cwd=settings.COURSE_FOLDER,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert answer.returncode == 0
    assert answer.stdout.startswith("Keras 3.")


@pytest.mark.parametrize(
    ("gpus", "name", "words"),
    [(["gpu:0"], None, "a GPU"), (["gpu:0"], "Tesla T4", "Tesla T4"), ([], "Tesla T4", "no GPU")],
)
def test_the_gpu_that_keras_found_is_named(monkeypatch, capsys, gpus, name, words):
    import keras

    monkeypatch.setattr(keras.distribution, "list_devices", lambda kind: gpus)
    monkeypatch.setattr(environment, "gpu_name", lambda: name)
    environment.load_keras()
    assert capsys.readouterr().out.strip().endswith(f", {words}")
