"""The U-Net of the report's Figura 6, and the blocks that it is built from."""

import keras
from keras import layers


def unet(
    input_shape: tuple[int, int, int] = (128, 128, 1),
    classes: int = 2,
    filters: tuple[int, ...] = (32, 64, 128, 256, 512),
    dropout: float = 0.3,
) -> keras.Model:
    """Build the U-Net with the report's parameter totals: 8,643,170, of which 1,984 are not trainable.

    Source: Ronneberger, Fischer and Brox 2015, doi:10.1007/978-3-319-24574-4_28; here with "same"
    padding and batch normalization (Ioffe and Szegedy 2015, arXiv:1502.03167).

    Args:
        input_shape: height, width and channels of a slice, values 0..1; height and width
            are multiples of 16.
        classes: output channels, background first.
        filters: output channels of the encoder blocks, from the top, and of the bottleneck.
        dropout: in the deepest encoder block and the bottleneck, 0..1.

    Returns:
        (N, H, W, C) float -> (N, H, W, classes) probabilities, float32.
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
    """A 3x3 convolution that keeps height and width, with ReLU.

    Args:
        x: (N, H, W, C).
        filters: output channels.

    Returns:
        (N, H, W, filters).
    """
    return layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)


def encoder_block(x: keras.KerasTensor, filters: int, dropout: float = 0.0) -> keras.KerasTensor:
    """Two convolutions, batch normalization, and dropout.

    Args:
        x: (N, H, W, C).
        filters: output channels.
        dropout: fraction of the activations that is dropped during training; 0 adds no such layer.

    Returns:
        (N, H, W, filters); in the encoder, the skip connection.
    """
    x = convolution(convolution(x, filters), filters)
    # With Keras's momentum of 0.99, the statistics used in validation are good only after hundreds of
    # updates; a short run has fewer.
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.Dropout(dropout)(x) if dropout else x


def decoder_block(x: keras.KerasTensor, skip: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    """Double height and width, concatenate the skip connection, and convolve twice.

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
