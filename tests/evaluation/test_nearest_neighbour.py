import numpy as np

from helpers.evaluation.nearest_neighbour import nearest, pixel_vectors


def test_the_nearest_slice_shows_the_same_head(rng):
    heads = rng.integers(0, 200, (6, 64, 64)).astype(np.uint8)
    darker = heads // 2 + 20  # contrast and brightness must not count
    order = rng.permutation(6)
    found = nearest(pixel_vectors(darker[order]), pixel_vectors(heads))
    np.testing.assert_array_equal(found, order)


def test_vectors_have_mean_0_and_norm_1(dataset):
    vectors = pixel_vectors(dataset.images(128))
    assert vectors.shape == (len(dataset), 1024) and vectors.dtype == np.float32
    np.testing.assert_allclose(vectors.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_the_distance_is_euclidean(rng):
    test, train = rng.normal(size=(5, 7)).astype(np.float32), rng.normal(size=(9, 7)).astype(np.float32)
    distances = np.linalg.norm(test[:, None] - train, axis=2)
    np.testing.assert_array_equal(nearest(test, train), distances.argmin(axis=1))


def test_an_empty_slice_has_a_neighbour():
    vectors = pixel_vectors(np.zeros((3, 32, 32), np.uint8))
    assert not vectors.any()
    assert nearest(vectors[2:], vectors[:2])[0] in (0, 1)
