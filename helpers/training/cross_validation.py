"""Cross-validation: every slice is tested once, by a network that was not trained on it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from helpers.config.settings import Schedule
from helpers.datasets.dataset import Dataset
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.prediction import predict
from helpers.models.classification import classifier
from helpers.splits import Split
from helpers.training import run_record
from helpers.training.fit import DEFAULTS, Options, Run, train_classifier

SIZE = 128  # height and width, pixels: small enough to train one network per fold


@dataclass(frozen=True)
class CrossValidation:
    """The result of a cross-validation.

    Args:
        name: of the protocol, such as "by slice".
        rows: (n,) int64, the slices tested, sorted; each once.
        probabilities: (n, 3) float32, predicted for them.
        runs: the trainings, one per fold.
        patients: how many patients the slices belong to.
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
) -> CrossValidation:
    """Train the report's classifier at 128 pixels once per fold, and test each network on its fold.

    Every training starts from the same weights. A second call resumes an interrupted one.

    Args:
        name: of the protocol.
        dataset: the slices.
        folds: splits whose test sets do not overlap.
        schedule: of each training.
        folder: for the checkpoints.
        seed: of weights, dropout and shuffling.
        options: of each training.
    """
    runs, probabilities = [], []
    for number, split in enumerate(folds, start=1):
        keras.utils.set_random_seed(seed)
        network = classifier((SIZE, SIZE, 3))
        run = train_classifier(network, dataset, split, schedule, Path(folder), seed, options, quiet=True)
        predicted = predict(network, dataset.images(SIZE), split.test)
        accuracy = np.mean(predicted.argmax(axis=1) + 1 == dataset.labels[split.test])
        print(f"{name}, fold {number} of {len(folds)}: accuracy {accuracy:.2f}  ({run.seconds:.0f} s)")
        runs.append(run)
        probabilities.append(predicted)
    rows = np.concatenate([split.test for split in folds])
    order = np.argsort(rows)
    patients = dataset.table["patient"].iloc[rows].nunique()
    return CrossValidation(name, rows[order], np.concatenate(probabilities)[order], runs, patients)


def pooled_record(trial: CrossValidation, results: Mapping[str, ConfidenceInterval]) -> dict:
    """One run record for a whole cross-validation, from those of its folds.

    Args:
        trial: what `cross_validate` returned.
        results: measure -> value with its interval, over all test slices.

    Returns:
        A record as `read_record` gives it, with the number of `folds`. Its test set is that of all folds;
        it has no validation and training sets.
    """
    records = [run_record.read_record(run.folder) for run in trial.runs]
    tested = sorted(number for one in records for number in one["split"]["slices"]["test"])
    return records[0] | {
        "folds": len(records),
        "split": records[0]["split"] | {"slices": {"test": tested}, "patients": {"test": trial.patients}},
        "seconds": sum(one["seconds"] for one in records),
        "results": {measure: asdict(interval) for measure, interval in results.items()},
    }
