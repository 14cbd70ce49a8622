"""What a training needs to go on after an interruption, saved after every epoch.

Keras's `BackupAndRestore` keeps weights, optimizer and epoch, but not the history nor what
EarlyStopping and ReduceLROnPlateau have counted so far; this keeps those too.
"""

import math
import time

import keras

from helpers.training.generations import Generations
from helpers.training.updates import load_weights

# What the Keras callbacks count while training, by their public names.
COUNTED = {
    "EarlyStopping": ("wait", "best", "best_epoch", "stopped_epoch"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
}


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimizer, history and the state of other callbacks after each epoch.

    The weights that a training starts with count as epoch 0. Stands behind the other
    callbacks in the list, so that it sees what they did. Puts `checkpoint_seconds` into the
    logs: what saving or loading the state before this epoch took.

    Args:
        generations: where to keep the states of this one training.
        watched: the callbacks whose state is kept.
        epochs: how many epochs the training has, at most.
    """

    def __init__(self, generations: Generations, watched: list[keras.callbacks.Callback], epochs: int):
        super().__init__()
        self.generations, self.watched, self.epochs = generations, watched, epochs
        blank = {"history": [], "finished": False, "best_epoch": 0, "micro_batch": None, "device": None}
        self.state = generations.newest() or blank

    @property
    def history(self) -> list[dict[str, float]]:
        """The logs of each finished epoch, earlier sessions included."""
        return self.state["history"]

    @property
    def finished(self) -> bool:
        """Whether the training came to its end, by its last epoch or by early stopping."""
        return self.state["finished"]

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest validation loss; 0 where it never was a number."""
        return self.state["best_epoch"]

    def on_train_begin(self, logs=None):
        started = time.perf_counter()
        if "epoch" in self.state:
            self._restore()
        else:
            self._save(0)
        self.seconds = time.perf_counter() - started

    def on_epoch_end(self, epoch, logs=None):
        started = time.perf_counter()
        logs["checkpoint_seconds"] = self.seconds
        self.history.append({name: float(value) for name, value in logs.items()})
        self.state["best_epoch"] = _best_epoch(self.history)
        self.state["finished"] = self.model.stop_training or epoch + 1 == self.epochs
        self._save(epoch + 1)
        self.seconds = time.perf_counter() - started

    def _restore(self) -> None:
        load_weights(self.model, self.generations.weights(self.state["epoch"]), self.state["steps"])
        for callback, counted in zip(self.watched, self.state["callbacks"], strict=True):
            for name, value in counted.items():
                setattr(callback, name, value)
        for generator, value in zip(_seed_generators(self.model), self.state["seeds"], strict=True):
            generator.state.assign(value)

    def _save(self, epoch: int) -> None:
        self.state["steps"] = self.model.optimizer.gradient_accumulation_steps or 1
        self.state["callbacks"] = [_counted(callback) for callback in self.watched]
        self.state["seeds"] = [_numbers(generator.state) for generator in _seed_generators(self.model)]
        self.generations.save(epoch, self.state, self.model.save_weights)


def _best_epoch(history: list[dict[str, float]]) -> int:
    losses = {epoch: logs["val_loss"] for epoch, logs in enumerate(history, 1)}
    return min((epoch for epoch in losses if not math.isnan(losses[epoch])), key=losses.get, default=0)


def _counted(callback: keras.callbacks.Callback) -> dict[str, float | None]:
    values = {name: getattr(callback, name) for name in COUNTED[type(callback).__name__]}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _seed_generators(model: keras.Model) -> list[keras.random.SeedGenerator]:
    """The random generators of the dropout layers, which `save_weights` leaves out."""
    layers = [inner for layer in model.layers for inner in getattr(layer, "layers", [layer])]
    return [layer.seed_generator for layer in layers if hasattr(layer, "seed_generator")]


def _numbers(variable: keras.Variable) -> list[int]:
    return keras.ops.convert_to_numpy(variable).tolist()
