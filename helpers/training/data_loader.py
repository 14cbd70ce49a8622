"""Rows of a data set -> shuffled (micro-)batches of bytes for `fit`."""

import math
import time

import keras
import numpy as np

from helpers._common import CourseError
from helpers.training.augmentation import Augmentation


class BatchesError(CourseError):
    """Batches that cannot be made."""


class Batches(keras.utils.PyDataset):
    """Serves slices and targets in batches, cut into equal micro-batches.

    An effective batch of `schedule.batch` slices makes one weight update. It comes as
    `accumulation_steps` micro-batches, whose gradients the optimizer averages
    (`gradient_accumulation_steps`), so that a batch of 300 fits where 20 slices do. The
    last batch of an epoch may be smaller: its micro-batches are smaller too, and where it
    does not divide evenly some slices stand in twice, once with weight 0. Each update is
    then exactly that of one big batch. To be passed to `fit` with `shuffle=False`.

    Two threads read ahead of the network, and hand over bytes as they lie in the data set;
    scaling and channels are made on the device (`helpers.models.on_bytes`).

    Args:
        images: (N, H, W) uint8, memory-mapped or not.
        targets: (N, ...) what to learn, one for each image.
        rows: (n,) which of them belong to this set.
        batch: slices in an effective batch.
        micro_batch: slices in a micro-batch; divides `batch`.
        shuffle_seed: shuffles anew in each epoch, from this seed and the epoch's number;
            None keeps the order of `rows`.
        first_epoch: number of the first epoch, for a training that goes on.
        augmentation: changes slices at random, from `shuffle_seed`, the epoch's number and
            the row, their masks with them; None leaves them as they are.

    Attributes:
        handed_over: {index: time} of the micro-batches of this epoch, by `time.perf_counter`.

    Raises:
        BatchesError: `rows` is empty, or `micro_batch` does not divide `batch`.
    """

    def __init__(
        self,
        images: np.ndarray,
        targets: np.ndarray,
        rows: np.ndarray,
        batch: int,
        micro_batch: int,
        shuffle_seed: int | None = None,
        first_epoch: int = 0,
        augmentation: Augmentation | None = None,
    ):
        super().__init__(workers=2, max_queue_size=8)
        if len(rows) == 0:
            raise BatchesError("there are no slices to make batches of.")
        if batch % micro_batch:
            raise BatchesError(f"micro_batch {micro_batch} of a schedule does not divide its batch {batch}.")
        self.images, self.targets, self.rows = images, targets, np.asarray(rows)
        self.batch, self.accumulation_steps = batch, batch // micro_batch
        self.shuffle_seed, self.epoch = shuffle_seed, first_epoch
        self.augmentation = augmentation
        self.handed_over: dict[int, float] = {}

    def __len__(self) -> int:
        return math.ceil(len(self.rows) / self.batch) * self.accumulation_steps

    def __getitem__(self, index: int):
        """One micro-batch: images (m, H, W) uint8, targets (m, ...), weights (m,) float32."""
        update, part = divmod(index, self.accumulation_steps)
        rows = self._order()[update * self.batch : (update + 1) * self.batch]
        size = math.ceil(len(rows) / self.accumulation_steps)
        places = np.arange(part * size, (part + 1) * size)
        # Every micro-batch counts the same, so real slices share out the weight of the stand-ins.
        weight = size * self.accumulation_steps / len(rows)
        weights = np.where(places < len(rows), weight, 0.0).astype(np.float32)
        images, targets = self._read(rows[places % len(rows)])
        self.handed_over[index] = time.perf_counter()
        return images, targets, weights

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.handed_over = {}

    def _read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        images, targets = self.images[rows], self.targets[rows]
        if self.augmentation:
            has_masks = targets.ndim == images.ndim
            for place, row in enumerate(rows):
                rng = np.random.default_rng([self.shuffle_seed or 0, self.epoch, row])
                mask = targets[place] if has_masks else None
                images[place], mask = self.augmentation.apply(images[place], mask, rng)
                if has_masks:
                    targets[place] = mask
        return images, targets

    def _order(self) -> np.ndarray:
        if self.shuffle_seed is None:
            return self.rows
        return np.random.default_rng([self.shuffle_seed, self.epoch]).permutation(self.rows)
