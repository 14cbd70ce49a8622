"""Tables of the U-Net, next to those of the report, and for which tumours it works.

A column or row named "report" holds the numbers of the 2023 report, NaN if it gives none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers import models, reference
from helpers.config.language import _, grouped
from helpers.evaluation import overlap as metrics
from helpers.reference import CLASS_NAMES
from helpers.splits import Split
from helpers.tables.classification import side_by_side

if TYPE_CHECKING:
    import keras

MEASURES = {
    "Dice": metrics.dice,
    "IoU": metrics.iou,
    "precision": metrics.precision,
    "recall": metrics.recall,
}


def segmentation_split(split: Split) -> pd.DataFrame:
    """Return Cuadro 5: slices in each part of a split from `helpers.splits.segmentation_split`."""
    rows = {
        "this run": [len(split.train), len(split.validation), len(split.test)],
        "report": reference.SEGMENTATION_SPLIT,
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["train", "validation", "test"])
    table.insert(0, "total", table.sum(axis=1))
    return table


def unet_layers(network: keras.Model) -> pd.DataFrame:
    """Return the number of layers of each type in the U-Net, next to the report's text."""
    return side_by_side(models.layer_counts(network), reference.UNET_LAYER_COUNTS)


def unet_parameters(network: keras.Model) -> pd.DataFrame:
    """Return the parameters of the U-Net, total, trainable and not trainable."""
    return side_by_side(models.parameter_counts(network), reference.UNET_PARAMETERS)


def unet_results(history: pd.DataFrame) -> pd.DataFrame:
    """Return loss, accuracy and IoU of the U-Net after its last epoch.

    Args:
        history: of its training, one row per epoch.

    Returns:
        DataFrame, one row per measure; a pair of columns each for training and validation.
    """
    last = history.iloc[-1]
    columns = {}
    for part, prefix in (("train", ""), ("validation", "val_")):
        report = reference.UNET_RESULTS[part]
        names = ("loss", "accuracy", "report_iou", "tumour_iou")
        columns[part, "this run"] = [last[prefix + name] for name in names]
        columns[part, "report"] = [report["loss"], report["accuracy"], report["IoU"], np.nan]
    return pd.DataFrame(columns, index=["loss", "accuracy", "IoU as in the report", "IoU of the tumour"])


def overlap(truth: ArrayLike, probabilities: ArrayLike) -> pd.DataFrame:
    """Return several overlap measures of the same predicted masks, each under its full name.

    Args:
        truth: (N, H, W) masks of 0 and 1.
        probabilities: (N, H, W) of the tumour, 0..1.

    Returns:
        DataFrame with the columns measure, value and report.
    """
    predicted, at = np.asarray(probabilities) >= metrics.THRESHOLD, f"at threshold {metrics.THRESHOLD:g}"
    raw = metrics.mean_iou_of_raw_probabilities(truth, probabilities)
    report = reference.UNET_RESULTS["validation"]["IoU"]
    rows = [
        (f"tumour Dice {at}, mean over slices", metrics.dice(truth, predicted).mean(), None),
        (f"tumour Dice {at}, pixels pooled", metrics.pooled_dice(truth, predicted), None),
        (f"tumour IoU {at}, mean over slices", metrics.iou(truth, predicted).mean(), None),
        (f"tumour IoU {at}, pixels pooled", metrics.pooled_iou(truth, predicted), None),
        ("IoU as in the report", raw, report),
    ]
    return pd.DataFrame(rows, columns=["measure", "value", "report"]).astype({"report": float})


def iou_puzzle(truth: ArrayLike, predictions: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return `MeanIoU` of raw probabilities and the IoU of the tumour for several predictions.

    Args:
        truth: (N, H, W) masks of 0 and 1.
        predictions: name -> (N, H, W) probabilities of the tumour, 0..1.

    Returns:
        DataFrame with the columns prediction, "IoU as in the report" and "tumour IoU"
        (pixels pooled, threshold 0.5).
    """
    rows = []
    for name, tumour in predictions.items():
        raw = metrics.mean_iou_of_raw_probabilities(truth, tumour)
        rows.append((name, raw, metrics.pooled_iou(truth, tumour >= metrics.THRESHOLD)))
    return pd.DataFrame(rows, columns=["prediction", "IoU as in the report", "tumour IoU"])


def overlap_per_class(
    truth: ArrayLike, predicted: ArrayLike, labels: ArrayLike, spacing_mm: float
) -> pd.DataFrame:
    """Return every overlap measure for each class of tumour.

    Args:
        truth, predicted: (N, H, W) masks, zero or nonzero; no true mask is empty.
        labels: (N,) 1, 2, 3.
        spacing_mm: side of a pixel in mm, see `helpers.evaluation.pixel_mm`.

    Returns:
        DataFrame, one row per class that occurs, and "all"; columns in groups: slices (all of
        them, and those whose predicted mask is empty), the mean over slices of Dice, IoU,
        precision and recall, Dice of all pixels pooled, and the median of Hausdorff 95 in mm
        over the slices where both masks have a tumour.
    """
    labels = np.asarray(labels)
    groups = {name: labels == label for label, name in CLASS_NAMES.items()}
    return _overlap_per_group(truth, predicted, spacing_mm, groups, "class")


def overlap_per_area_quartile(truth: ArrayLike, predicted: ArrayLike, spacing_mm: float) -> pd.DataFrame:
    """Return every overlap measure for each quartile of the true tumour area.

    Args:
        truth, predicted, spacing_mm: as in `overlap_per_class`.

    Returns:
        DataFrame, one row per quartile, with its areas in px, and "all"; columns as in
        `overlap_per_class`.
    """
    areas = np.count_nonzero(truth, axis=(1, 2))
    quartiles = metrics.area_quartiles(areas)
    groups = {}
    for quartile in np.unique(quartiles):
        rows = quartiles == quartile
        span = _(" to ").join([grouped(areas[rows].min()), grouped(areas[rows].max())])
        groups[f"{_(metrics.QUARTERS[quartile])}, {span} px"] = rows
    return _overlap_per_group(truth, predicted, spacing_mm, groups, "quarter by true area")


def _overlap_per_group(
    truth: ArrayLike, predicted: ArrayLike, spacing_mm: float, groups: Mapping[str, np.ndarray], name: str
) -> pd.DataFrame:
    """One row for each group that has slices, and one for all."""
    true, found = np.asarray(truth) != 0, np.asarray(predicted) != 0
    per_slice = {title: measure(true, found) for title, measure in MEASURES.items()}
    distances = pd.Series(metrics.hausdorff95(true, found, spacing_mm)).replace(np.inf, np.nan)
    rows = {}
    for group, slices in {**groups, "all": np.ones(len(true), bool)}.items():
        if slices.any():
            rows[group] = {
                ("slices", "all"): np.count_nonzero(slices),
                ("slices", "predicted empty"): np.count_nonzero(~found[slices].any(axis=(1, 2))),
                **{("mean over slices", title): values[slices].mean() for title, values in per_slice.items()},
                ("pixels pooled", "Dice"): metrics.pooled_dice(true[slices], found[slices]),
                ("median where both have a tumour", "Hausdorff 95, mm"): distances[slices].median(),
            }
    table = pd.DataFrame(rows).T.rename_axis(name)
    return table.astype({column: int for column in table if column[0] == "slices"})
