"""Tables of confidence intervals, of leakage, and of results with their protocols."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

import pandas as pd
from numpy.typing import ArrayLike

from helpers import reference
from helpers.config.language import _, grouped
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.splits import Split, leakage

COLUMNS = ["task", "source", "model", "split by", "measure", "value", "details"]
TASKS = {"classifier": "classification", "unet": "segmentation"}
MODELS = {"classifier": "CNN", "unet": "U-Net"}


def intervals(
    over_patients: Mapping[str, ConfidenceInterval],
    over_slices: Mapping[str, ConfidenceInterval] | None = None,
) -> pd.DataFrame:
    """Return scores with their intervals, and how much too narrow those over slices are.

    Args:
        over_patients: measure -> interval, from resampled patients.
        over_slices: the same measures, from resampled slices.

    Returns:
        DataFrame, one row per measure: value, low and high, and for `over_slices` low and high
        again, and how many times as wide the interval over patients is.
    """
    groups = {"over patients": over_patients} | ({"over slices": over_slices} if over_slices else {})
    columns = {("", "value"): [one.value for one in over_patients.values()]}
    for name, group in groups.items():
        columns[name, "low"] = [group[measure].low for measure in over_patients]
        columns[name, "high"] = [group[measure].high for measure in over_patients]
    table = pd.DataFrame(columns, index=pd.Index(over_patients, name="measure"))
    if over_slices:
        patients, slices = (table[name, "high"] - table[name, "low"] for name in groups)
        table["", "times as wide"] = patients / slices.where(slices > 0)
    return table


def leakage_summary(folds: Mapping[str, Sequence[Split]], patients: ArrayLike) -> pd.DataFrame:
    """Return how many test slices have a sibling in training, one row per protocol.

    Args:
        folds: name of the protocol -> its splits.
        patients: (N,) the patient of each slice, or its family.
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
        DataFrame of text, one row per number, indexed by task and source: classification first,
        then segmentation. "split by" says what was shuffled. Measures of masks include their
        threshold. Values have 95% intervals, by bootstrap over patients; the publications give none.
    """
    rows = [row for record in records for row in _rows(record, measures)]
    for result in reference.PUBLISHED_RESULTS:
        details = _listed(result.size and f"{result.size} px", _(result.note))
        words = {"split by": result.split_by, "details": details, "model": _(result.model)}
        rows.append(asdict(result) | words)
    table = pd.DataFrame(rows, columns=COLUMNS).sort_values("task", kind="stable")
    return table.set_index(["task", "source"])


def _rows(record: Mapping, measures: Sequence[str]) -> list[dict]:
    """One row for each of the measures that a run record has."""
    name, split = record["network"]["name"], record["split"]
    notes = [_("the test set is the validation set")] if split["validation_is_test"] else []
    if record.get("folds"):
        notes = [_("cross-validation, {folds} folds").format(folds=record["folds"])]
    if record["training"]["augmentation"]:
        notes.append(_("augmentation"))
    tested = _("{slices} slices of {patients} patients")
    tested = tested.format(slices=len(split["slices"]["test"]), patients=split["patients"]["test"])
    common = {
        "task": TASKS[name],
        "model": _("{network}, {count} parameters").format(
            network=MODELS[name], count=grouped(record["network"]["parameters"])
        ),
        "source": _("this run, {folder}").format(folder=record["data"]["folder"]),
        "split by": split["unit"],
        "details": _listed(f"{record['size']} px", tested, *notes),
    }
    rows = []
    for measure in measures:
        if result := record["results"].get(measure):
            full = measure
            if "threshold" in result:
                full = _("{measure} at {threshold}").format(measure=measure, threshold=result["threshold"])
            interval = ConfidenceInterval(*(result[name] for name in ("value", "low", "high")))
            rows.append(common | {"measure": full, "value": f"{interval:.3f}"})
    return rows


def _listed(*details: object) -> str:
    return ", ".join(str(one) for one in details if one)
