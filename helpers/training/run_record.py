"""The run card, `run.json`: what a training was, on what, and what came of it.

Every table of results in the course is made from such cards, so that no number stands without
its protocol.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from helpers._common import CourseError, read_json, write_json
from helpers.config import environment
from helpers.config.settings import Schedule
from helpers.datasets.dataset import Dataset
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.splits import Split, split_level

NAME = "run.json"
FORMAT = 1


class RunRecordError(CourseError):
    """There is no readable run card."""


def describe_run(dataset: Dataset, split: Split, schedule: Schedule, seed: int, size: int) -> dict:
    """What can be said of a training before it begins.

    Args:
        dataset: the slices.
        split: which rows train, validate and test.
        schedule: epochs, batches and learning rate.
        seed: of the shuffling.
        size: pixels a side of the network's input.

    Returns:
        The first half of a card. The split is kept as the numbers of the slices.
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


def write_record(
    folder: Path, description: dict, history: pd.DataFrame, network: Mapping[str, object]
) -> None:
    """Writes the card of a training that has come to its end, unless it is there.

    Args:
        folder: of the training.
        description: what `describe` said.
        history: one row an epoch, as in `helpers.training.Run`.
        network: its name and number of parameters.
    """
    if (read_json(Path(folder) / NAME) or {}).get("format") == FORMAT:
        return  # with the results that were recorded since
    best = int(history["val_loss"].idxmin())
    card = description | {
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
    write_json(Path(folder) / NAME, card)


def read_record(folder: Path) -> dict:
    """Reads the card of a training.

    Args:
        folder: of the training (`Run.folder`).

    Returns:
        The card.

    Raises:
        RunCardError: there is none, or it is damaged.
    """
    card = read_json(Path(folder) / NAME)
    if card is None or card.get("format") != FORMAT:
        raise RunRecordError(
            f"{Path(folder) / NAME} is missing or damaged: train again, or run the cell that trains."
        )
    return card


def record_results(folder: Path, results: Mapping[str, ConfidenceInterval], **protocol: object) -> dict:
    """Adds test results to the card of a training; the same names are replaced.

    Args:
        folder: of the training.
        results: measure -> value with its interval over patients.
        **protocol: how they were measured, such as `threshold=0.5`.

    Returns:
        The card.

    Raises:
        RunCardError: as `read`.
    """
    card = read_record(folder)
    for measure, interval in results.items():
        card["results"][measure] = {
            "value": interval.value,
            "low": interval.low,
            "high": interval.high,
        } | protocol
    write_json(Path(folder) / NAME, card)
    return card


def entry(interval: ConfidenceInterval) -> dict:
    """A result as a card keeps it.

    Args:
        interval: a value with its interval.

    Returns:
        `value`, `low` and `high`.
    """
    return asdict(interval)


def compare_records(first: dict, second: dict) -> pd.DataFrame:
    """Lays two cards side by side.

    Args:
        first, second: what `read` returned.

    Returns:
        DataFrame, a row an entry ("split.unit"), with the columns first, second and same. Lists
        of slices show as how many there are.
    """
    ours, theirs = _flat(first), _flat(second)
    rows = [
        (name, _shown(ours.get(name)), _shown(theirs.get(name)), ours.get(name) == theirs.get(name))
        for name in ours | theirs
    ]
    return pd.DataFrame(rows, columns=["entry", "first", "second", "same"]).set_index("entry")


def _flat(card: Mapping[str, object], above: str = "") -> dict[str, object]:
    entries: dict[str, object] = {}
    for name, value in card.items():
        entries |= _flat(value, f"{above}{name}.") if isinstance(value, Mapping) else {above + name: value}
    return entries


def _shown(value: object) -> object:
    if isinstance(value, list):
        return f"{len(value)} slices"
    return round(value, 4) if isinstance(value, float) else value
