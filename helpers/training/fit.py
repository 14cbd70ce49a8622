"""Train the report's two networks on a data set: compile, callbacks and `fit`, resumed if interrupted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from helpers.models.inputs import on_bytes
from helpers.training import run_record
from helpers.training.checkpoint import Checkpoint
from helpers.training.data_loader import Batches, Shuffle, explain_out_of_memory
from helpers.training.losses import RawMeanIoU, TumourIoU, accuracy_per_slice, crossentropy_per_slice
from helpers.training.training_log import EpochLogger, LivePlot

if TYPE_CHECKING:
    import pandas as pd

    from helpers.config.settings import Schedule
    from helpers.datasets.dataset import Dataset
    from helpers.splits import Split
    from helpers.training.augmentation import Augmentation

# Section 7.0.2 of the report.
STOPPING_PATIENCE = 5
PLATEAU_PATIENCE = 2


@dataclass(frozen=True)
class Options:
    """What a training can have that the report's does not.

    Args:
        adaptive: whether EarlyStopping and ReduceLROnPlateau watch; without them every epoch is trained,
            at one learning rate.
        augmentation: changes the training slices at random; None leaves them as they are.
        copies: a second folder for the checkpoints, such as `Settings.copy_folder` gives.
        curve: draws the learning curves after each epoch in Colab, such as `helpers.plots.learning_curves`.
    """

    adaptive: bool = True
    augmentation: Augmentation | None = None
    copies: Path | None = None
    curve: Callable | None = None


DEFAULTS = Options()


@dataclass(frozen=True)
class Run:
    """The result of a training; its network has the weights of the best epoch.

    Args:
        history: one row per epoch (index from 1): loss, metrics, `val_` ones, learning_rate, seconds.
        best_epoch: the epoch with the lowest validation loss.
        seconds: wall time of all epochs, earlier sessions included.
        epochs_before: how many epochs earlier sessions had trained.
        folder: of its checkpoints and its run record (`helpers.training.run_record`).
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
    options: Options = DEFAULTS,
    *,
    quiet: bool = False,
) -> Run:
    """Train a network to tell the classes apart.

    As in the report, EarlyStopping(5) watches the training loss and ReduceLROnPlateau(2) the validation
    loss, and the weights of the best epoch are kept. A call with the same arguments resumes an
    interrupted training, or loads a finished one.

    Args:
        network: (N, H, W, C) -> (N, 3) probabilities; trained in place.
        dataset: the slices.
        split: which rows train and validate.
        schedule: epochs, batches and learning rate.
        folder: for the checkpoints; each training gets its own folder in it.
        seed: of the shuffling.
        options: what the report does not have.
        quiet: print nothing.

    Raises:
        TrainingError: the validation loss was never a number.
        DeviceMemoryError: the device ran out of memory.
    """
    training = _Training(network, dataset, split, schedule, seed, options)
    measures = [] if quiet else ["loss", "accuracy"]
    callbacks = training.callbacks(keras.callbacks.EarlyStopping(monitor="loss", patience=STOPPING_PATIENCE))
    model = training.compiled(
        loss=keras.losses.SparseCategoricalCrossentropy(),
        weighted_metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
    )
    return training.fit(model, dataset.labels - 1, callbacks, measures, Path(folder))


def train_unet(
    network: keras.Model,
    dataset: Dataset,
    split: Split,
    schedule: Schedule,
    folder: Path,
    seed: int,
    options: Options = DEFAULTS,
) -> Run:
    """Train a network to segment the tumour; otherwise as `train_classifier`.

    Every epoch is trained, as in the report: there is no early stopping. Batch normalization sees
    micro-batches, so another `Schedule.micro_batch` gives slightly different weights.

    Args:
        network: (N, H, W, 1) -> (N, H, W, 2) probabilities; trained in place.
        dataset, split, schedule, folder, seed, options: as `train_classifier`.

    Returns:
        Run. Its history has the tumour's IoU (over the pixels of the whole set, threshold 0.5) and
        `raw_mean_iou`, the number that the report calls IoU.

    Raises:
        TrainingError, DeviceMemoryError: as `train_classifier`.
    """
    training = _Training(network, dataset, split, schedule, seed, options)
    model = training.compiled(
        loss=crossentropy_per_slice,
        weighted_metrics=[keras.metrics.MeanMetricWrapper(accuracy_per_slice, name="accuracy")],
        metrics=[TumourIoU(name="tumour_iou"), RawMeanIoU(name="raw_mean_iou")],
    )
    targets = dataset.masks(network.input_shape[1])
    return training.fit(
        model, targets, training.callbacks(), ["loss", "accuracy", "tumour_iou"], Path(folder)
    )


@dataclass(frozen=True)
class _Training:
    """What both trainings share."""

    network: keras.Model
    dataset: Dataset
    split: Split
    schedule: Schedule
    seed: int
    options: Options

    def compiled(self, **losses: object) -> keras.Model:
        steps = self.schedule.batch // self.schedule.micro_batch
        optimizer = keras.optimizers.Adam(
            self.schedule.learning_rate, gradient_accumulation_steps=steps if steps > 1 else None
        )
        model = on_bytes(self.network)
        model.compile(optimizer, **losses)
        return model

    def callbacks(self, *stopping: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
        if not self.options.adaptive:
            return []
        return [keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=PLATEAU_PATIENCE), *stopping]

    def fit(
        self,
        model: keras.Model,
        targets: np.ndarray,
        callbacks: list[keras.callbacks.Callback],
        measures: Sequence[str],
        folder: Path,
    ) -> Run:
        schedule, options, size = self.schedule, self.options, self.network.input_shape[1]
        description = run_record.describe_run(self.dataset, self.split, schedule, self.seed, size)
        changes = {
            "adaptive": options.adaptive,
            "augmentation": options.augmentation and asdict(options.augmentation),
        }
        key = run_record.run_key(description, self.network, changes)
        images = self.dataset.images(size)
        shuffle = Shuffle(self.seed, options.augmentation)
        batches = Batches(images, targets, self.split.train, schedule.batch, schedule.micro_batch, shuffle)
        copies = options.copies and Path(options.copies) / key
        checkpoint = Checkpoint(folder / key, callbacks, batches, copies, verbose=bool(measures))
        epochs_before = len(checkpoint.history)
        shown = [EpochLogger(measures)] if measures else []
        if measures and options.curve:
            shown.append(LivePlot(options.curve, measures, checkpoint))
        with explain_out_of_memory(schedule):
            model.fit(
                batches,
                validation_data=Batches(images, targets, self.split.validation, schedule.micro_batch),
                initial_epoch=checkpoint.epoch,
                epochs=schedule.epochs,
                callbacks=[*callbacks, checkpoint, *shown],
                shuffle=False,
                verbose=0,
            )
        history = checkpoint.history
        about = {"name": self.network.name, "parameters": self.network.count_params()} | changes
        run_record.write_record(checkpoint.folder, description, history, about)
        return Run(history, checkpoint.best_epoch, history["seconds"].sum(), epochs_before, checkpoint.folder)
