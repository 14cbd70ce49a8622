"""How many slices fit on the device at once."""

import math
import shutil
import subprocess

import keras
import psutil

from helpers._common import CourseError
from helpers.training.updates import smaller_micro_batch

# Peak memory of a training step, as a multiple of what the layers put out: measured on a CPU, where
# the classifier takes 1.6 (`python -m benchmarks.training memory`, 4 and 24 slices at once); the rest
# is margin for a GPU, where it was not measured.
STEP_FACTOR = 2.0
# More slices at once gain hardly any speed, and leave less to others.
GPU_BUDGET_BYTES = 10e9
CPU_BUDGET_BYTES = 1e9  # keeps the full run under 4 GB, 0.8 GB of mapped slices included
SHARE_OF_FREE = 0.7
OUT_OF_MEMORY = ("RESOURCE_EXHAUSTED", "ResourceExhaustedError", "OutOfMemoryError", "out of memory")


class DeviceTooSmallError(CourseError):
    """Not even one slice fits."""


def micro_batch(network: keras.Model, batch: int) -> int:
    """Chooses how many slices go to the device at once.

    Args:
        network: what is to be trained.
        batch: slices per update.

    Returns:
        An equal divisor of `batch`; at least 1.
    """
    budget = min(
        GPU_BUDGET_BYTES if on_gpu() else CPU_BUDGET_BYTES,
        SHARE_OF_FREE * free_bytes(),
    )
    return smaller_micro_batch(batch, budget / step_bytes_per_slice(network)) or 1


def step_bytes_per_slice(network: keras.Model) -> float:
    """Estimates how much memory one slice takes up in a training step.

    Args:
        network: what is to be trained.

    Returns:
        Bytes.
    """
    values = 0
    for layer in network.layers:
        bits = 16 if layer.compute_dtype in ("float16", "bfloat16") else 32
        values += math.prod(layer.output.shape[1:]) * bits // 8
    return STEP_FACTOR * values


def free_bytes() -> int:
    """Finds how much memory the device has left.

    TensorFlow takes nearly all of a GPU for itself when it starts, so of a GPU that this
    process uses already, what TensorFlow has not given out counts as free.

    Returns:
        Bytes, of the first GPU or else of the machine.
    """
    gpu = _gpu_bytes() if on_gpu() else None
    if gpu is None:
        return psutil.virtual_memory().available
    total, free = gpu
    in_use = _given_out_bytes()
    return free if in_use is None else max(free, int(0.9 * total) - in_use)


def on_gpu() -> bool:
    """Says whether Keras computes on a GPU.

    Returns:
        bool.
    """
    # Not list_devices("gpu"): without one, jax raises an error.
    return any("gpu" in name.lower() for name in keras.distribution.list_devices())


def ran_out(error: BaseException) -> bool:
    """Tells running out of memory from other errors, whatever the backend.

    Args:
        error: what a training step raised.

    Returns:
        bool.
    """
    if isinstance(error, MemoryError):
        return True
    return any(words in f"{type(error).__name__}: {error}" for words in OUT_OF_MEMORY)


def _gpu_bytes() -> tuple[int, int] | None:
    """Total and free memory of the first GPU, as the NVIDIA driver says."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=memory.total,memory.free", "--format=csv,noheader,nounits"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        total, free = (int(number) * 2**20 for number in answer.stdout.splitlines()[0].split(","))
    except (IndexError, ValueError):
        return None
    return total, free


def _given_out_bytes() -> int | None:
    """What TensorFlow has given out of the first GPU; None under another backend."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["current"]
