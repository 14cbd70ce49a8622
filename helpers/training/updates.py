"""Weight updates: one effective batch, cut into equal micro-batches, makes one of them."""

from pathlib import Path

import keras

# float16 loses gradients below 6e-8; multiplied by this, those of a mean loss stay in range.
FLOAT16_LOSS_SCALE = 1024.0


def smaller_micro_batch(batch: int, limit: float) -> int | None:
    """Finds the largest equal divisor of a batch that is small enough.

    Args:
        batch: slices per update.
        limit: the most slices that a micro-batch may have.

    Returns:
        A divisor of `batch`; None if `limit` is below 1.
    """
    return max((size for size in range(1, batch + 1) if batch % size == 0 and size <= limit), default=None)


def adam(network: keras.Model, learning_rate: float, steps: int) -> keras.Optimizer:
    """Makes an optimizer that updates the weights after several micro-batches.

    Args:
        network: what it will train.
        learning_rate: at the start.
        steps: micro-batches in an update, whose gradients are averaged.

    Returns:
        Adam. To be compiled with `auto_scale_loss=False`: Keras's own scaling leaves out
        micro-batches whose gradients overflow, and every later update would then be cut
        across two batches.
    """
    float16 = any(layer.compute_dtype == "float16" for layer in network.layers)
    return keras.optimizers.Adam(
        learning_rate,
        gradient_accumulation_steps=steps if steps > 1 else None,
        loss_scale_factor=FLOAT16_LOSS_SCALE if float16 else None,
    )


def load_weights(model: keras.Model, path: Path, steps_saved: int) -> None:
    """Loads weights and optimizer, also when an update was cut otherwise while saving.

    Args:
        model: compiled, its optimizer built.
        path: what `save_weights` wrote between two updates.
        steps_saved: micro-batches in an update, then.
    """
    steps = model.optimizer.gradient_accumulation_steps or 1
    if steps == steps_saved:
        model.load_weights(path)
        return
    twin = keras.Model(model.inputs, model.outputs, name=model.name)  # shares the layers
    config = model.optimizer.get_config()
    config["gradient_accumulation_steps"] = steps_saved if steps_saved > 1 else None
    twin.compile(type(model.optimizer).from_config(config), auto_scale_loss=False)
    twin.optimizer.build(model.trainable_variables)
    twin.load_weights(path)
    saved = {_name(variable): variable for variable in twin.optimizer.variables}
    for variable in model.optimizer.variables:
        if _name(variable) == "iteration":  # counts micro-batches
            variable.assign(saved["iteration"] // steps_saved * steps)
        elif "gradient_accumulator" in _name(variable):  # empty between two updates
            variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
        else:
            variable.assign(saved[_name(variable)])


def _name(variable: keras.Variable) -> str:
    """The path of an optimizer's variable, without the optimizer's own name."""
    return variable.path.split("/", 1)[1]
