"""From the bytes of a data set to the input of a network."""

import keras
from keras import layers, ops


def on_bytes(network: keras.Model) -> keras.Model:
    """Put the scaling of grey bytes to 0..1, and the channels, in front of a network.

    Slices stay uint8 until they are on the device: a quarter of the memory and transfer of float32,
    and a twelfth if the network takes three channels.

    Args:
        network: a model with input (N, H, W, C), values 0..1.

    Returns:
        A model that shares the weights: (N, H, W) uint8 -> the network's output.
    """
    height, width, channels = network.input_shape[1:]
    grey = keras.Input((height, width), dtype="uint8", name="grey")
    x = layers.Rescaling(1 / 255)(ops.expand_dims(grey, -1))
    x = ops.repeat(x, channels, axis=-1) if channels > 1 else x
    return keras.Model(grey, network(x), name=f"{network.name}_on_bytes")
