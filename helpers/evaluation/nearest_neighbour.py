"""Nearest-neighbour baseline: the most similar training slice, by its pixels alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sklearn.neighbors import NearestNeighbors

from helpers.datasets.preprocessing import resize_image
from helpers.splits import Split

SIDE = 32  # pixels per side: enough for the pose, the plane and the shape of a head


@dataclass(frozen=True)
class Neighbours:
    """The nearest training slice of each test slice.

    Args:
        rows: (n,) int64, rows in the data set, in the order of the test set.
        same_patient: (n,) bool, whether it is a slice of the same patient.
        same_class: (n,) bool, whether it has the same class.
        chance: how often a training slice drawn at random would be of the same patient, 0..1.
    """

    rows: np.ndarray
    same_patient: np.ndarray
    same_class: np.ndarray
    chance: float


def nearest_neighbours(
    images: np.ndarray, split: Split, labels: ArrayLike, patients: ArrayLike
) -> Neighbours:
    """Find, for each test slice, the training slice whose pixels correlate best with its own.

    Slices are compared at 32 x 32 pixels, each scaled to mean 0 and norm 1, so that brightness
    and contrast do not count.

    Args:
        images: (N, H, W) uint8, memory-mapped or not.
        split: the training set and the test set.
        labels: (N,) classes.
        patients: (N,) the patient of each slice.

    Returns:
        Neighbours; `same_class.mean()` is the accuracy of a classifier that copies the class of
        the nearest slice.
    """
    labels, patients = np.asarray(labels), np.asarray(patients)
    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_vectors(images, split.train))
    nearest = index.kneighbors(_vectors(images, split.test), return_distance=False)[:, 0]
    rows = split.train[nearest]
    return Neighbours(
        rows=rows,
        same_patient=patients[rows] == patients[split.test],
        same_class=labels[rows] == labels[split.test],
        chance=float(np.mean(patients[split.train] == patients[split.test][:, None])),
    )


def _vectors(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n, SIDE * SIDE) float32, each of mean 0 and norm 1."""
    small = np.stack([resize_image(images[row], SIDE) for row in rows]).reshape(len(rows), -1)
    centred = small - small.mean(axis=1, keepdims=True, dtype=np.float32)
    return centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
