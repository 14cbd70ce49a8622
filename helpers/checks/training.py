"""Exercises about training: losses, the last layer, early stopping and learning curves."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, described
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _
from helpers.config.settings import SEED

CLOSE = 3e-5  # a loss in float32
LARGE = 500  # the exponential of 710 is infinite

# ---- 2.3.1: cross-entropy by hand ----


def _logit_cases(rng: np.random.Generator) -> list[tuple]:
    """Logits that tell all wrong formulas apart; then very large and very small ones."""
    while True:
        logits, classes = rng.normal(0, 1.5, (6, 4)), rng.permutation([0, 1, 2, 3, 3, 1])
        more = rng.normal(0, 1, (5, 3)), rng.integers(0, 3, 5)
        values = [_entropy(logits, classes), *_wrong_entropies(logits, classes)]
        likely = min(_least_probability(logits, classes), _least_probability(*more)) > 0.01
        negative = logits[np.arange(6), classes].min() < -0.1  # has no logarithm
        rounded = abs(values[0] - round(values[0], 4)) > CLOSE
        apart = np.min(np.diff(np.sort(values))) > 100 * CLOSE  # a small epsilon makes no difference
        if likely and negative and rounded and apart:
            break
    rows = np.array([[1000.0], [-1000.0]] * 3)
    return [(logits, classes), more, (logits + 1000, classes), (logits + rows, classes)]


def _least_probability(logits: np.ndarray, classes: np.ndarray) -> float:
    e = np.exp(logits)
    return float((e / e.sum(axis=1, keepdims=True))[np.arange(len(classes)), classes].min())


def _entropy(logits: np.ndarray, classes: np.ndarray) -> float:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(classes)), classes]))


def _wrong_entropies(logits: np.ndarray, classes: np.ndarray) -> dict[float, str]:
    """Return the results of wrong formulas, and what is wrong with them."""
    count, kinds = logits.shape
    e, right = np.exp(logits), _entropy(logits, classes)
    p = e / e.sum(axis=1, keepdims=True)
    of_true = p[np.arange(count), classes]
    twice = np.exp(p)[np.arange(count), classes] / np.exp(p).sum(axis=1)
    down = (e / e.sum(axis=0))[np.arange(count), classes]
    overall = (e / e.sum())[np.arange(count), classes]
    return {
        right * count: _("That is the sum over the batch. The mean doesn't depend on the batch's size."),
        right / kinds: _("That is the mean over all N x K numbers; divide by the number of slices, N."),
        -right: _("The minus is missing: a logarithm of a probability is negative, and a loss isn't."),
        right / np.log(10): _("That is a logarithm of base 10; the formula has the natural one, np.log."),
        right / np.log(2): _("That is a logarithm of base 2; the formula has the natural one, np.log."),
        1 - of_true.mean(): _("The logarithm is missing: that is 1 minus the mean probability."),
        of_true.mean(): _("The logarithm is missing: that is the mean probability of the true class."),
        -np.log(of_true.mean()): _("That is the logarithm of the mean; take the mean of the logarithms."),
        -np.log(twice).mean(): _("That is the softmax of the softmax: apply it to the logits once."),
        -np.log(down).mean(): _("The softmax runs over the slices. Each row is a slice: sum over axis=1."),
        -np.log(overall).mean(): _("The exponentials are divided by the sum over all slices: sum over "
                                   "axis=1."),
        -np.log(p.max(axis=1)).mean(): _("That is for the most probable class; the formula has the true "
                                         "one."),
        -np.log(p[np.arange(count), classes - 1]).mean(): _("Each slice got the probability of the class "
                                                            "before its own: `classes` are already counted "
                                                            "from 0."),
        -logits[np.arange(count), classes].mean(): _("That is the mean logit. The softmax makes "
                                                     "probabilities of the logits first."),
        -np.log(p[:, classes]).mean(): _("p[:, classes] has a row and a column for each slice, N x N "
                                         "numbers. p[np.arange(len(classes)), classes] has one for each."),
        -np.log(p).mean(): _("That is the mean over all classes. Pick the true class of each slice: "
                             "p[np.arange(len(classes)), classes]."),
        -np.log(p).sum(axis=1).mean(): _("That is the sum over all classes. Pick the true class of each "
                                         "slice: p[np.arange(len(classes)), classes]."),
    }  # fmt: skip


def _compare_entropy(inputs: tuple, output: Any) -> None:
    logits, classes = inputs
    if type(output) is np.ndarray and output.shape == classes.shape:
        raise Incorrect(_("That is one loss for each slice: take their mean."))
    if isinstance(output, float | np.floating) and not np.isfinite(output):
        if _is_large(inputs) and np.ptp(logits.max(axis=1)) > LARGE:
            raise Incorrect(_("Each slice needs its own largest logit: logits.max(axis=1, keepdims=True)."))
        if _is_large(inputs):
            raise Incorrect(
                _("e to the power of 1000 is infinite: subtract the largest logit of each slice first.")
            )
        raise Incorrect(
            _(
                "It returned {output}. Logits can be negative, so they have no logarithm: softmax first."
            ).format(output=output)
        )
    got = answer_types.number(output)
    expected = _entropy(logits, classes)
    if abs(got - expected) < CLOSE:
        return
    wrong = _wrong_entropies(logits, classes) if not _is_large(inputs) else {}
    for value, message in wrong.items():
        if abs(got - value) < CLOSE:
            raise Incorrect(message)
    raise Incorrect(
        _("The loss is {expected:.4f}, and {got:.4f} came out.").format(expected=expected, got=got)
    )


def _diagnose_entropy(cases: list[tuple], outputs: list) -> None:
    usual = [pair for pair in zip(cases, outputs, strict=True) if not _is_large(pair[0])]
    answer_types.forbid_rounding(
        [output for _case, output in usual], [_entropy(*case) for case, _output in usual]
    )


def _is_large(inputs: tuple) -> bool:
    return bool(np.abs(inputs[0]).max() > LARGE)


# ---- 2.3.2: the last layer and its loss ----

SPARSE, CATEGORICAL = "sparse_categorical_crossentropy", "categorical_crossentropy"
BINARY, SQUARED = "binary_crossentropy", "mean_squared_error"
FROM_LOGITS = "a loss of logits"
DISTANCES = {SQUARED, "mean_absolute_error", "huber", "log_cosh"}
SHORT_NAMES = {"mse": SQUARED, "mae": "mean_absolute_error", "none": "linear", "identity": "linear",
               "bce": BINARY, "logcosh": "log_cosh", "huber_loss": "huber"}  # fmt: skip
RIGHT_LAYERS = {
    "which tumour": {(3, "softmax", SPARSE)},
    "findings": {(5, "sigmoid", BINARY)},
    "area": {(1, activation, loss) for activation in ("linear", "relu", "softplus") for loss in DISTANCES},
    "mask": {(2, "softmax", SPARSE), (1, "sigmoid", BINARY)},
}


def _named(answer: Any, inputs: tuple) -> Any:
    """Replace Keras's functions and objects by their names, and leave everything else."""
    if not isinstance(answer, dict):
        return described(answer)
    return {
        str(key) if isinstance(key, str) else described(key): _named_layer(value)
        for key, value in answer.items()
    }


def _named_layer(value: Any) -> Any:
    if not isinstance(value, list | tuple | np.ndarray) or len(value) != 3:
        return described(value)
    units, activation, loss = value
    import keras

    return (
        _plain_units(units),
        _name(activation, "linear", keras.activations.get),
        _name(loss, "none", keras.losses.get),
    )


def _plain_units(units: Any) -> int | str:
    if isinstance(units, int | np.integer) and not isinstance(units, bool):
        return int(units)
    digits = isinstance(units, str) and units.strip().isdigit()  # of an array of texts
    return int(units) if digits else described(units)


def _name(value: Any, nothing: str, known: Callable[[str], Any]) -> str:
    """Return Keras's name of an activation or a loss: mean_squared_error of MeanSquaredError() and "mse"."""
    if value is None:
        return nothing
    if isinstance(value, str):
        try:
            value = known(str(value))
        except ValueError:
            return _("{value!r}, which Keras doesn't know").format(value=str(value))
    if getattr(value, "from_logits", False):
        return FROM_LOGITS
    name = getattr(value, "__name__", None) or type(value).__name__
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(name)).lower()
    return SHORT_NAMES.get(words, words)


def _compare_last_layers(inputs: tuple, output: Any) -> None:
    if isinstance(output, str):
        raise Incorrect(
            _("last_layers is {output}; it should be a dict: key -> (units, activation, loss).").format(
                output=output
            )
        )
    layers = answer_types.mapping(output, set(RIGHT_LAYERS), N_("the keys of the table"))
    wrong = {key: value for key, value in layers.items() if value not in RIGHT_LAYERS[key]}
    if not wrong:
        return
    key = next(key for key in RIGHT_LAYERS if key in wrong)
    value = wrong[key]
    if not isinstance(value, tuple):
        raise Incorrect(
            _("{key!r} is {value}; it should be (units, activation, loss).").format(key=key, value=value)
        )
    if value[2] == FROM_LOGITS:
        raise Incorrect(
            _(
                "{key!r}: from_logits=True is for a last layer without an activation; here the activation "
                "has already made probabilities of the logits."
            ).format(key=key),
            credit=EDGE_CREDIT if len(wrong) == 1 else 0.0,
        )
    raise Incorrect(f"{key!r}: {_ABOUT[key](*value)}", credit=EDGE_CREDIT if len(wrong) == 1 else 0.0)


def _about_tumour(units: Any, activation: str, loss: str) -> str:
    if activation == "sigmoid":
        return _("a sigmoid decides about each tumour on its own, but only one of them can be right.")
    if units != 3:
        return _("three tumours to choose from, and {units} outputs?").format(units=units)
    if activation != "softmax":
        return _("{activation} gives no probabilities that add up to 1.").format(activation=activation)
    if loss == CATEGORICAL:
        return _(
            "that loss expects three zeros and ones for each slice; the target is a class number, 0, 1 or 2."
        )
    if loss == BINARY:
        return _("the binary cross-entropy is for answers of yes or no; here is one choice out of three.")
    return _("{loss} is not the cross-entropy of a class number.").format(loss=loss)


def _about_findings(units: Any, activation: str, loss: str) -> str:
    if activation == "softmax":
        return _(
            "softmax makes the five compete: they add up to 1, though a slice can show two findings or none."
        )
    if units != 5:
        return _("five findings, each a yes or no of its own, and {units} outputs?").format(units=units)
    if activation != "sigmoid":
        return _("{activation} doesn't give a probability between 0 and 1 for each finding.").format(
            activation=activation
        )
    if loss in (SPARSE, CATEGORICAL):
        return _("that loss is for one choice out of several; here each finding is a yes or no of its own.")
    return _("{loss} is not the cross-entropy of a yes or no.").format(loss=loss)


def _about_area(units: Any, activation: str, loss: str) -> str:
    if units != 1:
        return _("an area is one number, and there are {units} outputs.").format(units=units)
    if activation in ("sigmoid", "softmax", "tanh"):
        return _("{activation} never exceeds 1, and an area is hundreds of square millimetres.").format(
            activation=activation
        )
    if "crossentropy" in loss:
        return _("a cross-entropy compares probabilities; how far is one number from another?")
    return _(
        "({activation}, {loss}) doesn't fit a number: the network may say any, and the loss is a distance."
    ).format(activation=activation, loss=loss)


def _about_mask(units: Any, activation: str, loss: str) -> str:
    if (units, activation) == (1, "softmax"):
        return _("the softmax of a single number is always 1.")
    if (units, activation) == (2, "sigmoid"):
        return _("with a sigmoid one filter is enough: the background has what is left of 1.")
    if units not in (1, 2):
        return _(
            "two classes for each pixel, and {units} filters? The layer is applied at every pixel."
        ).format(units=units)
    if loss == CATEGORICAL:
        return _("that loss expects two zeros and ones for each pixel; the target is 0 or 1.")
    if loss in (SPARSE, BINARY):
        return _("the binary cross-entropy goes with one sigmoid, the sparse categorical one with a softmax.")
    return _("{loss} with {activation} is not the cross-entropy of two classes.").format(
        loss=loss, activation=activation
    )


_ABOUT: dict[str, Callable[[Any, str, str], str]] = {
    "which tumour": _about_tumour, "findings": _about_findings, "area": _about_area, "mask": _about_mask,
}  # fmt: skip

# ---- 2.3.3: what should EarlyStopping watch? ----

PATIENCE = 5  # best epoch 10, last epoch 15
WATCHED = ("monitor", "patience", "mode", "min_delta", "baseline", "start_from_epoch")


def _describe_stopping(answer: Any, inputs: tuple) -> dict | None:
    if type(answer) not in (list, tuple) or len(answer) != 2:
        return {
            "problem": _("The answer is {value}; it should be (stopping, reason).").format(
                value=described(answer)
            )
        }
    stopping, reason = answer
    if stopping is None and reason is None:
        return None
    return {"stopping": _described_stopping(stopping), "reason": _letter(reason)}


def _described_stopping(stopping: Any) -> dict | str:
    if stopping is None or isinstance(stopping, str | int | float):
        return _("stopping is {value}; it should be a keras.callbacks.EarlyStopping(...).").format(
            value=described(stopping)
        )
    import keras

    if isinstance(stopping, type):
        return _("stopping is the class {name} itself: call it, with what it should monitor.").format(
            name=stopping.__name__
        )
    if not isinstance(stopping, keras.callbacks.EarlyStopping):
        return _("stopping is {value}, which doesn't end a training: use EarlyStopping.").format(
            value=described(stopping)
        )
    values = {name: getattr(stopping, name) for name in WATCHED}
    return {name: value if isinstance(value, str | int | float | None) else described(value)
            for name, value in values.items()}  # fmt: skip


def _letter(reason: Any) -> str:
    """Return the letter that a reason begins with, or a description of what it is instead."""
    reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
    found = re.match(r"\W*([A-Da-d])\b", reason) if isinstance(reason, str) else None
    return found[1].upper() if found else described(reason)


def _compare_stopping(inputs: tuple, output: Any) -> None:
    if "problem" in output:
        raise Incorrect(answer_types.text(output["problem"]))
    stopping, reason = output["stopping"], output["reason"]
    if isinstance(stopping, str):
        raise Incorrect(stopping)
    _compare_monitor(str(stopping["monitor"]), str(stopping["mode"]))
    if reason != "C":
        raise Incorrect(_("`stopping` is right. {why}").format(why=_about_reason(reason)), credit=EDGE_CREDIT)
    detail = _about_patience(stopping["patience"])
    if not detail and stopping["min_delta"] and abs(stopping["min_delta"]) > 0.01:
        detail = _(
            "with so large a min_delta, a small improvement doesn't count, and the training ends sooner."
        )
    if not detail and stopping["baseline"] is not None:
        detail = _("with a `baseline`, the training ends if it isn't better than that; the report had none.")
    if not detail and not 0 <= stopping["start_from_epoch"] <= 10:
        detail = _("start_from_epoch skips the best epoch.")
    if detail:
        raise Incorrect(
            _("The value to monitor and the reason are right, but {detail}").format(detail=detail),
            credit=EDGE_CREDIT,
        )


def _compare_monitor(monitor: str, mode: str) -> None:
    if monitor == "val_loss" and mode in ("auto", "min"):
        return
    about = {
        "val_loss": _("With mode='max' it waits for a loss that *rises*, and ends a training that improves."),
        "loss": _(
            "'loss' is the training loss, which keeps falling while the network memorises: it would "
            "not have stopped there."
        ),
        "accuracy": _(
            "'accuracy' is that of the training slices: it still rises while the network memorises."
        ),
        "val_accuracy": _(
            "'val_accuracy' only counts right and wrong: it is coarse, and stays high while "
            "the network becomes overconfident. Its loss tells sooner."
        ),
    }
    if "test" in monitor:
        raise Incorrect(
            _("A test set that decides when to stop is no longer a test: that was the report's mistake.")
        )
    raise Incorrect(
        about.get(
            monitor,
            _("fit reports nothing called {monitor!r}. The names: loss, val_loss, ...").format(
                monitor=monitor
            ),
        )
    )


def _about_patience(patience: Any) -> str:
    if patience == PATIENCE:
        return ""
    if patience == 15:
        return _(
            "15 is the epoch in which it ended; patience counts the epochs since the best one, the 10th."
        )
    if patience == 10:
        return _("10 is the best epoch; patience counts the epochs from there to the end, the 15th.")
    if patience == 0:
        return _("without patience (0 is the default), the first epoch that isn't better ends the training.")
    return _("with a patience of {patience}, the training would have ended after epoch {epoch}.").format(
        patience=patience, epoch=10 + patience
    )


def _about_reason(letter: str) -> str:
    against = {
        "A": _("But the training loss keeps falling while the network memorises: it never says stop."),
        "B": _("But a test set that decides when to stop is no longer a test."),
        "D": _(
            "But the accuracy only counts which answers are right, not how confident they are: it need "
            "not fall."
        ),
    }
    return against.get(
        letter, _("But reason is {letter}: choose one of the letters A, B, C and D.").format(letter=letter)
    )


def _early_stopping() -> tuple:
    import keras

    return keras.callbacks.EarlyStopping(monitor="val_loss", patience=PATIENCE), "C"


# ---- 2.3.4: read three learning curves ----

FAULTS = {
    "learning rate too high": N_(
        "With too high a learning rate, the training loss jumps, or stays far above "
        "log 3 = 1.10: each step goes past the minimum."
    ),
    "learning rate too low": N_(
        "With too low a learning rate, both losses fall, smoothly and together, but by little."
    ),
    "overfitting": N_(
        "With overfitting, the training loss falls towards 0 while the validation loss stays "
        "high, or turns up."
    ),
}


def _fault_cases(rng: np.random.Generator) -> list[tuple]:
    order = np.random.default_rng(SEED).permutation(list(FAULTS))  # as the notebook's cell small-faults
    return [(dict(zip("ABC", order.tolist(), strict=True)),)]


def _plain_text(value: Any) -> str:
    value = value.decode(errors="replace") if isinstance(value, bytes) else value
    return str(value) if isinstance(value, str) else described(value)


def _plain_diagnosis(answer: Any, inputs: tuple) -> Any:
    if not isinstance(answer, dict):
        return described(answer)
    if all(value is None for value in answer.values()):
        return None
    return {
        _plain_text(key).strip().upper(): _plain_text(value).strip().lower() for key, value in answer.items()
    }


def _compare_diagnosis(inputs: tuple, output: Any) -> None:
    expected = inputs[0]
    if isinstance(output, str):
        raise Incorrect(
            _('diagnosis is {output}; it should be a dict: {{"A": ..., "B": ..., "C": ...}}.').format(
                output=output
            )
        )
    if isinstance(output, dict) and {str(key).lower() for key in output} == set(FAULTS):
        raise Incorrect(_("The other way round: the letters are the keys, and the faults their values."))
    got = answer_types.mapping(output, set(expected), N_("the letters of the curves"))
    for letter, name in got.items():
        if name not in FAULTS:
            raise Incorrect(
                _("{letter}: {name!r} is none of the names in `faults`. Mind the spelling.").format(
                    letter=letter, name=name
                )
            )
    if len(set(got.values())) < len(got):
        raise Incorrect(_("Each of the three faults occurs once, and one of yours is there twice."))
    wrong = [letter for letter in sorted(expected) if got[letter] != expected[letter]]
    if wrong:
        name = got[wrong[0]]
        raise Incorrect(
            _("Curve {letter} is something else. {why}").format(letter=wrong[0], why=_(FAULTS[name]))
        )


# ---- 2.8: the Dice loss ----


def _loss_cases(rng: np.random.Generator) -> list[tuple]:
    """A true mask and probabilities: floats that tell all wrong formulas apart; other types; no tumour."""
    while True:
        truth = np.zeros((3, 8, 8), np.float32)
        for image, side in enumerate(rng.permutation([2, 4, 6]).tolist()):
            truth[image, 1 : 1 + side, 1 : 1 + side] = 1
        tumour = 0.3 * truth + rng.uniform(0.02, 0.65, truth.shape)
        probabilities = np.stack([1 - tumour, tumour], axis=-1).astype(np.float32)
        wrong = {**_wrong_losses(truth, probabilities), **_unsmoothed(truth, probabilities[..., 1])}
        values = [_dice_loss(truth, probabilities[..., 1]), *wrong]
        if len(wrong) == 16 and np.min(np.diff(np.sort(values))) > 4 * CLOSE:
            break
    none = np.zeros_like(truth)
    return [(truth, probabilities), (none, probabilities), (truth.astype(np.uint8), probabilities),
            (truth.astype(bool), probabilities)]  # fmt: skip


def _dice_loss(truth: np.ndarray, tumour: np.ndarray) -> float:
    both, areas = float((truth * tumour).sum()), float(truth.sum() + tumour.sum())
    return 1 - (2 * both + 1) / (areas + 1)


def _wrong_losses(truth: np.ndarray, probabilities: np.ndarray) -> dict[float, str]:
    """Return the results of wrong formulas, and what is wrong with them."""
    background, tumour = probabilities[..., 0], probabilities[..., 1]
    both, areas = float((truth * tumour).sum()), float(truth.sum() + tumour.sum())
    right, mask = 1 - (2 * both + 1) / (areas + 1), tumour >= 0.5
    squares = float((truth**2).sum() + (tumour**2).sum())
    per_image = [_dice_loss(*pair) for pair in zip(truth, tumour, strict=True)]
    return {
        1 - right: _("That is the Dice coefficient, 1 for a perfect mask; a loss is 0 there: 1 minus it."),
        -(1 - right): _("That is minus the Dice coefficient; the formula has 1 minus it, never negative."),
        _dice_loss(truth, background): _("Those are the probabilities of the background; the tumour's are "
                                         "probabilities[..., 1]."),
        float(np.mean(per_image)): _("That is the mean of a loss per slice; the sums run over the batch."),
        _dice_loss(truth, mask): _("There is a threshold inside: if a probability changes a little, the "
                                   "loss doesn't, so nothing can be learned from it."),
        1 - (both + 1) / (areas + 1): _("A perfect mask would have a loss of 0.5: the overlap counts twice."),
        1 - (2 * both + 1) / (squares + 1): _("Without squares: the formula has the sums of p and of t."),
        1 - (both + 1) / (areas - both + 1): _("That is the IoU loss: Dice divides by the sum of both "
                                               "areas."),
        1 - (2 * both + 1) / (areas + float(background.sum()) + 1): _("The sum of `probabilities` is over "
                                                                      "both channels; take those of the "
                                                                      "tumour."),
        1 - float((truth == mask).mean()): _("That is the part of the pixels that are wrong after a "
                                             "threshold."),
    }  # fmt: skip


def _unsmoothed(truth: np.ndarray, tumour: np.ndarray) -> dict[float, str]:
    """Return the results of the formula with one or both of its 1s missing, or misplaced."""
    both, areas = float((truth * tumour).sum()), float(truth.sum() + tumour.sum())
    return {
        1 - 2 * both / areas: _("the 1 above and below is missing. Without it, 0 is divided by 0 if there "
                                "is nothing to find and nothing found."),
        1 - 2 * both / (areas + 1): _("the 1 above is missing: if there is no tumour and none was found, "
                                      "the loss should be 0."),
        1 - (2 * both + 1) / areas: _("the 1 below is missing."),
        1 - 2 * (both + 1) / (areas + 1): _("the 1 above is added after doubling, not before."),
        1 - 2 * (both + 1) / (areas + 2): _("the 1 is added to the doubled overlap and to the sum of both."),
        1 - (2 * both + 1) / (areas + 2): _("1 is added below, not 2."),
    }  # fmt: skip


def _computed_loss(answer: Callable, inputs: tuple) -> Any:
    """Return the loss, whether `fit` could use it (there, tensors have no values yet), and what it learns."""
    import keras

    truth, probabilities = (keras.ops.convert_to_tensor(array) for array in inputs)
    result = answer(truth, probabilities)
    if result is None:
        return None
    value = answer_types.plain(result)
    if type(value) is np.ndarray or not isinstance(value, int | float | np.number) or isinstance(value, bool):
        return {
            "problem": _("It returned {value}; the loss of a batch is one number.").format(
                value=described(value)
            )
        }
    tensors = [keras.Input(array.shape[1:], dtype=array.dtype.name) for array in inputs]
    try:
        keras.layers.Lambda(lambda given: keras.ops.reshape(answer(*given), (1,)))(tensors)
    except Exception as error:
        return {"value": value, "untraceable": type(error).__name__}
    return {"value": value, "untraceable": "", "step": _step(answer, *inputs)}


def _step(loss: Callable, truth: np.ndarray, probabilities: np.ndarray) -> list[float]:
    """Return by how much one step of gradient descent, learning rate 1, changes a layer.

    The layer mixes the channels and begins as the identity, so it puts out the probabilities.
    """
    import keras

    mixing = keras.layers.Dense(2, use_bias=False, kernel_initializer="identity")
    network = keras.Sequential([keras.Input(probabilities.shape[1:]), mixing])
    network.compile(keras.optimizers.SGD(1.0), loss, run_eagerly=True)
    with contextlib.suppress(ValueError):  # that there is no gradient; some of Keras's backends take 0 then
        network.train_on_batch(probabilities, truth.astype(np.float32))
    return (np.asarray(mixing.kernel) - np.eye(2)).ravel().tolist()


def _expected_step(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the step of the Dice loss, from its derivative by each probability of the tumour."""
    tumour = probabilities[..., 1]
    both, areas = (truth * tumour).sum(), truth.sum() + tumour.sum()
    slope = (2 * both + 1 - 2 * truth * (areas + 1)) / (areas + 1) ** 2
    step = -np.tensordot(probabilities, slope, axes=([0, 1, 2], [0, 1, 2]))
    return np.stack([np.zeros(2), step], axis=1).ravel()


def _compare_loss(inputs: tuple, output: Any) -> None:
    truth, probabilities = inputs[0].astype(np.float32), inputs[1]
    if "problem" in output:
        raise Incorrect(answer_types.text(output["problem"]))
    if isinstance(output["value"], float | np.floating) and not np.isfinite(output["value"]):
        raise Incorrect(_("The loss is {value}: something was divided by 0.").format(value=output["value"]))
    got = answer_types.number(output["value"], N_("The loss"))
    expected = _dice_loss(truth, probabilities[..., 1])
    if abs(got - expected) < CLOSE:
        if output["untraceable"]:
            raise Incorrect(
                _(
                    "The number is right, but `fit` cannot use the function: there, tensors have no values "
                    "yet. Use keras.ops for everything; no numpy, no float(), no .numpy()."
                ),
                credit=EDGE_CREDIT,
            )
        _compare_step(_expected_step(truth, probabilities), output.get("step"))
        return
    for value, message in _wrong_losses(truth, probabilities).items():
        if abs(got - value) < CLOSE:
            raise Incorrect(message)
    for value, message in _unsmoothed(truth, probabilities[..., 1]).items():
        if abs(got - value) < CLOSE:
            raise Incorrect(
                _("Right, except for one thing: {message}").format(message=message), credit=EDGE_CREDIT
            )
    raise Incorrect(
        _("The loss is {expected:.4f}, and {got:.4f} came out.").format(expected=expected, got=got)
    )


def _compare_step(expected: np.ndarray, step: object) -> None:
    if not (isinstance(step, list) and len(step) == 4 and all(isinstance(one, float) for one in step)):
        raise Incorrect(_("The network could not be trained with this loss."))
    if not np.allclose(step, expected, rtol=0.01, atol=1e-4):
        raise Incorrect(
            _(
                "The number is right, but a training step with this loss changes the weights by the wrong "
                "amount, or not at all: `stop_gradient`, a cast to whole numbers or a comparison cuts off "
                "the gradient."
            ),
            credit=EDGE_CREDIT,
        )


def _make_dice_loss() -> Callable:
    from keras import ops

    def dice_loss(truth: Any, probabilities: Any) -> Any:
        tumour, truth = probabilities[..., 1], ops.cast(truth, "float32")
        return 1 - (2 * ops.sum(tumour * truth) + 1) / (ops.sum(tumour) + ops.sum(truth) + 1)

    return dice_loss


EXERCISES = [
    Exercise(
        "2.3.1", N_("Cross-entropy by hand"), 2, "function",
        cases=_logit_cases, compare=_compare_entropy, diagnose=_diagnose_entropy,
        edge=_is_large, edge_message=N_("Right, except for large logits."),
        reference=_entropy,
        hint=N_("logits.max(axis=1, keepdims=True) is the largest logit of each slice, as a column; "
                "p[np.arange(len(classes)), classes] picks the true class of each."),
        correct_message=N_("It is what Keras minimizes, and it survives logits of 1000."),
    ),
    Exercise(
        "2.3.2", N_("The last layer and its loss"), 2, "value",
        cases=lambda rng: [("last_layers",)], call=_named, compare=_compare_last_layers,
        reference={
            "which tumour": (3, "softmax", SPARSE), "findings": (5, "sigmoid", BINARY),
            "area": (1, "linear", SQUARED), "mask": (2, "softmax", SPARSE),
        },
        hint=N_("Softmax outputs add up to 1: one choice out of several. Each sigmoid is a separate yes or "
                "no."),
        correct_message=N_("The task decides: one choice, several yes or no, or a number."),
    ),
    Exercise(
        "2.3.3", N_("What should EarlyStopping watch?"), 2, "value",
        cases=lambda rng: [("stopping, reason",)], call=_describe_stopping,
        compare=_compare_stopping, make_reference=_early_stopping,
        hint=N_("How many epochs are there from the best one to the last? fit reports loss, accuracy, "
                "val_loss and val_accuracy after each."),
        correct_message=N_("It ends where the report's training ended, and the test set knows nothing of "
                           "it."),
    ),
    Exercise(
        "2.3.4", N_("Read three learning curves"), 2, "value",
        cases=_fault_cases, call=_plain_diagnosis, compare=_compare_diagnosis,
        hint=N_("For each curve: does the training loss fall, and how far? Does the validation loss follow "
                "it?"),
        correct_message=N_("You can tell the three apart, and each needs another remedy."),
    ),
    Exercise(
        "2.8", N_("The Dice loss"), 3, "function",
        cases=_loss_cases, call=_computed_loss, compare=_compare_loss,
        edge=lambda inputs: inputs[0].dtype.kind in "bu",
        edge_message=N_('Right for a truth of floats, but not of other types: ops.cast(truth, "float32") '
                        "first."),
        make_reference=_make_dice_loss,
        hint=N_("The tumour's probabilities are probabilities[..., 1]. ops.sum adds up all pixels of the "
                "batch."),
        correct_message=N_("It can be minimized: it is smooth, and defined without a tumour, too."),
    ),
]  # fmt: skip
