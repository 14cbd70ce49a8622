import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from helpers.evaluation.overlap import (
    area_quartiles,
    dice,
    hausdorff95,
    iou,
    mean_iou_of_raw_probabilities,
    pixel_mm,
    pooled_dice,
    pooled_iou,
    precision,
    recall,
)

mask_pairs = st.tuples(*[hnp.arrays(bool, (3, 6, 5)) for _ in range(2)])


@given(mask_pairs)
def test_overlap_agrees_with_scikit_learn(pair):
    truth, predicted = pair
    for measure, reference in ((dice, f1_score), (iou, jaccard_score)):
        expected = [
            reference(a.ravel(), b.ravel(), zero_division=1) for a, b in zip(truth, predicted, strict=True)
        ]
        np.testing.assert_allclose(measure(truth, predicted), expected)
    assert pooled_dice(*pair) == pytest.approx(f1_score(truth.ravel(), predicted.ravel(), zero_division=1))
    assert pooled_iou(*pair) == pytest.approx(
        jaccard_score(truth.ravel(), predicted.ravel(), zero_division=1)
    )


@given(mask_pairs)
def test_precision_and_recall_agree_with_scikit_learn(pair):
    for measure, reference in ((precision, precision_score), (recall, recall_score)):
        expected = [
            reference(a.ravel(), b.ravel(), zero_division=0) if a.any() or b.any() else 1
            for a, b in zip(*pair, strict=True)
        ]
        np.testing.assert_allclose(measure(*pair), expected)


def edge_points(mask: np.ndarray) -> np.ndarray:
    """Mask pixels with a neighbour outside the mask or outside the image."""
    points = {tuple(point) for point in np.argwhere(mask)}
    steps = ((0, 1), (0, -1), (1, 0), (-1, 0))
    return np.array([(y, x) for y, x in points if any((y + dy, x + dx) not in points for dy, dx in steps)])


@given(mask_pairs)
def test_hausdorff_agrees_with_all_pairwise_edge_distances(pair):
    expected = []
    for truth, predicted in zip(*pair, strict=True):
        if truth.any() and predicted.any():
            distances = cdist(edge_points(truth), edge_points(predicted))
            expected.append(np.percentile([*distances.min(axis=0), *distances.min(axis=1)], 95))
        else:
            expected.append(0 if truth.any() == predicted.any() else np.inf)
    np.testing.assert_allclose(hausdorff95(*pair, spacing_mm=1), expected)


def test_hausdorff_is_in_millimetres():
    truth = np.zeros((1, 128, 128))
    truth[0, 40:60, 40:60] = 1
    moved = np.roll(truth, (3, 4), axis=(1, 2))
    assert hausdorff95(truth, truth, pixel_mm(128)) == 0
    assert hausdorff95(truth, moved, 1) == pytest.approx(4.5, abs=0.5)  # 5 px at one corner only
    assert hausdorff95(truth, moved, pixel_mm(128)) == pytest.approx(1.96 * hausdorff95(truth, moved, 1))
    assert (pixel_mm(512), pixel_mm(256)) == pytest.approx((0.49, 0.98))


def test_the_percentile_ignores_a_few_stray_pixels():
    truth = np.zeros((1, 128, 128))
    truth[0, 20:60, 20:60] = 1
    stray = truth.copy()
    stray[0, 120, 120] = 1
    assert hausdorff95(truth, stray, 1) == 0


def test_area_quartiles():
    assert area_quartiles([10, 20, 30, 40, 50, 60, 70, 80]).tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert area_quartiles([7, 7, 7]).tolist() == [1, 1, 1]


def test_empty_full_and_single_pixel_masks():
    empty, full = np.zeros((1, 4, 4)), np.ones((1, 4, 4))
    one_pixel = empty.copy()
    one_pixel[0, 1, 1] = 1
    for measure in (dice, iou, precision, recall):
        assert measure(empty, empty) == 1
        assert measure(empty, one_pixel) == measure(one_pixel, empty) == 0
        assert measure(one_pixel, one_pixel) == measure(full, full) == 1
    assert dice(one_pixel, full) == pytest.approx(2 / 17)
    assert iou(one_pixel, full) == precision(one_pixel, full) == recall(full, one_pixel) == 1 / 16
    assert recall(one_pixel, full) == precision(full, one_pixel) == 1
    assert hausdorff95(empty, empty, 1) == hausdorff95(one_pixel, one_pixel, 1) == 0
    assert hausdorff95(empty, one_pixel, 1) == hausdorff95(one_pixel, empty, 1) == np.inf
    assert len(hausdorff95(empty[:0], empty[:0], 1)) == 0


def test_masks_of_different_shapes_are_refused():
    for measure in (dice, lambda *masks: hausdorff95(*masks, 1)):
        with pytest.raises(ValueError, match=r"\(2, 4, 4\) and \(1, 4, 4\)"):
            measure(np.zeros((2, 4, 4)), np.zeros((1, 4, 4)))


def test_the_reports_iou_is_the_same_for_a_perfect_mask_and_an_empty_one():
    truth = np.zeros((2, 100, 100), np.uint8)
    truth[0, :13, :13] = truth[1, 50:63, 20:33] = 1  # 1.69 % of the pixels
    nothing = mean_iou_of_raw_probabilities(truth, np.zeros(truth.shape))
    assert nothing == pytest.approx((1 - 0.0169) / 2, abs=1e-4)
    assert mean_iou_of_raw_probabilities(truth, truth * 0.999) == pytest.approx(nothing)
    assert mean_iou_of_raw_probabilities(truth, truth * 1.0) == pytest.approx(1)
