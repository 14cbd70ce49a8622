"""How well predicted masks overlap with the true ones.

Two empty masks overlap perfectly (1); an empty one and another not at all (0).
"""

import numpy as np
from numpy.typing import ArrayLike

THRESHOLD = 0.5


def dice(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Dice coefficient of each slice: 2 |A and B| / (|A| + |B|).

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0.

    Returns:
        (N,) float64, 0..1; 1 where both masks are empty.
    """
    both, total = _overlap(truth, predicted)
    return np.divide(2.0 * both, total, out=np.ones(len(total)), where=total > 0)


def iou(truth: ArrayLike, predicted: ArrayLike) -> np.ndarray:
    """Intersection over union (Jaccard index) of each slice: |A and B| / |A or B|.

    Args:
        truth, predicted: (N, H, W) masks, 0 and not 0.

    Returns:
        (N,) float64, 0..1; 1 where both masks are empty.
    """
    both, total = _overlap(truth, predicted)
    return np.divide(both, total - both, out=np.ones(len(total)), where=total > 0)


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


def _overlap(truth: ArrayLike, predicted: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in both masks, and pixels in one plus pixels in the other, of each slice."""
    truth, predicted = np.asarray(truth) != 0, np.asarray(predicted) != 0
    if truth.shape != predicted.shape:
        raise ValueError(f"masks of shapes {truth.shape} and {predicted.shape} cannot be compared.")
    pixels = tuple(range(1, truth.ndim))
    both = np.count_nonzero(truth & predicted, axis=pixels)
    return both, np.count_nonzero(truth, axis=pixels) + np.count_nonzero(predicted, axis=pixels)


def _as_one_image(masks: ArrayLike) -> np.ndarray:
    return np.asarray(masks).reshape(1, -1, 1)
