import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report

from helpers import models, reference, tables
from helpers.config import language
from helpers.evaluation.prediction import Timing
from helpers.splits import classification_split

LABELS = np.repeat([1, 2, 3], [reference.CLASS_COUNTS[label] for label in (1, 2, 3)])


def test_cuadro_1_has_the_counts_of_the_report():
    table = tables.classification_split(LABELS, classification_split(LABELS, seed=0))
    np.testing.assert_array_equal(table["test"], table["report, test"])
    np.testing.assert_array_equal(table["train"] + table["validation"], table["report, train"])
    assert table.loc["total", ["report, train", "report, test", "report, total"]].tolist() == [
        2450,
        614,
        3064,
    ]
    assert (table["total"] == table["report, total"]).all()


def test_cuadro_2_has_the_layers_of_the_report():
    table = tables.classifier_layers(models.classifier())
    assert (table["parameters"] == table["report, parameters"]).all()
    assert (table["output shape"] == table["report, shape"]).all()
    assert "report, shape" not in tables.classifier_layers(models.classifier((64, 64, 1), filters=(2,)))


def test_cuadro_3_lists_the_most_confident_error_first():
    names = ["glioma", "pituitary", "meningioma"]
    slices = pd.DataFrame({"number": [7, 8, 9], "patient": ["a", "b", "c"], "class_name": names})
    probabilities = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7], [0.05, 0.9, 0.05]])
    errors = tables.misclassified(slices, probabilities)
    assert errors.index.tolist() == [2, 0]
    assert errors["slice"].tolist() == [9, 7]
    assert errors["patient"].tolist() == ["c", "a"]
    assert errors["confidence"].tolist() == [0.9, 0.6]
    assert errors["predicted"].tolist() == ["glioma", "meningioma"]
    assert tables.misclassified(slices.iloc[1:2], probabilities[1:2]).empty


def test_cuadro_3_of_the_report_has_its_slices():
    table = tables.misclassified_in_report()
    assert table["slice"].tolist() == [752, 756, 758, 761, 779]
    assert set(table["true"]) == {"glioma"}


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


def test_cuadro_4_has_the_numbers_of_the_report():
    table = tables.classification_report([1, 2, 3], [1, 2, 3]).xs("report", axis=1, level=1)
    assert table.loc["glioma"].tolist() == [0.94, 0.96, 0.95, 286]
    assert table.loc["accuracy", ["F1", "support"]].tolist() == [0.94, 614]
    assert table.loc["weighted average"].round(2).tolist() == [0.94, 0.94, 0.94, 614]


def test_a_class_that_is_never_predicted_scores_zero():
    table = tables.classification_report([1, 2, 3], [2, 2, 2])
    assert table.loc["pituitary", ("F1", "this run")] == 0


def test_classifier_results_are_next_to_those_of_the_report():
    history = pd.DataFrame({"loss": [0.5, 0.2]}, index=[1, 2])
    truth = np.array([1, 2, 3, 3])
    probabilities = np.eye(3)[[0, 1, 2, 0]] * 0.7 + 0.1
    table = tables.classifier_results(truth, probabilities, history, Timing(0.5, 0.1, 1.0, 4))
    assert table.loc["test accuracy"].tolist() == [0.75, 0.93]
    assert table.loc["misclassified"].tolist() == [1, 39]
    expected = -(3 * np.log(0.8) + np.log(0.1)) / 4
    assert table.loc["test loss", "this run"] == pytest.approx(expected, abs=1e-4)
    assert pd.isna(table.loc["the very first slice, seconds", "report"])


def test_a_readable_table_separates_thousands_and_has_a_dash_for_what_is_missing():
    numbers = pd.DataFrame({"slices": [3064, 7], "Dice": [0.8049, np.nan], "class": ["all", None]})
    shown = tables.readable(numbers, 3)
    assert shown["slices"].tolist() == ["3,064", "7"]
    assert shown["Dice"].tolist() == ["0.805", "–"]
    assert numbers["Dice"].isna().sum() == 1  # the original is as it was
    mixed = pd.DataFrame({"report": [np.int64(8_643_170), 0.17, np.float64(1.61294)]}, dtype=object)
    assert tables.readable(mixed, 4)["report"].tolist() == ["8,643,170", "0.17", "1.6129"]


def test_the_texts_of_a_readable_table_are_shown_whole():
    sentence = "four folds, 2421 real slices, a fixed budget, and the weights of the last epoch"
    shown = tables.readable(pd.DataFrame({"details": [sentence]}))
    assert sentence in repr(shown) and sentence in shown.to_html()


def test_a_readable_table_has_the_courses_words_in_the_students_language():
    columns = pd.MultiIndex.from_tuples([("precision", "this run"), ("precision", "report")])
    table = pd.DataFrame([[0.5, 2832], [0.7, 12_728]], index=["glioma", "accuracy"], columns=columns)
    with language.speaking("es"):
        shown = tables.readable(table.rename_axis("class"))
    assert shown.columns.tolist() == [("precisión", "esta ejecución"), ("precisión", "informe")]
    assert shown.index.tolist() == ["glioma", "exactitud"] and shown.index.name == "clase"
    assert shown["precisión", "informe"].tolist() == ["2832", "12\u202f728"]
    assert table.columns[0] == ("precision", "this run")  # code goes on using the English words
