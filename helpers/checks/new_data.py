"""Exercises of the optional notebook on new data: random inputs, and messages for typical mistakes."""

from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, close
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _

# ---- N.2: a bias field ----


def biased(image: np.ndarray, field: np.ndarray) -> np.ndarray:
    """Multiply a slice by the coil's sensitivity.

    Args:
        image: (H, W) uint8.
        field: (H, W) float, 1 where nothing changes.

    Returns:
        (H, W) uint8, rounded, at most 255.
    """
    return np.clip(np.rint(image * field), 0, 255).astype(np.uint8)


def _field_cases(rng: np.random.Generator) -> list[tuple]:
    """Two slices that stay below 255, and one that exceeds it."""
    cases = []
    for (height, width), brightest, strength in (
        ((9, 13), 120, 0.6),
        ((12, 7), 140, 0.4),
        ((10, 11), 250, 0.7),
    ):
        image = rng.integers(0, brightest, (height, width), dtype=np.uint8)
        image[0, -1] = brightest  # where the field is strongest
        across = np.linspace(-1, 1, width) * rng.uniform(0.8, 1)
        down = np.linspace(1, -1, height)[:, np.newaxis]
        cases.append((image, rng.uniform(0.85, 0.95) * (1 + strength * (across + down) / 2)))
    return cases


def _exceeds(inputs: tuple) -> bool:
    image, field = inputs
    return bool((image * field).max() > 255)


def _field_mistakes(image: np.ndarray, field: np.ndarray) -> list[tuple[np.ndarray, str]]:
    """Slices that typical mistakes give, with their messages."""
    product = image * field
    return [
        (image, _("The slice came back as it was: multiply it by the field.")),
        (image + field, _("The field was added. A coil that is twice as sensitive doubles the signal.")),
        (image / field, _("It was divided by the field, which is how a bias field is removed: multiply.")),
        (image * field.astype(np.uint8), _("The field became whole numbers, 0 and 1. Convert the product, "
         "not the field.")),
        (product * 255 / product.max(), _("The result was scaled to a maximum of 255. A scanner doesn't: "
         "pixels keep their value where the field is 1.")),
        (product / field.max(), _("The field was scaled to a maximum of 1. Leave it as it is.")),
        (product / 255, _("The values are between 0 and 1; a slice of uint8 has 0 to 255.")),
        (image * field.mean(), _("One factor for the whole slice: the field has another one for each "
         "pixel.")),
        (image * (1 - field), _("The product with 1 - field is the change alone: use the field itself.")),
        (np.clip(product, 0, 1), _("Everything bright is 1: the largest value of uint8 is 255.")),
    ]  # fmt: skip


def _compare_field(inputs: tuple, output: Any) -> None:
    image, field = inputs
    got = answer_types.array(output, image.shape)
    values, right = got.astype(float), biased(image, field).astype(float)
    if np.abs(values - right).max() <= 1:
        if got.dtype != np.uint8:
            said = _("The values are right, but {type}: the networks' slices are uint8, astype(np.uint8).")
            raise Incorrect(said.format(type=got.dtype), EDGE_CREDIT)
        return
    if any(np.array_equal(values, rounded(image * field) % 256) for rounded in (np.trunc, np.rint)):
        raise Incorrect(
            _("What exceeds 255 wraps round, and the brightest pixels turn dark: np.clip before astype.")
        )
    if got.dtype != np.uint8 and np.abs(values - image * field).max() <= 1:
        raise Incorrect(
            _("Values above 255 are left, which uint8 cannot hold: np.clip, then astype(np.uint8).")
        )
    for wrong, message in _field_mistakes(image, field):
        bytes_of_it = np.clip(wrong, 0, 255)
        if any(np.array_equal(values, form) for form in (np.trunc(bytes_of_it), np.rint(bytes_of_it))):
            raise Incorrect(message)
        if np.allclose(values, wrong):
            raise Incorrect(message)
    raise Incorrect(_("Other values are right. Multiply, round, clip to 0..255, then astype(np.uint8)."))


# ---- N.3: the area under the ROC curve ----


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a slice with a tumour scores higher than one without; a tie counts one half.

    Args:
        positive: (n,) float, scores of slices with a tumour.
        negative: (m,) float, of slices without.

    Returns:
        0..1.
    """
    difference = positive[:, np.newaxis] - negative
    return float(np.mean(difference > 0) + np.mean(difference == 0) / 2)


def _auc_cases(rng: np.random.Generator) -> list[tuple]:
    """Scores in eighths, exact in binary: without ties, as many of both kinds, and with ties."""
    cases = []
    for positives, negatives in ((7, 12), (9, 9)):
        while True:
            scores = rng.permutation(64)[: positives + negatives] / 64
            case = np.sort(scores[:positives])[::-1].copy(), scores[positives:]
            found = [auc(*case), *(value for value, _message in _auc_mistakes(*case))]
            different = len(np.unique(np.round(found, 6))) == len(found)
            if 0.55 < found[0] < 0.9 and different and _rounds_clearly(found[0]):
                break
        cases.append(case)
    while True:
        tied = rng.integers(0, 4, 10) / 4, rng.integers(0, 4, 8) / 4
        tied[0][:2], tied[1][:2] = 0.5, 0.5
        if _rounds_clearly(auc(*tied)):
            return [*cases, tied]


def _rounds_clearly(value: float) -> bool:
    """Whether Python and NumPy round it to the same 1, 2 or 3 places: it is in the middle of none."""
    return all(abs(value * 10**places % 1 - 0.5) > 0.01 for places in (1, 2, 3))


def _has_ties(inputs: tuple) -> bool:
    return bool(np.isin(*inputs).any())


def _auc_mistakes(positive: np.ndarray, negative: np.ndarray) -> list[tuple[float, str]]:
    """Numbers that typical mistakes give on scores without ties, with their messages."""
    pairs = len(positive) * len(negative)
    value = auc(positive, negative)
    scores = np.concatenate([positive, negative])
    right = np.count_nonzero(positive >= 0.5) + np.count_nonzero(negative < 0.5)
    return [
        (1 - value, _("That is the share of pairs in which the slice *without* a tumour scores higher.")),
        (value * pairs, _("Those are pairs, counted: divide by how many pairs there are, n times m.")),
        (right / len(scores), _("That is an accuracy at a threshold of 0.5. The AUC takes none: compare "
         "every positive with every negative.")),
        (positive.mean() - negative.mean(), _("That is the difference of the means. Count pairs instead: in "
         "how many does the positive score higher?")),
        (np.mean(positive > negative.mean()), _("The negatives were reduced to their mean. Compare with "
         "each.")),
        (np.mean(positive > np.median(negative)), _("The negatives were reduced to their median. Compare "
         "with each.")),
        (2 * value - 1, _("2 AUC - 1 is the Gini coefficient. Chance has an AUC of 0.5.")),
        (value * 100, _("The AUC is between 0 and 1: return a fraction, not a percentage.")),
        (value * pairs / len(scores) ** 2, _("A pair is one positive and one negative: there are n times "
         "m.")),
    ]  # fmt: skip


def _compare_auc(inputs: tuple, output: Any) -> None:
    positive, negative = inputs
    got = answer_types.number(output, advice=N_("Take the mean over all pairs."))
    if close(got, auc(positive, negative)):
        return
    if _has_ties(inputs):
        higher = float(np.mean(positive[:, np.newaxis] > negative))
        if close(got, higher):
            raise Incorrect(_("Ties were not counted; each counts one half."))
        if close(got, float(np.mean(positive[:, np.newaxis] >= negative))):
            raise Incorrect(_("Ties were counted as if the positive scored higher; each counts one half."))
    for wrong, message in _auc_mistakes(positive, negative):
        if close(got, wrong):
            raise Incorrect(message)
    said = _("{right:.4f} is right, {got:.4f} came out. Compare all n times m pairs.")
    raise Incorrect(said.format(right=auc(positive, negative), got=got))


def _diagnose_auc(cases: list[tuple], outputs: list) -> None:
    if all(
        np.shape(output) == (len(case[0]), len(case[1])) for case, output in zip(cases, outputs, strict=True)
    ):
        raise Incorrect(_("Those are all pairs: take their mean."))
    answer_types.forbid_rounding(outputs, [auc(*case) for case in cases])


EXERCISES = [
    Exercise(
        "N.2", N_("A bias field"), 2, "function",
        cases=_field_cases, compare=_compare_field, reference=biased, solved_by=("biased",),
        edge=_exceeds, edge_message=N_("Right as long as nothing exceeds 255."),
        hint=N_("image * field is a float array. np.rint rounds it, np.clip(..., 0, 255) keeps it within "
                "what a byte holds, and astype(np.uint8) makes bytes of it: in this order."),
        correct_message=N_("Each pixel is multiplied by its own factor, and what is too bright stays at "
                           "255."),
    ),
    Exercise(
        "N.3", N_("The area under the ROC curve"), 3, "function",
        cases=_auc_cases, compare=_compare_auc, diagnose=_diagnose_auc, reference=auc,
        edge=_has_ties, edge_message=N_("Right as long as no two scores are equal."),
        solved_by=("auc", "auc_interval"),
        hint=N_("positive[:, np.newaxis] - negative has the difference of every pair, (n, m). The mean of "
                "(difference > 0) is the share of pairs won; add half the share of those that are equal."),
        correct_message=N_("Every pair counts once, and a tie counts one half."),
    ),
    Exercise(
        "N.6", N_("A healthy class"), 4, "open",
        hint=N_("Suppose a network had learned nothing but to recognize the scanner. Which of their numbers "
                "would be lower?"),
        rubric=(
            (N_("Says that source and health cannot be told apart in these data, and names what differs "
                "between the sources."), 1),
            (N_("Proposes a test that could show it, and which result would mean what."), 1),
            (N_("Asks about patients and copies: how slices were split, whether collections overlap."), 1),
            (N_("Says which data would answer the question that was meant to be asked."), 1),
        ),
    ),
]  # fmt: skip
