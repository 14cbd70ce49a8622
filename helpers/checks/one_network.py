"""Exercises of the optional notebook on one network for both tasks."""

from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _

# ---- O.5.1: the class of a slice, from its pixels ----


def class_of_slice(pixels: np.ndarray) -> np.ndarray:
    """Name the tumour with the largest sum of probabilities over the slice.

    Args:
        pixels: (N, H, W, 4) probabilities: background, meningioma, glioma, pituitary tumour.

    Returns:
        (N,) labels 1, 2 or 3.
    """
    return pixels[..., 1:].sum(axis=(1, 2)).argmax(axis=1) + 1


def _pixel_cases(rng: np.random.Generator) -> list[tuple]:
    """Slices on which every mistake names another tumour for at least one slice."""
    cases: list[tuple] = []
    while len(cases) < 3:
        height, width = rng.integers(8, 13, 2)
        logits = rng.normal(0, 1.5, (9, height, width, 4)) + rng.normal(0, 0.4, (9, 1, 1, 4))
        # Only the first three have pixels in which a tumour is the likeliest class; the others are faint.
        logits[..., 0] += np.where(np.arange(9) < 3, 2.0, 7.0)[:, None, None]
        exponents = np.exp(logits)
        pixels = (exponents / exponents.sum(axis=-1, keepdims=True)).astype(np.float32)
        right, sums = class_of_slice(pixels), np.sort(pixels[..., 1:].sum(axis=(1, 2), dtype=float))
        clear = (sums[:, -1] > 1.02 * sums[:, -2]).all()  # so that rounding decides nothing
        if (
            clear
            and len(np.unique(right)) == 3
            and all((right != one).any() for one, _message in _wrong(pixels))
        ):
            cases.append((pixels,))
    return cases


def _wrong(pixels: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """Answers that typical mistakes give, with their messages."""
    tumours, likeliest = pixels[..., 1:], pixels.argmax(axis=-1)
    sums = tumours.sum(axis=(1, 2))
    counts = np.stack([(likeliest == label).sum(axis=(1, 2)) for label in (1, 2, 3)], axis=1)
    best = tumours.argmax(axis=-1)
    voted = np.stack([(best == k).sum(axis=(1, 2)) for k in range(3)], axis=1)
    return [
        (
            counts.argmax(axis=1) + 1,
            _(
                "That counts the pixels whose likeliest class is each tumour. A faint tumour has none, "
                "although all its pixels lean towards the same class: add up the probabilities."
            ),
        ),
        (
            tumours.max(axis=(1, 2)).argmax(axis=1) + 1,
            _("That follows a single pixel, the most certain one: add up all of them."),
        ),
        (
            voted.argmax(axis=1) + 1,
            _(
                "Each pixel of the background has a vote here, too, as loud as those of the tumour: add up "
                "the probabilities, which are small there."
            ),
        ),
        (sums.argmin(axis=1) + 1, _("That is the tumour with the smallest sum.")),
        (
            pixels.sum(axis=(1, 2)).argmax(axis=1),
            _(
                "The background counts as a class here, and mostly wins, since it has the most pixels: leave "
                "channel 0 out."
            ),
        ),
        (
            sums.argmax(axis=1),
            _("The classes are counted from 0 here; the labels are 1, 2 and 3: add 1."),
        ),
    ]


def _compare_classes(inputs: tuple, output: Any) -> None:
    (pixels,) = inputs
    if type(output) is np.ndarray and output.shape == (len(pixels), 3):
        raise Incorrect(
            _("Those are the sums of each tumour. Which one is the largest? argmax(axis=1), plus 1.")
        )
    got, right = answer_types.array(np.asarray(output), (len(pixels),)), class_of_slice(pixels)
    if got.dtype.kind == "f" and np.array_equal(got, right):
        raise Incorrect(_("Right, but as floats: a label is a whole number."), EDGE_CREDIT)
    if np.array_equal(got, right):
        return
    for wrong, message in _wrong(pixels):
        if np.array_equal(got, wrong):
            raise Incorrect(message)
    raise Incorrect(
        _(
            "Other labels are right. Add the probabilities of each tumour over height and width; the largest "
            "of the three sums decides."
        )
    )


EXERCISES = [
    Exercise(
        "O.5.1", N_("Let the pixels vote"), 3, "function",
        cases=_pixel_cases, compare=_compare_classes, reference=class_of_slice,
        solved_by=("class_of_slice",),
        hint=N_("pixels[..., 1:] leaves the background out, and sum(axis=(1, 2)) adds over height and width: "
                "(N, 3). argmax(axis=1) counts from 0, the labels from 1."),
        correct_message=N_("The tumour with the most probability in the slice, wherever it is, names the "
                           "slice."),
    ),
    Exercise(
        "O.6.1", N_("One network or two"), 4, "open",
        hint=N_("What does a radiologist do with the outline, and what with the name? What if the two "
                "contradict each other?"),
        rubric=(
            (N_("Compares under one protocol, with the intervals, and says what could be chance."), 1),
            (N_("Weighs more than scores: time, memory, one training to maintain, contradictions."), 1),
            (N_("Explains why outlines help the classifier, or why here they don't: more supervision per "
                "slice, shared features, or a task that takes capacity from the other."), 1),
            (N_("Says what would change the decision: more patients, more epochs, another cost of "
                "errors."), 1),
        ),
    ),
]  # fmt: skip
