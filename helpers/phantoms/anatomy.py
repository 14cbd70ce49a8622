"""Outlines of the head in three planes, in head units (see `drawing`).

A structure is a pair (tissue, outline); structures are painted in the order given.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from helpers.phantoms.geometry import ellipse, mirrored, smooth

# T1 signal after contrast, with fat partly suppressed: an enhancing tumour (see `tumours`) is brighter.
SIGNAL = {
    "air": 0.02, "bone": 0.07, "csf": 0.10, "vitreous": 0.12, "folia": 0.19, "muscle": 0.27, "grey": 0.28,
    "diploe": 0.30, "white": 0.37, "marrow": 0.42, "callosum": 0.43, "skin": 0.48, "mucosa": 0.60,
    "fat": 0.65, "vessel": 0.72,
}  # fmt: skip

Structure = tuple[str, np.ndarray]  # tissue, outline (N, 2)


@dataclass(frozen=True)
class View:
    """One level of the head in one plane; all points in head units."""

    head: np.ndarray  # (N, 2), the outline of the skin
    cavity: np.ndarray  # (N, 2), the inner skull
    structures: Callable[[float], list[Structure]]  # inside the head, for ventricles of a given size
    sella: tuple[float, float]
    glioma_sites: tuple[tuple[float, float], ...]  # on the right if the view is symmetric
    dura: tuple[float, float]  # range of y in which a meningioma may be on the skull
    falx: tuple[float, ...] = ()  # values of y at which it may be on the falx
    symmetric: bool = True


# ---------------------------------------------------------------------------- the structures
# Outlines are easier to read with several points per line.
# fmt: off


def paired(tissue: str, outline: np.ndarray) -> list[Structure]:
    """A structure on the right and its mirror image on the left."""
    return [(tissue, outline), (tissue, outline * (-1, 1))]


def falx(top: float, bottom: float) -> list[Structure]:
    """The midline: a cleft of CSF with the enhancing falx in it."""
    middle, half = (top + bottom) / 2, (bottom - top) / 2
    return [("csf", ellipse(0, middle, 0.012, half)), ("mucosa", ellipse(0, middle, 0.004, half))]


def axial_structures(ventricles: float) -> list[Structure]:
    """At the level of the lateral ventricles."""
    frontal_horn = smooth([
        (0.03, -0.24), (0.10, -0.33), (0.15, -0.33), (0.13, -0.22), (0.06, -0.08), (0.05, -0.02),
    ])
    trigone = smooth([(0.05, 0.10), (0.10, 0.14), (0.20, 0.34), (0.16, 0.36), (0.09, 0.24)])
    sylvian_fissure = smooth([(0.50, -0.08), (0.36, -0.04), (0.33, 0.06), (0.36, -0.01), (0.50, -0.05)])
    return [
        *falx(-0.69, -0.32),
        *falx(0.34, 0.68),
        *paired("grey", ellipse(0.21, -0.08, 0.06, 0.16, -18)),  # lentiform nucleus
        *paired("grey", ellipse(0.10, 0.07, 0.07, 0.11, 20)),  # thalamus
        *paired("csf", sylvian_fissure),
        *paired("csf", frontal_horn * ventricles),
        *paired("csf", trigone * ventricles),
        *paired("vessel", ellipse(0.13, 0.25, 0.018, 0.03, -20)),  # choroid plexus
        ("csf", ellipse(0, 0.04, 0.012 * ventricles, 0.07)),  # third ventricle
        ("vessel", ellipse(0, 0.665, 0.03, 0.022)),  # superior sagittal sinus
        ("vessel", ellipse(0, -0.685, 0.018, 0.014)),
    ]


def axial_base_structures(ventricles: float) -> list[Structure]:
    """Through orbits, sella and posterior fossa."""
    petrous_bone = smooth([
        (0.47, 0.10), (0.30, 0.10), (0.17, 0.06), (0.16, 0.10), (0.28, 0.17), (0.47, 0.20),
    ])
    suprasellar_cistern = smooth(mirrored([
        (0, -0.24), (0.10, -0.20), (0.13, -0.08), (0.10, 0.02), (0, 0.05),
    ]))
    ethmoid_cells = [
        cell for y in (-0.72, -0.62, -0.515, -0.41) for cell in paired("air", ellipse(0.052, y, 0.036, 0.045))
    ]
    return [
        ("mucosa", ellipse(0, -0.60, 0.11, 0.22)),
        ("bone", ellipse(0, -0.36, 0.14, 0.08)),
        *ethmoid_cells,
        *paired("bone", ellipse(0.27, -0.58, 0.17, 0.21, 12)),
        *paired("fat", ellipse(0.26, -0.58, 0.145, 0.19, 12)),  # orbit
        *paired("muscle", ellipse(0.15, -0.52, 0.018, 0.15, -18)),
        *paired("muscle", ellipse(0.36, -0.52, 0.018, 0.15, 25)),
        *paired("muscle", ellipse(0.24, -0.48, 0.018, 0.10)),  # optic nerve
        *paired("mucosa", ellipse(0.27, -0.67, 0.112, 0.112)),
        *paired("vitreous", ellipse(0.27, -0.67, 0.10, 0.10)),
        *paired("muscle", ellipse(0.275, -0.755, 0.045, 0.02)),  # lens
        *paired("bone", petrous_bone),
        *paired("csf", ellipse(0.27, 0.12, 0.03, 0.014)),  # inner ear
        *paired("csf", ellipse(0.27, -0.02, 0.012 * ventricles, 0.05, 15)),  # temporal horn
        *paired("vessel", ellipse(0.38, 0.27, 0.02, 0.07, 35)),  # sigmoid sinus
        ("csf", suprasellar_cistern),
        *paired("vessel", ellipse(0.09, -0.17, 0.022, 0.03)),  # internal carotid artery
        ("csf", ellipse(0, 0.12, 0.17, 0.14)),
        ("white", ellipse(0, 0.11, 0.145, 0.115)),  # pons
        ("csf", ellipse(0, 0.255, 0.045 * ventricles, 0.025 * ventricles)),  # fourth ventricle
        ("grey", ellipse(0, -0.15, 0.03, 0.02)),  # pituitary gland
        ("vessel", ellipse(0, -0.03, 0.014, 0.014)),
        ("vessel", ellipse(0, 0.655, 0.03, 0.022)),
    ]


def coronal_structures(ventricles: float) -> list[Structure]:
    """Through the sella, between the temporal lobes, with the nose and jaws below."""
    sphenoid_bone = smooth(mirrored([(0, 0.14), (0.13, 0.18), (0.20, 0.32), (0.16, 0.46), (0, 0.46)]))
    nasal_passage = smooth([
        (0.015, 0.50), (0.03, 0.50), (0.03, 0.56), (0.08, 0.60), (0.03, 0.62), (0.05, 0.66), (0.015, 0.67),
    ])
    sylvian_fissure = smooth([
        (0.50, -0.02), (0.36, 0), (0.29, -0.05), (0.31, 0.03), (0.40, 0.05), (0.50, 0.03),
    ])
    lateral_ventricle = smooth([
        (0.015, -0.22), (0.07, -0.29), (0.15, -0.31), (0.15, -0.26), (0.08, -0.18), (0.03, -0.12),
    ])
    return [
        ("bone", sphenoid_bone),
        ("marrow", ellipse(0, 0.25, 0.10, 0.05)),
        *paired("air", ellipse(0.055, 0.35, 0.05, 0.06)),  # sphenoid sinus
        ("muscle", ellipse(0, 0.60, 0.14, 0.13)),
        ("mucosa", ellipse(0, 0.57, 0.10, 0.10)),
        *paired("air", nasal_passage),
        ("bone", ellipse(0, 0.72, 0.20, 0.02)),  # hard palate
        ("muscle", ellipse(0, 0.83, 0.19, 0.10)),
        ("air", ellipse(0, 1.02, 0.05, 0.12)),  # tongue, airway
        *paired("bone", ellipse(0.36, 0.62, 0.035, 0.20, 6)),
        *paired("marrow", ellipse(0.36, 0.62, 0.018, 0.18, 6)),  # jaw
        *paired("muscle", ellipse(0.29, 0.50, 0.06, 0.14, 14)),
        *paired("muscle", ellipse(0.43, 0.48, 0.035, 0.17, 4)),
        *paired("fat", ellipse(0.22, 0.62, 0.03, 0.10, 15)),
        *paired("grey", ellipse(0.20, -0.06, 0.06, 0.09, 15)),  # lentiform nucleus
        *paired("grey", ellipse(0.08, -0.03, 0.05, 0.06)),  # thalamus
        *paired("csf", sylvian_fissure),
        *paired("csf", lateral_ventricle * ventricles),
        *paired("csf", ellipse(0.30, 0.16, 0.03 * ventricles, 0.012 * ventricles, 20)),  # temporal horn
        *paired("vessel", ellipse(0.34, 0.01, 0.012, 0.012)),  # middle cerebral artery
        *falx(-0.69, -0.34),
        ("csf", ellipse(0, -0.01, 0.013 * ventricles, 0.075)),  # third ventricle
        ("csf", ellipse(0, 0.10, 0.10, 0.028)),  # suprasellar cistern
        ("callosum", ellipse(0, -0.25, 0.05, 0.014)),
        ("grey", ellipse(0, 0.135, 0.05, 0.018)),
        *paired("vessel", ellipse(0.10, 0.17, 0.022, 0.03)),  # internal carotid artery
        ("vessel", ellipse(0, -0.675, 0.03, 0.022)),  # superior sagittal sinus
    ]


def corpus_callosum() -> np.ndarray:
    """An arch over the lateral ventricle: (40, 2)."""
    angle = np.linspace(1.02 * np.pi, 2.05 * np.pi, 20)
    outer = np.stack([0.27 * np.cos(angle), -0.08 + 0.185 * np.sin(angle)], axis=1)
    inner = np.stack([0.225 * np.cos(angle), -0.07 + 0.135 * np.sin(angle)], axis=1)
    return np.concatenate([outer, inner[::-1]])


def folia() -> Iterator[Structure]:
    """Thin wedges that fan out over the cerebellum, away from the fourth ventricle."""
    for angle in np.linspace(-1, 1, 9):
        ray = np.array([np.cos(angle), np.sin(angle)])
        across = 0.004 * ray[::-1] * (-1, 1)
        tip, far = np.array([0.27, 0.145]) + 0.02 * ray, np.array([0.24, 0.14]) + 0.25 * ray
        yield "folia", np.array([tip, far - across, far + across])


def sagittal_structures(ventricles: float) -> list[Structure]:
    """In the midline, with the face to the left."""
    lateral_ventricle = smooth([
        (-0.22, -0.08), (-0.15, -0.18), (0, -0.21), (0.17, -0.15), (0.22, -0.07),
        (0.08, -0.12 + 0.03 * ventricles), (-0.10, -0.09),
    ])
    prepontine_cistern = smooth([
        (-0.20, 0.02), (-0.05, 0), (0.02, 0.04), (0.03, 0.20), (0.12, 0.36), (0.06, 0.30), (-0.06, 0.10),
    ])
    spinal_canal = smooth([(0.10, 0.30), (0.24, 0.31), (0.30, 0.60), (0.36, 1.2), (0.18, 1.2), (0.13, 0.60)])
    brain_stem = smooth([
        (0.02, -0.01), (0.11, -0.02), (0.13, 0.06), (0.16, 0.20), (0.19, 0.34), (0.24, 0.60), (0.31, 1.2),
        (0.24, 1.2), (0.17, 0.60), (0.11, 0.34), (0.04, 0.22), (0.02, 0.10),
    ])
    straight_sinus = smooth([(0.20, -0.03), (0.40, 0.03), (0.57, 0.04), (0.57, 0.07), (0.38, 0.05)])
    clivus = smooth([
        (-0.20, 0.05), (-0.06, 0.12), (0.05, 0.28), (0.12, 0.40), (0.05, 0.42), (-0.05, 0.28), (-0.22, 0.16),
    ])
    upper_meatus = smooth([
        (-0.60, 0.16), (-0.45, 0.12), (-0.28, 0.15), (-0.22, 0.22), (-0.36, 0.16), (-0.50, 0.17),
    ])
    middle_meatus = smooth([
        (-0.58, 0.25), (-0.42, 0.23), (-0.24, 0.25), (-0.20, 0.30), (-0.34, 0.255), (-0.50, 0.26),
    ])
    lower_meatus = smooth([(-0.58, 0.33), (-0.40, 0.325), (-0.22, 0.33), (-0.30, 0.345), (-0.50, 0.345)])
    tongue = smooth([(-0.58, 0.50), (-0.40, 0.42), (-0.18, 0.50), (-0.14, 0.72), (-0.40, 0.76)])
    pharynx = smooth([
        (-0.14, 0.26), (-0.07, 0.34), (-0.08, 0.60), (-0.04, 1.1), (-0.10, 1.1), (-0.13, 0.62), (-0.17, 0.40),
    ])
    vertebrae = [
        part
        for k in range(4)
        for part in (
            ("bone", ellipse(0.05 + 0.03 * k, 0.53 + 0.17 * k, 0.075, 0.085, -10)),
            ("marrow", ellipse(0.05 + 0.03 * k, 0.53 + 0.17 * k, 0.06, 0.065, -10)),
        )
    ]
    return [
        ("csf", lateral_ventricle),
        ("callosum", corpus_callosum()),
        ("grey", ellipse(0.02, -0.05, 0.09, 0.05, 10)),
        ("csf", prepontine_cistern),
        ("csf", smooth([(0.12, -0.04), (0.20, -0.06), (0.26, -0.02), (0.16, 0.02)])),
        ("grey", ellipse(0.33, 0.15, 0.20, 0.155, 10)),
        *folia(),  # cerebellum
        ("csf", spinal_canal),
        ("white", brain_stem),
        ("csf", smooth([(0.13, 0.04), (0.21 + 0.02 * ventricles, 0.13), (0.17, 0.24)])),  # fourth ventricle
        ("vessel", straight_sinus),
        ("bone", clivus),
        ("marrow", smooth([(-0.05, 0.17), (0.03, 0.29), (0.08, 0.38), (0.04, 0.38), (-0.04, 0.26)])),
        ("air", ellipse(-0.20, 0.16, 0.085, 0.06, 15)),  # sphenoid sinus
        ("grey", ellipse(-0.13, 0.085, 0.035, 0.022)),  # pituitary gland
        ("muscle", ellipse(-0.43, 0.21, 0.20, 0.13, 8)),
        ("mucosa", ellipse(-0.40, 0.20, 0.15, 0.03, 12)),
        ("mucosa", ellipse(-0.42, 0.28, 0.16, 0.03, 4)),
        ("air", upper_meatus),
        ("air", middle_meatus),
        ("air", lower_meatus),
        ("bone", ellipse(-0.42, 0.385, 0.20, 0.018)),
        ("muscle", tongue),
        ("air", pharynx),
        *vertebrae,
    ]


# ---------------------------------------------------------------------------- the views

VIEWS = {
    "axial": View(
        head=mirrored([
            (0, -0.80), (0.24, -0.75), (0.43, -0.56), (0.54, -0.24), (0.59, 0.10), (0.55, 0.42), (0.37, 0.69),
            (0, 0.80),
        ]),
        cavity=mirrored([
            (0, -0.70), (0.20, -0.66), (0.37, -0.49), (0.46, -0.22), (0.51, 0.10), (0.47, 0.38), (0.31, 0.60),
            (0, 0.69),
        ]),
        structures=axial_structures,
        sella=(0, -0.20),
        glioma_sites=((0.24, -0.34), (0.25, 0.02), (0.22, 0.34), (0.15, -0.10)),
        dura=(-0.6, 0.6),
        falx=(-0.48, 0.48),
    ),
    "axial base": View(
        head=mirrored([
            (0, -0.86), (0.10, -0.83), (0.28, -0.80), (0.46, -0.62), (0.54, -0.26), (0.58, 0.10),
            (0.54, 0.42), (0.36, 0.69), (0, 0.80),
        ]),
        cavity=mirrored([
            (0, -0.32), (0.14, -0.30), (0.30, -0.36), (0.42, -0.28), (0.47, -0.08), (0.49, 0.14),
            (0.46, 0.38), (0.31, 0.59), (0, 0.68),
        ]),
        structures=axial_base_structures,
        sella=(0, -0.17),
        glioma_sites=((0.31, -0.12), (0.33, 0.02), (0.24, 0.42)),
        dura=(-0.1, 0.6),
    ),
    "coronal": View(
        head=mirrored([
            (0, -0.80), (0.28, -0.75), (0.49, -0.55), (0.58, -0.20), (0.57, 0.12), (0.51, 0.36), (0.47, 0.62),
            (0.44, 0.85), (0.46, 1.2), (0, 1.25),
        ]),
        cavity=mirrored([
            (0, -0.69), (0.25, -0.65), (0.43, -0.46), (0.50, -0.18), (0.49, 0.08), (0.40, 0.25), (0.25, 0.27),
            (0.15, 0.17), (0, 0.13),
        ]),
        structures=coronal_structures,
        sella=(0, 0.15),
        glioma_sites=((0.22, -0.38), (0.26, -0.20), (0.32, 0.08), (0.14, -0.12)),
        dura=(-0.7, 0.1),
        falx=(-0.50, -0.36),
    ),
    "sagittal": View(
        head=np.array([
            (-0.63, -0.28), (-0.53, -0.56), (-0.25, -0.76), (0.15, -0.81), (0.50, -0.66), (0.68, -0.32),
            (0.69, 0.02), (0.60, 0.30), (0.54, 0.55), (0.60, 1.2), (-0.10, 1.2), (-0.16, 0.92), (-0.40, 0.90),
            (-0.58, 0.80), (-0.60, 0.64), (-0.67, 0.50), (-0.66, 0.36), (-0.80, 0.24), (-0.70, 0.04),
            (-0.64, -0.08),
        ]),
        cavity=np.array([
            (-0.53, -0.22), (-0.43, -0.48), (-0.19, -0.66), (0.15, -0.70), (0.42, -0.57), (0.57, -0.29),
            (0.58, 0), (0.48, 0.25), (0.30, 0.35), (0.13, 0.37), (0.05, 0.24), (-0.06, 0.09), (-0.18, 0.03),
            (-0.38, 0.02), (-0.50, -0.06),
        ]),
        structures=sagittal_structures,
        sella=(-0.13, 0.09),
        glioma_sites=((-0.28, -0.30), (0.05, -0.44), (0.30, -0.24), (-0.10, -0.18), (0.32, 0.16)),
        dura=(-0.7, 0.1),
        symmetric=False,
    ),
}
