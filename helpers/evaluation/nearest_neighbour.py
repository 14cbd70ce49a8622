"""Nearest-neighbour baseline: the most similar training slice, by its pixels alone."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from helpers.datasets.preprocessing import resize_image

SIDE = 32  # pixels per side: enough for the pose, the plane and the shape of a head


def pixel_vectors(images: np.ndarray) -> np.ndarray:
    """Return each slice as a row of numbers: at 32 x 32 pixels, scaled to mean 0 and norm 1.

    Brightness and contrast therefore don't count: the smallest distance is the highest correlation.

    Args:
        images: (N, H, H) uint8, memory-mapped or not.

    Returns:
        (N, 1024) float32; all 0 for a slice whose pixels are all alike.
    """
    small = np.stack([resize_image(image, SIDE) for image in images]).reshape(len(images), -1)
    centred = small - small.mean(axis=1, keepdims=True, dtype=np.float32)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)


def nearest(test: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Find the nearest training slice of each test slice, by Euclidean distance.

    Args:
        test: (n, D) float32, one row per test slice.
        train: (m, D) float32, one row per training slice.

    Returns:
        (n,) int64, row numbers in `train`.
    """
    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(train)
    return index.kneighbors(test, return_distance=False)[:, 0]
