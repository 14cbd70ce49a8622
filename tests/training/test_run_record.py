import json

import keras
import pandas as pd
import pytest

from helpers import models
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.splits import classification_split, patient_split
from helpers.tables import protocol
from helpers.training import run_record
from helpers.training.checkpoint import Checkpoint
from helpers.training.data_loader import Batches, Shuffle
from instructor.notebooks.execute import NOTEBOOKS

HISTORY = pd.DataFrame(
    {"loss": [1.0, 0.5, 0.4], "val_loss": [0.9, 0.6, 0.7], "seconds": [2.0, 1.0, 1.0]}, index=[1, 2, 3]
)


def describe(dataset, split):
    network = models.classifier((128, 128, 1), filters=(2,))
    network.compile("adam", "sparse_categorical_crossentropy")
    batches = Batches(dataset.images(128), dataset.labels - 1, split.train, 8, 4, Shuffle(7))
    return run_record.describe_run(dataset, split, network, batches, epochs=3)


@pytest.fixture
def folder(tmp_path, dataset):
    split = classification_split(dataset.labels, seed=1)
    description = describe(dataset, split)
    folder = tmp_path / run_record.run_key(description)
    folder.mkdir()
    run_record.write_record(folder, description, HISTORY)
    return folder


def test_a_record_says_what_the_run_was(folder, dataset):
    record = run_record.read_record(folder)
    split = classification_split(dataset.labels, seed=1)
    assert record["data"]["content"] == dataset.fingerprint["content"]
    assert record["split"]["unit"] == "slice"
    assert record["split"]["slices"]["test"] == dataset.table["number"].iloc[split.test].tolist()
    assert (record["seed"], record["size"], record["training"]["batch"]) == (7, 128, 8)
    assert (record["best_epoch"], record["best"]["loss"], record["last"]["loss"]) == (2, 0.5, 0.4)
    assert record["seconds"] == 4.0
    assert record["versions"]["Python"] and record["device"] and record["peak_memory_mb"] > 10


def test_a_patient_split_is_distinguished_from_a_slice_split(tmp_path, dataset):
    split = patient_split(dataset.labels, dataset.table["patient"], seed=1)
    assert describe(dataset, split)["split"]["unit"] in ("patient", "family")


def test_results_are_added_and_survive_a_second_writing(folder, dataset):
    run_record.record_results(folder, {"accuracy": ConfidenceInterval(0.9, 0.8, 1.0)}, unit="slice")
    run_record.record_results(folder, {"Dice": ConfidenceInterval(0.5, 0.4, 0.6)}, threshold=0.5)
    split = classification_split(dataset.labels, seed=1)
    run_record.write_record(folder, describe(dataset, split), HISTORY)
    results = run_record.read_record(folder)["results"]
    assert results["accuracy"] == {"value": 0.9, "low": 0.8, "high": 1.0, "unit": "slice"}
    assert results["Dice"]["threshold"] == 0.5


def test_a_record_is_not_written_into_the_folder_of_another_training(folder, dataset):
    other = describe(dataset, classification_split(dataset.labels, seed=2))
    before = run_record.read_record(folder)
    for where in (folder, folder.parent / "new"):
        with pytest.raises(run_record.RunRecordError, match="the description is of another training"):
            run_record.write_record(where, other, HISTORY)
    assert run_record.read_record(folder) == before and not (folder.parent / "new").exists()


def test_callbacks_are_shown_as_such(folder):
    first = run_record.read_record(folder)
    second = json.loads(json.dumps(first))
    second["training"]["callbacks"] = [["EarlyStopping", {"patience": 5}]]
    table = run_record.compare_records(first, second)
    assert table.loc["training.callbacks"].tolist() == ["[]", '[["EarlyStopping", {"patience": 5}]]', False]


def test_two_records_are_compared_entry_by_entry(folder):
    first = run_record.read_record(folder)
    second = json.loads(json.dumps(first)) | {"seed": 8}
    table = run_record.compare_records(first, second)
    assert table.index[~table["same"]].tolist() == ["seed"]
    assert table.loc["seed", ["first", "second"]].tolist() == [7, 8]
    assert table.loc["split.slices.train", "first"].endswith("slices")


@pytest.mark.parametrize("content", [None, "{", "{}", '{"format": 99}'])
def test_a_missing_or_damaged_record_is_an_error(tmp_path, content):
    if content is not None:
        (tmp_path / run_record.NAME).write_text(content)
    with pytest.raises(run_record.RunRecordError, match=r"run\.json"):
        run_record.read_record(tmp_path)


def test_the_records_of_the_folds_become_one(folder, dataset):
    result = {"accuracy": ConfidenceInterval(0.9, 0.8, 1.0)}
    pooled = run_record.pool_records([folder, folder], result)
    single = run_record.read_record(folder)
    assert pooled["folds"] == 2 and pooled["seconds"] == 8.0
    assert len(pooled["split"]["slices"]["test"]) == 2 * len(single["split"]["slices"]["test"])
    table = protocol.protocol_comparison([pooled], ["accuracy"])
    sources = table.index.get_level_values("source")
    ours = table[sources.str.startswith("this run, ")]
    assert len(ours) == 1
    row = ours.iloc[0]
    assert (row["split by"], row["value"]) == ("slice", "0.900 (0.800 to 1.000)")
    assert row["details"].endswith("cross-validation, 2 folds")
    assert {"report", "this course", "Cheng et al. 2015"} <= set(sources)
    assert (table["split by"] != "").all()
    tasks = table.index.get_level_values("task")
    assert tasks.tolist() == sorted(tasks)


def test_the_record_of_an_interrupted_training_is_replaced_when_it_goes_on(tmp_path, dataset):
    description = describe(dataset, classification_split(dataset.labels, seed=1))
    folder = tmp_path / run_record.run_key(description)
    folder.mkdir()
    with pytest.raises(run_record.RunRecordError, match="no epoch of this training is complete"):
        run_record.write_record(folder, description, Checkpoint(folder).history)
    for epochs in (1, 3):
        run_record.write_record(folder, description, HISTORY.iloc[:epochs])
        assert run_record.read_record(folder)["epochs"] == epochs


def test_the_courses_classifier_is_the_solution_of_its_exercise(dataset):
    source = NOTEBOOKS[1].read_text(encoding="utf-8")
    (cell,) = [cell for cell in json.loads(source)["cells"] if cell["id"] == "exercise-2-2-3"]
    names = {"keras": keras, "layers": keras.layers}
    exec("".join(cell["source"]), names)
    split = classification_split(dataset.labels, seed=1)
    keys = set()
    for build in (names["build_classifier"], models.classifier):
        network = build((128, 128, 1), 3, (2, 4), 0.25)
        network.compile("adam", "sparse_categorical_crossentropy")
        batches = Batches(dataset.images(128), dataset.labels - 1, split.train, 8, 4, Shuffle(7))
        keys.add(run_record.run_key(run_record.describe_run(dataset, split, network, batches, epochs=3)))
    assert len(keys) == 1  # so whoever solves it later finds what was trained before
