import keras
import numpy as np
import pytest
from keras import layers

from helpers import models, reference


@pytest.fixture(scope="module")
def unet():
    return models.unet()


def test_cuadro_2_layer_by_layer():
    network = models.classifier()
    table = models.layer_table(network)
    rows = zip(table["type"], table["output shape"], table["parameters"], strict=True)
    assert tuple(rows) == reference.CLASSIFIER_LAYERS
    assert network.input_shape == (None, 512, 512, 3)
    counts = models.parameter_counts(network)
    assert counts == {"total": 475_779, "trainable": 475_779, "not trainable": 0}


def test_the_unet_has_the_reports_parameters(unet):
    assert models.parameter_counts(unet) == reference.UNET_PARAMETERS
    assert unet.output_shape == (None, 128, 128, 2)
    assert models.layer_counts(unet) == {
        "Conv2D": 20,
        "MaxPooling2D": 4,
        "Conv2DTranspose": 4,
        "Concatenate": 4,
        "BatchNormalization": 5,
        "Dropout": 2,
    }


def test_the_unets_head_and_kernels(unet):
    *_, before, last = unet.layers
    assert (before.count_params(), last.count_params()) == (9_248, 66)
    kernels = [
        x.kernel_initializer for x in unet.layers if isinstance(x, layers.Conv2D | layers.Conv2DTranspose)
    ]
    assert all(isinstance(kernel, keras.initializers.HeNormal) for kernel in kernels[:-1])


def test_skip_connections_keep_their_resolution(unet):
    joins = [layer for layer in unet.layers if isinstance(layer, layers.Concatenate)]
    assert [tuple(join.output.shape[1:]) for join in joins] == [
        (16, 16, 512), (32, 32, 256), (64, 64, 128), (128, 128, 64),
    ]  # fmt: skip


@pytest.mark.parametrize("build", [lambda: models.classifier((64, 64, 3)), lambda: models.unet((32, 32, 1))])
def test_outputs_are_probabilities(build, rng):
    network = build()
    output = network.predict_on_batch(rng.random((2, *network.input_shape[1:]), dtype=np.float32))
    np.testing.assert_allclose(output.sum(axis=-1), 1, rtol=1e-5)


def test_outputs_stay_float32_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        assert models.unet((32, 32, 1)).outputs[0].dtype == "float32"
        assert models.classifier((64, 64, 3)).outputs[0].dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


def test_the_joint_network_outlines_and_classifies(rng):
    network = models.joint_unet((64, 64, 1))
    output = network.predict_on_batch(rng.random((2, 64, 64, 1), dtype=np.float32))
    assert (output["pixels"].shape, output["tumour"].shape) == ((2, 64, 64, 4), (2, 3))
    for probabilities in output.values():
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)
    assert network.count_params() == 4_024_823
    reached = _reached(network, rng)
    assert all(reached.values()), reached


def _reached(network, rng):
    """Whether each output depends on the input."""
    first = rng.random((1, 64, 64, 1), dtype=np.float32)
    one, other = (network.predict_on_batch(x) for x in (first, np.sqrt(first)))
    return {name: np.abs(one[name] - other[name]).max() > 0 for name in one}
