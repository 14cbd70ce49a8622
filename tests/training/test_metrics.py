import keras
import numpy as np
import pytest

from helpers.training.metrics import ReportIoU


def test_both_ious_on_a_nearly_perfect_mask():
    truth = np.zeros((2, 10, 10), int)
    truth[:, 2:4, 2:5] = 1
    tumour = np.where(truth, 0.99, 0.01).astype(np.float32)
    probabilities = np.stack([1 - tumour, tumour], axis=-1)
    ours, theirs = keras.metrics.IoU(2, target_class_ids=[1], sparse_y_pred=False), ReportIoU()
    for metric in (ours, theirs):
        metric.update_state(truth, probabilities)
    assert float(ours.result()) == pytest.approx(1)
    assert float(theirs.result()) == pytest.approx((1 - 0.06) / 2, abs=1e-6)
