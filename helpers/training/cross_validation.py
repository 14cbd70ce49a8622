"""The same network under several protocols: each slice is tested once, by a network not trained on it.

What differs between two protocols is only who may stand on both sides of the split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from helpers import models
from helpers.config.settings import Schedule
from helpers.datasets.dataset import Dataset
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.prediction import predict
from helpers.splits import Split
from helpers.training import run_record
from helpers.training.fit import DEFAULTS, Options, Run, train_classifier


@dataclass(frozen=True)
class CrossValidation:
    """What a cross-validation gave.

    Args:
        name: of the protocol, such as "by slice".
        rows: (n,) int64, the slices tested, sorted; each once.
        probabilities: (n, 3) float32, predicted for them.
        runs: the trainings, one a fold.
        patients: how many patients they belong to.
    """

    name: str
    rows: np.ndarray
    probabilities: np.ndarray
    runs: list[Run]
    patients: int

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
    options: Options = DEFAULTS,
    *,
    size: int = 128,
) -> CrossValidation:
    """Trains the report's classifier once a fold, and tests each on its fold.

    Every training starts from the same weights. Goes on where an interrupted call stopped.

    Args:
        name: of the protocol.
        dataset: the slices.
        folds: whose test sets do not overlap.
        schedule: of each training.
        folder: for the checkpoints.
        seed: of weights, dropout and shuffling.
        options: switches of the trainings.
        size: 128 or 512, pixels a side.

    Returns:
        Trial.
    """
    runs, probabilities = [], []
    for number, split in enumerate(folds, start=1):
        keras.utils.set_random_seed(seed)
        network = models.classifier((size, size, 3))
        run = train_classifier(network, dataset, split, schedule, Path(folder), seed, options, quiet=True)
        predicted = predict(network, dataset.images(size), split.test)
        accuracy = np.mean(predicted.argmax(axis=1) + 1 == dataset.labels[split.test])
        print(f"{name}, fold {number} of {len(folds)}: {accuracy:.2f} right  ({run.seconds:.0f} s)")
        runs.append(run)
        probabilities.append(predicted)
    rows = np.concatenate([split.test for split in folds])
    order = np.argsort(rows)
    patients = dataset.table["patient"].iloc[rows].nunique()
    return CrossValidation(name, rows[order], np.concatenate(probabilities)[order], runs, patients)


def pooled_record(trial: CrossValidation, results: Mapping[str, ConfidenceInterval]) -> dict:
    """Makes one run card of a whole cross-validation, from those of its folds.

    Args:
        trial: what `cross_validate` returned.
        results: measure -> value with its interval, over all test slices.

    Returns:
        A card as `helpers.training.run_record.read` gives it, with the number of `folds`; its test set is
        that of all folds, and there are no validation and training sets in it.
    """
    cards = [run_record.read_record(run.folder) for run in trial.runs]
    tested = sorted(number for one in cards for number in one["split"]["slices"]["test"])
    split = cards[0]["split"] | {"slices": {"test": tested}, "patients": {"test": trial.patients}}
    seconds = sum(one["seconds"] for one in cards)
    pooled = cards[0] | {"folds": len(cards), "split": split, "seconds": seconds, "results": {}}
    for measure, interval in results.items():
        pooled["results"][measure] = run_record.entry(interval)
    return pooled
