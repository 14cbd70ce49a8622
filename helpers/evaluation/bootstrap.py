"""How far a score would move with other patients: bootstrap intervals, and tests of two models.

Slices of one patient resemble each other, so patients are drawn, not slices: a patient drawn
twice brings all of its slices twice. Pass `np.arange(N)` as patients to draw slices after all,
and see how much too narrow that interval is.

Percentile intervals, after B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap",
1993, chapter 13. They are too narrow themselves where patients are few: on made-up cohorts like
those of the tests a 95 % interval held the truth in 94 % with 40 patients and in 90 % with 10.
And no resample has an error that the slices have not: a perfect score has the interval 1 to 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from helpers._common import CourseError
from helpers.reference import CLASS_NAMES

RESAMPLES = 2000
LEVEL = 0.95
_RECALLS = tuple(f"recall of {name}" for name in CLASS_NAMES.values())


class BootstrapError(CourseError):
    """Values that no interval can be computed from."""


@dataclass(frozen=True)
class ConfidenceInterval:
    """A measured value and where it would lie with other patients.

    Attributes:
        value: float, measured on all slices.
        low, high: float, bounds of the interval; NaN where a single patient, or none, stands
            behind the value, since nothing is known of others.
    """

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Formats the three numbers alike, e.g. `f"{interval:.3f}"`."""
        value, low, high = (format(number, spec or "z.2f") for number in (self.value, self.low, self.high))
        bounds = "no interval" if np.isnan(self.low) else f"{low} to {high}"
        return f"{value} ({bounds})"

    def __str__(self) -> str:
        return format(self)


def classification_intervals(
    truth: ArrayLike,
    predicted: ArrayLike,
    patients: ArrayLike,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> dict[str, ConfidenceInterval]:
    """Intervals of accuracy, macro F1, and the recall of each class.

    Args:
        truth, predicted: (N,) labels 1, 2, 3.
        patients: (N,) whose slice it is; `np.arange(N)` draws slices.
        seed: of the draw.
        resamples: how often patients are drawn.
        level: part of the resamples between the bounds.

    Returns:
        Name -> Interval: "accuracy", "macro F1", "recall of meningioma", ... A class without
        true slices in a resample has no recall there, and that resample does not count for
        it. Macro F1 is the mean over the classes that occur, in truth or prediction, as in
        scikit-learn.

    Raises:
        UncertaintyError: a label is not 1, 2 or 3, the lengths differ, or there is no slice.
    """
    confusions = _confusions(truth, predicted)
    counts, groups = _draw(patients, len(confusions), np.random.default_rng(seed), resamples)
    by_patient = _sums(confusions, groups)
    drawn = _scores(counts @ by_patient)
    behind = _patients_behind(by_patient)
    return {
        name: _interval(score[0], drawn[name] if behind[name] > 1 else [], level)
        for name, score in _scores(by_patient.sum(axis=0, keepdims=True)).items()
    }


def mean_interval(
    values: ArrayLike,
    patients: ArrayLike,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> ConfidenceInterval:
    """Interval of a mean over slices, e.g. of Dice.

    Args:
        values: (N,) finite, one a slice.
        patients: (N,) whose slice it is; `np.arange(N)` draws slices.
        seed, resamples, level: as in `classification_intervals`.

    Returns:
        Interval.

    Raises:
        UncertaintyError: a value is not finite, the lengths differ, or there is no slice.
    """
    values = _finite(values)
    means = _drawn_means(values, patients, np.random.default_rng(seed), resamples)
    return _interval(values.mean(), means, level)


def paired_difference(
    values_a: ArrayLike,
    values_b: ArrayLike,
    patients: ArrayLike,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> ConfidenceInterval:
    """Interval of the mean of A less the mean of B, two models on the same slices.

    Each resample draws the same patients for both, so that hard patients cancel out.

    Args:
        values_a, values_b: (N,) finite, one a slice: Dice, or right (1) and wrong (0).
        patients, seed, resamples, level: as in `mean_interval`.

    Returns:
        Interval; with 0 outside it the models differ.

    Raises:
        UncertaintyError: a value is not finite, the lengths differ, or there is no slice.
    """
    values_a, values_b = _finite(values_a), _finite(values_b)
    _require_equal_lengths(values_a, values_b)
    return mean_interval(values_a - values_b, patients, seed=seed, resamples=resamples, level=level)


def unpaired_difference(
    values_a: ArrayLike,
    patients_a: ArrayLike,
    values_b: ArrayLike,
    patients_b: ArrayLike,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> ConfidenceInterval:
    """Interval of the mean of A less the mean of B, on two test sets.

    Both are drawn independently of each other.

    Args:
        values_a, values_b: (N,) and (M,) finite, one a slice.
        patients_a, patients_b: (N,) and (M,) whose slice it is.
        seed, resamples, level: as in `mean_interval`.

    Returns:
        Interval; with 0 outside it the means differ.

    Raises:
        UncertaintyError: a value is not finite, the lengths differ, or there is no slice.
    """
    values_a, values_b = _finite(values_a), _finite(values_b)
    rng = np.random.default_rng(seed)
    means = [
        _drawn_means(values, patients, rng, resamples)
        for values, patients in ((values_a, patients_a), (values_b, patients_b))
    ]
    return _interval(values_a.mean() - values_b.mean(), means[0] - means[1], level)


def mcnemar(truth: ArrayLike, predicted_a: ArrayLike, predicted_b: ArrayLike) -> float:
    """McNemar's exact test: do two models err equally often on the same slices?

    It takes slices for independent, which those of one patient are not, and so finds
    differences too easily: where it disagrees with `paired_difference`, believe the latter.
    Reference: Q. McNemar, Psychometrika 12, 1947; binomial instead of chi-squared.

    Args:
        truth, predicted_a, predicted_b: (N,) labels.

    Returns:
        The two-sided p value, 0..1; 1 where both models are right on the same slices.

    Raises:
        UncertaintyError: the lengths differ.
    """
    from scipy.stats import binomtest  # here, since it takes a second to load

    truth, predicted_a, predicted_b = (np.asarray(labels) for labels in (truth, predicted_a, predicted_b))
    _require_equal_lengths(truth, predicted_a, predicted_b)
    right_a, right_b = predicted_a == truth, predicted_b == truth
    only_a, only_b = np.count_nonzero(right_a & ~right_b), np.count_nonzero(right_b & ~right_a)
    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _draw(
    patients: ArrayLike, slices: int, rng: np.random.Generator, resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """How often each patient is drawn, (resamples, P), and the patient of each slice, (N,) 0..P-1."""
    _require_equal_lengths(np.empty(slices), patients)
    names, groups = np.unique(np.asarray(patients), return_inverse=True)
    size = len(names)
    chosen = rng.integers(size, size=(resamples, size)) + size * np.arange(resamples)[:, None]
    counts = np.bincount(chosen.ravel(), minlength=resamples * size).reshape(resamples, size)
    return counts.astype(np.float64), groups  # floats, which BLAS multiplies


def _sums(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Sums over the slices of each patient: (N, K) -> (P, K)."""
    sums = np.zeros((groups.max() + 1, values.shape[1]))
    np.add.at(sums, groups, values)
    return sums


def _drawn_means(
    values: np.ndarray, patients: ArrayLike, rng: np.random.Generator, resamples: int
) -> np.ndarray:
    """The mean over slices in each resample; NaN where they would all be of one patient."""
    counts, groups = _draw(patients, len(values), rng, resamples)
    if counts.shape[1] == 1:
        return np.full(resamples, np.nan)
    total, slices = (counts @ _sums(np.stack([values, np.ones(len(values))], axis=1), groups)).T
    return total / slices


def _confusions(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """(N, 9): a 1 for the cell of the confusion matrix that each slice falls in."""
    labels = np.array(list(CLASS_NAMES))
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    _require_equal_lengths(truth, predicted)
    if not (np.isin(truth, labels).all() and np.isin(predicted, labels).all()):
        raise BootstrapError(f"Labels must be {', '.join(map(str, labels))}; other values were given.")
    cells = np.searchsorted(labels, truth) * len(labels) + np.searchsorted(labels, predicted)
    return np.eye(len(labels) ** 2)[cells]


def _matrices(cells: np.ndarray) -> np.ndarray:
    """(R, 9) as confusion matrices (R, 3, 3), a row a true class."""
    return cells.reshape(len(cells), len(CLASS_NAMES), len(CLASS_NAMES))


def _patients_behind(by_patient: np.ndarray) -> dict[str, int]:
    """How many patients each score rests on, from their (P, 9) cells."""
    have_class = np.count_nonzero(_matrices(by_patient).sum(axis=2), axis=0)
    return {
        "accuracy": len(by_patient),
        "macro F1": len(by_patient),
        **dict(zip(_RECALLS, have_class, strict=True)),
    }


def _scores(cells: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> (R,) scores of (R, 9) cells; NaN where undefined."""
    confusion = _matrices(cells)
    right = np.diagonal(confusion, axis1=1, axis2=2)
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    f1 = _ratio(2 * right, true + predicted)
    return {
        "accuracy": right.sum(axis=1) / true.sum(axis=1),
        "macro F1": np.nanmean(f1, axis=1),
        **dict(zip(_RECALLS, _ratio(right, true).T, strict=True)),
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _interval(value: float, resampled: ArrayLike, level: float) -> ConfidenceInterval:
    resampled = np.asarray(resampled)
    resampled = resampled[~np.isnan(resampled)]
    tail = (1 - level) / 2
    low, high = np.quantile(resampled, (tail, 1 - tail)) if len(resampled) else (np.nan, np.nan)
    return ConfidenceInterval(float(value), float(low), float(high))


def _finite(values: ArrayLike) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise BootstrapError("Some values are not finite. Leave those slices out, and count them apart.")
    return values


def _require_equal_lengths(*columns: ArrayLike) -> None:
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1 or not lengths[0]:
        raise BootstrapError(f"One value a slice is needed, of at least one slice; there are {lengths}.")
