"""Data leakage in a split by slice: the course's networks under two protocols, on your slices.

    python -m benchmarks.leak SOURCE --home FOLDER [--folds N] [--epochs N] [--unet-epochs N] [--precision P]

SOURCE is a folder with `.mat` files or the zip archives. Classifier and U-Net are trained at 128
pixels, by slice and by family: the classifier in a cross-validation, the U-Net once each. Takes
hours on a CPU; trainings in FOLDER are not repeated, so an interrupted run resumes.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
import scipy

from benchmarks.command import parser, write_figures
from helpers import models, splits
from helpers.config import environment
from helpers.config.settings import SEED
from helpers.datasets.assembly import assemble
from helpers.datasets.dataset import Dataset
from helpers.evaluation import bootstrap, nearest_neighbour, overlap, prediction
from helpers.training.checkpoint import Checkpoint
from helpers.training.data_loader import Batches, Shuffle
from helpers.training.run_record import describe_run, run_key

BATCH, SIZE = 32, 128


def classifier_gap(data: Dataset, folds: int, epochs: int, folder: Path) -> dict:
    """Cross-validate the classifier and the nearest-neighbour baseline under both protocols.

    Args:
        data: the slices.
        folds: how many.
        epochs: of each training.
        folder: for the checkpoints.

    Returns:
        The figures, by name; intervals are texts.
    """
    families = data.table["family"].to_numpy()
    both = {
        "slice": splits.slice_folds(data.labels, SEED, folds=folds),
        "family": splits.family_folds(data.labels, families, SEED, folds=folds),
    }
    figures, right = {}, {}
    for unit, parts in both.items():
        answers, seconds = np.zeros(len(data), int), 0.0
        for split in parts:
            keras.utils.set_random_seed(SEED)
            network = models.classifier((SIZE, SIZE, 3))
            seconds += train(network, data, split, epochs, folder / unit)
            predicted = prediction.predict(network, data.images(SIZE), split.test)
            answers[split.test] = predicted.argmax(axis=1) + 1
        right[unit] = answers == data.labels
        scores = bootstrap.classification_intervals(data.labels, answers, families, seed=SEED)
        figures |= {f"classifier by {unit}, {name}": f"{one:.3f}" for name, one in scores.items()}
        figures[f"classifier by {unit}, seconds"] = round(seconds)
        figures[f"nearest slice by {unit}, accuracy"] = f"{_copied(data, parts, families):.3f}"
    gap = bootstrap.paired_difference(right["slice"], right["family"], families, seed=SEED)
    return figures | {"classifier, gap in accuracy": f"{gap:.3f}"}


def train(network: keras.Model, data: Dataset, split: splits.Split, epochs: int, folder: Path) -> float:
    """Train a network with a fixed budget: every epoch, one learning rate, the weights of the last epoch.

    Args:
        network: the classifier or the U-Net, in its initial state.
        data: the slices.
        split: its training set is used.
        epochs: of the training.
        folder: for the checkpoints.

    Returns:
        Seconds.
    """
    images, targets = data.images(SIZE)[..., np.newaxis], data.labels - 1
    if network.name == "unet":
        targets = data.masks(SIZE)
    images = np.broadcast_to(images, (*images.shape[:3], network.input_shape[-1]))
    network.compile(keras.optimizers.Adam(), "sparse_categorical_crossentropy")
    batches = Batches(images, targets, split.train, BATCH, shuffle=Shuffle(SEED))
    key = run_key(describe_run(data, split, network, batches, epochs))
    checkpoint = Checkpoint(folder / key, [], batches, best=False)
    start = checkpoint.epoch
    network.fit(batches, initial_epoch=start, epochs=epochs, callbacks=[checkpoint], shuffle=False, verbose=0)
    return checkpoint.history["seconds"].sum()


def unet_gap(data: Dataset, epochs: int, folder: Path) -> dict:
    """Train the U-Net once by slice and once by family; a fifth of the slices is tested.

    Args:
        data: the slices.
        epochs: of each training.
        folder: for the checkpoints.

    Returns:
        The figures, by name; intervals are texts. Dice at threshold 0.5, mean over slices.
    """
    families = data.table["family"].to_numpy()
    both = {
        "slice": splits.classification_split(data.labels, SEED),
        "family": splits.patient_split(data.labels, families, SEED),
    }
    figures, samples = {}, []  # Dice of each patient's slices
    for unit, split in both.items():
        keras.utils.set_random_seed(SEED)
        network = models.unet()
        seconds = train(network, data, split, epochs, folder / unit)
        tumour = prediction.predict(network, data.images(SIZE), split.test)[..., 1]
        truth, predicted = data.masks(SIZE)[split.test], tumour >= overlap.THRESHOLD
        owners = families[split.test]
        dice = overlap.dice(truth, predicted)
        samples.append(pd.Series(dice).groupby(owners).agg(["sum", "size"]).to_numpy())
        figures[f"U-Net by {unit}, test slices"] = len(split.test)
        for name, values in (("Dice", dice), ("IoU", overlap.iou(truth, predicted))):
            interval = bootstrap.mean_interval(values, owners, seed=SEED)
            figures[f"U-Net by {unit}, {name}"] = f"{interval:.3f}"
        figures[f"U-Net by {unit}, empty predictions"] = int((~predicted.any(axis=(1, 2))).sum())
        figures[f"U-Net by {unit}, seconds"] = round(seconds)
    return figures | {"U-Net, gap in Dice": _unpaired_gap(*samples)}


def _unpaired_gap(by_slice: np.ndarray, by_family: np.ndarray) -> str:
    """Difference of two means with its interval; sum and count per patient, resampled independently."""
    both = by_slice, by_family

    def gap(*rows: np.ndarray, axis: int = -1) -> np.ndarray:
        sums = [sums[drawn].sum(axis=-2) for sums, drawn in zip(both, rows, strict=True)]
        a, b = (total[..., 0] / total[..., 1] for total in sums)
        return a - b

    rows = [np.arange(len(sums)) for sums in both]
    bounds = scipy.stats.bootstrap(
        rows, gap, n_resamples=bootstrap.RESAMPLES, batch=100, vectorized=True, method="percentile", rng=SEED
    ).confidence_interval
    return f"{bootstrap.ConfidenceInterval(gap(*rows), *bounds):.3f}"


def _copied(data: Dataset, folds: list[splits.Split], families: np.ndarray) -> bootstrap.ConfidenceInterval:
    """Accuracy of the nearest-neighbour baseline, over all folds."""
    right, vectors = np.zeros(len(data)), nearest_neighbour.pixel_vectors(data.images(SIZE))
    for split in folds:
        near = split.train[nearest_neighbour.nearest(vectors[split.test], vectors[split.train])]
        right[split.test] = data.labels[near] == data.labels[split.test]
    return bootstrap.mean_interval(right, families, seed=SEED)


def main(arguments: list[str] | None = None) -> None:
    """Measure and print.

    Args:
        arguments: of the command line.
    """
    made = parser(__doc__)
    made.add_argument("source", type=Path)
    made.add_argument("--home", type=Path, required=True, help="folder for data set and checkpoints")
    made.add_argument("--folds", type=int, default=4)
    made.add_argument("--epochs", type=int, default=15, help="of the classifier")
    made.add_argument("--unet-epochs", type=int, default=6, help="0 leaves the U-Net out")
    made.add_argument("--precision", default="float32", help="a Keras dtype policy, such as mixed_bfloat16")
    chosen = made.parse_args(arguments)
    keras.config.set_dtype_policy(chosen.precision)
    data = assemble(chosen.source, chosen.home / "set")
    patients, families = data.table["patient"].nunique(), data.table["family"].nunique()
    figures = {
        "data": f"{len(data)} slices, {patients} patients, {families} families",
        "device": environment.device(),
        "precision": chosen.precision,
    }
    figures |= classifier_gap(data, chosen.folds, chosen.epochs, chosen.home / "classifier")
    if chosen.unet_epochs:
        figures |= unet_gap(data, chosen.unet_epochs, chosen.home / "unet")
    print("\n".join(f"{name:44} {value}" for name, value in figures.items()))
    write_figures(figures, chosen.json)


if __name__ == "__main__":
    main()
