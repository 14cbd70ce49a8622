"""Fixtures that several test modules share: a few phantoms, assembled once; the sandbox."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # one thread per parallel process, set before TensorFlow loads
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, "1")

os.environ.pop("COURSE_LANGUAGE", None)  # before helpers, which reads it, is imported

import subprocess
import sys
from pathlib import Path

import hypothesis
import numpy as np
import pytest

from helpers._common import CourseError
from helpers.datasets import assembly
from helpers.phantoms import drawing
from instructor.grading import sandbox

# No deadline, since a machine may be busy. The examples are the same in every run.
hypothesis.settings.register_profile("course", deadline=None, derandomize=True)
hypothesis.settings.load_profile("course")

SHARED = Path(__file__).resolve().parents[2] / "shared"
COUNTS = {1: 8, 2: 12, 3: 10}
SLOW = {"grading", "training", "test_benchmarks.py"}


def pytest_collection_modifyitems(items):
    """Move the slowest files to the front, so that parallel processes finish at about the same time."""
    items.sort(key=lambda item: SLOW.isdisjoint(item.path.parts))


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory) -> Path:
    """Thirty synthetic slices as `.mat` files, with `cvind.mat`; read-only."""
    folder = tmp_path_factory.mktemp("phantoms")
    drawing.write_phantoms(folder, COUNTS, seed=5, progress=False)
    return folder


@pytest.fixture(scope="session")
def dataset(phantom_folder, tmp_path_factory):
    """The phantoms, assembled; read-only."""
    return assembly.assemble(phantom_folder, tmp_path_factory.mktemp("data") / "set", progress=False)


@pytest.fixture(scope="session")
def real_folder(tmp_path_factory) -> Path:
    """Real slices of each class as `.mat` files, if the data shared between projects is available."""
    tool = SHARED / "tools" / "make_cheng_mats.py"
    if not tool.is_file():
        pytest.skip("the real slices are not part of the project, and not on this machine")
    folder = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, tool, folder, "--per-class", "8"], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def sandbox_here() -> sandbox.Sandbox:
    """The sandbox for student code; skips if the machine allows none."""
    try:
        return sandbox.choose()
    except CourseError as error:
        pytest.skip(str(error))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
