import numpy as np
import pytest
from scipy.stats import binom
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support, roc_auc_score

from helpers.evaluation.bootstrap import (
    BootstrapError,
    ConfidenceInterval,
    auc_interval,
    classification_intervals,
    mcnemar,
    mean_interval,
    paired_difference,
)
from helpers.reference import CLASS_NAMES


@pytest.fixture
def cohort(rng):
    """Truth, prediction and patient of 240 slices of 48 patients, each patient of one class."""
    patients = rng.integers(0, 48, 240)
    truth = 1 + patients % 3
    predicted = np.where(rng.random(240) < 0.7, truth, rng.integers(1, 4, 240))
    return truth, predicted, np.array([f"p{patient}" for patient in patients])


def plain_resamples(patients, resamples, seed):
    """Row numbers of the slices in each resample, patient by patient."""
    rng = np.random.default_rng(seed)
    names = np.unique(patients)
    for _ in range(resamples):
        chosen = rng.choice(names, len(names))
        yield np.concatenate([np.flatnonzero(patients == patient) for patient in chosen])


def test_intervals_agree_with_a_plain_loop_over_scikit_learn(cohort):
    truth, predicted, patients = cohort
    loop = []
    for rows in plain_resamples(patients, 600, seed=1):
        _, recalls, f1, _ = precision_recall_fscore_support(
            truth[rows], predicted[rows], labels=[1, 2, 3], zero_division=np.nan
        )
        loop.append([np.mean(truth[rows] == predicted[rows]), np.nanmean(f1), *recalls])
    expected = np.nanquantile(loop, (0.025, 0.975), axis=0)
    found = classification_intervals(*cohort, seed=2, resamples=20_000)
    assert list(found) == ["accuracy", "macro F1", *(f"recall of {name}" for name in CLASS_NAMES.values())]
    np.testing.assert_allclose([each.low for each in found.values()], expected[0], atol=0.03)
    np.testing.assert_allclose([each.high for each in found.values()], expected[1], atol=0.03)
    assert found["accuracy"].value == accuracy_score(truth, predicted)
    assert found["macro F1"].value == pytest.approx(f1_score(truth, predicted, average="macro"))


def test_mean_interval_agrees_with_a_plain_loop(cohort, rng):
    values, patients = rng.random(240), cohort[2]
    loop = [values[rows].mean() for rows in plain_resamples(patients, 4000, seed=1)]
    found = mean_interval(values, patients, seed=2, resamples=20_000)
    assert found.value == pytest.approx(values.mean())
    np.testing.assert_allclose([found.low, found.high], np.quantile(loop, (0.025, 0.975)), atol=0.01)


def test_intervals_depend_on_the_seed_but_not_on_the_names_of_patients(cohort):
    truth, predicted, patients = cohort
    first = classification_intervals(truth, predicted, patients, seed=3)
    assert classification_intervals(truth, predicted, patients, seed=3) == first
    assert classification_intervals(truth, predicted, patients, seed=4) != first
    renamed = np.unique(patients, return_inverse=True)[1] + 100
    assert classification_intervals(truth, predicted, renamed, seed=3) == first


def test_patient_intervals_cover_the_truth_that_slice_intervals_miss(rng):
    """200 cohorts of 40 patients, each with 10 slices that are all easy or all hard."""
    covered = {"patients": 0, "slices": 0}
    for seed in range(200):
        easiness = np.repeat(rng.beta(1.6, 0.4, 40), 10)  # 0.8 on average
        correct = rng.random(400) < easiness
        resampled = {"patients": np.repeat(np.arange(40), 10), "slices": np.arange(400)}
        for unit, units in resampled.items():
            interval = mean_interval(correct, units, seed=seed, resamples=400)
            covered[unit] += interval.low <= 0.8 <= interval.high
    assert 0.89 <= covered["patients"] / 200 <= 0.98
    assert covered["slices"] / 200 < 0.75


def test_a_class_of_a_single_patient_has_no_interval():
    truth, patients = np.array([1, 1, 2, 2, 2, 2]), np.array([0, 0, 1, 1, 2, 2])
    found = classification_intervals(truth, [1, 2, 2, 2, 2, 1], patients, seed=0)
    one, several, none = (found[f"recall of {name}"] for name in CLASS_NAMES.values())
    assert one.value == 0.5 and np.isnan([one.low, one.high]).all()
    assert (several.value, several.low, several.high) == (0.75, 0.5, 1)
    assert np.isnan([none.value, none.low, none.high]).all()
    assert not np.isnan([found["accuracy"].low, found["macro F1"].low]).any()


def test_a_single_patient_has_no_interval():
    found = classification_intervals([1, 2, 3], [1, 2, 2], ["a"] * 3, seed=0)
    assert f"{found['accuracy']}" == "0.67 (no interval)"
    assert all(np.isnan([each.low, each.high]).all() for each in found.values())
    assert f"{mean_interval([0.5, 0.7], ['a', 'a'], seed=0)}" == "0.60 (no interval)"


def test_hard_patients_cancel_out_in_a_paired_difference(rng):
    patients = np.repeat(np.arange(30), 5)
    hardness = np.repeat(rng.uniform(0.2, 0.8, 30), 5)
    a, b = hardness + 0.05 + rng.normal(0, 0.02, 150), hardness
    paired = paired_difference(a, b, patients, seed=0)
    assert 0.04 < paired.low < 0.05 < paired.high < 0.06
    alone = mean_interval(a, patients, seed=0)
    assert alone.high - alone.low > 5 * (paired.high - paired.low)
    assert paired_difference(b, a, patients, seed=0).high == pytest.approx(-paired.low)


def test_mcnemar_is_a_binomial_test_on_the_disagreements():
    truth = np.ones(20, int)
    a, b = truth.copy(), truth.copy()
    a[:2] = 2
    b[2:11] = 3
    assert mcnemar(truth, a, b) == pytest.approx(2 * binom.cdf(2, 11, 0.5))
    assert mcnemar(truth, b, a) == mcnemar(truth, a, b)
    assert mcnemar(truth, a, a) == 1


def test_intervals_are_formatted_with_their_bounds():
    assert f"{ConfidenceInterval(0.941, 0.906, 0.97)}" == "0.94 (0.91 to 0.97)"
    assert f"{ConfidenceInterval(-0.001, -0.02, 0.01)}" == "0.00 (-0.02 to 0.01)"
    assert f"{ConfidenceInterval(0.941, 0.906, 0.97):.3f}" == "0.941 (0.906 to 0.970)"


def test_invalid_values_are_refused():
    with pytest.raises(BootstrapError, match=r"\[3, 2\]"):
        mean_interval([1, 2, 3], [1, 2], seed=0)
    with pytest.raises(BootstrapError, match=r"\[3, 1, 3\]"):
        paired_difference([1, 2, 3], [1], [1, 2, 3], seed=0)
    with pytest.raises(BootstrapError, match="not finite"):
        mean_interval([1, np.inf], [1, 2], seed=0)
    with pytest.raises(BootstrapError, match="1, 2 or 3"):
        classification_intervals([0, 1], [1, 2], [1, 2], seed=0)
    with pytest.raises(BootstrapError, match="at least one slice"):
        classification_intervals([], [], [], seed=0)


def test_the_area_under_the_roc_curve_agrees_with_scikit_learn(rng):
    patients = np.repeat(np.arange(20), rng.integers(6, 12, 20))
    positive = np.arange(20)[patients] % 2 == 0
    scores = np.round(positive + rng.normal(size=20)[patients] + rng.normal(size=len(patients)), 1)  # ties
    interval = auc_interval(positive, scores, patients, seed=3)
    assert interval.value == pytest.approx(roc_auc_score(positive, scores))
    areas = []
    for _ in range(2000):
        drawn = np.concatenate([np.flatnonzero(patients == one) for one in rng.integers(0, 20, 20)])
        areas.append(roc_auc_score(positive[drawn], scores[drawn]))
    np.testing.assert_allclose([interval.low, interval.high], np.percentile(areas, [2.5, 97.5]), atol=0.02)
    over_slices = auc_interval(positive, scores, np.arange(len(patients)), seed=3)
    assert over_slices.high - over_slices.low < 0.7 * (interval.high - interval.low)


def test_an_area_needs_both_kinds_and_finite_scores():
    for positive, scores in (([1, 1], [0.1, 0.2]), ([0, 0], [0.1, 0.2]), ([0, 1], [0.1, np.nan])):
        with pytest.raises(BootstrapError, match="positive and negative slices, and a finite score"):
            auc_interval(positive, scores, ["a", "b"], seed=0)
    perfect = auc_interval([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8], list("abcd"), seed=0)
    assert (perfect.value, perfect.low, perfect.high) == (1, 1, 1)  # resamples of one kind don't count
    of_one_patient = auc_interval([1, 1, 0, 0], [0.1, 0.9, 0.2, 0.8], list("aabc"), seed=0)
    assert np.isnan([of_one_patient.low, of_one_patient.high]).all()
