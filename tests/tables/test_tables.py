import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report

from helpers import models, reference, tables
from helpers.evaluation.prediction import Timing
from helpers.splits import classification_split, segmentation_split
from helpers.training.fit import Run

LABELS = np.repeat([1, 2, 3], [reference.CLASS_COUNTS[label] for label in (1, 2, 3)])


def test_cuadro_1_stands_beside_the_reports():
    table = tables.classification_split(LABELS, classification_split(LABELS, seed=0))
    np.testing.assert_array_equal(table["test"], table["report, test"])
    np.testing.assert_array_equal(table["train"] + table["validation"], table["report, train"])
    assert table.loc["total", ["report, train", "report, test"]].tolist() == [2450, 614]


def test_cuadro_2_stands_beside_the_reports():
    table = tables.classifier_layers(models.classifier())
    assert (table["parameters"] == table["report, parameters"]).all()
    assert (table["output shape"] == table["report, shape"]).all()
    assert "report, shape" not in tables.classifier_layers(models.classifier((64, 64, 1), filters=(2,)))


def test_cuadro_5_stands_beside_the_reports():
    table = tables.segmentation_split(segmentation_split(3064, seed=0))
    assert table.loc["this run"].tolist() == table.loc["report"].tolist() == [3064, 2453, 488, 123]


def test_the_unet_beside_the_reports():
    network = models.unet()
    parameters = tables.unet_parameters(network)
    assert (parameters["this run"] == parameters["report"]).all()
    layers = tables.unet_layers(network)
    assert layers.loc["Conv2D"].tolist() == [20, 19]
    assert layers.loc["BatchNormalization"].tolist() == [5, 3]


def test_cuadro_4_agrees_with_scikit_learn(rng):
    truth, predicted = rng.integers(1, 4, 200), rng.integers(1, 4, 200)
    table = tables.classification_report(truth, predicted)
    theirs = classification_report(truth, predicted, labels=[1, 2, 3], output_dict=True)
    names = {"1": "meningioma", "2": "glioma", "3": "pituitary"}
    names |= {"macro avg": "macro average", "weighted avg": "weighted average"}
    for theirs_name, name in names.items():
        for key, measure in (("precision",) * 2, ("recall",) * 2, ("f1-score", "F1"), ("support",) * 2):
            assert table.loc[name, (measure, "this run")] == pytest.approx(theirs[theirs_name][key])
    assert table.loc["accuracy", ("F1", "this run")] == pytest.approx(theirs["accuracy"])


def test_cuadro_4_holds_the_reports_numbers():
    table = tables.classification_report([1, 2, 3], [1, 2, 3]).xs("report", axis=1, level=1)
    assert table.loc["glioma"].tolist() == [0.94, 0.96, 0.95, 286]
    assert table.loc["accuracy", ["F1", "support"]].tolist() == [0.94, 614]
    assert table.loc["weighted average"].round(2).tolist() == [0.94, 0.94, 0.94, 614]


def test_a_class_that_is_never_predicted_scores_zero():
    table = tables.classification_report([1, 2, 3], [2, 2, 2])
    assert table.loc["pituitary", ("F1", "this run")] == 0


def test_cuadro_3():
    slices = pd.DataFrame({"number": [7, 8, 9], "class_name": ["glioma", "pituitary", "meningioma"]})
    probabilities = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.05, 0.9, 0.05]])
    errors = tables.misclassified(slices, probabilities)
    assert errors.index.tolist() == [2, 0]
    assert errors["slice"].tolist() == [9, 7]
    assert errors["confidence"].tolist() == [0.9, 0.6]
    assert errors["predicted"].tolist() == ["glioma", "meningioma"]
    assert tables.misclassified(slices.iloc[1:2], probabilities[1:2]).empty


def test_overlap_names_every_number(rng):
    truth = rng.random((4, 16, 16)) > 0.9
    table = tables.overlap(truth, truth * 0.9).set_index("measure")["value"]
    assert (table.iloc[:4] == 1).all()
    assert table.iloc[4] == pytest.approx((1 - truth.mean()) / 2, abs=1e-6)
    assert all("threshold 0.5" in name for name in table.index[:4])


@pytest.fixture
def run():
    history = {
        "loss": [0.5, 0.2],
        "accuracy": [0.6, 0.9],
        "tumour_iou": [0.1, 0.6],
        "raw_mean_iou": [0.49, 0.49],
    }
    history |= {f"val_{name}": values for name, values in history.items()}
    return Run(pd.DataFrame(history, index=[1, 2]), 2, 10.0, 0, None)


def test_results_stand_beside_the_reports(run):
    truth = np.array([1, 2, 3, 3])
    probabilities = np.eye(3)[[0, 1, 2, 0]] * 0.7 + 0.1
    table = tables.classifier_results(truth, probabilities, run, Timing(0.5, 0.1, 1.0, 4))
    assert table.loc["test accuracy"].tolist() == [0.75, 0.93]
    assert table.loc["misclassified"].tolist() == [1, 39]
    expected = -(3 * np.log(0.8) + np.log(0.1)) / 4
    assert table.loc["test loss", "this run"] == pytest.approx(expected, abs=1e-4)
    assert pd.isna(table.loc["the very first slice, seconds", "report"])


def test_unet_results_stand_beside_the_reports(run):
    table = tables.unet_results(run)
    assert table.loc["loss", ("validation", "this run")] == 0.2
    assert table.loc["IoU as in the report", ("validation", "report")] == 0.4923
    assert pd.isna(table.loc["IoU of the tumour", ("train", "report")])


def test_the_puzzle():
    truth = np.zeros((1, 10, 10))
    truth[0, 0, :2] = 1
    table = tables.iou_puzzle(truth, {"nothing": truth * 0, "nearly sure": truth * 0.99}).set_index(
        "prediction"
    )
    assert table["MeanIoU on raw probabilities"].tolist() == pytest.approx([0.49, 0.49])
    assert table["tumour IoU"].tolist() == [0, 1]


def test_cuadro_3_of_the_report():
    table = tables.misclassified_in_report()
    assert table["slice"].tolist() == [752, 756, 758, 761, 779]
    assert set(table["true"]) == {"glioma"}
