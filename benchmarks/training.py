"""Training of the report's classifier: memory, data, speed, against the plain Keras notebook.

    python -m benchmarks.training memory      host memory of the full run: 3064 slices, batch 300
    python -m benchmarks.training pipeline    how fast batches come, against how fast they are used
    python -m benchmarks.training speed       an update, and its memory, against `model.fit(x, y)`
    python -m benchmarks.training switches    mixed precision and XLA, against neither

Slices are noise. Each way runs in a process of its own, one after the other in the same command.
Sizes can be set: --slices, --batch, --micro-batch, --size, --epochs.
"""

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.command import machine_line, parser, write_figures
from benchmarks.standin import in_fresh_process, open_noise, write_noise
from helpers.config.environment import peak_bytes
from helpers.training.augmentation import Augmentation
from helpers.training.data_loader import Batches

# What each command takes by default: slices in the data set and in training, slices an update,
# slices at once (None: chosen), epochs.
DEFAULTS = {
    "memory": {"slices": 3064, "trained": 300, "batch": 300, "micro_batch": None, "epochs": 1},
    "pipeline": {"slices": 1000, "trained": 60, "batch": 60, "micro_batch": 20, "epochs": 2},
    "speed": {"slices": 72, "trained": 60, "batch": 60, "micro_batch": None, "epochs": 3},
    "switches": {"slices": 36, "trained": 20, "batch": 20, "micro_batch": 10, "epochs": 2},
}
VALIDATED = 12


def course_way(
    folder: str,
    slices: int,
    trained: int,
    batch: int,
    micro_batch: int | None,
    size: int,
    epochs: int,
    policy: str = "float32",
    xla: bool | None = None,
) -> dict:
    """Trains as the course does.

    Args:
        folder: of the noise, and to work in.
        slices, trained: how many there are, and how many of them are trained on.
        batch, micro_batch: slices an update and at once, None to choose.
        size: pixels a side.
        epochs: the first one is not counted in `update_seconds`, if there are more.
        policy: dtype policy of the network.
        xla: whether XLA compiles it, None for the default.

    Returns:
        `update_seconds` (median over epochs), `micro_batch`, `peak_bytes` with the whole data
        set touched, `waiting_share` of the training time.
    """
    import keras

    from helpers import models
    from helpers.config.settings import Schedule
    from helpers.splits import Split
    from helpers.training import fit

    keras.config.set_dtype_policy(policy)
    dataset = open_noise(Path(folder), slices)
    rows = np.random.default_rng(0).permutation(slices)
    split = Split(rows[:trained], rows[trained:][:VALIDATED], rows[trained:][:VALIDATED])
    with tempfile.TemporaryDirectory() as runs:
        run = fit.train_classifier(
            models.classifier((size, size, 3)),
            dataset,
            split,
            Schedule(epochs, batch, micro_batch),
            Path(runs),
            seed=0,
            options=fit.Options(adaptive=False, xla=xla),
        )
    dataset.images(size).max()  # a full run reads every slice; mapped pages count as memory
    seconds = run.history["seconds"] - run.history["validation_seconds"]
    counted = seconds.iloc[1:] if epochs > 1 else seconds
    return {
        "update_seconds": float(counted.median()) / (trained / batch),
        "micro_batch": run.micro_batch,
        "peak_bytes": peak_bytes(),
        "waiting_share": float(run.history["waiting_seconds"].sum() / seconds.sum()),
    }


def plain_way(folder: str, slices: int, trained: int, batch: int, size: int, epochs: int) -> dict:
    """Trains as most notebooks do: all slices as float32 with three channels, `model.fit(x, y)`.

    Args:
        folder, slices, trained, batch, size, epochs: as `course_way`.

    Returns:
        `update_seconds`, `peak_bytes`.
    """
    import keras

    from helpers import models

    images = np.load(Path(folder) / f"images_{size}.npy", mmap_mode="r")[:trained]
    x = np.empty((trained, size, size, 3), np.float32)
    for row, image in enumerate(images):
        x[row] = image[..., np.newaxis] / np.float32(255)
    model = models.classifier((size, size, 3))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = _Clock()
    model.fit(
        x, np.arange(trained) % 3, batch_size=batch, epochs=epochs, verbose=0,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=clock, on_epoch_end=clock)],
    )  # fmt: skip
    counted = clock.epochs()[1:] if epochs > 1 else clock.epochs()
    return {"update_seconds": float(np.median(counted)) / (trained / batch), "peak_bytes": peak_bytes()}


def batches_alone(folder: str, slices: int, size: int, micro_batch: int, augmented: bool) -> dict:
    """Reads micro-batches as fast as two threads can, and does nothing with them.

    Args:
        folder, slices, size, micro_batch: as `course_way`.
        augmented: change them at random.

    Returns:
        `slices_per_second`.
    """
    dataset = open_noise(Path(folder), slices)
    batches = Batches(
        dataset.images(size), dataset.labels, np.arange(slices), micro_batch, micro_batch,
        shuffle_seed=0, augmentation=Augmentation() if augmented else None,
    )  # fmt: skip
    count = min(len(batches), 30)
    with ThreadPoolExecutor(2) as threads:
        started = time.perf_counter()
        served = sum(threads.map(lambda index: len(batches[index][0]), range(count)))
    return {"slices_per_second": served / (time.perf_counter() - started)}


def measure_memory(folder: Path, chosen: dict) -> dict:
    """Host memory of the full run."""
    return in_fresh_process(course_way, folder=str(folder), **chosen)


def measure_pipeline(folder: Path, chosen: dict) -> dict:
    """Batches alone, as they are and augmented, and training."""
    common = {"folder": str(folder)} | {name: chosen[name] for name in ("slices", "size", "micro_batch")}
    training = in_fresh_process(course_way, folder=str(folder), **chosen)
    rate = chosen["batch"] / training["update_seconds"]
    plain = in_fresh_process(batches_alone, **common, augmented=False)["slices_per_second"]
    augmented = in_fresh_process(batches_alone, **common, augmented=True)["slices_per_second"]
    return {
        "training_slices_per_second": rate,
        "batches_slices_per_second": plain,
        "augmented_slices_per_second": augmented,
        "times_the_training": plain / rate,
        "times_the_training_augmented": augmented / rate,
        "waiting_share": training["waiting_share"],
    }


def measure_speed(folder: Path, chosen: dict) -> dict:
    """The course's way between two runs of the plain way, since the machine's speed drifts."""
    common = {name: chosen[name] for name in ("slices", "trained", "batch", "size", "epochs")}
    before = in_fresh_process(plain_way, folder=str(folder), **common)
    ours = in_fresh_process(course_way, folder=str(folder), **chosen)
    after = in_fresh_process(plain_way, folder=str(folder), **common)
    plain_seconds = (before["update_seconds"] + after["update_seconds"]) / 2
    return {
        "plain_update_seconds": plain_seconds,
        "course_update_seconds": ours["update_seconds"],
        "times_the_plain_time": ours["update_seconds"] / plain_seconds,
        "plain_peak_mb": before["peak_bytes"] / 1e6,
        "course_peak_mb": ours["peak_bytes"] / 1e6,
        "part_of_the_plain_memory": ours["peak_bytes"] / before["peak_bytes"],
        "micro_batch": ours["micro_batch"],
    }


def measure_switches(folder: Path, chosen: dict) -> dict:
    """Training with mixed precision and with XLA, against neither."""
    ways = {
        "neither": {"policy": "float32", "xla": False},
        "mixed precision": {"policy": "mixed_float16", "xla": False},
        "XLA": {"policy": "float32", "xla": True},
        "both": {"policy": "mixed_float16", "xla": True},
    }
    seconds = {
        name: in_fresh_process(course_way, folder=str(folder), **chosen, **way)["update_seconds"]
        for name, way in ways.items()
    }
    return {name: value / seconds["neither"] for name, value in seconds.items()}


MEASURES = {
    "memory": measure_memory,
    "pipeline": measure_pipeline,
    "speed": measure_speed,
    "switches": measure_switches,
}


def lines(claim: str, figures: dict) -> list[str]:
    """Words for the figures of one claim.

    Args:
        claim: name of the command.
        figures: what it measured.

    Returns:
        Lines to print.
    """
    if claim == "memory":
        return [
            f"peak memory of the process {figures['peak_bytes'] / 1e9:.2f} GB (at most 4), "
            f"{figures['micro_batch']} slices at once"
        ]
    if claim == "pipeline":
        return [
            f"training                {figures['training_slices_per_second']:9.1f} slices per second, "
            f"waiting for data {figures['waiting_share']:.1%} of the time",
            f"batches alone           {figures['batches_slices_per_second']:9.1f} slices per second: "
            f"{figures['times_the_training']:.0f} times as fast (at least 5)",
            f"batches, augmented      {figures['augmented_slices_per_second']:9.1f} slices per second: "
            f"{figures['times_the_training_augmented']:.0f} times as fast (at least 5)",
        ]
    if claim == "speed":
        return [
            f"plain way   {figures['plain_update_seconds']:6.2f} s an update, "
            f"{figures['plain_peak_mb']:6.0f} MB",
            f"the course  {figures['course_update_seconds']:6.2f} s an update, "
            f"{figures['course_peak_mb']:6.0f} MB, {figures['micro_batch']} slices at once",
            f"{figures['times_the_plain_time']:.2f} times the plain time (at most 1), "
            f"{figures['part_of_the_plain_memory']:.2f} of its memory (at most 0.25)",
        ]
    return [f"{name:16} {ratio:.2f} times the time of neither" for name, ratio in figures.items()]


class _Clock:
    """Notes when each epoch begins and ends."""

    def __init__(self):
        self.moments: list[float] = []

    def __call__(self, epoch, logs=None):
        self.moments.append(time.perf_counter())

    def epochs(self) -> list[float]:
        return [end - begin for begin, end in zip(self.moments[::2], self.moments[1::2], strict=True)]


def main(arguments: list[str] | None = None) -> None:
    """Measures one claim and prints it.

    Args:
        arguments: of the command line.
    """
    made = parser(__doc__)
    made.add_argument("claim", choices=MEASURES)
    for name in ("slices", "trained", "batch", "micro-batch", "epochs"):
        made.add_argument(f"--{name}", type=int)
    made.add_argument("--size", type=int, default=512, help="pixels a side")
    given = vars(made.parse_args(arguments))
    claim, path = given.pop("claim"), given.pop("json")
    chosen = DEFAULTS[claim] | {name: value for name, value in given.items() if value is not None}
    with tempfile.TemporaryDirectory() as folder:
        write_noise(Path(folder), chosen["slices"], chosen["size"])
        figures = MEASURES[claim](Path(folder), chosen)
    print(machine_line())
    print("\n".join(lines(claim, figures)))
    write_figures(figures, path)


if __name__ == "__main__":
    main()
