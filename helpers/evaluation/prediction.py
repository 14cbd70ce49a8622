"""A network + slices -> probabilities, masks and timings.

Keras's `predict_on_batch` runs the compiled network and nothing else. `Model.predict` sets up a
data pipeline at each call, which takes longer than the network needs for one slice.
"""

import math
import time
from dataclasses import dataclass

import keras
import numpy as np

from helpers._common import progress_bar
from helpers.evaluation.overlap import THRESHOLD
from helpers.models import on_bytes

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
        batch: slices at once, at most.
        threshold: for masks in place of probabilities, made on the device: 1 where the last
            channel, the tumour, reaches it. None for probabilities.
    """

    def __init__(self, network: keras.Model, batch: int = BATCH, threshold: float | None = None):
        self.model = on_bytes(network) if threshold is None else _masks(on_bytes(network), threshold)
        self.batch = batch

    def one(self, image: np.ndarray) -> np.ndarray:
        """Predicts a single slice.

        Args:
            image: (H, W) uint8.

        Returns:
            The network's probabilities for it, float32: (classes,) or (H, W, classes); or
            its mask, uint8: (H, W).
        """
        return self.model.predict_on_batch(image[np.newaxis])[0]

    def many(self, images: np.ndarray, rows: np.ndarray, progress: bool = False) -> np.ndarray:
        """Predicts slices in batches.

        Args:
            images: (N, H, W) uint8, memory-mapped or not.
            rows: (n,) which of them.
            progress: show a progress bar.

        Returns:
            The network's probabilities, float32: (n, classes) or (n, H, W, classes); or its
            masks, uint8: (n, H, W).
        """
        size = self.portion(len(rows))
        starts = range(0, len(rows), size)
        parts = []
        for start in progress_bar(starts, total=len(starts), unit="batch", title="Predicting", show=progress):
            chosen = rows[start : start + size]
            # A last, smaller batch is filled up: another shape would be compiled anew.
            parts.append(self.model.predict_on_batch(images[np.resize(chosen, size)])[: len(chosen)])
        return np.concatenate(parts)

    def portion(self, count: int) -> int:
        """Shares slices out so that the last batch is nearly full.

        Args:
            count: how many slices.

        Returns:
            Slices in each batch; at most `batch`.
        """
        return math.ceil(count / math.ceil(count / self.batch))


def _masks(model: keras.Model, threshold: float) -> keras.Model:
    tumour = model.output[..., -1] >= threshold
    return keras.Model(model.input, keras.ops.cast(tumour, "uint8"), name=f"{model.name}_masks")


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


def predict_masks(
    network: keras.Model, images: np.ndarray, rows: np.ndarray, threshold: float = THRESHOLD
) -> np.ndarray:
    """Predicts tumour masks: an eighth of the memory of probabilities.

    Args:
        network: (N, H, W, C), values 0..1 -> (N, H, W, 2) probabilities.
        images: (N, H, W) uint8.
        rows: (n,) which of them.
        threshold: the probability from which a pixel counts as tumour.

    Returns:
        (n, H, W) uint8, 1 on the tumour and 0 elsewhere.
    """
    return Predictor(network, threshold=threshold).many(images, rows)


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
    predictor.many(images, rows[: predictor.portion(len(rows))])  # compiles the shape of a batch
    total = _seconds(predictor.many, images, rows)
    return Timing(cold, float(np.median(warm)), total, len(rows))


def _seconds(function, *arguments) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started
