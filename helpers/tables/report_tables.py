"""The tables of the report: this run's numbers, with the report's beside them.

A column or row named "report" holds what the report of 2023 states; NaN where it is silent.
"""

from collections.abc import Mapping

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

from helpers import reference
from helpers.evaluation.overlap import (
    THRESHOLD,
    dice,
    iou,
    mean_iou_of_raw_probabilities,
    pooled_dice,
    pooled_iou,
)
from helpers.evaluation.prediction import Timing
from helpers.models import layer_counts, layer_table, parameter_counts
from helpers.reference import CLASS_NAMES
from helpers.splits import Split
from helpers.training.fit import Run

LABELS = tuple(CLASS_NAMES)
NAMES = tuple(CLASS_NAMES.values())


def classification_split(labels: ArrayLike, split: Split) -> pd.DataFrame:
    """Cuadro 1: slices of each class in each part.

    Args:
        labels: (N,) labels 1, 2, 3.
        split: what `helpers.splits.classification_split` made of them.

    Returns:
        DataFrame, a row a class and their total.
    """
    labels = np.asarray(labels)
    counts = {
        name: [np.count_nonzero(labels[rows] == label) for label in LABELS]
        for name, rows in (("train", split.train), ("validation", split.validation), ("test", split.test))
    }
    table = pd.DataFrame(counts, index=pd.Index(NAMES, name="class"))
    theirs = np.array([reference.CLASSIFICATION_SPLIT[label] for label in LABELS])
    table["report, train"], table["report, test"] = theirs.T
    table.loc["total"] = table.sum()
    return table


def classifier_layers(network: keras.Model) -> pd.DataFrame:
    """Cuadro 2: the layers of the classifier.

    Args:
        network: the classifier.

    Returns:
        DataFrame, a row a layer, and the report's output shapes and parameters where it has
        as many layers.
    """
    table = layer_table(network)
    if len(table) == len(reference.CLASSIFIER_LAYERS):
        _, shapes, parameters = zip(*reference.CLASSIFIER_LAYERS, strict=True)
        table["report, shape"], table["report, parameters"] = shapes, parameters
    return table


def segmentation_split(split: Split) -> pd.DataFrame:
    """Cuadro 5: slices in each part.

    Args:
        split: what `helpers.splits.segmentation_split` made.

    Returns:
        DataFrame with the rows this run and report.
    """
    ours = [len(split.train), len(split.validation), len(split.test)]
    theirs = list(reference.SEGMENTATION_SPLIT)
    rows = {"this run": [sum(ours), *ours], "report": [sum(theirs), *theirs]}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["total", "train", "validation", "test"])


def unet_layers(network: keras.Model) -> pd.DataFrame:
    """Layers of each type in the U-Net, against the counts in the report's prose.

    Args:
        network: the U-Net.

    Returns:
        DataFrame, a row a type of layer.
    """
    return _side_by_side(layer_counts(network), reference.UNET_LAYER_COUNTS)


def unet_parameters(network: keras.Model) -> pd.DataFrame:
    """Parameters of the U-Net, against the report's.

    Args:
        network: the U-Net.

    Returns:
        DataFrame with the rows total, trainable and not trainable.
    """
    return _side_by_side(parameter_counts(network), reference.UNET_PARAMETERS)


def classifier_results(truth: ArrayLike, probabilities: ArrayLike, run: Run, timing: Timing) -> pd.DataFrame:
    """The results of the classifier that the report gives in its text.

    Args:
        truth: (N,) labels of the test slices.
        probabilities: (N, 3), predicted.
        run: its training.
        timing: of its predictions.

    Returns:
        DataFrame, a row a measure.
    """
    predicted = np.asarray(probabilities).argmax(axis=1) + 1
    ours = {
        "test slices": len(predicted),
        "test loss": log_loss(truth, _summing_to_one(probabilities), labels=LABELS),
        "test accuracy": accuracy_score(truth, predicted),
        "misclassified": int(np.count_nonzero(predicted != truth)),
        "epochs": len(run.history),
        "test set, seconds": timing.total_seconds,
        "one slice, seconds": timing.warm_seconds,
        "the very first slice, seconds": timing.cold_seconds,
    }
    return _side_by_side(ours, reference.CLASSIFIER_RESULTS)


def unet_results(run: Run) -> pd.DataFrame:
    """Loss, accuracy and IoU of the U-Net after its last epoch.

    Args:
        run: its training.

    Returns:
        DataFrame, a row a measure; a pair of columns for training and validation.
    """
    last = run.history.iloc[-1]
    names = {"loss": "loss", "accuracy": "accuracy", "raw_mean_iou": "IoU", "tumour_iou": None}
    labels = {"raw_mean_iou": "IoU as in the report", "tumour_iou": "IoU of the tumour"}
    columns = {}
    for part, prefix in (("train", ""), ("validation", "val_")):
        columns[part, "this run"] = [last[prefix + name] for name in names]
        columns[part, "report"] = [
            reference.UNET_RESULTS[part].get(theirs, np.nan) for theirs in names.values()
        ]
    return pd.DataFrame(columns, index=[labels.get(name, name) for name in names])


def overlap(truth: ArrayLike, probabilities: ArrayLike, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Every way to put a number on the same predicted masks, each under its full name.

    Args:
        truth: (N, H, W) masks of 0 and 1.
        probabilities: (N, H, W) of the tumour, 0..1.
        threshold: a pixel is tumour where its probability is at least this.

    Returns:
        DataFrame with the columns measure, value and report (NaN where it gives none).
    """
    predicted = np.asarray(probabilities) >= threshold
    at = f"at threshold {threshold:g}"
    rows = [
        (f"tumour Dice {at}, mean over slices", dice(truth, predicted).mean(), None),
        (f"tumour Dice {at}, pixels pooled", pooled_dice(truth, predicted), None),
        (f"tumour IoU {at}, mean over slices", iou(truth, predicted).mean(), None),
        (f"tumour IoU {at}, pixels pooled", pooled_iou(truth, predicted), None),
        (
            "MeanIoU fed raw probabilities (the report's IoU)",
            mean_iou_of_raw_probabilities(truth, probabilities),
            reference.UNET_RESULTS["validation"]["IoU"],
        ),
    ]
    return pd.DataFrame(rows, columns=["measure", "value", "report"]).astype({"report": float})


def iou_puzzle(truth: ArrayLike, predictions: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """What `MeanIoU` fed raw probabilities says of several predictions, and the tumour's IoU.

    Args:
        truth: (N, H, W) masks of 0 and 1.
        predictions: name -> (N, H, W) probabilities of the tumour, 0..1.

    Returns:
        DataFrame with the columns prediction, "MeanIoU on raw probabilities" and "tumour IoU"
        (pixels pooled, threshold 0.5).
    """
    rows = [
        (name, mean_iou_of_raw_probabilities(truth, tumour), pooled_iou(truth, tumour >= THRESHOLD))
        for name, tumour in predictions.items()
    ]
    return pd.DataFrame(rows, columns=["prediction", "MeanIoU on raw probabilities", "tumour IoU"])


def misclassified(table: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    """Cuadro 3: the slices whose most probable class is not the true one.

    Args:
        table: rows of the data set's table, one for each prediction.
        probabilities: (N, 3), of meningioma, glioma and pituitary.

    Returns:
        DataFrame with the columns slice (its number), confidence (of the predicted class,
        0..1), true and predicted (names), the most confident error first; its index holds
        the positions in `probabilities`.
    """
    predicted = probabilities.argmax(axis=1)
    errors = pd.DataFrame(
        {
            "slice": table["number"].to_numpy(),
            "confidence": probabilities.max(axis=1),
            "true": table["class_name"].to_numpy(),
            "predicted": np.array(NAMES)[predicted],
        }
    )
    errors = errors[errors["true"] != errors["predicted"]]
    return errors.sort_values("confidence", ascending=False, kind="stable")


def misclassified_in_report() -> pd.DataFrame:
    """Cuadro 3 as the report gives it, in the columns of `misclassified`.

    Returns:
        DataFrame, a row a slice.
    """
    rows = [
        (number, confidence, CLASS_NAMES[true], CLASS_NAMES[predicted])
        for number, confidence, true, predicted in reference.MISCLASSIFIED
    ]
    return pd.DataFrame(rows, columns=["slice", "confidence", "true", "predicted"])


def classification_report(truth: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Cuadro 4: precision, recall, F1 and support of each class, with the report's beside.

    Args:
        truth, predicted: (N,) labels 1, 2, 3.

    Returns:
        DataFrame, a row a class and the rows "accuracy", "macro average" and "weighted
        average"; a pair of columns ("this run", "report") for each measure.
    """
    ours = _class_scores(*precision_recall_fscore_support(truth, predicted, labels=LABELS, zero_division=0))
    theirs = _class_scores(*zip(*(reference.CLASSIFICATION_REPORT[label] for label in LABELS), strict=True))
    ours.loc["accuracy"] = [np.nan, np.nan, np.mean(np.equal(truth, predicted)), len(truth)]
    theirs.loc["accuracy"] = [np.nan, np.nan, reference.CLASSIFICATION_ACCURACY, theirs["support"][:3].sum()]
    joined = pd.concat({"this run": ours, "report": theirs}, axis=1).swaplevel(axis=1)
    joined = joined.astype({column: int for column in joined if column[0] == "support"})
    return joined[list(ours.columns)].loc[[*NAMES, "accuracy", "macro average", "weighted average"]]


def _class_scores(precision, recall, f1, support) -> pd.DataFrame:
    """Scores of each class, with the plain and the support-weighted average below."""
    scores = pd.DataFrame(
        {"precision": precision, "recall": recall, "F1": f1, "support": support},
        index=list(NAMES),
        dtype=float,
    )
    support = scores["support"]
    measures = scores[["precision", "recall", "F1"]]
    scores.loc["macro average"] = [*measures.mean(), support.sum()]
    scores.loc["weighted average"] = [*np.average(measures, axis=0, weights=support), support.sum()]
    return scores


def _side_by_side(ours: Mapping[str, float], theirs: Mapping[str, float]) -> pd.DataFrame:
    """Two columns, "this run" and "report", a row for each of our keys."""
    rows = {key: (_rounded(ours[key]), theirs.get(key, np.nan)) for key in ours}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["this run", "report"], dtype=object)


def _rounded(value: float) -> float:
    """Counts as they are, measurements to four digits behind the point."""
    return value if isinstance(value, int) else round(float(value), 4)


def _summing_to_one(probabilities: ArrayLike) -> np.ndarray:
    """Probabilities in double precision; float32 ones miss 1 by more than scikit-learn accepts."""
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return probabilities / probabilities.sum(axis=1, keepdims=True)
