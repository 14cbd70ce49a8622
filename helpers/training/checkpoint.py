"""Save a training after every epoch, and resume it: on this machine, or on a new one from copies.

Keras's `BackupAndRestore` saves weights, optimizer and epoch. It saves neither the history nor the
counters of EarlyStopping and ReduceLROnPlateau nor the random states of the dropout layers, and a kill
between its two files pairs the weights of one epoch with the number of another.
"""

from __future__ import annotations

import json
import math
import shutil
import textwrap
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import keras
import pandas as pd

from helpers._common import LINE_WIDTH, CourseError, read_json, write_json
from helpers.config.environment import COURSE_FOLDER
from helpers.config.language import _

if TYPE_CHECKING:
    from helpers.training.data_loader import Batches

COUNTERS = ("wait", "best", "best_epoch", "stopped_epoch", "cooldown_counter")  # of Keras's callbacks
STATE, WEIGHTS = "state.json", "model.weights.h5"
KEPT = 2
BLANK: dict[str, Any] = {"epoch": 0, "epochs": 0, "finished": False, "best_epoch": 0, "history": []}
DAMAGED = (OSError, ValueError, KeyError, TypeError)


class TrainingError(CourseError):
    """A training did not give usable weights."""


class Checkpoint(keras.callbacks.Callback):
    """Save everything that a training needs to resume, after each epoch; load the best weights at the end.

    The state of an epoch is a folder, `epoch-007`, written under a temporary name and then renamed: it is
    complete or absent, whenever the process is killed. The newest two are kept, and that of the epoch with
    the lowest validation loss. The weights before the first epoch count as epoch 0.

    Args:
        folder: of this one training; created if necessary.
        callbacks: whose counters are saved, such as EarlyStopping. In `fit`, list them before the checkpoint.
        batches: what the network trains on; shuffling and augmentation resume with the epoch.
        copies: a second folder for the states, such as one on Google Drive. If it has a newer state, the
            training resumes from that one.
        best: whether the network gets the weights of its best epoch at the end; if not, it keeps the last.
        verbose: whether to print what is resumed or loaded.

    Example:
        ```
        checkpoint = training.Checkpoint(folder, callbacks, batches)
        model.fit(batches, ..., initial_epoch=checkpoint.epoch, shuffle=False,
                  callbacks=[*callbacks, checkpoint])
        ```
    """

    def __init__(
        self,
        folder: Path,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        batches: Batches | None = None,
        copies: Path | None = None,
        best: bool = True,
        verbose: bool = True,
    ):
        super().__init__()
        self.folder, self.copies = Path(folder), Path(copies) if copies else None
        self.watched, self.batches, self.best, self.verbose = list(callbacks), batches, best, verbose
        self.state = self._newest_of_both() or BLANK

    @property
    def epoch(self) -> int:
        """Where `fit` starts (its `initial_epoch`); a finished training has no epoch left."""
        return self.state["epochs"] if self.finished else self.state["epoch"]

    @property
    def finished(self) -> bool:
        """Whether the training has reached its end: its last epoch, or early stopping."""
        return self.state["finished"]

    @property
    def trained(self) -> keras.Model:
        """The network that `fit` has trained to the end, or has loaded.

        Raises:
            TrainingError: the training isn't finished, or `fit` was not run in this session.
        """
        if self._model is None or not self.finished:
            said = _(
                "this training isn't loaded, or not finished (epochs: {count}): run the cell with `fit` "
                "again."
            )
            raise TrainingError(said.format(count=self.state["epoch"]))
        return self.model

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest validation loss (0 if never a number); with `best=False` the last."""
        return self.state["best_epoch"]

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch, index from 1, earlier sessions included: the logs, and `seconds`."""
        rows = self.state["history"]
        index = pd.RangeIndex(1, len(rows) + 1, name="epoch")
        return pd.DataFrame(rows, index, columns=None if rows else ["seconds"], dtype=float)

    def on_train_begin(self, logs=None):
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._refuse_another_training()
        if self.state is BLANK:
            self._save(0, [])
            self.model.has_trained = True
            return
        self.model.has_trained = True
        self._restore()
        done = self.state["epoch"]
        if self.finished:
            folders = "\n".join(_shown(folder) for folder in (self.folder, self.copies) if folder)
            said = _(
                "This run finished after {count} epochs; its weights were loaded. To train again, delete the "
                "folder, then run the cells from the one that builds the network:"
            ).format(count=done)
            self._say(f"{textwrap.fill(said, LINE_WIDTH)}\n{folders}")
        elif done:
            self._say(_("Resuming after epoch {count}.").format(count=done))

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        if self.batches is not None:
            self.batches.epoch = epoch + 1

    def on_epoch_end(self, epoch, logs=None):
        row = {name: float(value) for name, value in (logs or {}).items()}
        row["seconds"] = time.perf_counter() - self.started
        self._save(epoch + 1, [*self.state["history"], row])

    def on_train_end(self, logs=None):
        if self.best_epoch:
            self.model.load_weights(_path(self.folder, self.best_epoch) / WEIGHTS)
        elif self.state["history"]:
            said = _(
                "the validation loss was not a number in any epoch. Try a smaller learning rate, and look "
                "at the data. To train again with the same settings, delete {folder}, then build the network "
                "again."
            )
            raise TrainingError(said.format(folder=self.folder))

    def _refuse_another_training(self) -> None:
        if self.state is BLANK and hasattr(self.model, "has_trained"):
            raise TrainingError(
                _(
                    "this network already has the weights of another training. To train with these settings, "
                    "run the cells that build and compile it again, then those after them."
                )
            )
        if self.state is not BLANK and self.state["epochs"] != self.params["epochs"]:
            said = _(
                "this checkpoint is for {count} epochs, and `fit` was given {given}. Run the cells from the "
                "one that sets the number of epochs again."
            )
            raise TrainingError(said.format(count=self.state["epochs"], given=self.params["epochs"]))

    def _say(self, line: str) -> None:
        if self.verbose:
            print(line)

    def _restore(self) -> None:
        saved = [counters for counters in self.state["callbacks"] if counters]
        counting = [callback for callback in self.watched if _counters(callback)]
        if len(saved) != len(counting):
            said = _(
                "this training was saved with {count} callbacks that count epochs, and now has {now}: list "
                "the same callbacks as before, or delete {folder} to train again."
            )
            raise TrainingError(said.format(count=len(saved), now=len(counting), folder=self.folder))
        self.model.load_weights(_path(self.folder, self.state["epoch"]) / WEIGHTS)
        for callback, counters in zip(counting, saved, strict=True):
            for name, value in counters.items():
                setattr(callback, name, value)
        for variable, value in zip(_random_states(self.model), self.state["random"], strict=True):
            variable.assign(value)

    def _save(self, epoch: int, history: list[dict[str, float]]) -> None:
        epochs = self.params["epochs"]
        state = {
            "epoch": epoch,
            "epochs": epochs,
            "finished": epoch > 0 and (self.model.stop_training or epoch == epochs),
            "best_epoch": _best_epoch(history) if self.best else epoch,
            "history": history,
            "callbacks": [_counters(callback) for callback in self.watched],
            "random": [keras.ops.convert_to_numpy(one).tolist() for one in _random_states(self.model)],
            "saved": time.time(),  # tells apart two trainings with the same settings
        }

        def fill(folder: Path) -> None:
            self.model.save_weights(folder / WEIGHTS)
            write_json(folder / STATE, state)

        _store(self.folder, epoch, fill)
        _remove_outdated(self.folder)
        self.state = state
        self._copy_away(state)

    def _newest_of_both(self) -> dict | None:
        here = _newest(self.folder)
        if self.copies is None:
            return here
        try:
            there = _newest(self.copies)
            if there and (here is None or there["epoch"] > here["epoch"]):
                _copy(self.copies, self.folder, there)
                self._say(_("Restored from {folder}.").format(folder=self.copies))
                return there
        except OSError as error:
            said = _("The copies in {folder} cannot be read: {error}.")
            print(said.format(folder=self.copies, error=error.strerror or error))
            return here
        if here:
            self._copy_away(here)
        return here

    def _copy_away(self, state: dict) -> None:
        """Copy a state to the second folder, which may be a full or disconnected Drive."""
        if self.copies is None:
            return
        try:
            _copy(self.folder, self.copies, state)
            _remove_outdated(self.copies)
        except OSError as error:  # shutil.Error is one
            said = _("No second copy in {folder}: {error}. The training continues.")
            print(said.format(folder=self.copies, error=error.strerror or error))


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:03d}"


def _best_epoch(history: list[dict[str, float]]) -> int:
    losses = {epoch: row["val_loss"] for epoch, row in enumerate(history, 1)}
    return min(
        (epoch for epoch in losses if not math.isnan(losses[epoch])), key=losses.__getitem__, default=0
    )


def _counters(callback: keras.callbacks.Callback) -> dict[str, float | None]:
    values = {name: getattr(callback, name) for name in COUNTERS if hasattr(callback, name)}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _random_states(model: keras.Model) -> list[keras.Variable]:
    """The random states of the dropout layers, which `save_weights` leaves out."""
    return [variable for variable in model.variables if variable.path.endswith("seed_generator_state")]


def _read(path: Path) -> dict:
    """The state in a folder, if its weights can be read, too."""
    h5py.File(path / WEIGHTS).close()  # an error if the file is missing or was cut short
    return json.loads((path / STATE).read_text(encoding="utf-8"))


def _newest(folder: Path) -> dict | None:
    """The newest state that can be read, with the weights of its best epoch."""
    for path in sorted(folder.glob("epoch-*"), reverse=True):
        try:
            state = _read(path)
            _read(_path(folder, state["best_epoch"]))
            return state
        except DAMAGED:
            print(_("{file} in {folder} is damaged: skipped.").format(file=path.name, folder=folder))
    return None


def _store(folder: Path, epoch: int, fill: Callable[[Path], object]) -> None:
    """Fill a temporary folder, then rename it."""
    unfinished = folder / "unfinished"
    _remove(unfinished)
    unfinished.mkdir(parents=True)
    fill(unfinished)
    _remove(_path(folder, epoch))
    unfinished.rename(_path(folder, epoch))


def _copy(source: Path, destination: Path, state: dict) -> None:
    """Copy a state and its best epoch, unless they are there; the best first, as the state needs it."""
    for epoch in (state["best_epoch"], state["epoch"]):
        original, copy = _path(source, epoch), _path(destination, epoch)
        if not _same(original, copy):
            _store(destination, epoch, partial(shutil.copytree, original, dirs_exist_ok=True))


def _same(first: Path, second: Path) -> bool:
    try:
        return _read(first)["saved"] == _read(second)["saved"]
    except DAMAGED:
        return False


def _remove_outdated(folder: Path) -> None:
    """Remove all but the newest two states and the best epochs of these."""
    paths = sorted(folder.glob("epoch-*"))
    states = [read_json(path / STATE) or {} for path in paths[-KEPT:]]
    kept = {*paths[-KEPT:], *(_path(folder, state.get("best_epoch", 0)) for state in states)}
    for path in paths:
        if path not in kept:
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        for file in path.iterdir():
            file.write_bytes(b"")  # Google Drive keeps deleted files in its bin, which counts as used
        shutil.rmtree(path)


def _shown(folder: Path) -> str:
    """Name a folder; one in the course's folder as seen from there, so that outputs name no machine."""
    return str(folder.relative_to(COURSE_FOLDER) if folder.is_relative_to(COURSE_FOLDER) else folder)
