"""What a student sees of a training: a line an epoch, a curve that grows, where the time went."""

import time
from collections.abc import Callable, Sequence

import keras
import pandas as pd
from IPython import get_ipython
from IPython.display import display

from helpers.training.data_loader import Batches


class EpochLogger(keras.callbacks.Callback):
    """Prints one line an epoch, with the time left, and puts seconds into the logs.

    `seconds` is the whole epoch; `waiting_seconds` what the network waited for data (at most:
    a GPU may still be busy when the host waits), `validation_seconds` the validation.

    Args:
        measures: names of the logs to print, for training and validation; none for silence.
        batches: what the network trains on.
    """

    def __init__(self, measures: Sequence[str], batches: Batches):
        super().__init__()
        self.measures, self.batches = measures, batches

    def on_epoch_begin(self, epoch, logs=None):
        self.started = self.free_since = time.perf_counter()
        self.waiting = self.validation = 0.0

    def on_train_batch_end(self, batch, logs=None):
        handed_over = self.batches.handed_over.get(batch, self.free_since)
        self.waiting += max(0.0, handed_over - self.free_since)
        self.free_since = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.validation_started = time.perf_counter()

    def on_test_end(self, logs=None):
        self.validation += time.perf_counter() - self.validation_started

    def on_epoch_end(self, epoch, logs=None):
        logs["seconds"] = time.perf_counter() - self.started
        logs["waiting_seconds"], logs["validation_seconds"] = self.waiting, self.validation
        if not self.measures:
            return
        epochs = self.params["epochs"]
        left = (epochs - epoch - 1) * logs["seconds"]
        shown = [f"{name} {logs[name]:.3f} / {logs['val_' + name]:.3f}" for name in self.measures]
        print(f"{epoch + 1:2d} of {epochs}: {',  '.join(shown)}  ({_duration(left)} left)")


class LivePlot(keras.callbacks.Callback):
    """Redraws the learning curves in place after each epoch, and takes them away at the end.

    Outside IPython it does nothing. Stands behind `Checkpoint` in the list of callbacks.

    Args:
        draw: (history, measures) -> figure, such as `helpers.plots.learning_curves`.
        measures: names of the logs to draw.
        rows: the history, which grows by a row of logs an epoch.
    """

    def __init__(self, draw: Callable, measures: Sequence[str], rows: list[dict[str, float]]):
        super().__init__()
        self.draw, self.measures, self.rows = draw, measures, rows
        self.handle = None

    def on_epoch_end(self, epoch, logs=None):
        if get_ipython() is None:
            return
        figure = self.draw(history_table(self.rows), self.measures)
        if self.handle is None:
            self.handle = display(figure, display_id=True)
        else:
            self.handle.update(figure)

    def on_train_end(self, logs=None):
        if self.handle is not None:  # the notebook draws them again, with what was expected
            self.handle.update({"text/plain": ""}, raw=True)


def history_table(rows: list[dict[str, float]]) -> pd.DataFrame:
    """Makes a table of the logs of each epoch.

    Args:
        rows: the logs.

    Returns:
        DataFrame, one row an epoch, index from 1.
    """
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="epoch"))


def time_spent(history: pd.DataFrame) -> pd.Series:
    """Says where the time of a training went.

    Args:
        history: as `history_table`.

    Returns:
        Series of seconds: computing, waiting for data, validation, checkpoints.
    """
    total = history[["seconds", "waiting_seconds", "validation_seconds", "checkpoint_seconds"]].sum()
    waiting, validation = total["waiting_seconds"], total["validation_seconds"]
    return pd.Series(
        {
            "computing": total["seconds"] - waiting - validation,
            "waiting for data": waiting,
            "validation": validation,
            "checkpoints": total["checkpoint_seconds"],
        },
        name="seconds",
    )


def time_line(history: pd.DataFrame) -> str:
    """Words for `time_spent`.

    Args:
        history: as `history_table`.

    Returns:
        One line, in parts of the whole.
    """
    spent = time_spent(history)
    parts = [f"{name} {share:.0%}" for name, share in (spent / spent.sum()).items()]
    return f"{_duration(spent.sum())} in all: {', '.join(parts)}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
