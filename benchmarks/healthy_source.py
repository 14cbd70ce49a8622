"""Does a "healthy" class from another source differ by health, or by source? And are its images new?

    python -m benchmarks.healthy_source SOURCE IMAGES --home FOLDER [--classes NAME ...] [--json FILE]

SOURCE is a folder with `.mat` files or the zip archives; IMAGES a folder of PNG or JPEG images, one
folder per class, all of which (or those in --classes) come from elsewhere. Ten low-level statistics of
each image at 128 px, and a logistic regression, tell the two apart, split by family. As a control, the
same statistics are asked to tell two random halves of the families of SOURCE apart. Then the check for
near duplicates is measured on copies of SOURCE's slices, and on neighbouring slices. Takes minutes.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import scipy.stats
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.command import parser, write_figures
from helpers.config import environment
from helpers.config.settings import SEED
from helpers.datasets.assembly import assemble
from helpers.datasets.image_folder import read_image_folder
from helpers.evaluation import bootstrap
from helpers.evaluation.duplicates import near_duplicates

SIZE, FOLDS, REPEATS, COPIES = 128, 5, 20, 300

# Of a slice (H, W), grey values 0..1. Notebook beyond/new_data has the same ten; a test compares them.
STATISTICS: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda grey: grey.mean(),
    "standard deviation": lambda grey: grey.std(),
    "skewness": lambda grey: scipy.stats.skew(grey, axis=None),
    "kurtosis": lambda grey: scipy.stats.kurtosis(grey, axis=None),
    "dark share": lambda grey: (grey < 0.05).mean(),
    "bright share": lambda grey: (grey > 0.8).mean(),
    "entropy": lambda grey: scipy.stats.entropy(np.histogram(grey, 64, (0, 1))[0]),
    "gradient": lambda grey: np.hypot(*np.gradient(grey)).mean(),
    "fine detail": lambda grey: (grey - scipy.ndimage.gaussian_filter(grey, 1)).std(),
    "corners": lambda grey: grey[[[0], [-1]], [0, -1]].mean(),
}

# A slice (H, H) uint8 -> a copy as other collections have it, (K, K) uint8.
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG, quality 50": lambda slice: _jpeg(slice, 50),
    "JPEG, quality 20": lambda slice: _jpeg(slice, 20),
    "224 px, JPEG": lambda slice: _jpeg(cv2.resize(slice, (224, 224), interpolation=cv2.INTER_AREA), 90),
    "150 px, bilinear": lambda slice: cv2.resize(slice, (150, 150), interpolation=cv2.INTER_LINEAR),
    "gamma 0.8": lambda slice: np.rint(255 * (slice / 255) ** 0.8).astype(np.uint8),
    "turned by 3 degrees": lambda slice: _turned(slice, 3),
    "black margin added": lambda slice: cv2.copyMakeBorder(slice, 60, 60, 60, 60, cv2.BORDER_CONSTANT),
    "cropped to the head, 224 px": lambda slice: cv2.resize(_head(slice), (224, 224)),
    "cropped, 2% per side": lambda slice: _cropped(slice, 0.02),
    "cropped, 5% per side": lambda slice: _cropped(slice, 0.05),
    "cropped, 10% per side": lambda slice: _cropped(slice, 0.10),
    "mirrored": lambda slice: np.ascontiguousarray(slice[:, ::-1]),
}


def statistics(images: np.ndarray) -> np.ndarray:
    """The ten statistics of images (N, H, W) uint8: (N, 10) float64."""
    return np.array([[of(image / 255) for of in STATISTICS.values()] for image in images])


def out_of_fold(features: np.ndarray, elsewhere: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Probability of another source (N,), each image judged by a model that was not fitted on its group."""
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=2000))
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    options = {"groups": groups, "cv": folds, "method": "predict_proba"}
    return cross_val_predict(model, features, elsewhere, **options)[:, 1]


def telling_apart(ours: np.ndarray, theirs: np.ndarray, families: np.ndarray) -> dict:
    """Measure how well ten statistics tell two sources apart.

    Args:
        ours, theirs: (N, 10) and (M, 10) statistics.
        families: (N,) str, those of our slices; each of their images counts as a family of its own.

    Returns:
        The figures, by name. With 100 images against thousands, accuracy is no measure: what counts are
        the AUC, the balanced accuracy, and the accuracy on equal numbers: one slice of each of as many
        families as there are other images, drawn again and again.
    """
    features, elsewhere = np.concatenate([ours, theirs]), np.repeat([0, 1], [len(ours), len(theirs)])
    groups = np.concatenate([families, [f"elsewhere {number}" for number in range(len(theirs))]])
    scores = out_of_fold(features, elsewhere, groups, SEED)
    right = (scores >= 0.5) == elsewhere
    rng = np.random.default_rng(SEED)
    equal = [_equal_numbers(ours, theirs, families, rng) for _ in range(REPEATS)]
    halves = [_two_halves(ours, families, rng) for _ in range(REPEATS)]
    recalls = [
        bootstrap.mean_interval(right[elsewhere == k], groups[elsewhere == k], seed=SEED) for k in (0, 1)
    ]
    return {
        "AUC": f"{bootstrap.auc_interval(elsewhere, scores, groups, seed=SEED):.3f}",
        "recall of our slices": f"{recalls[0]:.3f}",
        "recall of the other images": f"{recalls[1]:.3f}",
        "balanced accuracy": f"{(recalls[0].value + recalls[1].value) / 2:.3f}",
        "accuracy": f"{right.mean():.3f}",
        "accuracy of always 'ours'": f"{(elsewhere == 0).mean():.3f}",
        f"equal numbers, accuracy, mean of {REPEATS}": f"{np.mean(equal):.3f}",
        "equal numbers, lowest and highest": f"{min(equal):.3f} to {max(equal):.3f}",
        f"control: halves of our families, balanced accuracy, mean of {REPEATS}": f"{np.mean(halves):.3f}",
        "control, lowest and highest": f"{min(halves):.3f} to {max(halves):.3f}",
    }


def _equal_numbers(
    ours: np.ndarray, theirs: np.ndarray, families: np.ndarray, rng: np.random.Generator
) -> float:
    """Accuracy on one slice of each of some families, against as many images from elsewhere."""
    names = rng.permutation(np.unique(families))[: len(theirs)]
    drawn = [rng.choice(np.flatnonzero(families == name)) for name in names]
    others = rng.permutation(len(theirs))[: len(names)]
    features, elsewhere = np.concatenate([ours[drawn], theirs[others]]), np.repeat([0, 1], len(names))
    scores = out_of_fold(features, elsewhere, np.arange(len(features)), int(rng.integers(2**31)))
    return float(((scores >= 0.5) == elsewhere).mean())


def _two_halves(ours: np.ndarray, families: np.ndarray, rng: np.random.Generator) -> float:
    """Balanced accuracy of telling two random halves of our own families apart: chance is 0.5."""
    names = rng.permutation(np.unique(families))
    second = np.isin(families, names[: len(names) // 2]).astype(int)
    scores = out_of_fold(ours, second, families, int(rng.integers(2**31)))
    return float(balanced_accuracy_score(second, scores >= 0.5))


def duplicates_found(slices: np.ndarray, images: np.ndarray, other: np.ndarray) -> dict:
    """Measure the check for near duplicates.

    Args:
        slices: (N, 512, 512) uint8, in the order of the data set: neighbours belong to one patient.
        images: (N, 128, 128) uint8, the same.
        other: (M, 128, 128) uint8, from elsewhere.

    Returns:
        Name -> figure: the share of the copies that are found, as copies of the right slice; and how many
        different images are flagged: every other slice, with its neighbours as the known ones.
    """
    copied = np.sort(np.random.default_rng(SEED).choice(len(slices), min(COPIES, len(slices)), replace=False))
    figures = {}
    for name, change in CHANGES.items():
        changed = np.stack([cv2.resize(change(slices[row]), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
                            for row in copied])  # fmt: skip
        found = near_duplicates(changed, images)
        right = np.count_nonzero(copied[found["image"]] == found["known"])
        wrong = len(found) - right
        figures[f"copies found, {name}"] = f"{right} of {len(copied)}; {wrong} more as another slice"
    flagged = len(near_duplicates(images[::2], images[1::2]))
    figures["different slices flagged"] = f"{flagged} of {len(images[::2])}, against {len(images[1::2])}"
    figures["images from elsewhere flagged"] = f"{len(near_duplicates(other, images))} of {len(other)}"
    return figures


def _jpeg(slice: np.ndarray, quality: int) -> np.ndarray:
    encoded = cv2.imencode(".jpg", slice, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)


def _turned(slice: np.ndarray, degrees: float) -> np.ndarray:
    side = slice.shape[0]
    return cv2.warpAffine(slice, cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1), (side, side))


def _head(slice: np.ndarray) -> np.ndarray:
    """The box of the largest bright region, as popular tutorials crop to it."""
    _, bright = cv2.threshold(cv2.GaussianBlur(slice, (5, 5), 0), 45, 255, cv2.THRESH_BINARY)
    contours, _ = cv2.findContours(bright, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return slice
    left, top, width, height = cv2.boundingRect(max(contours, key=cv2.contourArea))
    return slice[top : top + height, left : left + width]


def _cropped(slice: np.ndarray, share: float) -> np.ndarray:
    margin = round(share * slice.shape[0])
    return slice[margin:-margin, margin:-margin]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print.

    Args:
        arguments: of the command line.
    """
    made = parser(__doc__)
    made.add_argument("source", type=Path)
    made.add_argument("images", type=Path)
    made.add_argument("--home", type=Path, required=True, help="folder for the data set")
    made.add_argument("--classes", nargs="+", help="the folders in IMAGES to read; all by default")
    chosen = made.parse_args(arguments)
    data, other = (
        assemble(chosen.source, chosen.home / "set"),
        read_image_folder(chosen.images, SIZE, chosen.classes),
    )
    families, images = data.table["family"].to_numpy(), np.asarray(data.images(SIZE))
    figures = {
        "data": f"{len(data)} slices of {len(np.unique(families))} families, {len(other)} other images",
        "device": environment.device(),
    }
    figures |= telling_apart(statistics(images), statistics(other.images), families)
    figures |= duplicates_found(data.images(512), images, other.images)
    print("\n".join(f"{name:74} {value}" for name, value in figures.items()))
    write_figures(figures, chosen.json)


if __name__ == "__main__":
    main()
