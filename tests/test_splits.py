import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import reference
from helpers.splits import SplitError, classification_split, patient_family, segmentation_split

PUBLISHED_LABELS = np.repeat([1, 2, 3], [reference.CLASS_COUNTS[label] for label in (1, 2, 3)])
label_lists = st.lists(st.integers(3, 60), min_size=3, max_size=3).flatmap(
    lambda counts: st.permutations(np.repeat([1, 2, 3], counts).tolist())
)
seeds = st.integers(0, 2**32 - 1)


def assert_disjoint_and_complete(split, count):
    rows = np.concatenate([split.train, split.validation, split.test])
    np.testing.assert_array_equal(np.sort(rows), np.arange(count))


def test_the_classification_split_has_the_counts_of_cuadro_1():
    split = classification_split(PUBLISHED_LABELS, seed=1)
    assert len(split.train) + len(split.validation) == 2450
    assert len(split.test) == 614
    for label, (train, test) in reference.CLASSIFICATION_SPLIT.items():
        assert np.count_nonzero(PUBLISHED_LABELS[split.test] == label) == test
        rest = np.concatenate([split.train, split.validation])
        assert np.count_nonzero(PUBLISHED_LABELS[rest] == label) == train


def test_the_reports_protocol_validates_on_the_test_set():
    ours = classification_split(PUBLISHED_LABELS, seed=1)
    theirs = classification_split(PUBLISHED_LABELS, seed=1, report_protocol=True)
    assert theirs.validation_is_test
    assert not ours.validation_is_test
    np.testing.assert_array_equal(theirs.validation, theirs.test)
    np.testing.assert_array_equal(theirs.test, ours.test)
    assert len(theirs.train) == 2450


@given(label_lists, seeds)
def test_classification_split_properties(labels, seed):
    split = classification_split(labels, seed)
    labels = np.array(labels)
    assert_disjoint_and_complete(split, len(labels))
    for label in (1, 2, 3):
        count = np.count_nonzero(labels == label)
        assert np.count_nonzero(labels[split.test] == label) == np.ceil(count / 5)
        assert np.any(labels[split.train] == label)
        assert np.any(labels[split.validation] == label)


@given(st.integers(3, 5000), seeds)
def test_segmentation_split_properties(count, seed):
    split = segmentation_split(count, seed)
    assert_disjoint_and_complete(split, count)
    parts = [len(split.train), len(split.validation), len(split.test)]
    assert min(parts) >= 1
    expected = np.array(reference.SEGMENTATION_SPLIT) * count / 3064
    assert np.abs(np.array(parts) - expected).max() <= 2


def test_the_segmentation_split_has_the_counts_of_cuadro_5():
    split = segmentation_split(3064, seed=1)
    assert (len(split.train), len(split.validation), len(split.test)) == (2453, 488, 123)


def test_the_split_depends_on_the_seed():
    def same(one, other):
        return all(np.array_equal(getattr(one, part), getattr(other, part)) for part in ("train", "test"))

    for make in (
        lambda seed: classification_split(PUBLISHED_LABELS, seed),
        lambda s: segmentation_split(500, s),
    ):
        assert same(make(7), make(7))
        assert not same(make(7), make(8))


def test_too_few_slices_are_refused():
    with pytest.raises(SplitError, match="Class 2 has 2 slices"):
        classification_split([1, 1, 1, 2, 2, 3, 3, 3], seed=0)
    with pytest.raises(SplitError, match="2 slices cannot be split"):
        segmentation_split(2, seed=0)


@pytest.mark.parametrize(
    ("patient", "family"),
    [
        ("MR040240", "MR040240"),
        ("MR040240B", "MR040240"),
        ("100360", "100360"),
        ("MR04A", "MR04"),
        ("AB12C", "AB12C"),
    ],
)
def test_patient_family(patient, family):
    assert patient_family(patient) == family
