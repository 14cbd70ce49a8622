"""Exercises about segmentation: random inputs, and messages for typical mistakes."""

from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import Incorrect, close
from helpers.checks.exercise import EDGE_CREDIT, Exercise
from helpers.evaluation.overlap import THRESHOLD, dice, iou, pooled_dice, pooled_iou

# ---- 2.9.1: Dice ----


def _masks(rng: np.random.Generator, parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """True masks of quite different sizes, and predicted ones."""
    truth = np.zeros((parts, 16, 16), np.uint8)
    predicted = truth.copy()
    for part in range(parts):
        y, x, height, width = rng.integers(2, 5, 4) + np.array([0, 0, 4 * part, 3 * part])
        truth[part, y : y + height, x : x + width] = 1
        predicted[part, y + 1 : y + 2 + height, x : x + 1 + width] = 1
    return truth, predicted


def _dice_cases(rng: np.random.Generator) -> list[tuple]:
    pairs = [tuple(mask[0] for mask in _masks(rng)) for _ in range(3)]
    truth, _ = pairs[0]
    nothing = np.zeros_like(truth)
    return [*pairs, (truth.astype(bool), pairs[1][1].astype(bool)), (truth, nothing), (nothing, nothing)]


def _compare_dice(inputs: tuple, output: Any) -> None:
    truth, predicted = inputs
    expected = float(dice(truth[None], predicted[None])[0])
    got = answer_types.number(output)
    if close(got, expected):
        return
    both, true, found = (np.count_nonzero(mask) for mask in (truth & predicted, truth, predicted))
    if true + found and close(got, float(iou(truth[None], predicted[None])[0])):
        raise Incorrect("That is the IoU: the intersection divided by the union. Dice divides by both areas.")
    if true + found and close(got, both / (true + found)):
        raise Incorrect("A perfect mask would get 0.5: the overlap counts twice, once for each of the two.")
    if close(got, float((truth == predicted).mean())):
        raise Incorrect("That is the part of all pixels that agree, and nearly all of them are background.")
    if got > 1:
        raise Incorrect(f"{got:.2f} is above 1, which Dice never is. Is the overlap that of *both* masks?")
    if found and close(got, both / found):
        raise Incorrect("That is the precision of the pixels: it ignores what the mask leaves out.")
    if true and close(got, both / true):
        raise Incorrect("That is the recall of the pixels: a mask over the whole slice would get 1.")
    raise Incorrect(f"{expected:.4f} is right, {got:.4f} came out.")


# ---- 2.10.1: which explanation? ----


def _compare_culprit(inputs: tuple, output: Any) -> None:
    got = answer_types.text(output).strip().upper()
    if got == inputs[0]:
        return
    against = {
        "A": "Then the true masks would do better, which cannot be too small. Look at their bar.",
        "C": "Then the tumour's own IoU would be low. Look at the other bar of your network.",
        "D": "A threshold cannot be too high if none is used: the metric was given probabilities.",
    }
    raise Incorrect(against.get(got, "Choose one of the letters A, B, C and D, between quotes."))


# ---- 2.10.2: repair it ----


def _repair_cases(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for _ in range(3):
        truth, predicted = _masks(rng, parts=2)
        probabilities = np.where(
            predicted, rng.uniform(0.6, 0.99, truth.shape), rng.uniform(0, 0.4, truth.shape)
        )
        probabilities[:, 12:14, 0] = THRESHOLD
        cases.append((truth, probabilities.astype(np.float32)))
    return [*cases, (np.zeros_like(truth), np.full(truth.shape, 0.1, np.float32))]


def _compare_repair(inputs: tuple, output: Any) -> None:
    truth, probabilities = inputs
    mask = probabilities >= THRESHOLD
    expected = pooled_iou(truth, mask)
    got = answer_types.number(output)
    if close(got, expected):
        return
    background = pooled_iou(truth == 0, ~mask)
    mistakes = [
        (0.0, "0, as if nothing had been found: are the probabilities still truncated to whole numbers?"),
        (
            (expected + background) / 2,
            "That is the mean over tumour and background. Leave the background out.",
        ),
        (background, "That is the IoU of the background, which is large whatever the network does."),
        (pooled_dice(truth, mask), "That is Dice. The IoU divides by the union, once."),
        (float(iou(truth, mask).mean()), "That is the mean over slices; here all pixels are pooled."),
        (float((truth == mask).mean()), "That is the accuracy of the pixels."),
    ]
    if close(got, pooled_iou(truth, probabilities > THRESHOLD)):
        raise Incorrect(
            "A pixel with a probability of exactly 0.5 is tumour too: >=, not >.", credit=EDGE_CREDIT
        )
    for value, message in mistakes:
        if close(got, value):
            raise Incorrect(message)
    raise Incorrect(f"{expected:.4f} is right, {got:.4f} came out.")


EXERCISES = [
    Exercise(
        "2.9.1", "Dice of two masks", 2, "function",
        cases=_dice_cases, compare=_compare_dice, edge=lambda inputs: not np.any(inputs),
        edge_message="Right, except for two empty masks: they agree about everything, so return 1.",
        hint="(truth & predicted).sum() is the overlap. What is the sum of the two areas?",
        correct_message="1 for a perfect mask, 0 for a miss, and 1 where there is nothing to find and "
        "nothing found.",
    ),
    Exercise(
        "2.10.1", "Find the error", 1, "value",
        cases=lambda rng: [("B",)], compare=_compare_culprit,
        hint="An explanation must fit all three predictions. Which ones does the true mask rule out?",
        correct_message="It is the only one that explains why a perfect mask scores like an empty one.",
    ),
    Exercise(
        "2.10.2", "Repair it", 2, "function",
        cases=_repair_cases, compare=_compare_repair, edge=lambda inputs: not inputs[0].any(),
        edge_message="Right, except for slices without any tumour, true or found: nothing is wrong there, "
        "so return 1.",
        hint="Make a mask of the probabilities first: probabilities >= 0.5. Then count pixels.",
        correct_message="Decided first, counted afterwards, and the background left out.",
    ),
]  # fmt: skip
