import numpy as np
import pandas as pd
import pytest

from helpers import models, tables
from helpers.evaluation import overlap
from helpers.splits import segmentation_split

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


def test_cuadro_5_has_the_counts_of_the_report():
    table = tables.segmentation_split(segmentation_split(3064, seed=0))
    assert table.loc["this run"].tolist() == table.loc["report"].tolist() == [3064, 2453, 488, 123]


def test_unet_parameters_and_layers_are_next_to_those_of_the_report():
    network = models.unet()
    parameters = tables.unet_parameters(network)
    assert (parameters["this run"] == parameters["report"]).all()
    layers = tables.unet_layers(network)
    assert layers.loc["Conv2D"].tolist() == [20, 19]
    assert layers.loc["BatchNormalization"].tolist() == [5, 3]


def test_unet_results_are_next_to_those_of_the_report():
    history = {
        "loss": [0.5, 0.2],
        "accuracy": [0.6, 0.9],
        "tumour_iou": [0.1, 0.6],
        "report_iou": [0.49, 0.49],
    }
    history |= {f"val_{name}": values for name, values in history.items()}
    table = tables.unet_results(pd.DataFrame(history, index=[1, 2]))
    assert table.loc["loss", ("validation", "this run")] == 0.2
    assert table.loc["IoU as in the report", ("validation", "report")] == 0.4923
    assert pd.isna(table.loc["IoU of the tumour", ("train", "report")])


def test_every_overlap_measure_has_its_full_name(rng):
    truth = rng.random((4, 16, 16)) > 0.9
    table = tables.overlap(truth, truth * 0.9).set_index("measure")["value"]
    assert (table.iloc[:4] == 1).all()
    assert table.iloc[4] == pytest.approx((1 - truth.mean()) / 2, abs=1e-6)
    assert all("threshold 0.5" in name for name in table.index[:4])


def test_the_raw_mean_iou_misses_a_nearly_perfect_prediction():
    truth = np.zeros((1, 10, 10))
    truth[0, 0, :2] = 1
    table = tables.iou_puzzle(truth, {"nothing": truth * 0, "nearly sure": truth * 0.99}).set_index(
        "prediction"
    )
    assert table["IoU as in the report"].tolist() == pytest.approx([0.49, 0.49])
    assert table["tumour IoU"].tolist() == [0, 1]


def test_overlap_of_each_class():
    table = tables.overlap_per_class(TRUTH, PREDICTED, LABELS, spacing_mm=2.0)
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
    assert table[DISTANCE].tolist() == [2, 2, 2]  # the empty prediction is counted, not averaged


def test_a_class_without_predictions_has_no_distance():
    table = tables.overlap_per_class(TRUTH[:2], 0 * PREDICTED[:2], [3, 3], spacing_mm=1)
    assert table["slices", "predicted empty"].tolist() == [2, 2]
    assert table[DISTANCE].isna().all()
    assert (table[MEAN, "Dice"] == 0).all()


def test_overlap_of_each_area_quartile():
    table = tables.overlap_per_area_quartile(TRUTH, PREDICTED, spacing_mm=1)
    assert table.index[0] == "smallest, 4 to 9 px"
    assert table.index[3] == "largest, 144 to 256 px"
    assert table["slices", "all"].tolist() == [2, 2, 2, 2, 8]
    dice = overlap.dice(TRUTH, PREDICTED)
    np.testing.assert_allclose(table[MEAN, "Dice"].iloc[:4], dice.reshape(4, 2).mean(axis=1))
    assert table["slices", "predicted empty"].tolist() == [1, 0, 0, 0, 1]


def test_equal_areas_share_a_quartile():
    table = tables.overlap_per_area_quartile(TRUTH[[3, 3]], PREDICTED[[3, 3]], spacing_mm=1)
    assert table.index.tolist() == ["smallest, 36 to 36 px", "all"]
