"""Exercises about what numbers are worth: random inputs, and messages for typical mistakes."""

from functools import cache
from typing import Any

import numpy as np

from helpers.checks import answer_types
from helpers.checks.answer_types import EDGE_CREDIT, Incorrect, alike
from helpers.checks.exercise import Exercise
from helpers.config.language import N_, _
from helpers.evaluation import bootstrap

# ---- 2.11: the nearest slice ----


def _distances(inputs: tuple) -> np.ndarray:
    test, train = (values.astype(float) for values in inputs)
    return np.linalg.norm(test[:, np.newaxis] - train, axis=2)


def _neighbours_by(inputs: tuple, measure: str) -> np.ndarray:
    """Rows of `train` that are nearest by a measure; those of another one are a mistake."""
    test, train = (values.astype(float)[:, np.newaxis] for values in inputs)
    train, norms = train[:, 0], np.linalg.norm(train[:, 0], axis=1)
    scores = {
        "city block": np.abs(test - train).sum(axis=2),
        "largest": np.abs(test - train).max(axis=2),
        "signed": (test - train).sum(axis=2),
        "totals": np.abs((test - train).sum(axis=2)),
        "dot product": -(test * train).sum(axis=2),
        "cosine": -(test * train).sum(axis=2) / norms,
        "farthest": -np.linalg.norm(test - train, axis=2),
    }
    return scores[measure].argmin(axis=1)


NEIGHBOUR_MISTAKES = {
    "city block": N_(
        "That is the nearest row by the sum of the absolute differences. Euclidean: square the differences, "
        "then sum."
    ),
    "largest": N_(
        "That is the nearest row by its largest difference alone. Euclidean: square all differences, then "
        "sum."
    ),
    "signed": N_(
        "Differences above and below 0 cancel out, or win by being negative: square them before you sum."
    ),
    "totals": N_("Differences above and below 0 cancel out: square them before you sum."),
    "dot product": N_(
        "The largest dot product isn't the smallest distance: a long row has a large product with many. |a - "
        "b|² = |a|² - 2 a·b + |b|²."
    ),
    "cosine": N_(
        "That is the row in the most similar direction (cosine). Its length counts, too: measure the "
        "distance."
    ),
    "farthest": N_("Those are the rows that are farthest away: argmin, not argmax."),
}


def _neighbour_cases(rng: np.random.Generator) -> list[tuple]:
    # The second has one test slice; the last has as many rows in both.
    return [_neighbour_case(rng, *shape) for shape in ((9, 14, 5), (1, 6, 3), (12, 7, 4), (10, 10, 6))]


def _neighbour_case(rng: np.random.Generator, tests: int, trains: int, numbers: int) -> tuple:
    while True:
        test, train = (
            (rng.normal(size=(rows, numbers)) * rng.uniform(1, 3, (rows, 1))).astype(np.float32)
            for rows in (tests, trains)
        )
        closest = np.sort(_distances((test, train)), axis=1)
        clear = (closest[:, 1] - closest[:, 0]).min() > 0.01  # whatever is rounded
        found = [_distances((test, train)).argmin(axis=1)]
        found += [_neighbours_by((test, train), measure) for measure in NEIGHBOUR_MISTAKES]
        if clear and (tests == 1 or len(np.unique(found, axis=0)) == len(found)):  # no two of them agree
            return test, train


def _compare_neighbours(inputs: tuple, output: Any) -> None:
    test, train = inputs
    distances = _distances(inputs)
    right = distances.argmin(axis=1)
    if type(output) in (list, tuple):
        output = np.array(output) if alike(np.shape(output), np.shape(right)) else output
    if alike(output, train[right]):
        raise Incorrect(_("Those are the rows themselves. Return their numbers, which argmin gives."))
    if isinstance(output, dict):
        raise Incorrect(_("It returned a dict; return an array of row numbers, in the order of test."))
    if not np.shape(output) and not isinstance(output, str | None):
        raise Incorrect(
            _("It returned one number; {count} test rows have {count} neighbours.").format(count=len(test))
        )
    if alike(output, distances):
        raise Incorrect(_("Those are all distances. Return the row of the smallest: argmin(axis=1)."))
    if alike(output, distances.argmin(axis=0)) and len(test) != len(train):
        raise Incorrect(
            _(
                "That is one number for each row of train, its nearest row of test. It's the other way "
                "round: argmin along the other axis."
            )
        )
    got = answer_types.array(output, right.shape)
    if alike(got, distances.min(axis=1)) or alike(got, distances.min(axis=1) ** 2):
        raise Incorrect(_("Those are the distances. Return the rows at which they occur: argmin, not min."))
    if got.dtype.kind == "b":
        raise Incorrect(_("It returned True and False; return row numbers."))
    if not alike(got, right):
        raise Incorrect(
            _(
                "{wrong} of {count} rows have a nearer one in train than the one that you found. For each, "
                "subtract it from train, square, sum over axis 1, argmin."
            ).format(wrong=np.count_nonzero(got != right), count=len(right))
        )
    if got.dtype.kind == "f":
        raise Incorrect(
            _(
                "The rows are right, but {dtype}: an array can only be indexed with whole numbers (int)."
            ).format(dtype=got.dtype),
            credit=EDGE_CREDIT,
        )


def _diagnose_neighbours(cases: list[tuple], outputs: list) -> None:
    for measure, message in NEIGHBOUR_MISTAKES.items():
        if all(
            alike(output, _neighbours_by(inputs, measure))
            for inputs, output in zip(cases, outputs, strict=True)
        ):
            raise Incorrect(_(message))
    if all(alike(output, np.zeros(len(test))) for (test, _), output in zip(cases, outputs, strict=True)):
        raise Incorrect(
            _("It's always row 0: the smallest of what? Calculate one distance for each row of train.")
        )


def _nearest(test: np.ndarray, train: np.ndarray) -> np.ndarray:
    from helpers.evaluation.nearest_neighbour import nearest  # here: it loads scikit-learn

    return nearest(test, train)


# ---- 2.12: bootstrap by patient ----

# Slices of each patient, and how many of them are right. In the first cohort, each patient counts for little;
# the second has one large patient, all wrong, and a lopsided distribution.
COHORTS = (
    ((9, 14, 6, 11, 8, 13, 7, 10, 5, 12, 9, 11, 6, 8, 10, 7, 12, 9),
     (0, 13, 5, 11, 1, 12, 7, 10, 5, 2, 9, 11, 6, 7, 10, 7, 12, 9)),
    ((30, 5, 6, 7, 8, 9, 4, 5, 6, 7, 8, 9, 10, 11), (0, 5, 6, 6, 8, 8, 4, 5, 5, 7, 8, 9, 9, 10)),
)  # fmt: skip
PRECISE = 20_000  # resamples for what is expected
NOISE = 0.16  # how far bounds may be from what is expected, on average, in standard errors


def _cohort(rng: np.random.Generator, cohort: int, text: bool) -> tuple[np.ndarray, np.ndarray]:
    sizes, right = COHORTS[cohort]
    numbers = rng.choice(np.arange(100, 1000), len(sizes), replace=False)  # with gaps
    names = np.array([f"MR{number:05}" for number in numbers]) if text else numbers
    correct = np.concatenate([np.arange(size) < n for size, n in zip(sizes, right, strict=True)])
    order = rng.permutation(len(correct))
    return correct[order], np.repeat(names, sizes)[order]


def _bootstrap_cases(rng: np.random.Generator) -> list[tuple]:
    """Each cohort twice; then single draws, the first two with the same seed."""
    one, other, third, fourth, fifth = (int(seed) for seed in rng.choice(10_000, 5, replace=False))
    even, lopsided = _cohort(rng, 0, text=True), _cohort(rng, 1, text=False)
    return [
        (*even, one), (*even, other), (*lopsided, third), (*lopsided, fourth),
        (*even, one, 1), (*even, one, 1), (*even, other, 1), (*even, fifth, 1),
    ]  # fmt: skip


def _compare_interval(inputs: tuple, output: Any) -> None:
    low, high = answer_types.pair(output, "low, high")
    low, high = (
        answer_types.number(low, N_("The lower bound")),
        answer_types.number(high, N_("The upper bound")),
    )
    if max(low, high) > 2:
        raise Incorrect(_("An accuracy is at most 1: return fractions, not percentages or counts."))
    if low > high:
        raise Incorrect(_("The lower bound comes first: return low, high."), credit=EDGE_CREDIT)


def _compare_intervals(cases: list[tuple], outputs: list) -> None:
    bounds = [tuple(map(float, output)) for output in outputs]
    full, single = bounds[:4], bounds[4:]
    if all(low == high for low, high in full):
        whole = [_accuracy(_resampled(n)[0].sum(axis=0)) for n in (0, 0, 1, 1)]
        if not alike([low for low, _ in full], whole):
            raise Incorrect(
                _(
                    "Low and high are the same, because every resample is: a generator that is made in the "
                    "loop begins again each time. Make it once, before the loop."
                )
            )
        raise Incorrect(
            _(
                "Low and high are the same: does each resample hold all patients once? Draw them with "
                "replacement, as many as there are."
            )
        )
    if _far(full, "") > NOISE:
        likely = min(INTERVAL_MISTAKES, key=lambda mistake: _far(full, mistake))
        message, credit = INTERVAL_MISTAKES[likely]
        raise Incorrect(_(message), credit) if _far(full, likely) < 3 * NOISE else _unlike(full)
    _seed_and_draws(single)


def _seed_and_draws(single: list[tuple]) -> None:
    """Compare intervals of a single resample: two with the same seed, two with others."""
    wrong = ""
    if any(low != high for low, high in single):
        wrong = _("With draws=1, there is one resample, and low is high. Is `draws` the number of resamples?")
    elif single[0] != single[1]:
        wrong = _("The same seed gave two different intervals. Use it: np.random.default_rng(seed).")
    elif single[0] == single[2] == single[3]:
        wrong = _(
            "Different seeds give the same interval: the seed is ignored. Use np.random.default_rng(seed)."
        )
    if wrong:
        raise Incorrect(wrong, credit=EDGE_CREDIT)


def _far(intervals: list[tuple], mistake: str) -> float:
    """How far intervals are from those of a mistake, in standard errors: mean per cohort, the larger one."""
    pairs = intervals[:2], intervals[2:]
    gaps = (np.array(pair) - _interval(n, mistake) for n, pair in enumerate(pairs))
    return max(float(np.abs(gap).mean()) / _standard_error(n) for n, gap in enumerate(gaps))


@cache
def _resampled(cohort: int) -> tuple[np.ndarray, np.ndarray]:
    """Right answers and slices of each patient, (P, 2); numbers of drawn patients, (PRECISE, P)."""
    sizes, right = COHORTS[cohort]
    drawn = np.random.default_rng(0).integers(len(sizes), size=(PRECISE, len(sizes)))
    return np.array([right, sizes]).T, drawn


@cache
def _standard_error(cohort: int) -> float:
    counts, drawn = _resampled(cohort)
    return float(_accuracy(counts[drawn].sum(axis=1)).std())


def _accuracy(counts: np.ndarray) -> np.ndarray:
    return counts[..., 0] / counts[..., 1]


@cache
def _interval(cohort: int, mistake: str = "") -> np.ndarray:
    """Return low and high of a cohort, right or as a mistake makes them."""
    counts, drawn = _resampled(cohort)
    value = _accuracy(counts.sum(axis=0))
    scores = _accuracy(counts[drawn].sum(axis=1))
    if mistake == "slices":
        slices = int(counts[:, 1].sum())
        scores = np.random.default_rng(0).binomial(slices, value, PRECISE) / slices
    elif mistake == "by size":
        sizes = counts[:, 1]
        drawn = np.random.default_rng(0).choice(len(sizes), drawn.shape, p=sizes / sizes.sum())
        scores = _accuracy(counts[drawn].sum(axis=1))
    elif mistake == "means":
        scores = _accuracy(counts)[drawn].mean(axis=1)
    elif mistake == "once":
        present = np.zeros(drawn.shape, bool)
        np.put_along_axis(present, drawn, True, axis=1)
        scores = _accuracy(present @ counts)
    elif mistake == "reversed":
        scores = 2 * value - scores
    width = {"normal": 1.96, "one standard error": 1}.get(mistake)
    if width:
        return value + width * scores.std() * np.array([-1, 1])
    return np.percentile(scores, PERCENTILES.get(mistake, (2.5, 97.5)))


PERCENTILES = {
    "90%": (5, 95),
    "0 to 95": (0, 95),
    "95 to 100": (95, 100),
    "fractions": (0.025, 0.975),
    "extremes": (0, 100),
}
INTERVAL_MISTAKES: dict[str, tuple[str, float]] = {
    "slices": (
        N_(
            "That is the interval if single slices are drawn, and it's too narrow: slices of one patient are "
            "right or wrong together. Draw patients."
        ),
        0.0,
    ),
    "by size": (
        N_(
            "Patients with many slices are drawn more often: `patients` names each once per slice. Draw from "
            "np.unique(patients)."
        ),
        0.0,
    ),
    "means": (
        N_(
            "That is the mean over patients, in which a patient of 5 slices counts as much as one of 30. "
            "Average over all drawn slices."
        ),
        0.0,
    ),
    "once": (
        N_(
            "A patient who is drawn twice counts only once, so the interval is too narrow: np.isin and sets "
            "don't count. Add their slices once for each draw."
        ),
        0.0,
    ),
    "90%": (
        N_("Those are the 5th and the 95th percentile: a 90% interval. 95% leaves 2.5% on each side."),
        EDGE_CREDIT,
    ),
    "0 to 95": (N_("An interval has two tails: 2.5% below and 2.5% above, not 0% and 5%."), EDGE_CREDIT),
    "95 to 100": (N_("Those are the best 5% of the resamples; 95% lie between 2.5 and 97.5."), 0.0),
    "fractions": (
        N_("np.percentile counts from 0 to 100, np.quantile from 0 to 1: 0.975 is close to the minimum."),
        EDGE_CREDIT,
    ),
    "normal": (
        N_(
            "That is 1.96 standard errors to each side, as if the distribution were symmetric: it's not, and "
            "the bounds can be above 1. Take the percentiles."
        ),
        EDGE_CREDIT,
    ),
    "one standard error": (
        N_("That is one standard error to each side, which covers 68%. Take the percentiles 2.5 and 97.5."),
        0.0,
    ),
    "reversed": (
        N_(
            'That is the "basic" bootstrap, which mirrors the percentiles at the accuracy. Here the '
            "percentiles themselves are asked for."
        ),
        EDGE_CREDIT,
    ),
    "extremes": (N_("Those are the smallest and the largest resample; leave 2.5% out on each side."), 0.0),
}


def _unlike(intervals: list[tuple]) -> Incorrect:
    (low, high), (right_low, right_high) = intervals[0], _interval(0)
    said = _("About {right_low:.2f} to {right_high:.2f} is right, {low:.2f} to {high:.2f} came out.").format(
        right_low=right_low, right_high=right_high, low=low, high=high
    )
    if high - low < 0.8 * (right_high - right_low):
        return Incorrect(
            _("{said} That is too narrow: draw whole patients, as many as there are.").format(said=said)
        )
    return Incorrect(
        _("{said} Does each resample hold as many patients as there are, with all of their slices?").format(
            said=said
        )
    )


def _bootstrap_interval(
    correct: np.ndarray, patients: np.ndarray, seed: int, draws: int = 2000
) -> tuple[float, float]:
    interval = bootstrap.mean_interval(correct, patients, seed=seed, resamples=draws)
    return interval.low, interval.high


EXERCISES = [
    Exercise(
        "2.11", N_("The nearest slice"), 2, "function",
        cases=_neighbour_cases, compare=_compare_neighbours, diagnose=_diagnose_neighbours,
        reference=_nearest, solved_by=("nearest",),
        hint=N_("For one row of test: train - one has the differences to all rows of train. "
                "np.linalg.norm(..., axis=1) makes distances of them, argmin finds the smallest."),
        correct_message=N_("Each test slice has found its nearest neighbour."),
    ),
    Exercise(
        "2.12", N_("Bootstrap by patient"), 3, "function",
        cases=_bootstrap_cases, compare=_compare_interval, across=_compare_intervals,
        reference=_bootstrap_interval,
        solved_by=("mean_interval", "classification_intervals"),
        hint=N_("Count the right answers and the slices of each patient first. A resample is then "
                "rng.integers(P, size=P): P numbers of patients. Sum both counts over them, and divide."),
        correct_message=N_("Whole patients are drawn, with all of their slices, as often as they are drawn."),
    ),
]  # fmt: skip
