"""What a training needs to go on after an interruption, saved after every epoch.

Keras's `BackupAndRestore` keeps weights, optimizer and epoch, but not the history nor what
EarlyStopping and ReduceLROnPlateau have counted so far; this keeps those too.
"""

import json
from pathlib import Path

import keras

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

    A file is written aside and renamed, and `state.json`, which names the weights that
    belong to it, is written last: a kill at any moment leaves the epoch before whole. Stands
    behind the other callbacks in the list, so that it sees what they did.

    Args:
        folder: where to keep the files.
        key: what is being trained (data, split, network, schedule, seed), as text. Files
            that belong to another key are not used.
        watched: the callbacks whose state is kept.
        epochs: how many epochs the training has, at most.
    """

    def __init__(self, folder: Path, key: str, watched: list[keras.callbacks.Callback], epochs: int):
        super().__init__()
        self.folder, self.key, self.watched, self.epochs = Path(folder), key, watched, epochs
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
        if not self.history:
            return
        self.model.load_weights(self.folder / self.state["last"])
        for callback, counted in zip(self.watched, self.state["callbacks"], strict=True):
            for name, value in counted.items():
                setattr(callback, name, value)
        for generator, value in zip(_seed_generators(self.model), self.state["seeds"], strict=True):
            generator.state.assign(value)

    def on_epoch_end(self, epoch, logs=None):
        last = f"epoch-{epoch + 1:03d}.weights.h5"
        _save_weights(self.model, self.folder / last)
        best = self.state["best"]
        if (self.folder / NEW_BEST).exists():  # ModelCheckpoint found this epoch the best so far
            best = f"best-{epoch + 1:03d}.weights.h5"
            (self.folder / NEW_BEST).replace(self.folder / best)
        self.state = {
            "key": self.key,
            "last": last,
            "best": best,
            "history": [*self.history, {name: float(value) for name, value in logs.items()}],
            "callbacks": [_counted(callback) for callback in self.watched],
            "seeds": [generator.state.numpy().tolist() for generator in _seed_generators(self.model)],
            "finished": self.model.stop_training or epoch + 1 == self.epochs,
        }
        _write_text(self.folder / STATE, json.dumps(self.state))
        self._remove_outdated()

    def _earlier_state(self) -> dict:
        """The saved state, or a blank one where there is none for this key."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / STATE
        if path.is_file():
            state = json.loads(path.read_text(encoding="utf-8"))
            if state["key"] == self.key:
                return state
        for stale in self.folder.glob("*.weights.h5"):
            stale.unlink()
        return {"key": self.key, "best": None, "history": [], "finished": False}

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


def _save_weights(model: keras.Model, path: Path) -> None:
    aside = path.with_name("aside.weights.h5")
    model.save_weights(aside)
    aside.replace(path)


def _write_text(path: Path, text: str) -> None:
    aside = path.with_suffix(".aside")
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)
