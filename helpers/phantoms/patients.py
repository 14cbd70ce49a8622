"""The phantoms' patients: how many, what their ids look like, and who has which slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.reference import CLASS_COUNTS as PUBLISHED_COUNTS
from helpers.reference import FOLDS, PATIENT_COUNTS

MOST_SLICES = 38  # of one patient


@dataclass(frozen=True)
class Patient:
    """A synthetic patient: who, and how the slices were taken.

    `person` is the same for patient ids of one family (one person at several dates);
    `planes` names the plane of each slice; `size` is in pixels.
    """

    pid: str
    label: int
    number: int
    person: int
    size: int
    maximum: int
    planes: tuple[str, ...]

    @property
    def slices(self) -> int:
        """How many slices the patient has."""
        return len(self.planes)


def checked_counts(counts: Mapping[int, int], seed: int) -> dict[int, int]:
    """Return the counts with plain keys and values; raise ValueError if they or the seed make no sense."""

    def whole(value):
        return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0

    unknown = [label for label in counts if label not in PUBLISHED_COUNTS]
    if unknown:
        raise ValueError(f"counts: labels must be among {sorted(PUBLISHED_COUNTS)}, got {unknown}")
    if not all(whole(count) for count in counts.values()) or sum(counts.values()) == 0:
        raise ValueError(f"counts must be whole numbers from 0 and not all 0, got {dict(counts)}")
    if not whole(seed):
        raise ValueError(f"seed must be a whole number from 0, got {seed!r}")
    return {label: int(counts.get(label, 0)) for label in PUBLISHED_COUNTS}


def proportional_counts(slices: int) -> dict[int, int]:
    """Split a number of slices over the classes in the published proportion, by largest remainders.

    Args:
        slices: how many, at least 1.

    Returns:
        Slices of each label 1, 2, 3; they add up to `slices`.

    Raises:
        ValueError: if `slices` is below 1.
    """
    if slices < 1:
        raise ValueError(f"slices must be at least 1, got {slices!r}")
    total = sum(PUBLISHED_COUNTS.values())
    exact = {label: slices * count / total for label, count in PUBLISHED_COUNTS.items()}
    counts = {label: int(share) for label, share in exact.items()}
    by_remainder = sorted(exact, key=lambda label: counts[label] - exact[label])
    for label in by_remainder[: slices - sum(counts.values())]:
        counts[label] += 1
    return counts


def patient_count(label: int, slices: int) -> int:
    """How many patients share a class: as published, but with fewer slices each in a small set."""
    patients = round(PATIENT_COUNTS[label] * (slices / PUBLISHED_COUNTS[label]) ** 0.6)
    return min(slices, max(6, patients))


def share_slices(slices: int, patients: int, rng: np.random.Generator) -> np.ndarray:
    """Split `slices` over `patients` unevenly, at least one each: int (patients,)."""
    weights = rng.gamma(4.0, size=patients)
    shares = 1 + np.floor((slices - patients) * weights / weights.sum()).astype(int)
    most = max(MOST_SLICES, -(-slices // patients))
    shares = np.minimum(shares, most)
    while shares.sum() < slices:
        shares[np.argmin(shares)] += 1
    return shares


def number_pids(patients: int, taken: set[str], rng: np.random.Generator) -> list[tuple[str, int]]:
    """Patient ids of five or six digits, each with the number of the person it belongs to."""
    pids = []
    while len(pids) < patients:
        low, high = (10_000, 100_000) if len(pids) % 4 == 2 else (100_000, 115_000)
        pid = str(rng.integers(low, high))
        if pid not in taken:
            taken.add(pid)
            pids.append((pid, len(pids)))
    return pids


def letter_pids(
    patients: int, first_person: int, taken: set[str], rng: np.random.Generator
) -> list[tuple[str, int]]:
    """Ids such as MR040240; some persons come back as MR040240B, MR040240C: the first one always does."""
    pids, person = [], first_person
    while len(pids) < patients:
        stem = f"MR{rng.integers(10_000, 60_000):06d}"
        if stem in taken:
            continue
        taken.add(stem)
        dates = rng.choice((1, 2, 3), p=(0.6, 0.27, 0.13)) if pids else 3
        pids += [(stem + letter, person) for letter in ("", "B", "C")[:dates]]
        person += 1
    return pids[:patients]


def planes_of(slices: int, rng: np.random.Generator) -> tuple[str, ...]:
    """The plane of each slice: one for most patients, two one after the other for some."""
    first, second, _ = rng.permutation(["axial", "coronal", "sagittal"])
    change = slices if slices < 4 or rng.random() < 0.6 else slices // 2
    return (str(first),) * change + (str(second),) * (slices - change)


def roster(counts: Mapping[int, int], seed: int) -> list[Patient]:
    """Invent the patients whose slices make up `counts`, in class order, as in the published files.

    Args:
        counts: slices of each label 1, 2, 3.
        seed: a non-negative integer.

    Returns:
        The patients; `slices` of each label add up to `counts`.

    Raises:
        ValueError: for counts or a seed that make no sense.
    """
    taken, patients = set(), []
    for label, slices in checked_counts(counts, seed).items():
        if slices == 0:
            continue
        rng = np.random.default_rng([seed, 0, label])
        many = patient_count(label, slices)
        plain = many // 4 if label == 2 else many
        pids = number_pids(plain, taken, rng) + letter_pids(many - plain, plain, taken, rng)
        for number, ((pid, person), share) in enumerate(
            zip(pids, share_slices(slices, many, rng), strict=True)
        ):
            patients.append(
                Patient(
                    pid,
                    label,
                    number,
                    person,
                    size=256
                    if number == min(1, many - 1)
                    else 512,  # one of each class: the size must not tell it
                    maximum=int(np.exp(rng.uniform(np.log(930), np.log(12_728)))),
                    planes=planes_of(int(share), rng),
                )
            )
    return patients


def fold_of_patients(patients: Sequence[Patient]) -> list[int]:
    """Folds 1..5, patients of a class dealt out in turn, so that no patient is cut."""
    return [1 + (patient.number + patient.label) % len(FOLDS) for patient in patients]
