import keras
import numpy as np
import pytest

from helpers import models
from helpers.training import updates


def compiled(steps, seed=0, rate=1e-2):
    keras.utils.set_random_seed(seed)
    network = models.classifier((16, 16, 1), filters=(2,), dropout=0.0)
    model = models.on_bytes(network)
    model.compile(
        updates.adam(network, rate, steps), "sparse_categorical_crossentropy", auto_scale_loss=False
    )
    model.optimizer.build(model.trainable_variables)
    return model


def step(model, images, labels, size):
    for start in range(0, len(images), size):
        model.train_on_batch(images[start : start + size], labels[start : start + size])


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (2, 4), (4, 4)])
def test_a_training_goes_on_with_other_micro_batches(tmp_path, rng, before, after):
    images = rng.integers(0, 256, (8, 16, 16), dtype=np.uint8)
    labels = rng.integers(0, 3, 8)
    first, whole = compiled(before), compiled(1)
    second = compiled(after, seed=1, rate=0.5)
    for _ in range(3):
        step(first, images, labels, 8 // before)
        step(whole, images, labels, 8)
    first.save_weights(tmp_path / "a.weights.h5")
    updates.load_weights(second, tmp_path / "a.weights.h5", before)
    assert float(second.optimizer.learning_rate) == pytest.approx(1e-2)
    for _ in range(3):
        step(second, images, labels, 8 // after)
        step(whole, images, labels, 8)
    for ours, theirs in zip(second.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("batch", "limit", "size"), [(300, 29, 25), (300, 1e9, 300), (7, 6, 1), (8, 0.5, None)]
)
def test_micro_batches_are_equal_divisors(batch, limit, size):
    assert updates.smaller_micro_batch(batch, limit) == size


def test_float16_gets_a_fixed_loss_scale():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = compiled(2)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.optimizer.loss_scale_factor == updates.FLOAT16_LOSS_SCALE
    images, labels = np.full((8, 16, 16), 99, np.uint8), np.zeros(8, int)
    before = model.evaluate(images, labels, verbose=0)
    for _ in range(5):
        step(model, images, labels, 4)
    assert int(model.optimizer.iterations) == 5
    assert model.evaluate(images, labels, verbose=0) < before
