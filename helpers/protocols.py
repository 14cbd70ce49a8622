"""The same network under several protocols: each slice is tested once, by a network not trained on it.

What differs between two protocols is only who may stand on both sides of the split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import ArrayLike

from helpers import models
from helpers.dataset import Dataset
from helpers.prediction import predict
from helpers.settings import Schedule
from helpers.splits import Split, leakage
from helpers.training import Run, train_classifier


@dataclass(frozen=True)
class Trial:
    """What a cross-validation gave.

    Args:
        name: of the protocol, such as "by slice".
        rows: (n,) int64, the slices tested, sorted; each once.
        probabilities: (n, 3) float32, predicted for them.
        runs: the trainings, one a fold.
        leaked: part of the test slices with a sibling in training, 0..1.
    """

    name: str
    rows: np.ndarray
    probabilities: np.ndarray
    runs: list[Run]
    leaked: float

    @property
    def answers(self) -> np.ndarray:
        """(n,) the most probable label of each slice, 1..3."""
        return self.probabilities.argmax(axis=1) + 1


def cross_validate(
    name: str,
    dataset: Dataset,
    folds: Sequence[Split],
    schedule: Schedule,
    folder: Path,
    seed: int,
    *,
    patients: ArrayLike | None = None,
    size: int = 128,
) -> Trial:
    """Trains the report's classifier once a fold, and tests each on its fold.

    Every training starts from the same weights. Goes on where an interrupted call stopped.

    Args:
        name: of the protocol.
        dataset: the slices.
        folds: whose test sets do not overlap.
        schedule: of each training.
        folder: for the checkpoints.
        seed: of weights, dropout and shuffling.
        patients: (N,) whose slice each is, to count siblings; families by default.
        size: 128 or 512, pixels a side.

    Returns:
        Trial.
    """
    patients = dataset.table["family"] if patients is None else patients
    runs, probabilities = [], []
    for number, split in enumerate(folds, start=1):
        print(f"{name}, fold {number} of {len(folds)}")
        keras.utils.set_random_seed(seed)
        network = models.classifier((size, size, 3))
        runs.append(train_classifier(network, dataset, split, schedule, Path(folder), seed))
        probabilities.append(predict(network, dataset.images(size), split.test))
    rows = np.concatenate([split.test for split in folds])
    order = np.argsort(rows)
    seen = sum(leakage(split, patients).with_sibling for split in folds)
    return Trial(name, rows[order], np.concatenate(probabilities)[order], runs, seen / len(rows))
