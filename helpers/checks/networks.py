"""Exercises about the layers of networks: an answer is described as plain data, then compared."""

from collections.abc import Callable
from typing import Any

import numpy as np

from helpers import models
from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, described
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _, grouped

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
        free // stride: _(
            "One position is missing: the kernel where it starts counts too. Add 1 after rounding down."
        ),
        -(-free // stride) + 1: _(
            "That is rounded up: a kernel that would stick out over the edge is not computed."
        ),
        (size + padding - kernel) // stride + 1: _("The padding is added on *each* side: twice."),
        (size - kernel) // stride + 1: _("The padding is missing: it makes the input larger on each side."),
        free + 1: _("That is right for a stride of 1; with a larger one, the kernel skips positions."),
        (size + 2 * padding + kernel) // stride + 1: _("A larger kernel has fewer positions, not more."),
        (size + 2 * padding) // stride + 1: _(
            "The kernel's size is missing: a larger one has fewer positions."
        ),
    }


def _called_by_name(answer: Callable, inputs: tuple) -> Any:
    size, *others = inputs
    return answer(size, **dict(zip(("kernel", "padding", "stride"), others, strict=False)))


def _compare_size(inputs: tuple, output: Any) -> None:
    expected = _output_size(*inputs)
    if type(output) is float or isinstance(output, np.floating):
        if output == expected:
            raise Incorrect(
                _(
                    "Right, but {value} is a float, and a number of pixels is an int: // divides and rounds "
                    "down in one step."
                ).format(value=described(output)),
                credit=EDGE_CREDIT,
            )
        if abs(float(output) - expected) < 1:
            raise Incorrect(_("There is no part of a pixel: round the quotient down, with //."))
    got = answer_types.whole(output)
    if got == expected:
        return
    labelled = zip(("size", "kernel", "padding", "stride"), inputs, strict=False)
    said = ", ".join(f"{name} {value}" for name, value in labelled)
    reason = _wrong_sizes(*inputs).get(int(got), _("Compare your line with the formula, part by part."))
    raise Incorrect(_("{said}: {got} is not right. {reason}").format(said=said, got=got, reason=reason))


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
        return {"problem": _("The network should have one input and one output.")}
    compared = inputs != CUADRO_2 and len(inputs[2]) == len(CUADRO_2[2])
    return {
        "built": built,
        "input": tuple(model.input_shape[1:]),
        "layers": layers,
        "obstacle": _obstacle(model),
        "difference": _difference(model, models.classifier(*inputs)) if compared else None,
    }


OBSTACLES = {
    "frozen": N_("its layers cannot learn: leave trainable as it is, True."),
    "regularizer": N_("it has regularizers, which change the loss. Cuadro 2 has none."),
    "batch": N_("its batch size is fixed: leave batch_size out of keras.Input."),
    "constant": N_(
        "its initial weights are all alike, so all filters would learn the same: leave the initializer out."
    ),
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
        return _("It returned the class {name}, not a network: call it, with parentheses.").format(
            name=answer.__name__
        )
    if isinstance(answer, keras.Model):
        return _("Its layers cannot be read: use keras.Sequential or keras.Model(inputs, outputs).")
    if isinstance(answer, keras.KerasTensor):
        return _(
            "It returned the output of the last layer. keras.Model(inputs, outputs) makes a network of it."
        )
    if isinstance(answer, list | tuple) and any(isinstance(one, keras.layers.Layer) for one in answer):
        return _("It returned a list of layers. keras.Sequential(...) makes a network of them.")
    if isinstance(answer, keras.layers.Layer):
        return _("It returned a layer ({type}), not the network.").format(type=type(answer).__name__)
    return _("It returned {value}; it should be a network, such as a keras.Sequential.").format(
        value=described(answer)
    )


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
            return _(
                "One {name} object is used several times, which makes it a single layer: write "
                "layers.{name}(...) again for each."
            ).format(name=name)
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
            _(
                "Right, except that a Reshape makes one row of all numbers; Cuadro 2 has the layer that is "
                "made for it: layers.Flatten()."
            )
        )
    for place, (layer, right) in enumerate(zip(layers, expected, strict=True), start=1):
        details += _compare_layer(
            _("Layer {place} ({type})").format(place=place, type=layer["type"]), layer, right, inputs
        )
    if details:
        raise Incorrect(details[0], credit=EDGE_CREDIT)
    if output["difference"] is not None and not output["difference"] < SAME_NUMBERS:
        raise Incorrect(
            _("The layers are the right ones, but not each of them gets the output of the one before.")
        )
    obstacle = output["obstacle"]
    if obstacle in OBSTACLES:
        raise Incorrect(
            _("Right, except that {what}").format(what=_(OBSTACLES[obstacle])), credit=EDGE_CREDIT
        )
    if not output["built"]:
        raise Incorrect(
            _(
                "Right, except that the network doesn't know its input yet, so it has no weights: begin with "
                "keras.Input(input_shape)."
            ),
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
            _("The input is always 512 x 512 x 3: use the argument input_shape."), credit=EDGE_CREDIT
        )
    raise Incorrect(
        _("The input has the shape {got}; input_shape is {expected}.").format(
            got=_sides(got), expected=_sides(expected)
        )
    )


def _compare_types(inputs: tuple, got: list[str], expected: list[str]) -> None:
    if got == expected:
        return
    if any(name.startswith("Global") for name in got):
        raise Incorrect(
            _(
                "Global pooling keeps one number of each filter. Cuadro 2 keeps all numbers of the last "
                "pooling layer: layers.Flatten()."
            )
        )
    if any(name.startswith("AveragePooling") for name in got):
        raise Incorrect(_("The pooling takes the mean of every 2 x 2 values; Cuadro 2 keeps the largest."))
    if "Flatten" not in got:
        raise Incorrect(
            _("There is no Flatten: the dense layer would be applied at each pixel, not to all of them.")
        )
    without = [[name for name in names if name != "Dropout"] for names in (got, expected)]
    if without[0] == without[1]:
        raise Incorrect(_about_dropout(got, expected), credit=EDGE_CREDIT)
    blocks = got.count("Conv2D")
    if blocks != len(inputs[2]):
        always_four = blocks == 4
        hint = (
            _("a loop over filters makes one block for each.") if always_four else _("add what is missing.")
        )
        said = _("{blocks} convolutions for {filters} filters: {hint}")
        said = said.format(blocks=blocks, filters=len(inputs[2]), hint=hint)
        raise Incorrect(said, credit=EDGE_CREDIT if always_four else 0.0)
    place = next(at for at, name in enumerate([*got, ""]) if [*expected, "", ""][at] != name)
    given = _("is {type}").format(type=got[place]) if place < len(got) else _("is missing")
    right = _expected_classifier(inputs)[place] if place < len(expected) else None
    wanted = (
        _("{type} with the output {expected}").format(type=right["type"], expected=_sides(right["shape"]))
        if right
        else _("nothing more")
    )
    raise Incorrect(
        _("Layer {place} {given}; expected there: {wanted}.").format(
            place=place + 1, given=given, wanted=wanted
        )
    )


def _about_dropout(got: list[str], expected: list[str]) -> str:
    more = got.count("Dropout") - expected.count("Dropout")
    if got[2] == "Dropout":
        return _("Right, except for dropout after block 1: in Cuadro 2 it begins with block 2.")
    if "Dropout" not in got[got.index("Flatten") :]:
        return _("Right, except that there is no dropout between Flatten and the dense layer.")
    if more < 0:
        return _(
            "Right, except that {missing} of {count} dropout layers are missing. Blocks 2 and higher have "
            "one each, and so has the end."
        ).format(missing=-more, count=expected.count("Dropout"))
    if more > 0:
        return _("Right, except that there is more dropout than in Cuadro 2.")
    return _("Right, except that a dropout layer is in the wrong place: it follows the pooling.")


def _compare_layer(name: str, layer: dict, right: dict, inputs: tuple) -> list[str]:
    """Return details that are wrong in a layer.

    Raises:
        Incorrect: its output or its number of parameters is wrong.
    """
    for key, message in (
        ("kernel_size", _("its kernel should have 3 x 3 pixels")),
        ("padding", _('it should have no padding, which is "valid" in Keras')),
        ("strides", _("its stride should be 1")),
        ("dilation_rate", _("its kernel should have no gaps: dilation_rate 1")),
        ("pool_size", _("it should take the largest of 2 x 2 values")),
        ("use_bias", _("each filter should have a bias")),
    ):
        if key in right and layer.get(key) != right[key]:
            raise Incorrect(
                _("{name} has {key} {value}; {message}.").format(
                    name=name, key=key, value=layer.get(key), message=message
                )
            )
    if tuple(layer["shape"]) != right["shape"]:
        _compare_width(name, layer, right, inputs)
    elif layer["parameters"] != right["parameters"]:
        raise Incorrect(
            _("{name} has {got} parameters, not {expected}.").format(
                name=name, got=grouped(layer["parameters"]), expected=grouped(right["parameters"])
            )
        )
    details = []
    if "activation" in right and layer.get("activation") != right["activation"]:
        details.append(_about_activation(name, layer.get("activation"), right))
    if "rate" in right and layer.get("rate") != right["rate"]:
        details.append(
            _(
                "Right, except for the rate of {name}: {got}, though the argument dropout is {expected}."
            ).format(name=name, got=layer.get("rate"), expected=right["rate"])
        )
    return details


def _compare_width(name: str, layer: dict, right: dict, inputs: tuple) -> None:
    """Say why the output of a layer is wrong."""
    count = layer["shape"][-1]
    if right["type"] == "Conv2D" and inputs != CUADRO_2 and count in CUADRO_2[2]:
        raise Incorrect(
            _("{name} always has {count} filters: use the argument filters.").format(name=name, count=count),
            credit=EDGE_CREDIT,
        )
    if right["type"] == "Dense" and inputs != CUADRO_2 and count == CUADRO_2[1]:
        raise Incorrect(
            _("{name} always has 3 outputs: use the argument classes.").format(name=name), credit=EDGE_CREDIT
        )
    shapes = _("the output {got}, not {expected}").format(
        got=_sides(layer["shape"]), expected=_sides(right["shape"])
    )
    if right["type"] == "Dense":
        raise Incorrect(_("{name} has {shapes}: one output for each class.").format(name=name, shapes=shapes))
    count = (
        _(" and {expected} parameters").format(expected=grouped(right["parameters"]))
        if right["parameters"]
        else ""
    )
    raise Incorrect(_("{name} has {shapes}{count}.").format(name=name, shapes=shapes, count=count))


def _about_activation(name: str, got: Any, right: dict) -> str:
    if right["type"] == "Dense" and got == "sigmoid":
        return _("Right, except for the last activation: a sigmoid's outputs don't add up to 1; use softmax.")
    if right["type"] == "Dense":
        return _(
            "Right, except for the last activation: with {got}, the outputs aren't probabilities."
        ).format(got=got)
    if got == "linear":
        return _(
            "Right, except for {name}: it has no activation. Without ReLU, convolutions add up to one."
        ).format(name=name)
    return _("Right, except for {name}: its activation is {got}, not ReLU.").format(name=name, got=got)


# ---- 2.7: the decoder block ----


def _decoder_cases(rng: np.random.Generator) -> list[tuple]:
    """Shapes of x and of the skip connection, and the number of filters: all different."""
    channels = rng.permutation(np.arange(3, 10))
    sides = rng.choice(np.arange(3, 7), 2, replace=False).tolist()
    return [
        ((sides[at], sides[1 - at], int(low)), (2 * sides[at], 2 * sides[1 - at], int(high)), int(width))
        for at, (low, high, width) in enumerate(channels[:6].reshape(2, 3))
    ]


NOT_CALLED = N_(
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
            return {"problem": _(NOT_CALLED)}
        if "`Concatenate`" not in str(error):
            raise
        return {
            "problem": _(
                "Concatenate joins channels (its default, axis=-1) and needs the same height and width. A "
                'transposed convolution doubles both exactly with a stride of 2 and padding "same".'
            )
        }
    if result is None:
        return _forgotten_return(before, "return x")
    if isinstance(result, keras.layers.Concatenate):
        return {"problem": _(NOT_CALLED)}
    if isinstance(result, keras.Model):
        return {"problem": _("It returned a network. Return what comes out of the last layer: return x.")}
    if isinstance(result, keras.layers.Layer):
        return {"problem": _("It returned a layer. Apply it, layer(x), and return what comes out.")}
    if not isinstance(result, keras.KerasTensor):
        return {
            "problem": _("It returned {value}; it should be the output of the last layer.").format(
                value=described(result)
            )
        }
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
            _(
                "Right, except for the order: Concatenate()([x, skip]) has the transposed convolution's "
                "output first."
            )
        )
    for layer in convolutions:
        details += _compare_convolution(layer, width)
    if tuple(output["shape"]) != (*inputs[1][:2], width):
        raise Incorrect(
            _("The output is {got}; it should be {expected}.").format(
                got=_sides(output["shape"]), expected=_sides((*inputs[1][:2], width))
            )
        )
    if details:
        raise Incorrect(details[0], credit=EDGE_CREDIT)
    if output["difference"] is None or not output["difference"] < SAME_NUMBERS:
        raise Incorrect(
            _("The layers are the right ones, but they aren't connected in the order of the list.")
        )


_ORDER = ["Conv2DTranspose", "Concatenate", "Conv2D"]


def _compare_decoder_types(types: list[str]) -> None:
    if any(name.startswith("UpSampling") for name in types):
        raise Incorrect(
            _(
                "UpSampling2D repeats values and learns nothing; a transposed convolution learns how to fill "
                "the finer grid."
            )
        )
    if "Conv2DTranspose" not in types:
        raise Incorrect(_("There is no Conv2DTranspose: it doubles height and width."))
    if "Add" in types:
        raise Incorrect(
            _("Add mixes the two maps into one; Concatenate keeps the channels of both, one after the other.")
        )
    if "Concatenate" not in types:
        raise Incorrect(_("The skip connection is not used: concatenate it with the output of step 1."))
    count = types.count("Conv2D")
    if count != 2:
        raise Incorrect(
            _(
                "After Concatenate there should be two convolutions, not {count}. (A layer that is called "
                "twice is one layer: its weights are shared.)"
            ).format(count=count)
        )
    more = [name for name in types if name not in _ORDER]
    if more or len(types) != 4:
        raise Incorrect(_("{type} is one layer too many: the list has four.").format(type=(more or types)[0]))


def _compare_transposed(layer: dict, width: int) -> list[str]:
    """Return details that are wrong in the transposed convolution."""
    if layer["filters"] != width:
        raise Incorrect(
            _("The transposed convolution has {filters} filters; the argument width is {width}.").format(
                filters=layer["filters"], width=width
            )
        )
    for key, right in (("kernel_size", (3, 3)), ("strides", (2, 2)), ("padding", "same")):
        if layer[key] != right:
            raise Incorrect(
                _("The transposed convolution has {key} {value}; it should be {right}.").format(
                    key=key, value=layer[key], right=right
                )
            )
    details = []
    if layer["activation"] != "linear":
        details.append(
            _(
                "Right, except that the transposed convolution has the activation {activation}: step 1 has "
                "none."
            ).format(activation=layer["activation"])
        )
    if layer["initializer"] != "HeNormal":
        details.append(
            _(
                "Right, except for the initial weights of the transposed convolution: "
                'kernel_initializer="he_normal".'
            )
        )
    return details


def _compare_convolution(layer: dict, width: int) -> list[str]:
    """Return details that are wrong in a convolution."""
    if layer["filters"] != width:
        raise Incorrect(
            _("A convolution has {filters} filters; the argument width is {width}.").format(
                filters=layer["filters"], width=width
            )
        )
    for key, right in (("kernel_size", (3, 3)), ("strides", (1, 1)), ("padding", "same")):
        if layer[key] != right:
            raise Incorrect(
                _("A convolution has {key} {value}; `convolution` above has {right}.").format(
                    key=key, value=layer[key], right=right
                )
            )
    if layer["activation"] != "relu":
        return [
            _("Right, except that a convolution has the activation {activation}, not ReLU.").format(
                activation=layer["activation"]
            )
        ]
    if layer["initializer"] != "HeNormal":
        return [
            _('Right, except for the initial weights of a convolution: "he_normal", as in `convolution`.')
        ]
    return []


# ---- descriptions ----


def _forgotten_return(uid: int, ending: str) -> dict | None:
    """Tell a function that builds layers and returns nothing from one that isn't written yet."""
    import keras

    name = "conv2d_transpose" if ending == "return x" else "conv2d"
    if keras.backend.get_uid(name) == uid + 1:
        return None
    return {"problem": _("It builds layers, but returns nothing: end with {ending}.").format(ending=ending)}


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
        "2.2.1", N_("The size of an output"), 1, "function",
        cases=_size_cases, call=_called_by_name, compare=_compare_size,
        reference=_output_size,
        hint=N_("In Python, // divides and rounds down. Which part of the formula is inside the brackets?"),
        correct_message=N_("It fits every kernel, padding and stride, and a kernel never sticks out."),
    ),
    Exercise(
        "2.2.3", N_("Build Cuadro 2"), 4, "function",
        cases=_classifier_cases, call=_describe_classifier, compare=_compare_classifier,
        edge=lambda inputs: len(inputs[2]) != len(CUADRO_2[2]),
        edge_message=N_("Right for four convolutions, but filters can have fewer."),
        make_reference=lambda: models.classifier, solved_by=("classifier",),
        hint=N_("Begin with network = keras.Sequential([keras.Input(input_shape)]). In a loop over filters, "
                "network.add(...) a convolution and a pooling layer, and dropout from the second block on."),
        correct_message=N_("Layer by layer the network of Cuadro 2, for any size, filters, classes and "
                           "dropout."),
    ),
    Exercise(
        "2.7", N_("The decoder block"), 4, "function",
        cases=_decoder_cases, call=_describe_decoder, compare=_compare_decoder,
        make_reference=lambda: models.decoder_block, solved_by=("decoder_block", "unet"),
        hint=N_("layers.Conv2DTranspose(...)(x) enlarges the map; layers.Concatenate()([x, skip]) joins "
                "them."),
        correct_message=N_("It doubles the map, puts the skip connection next to it, and combines both."),
    ),
]  # fmt: skip
