"""How well predicted masks overlap with the true ones, and how far apart their edges are.

Two empty masks overlap perfectly (1, at a distance of 0); an empty one and another not at all
(0, at an infinite distance).
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

THRESHOLD = 0.5
NATIVE_SIZE, NATIVE_PIXEL_MM = 512, 0.49  # Cheng et al. 2015, https://doi.org/10.1371/journal.pone.0140381


def dice(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Dice coefficient of each slice: 2 |A and B| / (|A| + |B|).

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0.

    Returns:
        (N,) float64, 0..1; 1 where both masks are empty.
    """
    both, true_px, predicted_px = _counts(truth, predicted)
    return _ratio(2 * both, true_px + predicted_px)


def iou(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Intersection over union (Jaccard index) of each slice: |A and B| / |A or B|.

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0.

    Returns:
        (N,) float64, 0..1; 1 where both masks are empty.
    """
    both, true_px, predicted_px = _counts(truth, predicted)
    return _ratio(both, true_px + predicted_px - both)


def precision(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Part of the predicted tumour that is tumour, of each slice: |A and B| / |B|.

    Args:
        truth, predicted: (N, H, W) masks A and B, 0 and not 0.

    Returns:
        (N,) float64, 0..1; 1 where both masks are empty, 0 where only one is.
    """
    both, true_px, predicted_px = _counts(truth, predicted)
    return _ratio(both, np.where(predicted_px > 0, predicted_px, true_px))


def recall(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Part of the true tumour that was found (sensitivity), of each slice: |A and B| / |A|.

    Args:
        truth, predicted: (N, H, W) masks A and B, 0 and not 0.

    Returns:
        (N,) float64, 0..1; 1 where both masks are empty, 0 where only one is.
    """
    return precision(predicted, truth)


def hausdorff95(truth: ArrayLike, predicted: ArrayLike, spacing_mm: float) -> np.ndarray:
    """95th percentile of the Hausdorff distance between the edges of the masks, of each slice.

    An edge is a mask without its erosion by a cross; pixels on the rim of the image belong to
    it. The distances of each edge to the other are put together before the percentile is
    taken, as `hd95` of MedPy does (https://loli.github.io/medpy). Others take the larger of
    two percentiles: their numbers are higher.

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0.
        spacing_mm: side of a pixel in mm, see `pixel_mm`.

    Returns:
        (N,) float64, in mm; 0 where both masks are empty, inf where only one is. Count those
        slices instead of averaging over them.
    """
    truth, predicted = _masks(truth, predicted)
    return spacing_mm * np.array([_hausdorff95_px(*pair) for pair in zip(truth, predicted, strict=True)])


def pixel_mm(size: int) -> float:
    """Side of a pixel of the published slices after resizing: 0.49 mm at 512 px.

    15 slices, all of one patient, were published at 256 px, and their pixel size is not
    documented: this takes them for the same field of view, so that they count as the others do.

    Args:
        size: height or width of the resized slices in px.

    Returns:
        Millimetres, e.g. 1.96 at 128 px.
    """
    return NATIVE_PIXEL_MM * NATIVE_SIZE / size


def area_quartiles(areas_px: ArrayLike) -> np.ndarray:
    """Puts slices into four groups by the area of their true tumour.

    Args:
        areas_px: (N,) pixels, or any other unit.

    Returns:
        (N,) int64: 1 for the smallest quarter to 4 for the largest, 0 where there is no
        tumour. Equal areas share a group, so groups may differ in size or be missing.
    """
    areas_px = np.asarray(areas_px)
    if not areas_px.any():
        return np.zeros(len(areas_px), np.int64)
    limits = np.quantile(areas_px[areas_px > 0], (0.25, 0.5, 0.75))
    return np.where(areas_px > 0, 1 + np.searchsorted(limits, areas_px), 0)


def pooled_dice(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Dice coefficient of all pixels of all slices, taken as one big image.

    Large tumours weigh more here than in the mean of `dice`.

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0.

    Returns:
        0..1.
    """
    return float(dice(_as_one_image(truth), _as_one_image(predicted))[0])


def pooled_iou(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Intersection over union of all pixels of all slices, taken as one big image.

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0.

    Returns:
        0..1.
    """
    return float(iou(_as_one_image(truth), _as_one_image(predicted))[0])


def mean_iou_of_raw_probabilities(truth: ArrayLike, probabilities: ArrayLike) -> float:
    """What `keras.metrics.MeanIoU` says when it is fed probabilities: the report's 0.49.

    It casts its input to int, so every probability below 1 becomes background.

    Args:
        truth: (N, H, W) masks of 0 and 1.
        probabilities: (N, H, W) of the tumour, 0..1.

    Returns:
        The mean of the IoU of background and tumour, 0..1.
    """
    import keras  # here, since notebook 01 uses this module and must not wait for it

    metric = keras.metrics.MeanIoU(num_classes=2)
    metric.update_state(np.asarray(truth), np.asarray(probabilities))
    return float(metric.result())


def _masks(truth: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.asarray(truth) != 0, np.asarray(predicted) != 0
    if truth.shape != predicted.shape:
        raise ValueError(f"masks of shapes {truth.shape} and {predicted.shape} cannot be compared.")
    return truth, predicted


def _counts(truth: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels in both masks, in the true and in the predicted one, of each slice."""
    truth, predicted = _masks(truth, predicted)
    pixels = tuple(range(1, truth.ndim))
    both, true_px, predicted_px = (
        np.count_nonzero(mask, axis=pixels) for mask in (truth & predicted, truth, predicted)
    )
    return both, true_px, predicted_px


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """1 where there is nothing at all."""
    return np.divide(part, whole, out=np.ones(len(whole)), where=whole > 0)


def _hausdorff95_px(truth: np.ndarray, predicted: np.ndarray) -> float:
    if not truth.any() or not predicted.any():
        return 0.0 if truth.any() == predicted.any() else np.inf
    box = ndimage.find_objects((truth | predicted).astype(np.uint8))[0]  # the rest is background
    edges = [mask & ~ndimage.binary_erosion(mask) for mask in (truth[box], predicted[box])]
    to_truth, to_predicted = (ndimage.distance_transform_edt(~edge) for edge in edges)
    return float(np.percentile(np.concatenate([to_truth[edges[1]], to_predicted[edges[0]]]), 95))


def _as_one_image(masks: ArrayLike) -> np.ndarray:
    return np.asarray(masks).reshape(1, -1, 1)
