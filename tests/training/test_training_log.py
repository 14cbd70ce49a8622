from types import SimpleNamespace

import pandas as pd
import pytest

from helpers.plots import learning_curves
from helpers.training import training_log

ROWS = [{"loss": 1.0, "val_loss": 1.1}, {"loss": 0.5, "val_loss": 0.7}]


class Handle:
    def __init__(self):
        self.shown = []

    def display(self, content, display_id):
        assert display_id
        self.shown.append(content)
        return self

    def update(self, content, raw=False):
        self.shown.append(content)


@pytest.fixture
def handle(monkeypatch):
    handle = Handle()
    monkeypatch.setattr(training_log, "get_ipython", lambda: object())
    monkeypatch.setattr(training_log, "display", handle.display)
    return handle


def drawn(epochs):
    """What the curve callback does in some epochs."""
    checkpoint = SimpleNamespace(history=None)
    curve = training_log.LivePlot(learning_curves, ["loss"], checkpoint)
    for epoch in range(epochs):
        checkpoint.history = pd.DataFrame(ROWS[: epoch + 1], index=range(1, epoch + 2))
        curve.on_epoch_end(epoch, ROWS[epoch])
    curve.on_train_end()


def test_in_colab_the_curve_grows_in_place_and_is_removed_at_the_end(handle, monkeypatch):
    monkeypatch.setattr(training_log, "on_colab", lambda: True)
    drawn(2)
    first, second, last = handle.shown
    assert first.alt.startswith("After 1 epoch:") and second.alt.startswith("After 2 epochs:")
    assert last == {"text/plain": ""}


def test_outside_colab_there_is_no_curve(handle):
    drawn(2)
    assert handle.shown == []


def test_one_line_per_epoch_with_the_time_left(capsys, monkeypatch):
    now = iter([0.0, 70.0, 70.0, 130.0])
    monkeypatch.setattr(training_log.time, "perf_counter", lambda: next(now))
    log = training_log.EpochLogger(["loss"])
    log.set_params({"epochs": 2})
    for epoch, row in enumerate(ROWS):
        log.on_epoch_begin(epoch)
        log.on_epoch_end(epoch, row)
    assert capsys.readouterr().out.splitlines() == [
        "epoch: training / validation",
        " 1 of 2: loss 1.000 / 1.100  (1 min 10 s left)",
        " 2 of 2: loss 0.500 / 0.700  (0 s left)",
    ]
