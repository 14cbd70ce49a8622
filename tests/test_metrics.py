import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import f1_score, jaccard_score

from helpers.metrics import dice, iou, mean_iou_of_raw_probabilities, pooled_dice, pooled_iou

mask_pairs = st.tuples(*[hnp.arrays(bool, (3, 6, 5)) for _ in range(2)])


@given(mask_pairs)
def test_overlap_agrees_with_scikit_learn(pair):
    truth, predicted = pair
    for measure, theirs in ((dice, f1_score), (iou, jaccard_score)):
        expected = [
            theirs(a.ravel(), b.ravel(), zero_division=1) for a, b in zip(truth, predicted, strict=True)
        ]
        np.testing.assert_allclose(measure(truth, predicted), expected)
    assert pooled_dice(*pair) == pytest.approx(f1_score(truth.ravel(), predicted.ravel(), zero_division=1))
    assert pooled_iou(*pair) == pytest.approx(
        jaccard_score(truth.ravel(), predicted.ravel(), zero_division=1)
    )


def test_boundary_cases():
    empty, full = np.zeros((1, 4, 4)), np.ones((1, 4, 4))
    one_pixel = empty.copy()
    one_pixel[0, 1, 1] = 1
    for measure in (dice, iou):
        assert measure(empty, empty) == 1
        assert measure(empty, one_pixel) == measure(one_pixel, empty) == 0
        assert measure(one_pixel, one_pixel) == measure(full, full) == 1
    assert dice(one_pixel, full) == pytest.approx(2 / 17)
    assert iou(one_pixel, full) == pytest.approx(1 / 16)


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(2, 4, 4\) and \(1, 4, 4\)"):
        dice(np.zeros((2, 4, 4)), np.zeros((1, 4, 4)))


def test_the_reports_iou_cannot_tell_a_perfect_mask_from_none():
    truth = np.zeros((2, 100, 100), np.uint8)
    truth[0, :13, :13] = truth[1, 50:63, 20:33] = 1  # 1.69 % of the pixels
    nothing = mean_iou_of_raw_probabilities(truth, np.zeros(truth.shape))
    assert nothing == pytest.approx((1 - 0.0169) / 2, abs=1e-4)
    assert mean_iou_of_raw_probabilities(truth, truth * 0.999) == pytest.approx(nothing)
    assert mean_iou_of_raw_probabilities(truth, truth * 1.0) == pytest.approx(1)
