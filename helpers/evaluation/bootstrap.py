"""Bootstrap confidence intervals over patients, and tests that compare two models.

Slices of one patient resemble each other, so whole patients are resampled (a cluster bootstrap):
a patient drawn twice contributes all of its slices twice. Pass `np.arange(N)` as patients to
resample slices instead, and see how much too narrow that interval is.

Percentile intervals: B. Efron, "Bootstrap methods: another look at the jackknife", Annals of
Statistics 7, 1979, doi 10.1214/aos/1176344552. They are too narrow if there are few patients: on
synthetic cohorts like those of the tests, a 95% interval covered the truth in 94% of the cases
with 40 patients and in 90% with 10. A perfect score always has the interval 1 to 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy  # scipy.stats takes a second to load: it does so on first use
from numpy.typing import ArrayLike

from helpers._common import CourseError
from helpers.config.language import _
from helpers.reference import CLASS_NAMES

RESAMPLES = 2000
BATCH = 100  # resamples at once: 22 MB for the confusion matrices of 3064 slices
PERCENTILES = (2.5, 97.5)
_SCORES = ("accuracy", "macro F1", *(f"recall of {name}" for name in CLASS_NAMES.values()))


class BootstrapError(CourseError):
    """Values from which no interval can be computed."""


@dataclass(frozen=True)
class ConfidenceInterval:
    """A score with its 95% confidence interval.

    Attributes:
        value: float, measured on all slices.
        low, high: float, bounds of the interval; NaN if the value rests on fewer than two patients.
    """

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        """Format all three numbers alike, e.g. `f"{interval:.3f}"`."""
        value, low, high = (format(number, spec or "z.2f") for number in (self.value, self.low, self.high))
        bounds = _("no interval") if np.isnan(self.low) else _(" to ").join([low, high])
        return f"{value} ({bounds})"


def classification_intervals(
    truth: ArrayLike, predicted: ArrayLike, patients: ArrayLike, *, seed: int, resamples: int = RESAMPLES
) -> dict[str, ConfidenceInterval]:
    """Return the intervals of accuracy, macro F1 and the recall of each class.

    Args:
        truth, predicted: (N,) labels 1, 2, 3.
        patients: (N,) the patient of each slice; `np.arange(N)` resamples slices.
        seed: of the resampling.
        resamples: number of bootstrap resamples.

    Returns:
        Name -> interval: "accuracy", "macro F1", "recall of meningioma", ... A resample without
        true slices of a class doesn't count for its recall. Macro F1 is the mean over the
        classes that occur in truth or prediction, as in scikit-learn.

    Raises:
        BootstrapError: a label is not 1, 2 or 3, the lengths differ, or there are no slices.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    _require_equal_lengths(truth, predicted, patients)
    if not np.isin([truth, predicted], list(CLASS_NAMES)).all():
        raise BootstrapError(_("Labels must be 1, 2 or 3; other values were given."))
    cells = np.eye(9)[3 * truth + predicted - 4]  # 0 to 8: true and predicted class
    confusions = _sum_by_patient(cells, patients)
    have_class = np.count_nonzero(confusions.reshape(-1, 3, 3).sum(axis=2), axis=0)
    patients_behind = [len(confusions), len(confusions), *have_class]
    values = _scores(confusions.sum(axis=0))[:, 0]
    resampled = _scores(_resample(confusions, seed, resamples))
    return {
        name: _interval(value, scores if count > 1 else scores[:0])
        for name, value, scores, count in zip(_SCORES, values, resampled, patients_behind, strict=True)
    }


def mean_interval(
    values: ArrayLike, patients: ArrayLike, *, seed: int, resamples: int = RESAMPLES
) -> ConfidenceInterval:
    """Return the interval of a mean over slices, e.g. of Dice.

    Args:
        values: (N,) one per slice; a BootstrapError if one is not finite.
        patients, seed, resamples: as in `classification_intervals`.
    """
    values = np.asarray(values, np.float64)
    _require_equal_lengths(values, patients)
    if not np.isfinite(values).all():
        raise BootstrapError(_("Some values are not finite. Leave those slices out, and report how many."))
    sums = _sum_by_patient(np.stack([values, np.ones(len(values))], axis=1), patients)
    totals, counts = _resample(sums, seed, resamples).T
    return _interval(values.mean(), totals / counts)


def auc_interval(
    positive: ArrayLike, scores: ArrayLike, patients: ArrayLike, *, seed: int, resamples: int = RESAMPLES
) -> ConfidenceInterval:
    """Return the interval of the area under the ROC curve.

    The area is the probability that a random positive slice scores higher than a random negative one;
    equal scores count one half.

    Args:
        positive: (N,) true or 1 for a positive slice; there must be both kinds.
        scores: (N,) higher means rather positive; a BootstrapError if one is not finite.
        patients, seed, resamples: as in `classification_intervals`. A resample with slices of one kind
            alone doesn't count.
    """
    positive, scores = np.asarray(positive, bool), np.asarray(scores, np.float64)
    _require_equal_lengths(positive, scores, patients)
    if not np.isfinite(scores).all() or positive.all() or not positive.any():
        raise BootstrapError(
            _("An ROC curve needs positive and negative slices, and a finite score for each.")
        )
    names, owner = np.unique(np.asarray(patients), return_inverse=True)
    value = _areas(positive, scores, np.ones((1, len(scores))))[0]
    if min(len(np.unique(owner[positive])), len(np.unique(owner[~positive]))) < 2:
        return _interval(value, np.empty(0))
    drawn = _bootstrap(  # how many times each patient is
        len(names),
        lambda rows: np.apply_along_axis(np.bincount, -1, rows, minlength=len(names)).astype(float),
        seed,
        resamples,
    )
    return _interval(value, _areas(positive, scores, drawn[:, owner]))


def paired_difference(
    values_a: ArrayLike, values_b: ArrayLike, patients: ArrayLike, *, seed: int, resamples: int = RESAMPLES
) -> ConfidenceInterval:
    """Return the interval of the mean of A minus the mean of B, two models on the same slices.

    Each resample has the same patients for both models, so that hard patients cancel out.

    Args:
        values_a, values_b: (N,) one per slice: Dice, or correct (1) and wrong (0).
        patients, seed, resamples: as in `classification_intervals`.

    Returns:
        The interval; if 0 is outside it, the models differ.
    """
    values_a, values_b = np.asarray(values_a, np.float64), np.asarray(values_b, np.float64)
    _require_equal_lengths(values_a, values_b, patients)
    return mean_interval(values_a - values_b, patients, seed=seed, resamples=resamples)


def mcnemar(truth: ArrayLike, predicted_a: ArrayLike, predicted_b: ArrayLike) -> float:
    """Return the p value of McNemar's exact test: do two models err equally often?

    The test treats slices as independent. Those of one patient are not, so it finds differences
    too easily: where it disagrees with `paired_difference`, trust the latter. Q. McNemar,
    Psychometrika 12, 1947, doi 10.1007/BF02295996; exact binomial form.

    Args:
        truth, predicted_a, predicted_b: (N,) labels of the same slices.

    Returns:
        The two-sided p value, 0..1; 1 if both models are correct on the same slices.
    """
    truth, predicted_a, predicted_b = (np.asarray(labels) for labels in (truth, predicted_a, predicted_b))
    _require_equal_lengths(truth, predicted_a, predicted_b)
    correct_a, correct_b = predicted_a == truth, predicted_b == truth
    only_a, only_b = np.count_nonzero(correct_a & ~correct_b), np.count_nonzero(correct_b & ~correct_a)
    return float(scipy.stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _sum_by_patient(columns: np.ndarray, patients: ArrayLike) -> np.ndarray:
    """Sums over the slices of each patient: (N, C) -> (P, C)."""
    import pandas as pd  # takes a third of a second to load, and the checks need it rarely

    return pd.DataFrame(columns).groupby(np.asarray(patients)).sum().to_numpy()


def _resample(sums: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Sums (P, C) per patient -> totals (R, C) over patients drawn with replacement; R = 0 for P = 1."""
    if len(sums) < 2:
        return sums[:0]
    return _bootstrap(len(sums), lambda drawn: sums[drawn].sum(axis=-2), seed, resamples)


def _bootstrap(
    count: int, statistic: Callable[[np.ndarray], np.ndarray], seed: int, resamples: int
) -> np.ndarray:
    """Values (R, C) of a statistic of the drawn patients, numbers 0 to `count` - 1, (R, count) -> (R, C)."""
    return scipy.stats.bootstrap(
        (np.arange(count),),
        lambda drawn, axis: statistic(drawn).T,
        n_resamples=resamples,
        batch=BATCH,
        vectorized=True,
        method="percentile",
        rng=seed,
    ).bootstrap_distribution.T


def _scores(cells: np.ndarray) -> np.ndarray:
    """Cells of confusion matrices (R, 9) -> the scores named in _SCORES (5, R); NaN if undefined."""
    confusion = cells.reshape(-1, 3, 3)  # true, predicted
    correct = np.diagonal(confusion, axis1=1, axis2=2)
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    with np.errstate(invalid="ignore"):  # 0 / 0: the class does not occur
        recalls, f1 = correct / true, 2 * correct / (true + predicted)
    accuracy = correct.sum(axis=1) / true.sum(axis=1)
    return np.stack([accuracy, np.nanmean(f1, axis=1), *recalls.T])


def _areas(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Areas under the ROC curve (R,) for weights (R, N) of the slices; NaN without slices of one kind."""
    order = np.argsort(scores, kind="stable")
    starts = np.unique(scores[order], return_index=True)[1]  # of equal scores
    either = [weights[:, order] * kind[order] for kind in (positive, ~positive)]
    here, negative = (np.add.reduceat(each, starts, axis=1) for each in either)
    won = here * (negative.cumsum(axis=1) - negative / 2)
    with np.errstate(invalid="ignore"):  # 0 / 0
        return won.sum(axis=1) / (here.sum(axis=1) * negative.sum(axis=1))


def _interval(value: float, resampled: np.ndarray) -> ConfidenceInterval:
    resampled = resampled[~np.isnan(resampled)]
    low, high = np.percentile(resampled, PERCENTILES) if len(resampled) else (np.nan, np.nan)
    return ConfidenceInterval(float(value), float(low), float(high))


def _require_equal_lengths(*columns: ArrayLike) -> None:
    lengths = [len(np.asarray(column)) for column in columns]
    if len(set(lengths)) > 1 or not lengths[0]:
        raise BootstrapError(
            _("The lengths are {lengths}; pass one value per slice, and at least one slice.").format(
                lengths=lengths
            )
        )
