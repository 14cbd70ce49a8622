"""Labels, patients and counts -> index arrays: who trains, who validates, who is tested."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from helpers import reference
from helpers._common import CourseError


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
    train_share, _, test_share = reference.SEGMENTATION_SPLIT
    n_test = max(1, round(count * test_share / reference.SLICES))
    n_train = max(1, min(count * train_share // reference.SLICES, count - n_test - 1))
    rows = np.random.default_rng(seed).permutation(count)
    return Split(
        train=_sorted([rows[:n_train]]),
        validation=_sorted([rows[n_train : count - n_test]]),
        test=_sorted([rows[count - n_test :]]),
    )


def patient_split(
    labels: ArrayLike, patients: ArrayLike, seed: int, *, test: float = 0.2, validation: float = 0.1
) -> Split:
    """Splits by patient: nobody stands on two sides, and the classes keep about their shares.

    Of scikit-learn's `StratifiedGroupKFold`, the fold whose classes come closest to the shares
    asked for is the test set; the validation set is taken from the rest in the same way.

    Args:
        labels: (N,) the class of each slice.
        patients: (N,) whose slice it is: patients, or families (`patient_family`), which is
            stricter.
        seed: of the shuffle.
        test: part of the slices that is tested, about; 0 < test <= 0.5.
        validation: part of the remaining slices that validates, about; 0 < validation <= 0.5.

    Returns:
        Split; every part has every class.

    Raises:
        SplitError: a class has fewer than three patients.
        ValueError: `test` or `validation` is out of range.
    """
    labels, patients = np.asarray(labels), np.asarray(patients)
    _, tested = _carve(np.arange(len(labels)), labels, patients, test, seed, keep=2)
    return _around(tested, labels, patients, validation, seed)


def official_folds(
    folds: ArrayLike, labels: ArrayLike, patients: ArrayLike, seed: int, *, validation: float = 0.1
) -> list[Split]:
    """The author's folds (`cvind.mat`): each in turn is the test set. They never cut a patient.

    Args:
        folds: (N,) fold of each slice, from 1 on.
        labels: (N,) the class of each slice.
        patients: (N,) whose slice it is, for the validation sets.
        seed: of the validation sets.
        validation: part of the remaining slices that validates, about; 0 < validation <= 0.5.

    Returns:
        A Split for each fold that occurs, in order.

    Raises:
        SplitError: a slice has no fold (0: `cvind.mat` is missing), there is only one, or a class
            has too few patients.
    """
    folds, labels, patients = np.asarray(folds), np.asarray(labels), np.asarray(patients)
    numbers = np.unique(folds)
    if len(numbers) < 2 or numbers[0] < 1:
        raise SplitError(
            "these slices have no folds by the author; assemble them with his cvind.mat beside "
            "them, or use family_folds."
        )
    tests = [np.flatnonzero(folds == number) for number in numbers]
    return [_around(tested, labels, patients, validation, seed) for tested in tests]


def family_folds(
    labels: ArrayLike, families: ArrayLike, seed: int, *, folds: int = 5, validation: float = 0.1
) -> list[Split]:
    """Cross-validation that keeps families together: each slice is tested once.

    Args:
        labels: (N,) the class of each slice.
        families: (N,) the family of each slice, or its patient.
        seed: of the shuffle.
        folds: how many, at least 2.
        validation: part of the remaining slices that validates, about; 0 < validation <= 0.5.

    Returns:
        A Split for each fold.

    Raises:
        SplitError: a class has fewer families than folds, or too few of them beside a test set.
    """
    labels, families = np.asarray(labels), np.asarray(families)
    _require_patients(labels, families, max(folds, 3))
    tests = _group_folds(labels, families, folds, seed)
    return [_around(tested, labels, families, validation, seed) for tested in tests]


def slice_folds(labels: ArrayLike, seed: int, *, folds: int = 5, validation: float = 0.1) -> list[Split]:
    """Cross-validation by slice, as the report splits: siblings stand on both sides.

    Args:
        labels: (N,) the class of each slice.
        seed: of the shuffle.
        folds: how many, at least 2.
        validation: part of the remaining slices that validates, about; 0 < validation <= 0.5.

    Returns:
        A Split for each fold.

    Raises:
        SplitError: a class has fewer slices than folds, or fewer than three.
    """
    each_its_own = np.arange(len(np.asarray(labels)))
    return family_folds(labels, each_its_own, seed, folds=folds, validation=validation)


@dataclass(frozen=True)
class Leakage:
    """How much of a test set a network has, in a way, seen before.

    Args:
        test_slices: slices in the test set.
        with_sibling: those with a slice of the same patient in the training set.
        patients: patients in the test set.
        shared_patients: those who are in the training set too.
    """

    test_slices: int
    with_sibling: int
    patients: int
    shared_patients: int

    @property
    def share(self) -> float:
        """Part of the test slices with a sibling in training, 0..1."""
        return self.with_sibling / self.test_slices


def leakage(split: Split, patients: ArrayLike) -> Leakage:
    """Counts the test slices that have a sibling among the slices trained on.

    Validation counts as training: it chooses the epoch and the learning rate.

    Args:
        split: any split.
        patients: (N,) whose slice each is, or which family's.

    Returns:
        Leakage.
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


def split_level(split: Split, patients: ArrayLike, families: ArrayLike) -> str:
    """What was shuffled, judged by what crosses the split.

    Args:
        split: any split.
        patients, families: (N,) whose slice each is.

    Returns:
        "family" where no family stands on both sides, else "patient" where no patient does,
        else "slice".
    """
    if leakage(split, families).with_sibling == 0:
        return "family"
    return "patient" if leakage(split, patients).with_sibling == 0 else "slice"


def _around(tested, labels, patients, validation, seed) -> Split:
    """The split with this test set."""
    rest = np.setdiff1d(np.arange(len(labels)), tested)
    train, validating = _carve(rest, labels, patients, validation, seed, keep=1)
    return Split(train=train, validation=validating, test=tested)


def _carve(rows, labels, patients, share, seed, keep) -> tuple[np.ndarray, np.ndarray]:
    """Takes whole patients, about `share` of each class; `keep` patients of each class stay at least."""
    if not 0 < share <= 0.5:
        raise ValueError(f"{share} is no part for a test or validation set; it must be in 0 < part <= 0.5.")
    labels, patients = labels[rows], patients[rows]
    fewest = _require_patients(labels, patients, keep + 1)
    classes, counts = np.unique(labels, return_counts=True)

    def patients_left(taken: np.ndarray) -> int:
        left = np.setdiff1d(np.arange(len(rows)), taken)
        return min(len(np.unique(patients[left][labels[left] == label])) for label in classes)

    def distance(taken: np.ndarray) -> float:
        shares = [np.count_nonzero(labels[taken] == label) for label in classes] / counts
        return np.inf if shares.min() == 0 else np.abs(shares - share).max()

    folds = _group_folds(labels, patients, min(round(1 / share), fewest), seed)
    taken = min((fold for fold in folds if patients_left(fold) >= keep), key=distance, default=None)
    if taken is None or distance(taken) == np.inf:
        raise SplitError("these patients cannot be divided so that every part has every class.")
    return np.delete(rows, taken), rows[taken]


def _group_folds(labels, patients, count, seed) -> list[np.ndarray]:
    """The test sets of scikit-learn's stratified folds that keep patients together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # it loads for a second

    alone = len(np.unique(patients)) == len(patients)  # nobody to keep together: the fast way
    folder = StratifiedKFold if alone else StratifiedGroupKFold
    folds = folder(count, shuffle=True, random_state=seed)
    return [tested for _, tested in folds.split(labels, labels, None if alone else patients)]


def _require_patients(labels, patients, wanted) -> int:
    """The fewest patients that a class has; an error if that is less than `wanted`."""
    counts = {label: len(np.unique(patients[labels == label])) for label in np.unique(labels)}
    label, fewest = min(counts.items(), key=lambda pair: pair[1])
    if fewest < wanted:
        raise SplitError(
            f"class {label} has slices of {fewest} patients; {wanted} are needed to keep them apart."
        )
    return fewest


def _sorted(parts: list[np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate(parts)).astype(np.int64)
