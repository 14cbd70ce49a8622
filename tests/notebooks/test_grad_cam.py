"""The cells of the optional notebook on Grad-CAM, with a small untrained network."""

import nbformat
import numpy as np
import pytest

from helpers.config.settings import COURSE_FOLDER

PATH = COURSE_FOLDER / "notebooks" / "beyond" / "grad_cam.ipynb"
SOURCES = {cell.id: cell.source for cell in nbformat.read(PATH, as_version=4).cells}


def run(names: dict, *cells: str) -> dict:
    for cell in cells:
        exec(SOURCES[cell], names)
    return names


@pytest.fixture(scope="module")
def names():
    import keras
    import tensorflow as tf

    from helpers import models

    keras.utils.set_random_seed(0)
    networks = [models.classifier((128, 128, 3), filters=(4, 4, 4, 6))]
    return run(
        {"keras": keras, "np": np, "tf": tf, "networks": networks}, "gradients-parts", "gradients-tape"
    )


@pytest.fixture(scope="module")
def slices():
    return np.random.default_rng(0).integers(0, 256, (2, 128, 128), np.uint8)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (3, 7), (11, 11)])
def test_a_value_of_the_map_sees_the_pixels_around_its_centre(names, row, column):
    """The gradient of one value of the map is 0 outside its receptive field, and not at the field's edges."""
    tf, place = names["tf"], run(dict(names), "place")
    lower = names["lower_and_upper"](names["networks"][0])[0]
    seen = np.zeros((128, 128), bool)
    for seed in range(40):  # of each pool, only the largest value counts
        image = tf.constant(np.random.default_rng(seed).uniform(size=(1, 128, 128, 3)), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(image)
            value = tf.reduce_sum(lower(image)[0, row, column])
        seen |= np.abs(tape.gradient(value, image)[0].numpy()).sum(axis=-1) > 0
    for axis, position in ((1, row), (0, column)):
        (pixels,) = np.nonzero(seen.any(axis=axis))
        middle = place["centre"] + place["step"] * position
        assert (pixels[0], pixels[-1]) == (
            middle - place["field"] / 2 + 0.5,
            middle + place["field"] / 2 - 0.5,
        )


def test_the_gradients_say_how_the_score_changes(names, slices):
    parts, classes = names["lower_and_upper"](names["networks"][0]), np.array([2, 0])
    activations, gradients, score = names["maps_and_gradients"](parts, slices, classes)
    assert activations.shape == gradients.shape == (2, 12, 12, 6)
    probabilities = np.asarray(
        names["networks"][0](np.repeat(slices[..., None] / np.float32(255), 3, axis=-1))
    )
    others = [names["maps_and_gradients"](parts, slices, np.full(2, one))[2] for one in range(3)]
    logits = np.transpose(others)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(softmax, probabilities, atol=1e-5)
    np.testing.assert_allclose(score, logits[[0, 1], classes])
    bias = names["networks"][0].layers[-1].bias.numpy()[classes]
    np.testing.assert_allclose((activations * gradients).sum(axis=(1, 2, 3)) + bias, score, atol=1e-4)


def test_no_heat_is_lost_between_map_and_pixels(names):
    placed = run(dict(names) | {"coarse": np.zeros((2, 1, 12, 12))}, "place", "place-spread")
    maps = np.zeros((1, 12, 12))
    maps[0, 0, 11] = 1
    (pixels,) = placed["in_pixels"](maps)
    assert pixels.sum() == pytest.approx(placed["step"] ** 2)
    rows, columns = (np.average(np.arange(128), weights=pixels.sum(axis=axis)) for axis in (1, 0))
    assert (rows, columns) == (pytest.approx(18.5), pytest.approx(106.5))


@pytest.mark.parametrize("count", [0, 1, 3, 5])
def test_random_weights_replace_the_last_layers_only(names, count):
    from types import SimpleNamespace

    made = run(dict(names) | {"course": SimpleNamespace(seed=1)}, "sanity-network")
    network = names["networks"][0]
    pairs = zip(network.layers, made["randomized"](network, count).layers, strict=True)
    same = [np.array_equal(one.kernel, other.kernel) for one, other in pairs if one.weights]
    assert same == [True] * (5 - count) + [False] * count
