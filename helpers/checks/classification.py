"""Exercises about classification: random inputs, and messages for typical mistakes."""

from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import Incorrect, close
from helpers.checks.exercise import EDGE_CREDIT, Exercise
from helpers.reference import CLASS_NAMES

# ---- 2.1.1: the 80/20 split of each class ----


def _split_cases(rng: np.random.Generator) -> list[tuple]:
    def labels(*counts: int) -> np.ndarray:
        return rng.permutation(np.repeat(list(CLASS_NAMES), rng.permutation(counts)))

    # The same seed twice; then another.
    once, more = labels(35, 62, 41), labels(33, 58, 74)
    return [(once, 1), (once, 1), (once, 2), (more, int(rng.integers(3, 1000)))]


def _compare_split(inputs: tuple, output: Any) -> None:
    labels, _ = inputs
    train, test = answer_types.pair(output, "train, test")
    train, test = answer_types.rows(train, "train", len(labels)), answer_types.rows(test, "test", len(labels))
    both = len(np.intersect1d(train, test))
    if both:
        raise Incorrect(
            f"{both} slices are in both sets: the network would be tested on what it was trained on."
        )
    if len(train) + len(test) < len(labels):
        raise Incorrect(
            f"{len(labels) - len(train) - len(test)} slices are in neither set. None may be lost."
        )
    if len(test) > len(train):
        raise Incorrect("The test set is the larger one: return train first, then test.")
    counts = {label: np.count_nonzero(labels == label) for label in CLASS_NAMES}
    tested = {label: np.count_nonzero(labels[test] == label) for label in CLASS_NAMES}
    excess = {label: tested[label] - -(-counts[label] // 5) for label in CLASS_NAMES}
    if not any(excess.values()):
        return
    label = next(label for label in CLASS_NAMES if excess[label])
    said = f"Label {label}: {tested[label]} of {counts[label]} slices are in the test set."
    if set(excess.values()) <= {0, -1}:
        raise Incorrect(f"{said} {counts[label] / 5} is rounded up, not down.", credit=EDGE_CREDIT)
    raise Incorrect(
        f"{said} A fifth of each class belongs there: split class by class, not all slices at once."
    )


def _repeats(cases: list[tuple], outputs: list) -> None:
    tests = [np.sort(np.asarray(test)) for _, test in outputs]
    if not np.array_equal(tests[0], tests[1]):
        raise Incorrect(
            "The same seed gave two different splits. Make the generator from the seed.", credit=EDGE_CREDIT
        )
    if np.array_equal(tests[0], tests[2]):
        raise Incorrect(
            "Two seeds gave the same split: nothing is shuffled. In the files, slices of one patient "
            "are next to each other.",
            credit=EDGE_CREDIT,
        )


# ---- 2.1.2: find the leak ----


def _leak_case(rng: np.random.Generator) -> tuple[np.ndarray, dict]:
    """Three splits of the same slices: by patient, by patient except for one of them, and by slice."""
    owners = np.repeat(np.arange(12), rng.integers(5, 9, 12))
    order = rng.permutation(len(owners))
    owners = owners[order]
    tested = np.isin(owners, [1, 4, 7])
    torn = tested.copy()
    torn[np.flatnonzero(owners == 4)[:2]] = False
    shuffled = rng.permutation(len(owners)) < len(owners) // 4
    masks = dict(zip("ABC", [tested, torn, shuffled], strict=True))
    splits = {name: (np.flatnonzero(~mask), np.flatnonzero(mask)) for name, mask in masks.items()}
    return np.array([f"MR{owner:04}" for owner in owners]), splits


def _compare_leaks(inputs: tuple, output: Any) -> None:
    patients, splits = inputs
    got = answer_types.mapping(output, set(splits), "the names of the splits")
    if any(isinstance(value, float | np.floating) and 0 < value < 1 for value in got.values()):
        raise Incorrect("That is a part of the test set; return the number of slices.")
    for name, (train, test) in splits.items():
        expected = int(np.isin(patients[test], patients[train]).sum())
        value = got[name]
        if isinstance(value, bool | np.bool_):
            raise Incorrect("True or False is not enough: count the slices, since one is not forty.")
        value = answer_types.whole(value, f"The count of split {name!r}")
        if value == expected:
            continue
        if value == 0:
            raise Incorrect(
                f"Split {name!r} leaks, and you found nothing. Compare patients, not row numbers."
            )
        if value == len(np.intersect1d(patients[test], patients[train])):
            raise Incorrect(
                f"{value} is the number of patients on both sides of {name!r}; count the test slices."
            )
        if value == np.isin(patients[train], patients[test]).sum():
            raise Incorrect(
                f"{value} is the number of training slices with a sibling in the test set. Swap the two."
            )
        raise Incorrect(
            f"Split {name!r} has {expected} test slices with a sibling in the training set, not {value}."
        )


# ---- 2.2.2: the parameters of a layer ----


def _parameter_cases(rng: np.random.Generator) -> list[tuple]:
    sizes = rng.permutation([2, 3, 5, 7])
    return [(int(k), int(c), int(f)) for k, c, f in zip(
        sizes, rng.integers(2, 40, 4), rng.integers(41, 130, 4), strict=True)]  # fmt: skip


def _compare_parameters(inputs: tuple, output: Any) -> None:
    kernel, channels, filters = inputs
    weights = kernel**2 * channels * filters
    got = answer_types.whole(output)
    if got == weights + filters:
        return
    said = f"{kernel} x {kernel} pixels, {channels} channels, {filters} filters: {got:,} is not right."
    mistakes = {
        weights: "Each filter has a bias too: one more number per filter.",
        weights + 1: "Every filter has a bias of its own, not the layer as a whole.",
        weights + channels: "There is one bias for each filter, not for each channel that comes in.",
        kernel * channels * filters + filters: "The kernel has two sides.",
        kernel**2 * filters + filters: "Each filter looks at all channels at once: its kernel is a block.",
        (kernel**2 + 1) * channels * filters: "One bias per filter, not one for each channel of each filter.",
    }
    raise Incorrect(f"{said} {mistakes.get(got, 'Count the weights of one filter first.')}")


# ---- 2.4.2: read a confusion matrix ----


def _matrix_cases(rng: np.random.Generator) -> list[tuple]:
    def matrix() -> np.ndarray:
        wrong = rng.permutation(np.arange(1, 10)).reshape(3, 3)
        return np.where(np.eye(3, dtype=bool), rng.permutation([31, 47, 83]), wrong)

    unseen = matrix()
    unseen[:, 1] = 0
    return [(matrix(), 0), (matrix(), 1), (matrix(), 2), (unseen, 1)]


def _compare_matrix(inputs: tuple, output: Any) -> None:
    matrix, k = inputs
    precision, recall = answer_types.pair(output, "precision, recall")
    got = answer_types.number(precision, "The precision"), answer_types.number(recall, "The recall")
    right = int(matrix[k, k])
    called, are = int(matrix[:, k].sum()), int(matrix[k].sum())
    expected = (right / called if called else 0.0), right / are
    fits = [close(*both) for both in zip(got, expected, strict=True)]
    if all(fits):
        return
    if close(got[0], expected[1]) and close(got[1], expected[0]):
        raise Incorrect(
            "The two are swapped. A column holds all slices that were called k; precision divides by its sum."
        )
    if max(got) > 1:
        raise Incorrect("Neither can be above 1: return a fraction, not a percentage or a count.")
    if all(abs(mine - want) < 0.01 for mine, want in zip(got, expected, strict=True)):
        raise Incorrect("Nearly: do not round before you return the numbers.", credit=EDGE_CREDIT)
    if any(close(mine, np.trace(matrix) / matrix.sum()) for mine in got):
        raise Incorrect("That is the accuracy, which is one number for all classes.")
    if any(fits):
        fit, miss = ("precision", "recall") if fits[0] else ("recall", "precision")
        raise Incorrect(
            f"The {fit} is right, the {miss} is not. Rows are the true classes, columns the predicted ones.",
            credit=EDGE_CREDIT,
        )
    raise Incorrect(
        "Neither is right. Divide matrix[k, k] by the sum of its column, and by the sum of its row."
    )


EXERCISES = [
    Exercise(
        "2.1.1", "A fifth of each class", 2, "function",
        cases=_split_cases, compare=_compare_split, across=_repeats,
        hint="np.flatnonzero(labels == label) are the rows of a class; "
        "np.random.default_rng(seed).permutation(rows) shuffles them. Then cut, and go to the next class.",
        correct_message="Every slice is in exactly one set, every class in both, and the seed decides which.",
    ),
    Exercise(
        "2.1.2", "Find the leak", 2, "function",
        cases=lambda rng: [_leak_case(rng) for _ in range(3)], compare=_compare_leaks,
        hint="patients[train] are the patients that the network has seen; np.isin(a, b) tells for each of a "
        "whether it is in b.",
        correct_message="You count the test slices whose patient is in the training set.",
    ),
    Exercise(
        "2.2.2", "Count the parameters", 1, "function",
        cases=_parameter_cases, compare=_compare_parameters,
        hint="One filter is a block of kernel x kernel x channels weights, and one bias.",
        correct_message="Try it on the four convolutions of Cuadro 2: it counts all of them.",
    ),
    Exercise(
        "2.4.1", "Explain an error", 3, "open",
        hint="Where is the tumour, how large is it, and what do those of the other class look like?",
        rubric=(
            ("Names one misclassified slice, its true class, the answer and the confidence.", 1),
            ("Offers a reason that can be seen in the picture: place, size, brightness, view, or border.", 1),
            ("Says how the reason could be tested, or what would speak against it: other slices of the "
             "patient, other errors, the training set.", 1),
        ),
    ),
    Exercise(
        "2.4.2", "Read a confusion matrix", 2, "function",
        cases=_matrix_cases, compare=_compare_matrix, edge=lambda inputs: not inputs[0][:, inputs[1]].any(),
        edge_message="Right, except for a class that was never predicted: its precision is 0.",
        hint="matrix[k].sum() counts the slices of class k, matrix[:, k].sum() those that were called k.",
        correct_message="Precision goes down the column, recall along the row.",
    ),
]  # fmt: skip
