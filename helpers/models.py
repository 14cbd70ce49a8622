"""The two networks, as block functions, and tables that describe a network.

Written against Keras 3 alone: they also run with `KERAS_BACKEND=torch` or `jax`.
"""

from collections import Counter

import keras
import pandas as pd
from keras import layers, ops

CLASSIFIER_SHAPE = (512, 512, 3)
UNET_SHAPE = (128, 128, 1)


def classifier(
    input_shape: tuple[int, int, int] = CLASSIFIER_SHAPE,
    classes: int = 3,
    filters: tuple[int, ...] = (32, 64, 64, 128),
    dropout: float = 0.25,
) -> keras.Model:
    """Builds the convolutional network of Cuadro 2: 475,779 parameters.

    The report does not give its dropout rates; 0.25 is ours.

    Args:
        input_shape: height, width and channels of a slice, values 0..1.
        classes: how many classes to tell apart.
        filters: of each convolution.
        dropout: part of the activations dropped while training, 0..1.

    Returns:
        keras.Model: (N, *input_shape) float -> (N, classes) probabilities, float32.
    """
    slices = keras.Input(input_shape, name="slice")
    x = slices
    for depth, width in enumerate(filters):
        x = layers.Conv2D(width, 3, activation="relu")(x)
        x = layers.MaxPooling2D()(x)
        if depth > 0:  # Cuadro 2 has no dropout behind the first convolution
            x = layers.Dropout(dropout)(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(dropout)(x)
    x = layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(slices, x, name="classifier")


def unet(
    input_shape: tuple[int, int, int] = UNET_SHAPE,
    classes: int = 2,
    filters: tuple[int, ...] = (32, 64, 128, 256, 512),
    dropout: float = 0.3,
) -> keras.Model:
    """Builds the U-Net that has the report's parameter totals: 8,643,170, 1,984 not trainable.

    Ronneberger, Fischer and Brox, "U-Net", MICCAI 2015, with "same" padding and batch
    normalization.

    Args:
        input_shape: height, width and channels of a slice, values 0..1; height and width
            are multiples of 16.
        classes: output channels, background first.
        filters: of the encoder blocks, from the top, and last of the bottleneck.
        dropout: in the deepest encoder block and the bottleneck, 0..1.

    Returns:
        keras.Model: (N, H, W, C) float -> (N, H, W, classes) probabilities, float32.
    """
    *encoder_filters, bottleneck_filters = filters
    slices = keras.Input(input_shape, name="slice")
    x, skips = slices, []
    for width in encoder_filters:
        deepest = width == encoder_filters[-1]
        skip = encoder_block(x, width, dropout if deepest else 0.0)
        skips.append(skip)
        x = layers.MaxPooling2D()(skip)
    x = encoder_block(x, bottleneck_filters, dropout)
    for width, skip in zip(reversed(encoder_filters), reversed(skips), strict=True):
        x = decoder_block(x, skip, width)
    x = convolution(x, encoder_filters[0])
    x = layers.Conv2D(classes, 1, activation="softmax", dtype="float32", name="probabilities")(x)
    return keras.Model(slices, x, name="unet")


def convolution(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """A 3x3 convolution that keeps height and width, with relu.

    Args:
        x: (N, H, W, C).
        filters: output channels.

    Returns:
        (N, H, W, filters).
    """
    return layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)


def encoder_block(x: keras.KerasTensor, filters: int, dropout: float = 0.0) -> keras.KerasTensor:
    """Two convolutions, batch normalization, and dropout where asked for.

    Args:
        x: (N, H, W, C).
        filters: output channels.
        dropout: part of the activations dropped while training, 0 for no such layer.

    Returns:
        (N, H, W, filters); in the encoder, the skip connection.
    """
    x = convolution(convolution(x, filters), filters)
    # Keras's momentum of 0.99 needs hundreds of updates before validation sees sound
    # statistics; a short run has fewer.
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Dropout(dropout)(x) if dropout else x


def decoder_block(x: keras.KerasTensor, skip: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Doubles height and width, joins the skip connection, and convolves twice.

    Args:
        x: (N, H, W, C), from below.
        skip: (N, 2H, 2W, filters), from the encoder.
        filters: output channels.

    Returns:
        (N, 2H, 2W, filters).
    """
    x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", kernel_initializer="he_normal")(x)
    x = layers.Concatenate()([x, skip])
    return convolution(convolution(x, filters), filters)


def on_bytes(network: keras.Model) -> keras.Model:
    """Puts the step from grey bytes to network input in front of a network.

    Slices stay uint8 until they are on the device: a fourth of the memory and transfer of
    float32, and a twelfth where the network wants three channels.

    Args:
        network: a model with input (N, H, W, C), values 0..1.

    Returns:
        keras.Model that shares the weights: (N, H, W) uint8 -> the network's output.
    """
    height, width, channels = network.input_shape[1:]
    grey = keras.Input((height, width), dtype="uint8", name="grey")
    x = layers.Rescaling(1 / 255)(ops.expand_dims(grey, -1))
    x = ops.repeat(x, channels, axis=-1) if channels > 1 else x
    return keras.Model(grey, network(x), name=f"{network.name}_on_bytes")


def layer_table(model: keras.Model) -> pd.DataFrame:
    """Lists the layers of a network, as Cuadro 2 does.

    Args:
        model: the network.

    Returns:
        DataFrame with the columns layer, type, output shape (without the batch) and
        parameters; the input is left out.
    """
    return pd.DataFrame(
        {
            "layer": layer.name,
            "type": type(layer).__name__,
            "output shape": tuple(layer.output.shape[1:]),
            "parameters": layer.count_params(),
        }
        for layer in model.layers
        if not isinstance(layer, layers.InputLayer)
    )


def layer_counts(model: keras.Model) -> dict[str, int]:
    """Counts the layers of each type.

    Args:
        model: the network.

    Returns:
        Type name -> count, the input left out.
    """
    return dict(Counter(layer_table(model)["type"]))


def parameter_counts(model: keras.Model) -> dict[str, int]:
    """Counts the parameters of a network.

    Args:
        model: the network.

    Returns:
        Counts under "total", "trainable" and "not trainable".
    """
    trainable = sum(int(ops.size(weight)) for weight in model.trainable_weights)
    total = model.count_params()
    return {"total": total, "trainable": trainable, "not trainable": total - trainable}
