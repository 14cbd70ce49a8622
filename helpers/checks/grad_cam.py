"""Exercises of the optional notebook on Grad-CAM: random inputs, and messages for typical mistakes."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _

# ---- G.2.1: the heat map ----


def heat_map(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Grad-CAM of one slice (Selvaraju et al. 2017, doi 10.1109/ICCV.2017.74, equations 1 and 2).

    Args:
        activations: (h, w, C) float, what a convolution returned.
        gradients: (h, w, C) float, of the class's score with respect to them.

    Returns:
        (h, w) float, 0 or more.
    """
    return np.maximum((activations * gradients.mean(axis=(0, 1))).sum(axis=2), 0)


def _heat_cases(rng: np.random.Generator) -> list[tuple]:
    """Two slices with weights of both signs, and one without heat: all that it shows is against the class."""
    cases = []
    for shape, weights in (((5, 7, 4), [0.6, -0.5, 0.4, -0.4]), ((6, 4, 3), [0.6, -0.5, -0.5])):
        activations, gradients = rng.normal(size=(2, *shape))
        cases.append((np.maximum(activations, 0), 0.4 * gradients + rng.permutation(weights)))
    activations, gradients = np.abs(rng.normal(size=(2, 4, 4, 3)))
    cases.append((activations, -gradients))
    return [tuple(values.astype(np.float32) for values in case) for case in cases]


EXCHANGED = N_("Gradients and activations have changed places: the weights are means of the gradients.")


def _heat_mistakes(activations: np.ndarray, gradients: np.ndarray) -> list[tuple[np.ndarray, str, float]]:
    """Maps that typical mistakes give, with their messages and credits."""
    pixels = gradients.shape[0] * gradients.shape[1]
    weights, exchanged = gradients.mean(axis=(0, 1)), gradients * activations.mean(axis=(0, 1))
    total = (activations * weights).sum(axis=2)
    heat = np.maximum(total, 0)
    return [
        (total, _("Values below 0 are evidence against the class: the ReLU sets them to 0."), 0.0),
        (abs(total), _("abs turns evidence against the class into heat: the ReLU sets it to 0."), 0.0),
        (np.maximum(activations * weights, 0).sum(axis=2), _("The ReLU comes after the sum over k, not "
         "before: maps with a negative weight must be able to cancel others."), 0.0),
        (np.maximum((activations * gradients).sum(axis=2), 0), _("Each gradient was used at its own place. "
         "First average them over the map: one weight for each k."), 0.0),
        (exchanged.clip(0).sum(axis=2), _(EXCHANGED), 0.0),
        (np.maximum(exchanged.sum(axis=2), 0), _(EXCHANGED), 0.0),
        (np.maximum(activations.sum(axis=2), 0), _("That is the sum of the maps, without weights: the same "
         "for every class."), 0.0),
        (heat * pixels, _("The weights are sums over the map; alpha is the mean, 1/(hw) of that."),
         EDGE_CREDIT),
        (heat / gradients.shape[2], _("The maps were averaged over k; the formula has their sum."),
         EDGE_CREDIT),
        (heat / (heat.max() or 1), _("Right, but scaled so that the maximum is 1: return the map as it is. "
         "G.4 needs only shares of it, and a figure can scale it."), EDGE_CREDIT),
    ]  # fmt: skip


def _compare_heat(inputs: tuple, output: Any) -> None:
    activations, gradients = (values.astype(float) for values in inputs)
    channels = activations.shape[2]
    if type(output) is np.ndarray and output.shape == (channels,):
        raise Incorrect(_("Those are numbers per k. Multiply each map by its weight, and add the maps."))
    if type(output) is np.ndarray and output.shape == activations.shape:
        raise Incorrect(_("Those are still maps of every k: add them, sum(axis=2)."))
    got = answer_types.array(output, activations.shape[:2])
    if np.isnan(got).any():
        raise Incorrect(_("Without any heat, scaling divides 0 by 0: return the map as it is."), EDGE_CREDIT)
    if _same(got, heat_map(activations, gradients)):
        return
    for wrong, message, credit in _heat_mistakes(activations, gradients):
        if _same(got, wrong):
            raise Incorrect(message, credit)
    raise Incorrect(
        _("Another map is right. The weight of k is the mean of its gradients over the whole map.")
    )


def _same(one: ArrayLike, other: ArrayLike) -> bool:
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-5))  # the inputs are float32


# ---- G.4.1: heat inside the tumour ----


def inside(heat: np.ndarray, mask: np.ndarray) -> tuple[float, bool]:
    """Share of the heat inside a mask, and whether its maximum is: the pointing game.

    J. Zhang et al., IJCV 126, 2018, doi 10.1007/s11263-017-1059-x.

    Args:
        heat: (H, W) float, 0 or more.
        mask: (H, W) bool.

    Returns:
        The share, 0..1, and the hit; 0 and False without any heat.
    """
    if not heat.any():
        return 0.0, False
    return float(heat[mask].sum() / heat.sum()), bool(mask[np.unravel_index(heat.argmax(), heat.shape)])


def _inside_cases(rng: np.random.Generator) -> list[tuple]:
    """A hit, a miss, and a map without heat, whose first pixel is tumour."""
    cases = []
    for hit in (True, False):
        heat, mask = rng.uniform(0.1, 1, (9, 12)), np.zeros((9, 12), bool)
        top, left = rng.integers(1, 4, 2)
        mask[top : top + 4, left : left + 5] = True
        heat[top + 1, left + 3] = 3.0 if hit else 1.5
        heat[8, 11] = 2.0
        cases.append((heat, mask))
    corner = np.zeros((9, 12), bool)
    corner[:3, :3] = True
    return [*cases, (np.zeros((9, 12)), corner)]


def _share_mistakes(heat: np.ndarray, mask: np.ndarray) -> list[tuple[float, str]]:
    return [
        (heat[mask].sum(), _("That is the heat inside; divide it by the heat of the whole map.")),
        (heat[mask].mean(), _("That is the mean heat of a tumour pixel. Divide the heat inside by all "
         "heat.")),
        (heat[mask].mean() / heat.mean(), _("That is how much hotter a tumour pixel is than the average one. "
         "Sum, don't average.")),
        (mask.mean(), _("That is the tumour's share of the pixels; the heat doesn't count in it.")),
        (heat[~mask].sum() / heat.sum(), _("That is the heat outside: 1 minus the share.")),
        (heat[mask].sum() / heat[~mask].sum(), _("That is inside divided by outside; divide by inside plus "
         "outside.")),
        (heat[mask].sum() / mask.sum() / heat.sum(), _("Divide by the heat alone, not by the tumour's area "
         "as well.")),
        ((heat > heat.mean())[mask].mean(), _("A threshold makes all heat above it count alike. The share "
         "needs none.")),
        (100 * heat[mask].sum() / heat.sum(), _("A share is between 0 and 1, not in percent.")),
    ]  # fmt: skip


def _compare_inside(inputs: tuple, output: Any) -> None:
    heat, mask = inputs
    share, hit = answer_types.pair(output, "share, hit")
    if isinstance(share, bool | np.bool_):
        raise Incorrect(_("The share comes first, then the hit: return share, hit."))
    share = answer_types.number(share, N_("The share"))
    right_share, right_hit = inside(heat, mask)
    if not _same(share, right_share):
        found = (message for wrong, message in _share_mistakes(heat, mask) if _same(share, wrong))
        said = _("The share is {right:.3f}; {share:.3f} came out.").format(right=right_share, share=share)
        raise Incorrect(next(found, said))
    if not isinstance(hit, bool | np.bool_ | int | np.integer) or hit not in (0, 1):
        said = _("The hit is {value}; it should be True or False.")
        raise Incorrect(said.format(value=answer_types.described(hit)), EDGE_CREDIT)
    if bool(hit) != right_hit:
        raise Incorrect(
            _(
                "The share is right, but not the hit: is the hottest pixel of the *whole* map inside? "
                "np.unravel_index(heat.argmax(), heat.shape) is its row and column."
            ),
            EDGE_CREDIT,
        )


EXERCISES = [
    Exercise(
        "G.2.1", N_("Grad-CAM"), 3, "function",
        cases=_heat_cases, compare=_compare_heat, reference=heat_map, solved_by=("heat_map",),
        hint=N_("gradients.mean(axis=(0, 1)) has one number per k. Multiply the activations by it: NumPy "
                "matches the last axis. Then sum over the last axis, and np.maximum(..., 0) is the ReLU."),
        correct_message=N_("Each map counts by the mean of its gradients, and only what speaks for the class "
                           "is left."),
    ),
    Exercise(
        "G.4.1", N_("Inside the tumour"), 2, "function",
        cases=_inside_cases, compare=_compare_inside, reference=inside, solved_by=("inside",),
        edge=lambda inputs: not inputs[0].any(),
        edge_message=N_("Right, except for a map without heat, which points nowhere: return 0 and False."),
        hint=N_("heat[mask] has the values inside. heat.argmax() counts along the rows; mask.ravel() has the "
                "mask in the same order."),
        correct_message=N_("The heat inside is divided by all of it, and the hottest pixel is a hit or a "
                           "miss."),
    ),
    Exercise(
        "G.7.1", N_("Would you show these maps to a radiologist?"), 3, "open",
        hint=N_("Which of the baselines does each map beat, and by how much? What did random weights "
                "change?"),
        rubric=(
            (N_("Quotes a share or hit rate of this run with its interval, and the chance or baseline it is "
                "compared with."), 1),
            (N_("Uses G.5 or G.6 to say whether the map depends on what the network has learned."), 1),
            (N_("Draws a conclusion that follows from these numbers, and names what they cannot show: the "
                "data, the resolution of the maps, the number of patients, or that heat is not a "
                "reason."), 1),
        ),
    ),
]  # fmt: skip
