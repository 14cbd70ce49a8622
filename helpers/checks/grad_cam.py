"""Exercises of the optional notebook on Grad-CAM: random inputs, and messages for typical mistakes."""

from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect
from helpers.checks.exercise import Exercise

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


def _heat_mistakes(activations: np.ndarray, gradients: np.ndarray) -> list[tuple[np.ndarray, str, float]]:
    """Maps that typical mistakes give, with their messages and credits."""
    pixels = gradients.shape[0] * gradients.shape[1]
    weights, total = gradients.mean(axis=(0, 1)), (activations * gradients.mean(axis=(0, 1))).sum(axis=2)
    heat = np.maximum(total, 0)
    found = [
        (total, "Values below 0 are evidence against the class: the ReLU sets them to 0.", 0.0),
        (abs(total), "abs turns evidence against the class into heat: the ReLU sets it to 0.", 0.0),
        (np.maximum(activations * weights, 0).sum(axis=2), "The ReLU comes after the sum over k, not before: "
         "maps with a negative weight must be able to cancel others.", 0.0),
        (np.maximum((activations * gradients).sum(axis=2), 0), "Each gradient was used at its own place. "
         "First average them over the map: one weight for each k.", 0.0),
        ((gradients * activations.mean(axis=(0, 1))).clip(0).sum(axis=2), "Gradients and activations have "
         "changed places: the weights are means of the gradients.", 0.0),
        (np.maximum((gradients * activations.mean(axis=(0, 1))).sum(axis=2), 0), "Gradients and activations "
         "have changed places: the weights are means of the gradients.", 0.0),
        (np.maximum(activations.sum(axis=2), 0), "That is the sum of the maps, without weights: the same for "
         "every class.", 0.0),
        (heat * pixels, "The weights are sums over the map; alpha is the mean, 1/(hw) of that.", EDGE_CREDIT),
        (heat / gradients.shape[2], "The maps were averaged over k; the formula has their sum.", EDGE_CREDIT),
        (heat / (heat.max() or 1), "Right, but scaled so that the maximum is 1: return the map as it is. G.4 "
         "needs only shares of it, and a figure can scale it.", EDGE_CREDIT),
    ]  # fmt: skip
    return found


def _compare_heat(inputs: tuple, output: Any) -> None:
    activations, gradients = (values.astype(float) for values in inputs)
    channels = activations.shape[2]
    if type(output) is np.ndarray and output.shape == (channels,):
        raise Incorrect("Those are numbers per k. Multiply each map by its weight, and add the maps.")
    if type(output) is np.ndarray and output.shape == activations.shape:
        raise Incorrect("Those are still maps of every k: add them, sum(axis=2).")
    got = answer_types.array(output, activations.shape[:2])
    if np.isnan(got).any():
        raise Incorrect("Without any heat, scaling divides 0 by 0: return the map as it is.", EDGE_CREDIT)
    if _same(got, heat_map(activations, gradients)):
        return
    for wrong, message, credit in _heat_mistakes(activations, gradients):
        if _same(got, wrong):
            raise Incorrect(message, credit)
    raise Incorrect("Another map is right. The weight of k is the mean of its gradients over the whole map.")


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.allclose(one, other, rtol=1e-4, atol=1e-5))  # the inputs are float32


EXERCISES = [
    Exercise(
        "G.2.1", "Grad-CAM", 3, "function",
        cases=_heat_cases, compare=_compare_heat, reference=heat_map, solved_by=("heat_map",),
        hint="gradients.mean(axis=(0, 1)) has one number per k. Multiply the activations by it: NumPy "
        "matches the last axis. Then sum over the last axis, and np.maximum(..., 0) is the ReLU.",
        correct_message="Each map counts by the mean of its gradients, and only what speaks for the class is "
        "left.",
    ),
]  # fmt: skip
