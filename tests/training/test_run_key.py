"""What changes the name of a training's folder, and what doesn't: losses, callbacks and layers."""

import functools
import linecache
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import callbacks, layers, ops

from helpers import training
from helpers.training import run_record

DICE = """
import functools, keras, tensorflow as tf
import numpy as np
from keras import ops
WEIGHT, TABLE, unused = 1.0, np.array([1, 2]), 1
def overlap(a, b):
    return ops.sum(a * b)
def dice(a, b, smooth=1, *, power=2):
    def ratio(x):
        return 2 * x + smooth if "a" in {"a", "b", "c"} else 0
    return WEIGHT * ratio(overlap(a, b)) + TABLE[0] ** power
def made(epsilon):
    def inner(a, b):
        return dice(a, b) + epsilon
    return inner
class Dice(keras.Loss):
    def __init__(self, smooth=1):
        super().__init__()
        self.smooth = smooth
    def helper(self, x):
        return x + 3
    def call(self, a, b):
        return self.helper(dice(a, b))
class Callable:
    def __init__(self, smooth=1):
        self.smooth = smooth
    def __call__(self, a, b):
        return dice(a, b, self.smooth)
"""
LOSSES = [
    "dice", "made(1)", "made(2)", "functools.partial(dice, smooth=3)", "functools.partial(dice, smooth=4)",
    "Dice()", "Dice(100)", "Callable()", "Callable(5)", "Callable(7).__call__", "keras.losses.Dice()",
    "keras.losses.Dice(axis=1)", "'mse'", "keras.losses.mean_squared_error", "lambda a, b: a - b",
    "lambda a, b: a + b",
]  # fmt: skip
CHANGES = [("smooth=1", "smooth=100"), ("power=2", "power=3"), ("a * b)", "a + b)"), ("2 * x", "3 * x"),
           ("WEIGHT, TABLE, unused = 1.0", "WEIGHT, TABLE, unused = 2.0"), ("[1, 2]", "[1, 3]")]  # fmt: skip


def digest(loss, source=DICE):
    names = {"__name__": "__main__"}
    exec(source, names)
    loss = eval(loss, names)
    return run_record._digest([run_record._name(loss), run_record._described(loss, {})])


def test_each_loss_has_its_own_name_and_keeps_it():
    digests = [digest(loss) for loss in LOSSES]
    assert len(set(digests)) == len(LOSSES)
    assert digests == [digest(loss) for loss in LOSSES]  # made again: other addresses and counted names


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "loss", ["dice", "tf.function(dice)", "made(1)", "functools.partial(dice)", "Dice()", "Callable()"]
)
def test_what_a_loss_reads_belongs_to_it(loss, change):
    assert digest(loss) == digest(loss, DICE.replace("2]), 1", "2]), 9"))  # a variable that it doesn't read
    assert digest(loss) != digest(loss, DICE.replace(*change))


def test_the_methods_of_a_loss_belong_to_it():
    assert digest("Dice()") != digest("Dice()", DICE.replace("x + 3", "x + 4"))


def test_a_loss_that_was_used_is_described_as_before():
    names = {"__name__": "__main__"}
    exec(DICE, names)
    before = run_record._digest(run_record._described(names["dice"], {}))
    for _ in range(50):
        names["dice"](np.ones(2), np.ones(2))
    assert run_record._digest(run_record._described(names["dice"], {})) == before


def test_another_kernel_gives_the_same_name():
    code = "from tests.training.test_run_key import digest; print(digest('dice'), digest('Dice()'))"
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-2:] == [digest("dice"), digest("Dice()")]


class Warmup(callbacks.Callback):
    def __init__(self, epochs):
        super().__init__()
        self.epochs, self.count = epochs, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.count += 1


def watching(*given):
    return [run_record.watching(one) for one in given if type(one) not in run_record.LOGGERS]


def test_each_list_of_callbacks_has_its_own_name_and_keeps_it():
    plateau, stopping = callbacks.ReduceLROnPlateau, callbacks.EarlyStopping
    lists = [
        lambda: [],
        lambda: [callbacks.LearningRateScheduler(lambda epoch: 0.1)],
        lambda: [callbacks.LearningRateScheduler(lambda epoch: 0.2)],
        lambda: [callbacks.LearningRateScheduler(keras.optimizers.schedules.CosineDecay(0.1, 5))],
        lambda: [callbacks.LearningRateScheduler(keras.optimizers.schedules.CosineDecay(0.1, 6))],
        lambda: [callbacks.LearningRateScheduler(functools.partial(max, 1))],
        lambda: [stopping(patience=5)],
        lambda: [stopping(patience=5, mode="max")],
        lambda: [stopping(patience=5, baseline=0.5)],
        lambda: [stopping(patience=5, baseline=-0.5)],
        lambda: [plateau(patience=2)],
        lambda: [plateau(patience=2), plateau(patience=4)],
        lambda: [plateau(patience=4)],
        lambda: [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: 1)],
        lambda: [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: 2)],
        lambda: [Warmup(3)],
        lambda: [Warmup(4)],
        lambda: [callbacks.TerminateOnNaN()],
    ]
    digests = [run_record._digest(watching(*make())) for make in lists]
    assert len(set(digests)) == len(lists)
    assert digests == [run_record._digest(watching(*make())) for make in lists]


def test_callbacks_that_only_show_or_save_do_not_change_the_name(tmp_path):
    checkpoint = training.Checkpoint(tmp_path)
    loggers = [training.EpochLogger(["loss"]), training.LivePlot(print, ["loss"], checkpoint), checkpoint,
               callbacks.CSVLogger(tmp_path / "log.csv"), callbacks.ProgbarLogger(),
               callbacks.History()]  # fmt: skip
    assert watching(*loggers, Warmup(3)) == watching(Warmup(3))


def test_callbacks_that_were_used_are_described_as_before():
    used = [
        callbacks.EarlyStopping("loss", min_delta=0.1),
        callbacks.LearningRateScheduler(lambda e: 0.1),
        Warmup(3),
    ]
    before = watching(*used)
    built = keras.Sequential([layers.Input((1,)), layers.Dense(1)])
    built.compile("sgd", "mse")
    built.fit(np.ones((2, 1)), np.ones((2, 1)), callbacks=used, verbose=0)
    assert used[0].min_delta == -0.1 and used[2].count == 1
    assert watching(*used) == before


def joined(operation=ops.relu, turned=False, activation=None, policy="float32", inner=3):
    inputs = keras.Input((4,))
    first = layers.Dense(2, activation=activation, dtype=policy)(inputs)
    second = operation(first)
    both = layers.Concatenate()([second, first] if turned else [first, second])
    return keras.Model(inputs, keras.Sequential([layers.Dense(inner), layers.Dense(2)])(both))


def layers_digest(**given):
    return run_record._digest(run_record._renamed(joined(**given).get_config(), {}))


@pytest.mark.filterwarnings("ignore:The object being serialized")
def test_each_network_has_its_own_name_and_keeps_it():
    variants = [{}, {"operation": ops.sigmoid}, {"turned": True}, {"policy": "mixed_float16"}, {"inner": 4},
                {"activation": lambda x: 2 * x}, {"activation": lambda x: 3 * x}]  # fmt: skip
    digests = [layers_digest(**one) for one in variants]
    assert len(set(digests)) == len(variants)
    assert digests == [layers_digest(**one) for one in variants]  # built again, with other counted names


@pytest.mark.filterwarnings("ignore:The object being serialized")
def test_a_lambda_has_the_same_name_in_another_file(monkeypatch):
    source, files = "lambda x: 2 * x", ["<one>", "<other>"]
    for file in files:
        monkeypatch.setitem(linecache.cache, file, (len(source), None, [source], file))
    digests = [layers_digest(activation=eval(compile(source, file, "eval"))) for file in files]
    assert digests[0] == digests[1]


def test_options_of_newer_versions_of_keras_do_not_change_the_name():
    config = joined().get_config()
    before = run_record._renamed(config, {})
    config["layers"][1]["config"]["new_option"] = None
    assert run_record._renamed(config, {}) == before
