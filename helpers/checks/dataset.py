"""Exercises about slices and data sets: random inputs, and messages for typical mistakes."""

import warnings
from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, described
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _
from helpers.datasets.preprocessing import resize_mask, to_uint8
from helpers.reference import CLASS_NAMES
from helpers.splits import patient_family

LETTERS = "ABCDEF"


def _patient_id(rng: np.random.Generator, kind: str, letter: str = "B") -> str:
    digits = "".join(map(str, rng.integers(0, 10, rng.integers(5, 8))))
    return {
        "number": f"1{digits}",
        "plain": f"MR0{digits}",
        "letter": f"MR0{digits}{letter}",
    }[kind]


# ---- 1.2.1: decode a patient id ----


def _pid_cases(rng: np.random.Generator) -> list[tuple]:
    ids = [_patient_id(rng, kind) for kind in ("letter", "plain", "number", "letter", "number")]
    return [(np.array([[ord(letter)] for letter in one], np.uint16),) for one in ids]


def _compare_pid(inputs: tuple, output: Any) -> None:
    codes = inputs[0][:, 0].tolist()
    expected = "".join(map(chr, codes))
    if isinstance(output, list | tuple | np.ndarray):
        said = _("It returned {value}; join its characters into one text: ''.join(...).")
        raise Incorrect(said.format(value=described(output)))
    if isinstance(output, int | np.integer):
        raise Incorrect(
            _("An id is a name, not a number: as a number it loses its letters and leading zeros.")
        )
    got = answer_types.text(output)
    if got == expected:
        return
    if got in {"".join(map(str, codes)), " ".join(map(str, codes))}:
        raise Incorrect(
            _("Those are the codes, written one after the other. chr(77) is the character of code 77.")
        )
    if "[" in got:
        raise Incorrect(_("That is the array, printed. Take the codes out of it one by one: codes[:, 0]."))
    if got in expected:
        said = _("{missing} of {count} characters are missing: every code counts.")
        raise Incorrect(said.format(missing=len(expected) - len(got), count=len(expected)))
    raise Incorrect(_("{expected!r} came out as {got!r}.").format(expected=expected, got=got))


# ---- 1.2.2: turn the matrix the right way up ----


def _upright_cases(rng: np.random.Generator) -> list[tuple]:
    shapes = [(4, 6), (7, 3), tuple(rng.integers(8, 12, 2)), (9, 9)]
    return [(rng.choice(4000, shape, replace=False).astype(np.int16),) for shape in shapes]


def _compare_upright(inputs: tuple, output: Any) -> None:
    (stored,) = inputs
    expected = stored.T
    if isinstance(output, np.ndarray) and output.shape == stored.shape != expected.shape:
        if np.array_equal(output, stored):
            raise Incorrect(_("Nothing has moved: this is still the matrix as it is stored."))
        said = _("{stored} must become {expected}: a mirror image alone is not enough.")
        raise Incorrect(said.format(stored=stored.shape, expected=expected.shape))
    got = answer_types.array(output, expected.shape)
    if np.array_equal(got, expected):
        if got.dtype != stored.dtype:
            said = _("The pixels are right, but {stored} has become {got}.")
            raise Incorrect(said.format(stored=stored.dtype, got=got.dtype), credit=EDGE_CREDIT)
        return
    if any(np.array_equal(got, np.rot90(stored, turns)) for turns in (1, 3)):
        raise Incorrect(
            _("A quarter turn leaves the head mirrored: left and right of the patient are swapped.")
        )
    if np.array_equal(got, stored.reshape(expected.shape)):
        raise Incorrect(
            _("reshape cuts the rows elsewhere, which scrambles the pixels. Rows must become columns.")
        )
    if _in_order(got, expected) or np.array_equal(got, expected.astype(got.dtype)):
        raise Incorrect(
            _("Every pixel is where it belongs, but the values have changed: return them as stored.")
        )
    raise Incorrect(
        _("The shape is right, but the pixels are not where they belong: row i must become column i.")
    )


def _in_order(got: np.ndarray, image: np.ndarray) -> bool:
    """Whether brighter pixels are still brighter, or as bright."""
    ordered = got.ravel()[np.argsort(image, axis=None, kind="stable")].astype(float)
    return bool((np.diff(ordered) >= 0).all() and ordered[0] < ordered[-1])


# ---- 1.5: normalise a slice ----


def _normalise_cases(rng: np.random.Generator) -> list[tuple]:
    def image(low: int, high: int) -> np.ndarray:
        pixels = rng.integers(low, high + 1, (rng.integers(6, 12), rng.integers(6, 12)))
        pixels.flat[rng.choice(pixels.size, 2, replace=False)] = low, high
        return pixels.astype(np.int16)

    return [
        (image(int(rng.integers(300, 600)), int(rng.integers(6000, 12_728))),),
        (image(0, int(rng.integers(2000, 5000))),),
        (image(-int(rng.integers(100, 400)), int(rng.integers(860, 2000))),),
        (np.full((5, 6), rng.integers(1, 900), np.int16),),
    ]


def _strictly(answer: Any, inputs: tuple) -> Any:
    """Call a function so that it stops if nan becomes a whole number, which is 0 on some computers only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "invalid value encountered in cast", RuntimeWarning)
        return answer(*inputs)


def _stretched_along(image: np.ndarray, axis: int) -> np.ndarray:
    low, high = image.min(axis=axis, keepdims=True), image.max(axis=axis, keepdims=True).astype(float)
    return (image - low) / np.maximum(high - low, 1) * 255


def _compare_normalise(inputs: tuple, output: Any) -> None:
    (image,) = inputs
    expected = to_uint8(image).astype(float)
    stored = answer_types.array(output, image.shape)
    got = stored.astype(float)
    if not np.isfinite(got).all():
        raise Incorrect(_("Some pixels are nan or infinite: something was divided by 0."))
    if np.abs(got - expected).max() <= 1:  # truncated or rounded
        if stored.dtype != np.uint8:
            said = _("The values are right, but they are {type}: store them as uint8.")
            raise Incorrect(said.format(type=stored.dtype), credit=EDGE_CREDIT)
        return
    if got.min() >= 0 and got.max() <= 1:
        raise Incorrect(_("The values end at 1. In 8 bits the brightest pixel is 255."))
    if np.abs(255 - got - expected).max() <= 1:
        raise Incorrect(_("That is a negative: the darkest pixel came out brightest."))
    if any(np.abs(got - _stretched_along(image, axis)).max() <= 1 for axis in (0, 1)):
        raise Incorrect(
            _(
                "Each row, or each column, was stretched by itself. Take the minimum and the maximum of the "
                "whole slice: image.min(), without an axis."
            )
        )
    if not np.ptp(image):
        said = _("It returned pixels of {lowest:g} to {highest:g}.")
        raise Incorrect(said.format(lowest=got.min(), highest=got.max()))
    if got.min() <= 1 and got.max() >= 254 and _in_order(got, image):
        raise Incorrect(
            _(
                "The darkest and the brightest pixels are right, those between are not: stretch all evenly, "
                "without clipping any and without equalising the histogram."
            )
        )
    if not _in_order(got, image):
        raise Incorrect(
            _(
                "A brighter pixel came out darker: int16 ends at 32,767 and uint8 at 255, and what is above "
                "wraps round. Calculate in float, and convert last."
            )
        )
    if abs(got.min()) > 1:
        said = _("The darkest pixel came out as {lowest:.0f}; it should be 0. Subtract it first.")
        raise Incorrect(said.format(lowest=got.min()))
    said = _("The pixels run from {lowest:.0f} to {highest:.0f}; they should run from 0 to 255.")
    raise Incorrect(said.format(lowest=got.min(), highest=got.max()))


# ---- 1.6: resize a mask without losing the tumour ----


def _mask_cases(rng: np.random.Generator) -> list[tuple]:
    def mask(size: int, *boxes: tuple[int, int, int, int]) -> np.ndarray:
        pixels = np.zeros((size, size), bool)
        for y, x, height, width in boxes:
            pixels[y : y + height, x : x + width] = True
        return pixels

    y, x = 4 * rng.integers(1, 6, 2)
    disc = np.hypot(*np.indices((48, 48)) - rng.uniform(16, 32, (2, 1, 1))) < rng.uniform(8, 13)
    return [
        (mask(32, (y + 1, x + 1, 1, 2)), 4),  # between the pixels that every fourth would keep
        (mask(32, (y + 3, x + 2, 2, 2)), 4),
        (mask(32, (y + 2, x + 1, 3, 2)), 4),  # below half everywhere, but of two coarse pixels one has more
        (disc, 4),
        (mask(30, (5, 6, 10, 14), (20, 22, 1, 1)), 3),
        (mask(32, (y, x, 8, 8), (y, x + 8, 8, 2)), 4),  # half of a coarse pixel
        (np.zeros((16, 16), bool), 4),
    ]


def _compare_mask(inputs: tuple, output: Any) -> None:
    mask, factor = inputs
    size = len(mask) // factor
    expected = resize_mask(mask, size).astype(bool)
    got = answer_types.array(output, (size, size))
    if not np.isin(got, (0, 1)).all():
        raise Incorrect(_("A pixel of a mask is tumour or not, 1 or 0. Half a tumour pixel means nothing."))
    got = got.astype(bool)
    if np.array_equal(got, expected):
        return
    blocks = mask.reshape(size, factor, size, factor).sum(axis=(1, 3))
    if expected.any() and not got.any():
        said = _(
            "A tumour of {count} pixels was lost. If no coarse pixel is covered by half, keep those that are "
            "covered most."
        )
        raise Incorrect(said.format(count=mask.sum()))
    if np.array_equal(got, 2 * blocks > factor**2):
        raise Incorrect(
            _("A coarse pixel that is covered by exactly half counts as tumour: >=, not >."),
            credit=EDGE_CREDIT,
        )
    if 2 * blocks.max() < factor**2 and got.any() and not (got & ~expected).any():
        raise Incorrect(
            _(
                "Several coarse pixels are covered equally, none by half: keep all that tie, not only the "
                "first."
            )
        )
    if 2 * blocks.max() < factor**2 and np.array_equal(got, blocks > 0):
        raise Incorrect(
            _(
                "The tumour grew: if no coarse pixel is covered by half, keep only those that are covered "
                "most."
            )
        )
    if np.array_equal(got, blocks > 0):
        raise Incorrect(_("The tumour grew: a coarse pixel that it only touches is not yet tumour."))
    said = _("Wrong coarse pixels: {wrong} of {count}. Count the part of each that is tumour.")
    raise Incorrect(said.format(wrong=np.count_nonzero(got != expected), count=size**2))


# ---- 1.8: who is one person? ----


def _family_cases(rng: np.random.Generator) -> list[tuple]:
    plain = [_patient_id(rng, kind) for kind in ("plain", "number", "plain", "number")]
    lettered = [_patient_id(rng, "letter", letter) for letter in LETTERS]
    return [(str(one),) for one in rng.permutation([*plain, *lettered])]


def _compare_family(inputs: tuple, output: Any) -> None:
    (patient,) = inputs
    expected = patient_family(patient)
    got = answer_types.text(output)
    if got == expected:
        return
    if got == patient:
        said = _("{patient!r} still has its letter; its family is {expected!r}.")
    elif got == patient[:-1]:
        said = _("{patient!r} ends in a digit: it has no letter to lose, and stays as it is.")
    elif not got.startswith("MR") and patient.startswith("MR"):
        said = _("{patient!r} became {got!r}: only the letter at the end goes, MR stays.")
    else:
        said = _("{patient!r} became {got!r}; its family is {expected!r}.")
    raise Incorrect(said.format(patient=patient, got=got, expected=expected))


# ---- 1.9: patients of each class ----


def _patient_case(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    counts = dict(zip(CLASS_NAMES, rng.permutation([8, 9, 10]), strict=True))
    owners = [(label, f"MR{label}{n:03}") for label, count in counts.items() for n in range(count)]
    slices = [owner for owner in owners for _ in range(rng.integers(6, 9))]
    slices = [slices[i] for i in rng.permutation(len(slices))]
    return np.array([label for label, _ in slices]), np.array([patient for _, patient in slices])


def _compare_patients(inputs: tuple, output: Any) -> None:
    labels, patients = inputs
    got = answer_types.mapping(output, set(CLASS_NAMES), N_("the labels"))
    counts = {label: answer_types.whole(value, _count_of(label)) for label, value in got.items()}
    for label, value in counts.items():
        mine = patients[labels == label]
        if value == len(set(mine.tolist())):
            continue
        if value == len(mine):
            said = _("{value} is the number of slices of label {label}. Count each patient once.")
        elif value == len(set(patients.tolist())):
            said = _("{value} is the number of patients of all classes. Choose those of label {label}.")
        elif value == 1 + np.count_nonzero(mine[1:] != mine[:-1]):
            said = _(
                "Some patients were counted again: the slices of one patient need not be next to each other."
            )
        else:
            said = _("Label {label} has {count} patients, not {value}.")
        raise Incorrect(said.format(value=value, label=label, count=len(set(mine.tolist()))))
    for label, value in counts.items():
        answer_types.require_int(value, _count_of(label))


def _count_of(label: int) -> str:
    return _("The count of label {label}").format(label=label)


EXERCISES = [
    Exercise(
        "1.2.1", N_("Decode a patient id"), 1, "function",
        cases=_pid_cases, compare=_compare_pid,
        hint=N_("codes[:, 0] is the column as a row of numbers; chr(77) is 'M'; ''.join(...) makes one "
                "text."),
        correct_message=N_("Letters, digits and leading zeros are all there."),
    ),
    Exercise(
        "1.2.2", N_("The right way up"), 1, "function",
        cases=_upright_cases, compare=_compare_upright,
        hint=N_("Rows become columns and columns rows. Mathematicians write it as a T."),
        correct_message=N_("Rows are columns and columns are rows; left is left again."),
    ),
    Exercise(
        "1.5", N_("Normalise a slice"), 2, "function",
        cases=_normalise_cases, call=_strictly, compare=_compare_normalise,
        solved_by=("to_uint8",), edge=lambda inputs: np.ptp(inputs[0]) == 0,
        edge_message=N_("Right for most slices, but not for one whose pixels are all alike: return zeros for "
                        "it."),
        hint=N_("Subtract the smallest value, divide by the largest that is left, multiply by 255: in "
                "float."),
        correct_message=N_("From 0 to 255 whatever the scanner wrote, and nothing wrapped round."),
    ),
    Exercise(
        "1.6", N_("Shrink a mask, keep the tumour"), 2, "function",
        cases=_mask_cases, compare=_compare_mask, solved_by=("resize_mask",),
        edge=lambda inputs: not inputs[0].any(),
        edge_message=N_("Right if there is a tumour, but a mask without one must stay empty."),
        hint=N_("mask.reshape(n, factor, n, factor).mean(axis=(1, 3)) is the part of each coarse pixel that "
                "is tumour. Half of it is enough; if nothing reaches half, the largest part is."),
        correct_message=N_("No tumour was lost, none grew, and no tumour was made up."),
    ),
    Exercise(
        "1.8", N_("Who is one person?"), 1, "function",
        cases=_family_cases, compare=_compare_family, solved_by=("patient_family",),
        hint=N_("patient[-1].isalpha() says whether the last character is a letter."),
        correct_message=N_("One letter goes where there is one, and nothing else."),
    ),
    Exercise(
        "1.9", N_("Patients of each class"), 1, "function",
        cases=lambda rng: [_patient_case(rng) for _ in range(3)], compare=_compare_patients,
        hint=N_("patients[labels == 1] are the patients of all slices of class 1; np.unique names each "
                "once."),
        correct_message=N_("Each patient counts once, however many slices there are."),
    ),
    Exercise(
        "1.10", N_("What would you want to know?"), 3, "open",
        hint=N_("Look back at 1.9: whose slices resemble each other, and how much of a slice is tumour?"),
        rubric=(
            (N_("Says what links slices of one patient, and what that does to a test set drawn by "
                "slice."), 1),
            (N_("Names what must be known of the 94%: split by slice or by patient, which set chose the "
                "settings, how many patients, the share of the largest class. Two of these, with why."), 1),
            (N_("Compares 99.4% of the pixels with what an empty mask gets on this run's own slices, in "
                "numbers, and names a measure that does not reward the background."), 1),
        ),
    ),
]  # fmt: skip
