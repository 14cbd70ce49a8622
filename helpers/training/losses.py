"""Losses and metrics that Keras lacks: per slice, and of the tumour alone."""

import keras
from keras import ops

from helpers.evaluation.overlap import THRESHOLD


def crossentropy_per_slice(truth, probabilities):
    """Cross-entropy, averaged over the pixels of each slice.

    Args:
        truth: (N, H, W) class of each pixel.
        probabilities: (N, H, W, classes).

    Returns:
        (N,) float.
    """
    loss = keras.losses.sparse_categorical_crossentropy(truth, probabilities)
    return ops.mean(loss, axis=(1, 2))


def accuracy_per_slice(truth, probabilities):
    """Fraction of each slice's pixels whose most probable class is the true one.

    Args:
        truth: (N, H, W) class of each pixel.
        probabilities: (N, H, W, classes).

    Returns:
        (N,) float.
    """
    right = keras.metrics.sparse_categorical_accuracy(truth, probabilities)
    return ops.mean(right, axis=(1, 2))


class TumourIoU(keras.metrics.BinaryIoU):
    """IoU of the tumour channel at threshold 0.5, over all pixels so far."""

    def __init__(self, name="tumour_iou", dtype=None):
        super().__init__(target_class_ids=[1], threshold=THRESHOLD, name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_true, y_pred[..., 1], sample_weight)


class RawMeanIoU(keras.metrics.MeanIoU):
    """The report's IoU: Keras's `MeanIoU` on probabilities, which it truncates to whole numbers."""

    def __init__(self, name="raw_mean_iou", dtype=None):
        super().__init__(num_classes=2, name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_true, y_pred[..., 1], sample_weight)
