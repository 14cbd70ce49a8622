"""Predicting with both networks, against the bare compiled forward pass and `Model.predict`.

    python -m benchmarks.prediction [--slices N] [--repeats N] [--json FILE]

Slices are noise. All ways take turns in one process; times are medians.
"""

import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.command import machine_line, parser, write_figures
from helpers import models
from helpers.evaluation.prediction import Predictor


def measure(network: keras.Model, slices: int, repeats: int) -> dict:
    """Time one slice and a set of slices.

    Args:
        network: (N, H, W, C) -> probabilities.
        slices: in the set.
        repeats: of each measurement.

    Returns:
        Seconds, and their ratios.
    """
    size, _, channels = network.input_shape[1:]
    images = np.random.default_rng(0).integers(0, 256, (slices, size, size), dtype=np.uint8)
    rows = np.arange(slices)
    floats = np.repeat(images[..., np.newaxis] / np.float32(255), channels, axis=-1)
    bare = tf.function(lambda x: network(x, training=False))
    predictor = Predictor(network)
    portion = predictor.portion(slices)
    tensors = [tf.constant(floats[i : i + portion]) for i in range(0, slices, portion)]
    one_tensor = tf.constant(floats[:1])

    one = _medians(
        {
            "bare": lambda: bare(one_tensor).numpy(),
            "course": lambda: predictor.one(images[0]),
            "predict": lambda: network.predict(floats[:1], verbose=0),
        },
        repeats,
    )
    whole = _medians(
        {
            "bare": lambda: [bare(tensor).numpy() for tensor in tensors],
            "course": lambda: predictor.many(images, rows),
        },
        max(2, repeats // 8),
    )
    return {
        "one_bare_seconds": one["bare"],
        "one_course_seconds": one["course"],
        "one_predict_seconds": one["predict"],
        "one_times_bare": one["course"] / one["bare"],
        "predict_times_one": one["predict"] / one["course"],
        "slices": slices,
        "set_bare_seconds": whole["bare"],
        "set_course_seconds": whole["course"],
        "set_times_bare": whole["course"] / whole["bare"],
    }


def lines(name: str, figures: dict) -> list[str]:
    """Words for the figures.

    Args:
        name: of the network.
        figures: what `measure` returned.

    Returns:
        Lines to print.
    """
    return [
        f"{name}: one slice {figures['one_course_seconds']:.3f} s, "
        f"{figures['one_times_bare']:.2f} times the bare forward pass (at most 1.2); "
        f"Model.predict takes {figures['predict_times_one']:.1f} times as long (at least 3)",
        f"{name}: {figures['slices']} slices {figures['set_course_seconds']:.2f} s, "
        f"{figures['set_times_bare']:.2f} times the forward passes alone (at most 1.2)",
    ]


def _medians(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of each way; in turns, so that the machine's drift affects all equally."""
    for work in ways.values():
        work()
    seconds = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def main(arguments: list[str] | None = None) -> None:
    """Measure and print.

    Args:
        arguments: of the command line.
    """
    made = parser(__doc__)
    made.add_argument("--slices", type=int, default=49, help="in the set")
    made.add_argument("--repeats", type=int, default=25)
    made.add_argument("--small", action="store_true", help="small networks, to try the command")
    chosen = made.parse_args(arguments)
    networks = [models.classifier(), models.unet()]
    if chosen.small:
        networks = [models.classifier((64, 64, 3), filters=(2, 2)), models.unet((32, 32, 1), filters=(2, 4))]
    print(machine_line())
    figures = {network.name: measure(network, chosen.slices, chosen.repeats) for network in networks}
    for name, values in figures.items():
        print("\n".join(lines(name, values)))
    write_figures(figures, chosen.json)


if __name__ == "__main__":
    main()
