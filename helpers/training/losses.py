"""The loss of a network that segments: cross-entropy of the pixels, plus soft Dice."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("course")
class CrossEntropyAndDice(keras.Loss):
    """Pixel cross-entropy, plus soft Dice of each tumour and of all of them.

    Dice doesn't care how many pixels are background, cross-entropy has gradients everywhere: their
    sum trains better than either (Isensee et al. 2021, doi:10.1038/s41592-020-01008-z). Soft Dice:
    Milletari et al. 2016, doi:10.1109/3DV.2016.79.

    Args:
        tumour_weight: of a tumour pixel in the cross-entropy; a background pixel has 1.
        class_dice: weight of the Dice of each tumour, over the whole batch, since a slice has only one.
        any_dice: weight of the Dice of "any tumour", slice by slice.
        smoothing: in pixels, added to both areas.

    Call: y_true (N, H, W) integers, 0 background; y_pred (N, H, W, K) probabilities, background first.
    """

    def __init__(
        self, tumour_weight=3.0, class_dice=0.7, any_dice=0.5, smoothing=10.0, name="cross_entropy_and_dice"
    ):
        super().__init__(name=name)
        self.tumour_weight, self.smoothing = tumour_weight, smoothing
        self.class_dice, self.any_dice = class_dice, any_dice

    def call(self, y_true, y_pred):
        """Return the loss of each slice, (N,)."""
        truth = ops.one_hot(ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=y_pred.dtype)
        weights = 1 + (self.tumour_weight - 1) * (1 - truth[..., 0])
        pixels = -ops.log(ops.maximum(ops.sum(truth * y_pred, axis=-1), 1e-7)) * weights
        of_class = self.soft_dice(truth[..., 1:], y_pred[..., 1:], axis=(0, 1, 2))
        of_any = self.soft_dice(1 - truth[..., 0], 1 - y_pred[..., 0], axis=(1, 2))
        return (
            ops.mean(pixels, axis=(1, 2))
            + self.class_dice * (1 - ops.mean(of_class))
            + self.any_dice * (1 - of_any)
        )

    def soft_dice(self, truth, probabilities, axis):
        """Return the Dice coefficient with probabilities in place of a mask, over some axes."""
        both = ops.sum(truth * probabilities, axis=axis)
        areas = ops.sum(truth, axis=axis) + ops.sum(probabilities, axis=axis)
        return (2 * both + self.smoothing) / (areas + self.smoothing)

    def get_config(self):
        return {
            "tumour_weight": self.tumour_weight,
            "class_dice": self.class_dice,
            "any_dice": self.any_dice,
            "smoothing": self.smoothing,
            "name": self.name,
        }
