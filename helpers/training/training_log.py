"""What a student sees during training: one line per epoch, and curves that grow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import keras
from IPython import get_ipython
from IPython.display import display

from helpers.config.language import N_, _
from helpers.config.settings import on_colab

if TYPE_CHECKING:
    from helpers.training.checkpoint import Checkpoint


class EpochLogger(keras.callbacks.Callback):
    """Print one line per epoch, with the time left.

    Args:
        measures: names of the logs to print, for training and validation.
    """

    def __init__(self, measures: Sequence[str]):
        super().__init__()
        self.measures, self.first_line = measures, N_("epoch: training / validation")

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()
        if self.first_line:
            print(_(self.first_line))
            self.first_line = ""

    def on_epoch_end(self, epoch, logs=None):
        epochs = self.params["epochs"]
        left = (epochs - epoch - 1) * (time.perf_counter() - self.started)
        shown = [f"{_(name)} {logs[name]:.3f} / {logs['val_' + name]:.3f}" for name in self.measures]
        said = _("{epoch:2d} of {epochs}: {measures}  ({duration} left)")
        print(
            said.format(epoch=epoch + 1, epochs=epochs, measures=",  ".join(shown), duration=_duration(left))
        )


class LivePlot(keras.callbacks.Callback):
    """In Colab, redraw the learning curves after each epoch, and remove them at the end.

    Elsewhere it does nothing: a stored notebook stays the same. List it after the checkpoint.

    Args:
        draw: (history, measures) -> figure, such as `helpers.plots.learning_curves`.
        measures: names of the logs to draw.
        checkpoint: has the history.
    """

    def __init__(self, draw: Callable, measures: Sequence[str], checkpoint: Checkpoint):
        super().__init__()
        self.draw, self.measures, self.checkpoint = draw, measures, checkpoint
        self.handle = None

    def on_epoch_end(self, epoch, logs=None):
        if not on_colab() or get_ipython() is None:
            return
        figure = self.draw(self.checkpoint.history, self.measures)
        if self.handle is None:
            self.handle = display(figure, display_id=True)
        else:
            self.handle.update(figure)

    def on_train_end(self, logs=None):
        if self.handle is not None:  # the notebook draws them again, with the expected values
            self.handle.update({"text/plain": ""}, raw=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
