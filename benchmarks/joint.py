"""One U-Net for both tasks, trained from scratch: accuracy, macro F1 and Dice of a held-out fold.

    python -m benchmarks.joint SOURCE --home FOLDER --test-fold K [--epochs N] [--networks N]

SOURCE is a folder with `.mat` files and `cvind.mat`, or the zip archives. The network is trained at 128
pixels on all other folds and tested once on fold K, so no patient is in both. An epoch of 1,800 slices
takes a minute on 2 CPU cores; an interrupted run resumes.
"""

import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from benchmarks.command import machine_line, parser, write_figures
from helpers import models
from helpers.config.settings import SEED
from helpers.datasets.assembly import assemble
from helpers.datasets.dataset import Dataset
from helpers.evaluation import bootstrap, overlap
from helpers.evaluation.prediction import network_input
from helpers.reference import CLASS_NAMES
from helpers.training.augmentation import Augmentation
from helpers.training.checkpoint import Checkpoint
from helpers.training.data_loader import Batches, Shuffle
from helpers.training.losses import CrossEntropyAndDice

SIZE, BATCH = 128, 24
PEAK_RATE, WARM_UP_EPOCHS, WEIGHT_DECAY, CLIP_NORM, AVERAGING = 2e-3, 3, 1e-3, 3.0, 0.998
LABEL_SMOOTHING, HEAD_WEIGHT = 0.05, 0.4
BRIGHTEST_PERCENTILE = 99.7


def brightened(images: np.ndarray) -> np.ndarray:
    """Scale each slice to its 99.7th percentile, so that one bright vessel doesn't darken the rest.

    Args:
        images: (N, H, W) uint8.

    Returns:
        (N, H, W) uint8.
    """
    top = np.percentile(images, BRIGHTEST_PERCENTILE, axis=(1, 2), keepdims=True)
    return np.clip(images * (255 / np.maximum(top, 1)), 0, 255).astype(np.uint8)


def train(data: Dataset, rows: np.ndarray, epochs: int, seed: int, folder: Path) -> tuple[keras.Model, float]:
    """Train the network with a fixed budget, or load it.

    Args:
        data: the slices.
        rows: (n,) the training set.
        epochs: of the training.
        seed: of weights, order and augmentation.
        folder: for the checkpoints.

    Returns:
        The network with the moving average of its weights, and the seconds that it took.
    """
    keras.utils.set_random_seed(seed)
    network = models.joint_unet((SIZE, SIZE, 1))
    labels = (data.labels - 1).astype(np.int32)
    targets = {"pixels": data.masks(SIZE) * data.labels[:, None, None].astype(np.uint8), "tumour": labels}
    shuffle = Shuffle(seed, Augmentation.strong())
    batches = Batches(brightened(data.images(SIZE)), targets, rows, BATCH, shuffle=shuffle)
    steps = len(batches)
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 100, max(epochs - WARM_UP_EPOCHS, 1) * steps, warmup_target=PEAK_RATE,
        warmup_steps=WARM_UP_EPOCHS * steps,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP_NORM, use_ema=True, ema_momentum=AVERAGING
    )
    network.compile(
        optimizer,
        loss={"pixels": CrossEntropyAndDice(), "tumour": smoothed_cross_entropy},
        loss_weights={"pixels": 1.0, "tumour": HEAD_WEIGHT},
        metrics={"tumour": ["accuracy"]},
    )
    checkpoint = Checkpoint(folder, [], batches, best=False)
    network.fit(
        batches, initial_epoch=checkpoint.epoch, epochs=epochs, callbacks=[checkpoint], shuffle=False,
        verbose=2,
    )  # fmt: skip
    # The checkpoint has loaded the last epoch's weights; their moving average is better.
    optimizer.finalize_variable_values(network.trainable_weights)
    return network, float(checkpoint.history["seconds"].sum())


def smoothed_cross_entropy(truth: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy with label smoothing (Szegedy et al. 2016, doi:10.1109/CVPR.2016.308), (N,)."""
    classes = probabilities.shape[-1]
    truth = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(truth, (-1,)), "int32"), classes)
    return keras.losses.categorical_crossentropy(truth, probabilities, label_smoothing=LABEL_SMOOTHING)


def predict(
    network: keras.Model, images: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Predict slices, each as the mean of itself and its mirror image.

    Args:
        network: of `models.joint_unet`.
        images: (N, H, W) uint8, as in the training.
        rows: (n,) which of them.

    Returns:
        Probabilities of the pixels (n, H, W, 4) and of the tumours (n, 3), float32; seconds per slice.
    """
    pixels, tumours = [], []
    started = time.perf_counter()
    for chosen in np.array_split(rows, max(len(rows) // 16, 1)):
        slices = network_input(images[chosen])
        both = [network.predict_on_batch(one) for one in (slices, slices[:, :, ::-1])]
        pixels.append((both[0]["pixels"] + both[1]["pixels"][:, :, ::-1]) / 2)
        tumours.append((both[0]["tumour"] + both[1]["tumour"]) / 2)
    seconds = (time.perf_counter() - started) / len(rows)
    return np.concatenate(pixels), np.concatenate(tumours), seconds


def scores(data: Dataset, rows: np.ndarray, pixels: np.ndarray, tumours: np.ndarray) -> dict:
    """Score the predictions of the test fold.

    Args:
        data: the slices.
        rows: (n,) the test set.
        pixels: (n, H, W, 4) probabilities.
        tumours: (n, 3) probabilities of the second head.

    Returns:
        The figures, by name; intervals are over families.
    """
    truth, families = data.labels[rows], data.table["family"].to_numpy()[rows]
    mass = pixels[..., 1:].sum(axis=(1, 2))
    mass /= mass.sum(axis=1, keepdims=True)
    figures = {}
    for name, chances in (("mass", mass), ("head", tumours), ("sum of both", mass + tumours)):
        found = bootstrap.classification_intervals(truth, chances.argmax(axis=1) + 1, families, seed=SEED)
        figures |= {f"{score}, by {name}": f"{value:.3f}" for score, value in found.items()}
    table = pd.DataFrame(mass + tumours).groupby(families).sum()
    owners = pd.Series(truth, families).groupby(level=0).agg(lambda labels: labels.mode()[0])
    voted = table.to_numpy().argmax(axis=1) + 1
    figures["accuracy per patient, by vote"] = f"{np.mean(voted == owners.to_numpy()):.3f}"
    figures["macro F1 per patient, by vote"] = f"{f1_score(owners, voted, average='macro'):.3f}"
    masks = data.masks(SIZE)[rows]
    dice = overlap.dice(masks, pixels[..., 0] <= 1 - overlap.THRESHOLD)
    figures["Dice, mean over slices"] = f"{bootstrap.mean_interval(dice, families, seed=SEED):.3f}"
    for label, name in CLASS_NAMES.items():
        chosen = truth == label
        interval = bootstrap.mean_interval(dice[chosen], families[chosen], seed=SEED)
        figures[f"Dice of {name}"] = f"{interval:.3f}"
    figures["Dice, median"] = f"{np.median(dice):.3f}"
    figures["Dice below 0.1, share of slices"] = f"{np.mean(dice < 0.1):.3f}"
    wrong = pd.Series((mass + tumours).argmax(axis=1) + 1 != truth, families).groupby(level=0).sum()
    worst = wrong.nlargest(5)
    figures["errors, worst patients"] = ", ".join(f"{name}: {count}" for name, count in worst.items())
    worst = pd.Series(dice, families).groupby(level=0).mean().nsmallest(5)
    figures["Dice, worst patients"] = ", ".join(f"{name}: {value:.2f}" for name, value in worst.items())
    return figures


def main(arguments: list[str] | None = None) -> None:
    """Train, test and print.

    Args:
        arguments: of the command line.
    """
    made = parser(__doc__)
    made.add_argument("source", type=Path)
    made.add_argument("--home", type=Path, required=True, help="folder for data set and checkpoints")
    made.add_argument("--test-fold", type=int, required=True, help="of cvind.mat, 1 to 5")
    made.add_argument("--epochs", type=int, default=45)
    made.add_argument("--networks", type=int, default=1, help="trained with different seeds, and averaged")
    chosen = made.parse_args(arguments)
    data = assemble(chosen.source, chosen.home / "set")
    folds = data.table["fold"].to_numpy()
    train_rows, test_rows = (
        np.flatnonzero(found) for found in (folds != chosen.test_fold, folds == chosen.test_fold)
    )
    if not len(train_rows) or not len(test_rows):
        made.error(
            f"fold {chosen.test_fold} cannot be held out: the slices have the folds {sorted(set(folds))}."
        )
    images, predicted, seconds = brightened(data.images(SIZE)), [], 0.0
    for seed in range(SEED, SEED + chosen.networks):
        folder = chosen.home / f"joint-{chosen.test_fold}-{chosen.epochs}-{seed}"
        network, took = train(data, train_rows, chosen.epochs, seed, folder)
        predicted.append(predict(network, images, test_rows))
        seconds += took
    pixels, tumours = (np.mean([one[part] for one in predicted], axis=0) for part in (0, 1))
    figures = {
        "device": machine_line(),
        "training": f"{len(train_rows)} slices, {chosen.epochs} epochs, {chosen.networks} network(s)",
        "test": f"fold {chosen.test_fold}: {len(test_rows)} slices",
        "parameters": network.count_params(),
        "training, seconds": round(seconds),
        "prediction, seconds per slice": f"{sum(one[2] for one in predicted):.4f}",
    }
    figures |= scores(data, test_rows, pixels, tumours)
    print("\n".join(f"{name:40} {value}" for name, value in figures.items()))
    write_figures(figures, chosen.json)


if __name__ == "__main__":
    main()
