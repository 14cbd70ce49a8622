"""Calibration and selective prediction of a classifier.

The confidence of a slice is the probability of its most probable class.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers.reference import CLASS_NAMES

BINS = 10
THRESHOLDS = np.arange(101) / 100


def reliability(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> pd.DataFrame:
    """Return confidence and accuracy in bins of confidence: the data of a reliability diagram.

    Unlike `sklearn.calibration.calibration_curve`, it keeps empty bins and counts the slices.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.
        bins: number of bins of equal width; a bin contains its upper edge.

    Returns:
        DataFrame, one row per bin: low and high (its edges), confidence (the mean, 0..1), accuracy
        (0..1) and slices; confidence and accuracy are NaN in an empty bin.
    """
    confidence, correct = _confidence_and_correct(truth, probabilities)
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], confidence)
    means = pd.DataFrame({"confidence": confidence, "accuracy": correct}).groupby(bin_of).mean()
    table = pd.DataFrame({"low": edges[:-1], "high": edges[1:]}).rename_axis("bin").join(means)
    return table.assign(slices=np.bincount(bin_of, minlength=bins))


def expected_calibration_error(truth: ArrayLike, probabilities: ArrayLike, bins: int = BINS) -> float:
    r"""Return the mean distance between confidence and accuracy over the bins, weighted by slices.

    $\mathrm{ECE} = \sum_b \frac{n_b}{N} \left| \mathrm{acc}_b - \mathrm{conf}_b \right|$: C. Guo,
    G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017,
    arXiv 1706.04599, equation 3. With few slices per bin, it is above 0 even for a perfectly
    calibrated classifier.

    Args:
        truth, probabilities, bins: as in `reliability`.

    Returns:
        0..1; 0 is best.
    """
    table = reliability(truth, probabilities, bins)
    distance = (table["accuracy"] - table["confidence"]).abs()
    return float((distance * table["slices"]).sum() / table["slices"].sum())


def confidence_curve(truth: ArrayLike, probabilities: ArrayLike) -> pd.DataFrame:
    """Return coverage and accuracy of a classifier that abstains below a confidence.

    Args:
        truth: (N,) labels 1, 2, 3.
        probabilities: (N, 3), predicted.

    Returns:
        DataFrame, one row per threshold 0, 0.01, ..., 1: threshold, coverage (share of the slices
        answered: their confidence is at least this; 0..1), accuracy on those (NaN if there are
        none) and slices (answered).
    """
    confidence, correct = _confidence_and_correct(truth, probabilities)
    answered = confidence >= THRESHOLDS[:, None]
    slices = answered.sum(axis=1)
    table = pd.DataFrame({"threshold": THRESHOLDS, "coverage": slices / len(confidence)})
    table["accuracy"] = pd.Series(answered @ correct) / slices  # 0 / 0 is NaN in pandas
    return table.assign(slices=slices)


def _confidence_and_correct(truth: ArrayLike, probabilities: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """(N,) confidence, and 1.0 where the prediction is correct."""
    truth, probabilities = np.asarray(truth), np.asarray(probabilities, np.float64)
    if probabilities.shape != (len(truth), len(CLASS_NAMES)) or not len(truth):
        raise ValueError(
            f"{len(truth)} labels need probabilities of shape (N, {len(CLASS_NAMES)}), N at least 1; "
            f"got {probabilities.shape}."
        )
    predicted = np.array(list(CLASS_NAMES))[probabilities.argmax(axis=1)]
    return probabilities.max(axis=1), (predicted == truth).astype(np.float64)
