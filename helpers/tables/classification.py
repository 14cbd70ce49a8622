"""Tables of the classifier, next to those of the report.

A column or row named "report" holds the numbers of the 2023 report, NaN if it gives none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score, log_loss, precision_recall_fscore_support

from helpers import models, reference
from helpers.reference import CLASS_NAMES
from helpers.splits import Split

if TYPE_CHECKING:
    import keras

    from helpers.evaluation.prediction import Timing

LABELS = tuple(CLASS_NAMES)
NAMES = tuple(CLASS_NAMES.values())


def classification_split(labels: ArrayLike, split: Split) -> pd.DataFrame:
    """Return Cuadro 1: slices of each class in each part.

    Args:
        labels: (N,) labels 1, 2, 3.
        split: from `helpers.splits.classification_split`.
    """
    table = pd.DataFrame(index=pd.Index(NAMES, name="class"))
    for part in ("train", "validation", "test"):
        table[part] = np.bincount(np.asarray(labels)[getattr(split, part)], minlength=4)[1:]
    table["total"] = table.sum(axis=1)
    report = np.array([reference.CLASSIFICATION_SPLIT[label] for label in LABELS])
    table["report, train"], table["report, test"] = report.T
    table["report, total"] = report.sum(axis=1)
    table.loc["total"] = table.sum()
    return table


def classifier_layers(network: keras.Model) -> pd.DataFrame:
    """Return Cuadro 2: the layers of the classifier, one row each.

    The report's output shapes and parameters are included if it has as many layers.
    """
    table = models.layer_table(network).drop(columns="layer")  # whose numbers count all networks made so far
    if len(table) == len(reference.CLASSIFIER_LAYERS):
        _, shapes, parameters = zip(*reference.CLASSIFIER_LAYERS, strict=True)
        table["report, shape"], table["report, parameters"] = shapes, parameters
    return table


def classifier_results(
    truth: ArrayLike, probabilities: ArrayLike, history: pd.DataFrame, timing: Timing
) -> pd.DataFrame:
    """Return the results of the classifier that the report gives in its text.

    Args:
        truth: (N,) labels of the test slices.
        probabilities: (N, 3), predicted.
        history: of its training, one row per epoch.
        timing: of its predictions.
    """
    exact = np.asarray(probabilities, dtype=np.float64)
    exact = exact / exact.sum(axis=1, keepdims=True)  # sums of float32 miss 1 by more than log_loss accepts
    predicted = exact.argmax(axis=1) + 1
    results = {
        "test slices": len(predicted),
        "test loss": log_loss(truth, exact, labels=LABELS),
        "test accuracy": accuracy_score(truth, predicted),
        "misclassified": int(np.count_nonzero(predicted != truth)),
        "epochs": len(history),
        "test set, seconds": timing.total_seconds,
        "one slice, seconds": timing.warm_seconds,
        "the very first slice, seconds": timing.cold_seconds,
    }
    return side_by_side(results, reference.CLASSIFIER_RESULTS)


def misclassified(table: pd.DataFrame, probabilities: np.ndarray) -> pd.DataFrame:
    """Return Cuadro 3: the slices whose most probable class is not the true one.

    Args:
        table: rows of the data set's table, one per prediction.
        probabilities: (N, 3), predicted.

    Returns:
        DataFrame with the columns slice (its number), patient, confidence (of the predicted
        class, 0..1), true and predicted (names), the most confident error first; the index is
        the position in `probabilities`.
    """
    errors = pd.DataFrame(
        {
            "slice": table["number"].to_numpy(),
            "patient": table["patient"].to_numpy(),
            "confidence": probabilities.max(axis=1),
            "true": table["class_name"].to_numpy(),
            "predicted": np.array(NAMES)[probabilities.argmax(axis=1)],
        }
    )
    errors = errors[errors["true"] != errors["predicted"]]
    return errors.sort_values("confidence", ascending=False, kind="stable")


def misclassified_in_report() -> pd.DataFrame:
    """Return Cuadro 3 as in the report, with the columns of `misclassified`, except for the patient."""
    table = pd.DataFrame(reference.MISCLASSIFIED, columns=["slice", "confidence", "true", "predicted"])
    return table.assign(true=table["true"].map(CLASS_NAMES), predicted=table["predicted"].map(CLASS_NAMES))


def classification_report(truth: ArrayLike, predicted: ArrayLike) -> pd.DataFrame:
    """Return Cuadro 4: precision, recall, F1 and support of each class, next to the report's.

    Args:
        truth, predicted: (N,) labels 1, 2, 3.

    Returns:
        DataFrame, one row per class and the rows "accuracy", "macro average" and "weighted
        average"; a pair of columns ("this run", "report") for each measure.
    """
    scores = precision_recall_fscore_support(truth, predicted, labels=LABELS, zero_division=0)
    report = list(zip(*(reference.CLASSIFICATION_REPORT[label] for label in LABELS), strict=True))
    columns = {
        "this run": _with_averages(scores, accuracy_score(truth, predicted)),
        "report": _with_averages(report, reference.CLASSIFICATION_ACCURACY),
    }
    table = pd.concat(columns, axis=1).swaplevel(axis=1)[["precision", "recall", "F1", "support"]]
    return table.astype({column: int for column in table if column[0] == "support"})


def _with_averages(scores: Sequence[Sequence[float]], accuracy: float) -> pd.DataFrame:
    """Precision, recall, F1 and support of each class, then accuracy, plain and weighted averages."""
    columns = dict(zip(("precision", "recall", "F1", "support"), scores, strict=True))
    table = pd.DataFrame(columns, index=list(NAMES), dtype=float)
    measures, support = table[["precision", "recall", "F1"]], table["support"]
    table.loc["accuracy"] = [np.nan, np.nan, accuracy, support.sum()]
    table.loc["macro average"] = [*measures.mean(), support.sum()]
    table.loc["weighted average"] = [*np.average(measures, axis=0, weights=support), support.sum()]
    return table


def side_by_side(results: Mapping[str, float], report: Mapping[str, float]) -> pd.DataFrame:
    """Return the columns "this run" and "report", one row per result."""
    rows = {name: (value, report.get(name, np.nan)) for name, value in results.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["this run", "report"], dtype=object)
