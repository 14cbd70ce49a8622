import numpy as np
import pytest

from helpers.evaluation import overlap
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.tables import evidence

MEAN, POOLED = "mean over slices", "pixels pooled"
DISTANCE = ("median where both have a tumour", "Hausdorff 95, mm")


def square(side: int) -> np.ndarray:
    mask = np.zeros((32, 32), bool)
    mask[4 : 4 + side, 4 : 4 + side] = True
    return mask


SIDES = [2, 3, 4, 6, 8, 10, 12, 16]
TRUTH = np.stack([square(side) for side in SIDES])
PREDICTED = np.stack([square(0), *(np.roll(square(side), 1, axis=1) for side in SIDES[1:])])
LABELS = np.array([1, 1, 2, 2, 2, 2, 2, 2])


def test_overlap_of_each_class():
    table = evidence.overlap_per_class(TRUTH, PREDICTED, LABELS, spacing_mm=2.0)
    assert table.index.tolist() == ["meningioma", "glioma", "all"]
    assert table["slices", "all"].tolist() == [2, 6, 8]
    assert table["slices", "predicted empty"].tolist() == [1, 0, 1]
    for name in ("dice", "iou", "precision", "recall"):
        measure = getattr(overlap, name)(TRUTH, PREDICTED)
        column = {"dice": "Dice", "iou": "IoU"}.get(name, name)
        expected = [measure[:2].mean(), measure[2:].mean(), measure.mean()]
        np.testing.assert_allclose(table[MEAN, column], expected)
    assert table.loc["all", (POOLED, "Dice")] == overlap.pooled_dice(TRUTH, PREDICTED)
    assert table.loc["all", (POOLED, "Dice")] > table.loc["all", (MEAN, "Dice")]
    assert table[DISTANCE].tolist() == [2, 2, 2]  # the empty one is counted, not averaged


def test_a_class_that_is_never_found_has_no_distance():
    table = evidence.overlap_per_class(TRUTH[:2], 0 * PREDICTED[:2], [3, 3], spacing_mm=1)
    assert table["slices", "predicted empty"].tolist() == [2, 2]
    assert table[DISTANCE].isna().all()
    assert (table[MEAN, "Dice"] == 0).all()


def test_small_tumours_stand_apart():
    truth, predicted = np.concatenate([TRUTH, TRUTH[:1] * 0]), np.concatenate([PREDICTED, TRUTH[:1] * 0])
    table = evidence.overlap_per_area_quartile(truth, predicted, spacing_mm=1)
    assert table.index[0] == "smallest, 4 to 9 px"
    assert table.index[3] == "largest, 144 to 256 px"
    assert table["slices", "all"].tolist() == [2, 2, 2, 2, 9]
    dice = overlap.dice(TRUTH, PREDICTED)
    np.testing.assert_allclose(table[MEAN, "Dice"].iloc[:4], dice.reshape(4, 2).mean(axis=1))
    assert table["slices", "predicted empty"].tolist() == [1, 0, 0, 0, 2]


def test_equal_areas_are_one_quarter():
    table = evidence.overlap_per_area_quartile(TRUTH[[3, 3]], PREDICTED[[3, 3]], spacing_mm=1)
    assert table.index.tolist() == ["smallest, 36 to 36 px", "all"]


def test_intervals_side_by_side():
    patients = {
        "accuracy": ConfidenceInterval(0.9, 0.8, 1.0),
        "recall": ConfidenceInterval(0.5, np.nan, np.nan),
    }
    slices = {"recall": ConfidenceInterval(0.5, 0.4, 0.6), "accuracy": ConfidenceInterval(0.9, 0.85, 0.95)}
    table = evidence.intervals(patients, slices)
    assert table.index.tolist() == ["accuracy", "recall"]
    assert table.loc["accuracy"].tolist() == pytest.approx([0.9, 0.8, 1.0, 0.85, 0.95, 2])
    assert np.isnan(table.loc["recall", ("", "times as wide")])
    assert table["", "times as wide"].notna().sum() == 1


def test_intervals_over_patients_alone_and_of_no_width():
    perfect = {"accuracy": ConfidenceInterval(1.0, 1.0, 1.0)}
    assert evidence.intervals(perfect).loc["accuracy"].tolist() == [1, 1, 1]
    assert np.isnan(evidence.intervals(perfect, perfect).loc["accuracy", ("", "times as wide")])
