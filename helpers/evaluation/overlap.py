"""Overlap of predicted and true masks, and the distance between their edges.

Two empty masks overlap perfectly (1, at a distance of 0); an empty and a non-empty one don't
overlap at all (0, at an infinite distance).
"""

import numpy as np
import scipy  # scipy.ndimage loads on first use
from numpy.typing import ArrayLike

from helpers.reference import NATIVE_PIXEL_MM, NATIVE_SIZE

THRESHOLD = 0.5  # a pixel is tumour if its probability is at least this
QUARTERS = {1: "smallest", 2: "second", 3: "third", 4: "largest"}  # see `area_quartiles`


def dice(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    r"""Return the Dice coefficient of each slice, $2 |A \cap B| / (|A| + |B|)$.

    Args:
        truth, predicted: (N, H, W) masks A and B, zero or nonzero.

    Returns:
        (N,) float64, 0..1; 1 if both masks are empty.
    """
    both, true_px, predicted_px = _counts(truth, predicted)
    return _ratio(2 * both, true_px + predicted_px)


def iou(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    r"""Return the intersection over union (Jaccard index) of each slice, $|A \cap B| / |A \cup B|$.

    Arguments and result as in `dice`.
    """
    both, true_px, predicted_px = _counts(truth, predicted)
    return _ratio(both, true_px + predicted_px - both)


def precision(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    r"""Return the share of the predicted tumour B that is tumour, of each slice: $|A \cap B| / |B|$.

    Args:
        truth, predicted: (N, H, W) masks A and B, zero or nonzero.

    Returns:
        (N,) float64, 0..1; 1 if both masks are empty, 0 if only one is.
    """
    both, true_px, predicted_px = _counts(truth, predicted)
    return _ratio(both, np.where(predicted_px > 0, predicted_px, true_px))


def recall(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    r"""Return the share of the true tumour A that was found (sensitivity), of each slice: $|A \cap B| / |A|$.

    Arguments and result as in `precision`.
    """
    return precision(predicted, truth)


def hausdorff95(truth: ArrayLike, predicted: ArrayLike, spacing_mm: float) -> np.ndarray:
    """Return the 95th percentile of the Hausdorff distance between the edges, of each slice.

    An edge is a mask minus its erosion by a cross; mask pixels on the image border belong to it.
    The distances of each edge to the other are pooled before the percentile is taken, as in
    `hd95` of MedPy (https://loli.github.io/medpy). Others take the larger of two percentiles;
    their numbers are higher.

    Args:
        truth, predicted: (N, H, W) masks, zero or nonzero.
        spacing_mm: side of a pixel in mm, see `pixel_mm`.

    Returns:
        (N,) float64, in mm; 0 if both masks are empty, inf if only one is. Count those slices
        instead of averaging over them.
    """
    truth, predicted = _masks(truth, predicted)
    return spacing_mm * np.array([_hausdorff95_px(*pair) for pair in zip(truth, predicted, strict=True)])


def pixel_mm(size: int) -> float:
    """Return the side of a pixel of the published slices in mm after resizing to `size` px.

    15 slices, all of one patient, were published at 256 px without their pixel size. They are
    assumed to have the same field of view as the others.

    Example:
        >>> pixel_mm(128)
        1.96
    """
    return NATIVE_PIXEL_MM * NATIVE_SIZE / size


def area_quartiles(areas_px: ArrayLike) -> np.ndarray:
    """Assign each slice to a quartile by the area of its true tumour.

    Args:
        areas_px: (N,) pixels, or any other unit.

    Returns:
        (N,) int64: 1 for the smallest quarter to 4 for the largest. Equal areas share a quartile,
        so quartiles may differ in size or be empty.
    """
    areas_px = np.asarray(areas_px)
    return 1 + np.searchsorted(np.quantile(areas_px, (0.25, 0.5, 0.75)), areas_px)


def pooled_dice(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the Dice coefficient (0..1) of all pixels of all slices, as if they were one image.

    Large tumours weigh more here than in the mean of `dice`. Arguments as in `dice`.
    """
    return float(dice(_as_one_image(truth), _as_one_image(predicted))[0])


def pooled_iou(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the intersection over union (0..1) of all pixels of all slices, as `pooled_dice`."""
    return float(iou(_as_one_image(truth), _as_one_image(predicted))[0])


def mean_iou_of_raw_probabilities(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """Return what `keras.metrics.MeanIoU` computes from raw probabilities: the report's 0.49.

    It casts its input to int, so every probability below 1 becomes background.

    Args:
        truth: (N, H, W) masks of 0 and 1.
        probabilities: (N, H, W) of the tumour, 0..1.

    Returns:
        The mean of the IoU of background and tumour, 0..1.
    """
    import keras  # here, because the tables and checks that import this module must not load it

    metric = keras.metrics.MeanIoU(num_classes=2)
    metric.update_state(np.asarray(truth), np.asarray(probabilities))
    return float(metric.result())


def _masks(truth: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(truth) != 0, np.asarray(predicted) != 0
    if a.shape != b.shape:
        raise ValueError(f"Masks of shapes {a.shape} and {b.shape} cannot be compared.")
    return a, b


def _counts(truth: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels in both masks, in the true one and in the predicted one, of each slice."""
    truth, predicted = _masks(truth, predicted)
    pixels = tuple(range(1, truth.ndim))
    return tuple(np.count_nonzero(mask, axis=pixels) for mask in (truth & predicted, truth, predicted))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, 1 where both are 0."""
    return np.divide(part, whole, out=np.ones(len(whole)), where=whole > 0)


def _hausdorff95_px(truth: np.ndarray, predicted: np.ndarray) -> float:
    if not truth.any() or not predicted.any():
        return 0.0 if truth.any() == predicted.any() else np.inf
    box = scipy.ndimage.find_objects((truth | predicted).astype(np.uint8))[0]  # crop: the rest is background
    edges = [mask & ~scipy.ndimage.binary_erosion(mask) for mask in (truth[box], predicted[box])]
    to_truth, to_predicted = (scipy.ndimage.distance_transform_edt(~edge) for edge in edges)
    return float(np.percentile(np.concatenate([to_truth[edges[1]], to_predicted[edges[0]]]), 95))


def _as_one_image(masks: ArrayLike) -> np.ndarray:
    return np.asarray(masks).reshape(1, -1, 1)
