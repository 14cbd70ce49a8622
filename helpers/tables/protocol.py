"""Tables of confidence intervals, of leakage, and of results with their protocols."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers import reference
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.splits import Split, leakage

COLUMNS = ["task", "model", "source", "split by", "tested on", "pixels", "measure", "value",
           "95 % interval", "note"]  # fmt: skip
TASKS = {"classifier": "classification", "unet": "segmentation"}
MODELS = {"classifier": "the report's CNN", "unet": "the report's U-Net"}


def intervals(
    over_patients: Mapping[str, ConfidenceInterval],
    over_slices: Mapping[str, ConfidenceInterval] | None = None,
) -> pd.DataFrame:
    """Return scores with their intervals, and how much too narrow those over slices are.

    Args:
        over_patients: measure -> interval, from resampled patients.
        over_slices: the same measures, from resampled slices; or None.

    Returns:
        DataFrame, one row per measure: value, low and high, and for `over_slices` low and high
        again, and how many times as wide the interval over patients is.
    """
    patients = list(over_patients.values())
    columns = {("", "value"): [one.value for one in patients], **_bounds("over patients", patients)}
    if over_slices is not None:
        slices = [over_slices[measure] for measure in over_patients]
        columns |= _bounds("over slices", slices)
        columns["", "times as wide"] = [
            _width(one) / _width(other) if _width(other) else np.nan
            for one, other in zip(patients, slices, strict=True)
        ]
    return pd.DataFrame(columns, index=pd.Index(over_patients, name="measure"))


def leakage_summary(folds: Mapping[str, Sequence[Split]], patients: ArrayLike) -> pd.DataFrame:
    """Return how many test slices have a sibling in training, under several protocols.

    Args:
        folds: name of the protocol -> its splits.
        patients: (N,) the patient of each slice, or its family.

    Returns:
        DataFrame, one row per protocol: folds, test slices, with a sibling in training, share.
    """
    rows = {}
    for name, splits in folds.items():
        found = [leakage(split, patients) for split in splits]
        tested, seen = sum(one.test_slices for one in found), sum(one.with_sibling for one in found)
        rows[name] = (len(splits), tested, seen, f"{seen / tested:.0%}")
    columns = ["folds", "test slices", "with a sibling in training", "share"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def protocol_comparison(records: Iterable[Mapping], measures: Sequence[str]) -> pd.DataFrame:
    """Return the results of this course, of the report and of other publications, with protocols.

    Args:
        records: run records (`helpers.training.run_record`) with results, of single trainings or
            pooled over a cross-validation.
        measures: which of their results to show.

    Returns:
        DataFrame, one row per number, indexed by task: classification first, then segmentation.
        "split by" says what was shuffled. Measures of masks include their threshold. Intervals are
        by bootstrap over patients; the publications give none.
    """
    rows = [row for record in records for row in _rows(record, measures)]
    blank = dict.fromkeys(COLUMNS, "")
    for result in reference.PUBLISHED_RESULTS:
        rows.append(blank | asdict(result) | {"split by": result.split_by, "pixels": result.size or ""})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.set_index("task").sort_index(kind="stable")


def _bounds(group: str, several: Sequence[ConfidenceInterval]) -> dict[tuple[str, str], list[float]]:
    return {(group, "low"): [one.low for one in several], (group, "high"): [one.high for one in several]}


def _width(interval: ConfidenceInterval) -> float:
    return interval.high - interval.low


def _rows(record: Mapping, measures: Sequence[str]) -> list[dict]:
    """One row for each of the measures that a run record has."""
    name, split = record["network"]["name"], record["split"]
    notes = ["the test set is the validation set"] if split["validation_is_test"] else []
    if record.get("folds"):
        notes = [f"cross-validation, {record['folds']} folds"]
    if record["training"]["augmentation"]:
        notes.append("augmentation")
    common = {
        "task": TASKS[name],
        "model": MODELS[name],
        "source": f"this run, {record['data']['folder']}",
        "split by": split["unit"],
        "tested on": f"{len(split['slices']['test'])} slices, {split['patients']['test']} patients",
        "pixels": record["size"],
        "note": ", ".join(notes),
    }
    results = record["results"]
    return [common | _measured(measure, results[measure]) for measure in measures if measure in results]


def _measured(measure: str, result: Mapping) -> dict:
    low, high = result["low"], result["high"]
    return {
        "measure": f"{measure} at {result['threshold']}" if "threshold" in result else measure,
        "value": f"{result['value']:.3f}",
        "95 % interval": "" if np.isnan(low) else f"{low:.3f} to {high:.3f}",
    }
