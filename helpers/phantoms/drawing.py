"""Synthetic T1 contrast-enhanced MRI slices of synthetic patients.

A slice is drawn from outlines in *head units* (x to the right, y down, origin in the middle of the
head, 1 is half the image), which a patient's `Anatomy` scales, tilts and tints. The three tumours
differ as in the clinic:

- meningioma (1): bright, homogeneous, broad-based on the inner skull or on the falx;
- glioma (2): inside the brain, an irregular bright ring, a dark core, oedema around it;
- pituitary tumour (3): small, bright, in the midline at the base of the brain.

Slices of one patient are near copies, as in the real data: a split by slice leaks.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from helpers._common import progress_bar, unfinished_folder
from helpers.config.environment import require_disk_space
from helpers.config.language import _
from helpers.phantoms import matfiles
from helpers.phantoms.anatomy import SIGNAL, VIEWS, View
from helpers.phantoms.geometry import Frame, smooth
from helpers.phantoms.matfiles import PhantomFolderError
from helpers.phantoms.patients import Patient, checked_counts, fold_of_patients, roster
from helpers.phantoms.tumours import paint_tumour

PERSON, VISIT, SLICE = 1, 2, 3  # separate streams of random numbers for a seed and patient
SLICE_BYTES = 380_000  # of a phantom's file, about
PLANES = ("axial", "coronal", "sagittal")


# ---------------------------------------------------------------------------- the patient


@dataclass(frozen=True)
class Anatomy:
    """What all slices of one patient share; lengths in head units."""

    width: float
    height: float
    tilt_degrees: float
    shift: tuple[float, float]
    scalp: float
    skull: float
    ventricles: float  # 1 is an average size
    base: float  # below 0.3, axial slices show the base of the skull
    seed: int  # of the cortical folds, the textures and the tumour's place and shape
    contrast: float
    fat: float
    noise: float
    bias: np.ndarray  # (3, 3) float32, the coil's sensitivity around 1
    tumour_size: float
    tumour_contrast: float


def draw_anatomy(person: np.random.Generator, visit: np.random.Generator) -> Anatomy:
    """Draw a patient: `person` gives what stays over the years, `visit` what a new examination changes."""
    return Anatomy(
        width=person.uniform(0.90, 1.07),
        height=person.uniform(0.90, 1.05),
        tilt_degrees=person.normal(0, 4),
        shift=tuple(person.uniform(-0.05, 0.05, 2)),
        scalp=person.uniform(0.035, 0.065),
        skull=person.uniform(0.035, 0.06),
        ventricles=person.uniform(0.75, 1.35),
        base=person.random(),
        seed=int(person.integers(2**31)),
        contrast=visit.uniform(0.85, 1.15),
        fat=visit.uniform(0.85, 1.2),
        noise=visit.uniform(0.010, 0.024),
        bias=1 + visit.uniform(-0.25, 0.25, (3, 3)).astype(np.float32),
        tumour_size=float(np.exp(np.clip(visit.normal(0, 0.33), -0.8, 0.6))),
        tumour_contrast=visit.uniform(0.9, 1.15),
    )


@dataclass(frozen=True)
class Cut:
    """A slice while it is drawn: a level of one plane through one patient."""

    view: View
    frame: Frame
    anatomy: Anatomy
    level: float
    shared: np.random.Generator  # the same for every slice of this patient and plane
    own: np.random.Generator  # this slice's

    def field(self, cells: int) -> np.ndarray:
        """A smooth random field, standard deviation about 1, that drifts with the level: float32."""
        first, second = 1.3 * self.shared.standard_normal((2, cells, cells), np.float32)
        coarse = np.float32(np.cos(0.7 * self.level)) * first + np.float32(np.sin(0.7 * self.level)) * second
        return cv2.resize(coarse, (self.frame.size, self.frame.size), interpolation=cv2.INTER_CUBIC)


@dataclass(frozen=True)
class Drawing:
    """One slice, all (size, size): `image` float32 from 0, `mask` of the tumour bool, and
    `depth` float32, the distance to the inner skull in head units, 0 outside the brain's cavity."""

    image: np.ndarray
    mask: np.ndarray
    depth: np.ndarray


# ---------------------------------------------------------------------------- healthy anatomy


def paint_head(canvas: np.ndarray, cut: Cut) -> np.ndarray:
    """Paint scalp, face, neck and skull; return the cavity for the brain as uint8 0/1."""
    frame, anatomy = cut.frame, cut.anatomy
    inside = frame.depth(frame.region(smooth(cut.view.head)))
    cavity = frame.region(smooth(cut.view.cavity))
    above_cavity = frame.depth(1 - cavity)
    face = cut.field(30)
    fat, bone = np.clip(1.6 * face - 1.2, 0, 1), np.clip(-2 * face - 2, 0, 1)  # fat between the muscles
    muscles = SIGNAL["muscle"] + 0.38 * fat - 0.18 * bone
    scalp = SIGNAL["fat"] * anatomy.fat * (0.85 + 0.1 * face)
    canvas[:] = np.where(inside > anatomy.scalp, muscles, scalp)
    canvas[above_cavity < anatomy.skull] = SIGNAL["bone"]
    canvas[np.abs(above_cavity / anatomy.skull - 0.55) < 0.08 + 0.06 * face] = SIGNAL["diploe"]
    canvas[inside < 0.008] = SIGNAL["skin"]
    canvas[inside <= 0] = 0
    return cavity


def paint_brain(canvas: np.ndarray, cut: Cut, cavity: np.ndarray) -> np.ndarray:
    """Paint folded cortex and white matter; return the depth below the inner skull."""
    depth = cut.frame.depth(cavity)
    folds = np.abs(cut.field(36))
    fade = np.clip(1.1 - depth / 0.15, 0, 1)
    grey, white, csf = (np.float32(SIGNAL[tissue]) for tissue in ("grey", "white", "csf"))
    brain = np.where((depth < 0.045) | (folds < 0.75 * fade), grey, white)
    brain = np.where((depth < 0.010) | (folds < 0.15 * fade - 0.04), csf, brain)  # sulci, within the grey
    texture = 1 + 0.025 * cut.field(60) + 0.03 * cut.field(18)
    np.copyto(canvas, brain * texture * np.float32(cut.anatomy.contrast), where=cavity > 0)
    return depth


def paint_tissues(cut: Cut) -> tuple[np.ndarray, np.ndarray]:
    """Paint head and brain at half the resolution, as much as a scan resolves, in a quarter of the time."""
    size = cut.frame.size
    coarse = replace(cut, frame=cut.frame.halved())
    canvas = np.zeros((coarse.frame.size, coarse.frame.size), np.float32)
    cavity = paint_head(canvas, coarse)
    depth = paint_brain(canvas, coarse, cavity)
    return cv2.resize(canvas, (size, size)), cv2.resize(depth, (size, size))


def warp(canvas: np.ndarray, depth: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Deform image and depth, coarsely and finely, since no two heads are alike."""
    size = canvas.shape[0]
    wide = 0.009 * rng.standard_normal((5, 5, 2), np.float32)
    fine = 0.0016 * rng.standard_normal((30, 30, 2), np.float32)
    flow = cv2.resize(wide, (30, 30), interpolation=cv2.INTER_CUBIC) + fine
    flow = size * cv2.resize(flow, (size, size), interpolation=cv2.INTER_CUBIC)
    pixels = np.arange(size, dtype=np.float32)
    flow[..., 0] += pixels
    flow[..., 1] += pixels[:, None]
    options = {"interpolation": cv2.INTER_LINEAR, "borderMode": cv2.BORDER_REPLICATE}
    return [cv2.remap(each, flow, None, **options) for each in (canvas, depth)]  # type: ignore[call-overload]


# ---------------------------------------------------------------------------- the slice


def frame_of(plane: str, anatomy: Anatomy, rng: np.random.Generator, size: int, level: float) -> Frame:
    """Place the head in the picture, nearly alike in all slices of a patient."""
    tilt = np.deg2rad(anatomy.tilt_degrees + rng.normal(0, 0.2))
    turn = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    zoom = (1 - 0.012 * level) * size / 2 * np.array([anatomy.width, anatomy.height])
    drop = 0.0 if plane == "axial" else 0.06  # leave more of the neck out
    centre = size / 2 * (1 + np.array(anatomy.shift) + (0, drop)) + rng.normal(0, 0.001 * size, 2)
    return Frame(size, turn * zoom, centre)


def scan(signal: np.ndarray, plane: str, anatomy: Anatomy, rng: np.random.Generator) -> np.ndarray:
    """Apply the coil's sensitivity, which ends at the neck, then Rician noise, as in a magnitude image."""
    size = signal.shape[0]
    reach = 1.0 if plane == "axial" else np.array([[1.0], [1.0], [0.55]])
    sensitivity = (anatomy.bias * reach).astype(np.float32)
    real, imaginary = np.float32(anatomy.noise) * rng.standard_normal((2, size, size), np.float32)
    real += signal * cv2.resize(sensitivity, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.sqrt(real * real + imaginary * imaginary)


def draw_slice(
    label: int,
    plane: str,
    anatomy: Anatomy,
    rng: np.random.Generator,
    size: int = 512,
    level: float = 0.0,
    tumour: bool = True,
) -> Drawing:
    """Draw one slice through a patient's head and tumour.

    Args:
        label: 1 meningioma, 2 glioma, 3 pituitary tumour.
        plane: "axial", "coronal" or "sagittal".
        anatomy: what all slices of the patient share.
        rng: for this slice's noise and its small differences from its neighbours.
        size: rows and columns of the slice, in pixels.
        level: where the slice cuts the tumour, -1 to 1; 0 is through its middle.
        tumour: False to draw the same head without its tumour; the mask is then empty.
    """
    at_base = plane == "axial" and (label == 3 or anatomy.base < 0.3)
    view = VIEWS["axial base" if at_base else plane]
    shared = np.random.default_rng([anatomy.seed, PLANES.index(plane)])
    cut = Cut(view, frame_of(plane, anatomy, rng, size, level), anatomy, level, shared, rng)
    canvas, depth = paint_tissues(cut)
    for tissue, outline in view.structures(anatomy.ventricles * (1 + 0.15 * level)):
        cut.frame.fill(canvas, outline, SIGNAL[tissue])
    canvas, depth = warp(canvas, depth, shared)
    canvas = cv2.GaussianBlur(canvas, (0, 0), 0.8 * size / 512)
    mask = paint_tumour(canvas, cut, label, depth) if tumour else np.zeros(canvas.shape, np.uint8)
    return Drawing(scan(canvas, plane, anatomy, rng), mask > 0, depth)


# ---------------------------------------------------------------------------- the collection


def draw_patient_slice(
    patient: Patient, number: int, seed: int, *, tumour: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a patient's `number`-th slice.

    Args:
        patient: one of those that `roster` returns.
        number: of the slice, from 0.
        seed: of the data set, as given to `roster`.
        tumour: False to draw the same head without its tumour.

    Returns:
        image (H, W) int16, 0 to the patient's maximum, and mask (H, W) bool.
    """
    person = np.random.default_rng([seed, PERSON, patient.label, patient.person])
    visit = np.random.default_rng([seed, VISIT, patient.label, patient.number])
    rng = np.random.default_rng([seed, SLICE, patient.label, patient.number, number])
    level = 0.8 * (2 * (number + 0.5) / patient.slices - 1)
    anatomy = draw_anatomy(person, visit)
    drawing = draw_slice(patient.label, patient.planes[number], anatomy, rng, patient.size, level, tumour)
    image = drawing.image - drawing.image.min()
    image *= rng.uniform(0.93, 1.0) * patient.maximum / image.max()
    return np.round(image).astype(np.int16), drawing.mask


def write_phantoms(
    folder: Path, counts: Mapping[int, int], seed: int = 2023, *, progress: bool = True
) -> list[Path]:
    """Write synthetic slices as MATLAB v7.3 files `1.mat`, `2.mat`, ... and their folds as `cvind.mat`.

    The same counts and seed give the same bytes. `phantoms.json` records them, and a second call
    writes nothing. A folder gets its name when it is complete, so a call that was killed starts again;
    phantoms of an earlier version of the course are drawn again.

    Args:
        folder: where to write; created if it doesn't exist.
        counts: slices of each label, for example `{1: 56, 2: 112, 3: 72}`.
        seed: a non-negative integer.
        progress: show a progress bar.

    Returns:
        The paths of the slices, in the order of their numbers.

    Raises:
        ValueError: a label is not 1, 2 or 3, or a count or the seed is not a whole number from 0.
        PhantomFolderError: the folder holds something else, or cannot be written to.
    """
    folder = Path(folder)
    counts, patients = checked_counts(counts), roster(counts, seed)
    named = {str(label): count for label, count in counts.items()}
    call = json.dumps({"counts": named, "seed": int(seed), "version": matfiles.VERSION})
    slices = [(patient, number) for patient in patients for number in range(patient.slices)]
    paths = [folder / f"{k}.mat" for k in range(1, len(slices) + 1)]
    try:
        if not matfiles.is_written(folder, call, len(slices)):
            purpose = _("drawing {count} phantoms").format(count=len(slices))
            require_disk_space(folder, len(slices) * SLICE_BYTES, purpose, PhantomFolderError)
            with unfinished_folder(folder, lambda: matfiles.is_written(folder, call, len(slices))) as partial:
                _draw_all(slices, partial, int(seed), progress)
                folds = np.repeat(fold_of_patients(patients), [patient.slices for patient in patients])
                matfiles.write_folds(partial / matfiles.FOLDS_NAME, folds)
                (partial / matfiles.MARKER).write_text(call, encoding="utf-8")
    except OSError as error:
        said = _("{path} cannot be written ({error}). Make room there, or set COURSE_HOME to another folder.")
        raise PhantomFolderError(
            said.format(path=error.filename or folder, error=error.strerror or error)
        ) from error
    return paths


def _draw_all(slices: list[tuple[Patient, int]], folder: Path, seed: int, progress: bool) -> None:
    """Draw slices, given as patients and their slices' numbers, to `1.mat`, `2.mat`, ... in a folder."""
    bar = progress_bar(
        slices, total=len(slices), unit=_("slices"), title=_("Drawing phantoms"), show=progress
    )
    for k, (patient, number) in enumerate(bar, start=1):
        image, mask = draw_patient_slice(patient, number, seed)
        matfiles.write_slice(folder / f"{k}.mat", patient.label, patient.pid, image, mask)
