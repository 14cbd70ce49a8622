"""The tables of notebook 02 that say how sure a score is, and where a U-Net does well."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.overlap import area_quartiles, dice, hausdorff95, iou, pooled_dice, precision, recall
from helpers.reference import CLASS_NAMES

MEANS = {"Dice": dice, "IoU": iou, "precision": precision, "recall": recall}
QUARTERS = {1: "smallest", 2: "second", 3: "third", 4: "largest"}


def intervals(
    over_patients: Mapping[str, ConfidenceInterval],
    over_slices: Mapping[str, ConfidenceInterval] | None = None,
) -> pd.DataFrame:
    """Scores with their intervals, and how much too narrow they come out over slices.

    Args:
        over_patients: measure -> Interval, patients drawn.
        over_slices: the same measures, slices drawn; or None.

    Returns:
        DataFrame, a row a measure: value, low and high, and for `over_slices` low and high
        once more, and how many times as wide the interval over patients is.
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


def overlap_per_class(
    truth: ArrayLike, predicted: ArrayLike, labels: ArrayLike, spacing_mm: float
) -> pd.DataFrame:
    """Every overlap measure, for each class of tumour.

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0.
        labels: (N,) 1, 2, 3.
        spacing_mm: side of a pixel in mm, see `metrics.pixel_mm`.

    Returns:
        DataFrame, a row a class that occurs, and "all"; columns in groups: slices (all of
        them, and those whose predicted mask is empty), the mean over slices of Dice, IoU,
        precision and recall, Dice of all pixels pooled, and Hausdorff 95 in mm, its median
        over the slices where both masks have a tumour.
    """
    labels = np.asarray(labels)
    groups = {name: labels == label for label, name in CLASS_NAMES.items()}
    return _overlap(truth, predicted, spacing_mm, groups, "class")


def overlap_per_area_quartile(truth: ArrayLike, predicted: ArrayLike, spacing_mm: float) -> pd.DataFrame:
    """Every overlap measure, for small and large tumours apart.

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0; slices without a true tumour count in
            the last row only.
        spacing_mm: side of a pixel in mm, see `metrics.pixel_mm`.

    Returns:
        DataFrame, a row a quarter of the slices by true area, with the areas in px, and "all";
        columns as in `overlap_per_class`.
    """
    areas = np.count_nonzero(truth, axis=(1, 2))
    quartiles = area_quartiles(areas)
    groups = {}
    for quartile, name in QUARTERS.items():
        rows = quartiles == quartile
        if rows.any():
            groups[f"{name}, {areas[rows].min():,} to {areas[rows].max():,} px"] = rows
    return _overlap(truth, predicted, spacing_mm, groups, "quarter by true area")


def _bounds(group: str, several: Sequence[ConfidenceInterval]) -> dict[tuple[str, str], list[float]]:
    return {
        (group, "low"): [one.low for one in several],
        (group, "high"): [one.high for one in several],
    }


def _width(interval: ConfidenceInterval) -> float:
    return interval.high - interval.low


def _overlap(
    truth: ArrayLike, predicted: ArrayLike, spacing_mm: float, groups: Mapping[str, np.ndarray], name: str
) -> pd.DataFrame:
    """A row for each group that has slices, and one for all."""
    truth, predicted = np.asarray(truth) != 0, np.asarray(predicted) != 0
    by_slice = {title: measure(truth, predicted) for title, measure in MEANS.items()}
    distances = hausdorff95(truth, predicted, spacing_mm)
    both = truth.any(axis=(1, 2)) & predicted.any(axis=(1, 2))
    rows = {}
    for group, slices in {**groups, "all": np.ones(len(truth), bool)}.items():
        if slices.any():
            near = distances[slices & both]
            rows[group] = {
                ("slices", "all"): np.count_nonzero(slices),
                ("slices", "predicted empty"): np.count_nonzero(~predicted[slices].any(axis=(1, 2))),
                **{("mean over slices", title): values[slices].mean() for title, values in by_slice.items()},
                ("pixels pooled", "Dice"): pooled_dice(truth[slices], predicted[slices]),
                ("median where both have a tumour", "Hausdorff 95, mm"): np.median(near)
                if len(near)
                else np.nan,
            }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis(name)
    table.columns = pd.MultiIndex.from_tuples(table.columns)
    return table.astype({column: int for column in table if column[0] == "slices"})
