"""Layers and parameters of a network, counted and as a table."""

from collections import Counter

import keras
import pandas as pd
from keras import layers, ops


def layer_table(model: keras.Model) -> pd.DataFrame:
    """List the layers of a network, as Cuadro 2 does.

    Returns:
        DataFrame with the columns layer, type, output shape (without the batch) and parameters; without
        the input.
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
    """Type name -> number of layers, without the input."""
    return dict(Counter(layer_table(model)["type"]))


def parameter_counts(model: keras.Model) -> dict[str, int]:
    """Number of parameters: "total", "trainable" and "not trainable"."""
    trainable = sum(int(ops.size(weight)) for weight in model.trainable_weights)
    total = model.count_params()
    return {"total": total, "trainable": trainable, "not trainable": total - trainable}
