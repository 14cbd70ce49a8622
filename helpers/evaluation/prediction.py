"""Predict probabilities with a network, and measure how long it takes.

Keras's `predict_on_batch` runs the compiled network and nothing else. `Model.predict` sets up a data
pipeline at each call, which takes longer than the network needs for one slice.
"""

import math
import os
import time
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from helpers._common import CourseError
from helpers.config.language import N_, _

BATCH = 16
WARM_CALLS = 10
PREDICTIONS = "test_predictions.npz"
PARTS = {"classifier": N_("Part A, up to 2.4,"), "unet": N_("Part B, up to 2.9,")}  # where they are saved


class PredictionsError(CourseError):
    """Saved predictions that are missing, damaged, or of other slices."""


@dataclass(frozen=True)
class Timing:
    """How long predictions take.

    Args:
        cold_seconds: the very first slice: Keras traces and compiles the network.
        warm_seconds: one slice after that, the median of several calls.
        total_seconds: all slices, in batches.
        slices: how many that is.
    """

    cold_seconds: float
    warm_seconds: float
    total_seconds: float
    slices: int

    @property
    def batched_seconds(self) -> float:
        """Seconds per slice, predicted in batches."""
        return self.total_seconds / self.slices


class Predictor:
    """A compiled network that predicts the slices of a data set.

    Args:
        network: (N, H, W, C), values 0..1 -> probabilities.
        batch: the most slices at once.
    """

    def __init__(self, network: keras.Model, batch: int = BATCH):
        self.model, self.batch = network, batch

    def one(self, image: np.ndarray) -> Any:
        """Predict a single slice.

        Args:
            image: (H, W) or (H, W, C) uint8.

        Returns:
            Probabilities, float32: (classes,) or (H, W, classes); a dict of such arrays if the
            outputs are named.
        """
        predicted = self.model.predict_on_batch(self._input(image[np.newaxis]))
        return keras.tree.map_structure(lambda one: one[0], predicted)

    def many(self, images: np.ndarray, rows: np.ndarray) -> Any:
        """Predict slices in batches.

        Args:
            images: (N, H, W) or (N, H, W, C) uint8, memory-mapped or not.
            rows: (n,) which of them.

        Returns:
            Probabilities, float32: (n, classes) or (n, H, W, classes); a dict of such arrays if the
            outputs are named.
        """
        size = self.portion(len(rows))
        parts = []
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            # A smaller last batch is filled up: another shape would be compiled again.
            x = self._input(images[np.resize(chosen, size)])
            parts.append(self.model.predict_on_batch(x))
        joined = keras.tree.map_structure(lambda *every: np.concatenate(every), *parts)
        return keras.tree.map_structure(lambda one: one[: len(rows)], joined)

    def portion(self, count: int) -> int:
        """Slices per batch, at most `batch`, such that the last batch is nearly full."""
        return math.ceil(count / math.ceil(count / self.batch))

    def _input(self, images: np.ndarray) -> np.ndarray:
        return network_input(images, self.model.input_shape[-1])


def network_input(images: np.ndarray, channels: int = 1) -> np.ndarray:
    """Convert slices to what a network takes.

    Args:
        images: (n, H, W) or (n, H, W, C) uint8.
        channels: how often a grey channel is repeated, if the images have no channel axis.

    Returns:
        (n, H, W, C) float32, 0..1.
    """
    if images.ndim == 3:
        images = np.repeat(images[..., np.newaxis], channels, axis=-1)
    return np.multiply(images, np.float32(1 / 255), dtype=np.float32)


def predict(network: keras.Model, images: np.ndarray, rows: np.ndarray) -> Any:
    """Predict some slices of a data set.

    Args:
        network: (N, H, W, C), values 0..1 -> probabilities.
        images: (N, H, W) uint8; the grey channel is repeated if the network takes several. Or (N, H, W, C).
        rows: (n,) which of them.

    Returns:
        Probabilities, float32: (n, classes) or (n, H, W, classes); a dict of such arrays if the
        outputs are named.
    """
    return Predictor(network).many(images, rows)


def save_predictions(folder: Path, rows: np.ndarray, probabilities: np.ndarray, run: Path) -> None:
    """Save the predictions of some slices, so that later parts of the course need no network.

    Args:
        folder: of the network's trainings; created if it doesn't exist.
        rows: (n,) which slices.
        probabilities: (n, ...) float, of these slices.
        run: folder of the training that they come from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    relative = Path(os.path.relpath(run, folder)).as_posix()  # still right if COURSE_HOME is moved
    temporary = folder / f"{PREDICTIONS}.{os.getpid()}.tmp"
    with temporary.open("wb") as file:
        np.savez(file, rows=rows, probabilities=probabilities, run=relative)
    temporary.replace(folder / PREDICTIONS)


def load_predictions(folder: Path, rows: np.ndarray) -> tuple[np.ndarray, Path]:
    """Load what `save_predictions` saved.

    Args:
        folder: of the network's trainings.
        rows: (n,) the slices that are expected.

    Returns:
        probabilities, (n, ...) float32; and the folder of the training that they come from.

    Raises:
        PredictionsError: there are none in the folder, or they are damaged, or of other slices.
    """
    predicted, probabilities, run = saved_predictions(folder)
    if not np.array_equal(predicted, rows):
        raise PredictionsError(
            _("the saved predictions are of other slices ({folder}). {advice}").format(
                folder=folder, advice=_advice(folder)
            )
        )
    return probabilities, run


def saved_predictions(folder: Path) -> tuple[np.ndarray, np.ndarray, Path]:
    """Load what `save_predictions` saved, whichever slices they are of.

    Args:
        folder: of the network's trainings.

    Returns:
        rows, (n,) which slices; probabilities, (n, ...) float32; the folder of the training that they come
        from.

    Raises:
        PredictionsError: there are none in the folder, or they are damaged.
    """
    path = folder / PREDICTIONS
    try:
        with path.open("rb") as file, np.load(file) as saved:
            rows, probabilities, run = saved["rows"], saved["probabilities"], str(saved["run"])
    except FileNotFoundError:
        raise PredictionsError(
            _("there are no saved predictions ({path}). {advice}").format(path=path, advice=_advice(folder))
        ) from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise PredictionsError(
            _("the saved predictions are damaged ({path}). {advice}").format(
                path=path, advice=_advice(folder)
            )
        ) from error
    return rows, probabilities, Path(os.path.normpath(folder / run))


def _advice(folder: Path) -> str:
    part = _(PARTS[folder.name]) if folder.name in PARTS else _("the part that makes them")
    return _("Run {part} first, with the same settings.").format(part=part)


def time_prediction(network: keras.Model, images: np.ndarray, rows: np.ndarray) -> Timing:
    """Measure how long a network takes for one slice and for many.

    Args:
        network: (N, H, W, C), values 0..1 -> probabilities.
        images: (N, H, W) uint8.
        rows: (n,) which of them to predict.
    """
    network.make_predict_function(force=True)  # what earlier predictions compiled is not reused
    predictor = Predictor(network)
    one = np.asarray(images[rows[0]])
    cold, *warm = [_seconds(predictor.one, one) for _ in range(1 + WARM_CALLS)]
    predictor.many(images, rows[: predictor.portion(len(rows))])  # compiles the shape of a batch
    total = _seconds(predictor.many, images, rows)
    return Timing(cold, float(np.median(warm)), total, len(rows))


def _seconds(function: Callable[..., object], *arguments: object) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started
