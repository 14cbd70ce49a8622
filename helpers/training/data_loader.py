"""Rows of a data set -> shuffled (micro-)batches for `fit`."""

import errno
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import keras
import numpy as np

from helpers._common import CourseError
from helpers.config.language import _
from helpers.evaluation.prediction import network_input
from helpers.training.augmentation import Augmentation

OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "ResourceExhaustedError", "OutOfMemoryError", "out of memory")


class BatchesError(CourseError):
    """Batches that cannot be made."""


class TrainingInterruptedError(CourseError):
    """A training was interrupted, and can be resumed."""


class DiskFullError(CourseError):
    """The disk is full; the training can be resumed."""


class DeviceMemoryError(CourseError):
    """The device ran out of memory during training."""


@dataclass(frozen=True)
class Shuffle:
    """A new order in each epoch, the same in every run with this seed.

    Args:
        seed: of the order and of the augmentation.
        augmentation: changes the slices at random, and their masks with them.
    """

    seed: int
    augmentation: Augmentation | None = None

    def __post_init__(self):
        if not isinstance(self.augmentation, Augmentation | None):
            raise BatchesError(
                _(
                    "the augmentation is {augmentation!r}; it must be None or, for example, "
                    "training.Augmentation()."
                ).format(augmentation=self.augmentation)
            )


class Batches(keras.utils.PyDataset):
    """Slices and targets in batches, each cut into equal micro-batches.

    A batch makes one weight update. It comes as `accumulation_steps` micro-batches, whose gradients
    the optimizer averages (`gradient_accumulation_steps`), so that a batch of 300 fits in the memory
    of 20 slices. The last batch of an epoch may be smaller, and its micro-batches too; if it does not
    divide evenly, some slices occur twice, once with weight 0. Each update is exactly that of one big
    batch. Pass `shuffle=False` to `fit`: shuffled micro-batches would mix the updates.

    Two threads read ahead of the network. Slices stay bytes in memory, and become float32 batch by batch.

    Args:
        images: (N, H, W) or (N, H, W, C) uint8, memory-mapped or not.
        targets: (N, ...) what to learn, one per image; for a network with several outputs a dict of
            such arrays, by the names of the outputs, of which one may be masks.
        rows: (n,) the rows that belong to this set.
        batch: slices per weight update.
        micro_batch: slices on the device at once; divides `batch`. By default the whole batch.
        shuffle: order and augmentation; None keeps the order of `rows`.

    Attributes:
        epoch: number of the epoch that is served; in `fit` from 1, as Keras calls `on_epoch_end` before the
            first one, too. `Checkpoint` sets it, so that a resumed training continues with its order.
        accumulation_steps: micro-batches per batch, for the optimizer's `gradient_accumulation_steps`.

    Raises:
        BatchesError: `rows` is empty, a size is no whole number, or `micro_batch` does not divide `batch`.
    """

    def __init__(
        self,
        images: np.ndarray,
        targets: np.ndarray | dict[str, np.ndarray],
        rows: np.ndarray,
        batch: int,
        micro_batch: int | None = None,
        shuffle: Shuffle | None = None,
    ):
        super().__init__(workers=2, max_queue_size=4)
        micro_batch = batch if micro_batch is None else micro_batch
        for name, size in (("batch", batch), ("micro_batch", micro_batch)):
            if not isinstance(size, Integral) or size < 1:
                raise BatchesError(
                    _("the {name} must be a whole number, 1 or more, not {size!r}.").format(
                        name=name, size=size
                    )
                )
        if len(rows) == 0:
            raise BatchesError(_("there are no slices to make batches of."))
        if batch % micro_batch:
            raise BatchesError(
                _(
                    "micro_batch {micro_batch} does not divide the batch of {batch}; choose one of {choices}."
                ).format(micro_batch=micro_batch, batch=batch, choices=", ".join(map(str, divisors(batch))))
            )
        self.images, self.targets, self.rows = images, targets, np.asarray(rows)
        self.batch, self.accumulation_steps = batch, batch // micro_batch
        self.shuffle, self.epoch = shuffle, 0

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch) * self.accumulation_steps

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """One micro-batch: images (m, H, W, C) float32 in 0..1, targets (m, ...).

        If batches are cut, also weights float32: (m,), with further axes of length 1 if targets have more.
        """
        update, part = divmod(index, self.accumulation_steps)
        rows = self._order()[update * self.batch : (update + 1) * self.batch]
        size = math.ceil(len(rows) / self.accumulation_steps)
        places = np.arange(part * size, (part + 1) * size)
        images, targets = self._read(rows[places % len(rows)])
        images = network_input(images)
        if self.accumulation_steps == 1:
            return images, targets
        # Every micro-batch counts the same, so the real slices share the weight of the repeated ones.
        weight = size * self.accumulation_steps / len(rows)
        weights = np.where(places < len(rows), weight, 0.0).astype(np.float32)
        return images, targets, _each(lambda one: weights.reshape(-1, *[1] * (one.ndim - 1)), targets)

    def on_epoch_end(self) -> None:
        self.epoch += 1

    def _read(self, rows: np.ndarray) -> tuple[np.ndarray, Any]:
        images, targets = self.images[rows], _each(lambda one: one[rows], self.targets)
        if self.shuffle and self.shuffle.augmentation:
            each = targets.values() if isinstance(targets, dict) else [targets]
            masks = next((one for one in each if one.ndim > 2), None)
            for place, row in enumerate(rows):
                rng = np.random.default_rng([self.shuffle.seed, self.epoch, row])
                mask = None if masks is None else masks[place]
                images[place], mask = self.shuffle.augmentation.apply(images[place], mask, rng)
                if masks is not None:
                    masks[place] = mask
        return images, targets

    def _order(self) -> np.ndarray:
        if self.shuffle is None:
            return self.rows
        return np.random.default_rng([self.shuffle.seed, self.epoch]).permutation(self.rows)


def _each(function: Callable[[np.ndarray], np.ndarray], targets: Any) -> Any:
    """Apply a function to the targets, or to those of each output."""
    if isinstance(targets, dict):
        return {name: function(one) for name, one in targets.items()}
    return function(targets)


def divisors(batch: int) -> list[int]:
    """The sizes that a micro-batch of this batch can have."""
    return [size for size in range(1, batch + 1) if batch % size == 0]


@contextmanager
def explain_errors(batches: Batches, setting: str = "micro_batch") -> Iterator[None]:
    """Say in one sentence what to do if a training is interrupted, or disk or device memory is full.

    Args:
        batches: what is trained on in the `with` block.
        setting: the notebook's variable that says how many slices are on the device at once.

    Raises:
        TrainingInterruptedError: the student or Jupyter interrupted the training.
        DiskFullError: an epoch couldn't be saved.
        DeviceMemoryError: the device ran out of memory.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise TrainingInterruptedError(
            _("the training was stopped. Run the cell again: it resumes after the last complete epoch.")
        ) from None
    except Exception as error:
        if isinstance(error, OSError) and os.strerror(errno.ENOSPC) in str(error):
            raise DiskFullError(
                _(
                    "the disk is full, so this epoch wasn't saved. Free some space, then run the cell again: "
                    "it resumes after the last complete epoch."
                )
            ) from None
        if not _ran_out(error):
            raise
        micro_batch = batches.batch // batches.accumulation_steps
        smaller = [size for size in divisors(batches.batch) if size <= micro_batch / 2]
        advice = _("Close other notebooks that use it, or choose a runtime with more memory.")
        if smaller:
            advice = _(
                "Set {setting} = {smaller} (a divisor of the batch of {batch}), and run the cells from there "
                "again."
            ).format(setting=setting, smaller=smaller[-1], batch=batches.batch)
        raise DeviceMemoryError(
            _("the device ran out of memory with {micro_batch} slices at once. {advice}").format(
                micro_batch=micro_batch, advice=advice
            )
        ) from error


def _ran_out(error: BaseException) -> bool:
    """Recognize the error in every backend."""
    if isinstance(error, MemoryError):
        return True
    return any(words in f"{type(error).__name__}: {error}" for words in OUT_OF_MEMORY)
