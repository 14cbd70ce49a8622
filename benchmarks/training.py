"""Training of the report's classifier: memory, data, speed, against the plain Keras notebook.

    python -m benchmarks.training memory      host memory of the full run: 3064 slices, batch 300
    python -m benchmarks.training pipeline    how fast batches come, against how fast they are used
    python -m benchmarks.training speed       an update, and its memory, against `model.fit(x, y)`

Slices are noise. Each way runs in its own process, one after the other in the same command.
Options for the sizes: --slices, --trained, --batch, --micro-batch, --size, --epochs.
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
from helpers.training.data_loader import Batches, Shuffle

# What each command takes by default: slices in the data set and in training, slices per update, slices
# at once, epochs.
DEFAULTS = {
    "memory": {"slices": 3064, "trained": 300, "batch": 300, "micro_batch": 12, "epochs": 1},
    "pipeline": {"slices": 1000, "trained": 60, "batch": 60, "micro_batch": 12, "epochs": 2},
    "speed": {"slices": 72, "trained": 60, "batch": 60, "micro_batch": 12, "epochs": 3},
}


def course_way(
    folder: str, slices: int, trained: int, batch: int, micro_batch: int, size: int, epochs: int
) -> dict:
    """Train as the course does.

    Args:
        folder: of the noise.
        slices, trained: how many there are, and how many of them are trained on.
        batch, micro_batch: slices per update and at once.
        size: height and width, pixels.
        epochs: the first one is not counted in the seconds, if there are more.

    Returns:
        `update_seconds` (median over epochs), `micro_batch`, `peak_bytes` with the whole data set read,
        `waiting_share` of the training time.
    """
    import keras

    from helpers import models

    dataset = open_noise(Path(folder), slices)
    images = in_three_channels(dataset.images(size))
    batches = WatchedBatches(images, dataset.labels - 1, np.arange(trained), batch, micro_batch, Shuffle(0))
    model = models.classifier((size, size, 3))
    steps = batches.accumulation_steps
    model.compile(
        keras.optimizers.Adam(gradient_accumulation_steps=steps if steps > 1 else None),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    clock = _Clock()
    waiting = keras.callbacks.LambdaCallback(
        on_epoch_begin=batches.start, on_train_batch_end=batches.note_waiting
    )
    epoch_clock = keras.callbacks.LambdaCallback(on_epoch_begin=clock, on_epoch_end=clock)
    model.fit(batches, epochs=epochs, shuffle=False, verbose=0, callbacks=[waiting, epoch_clock])
    dataset.images(size).max()  # a full run reads every slice; mapped pages count as memory
    seconds = clock.epochs()
    counted = seconds[1:] if epochs > 1 else seconds
    return {
        "update_seconds": float(np.median(counted)) / (trained / batch),
        "micro_batch": micro_batch,
        "peak_bytes": peak_bytes(),
        "waiting_share": batches.waiting / sum(seconds),
    }


def in_three_channels(images: np.ndarray) -> np.ndarray:
    """Show grey images with three equal channels, without a copy.

    Args:
        images: (N, H, W).
    """
    return np.broadcast_to(images[..., np.newaxis], (*images.shape, 3))


class WatchedBatches(Batches):
    """Batches that note how long the network waits for them.

    Attributes:
        waiting: seconds, at most: a GPU may still be busy while the host waits.
    """

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.waiting, self.ready = 0.0, {}

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        batch = super().__getitem__(index)
        self.ready[index] = time.perf_counter()
        return batch

    def start(self, epoch, logs=None) -> None:
        """At the beginning of an epoch."""
        self.ready, self.free_since = {}, time.perf_counter()

    def note_waiting(self, batch, logs=None) -> None:
        """After a batch."""
        self.waiting += max(0.0, self.ready.get(batch, self.free_since) - self.free_since)
        self.free_since = time.perf_counter()


def plain_way(folder: str, slices: int, trained: int, batch: int, size: int, epochs: int) -> dict:
    """Train as most notebooks do: all slices as float32 with three channels, `model.fit(x, y)`.

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
    """Read micro-batches as fast as two threads can, and do nothing with them.

    Args:
        folder, slices, size, micro_batch: as `course_way`.
        augmented: change them at random.

    Returns:
        `slices_per_second`.
    """
    dataset = open_noise(Path(folder), slices)
    batches = Batches(
        in_three_channels(dataset.images(size)), dataset.labels, np.arange(slices), micro_batch,
        shuffle=Shuffle(0, Augmentation() if augmented else None),
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


MEASURES = {
    "memory": measure_memory,
    "pipeline": measure_pipeline,
    "speed": measure_speed,
}


def lines(claim: str, figures: dict) -> list[str]:
    """Words for the figures of one claim.

    Args:
        claim: name of the command.
        figures: what it measured.
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
    return [
        f"plain way   {figures['plain_update_seconds']:6.2f} s per update, "
        f"{figures['plain_peak_mb']:6.0f} MB",
        f"the course  {figures['course_update_seconds']:6.2f} s per update, "
        f"{figures['course_peak_mb']:6.0f} MB, {figures['micro_batch']} slices at once",
        f"{figures['times_the_plain_time']:.2f} times the plain time (at most 1), "
        f"{figures['part_of_the_plain_memory']:.2f} of its memory (at most 0.25)",
    ]


class _Clock:
    """The moments when epochs begin and end."""

    def __init__(self):
        self.moments: list[float] = []

    def __call__(self, epoch, logs=None):
        self.moments.append(time.perf_counter())

    def epochs(self) -> list[float]:
        return [end - begin for begin, end in zip(self.moments[::2], self.moments[1::2], strict=True)]


def main(arguments: list[str] | None = None) -> None:
    """Measure one claim and print it.

    Args:
        arguments: of the command line.
    """
    made = parser(__doc__)
    made.add_argument("claim", choices=MEASURES)
    for name in ("slices", "trained", "batch", "micro-batch", "epochs"):
        made.add_argument(f"--{name}", type=int)
    made.add_argument("--size", type=int, default=512, help="height and width, pixels")
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
