"""Shared by the benchmarks of training and prediction: slices of noise, fresh processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from helpers._common import write_json
from helpers.config.environment import COURSE_FOLDER
from helpers.datasets.dataset import Dataset


def write_noise(folder: Path, slices: int, size: int) -> Dataset:
    """Write a data set of noise: as large and as slow to read as a real one.

    Args:
        folder: created if necessary.
        slices: how many.
        size: height and width, pixels.

    Returns:
        Dataset with images of this size only, and no masks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    images = np.lib.format.open_memmap(
        folder / f"images_{size}.npy", mode="w+", dtype=np.uint8, shape=(slices, size, size)
    )
    for row in range(slices):
        images[row] = rng.integers(0, 256, (size, size), dtype=np.uint8)
    images.flush()
    write_json(folder / "fingerprint.json", {"content": f"noise-{slices}-{size}"})
    return open_noise(folder, slices)


def open_noise(folder: Path, slices: int) -> Dataset:
    """Open what `write_noise` wrote."""
    numbers = np.arange(slices)
    table = pd.DataFrame({"number": numbers + 1, "label": numbers % 3 + 1, "patient": "p", "family": "f"})
    table["patient"] += (numbers // 12).astype(str)
    table["family"] += (numbers // 12).astype(str)
    return Dataset(folder, table)


def in_fresh_process(function: Callable[..., dict], **arguments: object) -> dict:
    """Run a function in a fresh process, so that the peak memory is that of the function.

    Args:
        function: of a module of this package; returns JSON values.
        **arguments: JSON values.

    Returns:
        What it returned.
    """
    code = (
        "import importlib, json, sys; module, name, arguments = json.loads(sys.argv[1]); "
        "print(json.dumps(getattr(importlib.import_module(module), name)(**arguments)))"
    )
    module = function.__module__
    if module == "__main__":
        module = f"benchmarks.{Path(sys.argv[0]).stem}"
    job = json.dumps([module, function.__name__, arguments])
    done = subprocess.run(
        [sys.executable, "-c", code, job],
        cwd=COURSE_FOLDER,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])
