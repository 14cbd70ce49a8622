"""The run record, `run.json`: the data, split, settings, device and results of one training.

Every table of results in the course is made from run records, so that each number comes with its
protocol.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

import keras
import numpy as np
import pandas as pd

from helpers._common import CourseError, read_json, write_json
from helpers.config import environment
from helpers.models.summary import layer_table
from helpers.splits import Split, split_level

if TYPE_CHECKING:
    from helpers.datasets.dataset import Dataset
    from helpers.evaluation.bootstrap import ConfidenceInterval
    from helpers.training.data_loader import Batches

NAME = "run.json"
FORMAT = 2
# What decides when a callback of Keras acts; the other attributes are counters, or say how much to print.
WATCHING = ("monitor", "patience", "min_delta", "factor", "cooldown", "min_lr", "start_from_epoch")


class RunRecordError(CourseError):
    """A run record is missing or damaged."""


def describe_run(
    dataset: Dataset,
    split: Split,
    network: keras.Model,
    batches: Batches,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict:
    """Describe a training before it begins.

    Args:
        dataset: the slices.
        split: which rows train, validate and test.
        network: compiled, with the optimizer and the loss of the training.
        batches: what it trains on.
        epochs: at most.
        callbacks: of the training.

    Returns:
        The first half of a run record. The split is given as the numbers of the slices.
    """
    numbers, patients = dataset.table["number"].to_numpy(), dataset.table["patient"].to_numpy()
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    optimizer = _as_compiled(network.optimizer)
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
        "size": network.input_shape[1],
        "network": {
            # Not its own name, which may count the networks made so far.
            "name": "classifier" if len(network.output_shape) == 2 else "unet",
            "parameters": network.count_params(),
            "layers": _digest(_layers(network)),
        },
        "training": {
            "epochs": epochs,
            "batch": batches.batch,
            "micro_batch": batches.batch // batches.accumulation_steps,
            "learning_rate": optimizer["learning_rate"],
            "optimizer": type(network.optimizer).__name__,
            "loss": _name(network.loss),
            "augmentation": _augmentation(batches),
            "callbacks": {type(one).__name__: values for one in callbacks if (values := _watching(one))},
            "all_settings": _digest([optimizer, _settings(network.loss)]),
        },
        "seed": batches.shuffle.seed if batches.shuffle else None,
    }


def run_key(description: Mapping[str, object]) -> str:
    """The name of a training's folder: other data, splits, layers, settings or seeds give another name.

    Args:
        description: what `describe_run` returned.

    Returns:
        Eight hexadecimal digits.
    """
    return _digest(description)


def write_record(folder: Path, description: Mapping[str, object], history: pd.DataFrame) -> None:
    """Write the record of a finished training, unless there is one.

    Args:
        folder: of the training.
        description: what `describe_run` returned.
        history: one row per epoch, as `Checkpoint.history`.
    """
    if (read_json(Path(folder) / NAME) or {}).get("format") == FORMAT:
        return  # it may have test results, which are kept
    best = int(history["val_loss"].idxmin()) if "val_loss" in history else len(history)
    record = dict(description) | {
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


def pool_records(folders: Sequence[Path], results: Mapping[str, ConfidenceInterval]) -> dict:
    """Make one run record for a cross-validation, from those of its folds.

    Args:
        folders: of the trainings, one per fold.
        results: measure -> value with its interval, over all test slices.

    Returns:
        A record as `read_record` gives it, with the number of `folds`. Its test set is that of all folds;
        it has no validation and training sets.
    """
    records = [read_record(folder) for folder in folders]
    split = records[0]["split"]
    tested = sorted(number for one in records for number in one["split"]["slices"]["test"])
    patients = records[0]["data"]["patients"]
    return records[0] | {
        "folds": len(records),
        "split": split | {"slices": {"test": tested}, "patients": {"test": patients}},
        "seconds": sum(one["seconds"] for one in records),
        "results": {measure: asdict(interval) for measure, interval in results.items()},
    }


def read_record(folder: Path) -> dict:
    """Read the record of a training.

    Args:
        folder: of the training (`Checkpoint.folder`).

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


def _as_compiled(optimizer: keras.Optimizer) -> dict:
    """The optimizer's settings when first described: ReduceLROnPlateau changes the learning rate later."""
    if not hasattr(optimizer, "as_compiled"):
        settings = _without_none(optimizer.get_config() | {"name": None})
        optimizer.as_compiled = json.dumps(settings, default=str)
    return json.loads(optimizer.as_compiled)


def _layers(network: keras.Model) -> list:
    table = layer_table(network).drop(columns="layer").to_json()  # without names, which count the networks
    return [table, [_without_none(layer.get_config() | {"name": None}) for layer in network.layers]]


def _name(loss: object) -> str:
    return str(getattr(loss, "name", None) or getattr(loss, "__name__", None) or loss)


def _settings(loss: object) -> dict:
    """The settings of a loss; of a student's function, its compiled code."""
    code = getattr(loss, "__code__", None)
    if code:
        constants = [repr(one) for one in code.co_consts if not isinstance(one, CodeType)]
        return {"code": [code.co_code.hex(), constants, code.co_names]}
    return loss.get_config() if isinstance(loss, keras.Loss) else {}


def _augmentation(batches: Batches) -> dict | None:
    return asdict(batches.shuffle.augmentation) if batches.shuffle and batches.shuffle.augmentation else None


def _watching(callback: keras.callbacks.Callback) -> dict[str, object]:
    values = {name: getattr(callback, name) for name in WATCHING if hasattr(callback, name)}
    return {name: value if isinstance(value, str) else abs(value) for name, value in values.items()}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:8]


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
