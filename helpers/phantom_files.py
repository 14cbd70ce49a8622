"""The phantoms' patients, and their slices as MATLAB v7.3 files with the published layout.

Knows nothing of how a slice is drawn: `write_collection` is given a function for that.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np

from helpers.progress import bar

VERSION = 2  # raise it when the same seed would give other bytes
MARKER = "phantoms.json"
PUBLISHED_COUNTS = {1: 708, 2: 1426, 3: 930}
PUBLISHED_PATIENTS = {1: 82, 2: 89, 3: 62}
MOST_SLICES = 38  # of one patient
FOLDS = 5
USER_BLOCK_BYTES = 512
# The date is fixed, and the platform says what this is: a phantom must never pass for a patient.
HEADER = b"MATLAB 7.3 MAT-file, Platform: PHANTOM, Created on: Sun Jan 01 00:00:00 2023 HDF5 schema 1.00 ."


# ---------------------------------------------------------------------------- the patients


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
    patients = round(PUBLISHED_PATIENTS[label] * (slices / PUBLISHED_COUNTS[label]) ** 0.6)
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
    return [1 + (patient.number + patient.label) % FOLDS for patient in patients]


# ---------------------------------------------------------------------------- the files


def border_of(mask: np.ndarray) -> np.ndarray:
    """The mask's outline as MATLAB stores it: float64 (1, 2N), x1, y1, x2, y2, ... in pixels from 1."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    contour = max(contours, key=len)[:, 0, :]
    step = max(1, len(contour) // 60)
    return (contour[::step] + 1.0).reshape(1, -1)


def put(
    group: h5py.Group, name: str, array: np.ndarray, matlab_class: str, decode: int | None = None
) -> None:
    """Store an array as MATLAB does: its class as an attribute, large arrays chunked and compressed."""
    chunked = (
        {"chunks": array.shape, "compression": "gzip", "compression_opts": 1} if array.size > 4096 else {}
    )
    dataset = group.create_dataset(name, data=array, track_times=False, **chunked)
    dataset.attrs["MATLAB_class"] = np.bytes_(matlab_class)
    if decode is not None:
        dataset.attrs["MATLAB_int_decode"] = np.int32(decode)


def write_mat(path: Path, fill: Callable[[h5py.File], None]) -> None:
    """Write an HDF5 file behind MATLAB's user block: under a temporary name, then renamed."""
    part = path.with_name(path.name + ".part")
    with h5py.File(part, "w", userblock_size=USER_BLOCK_BYTES, libver="earliest") as file:
        fill(file)
    with part.open("r+b") as handle:
        handle.write(HEADER.ljust(116) + bytes(8) + b"\x00\x02IM")
    part.replace(path)


def write_slice(path: Path, patient: Patient, image: np.ndarray, mask: np.ndarray) -> None:
    """Write one slice: image int16 (H, W) and mask bool (H, W), which MATLAB's order transposes."""

    def fill(file):
        cjdata = file.create_group("cjdata")
        cjdata.attrs["MATLAB_class"] = np.bytes_("struct")
        put(
            cjdata,
            "PID",
            np.array([[ord(character)] for character in patient.pid], np.uint16),
            "char",
            decode=2,
        )
        put(cjdata, "image", np.ascontiguousarray(image.T), "int16")
        put(cjdata, "label", np.array([[patient.label]], np.float64), "double")
        put(cjdata, "tumorBorder", border_of(mask), "double")
        put(cjdata, "tumorMask", np.ascontiguousarray(mask.T.astype(np.uint8)), "logical", decode=1)

    write_mat(path, fill)


def write_folds(path: Path, patients: Sequence[Patient]) -> None:
    """Write the fold of every slice, 1 to 5: float64 (1, N)."""
    folds = np.repeat(fold_of_patients(patients), [patient.slices for patient in patients])
    write_mat(path, lambda file: put(file, "cvind", folds[None].astype(np.float64), "double"))


def is_phantom(path: Path) -> bool:
    """Whether a file is one of ours, or too short to be anybody's."""
    with path.open("rb") as handle:
        start = handle.read(USER_BLOCK_BYTES)
    return len(start) < USER_BLOCK_BYTES or start.startswith(HEADER)


def is_complete(path: Path) -> bool:
    """Whether a file is there and whole; HDF5 refuses a file shorter than its superblock says."""
    try:
        with h5py.File(path, "r") as file:
            return len(file) == 1
    except (OSError, RuntimeError):
        return False


def prepare(folder: Path, call: dict) -> None:
    """Clear away what another call has left, then sign the folder with this one."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob("*.mat.part"):
        part.unlink()
    marker = folder / MARKER
    if marker.exists() and marker.read_text(encoding="utf-8") == json.dumps(call):
        return
    files = sorted(folder.glob("*.mat"))
    strangers = [path.name for path in files if not is_phantom(path)]
    if strangers:
        raise FileExistsError(f"{folder} holds {strangers[0]}, which is no phantom: choose another folder")
    for path in files:
        path.unlink()
    marker.write_text(json.dumps(call), encoding="utf-8")


def write_collection(
    folder: Path,
    patients: Sequence[Patient],
    counts: Mapping[int, int],
    seed: int,
    draw: Callable[[Patient, int, int], tuple[np.ndarray, np.ndarray]],
    *,
    progress: bool,
) -> list[Path]:
    """Write every slice of every patient, and the folds; keep what is already there and whole.

    Args:
        folder: where to write.
        patients: in the order of the files.
        counts: slices of each label; with the seed, the name of this collection.
        seed: handed on to `draw`.
        draw: `draw(patient, number, seed)` gives image int16 and mask bool of a patient's slice.
        progress: show a progress bar.

    Returns:
        The paths of the slices, in the order of their numbers.

    Raises:
        FileExistsError: if the folder holds `.mat` files that are no phantoms.
    """
    named = {str(label): count for label, count in checked_counts(counts, seed).items()}
    prepare(folder, {"counts": named, "seed": int(seed), "version": VERSION})
    slices = [(patient, number) for patient in patients for number in range(patient.slices)]
    paths = [folder / f"{k}.mat" for k in range(1, len(slices) + 1)]
    drawing = bar(paths, total=len(paths), unit="slice", title="Drawing phantoms", show=progress)
    for path, (patient, number) in zip(drawing, slices, strict=True):
        if not is_complete(path):
            write_slice(path, patient, *draw(patient, number, int(seed)))
    if not is_complete(folder / "cvind.mat"):
        write_folds(folder / "cvind.mat", patients)
    return paths
