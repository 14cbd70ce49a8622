"""The synthetic patients: their number, ids, slices and folds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from helpers.reference import CLASS_COUNTS as PUBLISHED_COUNTS
from helpers.reference import FOLDS, PATIENT_COUNTS

MOST_SLICES = 38  # of one patient


@dataclass(frozen=True)
class Patient:
    """A synthetic patient and how the slices were taken."""

    pid: str
    label: int
    number: int  # within the class
    person: int  # the same for ids of one family: one person on several dates
    size: int  # of the slices, in pixels
    maximum: int  # intensity
    planes: tuple[str, ...]  # of each slice

    @property
    def slices(self) -> int:
        """Number of slices."""
        return len(self.planes)


def checked_counts(counts: Mapping[int, int]) -> dict[int, int]:
    """Return the counts of all labels as plain numbers; raise ValueError if they make no sense."""
    unknown = [label for label in counts if label not in PUBLISHED_COUNTS]
    if unknown or any(count < 0 or count % 1 for count in counts.values()) or not any(counts.values()):
        raise ValueError(
            f"counts must give whole numbers, not all 0, for labels among {sorted(PUBLISHED_COUNTS)}, "
            f"got {dict(counts)}"
        )
    return {label: int(counts.get(label, 0)) for label in PUBLISHED_COUNTS}


def proportional_counts(slices: int) -> dict[int, int]:
    """Split at least 1 slices over the labels in the published proportion, by largest remainders."""
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
    """Return the number of patients of a class: as published, with fewer slices each in a small set."""
    patients = round(PATIENT_COUNTS[label] * (slices / PUBLISHED_COUNTS[label]) ** 0.5)
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
    """Return patient ids of five or six digits, each with the number of its person."""
    pids: list[tuple[str, int]] = []
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
    """Return ids such as MR040240; some persons, the first always, return as MR040240B and MR040240C."""
    pids: list[tuple[str, int]] = []
    person = first_person
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
    """Return the plane of each slice: one for most patients, two in turn for some."""
    first, second, _ = rng.permutation(["axial", "coronal", "sagittal"])
    change = slices if slices < 4 or rng.random() < 0.6 else slices // 2
    return (str(first),) * change + (str(second),) * (slices - change)


def roster(counts: Mapping[int, int], seed: int) -> list[Patient]:
    """Return patients whose slices add up to `counts` by label, in the order of the published files.

    Raises:
        ValueError: the counts or the seed make no sense.
    """
    taken: set[str] = set()
    patients: list[Patient] = []
    for label, slices in checked_counts(counts).items():
        if slices == 0:
            continue
        rng = np.random.default_rng([seed, 0, label])
        many = patient_count(label, slices)
        plain = many // 4 if label == 2 else many
        pids = number_pids(plain, taken, rng) + letter_pids(many - plain, plain, taken, rng)
        shares = share_slices(slices, many, rng)
        for number, ((pid, person), share) in enumerate(zip(pids, shares, strict=True)):
            size = 256 if number == min(1, many - 1) else 512  # in each class: the size must not tell it
            maximum = int(np.exp(rng.uniform(np.log(930), np.log(12_728))))
            planes = planes_of(int(share), rng)
            patients.append(Patient(pid, label, number, person, size, maximum, planes))
    return patients


def fold_of_patients(patients: Sequence[Patient]) -> list[int]:
    """Return the fold 1 to 5 of each patient, in turn within a class, so that no patient is split."""
    return [1 + (patient.number + patient.label) % len(FOLDS) for patient in patients]
