"""The convolutional network of the report's Cuadro 2."""

import keras
from keras import layers

CLASSIFIER_SHAPE = (512, 512, 3)


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
