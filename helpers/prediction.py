"""A network + slices -> probabilities and timings."""

import time
from dataclasses import dataclass

import keras
import numpy as np

from helpers.models import on_bytes
from helpers.progress import bar

BATCH = 16
WARM_CALLS = 10


@dataclass(frozen=True)
class Timing:
    """How long predictions take.

    Args:
        cold_seconds: the first slice of all: Keras traces and compiles the network first.
        warm_seconds: one slice once that is done, the median of several calls.
        total_seconds: all slices, in batches.
        slices: how many that is.
    """

    cold_seconds: float
    warm_seconds: float
    total_seconds: float
    slices: int

    @property
    def batched_seconds(self) -> float:
        """One slice, when many are predicted in batches."""
        return self.total_seconds / self.slices


class Predictor:
    """A compiled network that predicts slices as they lie in a data set.

    Args:
        network: (N, H, W, C), values 0..1 -> probabilities.
        batch: slices at once.
    """

    def __init__(self, network: keras.Model, batch: int = BATCH):
        self.model = on_bytes(network)
        self.batch = batch

    def one(self, image: np.ndarray) -> np.ndarray:
        """Predicts a single slice.

        Args:
            image: (H, W) uint8.

        Returns:
            The network's probabilities for it, float32: (classes,) or (H, W, classes).
        """
        return self.model.predict_on_batch(image[np.newaxis])[0]

    def many(self, images: np.ndarray, rows: np.ndarray, progress: bool = False) -> np.ndarray:
        """Predicts slices in batches.

        Args:
            images: (N, H, W) uint8, memory-mapped or not.
            rows: (n,) which of them.
            progress: show a progress bar.

        Returns:
            The network's probabilities, float32: (n, classes) or (n, H, W, classes).
        """
        starts = range(0, len(rows), self.batch)
        parts = []
        for start in bar(starts, total=len(starts), unit="batch", title="Predicting", show=progress):
            chosen = rows[start : start + self.batch]
            # A last, smaller batch is filled up: another shape would be compiled anew.
            filled = np.resize(chosen, self.batch)
            parts.append(self.model.predict_on_batch(images[filled])[: len(chosen)])
        return np.concatenate(parts)


def predict(network: keras.Model, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Predicts some slices of a data set.

    Args:
        network: (N, H, W, C), values 0..1 -> probabilities.
        images: (N, H, W) uint8.
        rows: (n,) which of them.

    Returns:
        The network's probabilities, float32: (n, classes) or (n, H, W, classes).
    """
    return Predictor(network).many(images, rows)


def time_prediction(network: keras.Model, images: np.ndarray, rows: np.ndarray) -> Timing:
    """Measures how long a network takes for one slice and for many.

    Args:
        network: (N, H, W, C), values 0..1 -> probabilities.
        images: (N, H, W) uint8.
        rows: (n,) which of them to predict.

    Returns:
        Timing.
    """
    predictor = Predictor(network)
    one = np.asarray(images[rows[0]])
    cold, *warm = [_seconds(predictor.one, one) for _ in range(1 + WARM_CALLS)]
    predictor.many(images, rows[:1])  # compiles the shape of a batch
    total = _seconds(predictor.many, images, rows)
    return Timing(cold, float(np.median(warm)), total, len(rows))


def _seconds(function, *arguments) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started
