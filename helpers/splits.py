"""Labels, patients and counts -> index arrays: who trains, who validates, who is tested."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from helpers import report
from helpers.errors import CourseError


class SplitError(CourseError):
    """The slices cannot be split as asked."""


@dataclass(frozen=True)
class Split:
    """Row numbers of the slices in each part, sorted.

    Args:
        train, validation, test: (n,) int64, zero-based rows of the data set. They are
            disjoint and complete, unless `validation_is_test`.
        validation_is_test: True only for the report's own protocol, in which the two are
            one and the same set.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    validation_is_test: bool = False


def classification_split(
    labels: ArrayLike, seed: int, *, validation: float = 0.1, report_protocol: bool = False
) -> Split:
    """Splits by slice, class by class: 20 % of each class, rounded up, for the test.

    On the published data set these are the counts of Cuadro 1. The report validated on its
    test set, and so chose the learning rate and the stopping epoch with it; here a
    validation set is carved out of the training set instead.

    Args:
        labels: (N,) the class of each slice.
        seed: of the shuffle. The same seed gives the same split.
        validation: part of each class's remaining slices that validates, 0 < validation < 1.
        report_protocol: True for the report's protocol: nothing is carved out, and the
            test set is the validation set.

    Returns:
        Split; the test set does not depend on `validation` or `report_protocol`.

    Raises:
        SplitError: a class has fewer than three slices.
        ValueError: `validation` is out of range.
    """
    if not 0 < validation < 1:
        raise ValueError(f"validation is {validation}; it must lie between 0 and 1.")
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "test": []}
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        if len(rows) < 3:
            raise SplitError(
                f"class {label} has {len(rows)} slices; training, validation and test need one each."
            )
        n_test = -(-len(rows) // 5)  # ceil(20 %) in whole numbers
        n_validation = 0 if report_protocol else max(1, round(validation * (len(rows) - n_test)))
        parts["test"].append(rows[:n_test])
        parts["validation"].append(rows[n_test : n_test + n_validation])
        parts["train"].append(rows[n_test + n_validation :])
    if report_protocol:
        parts["validation"] = parts["test"]
    return Split(**{name: _sorted(rows) for name, rows in parts.items()}, validation_is_test=report_protocol)


def segmentation_split(count: int, seed: int) -> Split:
    """Splits by slice in the proportions of Cuadro 5 (2453 / 488 / 123 of 3064).

    Args:
        count: how many slices there are, at least 3.
        seed: of the shuffle.

    Returns:
        Split; every part has at least one slice.

    Raises:
        SplitError: `count` is less than 3.
    """
    if count < 3:
        raise SplitError(f"{count} slices cannot be split into training, validation and test.")
    train_share, _, test_share = report.SEGMENTATION_SPLIT
    n_test = max(1, round(count * test_share / report.SLICES))
    n_train = max(1, min(count * train_share // report.SLICES, count - n_test - 1))
    rows = np.random.default_rng(seed).permutation(count)
    return Split(
        train=_sorted([rows[:n_train]]),
        validation=_sorted([rows[n_train : count - n_test]]),
        test=_sorted([rows[count - n_test :]]),
    )


def patient_family(patient: str) -> str:
    """The stem that the ids of one family share: "MR040240B" -> "MR040240".

    Eighteen stems of gliomas stand for several patient ids that differ by a letter: perhaps
    one person, scanned at several dates.

    Args:
        patient: a patient id.

    Returns:
        The id without its letter, or the id itself where it has none.
    """
    match = re.fullmatch(r"(MR\d+)[A-Z]?", patient)
    return match[1] if match else patient


def _sorted(parts: list[np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate(parts)).astype(np.int64)
