"""Exercises about the layers of networks: an answer is described as plain data, then compared."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import models
from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, described
from helpers.checks.exercise import Exercise

ATTRIBUTES = ("filters", "units", "kernel_size", "strides", "padding", "pool_size", "rate", "use_bias",
              "dilation_rate")  # fmt: skip
ACTIVATIONS = {"Activation", "ReLU", "Relu", "Softmax", "Sigmoid"}
SAME_NUMBERS = 1e-5  # largest difference of two outputs with the same weights
CUADRO_2 = (512, 512, 3), 3, (32, 64, 64, 128), 0.25

# ---- 2.2.1: the size of an output ----


def _size_cases(rng: np.random.Generator) -> list[tuple]:
    """Size, kernel, padding and stride: on the first two, every wrong formula gives another number."""

    def telling(left: int) -> tuple[int, ...]:
        """Arguments with `left` pixels left over, which neither rounding up nor rounding makes right."""
        while True:
            stride, padding, kernel = (
                int(rng.integers(3, 6)),
                int(rng.integers(2, 7)),
                int(rng.choice([3, 5])),
            )
            size = stride * int(rng.integers(9, 30)) + left % stride + kernel - 2 * padding
            arguments = size, kernel, padding, stride
            if len({_output_size(*arguments), *_wrong_sizes(*arguments)}) == 8:
                return arguments

    side = int(rng.integers(20, 60))
    return [telling(1), telling(-1), (2 * side + 1, 2, 0, 2), (2 * side, 3, 1, 2), (side, 5), (side, 3, 2)]


def _output_size(size: int, kernel: int, padding: int = 0, stride: int = 1) -> int:
    return (size + 2 * padding - kernel) // stride + 1


def _wrong_sizes(size: int, kernel: int, padding: int = 0, stride: int = 1) -> dict[int, str]:
    """Return the results of wrong formulas, and what is wrong with them."""
    free = size + 2 * padding - kernel
    return {
        free // stride: "One position is missing: the kernel where it starts counts too. Add 1 after "
        "rounding down.",
        -(-free // stride) + 1: "That is rounded up: a kernel that would stick out over the edge is not "
        "computed.",
        (size + padding - kernel) // stride + 1: "The padding is added on *each* side: twice.",
        (size - kernel) // stride + 1: "The padding is missing: it makes the input larger on each side.",
        free + 1: "That is right for a stride of 1; with a larger one, the kernel skips positions.",
        (size + 2 * padding + kernel) // stride + 1: "A larger kernel has fewer positions, not more.",
        (size + 2 * padding) // stride + 1: "The kernel's size is missing: a larger one has fewer positions.",
    }


def _called_by_name(answer: Callable, inputs: tuple) -> Any:
    size, *others = inputs
    return answer(size, **dict(zip(("kernel", "padding", "stride"), others, strict=False)))


def _compare_size(inputs: tuple, output: Any) -> None:
    expected = _output_size(*inputs)
    if type(output) is float or isinstance(output, np.floating):
        if output == expected:
            raise Incorrect(
                f"Right, but {described(output)} is a float, and a number of pixels is an int: // divides "
                "and rounds down in one step.",
                credit=EDGE_CREDIT,
            )
        if abs(float(output) - expected) < 1:
            raise Incorrect("There is no part of a pixel: round the quotient down, with //.")
    got = answer_types.whole(output)
    if got == expected:
        return
    labelled = zip(("size", "kernel", "padding", "stride"), inputs, strict=False)
    said = ", ".join(f"{name} {value}" for name, value in labelled)
    reason = _wrong_sizes(*inputs).get(int(got), "Compare your line with the formula, part by part.")
    raise Incorrect(f"{said}: {got} is not right. {reason}")


# ---- 2.2.3: build Cuadro 2 ----


def _classifier_cases(rng: np.random.Generator) -> list[tuple]:
    """Cuadro 2 itself; then other arguments, of which none is equal to Cuadro 2's."""

    def small(filters: int, classes: int, channels: int) -> tuple:
        sides = rng.choice(np.arange(62, 76), 2, replace=False)
        dropout = float(rng.choice([0.1, 0.35, 0.4, 0.6]))
        widths = rng.choice(np.arange(3, 9), filters, replace=False)
        return (*sides.tolist(), channels), classes, tuple(widths.tolist()), dropout

    return [CUADRO_2, small(4, int(rng.choice([2, 4])), 1), small(2, 5, 2), small(3, 6, 4)]


def _describe_classifier(answer: Callable, inputs: tuple) -> dict | None:
    import keras

    before = keras.backend.get_uid("conv2d")
    model = answer(*inputs)
    if model is None:
        return _forgotten_return(before, "return network")
    problem = _no_model(model) or _reused(model)
    if problem:
        return {"problem": problem}
    built = bool(model.built)
    if not built:
        model.build((None, *inputs[0]))
    layers = _described_layers(model)
    if any(len(tensors) != 1 for tensors in (model.inputs, model.outputs)):
        return {"problem": "The network should have one input and one output."}
    compared = inputs != CUADRO_2 and len(inputs[2]) == len(CUADRO_2[2])
    return {
        "built": built,
        "input": tuple(model.input_shape[1:]),
        "layers": layers,
        "obstacle": _obstacle(model),
        "difference": _difference(model, models.classifier(*inputs)) if compared else None,
    }


OBSTACLES = {
    "frozen": "its layers cannot learn: leave trainable as it is, True.",
    "regularizer": "it has regularizers, which change the loss. Cuadro 2 has none.",
    "batch": "its batch size is fixed: leave batch_size out of keras.Input.",
    "constant": "its initial weights are all alike, so all filters would learn the same: leave the "
    "initializer out.",
}


def _obstacle(model: Any) -> str:
    """Return a key of OBSTACLES if the network could not be trained as later cells do; otherwise ""."""
    if model.input_shape[0] is not None:
        return "batch"
    if not all(layer.trainable for layer in model.layers):
        return "frozen"
    if any(getattr(layer, "kernel_regularizer", None) for layer in model.layers):
        return "regularizer"
    kernels = [np.asarray(weight) for weight in model.trainable_weights if len(weight.shape) > 1]
    return "constant" if any(np.ptp(kernel) == 0 for kernel in kernels) else ""


def _no_model(answer: Any) -> str:
    """Return what is wrong with an answer that is not a network; an empty text if it is one."""
    import keras

    if _has_readable_layers(answer) and not any(isinstance(one, keras.Model) for one in _operations(answer)):
        return ""
    if isinstance(answer, type):
        return f"It returned the class {answer.__name__}, not a network: call it, with parentheses."
    if isinstance(answer, keras.Model):
        return "Its layers cannot be read: use keras.Sequential or keras.Model(inputs, outputs)."
    if isinstance(answer, keras.KerasTensor):
        return "It returned the output of the last layer. keras.Model(inputs, outputs) makes a network of it."
    if isinstance(answer, list | tuple) and any(isinstance(one, keras.layers.Layer) for one in answer):
        return "It returned a list of layers. keras.Sequential(...) makes a network of them."
    if isinstance(answer, keras.layers.Layer):
        return f"It returned a layer ({type(answer).__name__}), not the network."
    return f"It returned {described(answer)}; it should be a network, such as a keras.Sequential."


def _has_readable_layers(model: Any) -> bool:
    """Whether a model was put together of layers, not written as a class with a method `call`."""
    import keras

    return isinstance(model, keras.Sequential) or bool(
        isinstance(model, keras.Model) and getattr(model, "operations", None)
    )


def _reused(model: Any) -> str:
    """Return a message if a layer is used more than once, otherwise an empty text."""
    depths = getattr(model, "_nodes_by_depth", {}).values()  # a node for each use
    for uses in ([node.operation for nodes in depths for node in nodes], _operations(model)):
        twice = next((one for one in uses if sum(one is other for other in uses) > 1), None)
        if twice is not None:
            name = type(twice).__name__
            return (
                f"One {name} object is used several times, which makes it a single layer: write "
                f"layers.{name}(...) again for each."
            )
    return ""


def _expected_classifier(inputs: tuple) -> list[dict]:
    """The layers of Cuadro 2: their type, output shape, number of parameters, and other attributes."""
    (height, width, channels), classes, filters, dropout = inputs
    layers = []
    drop = {"type": "Dropout", "parameters": 0, "rate": dropout}
    for block, count in enumerate(filters):
        height, width = height - 2, width - 2
        layers.append({"type": "Conv2D", "shape": (height, width, count), "activation": "relu",
                       "parameters": (9 * channels + 1) * count, "kernel_size": (3, 3), "strides": (1, 1),
                       "padding": "valid", "use_bias": True, "dilation_rate": (1, 1)})  # fmt: skip
        height, width, channels = height // 2, width // 2, count
        pooled = (height, width, count)
        layers.append({"type": "MaxPooling2D", "shape": pooled, "parameters": 0, "pool_size": (2, 2)})
        layers += [drop | {"shape": pooled}] if block else []
    numbers = height * width * channels
    return [
        *layers,
        {"type": "Flatten", "shape": (numbers,), "parameters": 0},
        drop | {"shape": (numbers,)},
        {
            "type": "Dense",
            "shape": (classes,),
            "parameters": (numbers + 1) * classes,
            "activation": "softmax",
        },
    ]


def _compare_classifier(inputs: tuple, output: Any) -> None:
    if "problem" in output:
        raise Incorrect(answer_types.text(output["problem"]))
    expected, layers = _expected_classifier(inputs), output["layers"]
    _compare_input(inputs[0], output["input"])
    types = [_flatten_if_alike(layer) for layer in layers]
    _compare_types(inputs, types, [layer["type"] for layer in expected])
    details = []
    if types != [layer["type"] for layer in layers]:
        details.append(
            "Right, except that a Reshape makes one row of all numbers; Cuadro 2 has the layer that is made "
            "for it: layers.Flatten()."
        )
    for place, (layer, right) in enumerate(zip(layers, expected, strict=True), start=1):
        details += _compare_layer(f"Layer {place} ({layer['type']})", layer, right, inputs)
    if details:
        raise Incorrect(details[0], credit=EDGE_CREDIT)
    if output["difference"] is not None and not output["difference"] < SAME_NUMBERS:
        raise Incorrect(
            "The layers are the right ones, but not each of them gets the output of the one before."
        )
    if output["obstacle"] in OBSTACLES:
        raise Incorrect(f"Right, except that {OBSTACLES[output['obstacle']]}", credit=EDGE_CREDIT)
    if not output["built"]:
        raise Incorrect(
            "Right, except that the network doesn't know its input yet, so it has no weights: begin with "
            "keras.Input(input_shape).",
            credit=EDGE_CREDIT,
        )


def _flatten_if_alike(layer: dict) -> str:
    """Return the type of a layer: Flatten, too, for a Reshape that does the same."""
    same = layer["type"] == "Reshape" and len(layer["shape"]) == 1
    return "Flatten" if same else layer["type"]


def _compare_input(expected: tuple, got: tuple) -> None:
    if tuple(got) == expected:
        return
    if tuple(got) == CUADRO_2[0]:
        raise Incorrect(
            "The input is always 512 x 512 x 3: use the argument input_shape.", credit=EDGE_CREDIT
        )
    raise Incorrect(f"The input has the shape {_sides(got)}; input_shape is {_sides(expected)}.")


def _compare_types(inputs: tuple, got: list[str], expected: list[str]) -> None:
    if got == expected:
        return
    if any(name.startswith("Global") for name in got):
        raise Incorrect(
            "Global pooling keeps one number of each filter. Cuadro 2 keeps all numbers of the last pooling "
            "layer: layers.Flatten()."
        )
    if any(name.startswith("AveragePooling") for name in got):
        raise Incorrect("The pooling takes the mean of every 2 x 2 values; Cuadro 2 keeps the largest.")
    if "Flatten" not in got:
        raise Incorrect(
            "There is no Flatten: the dense layer would be applied at each pixel, not to all of them."
        )
    without = [[name for name in names if name != "Dropout"] for names in (got, expected)]
    if without[0] == without[1]:
        raise Incorrect(_about_dropout(got, expected), credit=EDGE_CREDIT)
    blocks = got.count("Conv2D")
    if blocks != len(inputs[2]):
        hint = "a loop over filters makes one block for each." if blocks == 4 else "add what is missing."
        raise Incorrect(f"{blocks} convolutions for {len(inputs[2])} filters: {hint}",
                        credit=EDGE_CREDIT if blocks == 4 else 0.0)  # fmt: skip
    place = next(at for at, name in enumerate([*got, ""]) if [*expected, "", ""][at] != name)
    given = f"is {got[place]}" if place < len(got) else "is missing"
    right = _expected_classifier(inputs)[place] if place < len(expected) else None
    wanted = f"{right['type']} with the output {_sides(right['shape'])}" if right else "nothing more"
    raise Incorrect(f"Layer {place + 1} {given}; expected there: {wanted}.")


def _about_dropout(got: list[str], expected: list[str]) -> str:
    more = got.count("Dropout") - expected.count("Dropout")
    if got[2] == "Dropout":
        return "Right, except for dropout after block 1: in Cuadro 2 it begins with block 2."
    if "Dropout" not in got[got.index("Flatten") :]:
        return "Right, except that there is no dropout between Flatten and the dense layer."
    if more < 0:
        return (
            f"Right, except that {-more} of {expected.count('Dropout')} dropout layers are missing. Blocks 2 "
            "and higher have one each, and so has the end."
        )
    if more > 0:
        return "Right, except that there is more dropout than in Cuadro 2."
    return "Right, except that a dropout layer is in the wrong place: it follows the pooling."


def _compare_layer(name: str, layer: dict, right: dict, inputs: tuple) -> list[str]:
    """Return details that are wrong in a layer.

    Raises:
        Incorrect: its output or its number of parameters is wrong.
    """
    for key, message in (
        ("kernel_size", "its kernel should have 3 x 3 pixels"),
        ("padding", 'it should have no padding, which is "valid" in Keras'),
        ("strides", "its stride should be 1"),
        ("dilation_rate", "its kernel should have no gaps: dilation_rate 1"),
        ("pool_size", "it should take the largest of 2 x 2 values"),
        ("use_bias", "each filter should have a bias"),
    ):
        if key in right and layer.get(key) != right[key]:
            raise Incorrect(f"{name} has {key} {layer.get(key)}; {message}.")
    if tuple(layer["shape"]) != right["shape"]:
        _compare_width(name, layer, right, inputs)
    elif layer["parameters"] != right["parameters"]:
        raise Incorrect(f"{name} has {layer['parameters']:,} parameters, not {right['parameters']:,}.")
    details = []
    if "activation" in right and layer.get("activation") != right["activation"]:
        details.append(_about_activation(name, layer.get("activation"), right))
    if "rate" in right and layer.get("rate") != right["rate"]:
        details.append(
            f"Right, except for the rate of {name}: {layer.get('rate')}, though the argument dropout is "
            f"{right['rate']}."
        )
    return details


def _compare_width(name: str, layer: dict, right: dict, inputs: tuple) -> None:
    """Say why the output of a layer is wrong."""
    count = layer["shape"][-1]
    if right["type"] == "Conv2D" and inputs != CUADRO_2 and count in CUADRO_2[2]:
        raise Incorrect(f"{name} always has {count} filters: use the argument filters.", credit=EDGE_CREDIT)
    if right["type"] == "Dense" and inputs != CUADRO_2 and count == CUADRO_2[1]:
        raise Incorrect(f"{name} always has 3 outputs: use the argument classes.", credit=EDGE_CREDIT)
    shapes = f"the output {_sides(layer['shape'])}, not {_sides(right['shape'])}"
    if right["type"] == "Dense":
        raise Incorrect(f"{name} has {shapes}: one output for each class.")
    count = f" and {right['parameters']:,} parameters" if right["parameters"] else ""
    raise Incorrect(f"{name} has {shapes}{count}.")


def _about_activation(name: str, got: Any, right: dict) -> str:
    if right["type"] == "Dense" and got == "sigmoid":
        return "Right, except for the last activation: a sigmoid's outputs don't add up to 1; use softmax."
    if right["type"] == "Dense":
        return f"Right, except for the last activation: with {got}, the outputs aren't probabilities."
    if got == "linear":
        return f"Right, except for {name}: it has no activation. Without ReLU, convolutions add up to one."
    return f"Right, except for {name}: its activation is {got}, not ReLU."


# ---- 2.7: the decoder block ----


def _decoder_cases(rng: np.random.Generator) -> list[tuple]:
    """Shapes of x and of the skip connection, and the number of filters: all different."""
    channels = rng.permutation(np.arange(3, 10))
    sides = rng.choice(np.arange(3, 7), 2, replace=False).tolist()
    return [
        ((sides[at], sides[1 - at], int(low)), (2 * sides[at], 2 * sides[1 - at], int(high)), int(width))
        for at, (low, high, width) in enumerate(channels[:6].reshape(2, 3))
    ]


NOT_CALLED = (
    "Concatenate(...) makes a layer, and the layer is called then: layers.Concatenate()([x, skip]), with two "
    "pairs of brackets."
)


def _describe_decoder(answer: Callable, inputs: tuple) -> dict | None:
    import keras

    below, beside, width = inputs
    x, skip = keras.Input(below, name="x"), keras.Input(beside, name="skip")
    before = keras.backend.get_uid("conv2d_transpose")
    try:
        result = answer(x, skip, width)
    except (ValueError, TypeError) as error:
        if "<Concatenate " in str(error) or "Concatenate.__init__" in str(error):
            return {"problem": NOT_CALLED}
        if "`Concatenate`" not in str(error):
            raise
        return {
            "problem": "Concatenate joins channels (its default, axis=-1) and needs the same height and "
            'width. A transposed convolution doubles both exactly with a stride of 2 and padding "same".'
        }
    if result is None:
        return _forgotten_return(before, "return x")
    if isinstance(result, keras.layers.Concatenate):
        return {"problem": NOT_CALLED}
    if isinstance(result, keras.Model):
        return {"problem": "It returned a network. Return what comes out of the last layer: return x."}
    if isinstance(result, keras.layers.Layer):
        return {"problem": "It returned a layer. Apply it, layer(x), and return what comes out."}
    if not isinstance(result, keras.KerasTensor):
        return {"problem": f"It returned {described(result)}; it should be the output of the last layer."}
    model = keras.Model([x, skip], result)
    return {
        "layers": _described_layers(model),
        "shape": tuple(result.shape[1:]),
        "difference": _difference(model, _decoder_model(inputs)),
    }


def _decoder_model(inputs: tuple) -> Any:
    import keras

    x, skip = keras.Input(inputs[0]), keras.Input(inputs[1])
    return keras.Model([x, skip], models.decoder_block(x, skip, inputs[2]))


def _compare_decoder(inputs: tuple, output: Any) -> None:
    if "problem" in output:
        raise Incorrect(answer_types.text(output["problem"]))
    layers, width = output["layers"], inputs[2]
    types = [layer["type"] for layer in layers]
    _compare_decoder_types(types)
    transposed, joined, *convolutions = sorted(layers, key=lambda layer: _ORDER.index(layer["type"]))
    details = _compare_transposed(transposed, width)
    if joined["sources"][:1] == ["skip"]:
        details.append(
            "Right, except for the order: Concatenate()([x, skip]) has the transposed convolution's output "
            "first."
        )
    for layer in convolutions:
        details += _compare_convolution(layer, width)
    if tuple(output["shape"]) != (*inputs[1][:2], width):
        raise Incorrect(
            f"The output is {_sides(output['shape'])}; it should be {_sides((*inputs[1][:2], width))}."
        )
    if details:
        raise Incorrect(details[0], credit=EDGE_CREDIT)
    if output["difference"] is None or not output["difference"] < SAME_NUMBERS:
        raise Incorrect("The layers are the right ones, but they aren't connected in the order of the list.")


_ORDER = ["Conv2DTranspose", "Concatenate", "Conv2D"]


def _compare_decoder_types(types: list[str]) -> None:
    if any(name.startswith("UpSampling") for name in types):
        raise Incorrect(
            "UpSampling2D repeats values and learns nothing; a transposed convolution learns how to fill the "
            "finer grid."
        )
    if "Conv2DTranspose" not in types:
        raise Incorrect("There is no Conv2DTranspose: it doubles height and width.")
    if "Add" in types:
        raise Incorrect(
            "Add mixes the two maps into one; Concatenate keeps the channels of both, one after the other."
        )
    if "Concatenate" not in types:
        raise Incorrect("The skip connection is not used: concatenate it with the output of step 1.")
    count = types.count("Conv2D")
    if count != 2:
        raise Incorrect(
            f"After Concatenate there should be two convolutions, not {count}. (A layer that is called twice "
            "is one layer: its weights are shared.)"
        )
    more = [name for name in types if name not in _ORDER]
    if more or len(types) != 4:
        raise Incorrect(f"{(more or types)[0]} is one layer too many: the list has four.")


def _compare_transposed(layer: dict, width: int) -> list[str]:
    """Return details that are wrong in the transposed convolution."""
    if layer["filters"] != width:
        raise Incorrect(
            f"The transposed convolution has {layer['filters']} filters; the argument width is {width}."
        )
    for key, right in (("kernel_size", (3, 3)), ("strides", (2, 2)), ("padding", "same")):
        if layer[key] != right:
            raise Incorrect(f"The transposed convolution has {key} {layer[key]}; it should be {right}.")
    details = []
    if layer["activation"] != "linear":
        details.append(
            f"Right, except that the transposed convolution has the activation {layer['activation']}: step 1 "
            "has none."
        )
    if layer["initializer"] != "HeNormal":
        details.append(
            "Right, except for the initial weights of the transposed convolution: "
            'kernel_initializer="he_normal".'
        )
    return details


def _compare_convolution(layer: dict, width: int) -> list[str]:
    """Return details that are wrong in a convolution."""
    if layer["filters"] != width:
        raise Incorrect(f"A convolution has {layer['filters']} filters; the argument width is {width}.")
    for key, right in (("kernel_size", (3, 3)), ("strides", (1, 1)), ("padding", "same")):
        if layer[key] != right:
            raise Incorrect(f"A convolution has {key} {layer[key]}; `convolution` above has {right}.")
    if layer["activation"] != "relu":
        return [f"Right, except that a convolution has the activation {layer['activation']}, not ReLU."]
    if layer["initializer"] != "HeNormal":
        return ['Right, except for the initial weights of a convolution: "he_normal", as in `convolution`.']
    return []


# ---- descriptions ----


def _forgotten_return(uid: int, ending: str) -> dict | None:
    """Tell a function that builds layers and returns nothing from one that isn't written yet."""
    import keras

    name = "conv2d_transpose" if ending == "return x" else "conv2d"
    if keras.backend.get_uid(name) == uid + 1:
        return None
    return {"problem": f"It builds layers, but returns nothing: end with {ending}."}


def _operations(model: Any) -> list:
    """The layers and operations of a network in order, those of networks inside it included."""
    import keras

    found = []
    for one in getattr(model, "operations", None) or model.layers:
        if _has_readable_layers(one):
            found += _operations(one)
        elif not isinstance(one, keras.layers.InputLayer):
            found.append(one)
    return found


def _described_layers(model: Any) -> list[dict]:
    """Describe the layers; an activation that is a layer of its own becomes that of the layer before."""
    layers: list[dict] = []
    for operation in _operations(model):
        layer = _described_layer(operation)
        if layer["type"] in ACTIVATIONS and layers and layers[-1].get("activation") == "linear":
            layers[-1]["activation"] = layer.get("activation", layer["type"].lower())
        else:
            layers.append(layer)
    return layers


def _described_layer(layer: Any) -> dict:
    import keras

    found = {name: getattr(layer, name) for name in ATTRIBUTES if hasattr(layer, name)}
    if hasattr(layer, "activation"):
        found["activation"] = _activation_name(layer.activation)
    if hasattr(layer, "kernel_initializer"):
        found["initializer"] = type(layer.kernel_initializer).__name__
    inputs = layer.input if isinstance(layer.input, list | tuple) else [layer.input]
    return found | {
        "type": type(layer).__name__,
        "shape": tuple(layer.output.shape[1:]),
        "parameters": int(layer.count_params()) if isinstance(layer, keras.layers.Layer) else 0,
        "sources": [tensor.name for tensor in inputs if isinstance(tensor, keras.KerasTensor)],
    }


def _activation_name(activation: Any) -> str:
    """Return Keras's name of an activation; of a student's own function, that of the one with its values."""
    import keras

    trial = np.array([[-2.0, -1.0, 0.0, 1.0, 7.0]], np.float32)
    values = np.asarray(activation(keras.ops.convert_to_tensor(trial)))
    for name in ("relu", "softmax", "linear", "sigmoid"):
        known = np.asarray(keras.activations.get(name)(keras.ops.convert_to_tensor(trial)))
        if known.shape == values.shape and np.allclose(known, values, atol=1e-5):
            return name
    return str(getattr(activation, "__name__", type(activation).__name__)).lower()


def _difference(model: Any, reference: Any) -> float | None:
    """Return by how much two networks with the same random weights differ; None if their weights do."""
    weights = [weight.shape for weight in reference.weights]
    if [weight.shape for weight in model.weights] != weights:
        return None
    # Several times, since a ReLU may happen to be 0 for all inputs.
    return max(_difference_with(np.random.default_rng(seed), model, reference) for seed in range(3))


def _difference_with(rng: np.random.Generator, model: Any, reference: Any) -> float:
    """Give both networks the same weights, of about the same size from layer to layer, and compare."""
    shapes = [tuple(weight.shape) for weight in reference.weights]
    sizes = [(2 / np.prod(shape[:-1])) ** 0.5 if len(shape) > 1 else 0.1 for shape in shapes]
    values = [rng.normal(0, size, shape) for size, shape in zip(sizes, shapes, strict=True)]
    inputs = [rng.normal(0, 1, (4, *tensor.shape[1:])) for tensor in reference.inputs]
    outputs = []
    for network in (model, reference):
        network.set_weights(values)
        outputs.append(np.asarray(network(inputs if len(inputs) > 1 else inputs[0], training=False)))
    same_shape = outputs[0].shape == outputs[1].shape
    return float(np.abs(outputs[0] - outputs[1]).max()) if same_shape else float("inf")


def _sides(shape: Any) -> str:
    return " x ".join(map(str, shape))


EXERCISES = [
    Exercise(
        "2.2.1", "The size of an output", 1, "function",
        cases=_size_cases, call=_called_by_name, compare=_compare_size,
        reference=_output_size,
        hint="In Python, // divides and rounds down. Which part of the formula is inside the brackets?",
        correct_message="It fits every kernel, padding and stride, and a kernel never sticks out.",
    ),
    Exercise(
        "2.2.3", "Build Cuadro 2", 4, "function",
        cases=_classifier_cases, call=_describe_classifier, compare=_compare_classifier,
        edge=lambda inputs: len(inputs[2]) != len(CUADRO_2[2]),
        edge_message="Right for four convolutions, but filters can have fewer.",
        make_reference=lambda: models.classifier, solved_by=("classifier",),
        hint="Begin with network = keras.Sequential([keras.Input(input_shape)]). In a loop over filters, "
        "network.add(...) a convolution and a pooling layer, and dropout from the second block on.",
        correct_message="Layer by layer the network of Cuadro 2, for any size, filters, classes and dropout.",
    ),
    Exercise(
        "2.7", "The decoder block", 4, "function",
        cases=_decoder_cases, call=_describe_decoder, compare=_compare_decoder,
        make_reference=lambda: models.decoder_block, solved_by=("decoder_block", "unet"),
        hint="layers.Conv2DTranspose(...)(x) enlarges the map; layers.Concatenate()([x, skip]) joins them.",
        correct_message="It doubles the map, puts the skip connection next to it, and combines both.",
    ),
]  # fmt: skip
