import keras
import numpy as np
import pytest

from helpers.training import losses


def test_losses_are_one_number_a_slice(rng):
    truth = rng.integers(0, 2, (3, 8, 8))
    probabilities = rng.dirichlet([1, 1], (3, 8, 8)).astype(np.float32)
    loss = keras.ops.convert_to_numpy(losses.crossentropy_per_slice(truth, probabilities))
    expected = -np.log(np.take_along_axis(probabilities, truth[..., None], -1)[..., 0]).mean(axis=(1, 2))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    right = keras.ops.convert_to_numpy(losses.accuracy_per_slice(truth, probabilities))
    np.testing.assert_allclose(right, (probabilities.argmax(-1) == truth).mean(axis=(1, 2)), rtol=1e-6)


def test_both_ious_on_a_nearly_perfect_mask():
    truth = np.zeros((2, 10, 10), int)
    truth[:, 2:4, 2:5] = 1
    tumour = np.where(truth, 0.99, 0.01).astype(np.float32)
    probabilities = np.stack([1 - tumour, tumour], axis=-1)
    ours, theirs = losses.TumourIoU(), losses.RawMeanIoU()
    for metric in (ours, theirs):
        metric.update_state(truth, probabilities)
    assert float(ours.result()) == pytest.approx(1)
    assert float(theirs.result()) == pytest.approx((1 - 0.06) / 2, abs=1e-6)
