import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import models
from helpers.evaluation.prediction import (
    PREDICTIONS,
    PredictionsError,
    Predictor,
    load_predictions,
    network_input,
    predict,
    save_predictions,
    time_prediction,
)


@pytest.fixture(scope="module")
def network():
    return models.unet((32, 32, 1), filters=(2, 2, 4))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(0, 256, (9, 32, 32), dtype=np.uint8)


def test_a_network_with_named_outputs(images):
    network = models.joint_unet((32, 32, 1), filters=(4, 4), blocks=(1,), decoder_filters=(4,))
    rows = np.array([8, 0, 3, 3, 5])
    together = Predictor(network, batch=4).many(images, rows)
    shapes = {name: values.shape for name, values in together.items()}
    assert shapes == {"pixels": (5, 32, 32, 4), "tumour": (5, 3)}
    one = Predictor(network).one(images[8])
    for name, values in one.items():
        np.testing.assert_allclose(together[name][0], values, rtol=1e-4, atol=1e-6)
    assert time_prediction(network, images, rows).slices == 5


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


@pytest.fixture
def saved(tmp_path):
    """A folder with predictions of the slices 4, 1 and 7, and the predictions."""
    folder, probabilities = tmp_path / "home" / "classifier", np.eye(3, dtype=np.float32)
    save_predictions(folder, np.array([4, 1, 7]), probabilities, folder / "0123abcd")
    return folder, probabilities


def test_predictions_are_loaded_as_they_were_saved(saved, tmp_path):
    folder, probabilities = saved
    loaded, run = load_predictions(folder, np.array([4, 1, 7]))
    np.testing.assert_array_equal(loaded, probabilities)
    assert loaded.dtype == np.float32 and run == folder / "0123abcd"
    assert [path.name for path in folder.iterdir()] == [PREDICTIONS]
    shutil.move(tmp_path / "home", tmp_path / "moved")
    assert load_predictions(tmp_path / "moved" / "classifier", [4, 1, 7])[1].parent.parent.name == "moved"


def test_predictions_of_a_later_training_replace_those_of_an_earlier_one(saved):
    folder, probabilities = saved
    save_predictions(folder, np.array([2]), probabilities[:1], folder / "later")
    assert load_predictions(folder, np.array([2]))[1].name == "later"


@pytest.mark.parametrize("rows", [[4, 1], [1, 4, 7], []])
def test_predictions_of_other_slices_are_refused(saved, rows):
    with pytest.raises(PredictionsError, match=r"other slices.*Run Part A, up to 2\.4, first"):
        load_predictions(saved[0], np.array(rows))


def test_missing_predictions_are_reported(tmp_path):
    with pytest.raises(PredictionsError, match=r"no saved predictions.*Run Part B, up to 2\.9, first"):
        load_predictions(tmp_path / "unet", np.arange(3))


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive", None])
def test_damaged_predictions_are_reported(saved, content):
    path = saved[0] / PREDICTIONS
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(PredictionsError, match="damaged"):
        load_predictions(saved[0], np.array([4, 1, 7]))


def test_predictions_with_a_changed_byte_are_reported(saved):
    path = saved[0] / PREDICTIONS
    content = bytearray(path.read_bytes())
    content[content.index(b"NUMPY") + 130] ^= 255
    path.write_bytes(content)
    with pytest.raises(PredictionsError, match="damaged"):
        load_predictions(saved[0], np.array([4, 1, 7]))
