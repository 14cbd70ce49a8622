import subprocess

import pytest

from helpers import models
from helpers.training import memory


@pytest.fixture(scope="module")
def network():
    return models.classifier()


@pytest.mark.parametrize(
    ("gpu", "free_gb", "expected"),
    [(True, 15, range(20, 101)), (True, 4, range(5, 31)), (True, 80, range(20, 101)),
     (False, 22, range(4, 31)), (False, 0.01, range(1, 2))],
)  # fmt: skip
def test_the_micro_batch_fits_what_is_free(network, monkeypatch, gpu, free_gb, expected):
    monkeypatch.setattr(memory, "on_gpu", lambda: gpu)
    monkeypatch.setattr(memory, "free_bytes", lambda: free_gb * 1e9)
    size = memory.micro_batch(network, 300)
    assert size in expected
    assert 300 % size == 0
    assert (
        size == 1
        or size * memory.step_bytes_per_slice(network) <= 0.7 * free_gb * 1e9 <= 12e9
        or free_gb > 15
    )


def test_half_precision_counts_half(network):
    import keras

    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = memory.step_bytes_per_slice(models.classifier())
    finally:
        keras.config.set_dtype_policy("float32")
    assert half == pytest.approx(memory.step_bytes_per_slice(network) / 2, rel=0.05)


def test_free_memory_is_the_machines_without_a_gpu():
    assert 1e8 < memory.free_bytes() < 1e14


@pytest.mark.parametrize(
    ("in_use", "free"), [(None, 5000), (0, 0.9 * 15000), (12000 * 2**20, 5000), (1000 * 2**20, 12500)]
)
def test_what_tensorflow_has_not_given_out_counts_as_free(monkeypatch, in_use, free):
    answer = subprocess.CompletedProcess([], 0, stdout="15000, 5000\n")
    monkeypatch.setattr(memory, "on_gpu", lambda: True)
    monkeypatch.setattr(memory.shutil, "which", lambda name: name)
    monkeypatch.setattr(memory.subprocess, "run", lambda *_, **__: answer)
    monkeypatch.setattr(memory, "_given_out_bytes", lambda: in_use)
    assert memory.free_bytes() == pytest.approx(free * 2**20, rel=1e-3)


def test_a_driver_that_answers_nonsense_is_not_asked_twice(monkeypatch):
    monkeypatch.setattr(memory, "on_gpu", lambda: True)
    monkeypatch.setattr(memory.shutil, "which", lambda name: name)
    answer = subprocess.CompletedProcess([], 9, stdout="Failed to initialize NVML\n")
    monkeypatch.setattr(memory.subprocess, "run", lambda *_, **__: answer)
    assert memory.free_bytes() > 1e8


def test_tensorflows_own_error_is_known():
    errors = pytest.importorskip("tensorflow").errors
    assert memory.ran_out(errors.ResourceExhaustedError(None, None, "failed to allocate memory"))
    assert memory.ran_out(errors.InternalError(None, None, "RESOURCE_EXHAUSTED: Out of memory"))
    assert not memory.ran_out(errors.InvalidArgumentError(None, None, "shapes differ"))
    assert memory.ran_out(MemoryError())
    assert not memory.ran_out(KeyboardInterrupt())
