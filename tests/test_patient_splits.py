"""Splits by patient: in no cohort may a patient be in two parts."""

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from helpers import splits
from helpers.splits import Split, SplitError

PARTS = ("train", "validation", "test")
seeds = st.integers(0, 2**32 - 1)


@st.composite
def cohorts(draw, fewest=3):
    """Labels and patients of a synthetic cohort: each patient has one label and 1 to 12 slices."""
    labels, patients = [], []
    for label in (1, 2, 3):
        for number in range(draw(st.integers(fewest, 9))):
            count = draw(st.integers(1, 12))
            labels += [label] * count
            patients += [f"{label}-{number}"] * count
    order = np.random.default_rng(draw(seeds)).permutation(len(labels))
    return np.array(labels)[order], np.array(patients)[order]


def assert_patients_stay_together(split, labels, patients):
    train, validation, test = (set(patients[getattr(split, part)]) for part in PARTS)
    assert not (train & validation or train & test or validation & test)
    rows = np.concatenate([getattr(split, part) for part in PARTS])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(labels)))
    assert splits.leakage(split, patients).with_sibling == 0


@given(cohorts(), seeds)
def test_patient_split_keeps_patients_together_and_every_class_in_every_part(cohort, seed):
    labels, patients = cohort
    split = splits.patient_split(labels, patients, seed)
    assert_patients_stay_together(split, labels, patients)
    for part in PARTS:
        assert set(labels[getattr(split, part)]) == {1, 2, 3}


@given(cohorts(fewest=4), st.integers(2, 4), seeds)
def test_family_folds_test_each_slice_once(cohort, folds, seed):
    labels, families = cohort
    try:
        made = splits.family_folds(labels, families, seed, folds=folds)
    except SplitError:  # next to one huge family, the rest of a class may be a single fold
        reject()
    assert len(made) == folds
    np.testing.assert_array_equal(np.sort(np.concatenate([s.test for s in made])), np.arange(len(labels)))
    for split in made:
        assert_patients_stay_together(split, labels, families)


@given(cohorts(fewest=5), seeds)
def test_official_folds_test_each_fold_and_validate_on_other_patients(cohort, seed):
    labels, patients = cohort
    number = {patient: 1 + int(patient[-1]) % 2 for patient in set(patients)}
    folds = np.array([number[patient] for patient in patients])
    made = splits.official_folds(folds, labels, patients, seed)
    for fold, split in enumerate(made, start=1):
        assert set(folds[split.test]) == {fold}
        assert_patients_stay_together(split, labels, patients)


def test_the_shares_are_close_to_those_requested():
    rng = np.random.default_rng(0)
    patients = np.repeat(np.arange(200), rng.integers(1, 25, 200))
    labels = patients % 3 + 1
    split = splits.patient_split(labels, patients, seed=1)
    for label in (1, 2, 3):
        share = np.mean(np.isin(np.flatnonzero(labels == label), split.test))
        assert 0.15 < share < 0.25
    assert 0.05 < len(split.validation) / (len(split.validation) + len(split.train)) < 0.15


def test_the_split_depends_on_the_seed():
    patients = np.repeat(np.arange(60), 5)
    labels = patients % 3 + 1
    first, again, other = (splits.patient_split(labels, patients, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


def test_slice_folds_leak_and_family_folds_do_not():
    patients = np.repeat(np.arange(30), 10)
    labels = patients % 3 + 1
    by_slice = splits.slice_folds(labels, seed=1, folds=3)
    assert sum(splits.leakage(split, patients).with_sibling for split in by_slice) == len(labels)
    np.testing.assert_array_equal(np.sort(np.concatenate([s.test for s in by_slice])), np.arange(300))


def test_leakage_counts_slices_and_patients():
    patients = np.array(["a", "a", "b", "c", "c", "d"])
    split = Split(train=np.array([0, 2]), validation=np.array([3]), test=np.array([1, 4, 5]))
    found = splits.leakage(split, patients)
    assert (found.test_slices, found.with_sibling, found.patients, found.shared_patients) == (3, 2, 3, 2)
    assert found.share == pytest.approx(2 / 3)


def test_leakage_ignores_validation_if_it_is_the_test_set():
    split = Split(np.array([0]), np.array([1, 2]), np.array([1, 2]), validation_is_test=True)
    assert splits.leakage(split, np.array(["a", "a", "b"])).with_sibling == 1


@pytest.mark.parametrize(
    ("families", "patients", "level"),
    [("aabbcc", "aabbcc", "family"), ("aaaabb", "xxyyzz", "patient"), ("aaaabb", "xyxyzz", "slice")],
)
def test_the_split_level_is_what_stays_together(families, patients, level):
    split = Split(train=np.array([0, 1]), validation=np.array([4, 5]), test=np.array([2, 3]))
    assert splits.split_level(split, np.array(list(patients)), np.array(list(families))) == level


def test_too_few_patients_are_refused():
    labels, patients = np.repeat([1, 2, 3], 6), np.repeat(np.arange(9), 2)
    splits.patient_split(labels, patients, seed=0)
    patients[:6] = 0
    with pytest.raises(SplitError, match="Class 1 has 1 patients; this split needs at least 3"):
        splits.patient_split(labels, patients, seed=0)
    with pytest.raises(SplitError, match="Class 1"):
        splits.family_folds(labels, patients, seed=0, folds=2)


@pytest.mark.parametrize("folds", [[0, 0, 0], [1, 1, 1], [0, 1, 2]])
def test_slices_without_official_folds_are_refused(folds):
    with pytest.raises(SplitError, match=r"cvind\.mat"):
        splits.official_folds(folds, [1, 2, 3], ["a", "b", "c"], seed=0)
