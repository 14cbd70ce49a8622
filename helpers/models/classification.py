"""The convolutional network of the report's Cuadro 2."""

import keras
from keras import layers


def classifier(
    input_shape: tuple[int, int, int] = (512, 512, 3),
    classes: int = 3,
    filters: tuple[int, ...] = (32, 64, 64, 128),
    dropout: float = 0.25,
) -> keras.Model:
    """Build the convolutional network of Cuadro 2: 475,779 parameters.

    The report does not give its dropout rates; 0.25 is our choice.

    Args:
        input_shape: height, width and channels of a slice, values 0..1.
        classes: number of classes.
        filters: output channels of each convolution.
        dropout: fraction of the activations that is dropped during training, 0..1.

    Returns:
        (N, *input_shape) float -> (N, classes) probabilities, float32.
    """
    # Built like the solution of exercise 2.2.3, so that a training with either is the same one.
    network = keras.Sequential([keras.Input(input_shape)], name="classifier")
    for depth, width in enumerate(filters):
        network.add(layers.Conv2D(width, 3, activation="relu"))
        network.add(layers.MaxPooling2D())
        if depth > 0:  # Cuadro 2 has no dropout after the first convolution
            network.add(layers.Dropout(dropout))
    network.add(layers.Flatten())
    network.add(layers.Dropout(dropout))
    network.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    return network
