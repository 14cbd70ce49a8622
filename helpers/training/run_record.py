"""The run record, `run.json`: the data, split, settings, device and results of one training.

Every table of results in the course is made from run records, so that each number comes with its
protocol.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers._common import CourseError, read_json, write_json
from helpers.config import environment
from helpers.models.summary import layer_table
from helpers.splits import Split, split_level

if TYPE_CHECKING:
    import keras

    from helpers.config.settings import Schedule
    from helpers.datasets.dataset import Dataset
    from helpers.evaluation.bootstrap import ConfidenceInterval

NAME = "run.json"
FORMAT = 1


class RunRecordError(CourseError):
    """A run record is missing or damaged."""


def describe_run(dataset: Dataset, split: Split, schedule: Schedule, seed: int, size: int) -> dict:
    """Describe a training before it begins.

    Args:
        dataset: the slices.
        split: which rows train, validate and test.
        schedule: epochs, batches and learning rate.
        seed: of the shuffling.
        size: height and width of the network's input, pixels.

    Returns:
        The first half of a run record. The split is given as the numbers of the slices.
    """
    numbers, patients = dataset.table["number"].to_numpy(), dataset.table["patient"].to_numpy()
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    return {
        "format": FORMAT,
        "data": {
            "content": dataset.fingerprint["content"],
            "folder": dataset.folder.name,
            "slices": len(dataset),
            "patients": dataset.table["patient"].nunique(),
        },
        "split": {
            "unit": split_level(split, patients, dataset.table["family"]),
            "validation_is_test": split.validation_is_test,
            "patients": {name: len(np.unique(patients[rows])) for name, rows in parts.items()},
            "slices": {name: numbers[rows].tolist() for name, rows in parts.items()},
        },
        "size": size,
        "seed": seed,
        "schedule": asdict(schedule),
    }


def run_key(description: Mapping[str, object], network: keras.Model, options: Mapping[str, object]) -> str:
    """The name of a training's folder: other data, splits, schedules, seeds or layers give another name.

    Args:
        description: what `describe_run` returned.
        network: the network to be trained.
        options: anything else that changes the weights; JSON values.

    Returns:
        Eight hexadecimal digits.
    """
    table = layer_table(network).drop(columns="layer").to_json()  # without names, which count the networks
    layers = [_without_none(layer.get_config() | {"name": None}) for layer in network.layers]
    parts = {"run": description, "network": [table, layers], "options": options}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:8]


def write_record(
    folder: Path, description: dict, history: pd.DataFrame, network: Mapping[str, object]
) -> None:
    """Write the record of a finished training, unless there is one.

    Args:
        folder: of the training.
        description: what `describe_run` returned.
        history: one row per epoch, as in `helpers.training.Run`.
        network: its name, number of parameters and options.
    """
    if (read_json(Path(folder) / NAME) or {}).get("format") == FORMAT:
        return  # it may have test results, which are kept
    best = int(history["val_loss"].idxmin())
    record = description | {
        "network": dict(network),
        "epochs": len(history),
        "best_epoch": best,
        "best": {name: float(value) for name, value in history.loc[best].items()},
        "last": {name: float(value) for name, value in history.iloc[-1].items()},
        "seconds": float(history["seconds"].sum()),
        "device": environment.device(),
        "peak_memory_mb": round(environment.peak_bytes() / 1e6),
        "versions": environment.installed(),
        "results": {},
    }
    write_json(Path(folder) / NAME, record)


def read_record(folder: Path) -> dict:
    """Read the record of a training.

    Args:
        folder: of the training (`Run.folder`).

    Raises:
        RunRecordError: it is missing or damaged.
    """
    record = read_json(Path(folder) / NAME)
    if record is None or record.get("format") != FORMAT:
        raise RunRecordError(
            f"{Path(folder) / NAME} is missing or damaged: train again, or run the cell that trains."
        )
    return record


def record_results(folder: Path, results: Mapping[str, ConfidenceInterval], **protocol: object) -> dict:
    """Add test results to the record of a training; the same names are replaced.

    Args:
        folder: of the training.
        results: measure -> value with its interval over patients.
        **protocol: how they were measured, such as `threshold=0.5`.

    Returns:
        The record.

    Raises:
        RunRecordError: it is missing or damaged.
    """
    record = read_record(folder)
    for measure, interval in results.items():
        record["results"][measure] = asdict(interval) | protocol
    write_json(Path(folder) / NAME, record)
    return record


def compare_records(first: dict, second: dict) -> pd.DataFrame:
    """Compare two run records.

    Args:
        first, second: what `read_record` returned.

    Returns:
        DataFrame, one row per entry ("split.unit"), with the columns first, second and same. A list of
        slices is shown as the number of slices.
    """
    ours, theirs = _flat(first), _flat(second)
    rows = [
        (name, _shown(ours.get(name)), _shown(theirs.get(name)), ours.get(name) == theirs.get(name))
        for name in ours | theirs
    ]
    return pd.DataFrame(rows, columns=["entry", "first", "second", "same"]).set_index("entry")


def _without_none(value: object) -> object:
    """Drop None, which newer versions of Keras write for options that older ones don't have."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def _flat(record: Mapping[str, object], above: str = "") -> dict[str, object]:
    entries: dict[str, object] = {}
    for name, value in record.items():
        entries |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    return entries


def _shown(value: object) -> object:
    if isinstance(value, list):
        return f"{len(value)} slices"
    return round(value, 4) if isinstance(value, float) else value
