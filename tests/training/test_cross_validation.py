import numpy as np
import pytest

from helpers import models, splits
from helpers.config.settings import Schedule
from helpers.evaluation.bootstrap import classification_intervals
from helpers.evaluation.prediction import predict
from helpers.tables import protocol
from helpers.training import cross_validation, run_record
from helpers.training.fit import train_classifier

SCHEDULE = Schedule(epochs=1, batch=8, micro_batch=8)


@pytest.fixture(scope="module")
def trial(dataset, tmp_path_factory):
    folds = splits.slice_folds(dataset.labels, seed=1, folds=2)
    folder = tmp_path_factory.mktemp("runs")
    return cross_validation.cross_validate("by slice", dataset, folds, SCHEDULE, folder, seed=3)


def test_every_slice_is_tested_once(trial, dataset):
    np.testing.assert_array_equal(trial.rows, np.arange(len(dataset)))
    assert trial.probabilities.shape == (len(dataset), 3)
    np.testing.assert_allclose(trial.probabilities.sum(axis=1), 1, atol=1e-5)
    assert set(trial.answers) <= {1, 2, 3}
    assert trial.patients == dataset.table["patient"].nunique()


def test_probabilities_belong_to_their_rows(trial, dataset):
    """The network of the fold predicts the same again for one of its test slices."""
    fold = splits.slice_folds(dataset.labels, seed=1, folds=2)[1]
    network = models.classifier((128, 128, 3))
    train_classifier(network, dataset, fold, SCHEDULE, trial.runs[1].folder.parent, 3, quiet=True)
    row = fold.test[0]
    np.testing.assert_allclose(
        trial.probabilities[row], predict(network, dataset.images(128), [row])[0], atol=1e-6
    )


def test_a_second_call_loads_the_trainings(trial, dataset, capsys):
    folds = splits.slice_folds(dataset.labels, seed=1, folds=2)
    again = cross_validation.cross_validate(
        "x", dataset, folds, SCHEDULE, trial.runs[0].folder.parent, seed=3
    )
    np.testing.assert_array_equal(again.probabilities, trial.probabilities)
    assert again.runs[0].epochs_before == 1
    assert capsys.readouterr().out.count("\n") == 2


def test_the_protocol_table_says_whose_number_it_is(trial, dataset):
    results = classification_intervals(dataset.labels, trial.answers, dataset.table["patient"], seed=1)
    record = cross_validation.pooled_record(trial, results)
    table = protocol.protocol_comparison([record], ["accuracy"])
    ours = table[table["source"].str.startswith("this run, ")]
    assert len(ours) == 1
    row = ours.iloc[0]
    assert row["split by"] == "slice"
    assert row["tested on"] == f"{len(dataset)} slices, {trial.patients} patients"
    assert row["value"] == f"{results['accuracy'].value:.3f}"
    assert row["note"] == "cross-validation, 2 folds"
    assert {"report", "published"} <= set(table["source"])
    assert (table["split by"] != "").all()
    assert table.index.tolist() == sorted(table.index)


def test_a_measure_of_masks_is_named_with_its_threshold(trial):
    result = {"value": 0.9, "low": 0.8, "high": 0.95}
    record = cross_validation.pooled_record(trial, {})
    record["results"] = {"Dice": {**result, "threshold": 0.5}, "accuracy": result}
    table = protocol.protocol_comparison([record], ["Dice", "accuracy"])
    ours = table[table["source"].str.startswith("this run, ")]
    assert ours["measure"].tolist() == ["Dice at 0.5", "accuracy"]
    assert ours["95% interval"].tolist() == ["0.800 to 0.950"] * 2


def test_the_leakage_of_two_protocols_is_compared(dataset):
    patients = dataset.table["patient"]
    folds = {
        "by slice": splits.slice_folds(dataset.labels, seed=1, folds=2),
        "by patient": splits.family_folds(dataset.labels, patients, seed=1, folds=2),
    }
    table = protocol.leakage_summary(folds, patients)
    assert table.loc["by patient", "with a sibling in training"] == 0
    assert table.loc["by slice", "with a sibling in training"] > 0
    assert (table["test slices"] == len(dataset)).all()


def test_every_fold_has_its_record(trial):
    for run in trial.runs:
        assert run_record.read_record(run.folder)["network"]["name"] == "classifier"
