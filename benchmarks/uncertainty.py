"""Time of the bootstrap over patients, against a plain loop over scikit-learn.

    python -m benchmarks.uncertainty [--slices N] [--resamples N] [--json FILE]

Both compute accuracy, macro F1 and the recall of each class in every resample, of the same
synthetic labels, in the same run.
"""

import os
import platform
import time
from collections.abc import Callable

import numpy as np
from sklearn.metrics import accuracy_score, f1_score, recall_score

from benchmarks.command import parser, write_figures
from helpers.evaluation.bootstrap import classification_intervals, mean_interval
from helpers.reference import CLASS_NAMES

LABELS = list(CLASS_NAMES)
SLICES_PER_PATIENT = 13  # the published mean: 3064 slices of 233 patients


def plain_loop(truth: np.ndarray, predicted: np.ndarray, patients: np.ndarray, resamples: int) -> np.ndarray:
    """Return scores (resamples, 5): draw patients, collect their slices, score them, repeat.

    Args:
        truth, predicted: (N,) labels.
        patients: (N,) the patient of each slice.
        resamples: number of bootstrap resamples.
    """
    rng = np.random.default_rng(0)
    rows_of = {patient: np.flatnonzero(patients == patient) for patient in np.unique(patients)}
    scores = []
    for _ in range(resamples):
        chosen = rng.choice(list(rows_of), len(rows_of))
        rows = np.concatenate([rows_of[patient] for patient in chosen])
        pair = truth[rows], predicted[rows]
        recalls = recall_score(*pair, labels=LABELS, average=None, zero_division=np.nan)
        scores.append([accuracy_score(*pair), f1_score(*pair, average="macro"), *recalls])
    return np.array(scores)


def measure(slices: int, resamples: int) -> dict:
    """Return the times of both ways, by name.

    Args:
        slices: number of synthetic slices.
        resamples: of each bootstrap.
    """
    rng = np.random.default_rng(0)
    patients = rng.integers(max(2, slices // SLICES_PER_PATIENT), size=slices)
    truth = 1 + patients % len(LABELS)
    predicted = np.where(rng.random(slices) < 0.9, truth, rng.choice(LABELS, slices))
    dice = rng.random(slices)
    options = {"seed": 0, "resamples": resamples}
    classification_intervals(truth, predicted, patients, seed=0, resamples=2)  # the first call is slower
    figures = {
        "over_patients_seconds": _seconds(
            lambda: classification_intervals(truth, predicted, patients, **options)
        ),
        "over_slices_seconds": _seconds(
            lambda: classification_intervals(truth, predicted, np.arange(slices), **options)
        ),
        "mean_seconds": _seconds(lambda: mean_interval(dice, patients, **options)),
        "plain_loop_seconds": _seconds(lambda: plain_loop(truth, predicted, patients, resamples)),
    }
    return {
        "slices": slices,
        "patients": len(np.unique(patients)),
        "resamples": resamples,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **figures,
        "times_the_plain_loop": figures["plain_loop_seconds"] / figures["over_patients_seconds"],
    }


def lines(figures: dict) -> list[str]:
    """Format the times of `measure` as lines to print."""
    return [
        f"{figures['resamples']} resamples of {figures['slices']} slices of {figures['patients']} patients, "
        f"{figures['cores']} cores, Python {figures['python']}",
        f"accuracy, macro F1, recalls over patients {figures['over_patients_seconds']:8.3f} s (at most 2)",
        f"the same over slices                      {figures['over_slices_seconds']:8.3f} s (at most 2)",
        f"a mean over patients                      {figures['mean_seconds']:8.3f} s",
        f"plain loop over scikit-learn              {figures['plain_loop_seconds']:8.3f} s",
        f"the bootstrap is {figures['times_the_plain_loop']:.0f} times as fast as the plain loop",
    ]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main(arguments: list[str] | None = None) -> None:
    """Measure and print; `arguments` as on the command line."""
    made = parser(__doc__)
    made.add_argument("--slices", type=int, default=614)
    made.add_argument("--resamples", type=int, default=2000)
    chosen = made.parse_args(arguments)
    figures = measure(chosen.slices, chosen.resamples)
    print("\n".join(lines(figures)))
    write_figures(figures, chosen.json)


if __name__ == "__main__":
    main()
