"""Data set + split + network -> a trained network and its history, interruptible."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import keras
import pandas as pd

from helpers._common import CourseError
from helpers.config.settings import Schedule, on_colab
from helpers.datasets.dataset import Dataset
from helpers.models import layer_table, on_bytes
from helpers.splits import Split
from helpers.training import memory, run_record
from helpers.training.augmentation import Augmentation
from helpers.training.checkpoint import Checkpoint
from helpers.training.data_loader import Batches
from helpers.training.generations import Generations
from helpers.training.losses import RawMeanIoU, TumourIoU, accuracy_per_slice, crossentropy_per_slice
from helpers.training.training_log import EpochLogger, LivePlot, history_table, time_line, time_spent
from helpers.training.updates import adam, smaller_micro_batch

# Section 7.0.2 of the report.
STOPPING_PATIENCE = 5
PLATEAU_PATIENCE = 2


class TrainingError(CourseError):
    """A training did not give usable weights."""


@dataclass(frozen=True)
class Options:
    """Switches of a training that the report does not have.

    For mixed precision call `keras.config.set_dtype_policy("mixed_float16")` before the
    network is built.

    Args:
        adaptive: whether EarlyStopping and ReduceLROnPlateau watch; without them every epoch
            is trained, at one learning rate.
        augmentation: changes the training slices at random; None leaves them as they are.
        xla: whether XLA compiles the network; None: where it makes it faster, on a GPU.
        copies: a second folder for the checkpoints, such as `Settings.copy_folder` gives.
        curve: draws the learning curves after each epoch, such as
            `helpers.plots.learning_curves`; None for none.
        live: whether to; None: in Colab only, so that stored notebooks stay the same.
    """

    adaptive: bool = True
    augmentation: Augmentation | None = None
    xla: bool | None = None
    copies: Path | None = None
    curve: Callable | None = None
    live: bool | None = None


DEFAULTS = Options()


@dataclass(frozen=True)
class Run:
    """What a training left behind; its network carries the weights of the best epoch.

    Args:
        history: one row an epoch (index from 1): loss, metrics, `val_` ones, learning_rate,
            seconds, and the seconds of waiting for data, of validation and of checkpoints.
        best_epoch: the epoch with the lowest validation loss.
        seconds: wall time of all epochs, earlier sessions included.
        epochs_before: how many epochs earlier sessions had done.
        folder: where its checkpoints and its run card (`helpers.training.run_record`) lie.
        micro_batch: slices on the device at once, in the last session.
    """

    history: pd.DataFrame
    best_epoch: int
    seconds: float
    epochs_before: int
    folder: Path
    micro_batch: int | None = None

    @property
    def time_spent(self) -> pd.Series:
        """Seconds of computing, waiting for data, validation and checkpoints."""
        return time_spent(self.history)


@dataclass(frozen=True)
class _Task:
    """One training: what is learnt from what, and how. `measures` are shown; none for silence."""

    network: keras.Model
    dataset: Dataset
    targets: object
    split: Split
    schedule: Schedule
    seed: int
    options: Options
    measures: list[str]
    compiling: Callable[[], dict] = field(repr=False)
    stopping_on: str | None = None

    def say(self, line: str) -> None:
        if self.measures:
            print(line)


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
    """Trains a network to tell the classes apart.

    As in the report, EarlyStopping(5) watches the training loss and ReduceLROnPlateau(2) the
    validation loss, and the weights of the best epoch are kept. A call with the same
    arguments goes on where an interrupted or killed one stopped, or loads what it finished.
    Where the device runs out of memory, the micro-batch is halved, and the epoch done again.

    Args:
        network: (N, H, W, C) -> (N, 3) probabilities; trained in place.
        dataset: the slices.
        split: which rows train and validate.
        schedule: epochs, batches and learning rate.
        folder: for the checkpoints; each training gets a folder of its own in it.
        seed: of the shuffling.
        options: switches.
        quiet: print nothing.

    Returns:
        Run.

    Raises:
        TrainingError: the loss was never a number.
        DeviceTooSmallError: the device does not hold a single slice.
    """
    task = _Task(
        network, dataset, dataset.labels - 1, split, schedule, seed, options,
        measures=[] if quiet else ["loss", "accuracy"],
        compiling=lambda: {
            "loss": keras.losses.SparseCategoricalCrossentropy(),
            "weighted_metrics": [keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        },
        stopping_on="loss",
    )  # fmt: skip
    return _train(task, Path(folder))


def train_unet(
    network: keras.Model,
    dataset: Dataset,
    split: Split,
    schedule: Schedule,
    folder: Path,
    seed: int,
    options: Options = DEFAULTS,
) -> Run:
    """Trains a network to outline the tumour; otherwise as `train_classifier`.

    Every epoch is trained, as in the report: there is no early stopping. Batch normalization
    sees micro-batches, so that another `Schedule.micro_batch` gives somewhat other weights.

    Args:
        network: (N, H, W, 1) -> (N, H, W, 2) probabilities; trained in place.
        dataset, split, schedule, folder, seed, options: as `train_classifier`.

    Returns:
        Run. Its history has the tumour's IoU (pixels of the whole set pooled, threshold
        0.5) and `raw_mean_iou`, the number that the report calls IoU.

    Raises:
        TrainingError, DeviceTooSmallError: as `train_classifier`.
    """
    task = _Task(
        network, dataset, dataset.masks(network.input_shape[1]), split, schedule, seed, options,
        measures=["loss", "accuracy", "tumour_iou"],
        compiling=lambda: {
            "loss": crossentropy_per_slice,
            "weighted_metrics": [keras.metrics.MeanMetricWrapper(accuracy_per_slice, name="accuracy")],
            "metrics": [TumourIoU(name="tumour_iou"), RawMeanIoU(name="raw_mean_iou")],
        },
    )  # fmt: skip
    return _train(task, Path(folder))


def _train(task: _Task, folder: Path) -> Run:
    """Trains from where the folder's newest checkpoint stands, and loads the best weights."""
    key = _key(task)[:8]  # one folder a training: another schedule or seed leaves it alone
    copies = task.options.copies
    generations = Generations(folder / key, copies and Path(copies) / key)
    checkpoint = Checkpoint(generations, _watched(task), task.schedule.epochs)
    done = len(checkpoint.history)
    if checkpoint.finished:
        folders = "\n".join(map(str, generations.folders))
        task.say(f"Already trained, for {done} epochs: loaded. To train again, delete\n{folders}")
    else:
        if done:
            task.say(f"Going on after epoch {done}.")
        task.say("epoch: training / validation")
        _fit_what_fits(task, checkpoint)
        task.say(time_line(history_table(checkpoint.history)))
    if not checkpoint.best_epoch:
        raise TrainingError(
            "the validation loss was not a number in any epoch. Try a smaller learning rate than "
            f"{task.schedule.learning_rate:g}, and look at the data."
        )
    on_bytes(task.network).load_weights(generations.weights(checkpoint.best_epoch))
    history = history_table(checkpoint.history)
    run = Run(
        history, checkpoint.best_epoch, history["seconds"].sum(), done, generations.folder,
        checkpoint.state["micro_batch"],
    )  # fmt: skip
    _write_card(run, task)
    return run


def _fit_what_fits(task: _Task, checkpoint: Checkpoint) -> None:
    """Fits; where memory runs out, again from the last checkpoint in smaller portions."""
    batch = task.schedule.batch
    state = checkpoint.state
    device = "GPU" if memory.on_gpu() else "CPU"
    if state["device"] != device:  # what fitted on another one says nothing
        before, state["device"] = state["device"], device
        state["micro_batch"] = task.schedule.micro_batch or memory.micro_batch(task.network, batch)
        if before:
            task.say(f"This is a {device}, not a {before} as before: {state['micro_batch']} slices at once.")
    while True:
        try:
            return _fit(task, checkpoint, state["micro_batch"])
        except Exception as error:
            if not memory.ran_out(error):
                raise
            smaller = smaller_micro_batch(batch, state["micro_batch"] / 2)
            if smaller is None:
                raise memory.DeviceTooSmallError(
                    "the device does not even hold one slice. Close other notebooks that use it, or "
                    "choose a runtime with more memory."
                ) from error
            task.say(
                f"{state['micro_batch']} slices at once do not fit into memory: going on with {smaller}."
            )
            state["micro_batch"] = smaller


def _fit(task: _Task, checkpoint: Checkpoint, micro_batch: int) -> None:
    split, schedule, options = task.split, task.schedule, task.options
    done = len(checkpoint.history)
    model = on_bytes(task.network)
    model.compile(
        adam(task.network, schedule.learning_rate, schedule.batch // micro_batch),
        **task.compiling(),
        auto_scale_loss=False,
        jit_compile=_use_xla() if options.xla is None else options.xla,
    )
    model.optimizer.build(model.trainable_variables)
    batches = partial(Batches, task.dataset.images(task.network.input_shape[1]), task.targets)
    training = batches(
        split.train,
        schedule.batch,
        micro_batch,
        task.seed,
        first_epoch=done,
        augmentation=options.augmentation,
    )
    curve = (
        [LivePlot(options.curve, task.measures, checkpoint.history)]
        if task.measures and _live(options)
        else []
    )
    model.fit(
        training,
        validation_data=batches(split.validation, micro_batch, micro_batch),
        initial_epoch=done,
        epochs=schedule.epochs,
        callbacks=[EpochLogger(task.measures, training), *checkpoint.watched, checkpoint, *curve],
        shuffle=False,  # `Batches` has shuffled slices; shuffled micro-batches would mix the updates
        verbose=0,
    )


def _watched(task: _Task) -> list[keras.callbacks.Callback]:
    """The callbacks that decide about the training, fresh."""
    watched = []
    if task.options.adaptive:
        watched.append(keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=PLATEAU_PATIENCE))
        if task.stopping_on:
            stopping = keras.callbacks.EarlyStopping(monitor=task.stopping_on, patience=STOPPING_PATIENCE)
            watched.append(stopping)
    return watched


def _write_card(run: Run, task: _Task) -> None:
    """Writes `run.json` beside the checkpoints."""
    network = task.network
    description = run_record.describe_run(
        task.dataset, task.split, task.schedule, task.seed, network.input_shape[1]
    )
    about = {"name": network.name, "parameters": network.count_params(), "micro_batch": run.micro_batch}
    about |= _numeric_options(task)
    run_record.write_record(run.folder, description, run.history, about)


def _numeric_options(task: _Task) -> dict:
    """Those of the options that change the weights."""
    augmentation = task.options.augmentation
    return {
        "adaptive": task.options.adaptive,
        "augmentation": augmentation and asdict(augmentation),
        "precision": task.network.dtype_policy.name,
    }


def _use_xla() -> bool:
    """XLA makes these networks faster on a GPU and slower on a CPU; jax has nothing else."""
    return memory.on_gpu() or keras.backend.backend() == "jax"


def _live(options: Options) -> bool:
    return options.curve is not None and (on_colab() if options.live is None else options.live)


def _key(task: _Task) -> str:
    """A hash of what tells one training from another: data, split, network, schedule, seed."""
    network, dataset, split = task.network, task.dataset, task.split
    layers = layer_table(network).drop(columns="layer").to_json()
    configs = [layer.get_config() | {"name": None} for layer in network.layers]
    parts = {
        "data": dataset.fingerprint["content"],
        "slices": dataset.table["number"].tolist(),
        "split": [split.train.tolist(), split.validation.tolist()],
        "network": [layers, configs],
        "schedule": asdict(task.schedule),
        "seed": task.seed,
        "options": _numeric_options(task),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
