"""One U-Net for both tasks, trained from scratch: accuracy, macro F1 and Dice of a held-out fold.

    python -m benchmarks.joint SOURCE --home FOLDER --test-fold K [--size PX] [--epochs N] [--networks N]

SOURCE is a folder with `.mat` files and `cvind.mat`, or the zip archives. The network is trained on all
other folds and tested once on fold K, so no patient is in both. At 128 pixels, an epoch of 1,800 slices
takes a minute on 2 CPU cores. The strongest form, `--size 192 --epochs 115 --networks 3`, is for a GPU.
An interrupted run resumes.
"""

from pathlib import Path

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import f1_score

from benchmarks.command import machine_line, parser, write_figures
from helpers import models, splits
from helpers.config.settings import SEED
from helpers.datasets.assembly import assemble
from helpers.datasets.dataset import Dataset
from helpers.datasets.preprocessing import SIZES, resize_image, resize_mask
from helpers.evaluation import bootstrap, overlap, prediction
from helpers.reference import CLASS_NAMES
from helpers.training.augmentation import Augmentation
from helpers.training.checkpoint import Checkpoint
from helpers.training.data_loader import Batches, Shuffle
from helpers.training.run_record import describe_run, run_key

BATCH, STRIDE = 24, 32  # the network halves its input five times
PEAK_RATE, WARM_UP_EPOCHS, WEIGHT_DECAY, CLIP_NORM, AVERAGING = 2e-3, 3, 0.05, 3.0, 0.998
TUMOUR_WEIGHT, CLASS_DICE, ANY_DICE, SMOOTHING_PX = 3.0, 0.7, 0.5, 10.0
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
    return np.clip(np.rint(images * (255 / np.maximum(top, 1))), 0, 255).astype(np.uint8)


def resized(data: Dataset, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return all images and masks at a size, which the data set need not hold.

    Args:
        data: the slices.
        size: height and width in px.

    Returns:
        Images (N, size, size) uint8, and masks (N, size, size) uint8, 1 on the tumour.
    """
    if size in SIZES:
        return data.images(size), data.masks(size)
    images = np.stack([resize_image(image, size) for image in data.images(max(SIZES))])
    masks = np.stack([resize_mask(mask, size) for mask in data.masks(max(SIZES))])
    return images, masks


def train(
    data: Dataset,
    images: np.ndarray,
    masks: np.ndarray,
    split: splits.Split,
    epochs: int,
    seed: int,
    folder: Path,
) -> tuple[keras.Model, float]:
    """Train the network with a fixed budget, or load it.

    Args:
        data: the slices.
        images: (N, H, W) uint8, of all of them, as `brightened` returns them.
        masks: (N, H, W) uint8.
        split: its training set is used.
        epochs: of the training.
        seed: of weights, order and augmentation.
        folder: for the checkpoints.

    Returns:
        The network with the moving average of its weights, and the seconds that it took.
    """
    keras.utils.set_random_seed(seed)
    network = models.joint_unet((*images.shape[1:], 1))
    labels = (data.labels - 1).astype(np.int32)
    targets = {"pixels": masks * data.labels[:, None, None].astype(np.uint8), "tumour": labels}
    shuffle = Shuffle(seed, Augmentation.strong())
    batches = Batches(images, targets, split.train, BATCH, shuffle=shuffle)
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
        loss={"pixels": pixel_loss, "tumour": smoothed_cross_entropy},
        loss_weights={"pixels": 1.0, "tumour": HEAD_WEIGHT},
        metrics={"tumour": ["accuracy"]},
    )
    key = run_key(describe_run(data, split, network, batches, epochs))
    checkpoint = Checkpoint(folder / key, [], batches, best=False)
    network.fit(
        batches, initial_epoch=checkpoint.epoch, epochs=epochs, callbacks=[checkpoint], shuffle=False,
        verbose=2,
    )  # fmt: skip
    # The checkpoint has loaded the last epoch's weights; their moving average is better.
    optimizer.finalize_variable_values(network.trainable_weights)
    return network, float(checkpoint.history["seconds"].sum())


def pixel_loss(truth: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy of the pixels, plus soft Dice of each tumour over the batch, and of "any tumour".

    Source: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z; soft Dice: Milletari et al. 2016,
    doi:10.1109/3DV.2016.79.

    Args:
        truth: (N, H, W) integers, 0 background.
        probabilities: (N, H, W, K), background first.

    Returns:
        (N,) float32.
    """
    ops = keras.ops
    one_hot = ops.one_hot(ops.cast(truth, "int32"), probabilities.shape[-1], dtype=probabilities.dtype)
    weights = 1 + (TUMOUR_WEIGHT - 1) * (1 - one_hot[..., 0])
    pixels = -ops.log(ops.maximum(ops.sum(one_hot * probabilities, axis=-1), 1e-7)) * weights
    of_class = _soft_dice(one_hot[..., 1:], probabilities[..., 1:], axis=(0, 1, 2))
    of_any = _soft_dice(1 - one_hot[..., 0], 1 - probabilities[..., 0], axis=(1, 2))
    overlap_loss = CLASS_DICE * (1 - ops.mean(of_class)) + ANY_DICE * (1 - of_any)
    return ops.mean(pixels, axis=(1, 2)) + overlap_loss


def _soft_dice(truth: keras.KerasTensor, probabilities: keras.KerasTensor, axis: tuple) -> keras.KerasTensor:
    both = keras.ops.sum(truth * probabilities, axis=axis)
    areas = keras.ops.sum(truth, axis=axis) + keras.ops.sum(probabilities, axis=axis)
    return (2 * both + SMOOTHING_PX) / (areas + SMOOTHING_PX)


def smoothed_cross_entropy(truth: keras.KerasTensor, probabilities: keras.KerasTensor) -> keras.KerasTensor:
    """Cross-entropy with label smoothing (Szegedy et al. 2016, doi:10.1109/CVPR.2016.308), (N,)."""
    classes = probabilities.shape[-1]
    truth = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(truth, (-1,)), "int32"), classes)
    return keras.losses.categorical_crossentropy(truth, probabilities, label_smoothing=LABEL_SMOOTHING)


def predict(network: keras.Model, images: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Predict slices, each as the mean of itself and its mirror image.

    Args:
        network: of `models.joint_unet`.
        images: (N, H, W) uint8, as in the training.
        rows: (n,) which of them.

    Returns:
        Probabilities of the pixels (n, H, W, 4) and of the tumours (n, 3), float32.
    """
    plain = prediction.predict(network, images, rows)
    mirrored = prediction.predict(network, images[:, :, ::-1], rows)
    pixels = (plain["pixels"] + mirrored["pixels"][:, :, ::-1]) / 2
    return pixels, (plain["tumour"] + mirrored["tumour"]) / 2


def dice_optimal_masks(probabilities: np.ndarray) -> np.ndarray:
    """Outline each tumour so that the expected Dice is highest: its k most probable pixels.

    A threshold of 0.5 minimizes wrong pixels, and leaves a faint tumour without any. The Dice expected of the
    k most probable pixels is close to 2 S(k) / (k + S(all)), where S sums probabilities: Dai and Li 2023,
    arXiv:2206.13086. At least one pixel is chosen, which suits slices that all have a tumour.

    Args:
        probabilities: (N, H, W), of the tumour, 0..1.

    Returns:
        (N, H, W) bool.
    """
    flat = probabilities.reshape(len(probabilities), -1)
    sums = np.cumsum(-np.sort(-flat, axis=1), axis=1, dtype=np.float64)
    best = (sums / (np.arange(1, flat.shape[1] + 1) + sums[:, -1:])).argmax(axis=1)
    ranks = np.argsort(np.argsort(-flat, axis=1, kind="stable"), axis=1)
    return (ranks <= best[:, None]).reshape(probabilities.shape)


def scores(
    data: Dataset, masks: np.ndarray, rows: np.ndarray, pixels: np.ndarray, tumours: np.ndarray
) -> dict:
    """Score the predictions of the test fold.

    Args:
        data: the slices.
        masks: (n, H, W) uint8, of the test set.
        rows: (n,) the test set.
        pixels: (n, H, W, 4) probabilities.
        tumours: (n, 3) probabilities of the second head.

    Returns:
        The figures, by name; intervals are over families.
    """
    truth, families = data.labels[rows], data.table["family"].to_numpy()[rows]
    mass = pixels[..., 1:].sum(axis=(1, 2))
    mass /= mass.sum(axis=1, keepdims=True)
    both, figures = mass + tumours, {}
    for name, chances in (("mass", mass), ("head", tumours), ("sum of both", both)):
        found = bootstrap.classification_intervals(truth, chances.argmax(axis=1) + 1, families, seed=SEED)
        figures |= {f"{score}, by {name}": f"{value:.3f}" for score, value in found.items()}
    table = pd.DataFrame(both).groupby(families).sum()
    owners = pd.Series(truth, families).groupby(level=0).agg(lambda labels: labels.mode()[0])
    voted = table.to_numpy().argmax(axis=1) + 1
    figures["accuracy per family, by its summed probabilities"] = f"{np.mean(voted == owners.to_numpy()):.3f}"
    figures["macro F1 per family, by its summed probabilities"] = (
        f"{f1_score(owners, voted, average='macro'):.3f}"
    )
    halved = overlap.dice(masks, pixels[..., 0] <= 1 - overlap.THRESHOLD)
    dice = overlap.dice(masks, dice_optimal_masks(1 - pixels[..., 0]))
    for name, values in (("Dice, mean over slices", dice), ("Dice with a threshold of 0.5", halved)):
        figures[name] = f"{bootstrap.mean_interval(values, families, seed=SEED):.3f}"
    for label, name in CLASS_NAMES.items():
        chosen = truth == label
        interval = bootstrap.mean_interval(dice[chosen], families[chosen], seed=SEED)
        figures[f"Dice of {name}"] = f"{interval:.3f}"
    figures["Dice, median"] = f"{np.median(dice):.3f}"
    figures["Dice below 0.1, share of slices"] = f"{np.mean(dice < 0.1):.3f}"
    wrong = pd.Series(both.argmax(axis=1) + 1 != truth, families).groupby(level=0).sum()
    worst = wrong.nlargest(5)
    figures["errors, worst families"] = ", ".join(f"{name}: {count}" for name, count in worst.items())
    worst = pd.Series(dice, families).groupby(level=0).mean().nsmallest(5)
    figures["Dice, worst families"] = ", ".join(f"{name}: {value:.2f}" for name, value in worst.items())
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
    made.add_argument("--size", type=int, default=128, help=f"of the slices in px, a multiple of {STRIDE}")
    made.add_argument("--epochs", type=int, default=45)
    made.add_argument("--networks", type=int, default=1, help="trained with different seeds, and averaged")
    chosen = made.parse_args(arguments)
    if chosen.size < STRIDE or chosen.size % STRIDE:
        made.error(f"--size must be a multiple of {STRIDE}, not {chosen.size}.")
    data = assemble(chosen.source, chosen.home / "set")
    folds = data.table["fold"].to_numpy()
    tested = folds == chosen.test_fold
    train_rows, test_rows = np.flatnonzero(~tested), np.flatnonzero(tested)
    if not len(train_rows) or not len(test_rows):
        found = ", ".join(map(str, np.unique(folds)))
        made.error(f"fold {chosen.test_fold} cannot be held out: the folds are {found} (0: no cvind.mat).")
    images, masks = resized(data, chosen.size)
    images, predicted, seconds = brightened(images), [], 0.0
    split = splits.Split(train_rows, np.empty(0, int), test_rows)
    for seed in range(SEED, SEED + chosen.networks):
        network, took = train(data, images, masks, split, chosen.epochs, seed, chosen.home / "joint")
        predicted.append(predict(network, images, test_rows))
        seconds += took
    pixels, tumours = (np.mean([one[part] for one in predicted], axis=0) for part in (0, 1))
    timing = prediction.time_prediction(network, images, test_rows).batched_seconds
    figures = {
        "device": machine_line(),
        "training": f"{len(train_rows)} slices of {chosen.size} px, {chosen.epochs} epochs, "
        f"{chosen.networks} network(s)",
        "test": f"fold {chosen.test_fold}: {len(test_rows)} slices",
        "parameters": network.count_params(),
        "training, seconds": round(seconds),
        "seconds per slice, with its mirror image": f"{2 * timing:.4f}",
    }
    figures |= scores(data, masks[test_rows], test_rows, pixels, tumours)
    print("\n".join(f"{name:50} {value}" for name, value in figures.items()))
    write_figures(figures, chosen.json)


if __name__ == "__main__":
    main()
