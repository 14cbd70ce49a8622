"""What a training needs to go on after an interruption, saved after every epoch.

Keras's `BackupAndRestore` keeps weights, optimizer and epoch, but not the history nor what
EarlyStopping and ReduceLROnPlateau have counted so far; this keeps those too.
"""

from pathlib import Path

import keras

from helpers.files import read_json, write_json

# What the Keras callbacks count while training, by their public names.
COUNTED = {
    "EarlyStopping": ("wait", "best", "best_epoch", "stopped_epoch"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
    "ModelCheckpoint": ("best",),
}
STATE = "state.json"
NEW_BEST = "best.new.weights.h5"


class Checkpoint(keras.callbacks.Callback):
    """Saves weights, optimizer, history and the state of other callbacks after each epoch.

    The weights that a training starts with count as epoch 0. A file is written aside and
    renamed, and `state.json`, which names the weights that belong to it, is written last: a
    kill at any moment leaves the epoch before whole. Stands behind the other callbacks in the
    list, so that it sees what they did.

    Args:
        folder: where to keep the files of this one training.
        watched: the callbacks whose state is kept.
        epochs: how many epochs the training has, at most.
    """

    def __init__(self, folder: Path, watched: list[keras.callbacks.Callback], epochs: int):
        super().__init__()
        self.folder, self.watched, self.epochs = Path(folder), watched, epochs
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state = self._earlier_state()

    @property
    def history(self) -> list[dict[str, float]]:
        """The logs of each finished epoch, earlier sessions included."""
        return self.state["history"]

    @property
    def finished(self) -> bool:
        """Whether the training came to its end, by its last epoch or by early stopping."""
        return self.state["finished"]

    @property
    def best_weights(self) -> Path:
        """The weights of the epoch with the lowest validation loss."""
        return self.folder / self.state["best"]

    def on_train_begin(self, logs=None):
        (self.folder / NEW_BEST).unlink(missing_ok=True)  # of an epoch that was interrupted
        if self.state["last"] is None:
            self._save(last="epoch-000.weights.h5")
            return
        self.model.load_weights(self.folder / self.state["last"])
        for callback, counted in zip(self.watched, self.state["callbacks"], strict=True):
            for name, value in counted.items():
                setattr(callback, name, value)
        for generator, value in zip(_seed_generators(self.model), self.state["seeds"], strict=True):
            generator.state.assign(value)

    def on_epoch_end(self, epoch, logs=None):
        if (self.folder / NEW_BEST).exists():  # ModelCheckpoint found this epoch the best so far
            self.state["best"] = f"best-{epoch + 1:03d}.weights.h5"
            (self.folder / NEW_BEST).replace(self.folder / self.state["best"])
        self.history.append({name: float(value) for name, value in logs.items()})
        self.state["finished"] = self.model.stop_training or epoch + 1 == self.epochs
        self._save(last=f"epoch-{epoch + 1:03d}.weights.h5")

    def _save(self, last: str) -> None:
        aside = self.folder / "aside.weights.h5"
        self.model.save_weights(aside)
        aside.replace(self.folder / last)
        self.state["last"] = last
        self.state["callbacks"] = [_counted(callback) for callback in self.watched]
        self.state["seeds"] = [_numbers(generator.state) for generator in _seed_generators(self.model)]
        write_json(self.folder / STATE, self.state)
        self._remove_outdated()

    def _earlier_state(self) -> dict:
        """The saved state; a blank one where there is none, or its weights are gone."""
        blank = {"last": None, "best": None, "history": [], "finished": False}
        state = read_json(self.folder / STATE) or blank
        weights = [name for name in (state.get("last"), state.get("best")) if name]
        whole = blank.keys() <= state.keys() and all((self.folder / name).is_file() for name in weights)
        return state if whole else blank

    def _remove_outdated(self) -> None:
        current = {self.state["last"], self.state["best"]}
        for path in self.folder.glob("*.weights.h5"):
            if path.name not in current:
                path.unlink()


def _counted(callback: keras.callbacks.Callback) -> dict[str, float | None]:
    values = {name: getattr(callback, name) for name in COUNTED[type(callback).__name__]}
    return {name: None if value is None else float(value) for name, value in values.items()}


def _seed_generators(model: keras.Model) -> list[keras.random.SeedGenerator]:
    """The random generators of the dropout layers, which `save_weights` leaves out."""
    layers = [inner for layer in model.layers for inner in getattr(layer, "layers", [layer])]
    return [layer.seed_generator for layer in layers if hasattr(layer, "seed_generator")]


def _numbers(variable: keras.Variable) -> list[int]:
    return keras.ops.convert_to_numpy(variable).tolist()
