"""Exercises about classification: random inputs, and messages for typical mistakes."""

from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, close
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _, grouped
from helpers.reference import CLASS_NAMES

# ---- 2.1.1: the 80/20 split of each class ----


def _split_cases(rng: np.random.Generator) -> list[tuple]:
    def labels(*counts: int) -> np.ndarray:
        return rng.permutation(np.repeat(list(CLASS_NAMES), rng.permutation(counts)))

    # The same seed twice; then another.
    once, more = labels(35, 62, 41), labels(33, 58, 74)
    return [(once, 1), (once, 1), (once, 2), (more, int(rng.integers(3, 1000)))]


def _compare_split(inputs: tuple, output: Any) -> None:
    labels, _seed = inputs
    train, test = answer_types.pair(output, "train, test")
    train, test = answer_types.rows(train, "train", len(labels)), answer_types.rows(test, "test", len(labels))
    both = len(np.intersect1d(train, test))
    if both:
        said = _("{count} slices are in both sets: the network would be tested on what it was trained on.")
        raise Incorrect(said.format(count=both))
    if len(train) + len(test) < len(labels):
        said = _("{count} slices are in neither set. None may be lost.")
        raise Incorrect(said.format(count=len(labels) - len(train) - len(test)))
    if len(test) > len(train):
        raise Incorrect(_("The test set is the larger one: return train first, then test."))
    counts = {label: np.count_nonzero(labels == label) for label in CLASS_NAMES}
    tested = {label: np.count_nonzero(labels[test] == label) for label in CLASS_NAMES}
    excess = {label: tested[label] - -(-counts[label] // 5) for label in CLASS_NAMES}
    if not any(excess.values()):
        return
    label = next(label for label in CLASS_NAMES if excess[label])
    said = _("Label {label}: {tested} of {count} slices are in the test set.").format(
        label=label, tested=tested[label], count=counts[label]
    )
    if set(excess.values()) <= {0, -1}:
        why = _("{fifth} is rounded up, not down.").format(fifth=counts[label] / 5)
        raise Incorrect(f"{said} {why}", credit=EDGE_CREDIT)
    why = _("A fifth of each class belongs there: split class by class, not all slices at once.")
    raise Incorrect(f"{said} {why}")


def _repeats(cases: list[tuple], outputs: list) -> None:
    tests = [np.sort(np.asarray(test)) for _train, test in outputs]
    wrong = ""
    if not np.array_equal(tests[0], tests[1]):
        wrong = _("The same seed gave two different splits. Make the generator from the seed.")
    elif all(_regular(labels, test) for (labels, _seed), test in zip(cases, tests, strict=True)):
        wrong = _(
            "The test slices of each class are in one block, or at equal distances: nothing is shuffled. In "
            "the files, slices of one patient are next to each other."
        )
    elif np.array_equal(tests[0], tests[2]):
        wrong = _(
            "Two seeds gave the same split: it's shuffled, but the seed is ignored. "
            "np.random.default_rng(seed) uses it."
        )
    if wrong:
        raise Incorrect(wrong, credit=EDGE_CREDIT)


def _regular(labels: np.ndarray, test: np.ndarray) -> bool:
    """Whether the test slices of each class are in a block or at equal distances, counted in their class."""
    for label in CLASS_NAMES:
        own = np.flatnonzero(labels == label)
        places = np.flatnonzero(np.isin(own, test))
        gaps = np.diff(places, append=places[0] + len(own))
        if len(set(gaps.tolist())) > 2:
            return False
    return True


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
    got = answer_types.mapping(output, set(splits), N_("the names of the splits"))
    if any(isinstance(value, float | np.floating) and 0 < value < 1 for value in got.values()):
        raise Incorrect(_("That is a part of the test set; return the number of slices."))
    if any(isinstance(value, bool | np.bool_) for value in got.values()):
        raise Incorrect(_("True or False is not enough: count the slices, since one is not forty."))
    counts = {name: answer_types.whole(got[name], _count_of(name)) for name in splits}
    for name, (train, test) in splits.items():
        expected = int(np.isin(patients[test], patients[train]).sum())
        value = counts[name]
        if value == expected:
            continue
        if value == 0:
            said = _("Split {name!r} leaks, and you found nothing. Compare patients, not row numbers.")
        elif value == len(np.intersect1d(patients[test], patients[train])):
            said = _("{value} is the number of patients on both sides of {name!r}; count the test slices.")
        elif value == np.isin(patients[train], patients[test]).sum():
            said = _("{value} is the number of training slices with a sibling in the test set. Swap the two.")
        else:
            said = _(
                "Split {name!r} has {expected} test slices with a sibling in the training set, not {value}."
            )
        raise Incorrect(said.format(name=name, value=value, expected=expected))
    for name, value in counts.items():
        answer_types.require_int(value, _count_of(name))


def _count_of(name: str) -> str:
    return _("The count of split {name!r}").format(name=name)


def _leaks(patients: np.ndarray, splits: dict) -> dict:
    return {
        name: int(np.isin(patients[test], patients[train]).sum()) for name, (train, test) in splits.items()
    }


# ---- 2.2.2: the parameters of a layer ----


def _parameter_cases(rng: np.random.Generator) -> list[tuple]:
    return [_layer(rng, int(kernel)) for kernel in rng.permutation([2, 3, 5, 7])]


def _layer(rng: np.random.Generator, kernel: int) -> tuple[int, int, int]:
    """Draw until no two mistakes give the same number."""
    while True:
        sizes = kernel, int(rng.integers(2, 40)), int(rng.integers(41, 130))
        found = {(_conv_parameters(*sizes), "right"), *_parameter_mistakes(*sizes)}
        if len({number for number, _said in found}) == len(found):
            return sizes


def _parameter_mistakes(kernel: int, channels: int, filters: int) -> list[tuple[int, str]]:
    weights = kernel**2 * channels * filters
    power = _("In Python, ^ is not the power but a bitwise operation (xor): write kernel**2.")
    return [
        (weights, _("Each filter has a bias too: one more number per filter.")),
        (weights + 1, _("Every filter has a bias of its own, not the layer as a whole.")),
        (weights + channels, _("There is one bias for each filter, not for each channel that comes in.")),
        (kernel * channels * filters + filters, _("The kernel has two sides.")),
        (
            kernel**2 * filters + filters,
            _("Each filter looks at all channels at once: its kernel is a block."),
        ),
        (
            (kernel**2 + 1) * channels * filters,
            _("One bias per filter, not one for each channel of each filter."),
        ),
        (((kernel ^ 2) * channels + 1) * filters, power),
        ((kernel ^ (2 * channels + 1)) * filters, power),
        ((kernel ^ (2 * channels)) * filters + filters, power),
        ((kernel ^ (2 * channels * filters)) + filters, power),
        (kernel ^ (2 * channels * filters + filters), power),
    ]


def _compare_parameters(inputs: tuple, output: Any) -> None:
    kernel, channels, filters = inputs
    got = answer_types.whole(output)
    if got == _conv_parameters(*inputs):
        answer_types.require_int(got, N_("The number"))
        return
    said = _(
        "{kernel} x {kernel} pixels, {channels} channels, {filters} filters: {got} is not right."
    ).format(kernel=kernel, channels=channels, filters=filters, got=grouped(got))
    first = _("Count the weights of one filter first.")
    raise Incorrect(f"{said} {dict(_parameter_mistakes(*inputs)).get(int(got), first)}")


def _conv_parameters(kernel: int, channels: int, filters: int) -> int:
    return (kernel**2 * channels + 1) * filters


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
    advice = N_("Return the numbers of class k alone, not those of all classes.")
    got = (
        answer_types.number(precision, N_("The precision"), advice),
        answer_types.number(recall, N_("The recall"), advice),
    )
    expected = _precision_and_recall(matrix, k)
    fits = [close(*both) for both in zip(got, expected, strict=True)]
    if all(fits):
        return
    if close(got[0], expected[1]) and close(got[1], expected[0]):
        raise Incorrect(
            _(
                "The two are swapped. A column holds all slices that were called k; precision divides by its "
                "sum."
            )
        )
    if max(got) > 1:
        raise Incorrect(_("Neither can be above 1: return a fraction, not a percentage or a count."))
    if all(abs(mine - want) < 0.01 for mine, want in zip(got, expected, strict=True)):
        raise Incorrect(_("Nearly: do not round before you return the numbers."), credit=EDGE_CREDIT)
    if fits[1] and not matrix[:, k].any():
        raise Incorrect(_("It returned {value:g}.").format(value=got[0]))
    if any(close(mine, np.trace(matrix) / matrix.sum()) for mine in got):
        raise Incorrect(_("That is the accuracy, which is one number for all classes."))
    if any(fits):
        said = _("The precision is right, the recall is not.")
        if fits[1]:
            said = _("The recall is right, the precision is not.")
        why = _("Rows are the true classes, columns the predicted ones.")
        raise Incorrect(f"{said} {why}", credit=EDGE_CREDIT)
    raise Incorrect(
        _("Neither is right. Divide matrix[k, k] by the sum of its column, and by the sum of its row.")
    )


def _precision_and_recall(matrix: np.ndarray, k: int) -> tuple[float, float]:
    right, called, are = int(matrix[k, k]), int(matrix[:, k].sum()), int(matrix[k].sum())
    return (right / called if called else 0.0), right / are


EXERCISES = [
    Exercise(
        "2.1.1", N_("A fifth of each class"), 2, "function",
        cases=_split_cases, compare=_compare_split, across=_repeats,
        solved_by=("classification_split", "slice_folds"),
        hint=N_("np.flatnonzero(labels == label) are the rows of a class; "
                "np.random.default_rng(seed).permutation(rows) shuffles them. Then cut, and go to the next "
                "class."),
        correct_message=N_("Every slice is in exactly one set, every class in both, and the seed decides "
                           "which."),
    ),
    Exercise(
        "2.1.2", N_("Find the data leakage"), 2, "function", reference=_leaks,
        cases=lambda rng: [_leak_case(rng) for _ in range(3)], compare=_compare_leaks,
        hint=N_("patients[train] are the patients that the network has seen; np.isin(a, b) tells for each "
                "of a whether it is in b."),
        correct_message=N_("You count the test slices whose patient is in the training set."),
    ),
    Exercise(
        "2.2.2", N_("Count the parameters"), 1, "function", reference=_conv_parameters,
        cases=_parameter_cases, compare=_compare_parameters,
        hint=N_("One filter is a block of kernel x kernel x channels weights, and one bias."),
        correct_message=N_("Try it on the four convolutions of Cuadro 2: it counts all of them."),
    ),
    Exercise(
        "2.4.1", N_("Explain an error"), 3, "open",
        hint=N_("Where is the tumour, how large is it, and what do those of the other class look like?"),
        rubric=(
            (N_("Names one misclassified slice, its true class, the answer and the confidence."), 1),
            (N_("Offers a reason that can be seen in the picture: place, size, brightness, view, or "
                "border."), 1),
            (N_("Says how the reason could be tested, or what would speak against it: other slices of the "
                "patient, other errors, the training set."), 1),
        ),
    ),
    Exercise(
        "2.4.2", N_("Read a confusion matrix"), 2, "function", reference=_precision_and_recall,
        cases=_matrix_cases, compare=_compare_matrix, edge=lambda inputs: not inputs[0][:, inputs[1]].any(),
        edge_message=N_("Right, except for a class that was never predicted: its precision is 0."),
        hint=N_("matrix[k].sum() counts the slices of class k, matrix[:, k].sum() those that were called k."),
        correct_message=N_("Precision goes down the column, recall along the row."),
    ),
]  # fmt: skip
