"""The newest two states of a training on disk: each whole and proved to be, or passed over.

A state is a JSON file, `epoch-007.json`, and the weights that it names. The weights are written
first, and every file aside and then renamed: a kill at any moment leaves the state before whole.
Each state holds the SHA-256 of its weights and of itself, so that damage is noticed.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from helpers._common import read_json, write_json

KEPT = 2
WEIGHTS = ".weights.h5"  # Keras asks for this ending
ASIDE = "aside" + WEIGHTS


class Generations:
    """Keeps states in a folder, and copies of them in a second one.

    Args:
        folder: of one training; made if need be.
        copies: the second folder, such as one on Google Drive; None for none.
    """

    def __init__(self, folder: Path, copies: Path | None = None):
        self.folder, self.copies = Path(folder), copies
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def folders(self) -> list[Path]:
        """Where states are kept."""
        return [folder for folder in (self.folder, self.copies) if folder]

    def newest(self) -> dict | None:
        """Finds the newest whole state, and sees to it that both folders have it.

        Returns:
            What `save` was given, or None.
        """
        here = _newest_whole(self.folder)
        try:
            there = _newest_whole(self.copies) if self.copies else None
            if there and (here is None or there["epoch"] > here["epoch"]):
                _copy(self.copies, self.folder, there)
                print(f"Brought back from {self.copies}.")
                return there
        except OSError as error:  # a Drive that has broken down
            print(f"The copies in {self.copies} cannot be read: {error.strerror or error}.")
            return here
        if self.copies and here and (there is None or there["epoch"] < here["epoch"]):
            self._copy_away(here)
        return here

    def save(self, epoch: int, state: dict, save_weights: Callable[[Path], None]) -> None:
        """Adds a state, and removes those that are no longer wanted.

        Args:
            epoch: its number.
            state: JSON values; gets `epoch`, and `weights`: names and SHA-256 of the files
                that belong to it, those of this epoch and those of its `best_epoch`.
            save_weights: writes the weights to the path that it is given.
        """
        save_weights(self.folder / ASIDE)
        (self.folder / ASIDE).replace(self.folder / _weights(epoch))
        known = state.get("weights", {}) | {_weights(epoch): _sha256(self.folder / _weights(epoch))}
        wanted = {_weights(epoch), _weights(state["best_epoch"])}
        state |= {"epoch": epoch, "weights": {name: known[name] for name in sorted(wanted)}}
        _write(self.folder, state)
        _remove_outdated(self.folder, epoch)
        if self.copies:
            self._copy_away(state)

    def weights(self, epoch: int) -> Path:
        """Where the weights of an epoch lie."""
        return self.folder / _weights(epoch)

    def _copy_away(self, state: dict) -> None:
        try:
            self.copies.mkdir(parents=True, exist_ok=True)
            _copy(self.folder, self.copies, state)
            _remove_outdated(self.copies, state["epoch"])
        except OSError as error:  # a full or unmounted Drive does not end a training
            print(f"No second copy in {self.copies}: {error.strerror or error}. The training goes on.")


def _newest_whole(folder: Path) -> dict | None:
    for path in sorted(folder.glob("epoch-*.json"), reverse=True):
        content = read_json(path) or {}
        state = content.get("state")
        if content.get("sha256") == _digest(state) and _weights_whole(folder, state):
            return state
        print(f"{path.name} in {folder}, or its weights, are damaged: passed over.")
    return None


def _weights_whole(folder: Path, state: dict) -> bool:
    return all(_is_whole(folder / name, digest) for name, digest in state["weights"].items())


def _is_whole(path: Path, digest: str) -> bool:
    return path.is_file() and _sha256(path) == digest


def _write(folder: Path, state: dict) -> None:
    write_json(folder / _state(state["epoch"]), {"sha256": _digest(state), "state": state})


def _copy(source: Path, destination: Path, state: dict) -> None:
    for name, digest in state["weights"].items():
        if not _is_whole(destination / name, digest):
            shutil.copyfile(source / name, destination / ASIDE)
            (destination / ASIDE).replace(destination / name)
    _write(destination, state)


def _remove_outdated(folder: Path, epoch: int) -> None:
    """Removes all but this state and the one before, and the weights that neither names."""
    states = sorted(path for path in folder.glob("epoch-*.json") if path.name <= _state(epoch))[-KEPT:]
    wanted = {path.name for path in states}
    for content in filter(None, map(read_json, states)):
        wanted |= content["state"]["weights"].keys()
    for pattern in ("epoch-*.json", f"epoch-*{WEIGHTS}"):
        for path in folder.glob(pattern):
            if path.name not in wanted:
                path.write_bytes(b"")  # Drive keeps what is removed in its bin, which counts as used
                path.unlink()


def _state(epoch: int) -> str:
    return f"epoch-{epoch:03d}.json"


def _weights(epoch: int) -> str:
    return f"epoch-{epoch:03d}{WEIGHTS}"


def _digest(state: object) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
