"""One U-Net for both tasks: the outline of the tumour, and its class."""

import keras
from keras import layers

FILTERS = (16, 32, 64, 128, 192, 256)
BLOCKS = (1, 1, 2, 2, 1)  # residual blocks per stage of the encoder, below full resolution
DECODER_FILTERS = (128, 96, 64, 32, 16)
TWO_CONVOLUTIONS = 3  # at the higher resolutions, a second convolution costs most and helps least


def joint_unet(
    input_shape: tuple[int, int, int] = (128, 128, 1),
    classes: int = 3,
    filters: tuple[int, ...] = FILTERS,
    blocks: tuple[int, ...] = BLOCKS,
    decoder_filters: tuple[int, ...] = DECODER_FILTERS,
    dropout: tuple[float, float] = (0.3, 0.4),
) -> keras.Model:
    """Build a U-Net whose bottleneck also classifies the slice.

    The encoder has residual blocks (He et al. 2016, doi:10.1109/CVPR.2016.90) with squeeze and
    excitation (Hu et al. 2018, doi:10.1109/CVPR.2018.00745), which a network from scratch needs
    to learn from a few hundred patients. Its pixels have `classes` + 1 classes: background, and
    the tumours. In the default form it has 4.02 million parameters.

    Args:
        input_shape: height, width and channels of a slice, values 0..1; height and width are
            multiples of 2 to the power of the number of stages.
        classes: number of tumours.
        filters: output channels at full resolution, and of each stage below, which halves it.
        blocks: residual blocks of each of these stages.
        decoder_filters: output channels of the decoder, from below.
        dropout: before and after the hidden layer of the classifier, 0..1.

    Returns:
        (N, H, W, C) float -> dict of float32 probabilities: "pixels" (N, H, W, classes + 1),
        background first; "tumour" (N, classes).
    """
    slices = keras.Input(input_shape, name="slice")
    x = _normalized(layers.Conv2D(filters[0], 3, padding="same", use_bias=False)(slices))
    skips = [x]
    for width, count in zip(filters[1:], blocks, strict=True):
        x = residual_block(x, width, strides=2)
        for _ in range(count - 1):
            x = residual_block(x, width)
        skips.append(x)
    bottleneck = skips.pop()
    for stage, (width, skip) in enumerate(zip(decoder_filters, reversed(skips), strict=True)):
        x = _normalized(layers.Conv2D(width, 1, use_bias=False)(x))
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = layers.Concatenate()([x, skip])
        for _ in range(2 if stage < TWO_CONVOLUTIONS else 1):
            x = _normalized(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
    pixels = layers.Conv2D(classes + 1, 1, activation="softmax", dtype="float32", name="pixels")(x)
    pooled = [layers.GlobalAveragePooling2D()(bottleneck), layers.GlobalMaxPooling2D()(bottleneck)]
    x = layers.Dropout(dropout[0])(layers.Concatenate()(pooled))
    x = layers.Dropout(dropout[1])(layers.Dense(decoder_filters[0], activation="swish")(x))
    tumour = layers.Dense(classes, activation="softmax", dtype="float32", name="tumour")(x)
    return keras.Model(slices, {"pixels": pixels, "tumour": tumour}, name="joint_unet")


def residual_block(x: keras.KerasTensor, filters: int, strides: int = 1) -> keras.KerasTensor:
    """Two convolutions whose result is reweighted by channel and added to the input.

    Args:
        x: (N, H, W, C).
        filters: output channels.
        strides: 2 halves height and width.

    Returns:
        (N, H / strides, W / strides, filters).
    """
    shortcut = x
    if strides > 1:
        shortcut = layers.AveragePooling2D(strides)(shortcut)
    if x.shape[-1] != filters:
        shortcut = layers.BatchNormalization(momentum=0.9)(
            layers.Conv2D(filters, 1, use_bias=False)(shortcut)
        )
    x = _normalized(layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x))
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    weights = layers.GlobalAveragePooling2D(keepdims=True)(x)
    weights = layers.Dense(max(filters // 8, 8), activation="swish")(weights)
    weights = layers.Dense(filters, activation="sigmoid")(weights)
    x = layers.Add()([layers.Multiply()([x, weights]), shortcut])
    return layers.Activation("swish")(x)


def _normalized(x: keras.KerasTensor) -> keras.KerasTensor:
    """Batch normalization and swish (Ramachandran et al. 2017, arXiv:1710.05941)."""
    # With Keras's momentum of 0.99, the statistics lag behind the weights in a short training.
    return layers.Activation("swish")(layers.BatchNormalization(momentum=0.9)(x))
