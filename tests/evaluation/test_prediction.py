from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import models
from helpers.evaluation.prediction import Predictor, network_input, predict, time_prediction


@pytest.fixture(scope="module")
def network():
    return models.unet((32, 32, 1), filters=(2, 2, 4))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (9, 32, 32), dtype=np.uint8)


def test_batches_and_single_slices_agree(network, images):
    rows = np.array([8, 0, 3, 3, 5])
    together = Predictor(network, batch=4).many(images, rows)
    assert together.shape == (5, 32, 32, 2)
    assert together.dtype == np.float32
    one = Predictor(network)
    np.testing.assert_allclose(together, [one.one(images[row]) for row in rows], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(together, predict(network, images, rows), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grey_slice_becomes_floats_of_as_many_channels_as_the_network_has(images, channels):
    floats = network_input(images, channels)
    assert floats.shape == (9, 32, 32, channels) and floats.dtype == np.float32
    np.testing.assert_allclose(floats[..., -1], images / 255, rtol=1e-6)
    np.testing.assert_array_equal(network_input(np.repeat(images[..., None], channels, -1)), floats)


def test_timings_are_consistent(network, images):
    timing = time_prediction(network, images, np.arange(9))
    assert timing.slices == 9
    assert timing.cold_seconds > timing.warm_seconds > 0
    assert timing.batched_seconds == pytest.approx(timing.total_seconds / 9)


@given(st.integers(1, 2000), st.integers(1, 40))
def test_the_last_batch_is_nearly_full(count, batch):
    portion = Predictor.portion(SimpleNamespace(batch=batch), count)
    batches = -(-count // portion)
    assert 1 <= portion <= batch
    assert batches == -(-count // batch)
    assert batches * portion - count < batches
