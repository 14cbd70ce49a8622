"""Whether a classifier is as often right as it is sure, and what it gains by keeping silent.

The confidence of a slice is the probability of its most probable class.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers.reference import CLASS_NAMES

BINS = 10
THRESHOLDS = np.arange(101) / 100


def reliability(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> pd.DataFrame:
    """How often slices are right that the classifier is about equally sure of.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.
        bins: how many, of equal width; a bin contains its upper edge.

    Returns:
        DataFrame, a row a bin: low and high (its edges), confidence (the mean, 0..1), accuracy
        (0..1) and slices; confidence and accuracy are NaN where there are no slices.
    """
    confidence, right = _confidence_and_right(truth, probabilities)
    edges = np.linspace(0, 1, bins + 1)
    places = np.clip(np.searchsorted(edges, confidence) - 1, 0, bins - 1)  # rounding may exceed 1
    slices = pd.DataFrame({"confidence": confidence, "accuracy": right, "bin": places})
    table = slices.groupby("bin").mean().reindex(range(bins))
    table.insert(0, "low", edges[:-1])
    table.insert(1, "high", edges[1:])
    table["slices"] = np.bincount(places, minlength=bins)
    return table


def expected_calibration_error(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    """Mean distance between confidence and accuracy over the bins, weighted by their slices.

    Reference: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural
    networks", ICML 2017, https://arxiv.org/abs/1706.04599, equation 3. With few slices a bin it
    is above 0 for a perfectly calibrated classifier too.

    Args:
        truth, probabilities, bins: as in `reliability`.

    Returns:
        0..1; 0 is best.
    """
    table = reliability(truth, probabilities, bins)
    distance = (table["accuracy"] - table["confidence"]).abs()
    return float((distance * table["slices"]).sum() / table["slices"].sum())


def confidence_curve(
    truth: ArrayLike, probabilities: ArrayLike, thresholds: ArrayLike = THRESHOLDS
) -> pd.DataFrame:
    """What is right of the slices that remain when the classifier answers only if it is sure.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.
        thresholds: confidences, 0..1; a slice is answered where its own is at least this.

    Returns:
        DataFrame, a row a threshold: threshold, coverage (part of the slices answered, 0..1),
        accuracy on those (NaN where there are none) and slices (answered).
    """
    confidence, right = _confidence_and_right(truth, probabilities)
    thresholds = np.asarray(thresholds, np.float64)
    answered = confidence >= thresholds[:, None]
    slices = answered.sum(axis=1)
    accuracy = np.divide(answered @ right, slices, out=np.full(len(slices), np.nan), where=slices > 0)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "coverage": slices / len(confidence),
            "accuracy": accuracy,
            "slices": slices,
        }
    )


def _confidence_and_right(truth: ArrayLike, probabilities: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(N,) confidence, and 1.0 where the slice is right."""
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, np.float64)
    if probabilities.shape != (len(truth), len(CLASS_NAMES)) or not len(truth):
        raise ValueError(
            f"{len(truth)} labels need probabilities of shape (N, {len(CLASS_NAMES)}), N at least 1; "
            f"theirs is {probabilities.shape}."
        )
    predicted = np.array(list(CLASS_NAMES))[probabilities.argmax(axis=1)]
    return probabilities.max(axis=1), (predicted == truth).astype(np.float64)
