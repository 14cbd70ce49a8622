"""The run record, `run.json`: the data, split, settings, device and results of one training.

Every table of results in the course is made from run records, so that each number comes with its
protocol.
"""

from __future__ import annotations

import base64
import dis
import hashlib
import json
import marshal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import CellType, CodeType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from helpers._common import CourseError, read_json, write_json
from helpers.config import environment
from helpers.config.language import _, ngettext
from helpers.splits import Split, split_level
from helpers.training.checkpoint import Checkpoint
from helpers.training.training_log import EpochLogger, LivePlot

if TYPE_CHECKING:
    from helpers.datasets.dataset import Dataset
    from helpers.evaluation.bootstrap import ConfidenceInterval
    from helpers.training.data_loader import Batches

NAME = "run.json"
FORMAT = 2
# What decides when a callback of Keras acts; the other attributes are counters, or say how much to print.
WATCHING = (
    "monitor", "mode", "patience", "min_delta", "baseline", "factor", "cooldown", "min_lr", "start_from_epoch"
)  # fmt: skip
# Callbacks that show or save a training and don't change it.
LOGGERS = (
    EpochLogger, LivePlot, Checkpoint, keras.callbacks.ProgbarLogger, keras.callbacks.CSVLogger,
    keras.callbacks.History, keras.callbacks.TensorBoard, keras.callbacks.RemoteMonitor,
    keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore,
)  # fmt: skip
LAYER_SETTINGS = (
    "filters", "kernel_size", "strides", "padding", "dilation_rate", "pool_size", "rate", "units",
    "activation", "kernel_regularizer",
)  # fmt: skip
LARGE = 10_000  # of a larger array that a loss reads, such as the images, only the shape is described


class RunRecordError(CourseError):
    """A run record is missing or damaged, or of another training."""


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
            "name": _kind(network.output_shape),
            "parameters": network.count_params(),
            "layers": _digest(_renamed(network.get_config(), {})),
            "architecture": layer_list(network),
        },
        "training": {
            "epochs": epochs,
            "batch": batches.batch,
            "micro_batch": batches.batch // batches.accumulation_steps,
            "learning_rate": optimizer["learning_rate"],
            "optimizer": type(network.optimizer).__name__,
            "loss": _name(network.loss),
            "augmentation": _augmentation(batches),
            "callbacks": [watching(one) for one in callbacks if type(one) not in LOGGERS],
            "all_settings": _digest([optimizer, _described(network.loss, {})]),
        },
        "seed": batches.shuffle.seed if batches.shuffle else None,
    }


def run_key(description: Mapping[str, Any]) -> str:
    """The name of a training's folder: other data, splits, layers, settings or seeds give another name.

    Args:
        description: what `describe_run` returned.

    Returns:
        Eight hexadecimal digits.
    """
    network = {key: value for key, value in description["network"].items() if key != "architecture"}
    return _digest({**description, "network": network})  # the digest of the layers says more


def layer_list(network: keras.Model) -> list[str]:
    """List the layers of a network in words, with those settings that decide what they do.

    Args:
        network: of any kind; the layers of networks inside it are listed, too.

    Returns:
        One text per layer, such as "Conv2D filters=32 kernel_size=3x3 activation=relu".
    """
    listed = []
    for layer in network.layers:
        if hasattr(layer, "layers"):
            listed += layer_list(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            config = layer.get_config()
            words = [
                f"{name}={_short(config[name])}" for name in LAYER_SETTINGS if config.get(name) is not None
            ]
            listed.append(" ".join([type(layer).__name__, *words]))
    return listed


def _short(value: object) -> str:
    if isinstance(value, list | tuple):
        return "x".join(map(str, value))
    return value.get("class_name", "?") if isinstance(value, dict) else str(value)


def write_record(folder: Path, description: Mapping[str, Any], history: pd.DataFrame) -> None:
    """Write the record of a training, unless there is one with as many epochs.

    Args:
        folder: of the training.
        description: what `describe_run` returned.
        history: one row per epoch, as `Checkpoint.history`.

    Raises:
        RunRecordError: the folder is that of another training, or no epoch is complete.
    """
    if history.empty:
        raise RunRecordError(_("no epoch of this training is complete; run the cell with `fit` again."))
    if Path(folder).name != run_key(description):
        raise RunRecordError(
            _("the description is of another training; run the cell that describes this one again.")
        )
    earlier = read_json(Path(folder) / NAME) or {}
    if (earlier.get("format"), earlier.get("epochs")) == (FORMAT, len(history)) and "history" in earlier:
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
        "history": history.to_dict("list"),
    }
    write_json(Path(folder) / NAME, record)


def pool_records(
    folders: Sequence[Path], results: Mapping[str, ConfidenceInterval], destination: Path | None = None
) -> dict:
    """Make one run record for a cross-validation, from those of its folds.

    Args:
        folders: of the trainings, one per fold.
        results: measure -> value with its interval, over all test slices.
        destination: folder in which the record is saved, too; created if it doesn't exist.

    Returns:
        A record as `read_record` gives it, with the number of `folds`. Its test set is that of all folds;
        it has no validation and training sets.
    """
    records = [read_record(folder) for folder in folders]
    split = records[0]["split"]
    tested = sorted(number for one in records for number in one["split"]["slices"]["test"])
    patients = records[0]["data"]["patients"]
    pooled = records[0] | {
        "folds": len(records),
        "split": split | {"slices": {"test": tested}, "patients": {"test": patients}},
        "seconds": sum(one["seconds"] for one in records),
        "peak_memory_mb": max(one["peak_memory_mb"] for one in records),
        "history": {},
        "results": {measure: asdict(interval) for measure, interval in results.items()},
    }
    if destination:
        destination.mkdir(parents=True, exist_ok=True)
        write_json(destination / NAME, pooled)
    return pooled


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
            _("{file} is missing or damaged: train again, or run the cell that trains.").format(
                file=Path(folder) / NAME
            )
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
        (
            name,
            _shown(name, ours.get(name)),
            _shown(name, theirs.get(name)),
            ours.get(name) == theirs.get(name),
        )
        for name in ours | theirs
    ]
    return pd.DataFrame(rows, columns=["entry", "first", "second", "same"]).set_index("entry")


def _as_compiled(optimizer: keras.Optimizer) -> dict:
    """The optimizer's settings when first described: ReduceLROnPlateau changes the learning rate later."""
    if not hasattr(optimizer, "as_compiled"):
        settings = _without_none(optimizer.get_config() | {"name": None})
        optimizer.as_compiled = json.dumps(settings, default=str)
    return json.loads(optimizer.as_compiled)


def _renamed(value: object, places: dict[str, int]) -> object:
    """A configuration without None, with the names of layers, which count them, replaced by their order."""
    if isinstance(value, list | tuple):
        return [_renamed(item, places) for item in value]
    if isinstance(value, str) and value.startswith("4w") and value.endswith("\n"):
        # The compiled code of a lambda as Keras writes it, with the name of a file of this kernel.
        return _code(marshal.loads(base64.b64decode(value)), {}, {})
    if not isinstance(value, dict) or str(value.get("class_name")).endswith("DTypePolicy"):
        return value  # the name of a policy is a setting, such as "mixed_float16"
    named = ("name", "keras_history", "input_layers", "output_layers")
    return {
        key: _placed(item, places) if key in named else _renamed(item, places)
        for key, item in value.items()
        if item is not None
    }


def _placed(value: object, places: dict[str, int]) -> object:
    if isinstance(value, str):
        return places.setdefault(value, len(places))
    if isinstance(value, dict):
        return {key: _placed(item, places) for key, item in value.items()}
    return [_placed(item, places) for item in value] if isinstance(value, list | tuple) else value


def _name(loss: object) -> str:
    if isinstance(loss, str):
        return loss
    inner = loss.func if isinstance(loss, partial) else getattr(loss, "__wrapped__", loss)
    return _name(inner) if inner is not loss else getattr(loss, "__name__", None) or type(loss).__name__


def _described(value: Any, seen: dict[int, int]) -> object:
    """What decides the result of a loss or callback, without addresses and counted names.

    Args:
        value: a function, an object, or what these contain.
        seen: identity -> order of what was described so far.

    Returns:
        Lists and dictionaries of texts and numbers. Of the code of a library, only the name.
    """
    describe = partial(_described, seen=seen)
    if value is None or isinstance(value, str | bytes | int | float | complex | slice):
        return repr(value)
    if isinstance(value, Mapping):
        return {repr(key): describe(item) for key, item in value.items() if item is not None}
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))  # their order differs from kernel to kernel
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, np.ndarray | np.generic) or keras.ops.is_tensor(value):
        kept = np.prod(list(value.shape)) <= LARGE and not hasattr(value, "assign")  # variables change
        return [list(value.shape), str(value.dtype), np.asarray(value).tolist() if kept else None]
    if id(value) in seen:
        return seen[id(value)]
    seen[id(value)] = len(seen)
    if isinstance(value, partial):
        return [describe(value.func), describe(value.args), describe(value.keywords)]
    if isinstance(value, MethodType):
        return [describe(value.__func__), describe(value.__self__)]
    if isinstance(value, FunctionType) and not _from_library(value):
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != CellType()]
        settings = describe([value.__defaults__, value.__kwdefaults__, cells])
        return [_code(value.__code__, value.__globals__, seen), settings]
    if not isinstance(value, FunctionType) and hasattr(value, "__wrapped__"):  # such as by @tf.function
        return describe(value.__wrapped__)
    if isinstance(value, type) and not _from_library(value):
        return [describe(_methods(base)) for base in value.__mro__ if not _from_library(base)]
    if isinstance(value, keras.Loss | keras.optimizers.schedules.LearningRateSchedule):
        settings = {**value.get_config(), "name": None}
        return [_name(value), describe(settings), describe(type(value)), describe(_attributes(value))]
    if hasattr(value, "__dict__") and not hasattr(value, "__name__") and not _from_library(type(value)):
        return [_name(value), describe(type(value)), describe(_attributes(value))]
    return _name(value)


def _code(code: CodeType, names: Mapping[str, object], seen: dict[int, int]) -> list:
    """Compiled code, with that inside it and the global variables that it reads."""
    constants = [
        _code(one, names, seen) if isinstance(one, CodeType) else _described(one, seen)
        for one in code.co_consts
    ]
    read = {one.argval for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"}
    variables = {name: _described(names[name], seen) for name in sorted(read) if name in names}
    return [code.co_code.hex(), list(code.co_names), constants, variables]


def _from_library(value: Any) -> bool:
    module = getattr(value, "__module__", None) or ""
    if module == "__main__":  # the notebook; its file may be that of the program that runs it
        return False
    file = getattr(sys.modules.get(module), "__file__", None) or ""
    return module.partition(".")[0] in sys.stdlib_module_names or "-packages" in file


def _methods(kind: type) -> dict[str, object]:
    """The methods of a class, and the values that it gives all its objects."""
    members = {name: getattr(one, "__func__", one) for name, one in sorted(vars(kind).items())}
    return {n: one for n, one in members.items() if isinstance(one, FunctionType) or not n.startswith("__")}


def _attributes(value: object) -> dict[str, object]:
    """The attributes of an object, without those that Keras gives every loss and callback."""
    common = {"name", *vars(keras.Loss()), *vars(keras.callbacks.Callback())}
    return {name: one for name, one in sorted(vars(value).items()) if name not in common}


def _kind(output_shape: tuple | dict) -> str:
    if isinstance(output_shape, dict):
        return "joint network"
    return "classifier" if len(output_shape) == 2 else "unet"


def _augmentation(batches: Batches) -> dict | None:
    return asdict(batches.shuffle.augmentation) if batches.shuffle and batches.shuffle.augmentation else None


def watching(callback: keras.callbacks.Callback) -> list:
    """Return the type of a callback, its settings, and a digest of the student's code in it, if any."""
    values = {name: getattr(callback, name) for name in WATCHING if hasattr(callback, name)}
    if "min_delta" in values:
        values["min_delta"] = abs(values["min_delta"])  # Keras changes the sign in `fit`
    described = [type(callback).__name__, _without_none(values)]
    if not _from_library(type(callback)):
        if not hasattr(callback, "as_made"):  # `fit` changes the attributes
            callback.as_made = _digest(_described(callback, {}))
        return [*described, callback.as_made]
    code = {n: one for n, one in _attributes(callback).items() if callable(one) and n != "monitor_op"}
    return [*described, _digest(_described(code, {}))] if code else described


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
        if not above and name == "history":  # a row per epoch would hide the rest
            continue
        entries |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    return entries


def _shown(name: str, value: object) -> object:
    if isinstance(value, list):
        slices = ngettext("{count} slice", "{count} slices", len(value)).format(count=len(value))
        return slices if ".slices." in name else json.dumps(value)
    return round(value, 4) if isinstance(value, float) else value
