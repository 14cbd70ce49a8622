"""Exercises about segmentation: random inputs, and messages for typical mistakes."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, alike, close
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _
from helpers.evaluation.overlap import THRESHOLD, dice, iou, pooled_dice, pooled_iou

# ---- 2.9.1: Dice of two masks ----

SMOOTHING = 1e-5  # by which a Dice may be wrong, since many add a small number above and below


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
    pairs = [tuple(mask[0] for mask in _masks(rng)) for _ in range(4)]
    bools = [tuple(mask.astype(bool) for mask in pair) for pair in pairs[2:]]
    some, nothing = np.zeros((2, 16, 16), np.uint8)
    y, x = rng.integers(0, 14, 2)
    some[y : y + 2, x : x + 2] = 1
    return [*pairs[:2], _large_masks(rng), *bools, (some, nothing), (nothing, some), (nothing, nothing)]


def _large_masks(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted masks with 783 pixels in common: a sum of uint8 that stays uint8 wraps round."""
    truth, predicted = np.zeros((2, 40, 40), np.uint8)
    y, x = rng.integers(0, 9, 2)
    truth[y : y + 28, x : x + 30] = 1
    predicted[y + 1 : y + 29, x + 1 : x + 32] = 1
    return truth, predicted


ONLY_ONE_EMPTY = {  # whether there is a tumour
    False: N_(
        "There is no tumour, but one was found: that is a false alarm, and gets 0. Return 1 only if both "
        "masks are empty."
    ),
    True: N_(
        "There is a tumour, but nothing was found: that is a miss, and gets 0. Return 1 only if both masks "
        "are empty."
    ),
}
WRAPPED = N_(
    "Right for small tumours, but not for one of more than 255 pixels: uint8 wraps at 256, and Python's sum "
    "and @ stay in uint8. truth.sum() counts in larger numbers; so does astype(int)."
)


def _compare_dice(inputs: tuple, output: Any) -> None:
    truth, predicted = inputs
    expected = _dice_of(truth, predicted)
    got = answer_types.number(output, advice=N_("Sum over the pixels."))
    if abs(got - expected) < SMOOTHING:  # 1e-7, say, added above and below, does no harm
        return
    both, true, found = (np.count_nonzero(mask) for mask in (truth & predicted, truth, predicted))
    union = true + found - both
    if got < 0 or np.isinf(got):
        raise Incorrect(
            _(
                "It returned {got:g}: uint8 has no negative numbers, 0 - 1 is 255. Convert to int first."
            ).format(got=got)
        )
    if not union:
        raise Incorrect(_("It returned {got:g}.").format(got=got))
    if not (true and found) and close(got, 1):
        raise Incorrect(_(ONLY_ONE_EMPTY[bool(true)]), credit=EDGE_CREDIT)
    if any(close(got, (2 * both + added) / (true + found + added)) for added in (1, 0.1, 0.01, 1e-3, 1e-4)):
        raise Incorrect(
            _(
                "A number was added above and below the line (smoothing). A loss needs that, a score "
                "doesn't: a mask that misses everything must get 0."
            ),
            credit=EDGE_CREDIT,
        )
    if close(got, both / union):
        raise Incorrect(
            _("That is the IoU: the intersection divided by the union. Dice divides by both areas.")
        )
    if truth.dtype == bool and close(got, 2 * both / union):
        raise Incorrect(
            _(
                "Right for 0 and 1, but with True and False, + means or: True + True is True, and the "
                "overlap counts once. Sum each mask first, then add."
            ),
            credit=EDGE_CREDIT,
        )
    if truth.dtype == bool and both > 1 and close(got, 2 / (true + found)):
        raise Incorrect(
            _("Right for 0 and 1, but @ of True and False is a single True, not a count: use astype(int)."),
            credit=EDGE_CREDIT,
        )
    if max(both, true, found) > 255:  # other mistakes are found in smaller masks, and get less
        raise Incorrect(_(WRAPPED), credit=EDGE_CREDIT)
    if both and got == 0:
        raise Incorrect(
            _(
                "It returned 0, but the masks overlap. // rounds down, and in 2 * truth & predicted, * comes "
                "before &: use /, and 2 * (truth & predicted)."
            )
        )
    if true and close(got, 2 * both / true + found):
        raise Incorrect(
            _("Brackets are missing: a / b + c is (a / b) + c. Divide by (truth.sum() + predicted.sum()).")
        )
    if close(got, both / (true + found)):
        raise Incorrect(
            _("A perfect mask would get 0.5: the overlap counts twice, once for each of the two.")
        )
    if close(got, float((truth == predicted).mean())):
        raise Incorrect(
            _("That is the part of all pixels that agree, and nearly all of them are background.")
        )
    if got > 1:
        raise Incorrect(
            _("{got:.2f} is above 1, which Dice never is. Is the overlap that of *both* masks?").format(
                got=got
            )
        )
    if found and close(got, both / found):
        raise Incorrect(_("That is the precision of the pixels: it ignores what the mask leaves out."))
    if true and close(got, both / true):
        raise Incorrect(_("That is the recall of the pixels: a mask over the whole slice would get 1."))
    raise Incorrect(_("{expected:.4f} is right, {got:.4f} came out.").format(expected=expected, got=got))


def _diagnose_dice(cases: list[tuple], outputs: list) -> None:
    expected = [_dice_of(*inputs) for inputs in cases]
    answer_types.forbid_rounding(outputs, expected)
    if all(alike(output, 100 * value) for output, value in zip(outputs, expected, strict=True) if value < 1):
        raise Incorrect(_("Dice is between 0 and 1: return a fraction, not a percentage."))


def _dice_of(truth: np.ndarray, predicted: np.ndarray) -> float:
    return float(dice(truth[np.newaxis], predicted[np.newaxis])[0])


# ---- 2.9.2: choose a threshold ----

THRESHOLDS = [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]  # exact in binary, as are the probabilities
CLEARLY = 0.005  # by which the best threshold is better than the others


def _pixel_accuracy(truth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return (truth == masks).mean(axis=(1, 2, 3))


def _mean_dice(truth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return _dice_of_each(truth, masks).mean(axis=1)


def _smoothed_dice(truth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The form of many loss functions: 1 added above and below."""
    both, areas = _counted(truth, masks)
    return ((2 * both + 1) / (areas + 1)).mean(axis=1)


def _mean_iou(truth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    both, areas = _counted(truth, masks)
    return np.where(areas > 0, both / np.maximum(areas - both, 1), 1.0).mean(axis=1)


def _dice_of_all_pixels(truth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    both, areas = (counts.sum(axis=1) for counts in _counted(truth, masks))
    return np.where(areas > 0, 2 * both / np.maximum(areas, 1), 1.0)


def _dice_if_any(truth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """A mistake: slices without a tumour, true or found, are left out."""
    some = (truth | masks).any(axis=(2, 3))
    return (_dice_of_each(truth, masks) * some).sum(axis=1) / some.sum(axis=1)


def _dice_or_0(truth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """A mistake: 0 for slices without a tumour, true or found."""
    return (_dice_of_each(truth, masks) * (truth | masks).any(axis=(2, 3))).mean(axis=1)


def _counted(truth: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the common pixels and the sum of both areas, (thresholds, slices)."""
    return (truth & masks).sum(axis=(2, 3)), truth.sum(axis=(1, 2)) + masks.sum(axis=(2, 3))


def _dice_of_each(truth: np.ndarray, masks: np.ndarray) -> np.ndarray:
    both, areas = _counted(truth, masks)
    return np.where(areas > 0, 2 * both / np.maximum(areas, 1), 1.0)


def _scores(inputs: tuple, measure: Callable, compared: Callable = np.greater_equal) -> np.ndarray:
    """Measure the (thresholds, slices, height, width) masks of all thresholds at once, since this is slow."""
    truth, probabilities, thresholds = inputs
    return measure(truth, compared(probabilities, np.reshape(thresholds, (-1, 1, 1, 1))))


def _first(inputs: tuple, scores: np.ndarray) -> float:
    return inputs[2][int(np.argmax(scores > scores.max() - 1e-9))]


def _last(inputs: tuple, scores: np.ndarray) -> float:
    return inputs[2][int(np.flatnonzero(scores > scores.max() - 1e-9)[-1])]


def _best(inputs: tuple) -> float:
    return _first(inputs, _scores(inputs, _mean_dice))


# A mistake: what it returns, the message, the share of the points.
THRESHOLD_MISTAKES: list[tuple[Callable[[tuple], Any], str, float]] = [
    (
        lambda inputs: _first(inputs, _scores(inputs, _mean_iou)),
        N_(
            "That threshold has the highest IoU. The mean Dice can have another one: each weighs errors in "
            "its own way."
        ),
        0.0,
    ),
    (
        lambda inputs: _first(inputs, _scores(inputs, _dice_of_all_pixels)),
        N_(
            "That threshold has the highest Dice of all pixels pooled, in which large tumours decide. "
            "Calculate the Dice of each slice, then average."
        ),
        0.0,
    ),
    (
        lambda inputs: _first(inputs, _scores(inputs, _pixel_accuracy)),
        N_(
            "That threshold has the most pixels right, and nearly all of them are background. Compare the "
            "Dice."
        ),
        0.0,
    ),
    (
        lambda inputs: _first(inputs, -_scores(inputs, _mean_dice)),
        N_("That is the threshold with the *lowest* Dice: argmax, not argmin."),
        0.0,
    ),
    (
        lambda inputs: _scores(inputs, _mean_dice).max(),
        N_("That is the highest Dice itself. Return the threshold at which it occurs."),
        0.0,
    ),
    (
        lambda inputs: int(np.argmax(_scores(inputs, _mean_dice))),
        N_("That is the position of the threshold in the list: return thresholds[position]."),
        0.0,
    ),
    (
        lambda inputs: _first(inputs, _scores(inputs, _mean_dice, np.greater)),
        N_("A pixel whose probability is exactly the threshold is tumour, too: >=, not >."),
        EDGE_CREDIT,
    ),
    (
        lambda inputs: _last(inputs, _scores(inputs, _mean_dice)),
        N_(
            "If several thresholds are equally good, take the first, not the last: > instead of >= when you "
            "compare with the best so far."
        ),
        EDGE_CREDIT,
    ),
]


def _threshold_cases(rng: np.random.Generator) -> list[tuple]:
    while True:
        pair = [_threshold_case(rng) for _ in range(2)]
        # What each mistake gives, and what is right: no two of them agree, and no constant is right.
        given = {tuple(wrong) for wrong in zip(*map(_wrong_without_ties, pair), strict=True)}
        if len(given) == len(THRESHOLD_MISTAKES) - 1 and _best(pair[0]) != _best(pair[1]):
            return [*pair, _tied_case(rng), _threshold_case(rng, empty=True)]


def _blurred(rng: np.random.Generator, empty: bool) -> tuple[np.ndarray, np.ndarray]:
    """Three tumours of different sizes, each best found at a threshold of its own."""
    truth, levels = np.zeros((3, 8, 8), bool), np.zeros((3, 8, 8))
    for part, (height, width) in enumerate([(5, 6), (3, 3), (2, 2)]):
        y, x = rng.integers(0, [9 - height, 9 - width])
        truth[part, y : y + height, x : x + width] = not (empty and part == 1)
        inside = rng.integers(4, 15)
        centre = np.where(truth[part], inside, inside - rng.integers(2, 8))
        levels[part] = centre + rng.integers(-3, 4, (8, 8))
    return truth, (np.clip(levels, 0, 16) / 16).astype(np.float32)


def _threshold_case(rng: np.random.Generator, empty: bool = False) -> tuple:
    """Draw until no mistake gives the right threshold."""
    while True:
        inputs = (*_blurred(rng, empty), [float(one) for one in rng.permutation(THRESHOLDS)])
        scores = _scores(inputs, _mean_dice)
        best, (second, first) = _first(inputs, scores), np.sort(scores)[-2:]
        wrong = _wrong_if_empty(inputs) if empty else _wrong_without_ties(inputs)
        if first - second < CLEARLY or best in wrong:
            continue
        if _first(inputs, _scores(inputs, _smoothed_dice)) == best:  # a Dice with 1 above and below agrees
            return inputs


def _wrong_without_ties(inputs: tuple) -> Iterator[float]:
    return (mistake(inputs) for mistake, *_ in THRESHOLD_MISTAKES[:-1])


def _wrong_if_empty(inputs: tuple) -> Iterator[float]:
    truth, probabilities, thresholds = inputs
    yield from (_first(inputs, _scores(inputs, measure)) for measure in (_dice_or_0, _dice_if_any))
    # np.argmax takes the first nan for the largest number.
    yield next((one for one in thresholds if _has_empty((truth | (probabilities >= one),))), _best(inputs))


def _tied_case(rng: np.random.Generator) -> tuple:
    """Two thresholds are the best: between them there is no probability."""
    truth, probabilities, _ = inputs = _threshold_case(rng)
    best = _best(inputs)
    return truth, probabilities, sorted([*THRESHOLDS, best - 1 / 32])


def _compare_threshold(inputs: tuple, output: Any) -> None:
    thresholds = inputs[2]
    if alike(output, thresholds):
        raise Incorrect(_("It returned the whole list. Which of them gives the highest mean Dice?"))
    got, best = answer_types.number(output), _best(inputs)
    if close(got, best):
        return
    if not any(close(got, one) for one in thresholds):
        raise Incorrect(
            _("It returned {got:.4g}, which is none of the thresholds {thresholds}.").format(
                got=got, thresholds=thresholds
            )
        )
    score, most = (_scores((*inputs[:2], [one]), _mean_dice)[0] for one in (got, best))
    raise Incorrect(
        _("At {got:g}, the mean Dice is {score:.3f}; at {best:g} it is {most:.3f}.").format(
            got=got, score=score, best=best, most=most
        )
    )


def _diagnose_threshold(cases: list[tuple], outputs: list) -> None:
    pairs = list(zip(cases, outputs, strict=True))
    for wrong, message, credit in THRESHOLD_MISTAKES:
        if all(alike(output, wrong(inputs)) for inputs, output in pairs if not _has_empty(inputs)):
            raise Incorrect(_(message), credit)


def _has_empty(inputs: tuple) -> bool:
    return not inputs[0].any(axis=(1, 2)).all()


def _best_threshold(truth: np.ndarray, probabilities: np.ndarray, thresholds: list) -> float:
    return thresholds[int(np.argmax([dice(truth, probabilities >= one).mean() for one in thresholds]))]


# ---- 2.10.1: which explanation? ----


EXPLANATIONS = {
    "A": N_("The masks come out too small."),
    "B": N_("The metric throws the probabilities away before it compares."),
    "C": N_("The network does not find the tumours."),
    "D": N_("The threshold of 0.5 is too high."),
}


def _compare_culprit(inputs: tuple, output: Any) -> None:
    first, *others = re.findall(r"\w+", answer_types.text(output).replace("_", " ").lower()) or [""]
    got = first.upper()
    if got in EXPLANATIONS and others != re.findall(r"\w+", _(EXPLANATIONS[got]).lower())[: len(others)]:
        raise Incorrect(
            _('It begins with {got}, but says more. Choose one letter, alone: culprit = "...".').format(
                got=got
            )
        )
    if got == inputs[0]:
        return
    against = {
        "A": _("Then the true masks would do better, which cannot be too small. Look at their bar."),
        "C": _("Then the tumour's own IoU would be low. Look at the other bar of your network."),
        "D": _("A threshold cannot be too high if none is used: the metric was given probabilities."),
    }
    raise Incorrect(against.get(got, _("Choose one of the letters A, B, C and D, between quotes.")))


# ---- 2.10.2: repair it ----

NEAR = np.array(
    [0.05, 0.15, 0.25, 0.35, 0.41, 0.45, 0.49, 0.51, 0.55, 0.59, 0.65, 0.75, 0.85, 0.95], np.float32
)


def _repair_cases(rng: np.random.Generator) -> list[tuple]:
    cases = []
    for _part in range(3):
        truth, predicted = _masks(rng, parts=2)
        probabilities = np.where(
            predicted, rng.uniform(0.6, 0.99, truth.shape), rng.uniform(0, 0.4, truth.shape)
        )
        probabilities[:, 14, 1:15] = NEAR  # so that every other threshold gives another number
        probabilities[:, 12:14, 0] = THRESHOLD
        cases.append((truth, probabilities.astype(np.float32)))
    nothing, low = np.zeros_like(truth), np.full(truth.shape, 0.1, np.float32)
    large, found = (mask[np.newaxis] for mask in _large_masks(rng))
    alarm = np.where(truth, 0.9, low).astype(np.float32)
    return [*cases, (large, (0.1 + 0.8 * found).astype(np.float32)), (truth, low), (nothing, alarm),
            (nothing, low)]  # fmt: skip


def _compare_repair(inputs: tuple, output: Any) -> None:
    truth, probabilities = inputs
    mask = probabilities >= THRESHOLD
    expected = pooled_iou(truth, mask)
    got = answer_types.number(output, advice=N_("Sum over the pixels."))
    if close(got, expected):
        return
    if _nothing_at_all(inputs):
        raise Incorrect(_("It returned {got:g}.").format(got=got))
    if not (truth.any() and mask.any()) and close(got, 1):
        raise Incorrect(_(ONLY_ONE_EMPTY[bool(truth.any())]), credit=EDGE_CREDIT)
    if (truth & mask).sum() > 255:  # other mistakes are found in smaller masks, and get less
        raise Incorrect(_(WRAPPED), credit=EDGE_CREDIT)
    if close(got, pooled_iou(truth, probabilities > THRESHOLD)):
        raise Incorrect(
            _("A pixel with a probability of exactly 0.5 is tumour too: >=, not >."), credit=EDGE_CREDIT
        )
    background = pooled_iou(truth == 0, ~mask)
    mistakes = [
        (0.0, _("0, as if nothing had been found: are the probabilities still truncated to whole numbers?")),
        (
            (expected + background) / 2,
            _("That is the mean over tumour and background. Leave the background out."),
        ),
        (background, _("That is the IoU of the background, which is large whatever the network does.")),
        (pooled_dice(truth, mask), _("That is Dice. The IoU divides by the union, once.")),
        (float(iou(truth, mask).mean()), _("That is the mean over slices; here all pixels are pooled.")),
        (float((truth == mask).mean()), _("That is the accuracy of the pixels.")),
    ]
    for other in [step / 20 for step in range(1, 20)]:
        said = _("That is the IoU at a threshold of {other:.2f}; it should be 0.5.").format(other=other)
        mistakes.append((pooled_iou(truth, probabilities >= other), said))
    for value, message in mistakes:
        if close(got, value):
            raise Incorrect(message)
    raise Incorrect(_("{expected:.4f} is right, {got:.4f} came out.").format(expected=expected, got=got))


def _nothing_at_all(inputs: tuple) -> bool:
    truth, probabilities = inputs
    return not truth.any() and not (probabilities >= THRESHOLD).any()


def _diagnose_repair(cases: list[tuple], outputs: list) -> None:
    answer_types.forbid_rounding(outputs, [_tumour_iou(*inputs) for inputs in cases])


def _tumour_iou(truth: np.ndarray, probabilities: np.ndarray) -> float:
    return pooled_iou(truth, probabilities >= THRESHOLD)


EXERCISES = [
    Exercise(
        "2.9.1", N_("Dice of two masks"), 2, "function", reference=_dice_of,
        cases=_dice_cases, compare=_compare_dice, diagnose=_diagnose_dice, solved_by=("dice", "pooled_dice"),
        edge=lambda inputs: not np.any(inputs),
        edge_message=N_("Right, except for two empty masks: they agree about everything, so return 1."),
        hint=N_("(truth & predicted).sum() is the overlap. What is the sum of the two areas?"),
        correct_message=N_("1 for a perfect mask, 0 for a miss, and 1 if both masks are empty."),
    ),
    Exercise(
        "2.9.2", N_("Choose a threshold"), 3, "function", reference=_best_threshold,
        cases=_threshold_cases, compare=_compare_threshold, diagnose=_diagnose_threshold, edge=_has_empty,
        edge_message=N_("Right, except if a slice has no tumour: where none is found either, its Dice is 1."),
        hint=N_("For each threshold: probabilities >= threshold, the Dice of each slice, their mean. "
                "np.argmax gives the position of the first maximum."),
        correct_message=N_("Slice by slice, and the first of the best."),
    ),
    Exercise(
        "2.10.1", N_("Find the error"), 1, "value",
        cases=lambda rng: [("B",)], compare=_compare_culprit,
        hint=N_("An explanation must fit all three predictions. Which ones does the true mask rule out?"),
        correct_message=N_("It is the only one that explains why a perfect mask scores like an empty one."),
    ),
    Exercise(
        "2.10.2", N_("Repair it"), 2, "function", reference=_tumour_iou,
        cases=_repair_cases, compare=_compare_repair, diagnose=_diagnose_repair,
        solved_by=("iou", "pooled_iou"), edge=_nothing_at_all,
        edge_message=N_("Right, except for slices without any tumour, true or found: nothing is wrong "
                        "there, so return 1."),
        hint=N_("Make a mask of the probabilities first: probabilities >= 0.5. Then count pixels."),
        correct_message=N_("Decided first, counted afterwards, and the background left out."),
    ),
]  # fmt: skip
