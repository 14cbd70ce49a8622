"""Data set + split + network -> a trained network and its history, interruptible."""

import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import pandas as pd
from keras import ops

from helpers import run_card
from helpers.batches import Batches
from helpers.checkpoints import NEW_BEST, Checkpoint
from helpers.dataset import Dataset
from helpers.errors import CourseError
from helpers.metrics import THRESHOLD
from helpers.models import layer_table, on_bytes
from helpers.settings import Schedule
from helpers.splits import Split

# Section 7.0.2 of the report.
STOPPING_PATIENCE = 5
PLATEAU_PATIENCE = 2


class TrainingError(CourseError):
    """A training did not give usable weights."""


@dataclass(frozen=True)
class Run:
    """What a training left behind; its network carries the weights of the best epoch.

    Args:
        history: one row an epoch (index from 1): loss, metrics, `val_` ones, learning_rate
            and seconds.
        best_epoch: the epoch with the lowest validation loss.
        seconds: wall time of all epochs, earlier sessions included.
        epochs_before: how many epochs earlier sessions had done.
        folder: where its checkpoints and its run card (`helpers.run_card`) lie.
    """

    history: pd.DataFrame
    best_epoch: int
    seconds: float
    epochs_before: int
    folder: Path


def train_classifier(
    network: keras.Model,
    dataset: Dataset,
    split: Split,
    schedule: Schedule,
    folder: Path,
    seed: int,
    *,
    quiet: bool = False,
) -> Run:
    """Trains a network to tell the classes apart.

    Callbacks as in the report: EarlyStopping(5) on the training loss, ReduceLROnPlateau(2)
    on the validation loss, ModelCheckpoint. A call with the same arguments goes on where an
    interrupted one stopped, or loads what it finished.

    Args:
        network: (N, H, W, C) -> (N, 3) probabilities; trained in place.
        dataset: the slices.
        split: which rows train and validate.
        schedule: epochs, batches and learning rate.
        folder: for the checkpoints; each training gets a folder of its own in it.
        seed: of the shuffling.
        quiet: print nothing.

    Returns:
        Run.

    Raises:
        TrainingError: the loss was never a number, or a saved file is damaged.
    """
    size = network.input_shape[1]
    data = (dataset.images(size), dataset.labels - 1)
    model = on_bytes(network)
    model.compile(
        optimizer=_optimizer(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile=_use_xla(),
    )
    stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=STOPPING_PATIENCE)
    key = _key(network, dataset, split, schedule, seed)
    measures = [] if quiet else ["loss", "accuracy"]
    run = _fit(model, data, split, schedule, [stopping], folder, key, seed, measures)
    return _with_card(run, network, dataset, split, schedule, seed)


def train_unet(
    network: keras.Model, dataset: Dataset, split: Split, schedule: Schedule, folder: Path, seed: int
) -> Run:
    """Trains a network to outline the tumour; otherwise as `train_classifier`.

    Every epoch is trained, as in the report: there is no early stopping.

    Args:
        network: (N, H, W, 1) -> (N, H, W, 2) probabilities; trained in place.
        dataset, split, schedule, folder, seed: as `train_classifier`.

    Returns:
        Run. Its history has the tumour's IoU (pixels of the whole set pooled, threshold
        0.5) and `raw_mean_iou`, the number that the report calls IoU.
    """
    size = network.input_shape[1]
    data = (dataset.images(size), dataset.masks(size))
    model = on_bytes(network)
    model.compile(
        optimizer=_optimizer(schedule),
        loss=crossentropy_per_slice,
        weighted_metrics=[keras.metrics.MeanMetricWrapper(accuracy_per_slice, name="accuracy")],
        metrics=[TumourIoU(name="tumour_iou"), RawMeanIoU(name="raw_mean_iou")],
        jit_compile=_use_xla(),
    )
    key = _key(network, dataset, split, schedule, seed)
    run = _fit(model, data, split, schedule, [], folder, key, seed, ["loss", "accuracy", "tumour_iou"])
    return _with_card(run, network, dataset, split, schedule, seed)


def crossentropy_per_slice(truth, probabilities):
    """Cross-entropy, averaged over the pixels of each slice.

    Args:
        truth: (N, H, W) class of each pixel.
        probabilities: (N, H, W, classes).

    Returns:
        (N,) float.
    """
    loss = keras.losses.sparse_categorical_crossentropy(truth, probabilities)
    return ops.mean(loss, axis=(1, 2))


def accuracy_per_slice(truth, probabilities):
    """The part of each slice's pixels whose most probable class is the true one.

    Args:
        truth: (N, H, W) class of each pixel.
        probabilities: (N, H, W, classes).

    Returns:
        (N,) float.
    """
    right = keras.metrics.sparse_categorical_accuracy(truth, probabilities)
    return ops.mean(right, axis=(1, 2))


class TumourIoU(keras.metrics.BinaryIoU):
    """IoU of the tumour channel at threshold 0.5, over all pixels so far."""

    def __init__(self, name="tumour_iou", dtype=None):
        super().__init__(target_class_ids=[1], threshold=THRESHOLD, name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_true, y_pred[..., 1], sample_weight)


class RawMeanIoU(keras.metrics.MeanIoU):
    """The report's IoU: `MeanIoU` fed probabilities, which it cuts down to whole numbers."""

    def __init__(self, name="raw_mean_iou", dtype=None):
        super().__init__(num_classes=2, name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_true, y_pred[..., 1], sample_weight)


class EpochLines(keras.callbacks.Callback):
    """Prints one line an epoch, with the time left, and puts the seconds into the logs.

    Args:
        measures: names of the logs to print, for training and validation; none for silence.
    """

    def __init__(self, measures: list[str]):
        super().__init__()
        self.measures = measures

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.perf_counter() - self.started
        epochs = self.params["epochs"]
        left = (epochs - epoch - 1) * logs["seconds"]
        shown = [f"{name} {logs[name]:.3f} / {logs['val_' + name]:.3f}" for name in self.measures]
        if not self.measures:
            return
        print(f"{epoch + 1:2d} of {epochs}: {',  '.join(shown)}  ({_duration(left)} left)")


def _fit(model, data, split, schedule, callbacks, folder, key, seed, measures) -> Run:
    """Trains from where the folder's checkpoint stands, and loads the best weights."""
    folder = Path(folder) / key[:8]  # one folder a training: another schedule or seed leaves it alone
    watched = [
        *callbacks,
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=PLATEAU_PATIENCE),
        keras.callbacks.ModelCheckpoint(
            folder / NEW_BEST, monitor="val_loss", save_best_only=True, save_weights_only=True
        ),
    ]
    checkpoint = Checkpoint(folder, watched, schedule.epochs)
    done = len(checkpoint.history)
    model.optimizer.build(model.trainable_variables)
    say = print if measures else _say_nothing
    if checkpoint.finished:
        say(f"Already trained, for {done} epochs: loaded. To train again, delete {folder}.")
    else:
        if done:
            say(f"Going on after epoch {done}.")
        say("epoch: training / validation")
        model.fit(
            Batches(*data, split.train, schedule.batch, schedule.micro_batch, seed, first_epoch=done),
            validation_data=Batches(*data, split.validation, schedule.micro_batch, schedule.micro_batch),
            initial_epoch=done,
            epochs=schedule.epochs,
            callbacks=[EpochLines(measures), *watched, checkpoint],
            shuffle=False,  # `Batches` has shuffled slices; shuffled micro-batches would mix the updates
            verbose=0,
        )
    _load_best(model, checkpoint, schedule)
    history = pd.DataFrame(checkpoint.history)
    history.index = pd.RangeIndex(1, len(history) + 1, name="epoch")
    return Run(history, int(history["val_loss"].idxmin()), history["seconds"].sum(), done, folder)


def _say_nothing(line: str) -> None:
    pass


def _with_card(run, network, dataset, split, schedule, seed) -> Run:
    """Writes `run.json` beside the checkpoints."""
    about = {"name": network.name, "parameters": network.count_params()}
    description = run_card.describe(dataset, split, schedule, seed, network.input_shape[1])
    run_card.write(run.folder, description, run.history, about)
    return run


def _load_best(model: keras.Model, checkpoint: Checkpoint, schedule: Schedule) -> None:
    if all(math.isnan(logs["val_loss"]) for logs in checkpoint.history):
        raise TrainingError(
            "the validation loss was not a number in any epoch. Try a smaller learning rate than "
            f"{schedule.learning_rate:g}, and look at the data."
        )
    try:
        model.load_weights(checkpoint.best_weights)
    except (OSError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{checkpoint.best_weights.name} is damaged. Delete {checkpoint.folder} and train again."
        ) from error


def _optimizer(schedule: Schedule) -> keras.Optimizer:
    steps = schedule.batch // schedule.micro_batch
    return keras.optimizers.Adam(
        schedule.learning_rate, gradient_accumulation_steps=steps if steps > 1 else None
    )


def _use_xla() -> bool:
    """XLA makes these networks faster on a GPU and slower on a CPU."""
    return bool(keras.distribution.list_devices("gpu"))


def _key(network: keras.Model, dataset: Dataset, split: Split, schedule: Schedule, seed: int) -> str:
    """A hash of what tells one training from another: data, split, network, schedule, seed."""
    layers = layer_table(network).drop(columns="layer").to_json()
    rates = [layer.rate for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    parts = {
        "data": dataset.fingerprint["content"],
        "slices": dataset.table["number"].tolist(),
        "split": [split.train.tolist(), split.validation.tolist()],
        "network": [layers, rates],
        "schedule": asdict(schedule),
        "seed": seed,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
