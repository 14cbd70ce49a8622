import numpy as np
import pytest

from helpers.training.losses import CrossEntropyAndDice

TRUTH = np.zeros((2, 8, 8), np.uint8)
TRUTH[0, 2:5, 2:5] = 2
TRUTH[1, 1:4, 5:7] = 1


def probabilities(truth, certainty):
    return np.where(np.eye(4)[truth] > 0, certainty, (1 - certainty) / 3).astype(np.float32)


def loss(y_pred, **switches):
    return float(CrossEntropyAndDice(**switches)(TRUTH, y_pred))


def test_a_perfect_mask_costs_nothing():
    assert loss(probabilities(TRUTH, 1.0)) == pytest.approx(0, abs=1e-5)


def test_the_right_place_with_the_wrong_class_costs_less_than_no_tumour():
    exchanged = np.array([0, 2, 1, 3])[TRUTH]
    right, wrong, nothing = (probabilities(one, 0.9) for one in (TRUTH, exchanged, np.zeros_like(TRUTH)))
    assert loss(right) < loss(wrong)
    dice_alone = {"tumour_weight": 0.0, "class_dice": 0.0}
    assert loss(wrong, **dice_alone) < loss(nothing, **dice_alone)


def test_the_parts_by_hand():
    y_pred = probabilities(TRUTH, 0.7)
    weights = np.where(TRUTH > 0, 3, 1)
    assert loss(y_pred, class_dice=0, any_dice=0) == pytest.approx(-np.log(0.7) * weights.mean(), rel=1e-5)
    truth, tumour = TRUTH > 0, 1 - y_pred[..., 0]
    both, areas = (truth * tumour).sum(axis=(1, 2)), (truth + tumour).sum(axis=(1, 2))
    dice = (2 * both + 10) / (areas + 10)
    only_any = loss(y_pred, class_dice=0, any_dice=1) - loss(y_pred, class_dice=0, any_dice=0)
    assert only_any == pytest.approx(1 - dice.mean(), rel=1e-4)


def test_its_settings_survive_saving():
    made = CrossEntropyAndDice(smoothing=3.0)
    again = CrossEntropyAndDice.from_config(made.get_config())
    assert again.get_config() == made.get_config()
