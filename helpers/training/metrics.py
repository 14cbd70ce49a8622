"""The report's IoU, as a metric to watch during training."""

import keras


class ReportIoU(keras.metrics.MeanIoU):
    """Keras's `MeanIoU` on the tumour's probabilities, which it truncates to whole numbers.

    For the tumour's IoU, use `keras.metrics.IoU` with `target_class_ids=[1]` and `sparse_y_pred=False`.
    """

    def __init__(self, name="report_iou", dtype=None):
        super().__init__(num_classes=2, name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_true, y_pred[..., 1], sample_weight)
