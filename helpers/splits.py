"""Training, validation and test sets, by slice, by patient or by family."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from helpers import reference
from helpers._common import CourseError
from helpers.config.language import _

TEST, VALIDATION = 0.2, 0.1  # shares of all slices, and of those that are not in the test set


class SplitError(CourseError):
    """The slices cannot be split as requested."""


@dataclass(frozen=True)
class Split:
    """Row numbers of the slices in each part, sorted.

    Args:
        train, validation, test: (n,) int64, zero-based rows of the data set. They are
            disjoint and complete, unless `validation_is_test`.
        validation_is_test: True only for the report's protocol, in which they are the same set.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    validation_is_test: bool = False


def classification_split(labels: ArrayLike, seed: int, *, report_protocol: bool = False) -> Split:
    """Split by slice, stratified: 20% of each class, rounded up, for the test set.

    On the published data set, these are the counts of Cuadro 1. The report validated on its test
    set; here a validation set is taken from the training set instead.

    Args:
        labels: (N,) the class of each slice.
        seed: of the shuffle.
        report_protocol: use the test set as the validation set, as the report did.

    Returns:
        Split; the test set does not depend on `report_protocol`.

    Raises:
        SplitError: a class has fewer than three slices.
    """
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    parts = []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        if len(rows) < 3:
            raise SplitError(
                _("Class {label} has {count} slices; each of the three parts needs one.").format(
                    label=label, count=len(rows)
                )
            )
        n_test = -(-len(rows) // 5)  # ceil(20%), in integers
        n_validation = 0 if report_protocol else max(1, round(VALIDATION * (len(rows) - n_test)))
        parts.append(np.split(rows, [n_test, n_test + n_validation]))
    test, validating, train = (_sorted(*rows) for rows in zip(*parts, strict=True))
    return Split(train, test if report_protocol else validating, test, validation_is_test=report_protocol)


def segmentation_split(count: int, seed: int) -> Split:
    """Split by slice in the proportions of Cuadro 5 (2453 / 488 / 123 of 3064).

    Args:
        count: number of slices; a SplitError if it is less than 3.
        seed: of the shuffle.
    """
    if count < 3:
        raise SplitError(
            _("{count} slices cannot be split into training, validation and test.").format(count=count)
        )
    train_share, _validation, test_share = reference.SEGMENTATION_SPLIT
    n_test = max(1, round(count * test_share / reference.SLICES))
    n_train = max(1, min(count * train_share // reference.SLICES, count - n_test - 1))
    rows = np.random.default_rng(seed).permutation(count)
    train, validating, test = map(_sorted, np.split(rows, [n_train, count - n_test]))
    return Split(train, validating, test)


def patient_split(labels: ArrayLike, patients: ArrayLike, seed: int) -> Split:
    """Split by patient: no patient is in two parts, and each class is split in about the same shares.

    Of the folds of scikit-learn's `StratifiedGroupKFold`, the one whose classes are closest to 20%
    is the test set; 10% of the rest are taken for the validation set in the same way.

    Args:
        labels: (N,) the class of each slice.
        patients: (N,) the patient of each slice, or its family (`patient_family`), which is stricter.
        seed: of the shuffle.

    Returns:
        Split; every part has every class.

    Raises:
        SplitError: a class has fewer than three patients.
    """
    labels, patients = np.asarray(labels), np.asarray(patients)
    _, tested = _hold_out(np.arange(len(labels)), labels, patients, TEST, seed, keep=2)
    return _around(tested, labels, patients, seed)


def official_folds(folds: ArrayLike, labels: ArrayLike, patients: ArrayLike, seed: int) -> list[Split]:
    """Return one split per fold of the data set's author (`cvind.mat`), which keep each patient in one fold.

    Args:
        folds: (N,) fold of each slice, counted from 1.
        labels: (N,) the class of each slice.
        patients: (N,) the patient of each slice, for the validation sets.
        seed: of the validation sets.

    Raises:
        SplitError: a slice has no fold (0: `cvind.mat` is missing), there is only one fold, or a
            class has too few patients.
    """
    folds, labels, patients = np.asarray(folds), np.asarray(labels), np.asarray(patients)
    numbers = np.unique(folds)
    if len(numbers) < 2 or numbers[0] < 1:
        raise SplitError(
            _("These slices have no official folds. Assemble them with cvind.mat, or use family_folds.")
        )
    tests = [np.flatnonzero(folds == number) for number in numbers]
    return [_around(tested, labels, patients, seed) for tested in tests]


def family_folds(labels: ArrayLike, families: ArrayLike, seed: int, *, folds: int = 5) -> list[Split]:
    """Return the splits of a cross-validation that keeps families together.

    Args:
        labels: (N,) the class of each slice.
        families: (N,) the family of each slice, or its patient.
        seed: of the shuffle.
        folds: number of folds, at least 2; each slice is in one test set.

    Raises:
        SplitError: a class has fewer families than folds, or too few outside a test set.
    """
    labels, families = np.asarray(labels), np.asarray(families)
    _require_patients(labels, families, max(folds, 3))
    tests = _group_folds(labels, families, folds, seed)
    return [_around(tested, labels, families, seed) for tested in tests]


def slice_folds(labels: ArrayLike, seed: int, *, folds: int = 5) -> list[Split]:
    """Return the splits of a cross-validation by slice, as the report splits: patients leak.

    Arguments and errors as in `family_folds`, with each slice as its own family.
    """
    return family_folds(labels, np.arange(len(np.asarray(labels))), seed, folds=folds)


@dataclass(frozen=True)
class Leakage:
    """How much of a test set comes from patients that were trained on."""

    test_slices: int
    with_sibling: int  # test slices with a slice of the same patient in training
    patients: int  # in the test set
    shared_patients: int  # in the training set too

    @property
    def share(self) -> float:
        """Share of the test slices with a sibling in training, 0..1."""
        return self.with_sibling / self.test_slices


def leakage(split: Split, patients: ArrayLike) -> Leakage:
    """Count the test slices that have a sibling in training.

    Validation counts as training: it chooses the epoch and the learning rate.

    Args:
        split: any split.
        patients: (N,) the patient of each slice, or its family.
    """
    patients = np.asarray(patients)
    seen = patients[np.setdiff1d(np.concatenate([split.train, split.validation]), split.test)]
    tested = patients[split.test]
    return Leakage(
        test_slices=len(tested),
        with_sibling=int(np.isin(tested, seen).sum()),
        patients=len(np.unique(tested)),
        shared_patients=len(np.intersect1d(tested, seen)),
    )


def patient_family(patient: str) -> str:
    """Return the stem that the ids of one family share, or the id itself if it has no letter.

    Eighteen glioma stems occur with several letters: perhaps one person, scanned several times.

    Example:
        >>> patient_family("MR040240B")
        'MR040240'
    """
    match = re.fullmatch(r"(MR\d+)[A-Z]?", patient)
    return match[1] if match else patient


def split_level(split: Split, patients: ArrayLike, families: ArrayLike) -> str:
    """Return what a split keeps together: "family", "patient", or "slice" if neither.

    `patients` and `families` are (N,) those of each slice.
    """
    if leakage(split, families).with_sibling == 0:
        return "family"
    return "patient" if leakage(split, patients).with_sibling == 0 else "slice"


def _around(tested: np.ndarray, labels: np.ndarray, patients: np.ndarray, seed: int) -> Split:
    """The split with this test set."""
    rest = np.setdiff1d(np.arange(len(labels)), tested)
    train, validating = _hold_out(rest, labels, patients, VALIDATION, seed, keep=1)
    return Split(train=train, validation=validating, test=tested)


def _hold_out(
    rows: np.ndarray, labels: np.ndarray, patients: np.ndarray, share: float, seed: int, keep: int
) -> tuple[np.ndarray, np.ndarray]:
    """The rows to keep and about `share` of each class to hold out; `keep` patients per class remain."""
    labels, patients = labels[rows], patients[rows]
    fewest = _require_patients(labels, patients, keep + 1)
    of_class = labels == np.unique(labels)[:, None]

    def distance(held: np.ndarray) -> float:
        """Largest deviation of a class from `share`; infinite if the fold cannot be held out."""
        shares = of_class[:, held].sum(axis=1) / of_class.sum(axis=1)
        left = np.delete(np.arange(len(rows)), held)
        patients_left = min(len(np.unique(patients[left][one[left]])) for one in of_class)
        return np.inf if shares.min() == 0 or patients_left < keep else np.abs(shares - share).max()

    held = min(_group_folds(labels, patients, min(round(1 / share), fewest), seed), key=distance)
    if distance(held) == np.inf:
        raise SplitError(_("These patients cannot be divided so that every part has every class."))
    return np.delete(rows, held), rows[held]


def _group_folds(labels: np.ndarray, groups: np.ndarray, count: int, seed: int) -> list[np.ndarray]:
    """The test sets of stratified folds that keep groups together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # here: takes a second to load

    single = len(np.unique(groups)) == len(groups)  # nothing to keep together: the faster way
    folder = StratifiedKFold if single else StratifiedGroupKFold
    folds = folder(count, shuffle=True, random_state=seed)
    return [tested for _, tested in folds.split(labels, labels, None if single else groups)]


def _require_patients(labels: np.ndarray, patients: np.ndarray, required: int) -> int:
    """The number of patients of the smallest class; an error if it is below `required`."""
    counts = {label: len(np.unique(patients[labels == label])) for label in np.unique(labels)}
    label, fewest = min(counts.items(), key=lambda pair: pair[1])
    if fewest < required:
        raise SplitError(
            _("Class {label} has {fewest} patients; this split needs at least {required}.").format(
                label=label, fewest=fewest, required=required
            )
        )
    return fewest


def _sorted(*parts: np.ndarray) -> np.ndarray:
    return np.sort(np.concatenate(parts)).astype(np.int64)
