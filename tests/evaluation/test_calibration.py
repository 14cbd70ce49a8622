import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from helpers.evaluation.calibration import confidence_curve, expected_calibration_error, reliability


@pytest.fixture
def predictions(rng):
    """Truth and well-calibrated probabilities of 500 slices."""
    probabilities = rng.dirichlet([0.5, 0.5, 0.5], 500)
    truth = np.array([rng.choice([1, 2, 3], p=row) for row in probabilities])
    return truth, probabilities


def test_reliability_agrees_with_scikit_learn(predictions):
    truth, probabilities = predictions
    table = reliability(truth, probabilities, bins=8)
    correct = probabilities.argmax(axis=1) + 1 == truth
    accuracy, confidence = calibration_curve(correct, probabilities.max(axis=1), n_bins=8)
    assert list(table.columns) == ["low", "high", "confidence", "accuracy", "slices"]
    filled = table.dropna()
    np.testing.assert_allclose(filled["accuracy"], accuracy)
    np.testing.assert_allclose(filled["confidence"], confidence)
    assert len(table) == 8 and table["slices"].sum() == 500
    assert (table["slices"].iloc[:2] == 0).all() and table["accuracy"].iloc[:2].isna().all()


def test_bins_contain_their_upper_edge():
    table = reliability([1, 1, 1], [[0.5, 0.5, 0], [0.501, 0.499, 0], [1, 0, 0]], bins=2)
    assert table["slices"].tolist() == [1, 2]
    sure = np.float32([[1 + 1e-7, 0, 0]])
    assert reliability([1], sure)["slices"].iloc[-1] == 1


def test_calibration_error_by_hand(predictions):
    probabilities = [[0.9, 0.1, 0], [0.94, 0.06, 0], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]]
    # the bins: 0.6 and 0.6, half of them correct; 0.9, wrong; 0.94, correct
    assert expected_calibration_error([2, 1, 2, 1], probabilities) == pytest.approx((0.2 + 0.9 + 0.06) / 4)
    assert expected_calibration_error([1, 2, 3], np.eye(3)) == 0
    assert expected_calibration_error([2, 3, 1], np.eye(3)) == 1
    assert expected_calibration_error(*predictions) < 0.06


def test_accuracy_rises_as_the_threshold_does():
    probabilities = np.array([[0.9, 0.1, 0], [0.2, 0.8, 0], [0.1, 0.3, 0.6], [0.4, 0.4, 0.2]])
    table = confidence_curve([1, 2, 1, 3], probabilities).iloc[[0, 60, 61, 90, 95]]
    assert table["slices"].tolist() == [4, 3, 2, 1, 0]
    assert table["coverage"].tolist() == [1, 0.75, 0.5, 0.25, 0]
    np.testing.assert_allclose(table["accuracy"], [0.5, 2 / 3, 1, 1, np.nan])


def test_the_curve_starts_at_the_accuracy_on_all_slices(predictions):
    truth, probabilities = predictions
    table = confidence_curve(truth, probabilities)
    assert table["accuracy"][0] == np.mean(probabilities.argmax(axis=1) + 1 == truth)
    assert table["coverage"][0] == 1 and (np.diff(table["coverage"]) <= 0).all()


def test_probabilities_of_the_wrong_shape_are_refused():
    with pytest.raises(ValueError, match=r"2 labels .* \(2, 2\)"):
        reliability([1, 2], np.full((2, 2), 0.5))
    with pytest.raises(ValueError, match="at least 1"):
        confidence_curve([], np.empty((0, 3)))
