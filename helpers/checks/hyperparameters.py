"""Exercises of the optional notebook on hyper-parameters: random inputs, and typical mistakes."""

import math
from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, close
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _

# ---- H.2: a learning rate, drawn on a logarithmic scale ----


def _log_uniform(u: float, low: float, high: float) -> float:
    return low * (high / low) ** u


def _draw_cases(rng: np.random.Generator) -> list[tuple]:
    """Three draws inside the range, and its two ends."""
    low, high = float(10 ** rng.uniform(-5, -3.5)), float(10 ** rng.uniform(-2.5, -1))
    inside = [float(u) for u in rng.permutation(np.array([0.15, 0.3, 0.8]) + rng.uniform(-0.05, 0.05, 3))]
    return [(u, low, high) for u in (*inside, 0.0, 1.0)]


def _draw_mistakes(u: float, low: float, high: float) -> list[tuple[float, str, float]]:
    exponent = (1 - u) * math.log10(low) + u * math.log10(high)
    natural = (1 - u) * math.log(low) + u * math.log(high)
    return [
        (low + u * (high - low), _("That is uniform on a linear scale: nine draws in ten are in the largest "
         "decade. Spread the exponents evenly."), 0.0),
        (exponent, _("That is the exponent. The learning rate is 10 to that power."), EDGE_CREDIT),
        (natural, _("That is the logarithm of the learning rate: take np.exp of it."), EDGE_CREDIT),
        (math.exp(exponent), _("log10 and exp don't belong together: 10 ** exponent undoes log10, and np.exp "
         "undoes np.log."), 0.0),
        (_log_uniform(1 - u, low, high), _("u = 0 must give low and u = 1 high: here it is the other way "
         "round."), EDGE_CREDIT),
        (math.sqrt(low * high), _("That is the middle of the range, whatever u is."), 0.0),
        (low * high**u, _("The range from low to high is a factor of high / low, not of high."), 0.0),
        (u, _("That is u itself, between 0 and 1. Map it to the range from low to high."), 0.0),
    ]  # fmt: skip


def _compare_draw(inputs: tuple, output: Any) -> None:
    u, low, high = inputs
    got, right = answer_types.number(output), _log_uniform(*inputs)
    if math.isclose(got, right, rel_tol=1e-6):
        return
    if math.isclose(got, right, rel_tol=0.1):
        raise Incorrect(_("Nearly: do not round before you return the number."), EDGE_CREDIT)
    for wrong, message, credit in _draw_mistakes(*inputs):
        if 0 < u < 1 and math.isclose(got, wrong, rel_tol=1e-6):
            raise Incorrect(message, credit)
    said = _("u = {u:.2f} between {low:.1e} and {high:.1e} is {right:.1e}; {got:.1e} came out.")
    raise Incorrect(said.format(u=u, low=low, high=high, right=right, got=got))


def _diagnose_draw(cases: list[tuple], outputs: list) -> None:
    """Report the cause that the draws inside the range show: at its ends, several mistakes agree."""
    for case, output in list(zip(cases, outputs, strict=True))[:3]:
        if isinstance(output, int | float | np.number):
            _compare_draw(case, output)


# ---- H.5: the expected best of n trials ----


def expected_best(scores: np.ndarray, n: int) -> float:
    """Return the expected maximum of n scores drawn with replacement (Dodge et al. 2019, equation 8).

    Args:
        scores: (N,) float, of independent trials.
        n: how many are drawn, 1 or more.
    """
    ordered = np.sort(np.asarray(scores, float))
    below = (np.arange(len(ordered) + 1) / len(ordered)) ** n
    return float(ordered @ np.diff(below))


def _best_cases(rng: np.random.Generator) -> list[tuple]:
    """Unordered scores, the best neither first nor last; once with ties, once with n = 1."""
    cases = []
    for count, n in ((9, 3), (14, 6), (7, 2), (11, 1)):
        scores = np.round(rng.uniform(0.3, 0.7, count), 3)
        scores[count // 2] = 0.9 + 0.01 * rng.integers(1, 9)
        scores[0], scores[-1] = 0.75, 0.2
        cases.append((scores, n))
    cases[1][0][3:5] = cases[1][0][2]
    return cases


def _best_mistakes(scores: np.ndarray, n: int) -> list[tuple[float, str, float]]:
    ordered, count = np.sort(scores), len(scores)
    ranks = np.arange(1, count + 1)
    without = sum(math.comb(k, n - 1) * score for k, score in enumerate(ordered)) / math.comb(count, n)
    weights = np.diff((np.arange(count + 1) / count) ** n)
    return [
        (scores.max(), _("That is the best of all scores. With fewer draws, the best is often missed."), 0.0),
        (scores.mean(), _("That is the mean, the expected best of a single draw. n enters as a power."), 0.0),
        (scores[:n].max(), _("That is the best of the first n, one draw of many: average over all."), 0.0),
        (without, _("That is drawing without replacement: no score twice. The formula draws with "
         "replacement."), EDGE_CREDIT),
        (ordered[::-1] @ weights, _("The scores are in descending order: the largest gets the smallest "
         "weight."), 0.0),
        (scores @ weights, _("The scores must be in ascending order: the k-th weight belongs to the k-th "
         "smallest score. Use np.sort."), 0.0),
        (ordered @ (ranks / count) ** n, _("(k/N)^n is the probability that the best is the k-th score or a "
         "smaller one. Subtract that of the smaller ones, ((k-1)/N)^n."), 0.0),
        (ordered @ (1 - (1 - ranks / count) ** n) / count, _("1 - (1 - k/N)^n is the probability that one of "
         "n draws is among the k smallest. You need: all n of them are."), 0.0),
        (np.quantile(ordered, n / (n + 1)), _("A quantile isn't a mean: weigh all scores by the formula."),
         0.0),
    ]  # fmt: skip


def _compare_best(inputs: tuple, output: Any) -> None:
    scores, n = inputs
    got = answer_types.number(output, advice=N_("Sum the weighted scores."))
    if not close(got, expected_best(scores, n)):
        raise Incorrect(_explained(scores, n, got))


def _explained(scores: np.ndarray, n: int, got: float) -> str:
    if n == 1:
        said = _("The best of one draw is on average the mean, {right:.3f}; {got:.3f} came out.")
    else:
        said = _("With {count} scores and n = {n}, {right:.3f} is right; {got:.3f} came out.")
    return said.format(count=len(scores), n=n, right=expected_best(scores, n), got=got)


def _diagnose_best(cases: list[tuple], outputs: list) -> None:
    if not all(isinstance(output, int | float | np.number) for output in outputs):
        return
    answer_types.forbid_rounding(outputs, [expected_best(*case) for case in cases])
    for number, (_value, message, credit) in enumerate(_best_mistakes(*cases[0])):
        expected = [_best_mistakes(*case)[number][0] for case in cases]
        if all(close(float(a), float(b)) for a, b in zip(outputs, expected, strict=True)):
            raise Incorrect(message, credit)
    gaps = [abs(float(output) - expected_best(*case)) for case, output in zip(cases, outputs, strict=True)]
    if max(gaps) < 0.05:
        said = _("Nearly: the mean of random draws varies. The formula gives it exactly.")
        raise Incorrect(said, EDGE_CREDIT)


EXERCISES = [
    Exercise(
        "H.2", N_("A learning rate at random"), 1, "function",
        cases=_draw_cases, compare=_compare_draw, diagnose=_diagnose_draw, reference=_log_uniform,
        hint=N_("Go from log(low) to log(high) in a straight line, with u from 0 to 1. Then undo the "
                "logarithm."),
        correct_message=N_("Each decade gets the same share of the draws."),
    ),
    Exercise(
        "H.5", N_("The expected best of n"), 3, "function",
        cases=_best_cases, compare=_compare_best, diagnose=_diagnose_best, reference=expected_best,
        solved_by=("expected_best",),
        hint=N_("np.sort puts the scores in ascending order. np.arange(N + 1) / N has the fractions from 0 "
                "to 1; raise them to the power n, and np.diff has the probabilities of the scores."),
        correct_message=N_("Each score counts with the probability that it is the best of n."),
    ),
    Exercise(
        "H.10", N_("What do you report?"), 3, "open",
        hint=N_("Which of your numbers was the search free to choose, and which was it not?"),
        rubric=(
            (N_("Gives the test score by family with its interval, and says that the validation score of the "
                "best trial is not it, with the size of the optimism in this run."), 1),
            (N_("Says what was searched: space, samplers, number of trials, and how the winner was "
                "chosen."), 1),
            (N_("Says whether the search was worth it, from the paired difference with the values of "
                "notebook 2 and its interval, and names one thing that this run cannot tell."), 1),
        ),
    ),
]  # fmt: skip
