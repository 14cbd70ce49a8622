import pandas as pd
import pytest

from helpers.plots import learning_curves
from helpers.training import training_log

ROWS = [
    {"loss": 1.0, "val_loss": 1.1, "seconds": 10.0, "waiting_seconds": 1.0, "validation_seconds": 2.0,
     "checkpoint_seconds": 0.5},
    {"loss": 0.5, "val_loss": 0.7, "seconds": 8.0, "waiting_seconds": 0.0, "validation_seconds": 2.0,
     "checkpoint_seconds": 0.5},
]  # fmt: skip


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


def test_where_the_time_went():
    history = training_log.history_table(ROWS)
    assert history.index.tolist() == [1, 2]
    assert training_log.time_spent(history).to_dict() == {
        "computing": 13.0,
        "waiting for data": 1.0,
        "validation": 4.0,
        "checkpoints": 1.0,
    }
    assert training_log.time_line(history) == (
        "19 s in all: computing 68%, waiting for data 5%, validation 21%, checkpoints 5%"
    )


def test_the_curve_grows_in_place_and_goes(handle):
    rows = []
    curve = training_log.LivePlot(learning_curves, ["loss"], rows)
    for row in ROWS:
        rows.append(row)
        curve.on_epoch_end(len(rows) - 1, row)
    curve.on_train_end()
    first, second, last = handle.shown
    assert first.alt.startswith("After 1 epoch:") and second.alt.startswith("After 2 epochs:")
    assert last == {"text/plain": ""}


def test_outside_a_notebook_there_is_no_curve(capsys, monkeypatch):
    monkeypatch.setattr(training_log, "get_ipython", lambda: None)  # another test may have started a shell
    curve = training_log.LivePlot(learning_curves, ["loss"], ROWS)
    curve.on_epoch_end(1, ROWS[-1])
    curve.on_train_end()
    assert capsys.readouterr().out == ""


def test_what_the_network_waited_for(monkeypatch):
    now = iter([0.0, 1.0, 3.0, 5.0, 6.0, 9.0])
    monkeypatch.setattr(training_log.time, "perf_counter", lambda: next(now))
    batches = type("B", (), {"handed_over": {0: -2.0, 1: 2.5}})  # one before it was wanted, one after
    lines = training_log.EpochLogger([], batches)
    lines.set_params({"epochs": 1})
    logs = {}
    lines.on_epoch_begin(0)
    lines.on_train_batch_end(0)
    lines.on_train_batch_end(1)
    lines.on_test_begin()
    lines.on_test_end()
    lines.on_epoch_end(0, logs)
    assert pd.Series(logs).to_dict() == {"seconds": 9.0, "waiting_seconds": 1.5, "validation_seconds": 1.0}
