import numpy as np

from helpers.evaluation.nearest_neighbour import nearest_neighbours
from helpers.splits import Split


def test_the_nearest_slice_shows_the_same_head(rng):
    heads = rng.integers(0, 200, (6, 64, 64)).astype(np.uint8)
    # Rows 6 to 11 are the same heads, darker: contrast and brightness must not count.
    images = np.concatenate([heads, heads // 2 + 20])
    patients = np.array(list("abcdef") * 2)
    labels = np.tile([1, 2, 3], 4)
    split = Split(train=np.arange(6), validation=np.arange(0), test=np.arange(6, 12))
    found = nearest_neighbours(images, split, labels, patients)
    np.testing.assert_array_equal(found.rows, np.arange(6))
    assert found.same_patient.all()
    assert found.same_class.all()
    assert found.chance == 1 / 6


def test_without_siblings_no_neighbour_is_of_the_same_patient(dataset):
    half = len(dataset) // 2
    split = Split(np.arange(half), np.arange(0), np.arange(half, len(dataset)))
    patients = np.arange(len(dataset))
    found = nearest_neighbours(dataset.images(128), split, dataset.labels, patients)
    assert not found.same_patient.any()
    assert found.chance == 0


def test_an_empty_slice_has_a_neighbour():
    images = np.zeros((3, 32, 32), np.uint8)
    found = nearest_neighbours(
        images, Split(np.array([0, 1]), np.arange(0), np.array([2])), [1, 2, 1], list("aba")
    )
    assert found.rows[0] in (0, 1)
