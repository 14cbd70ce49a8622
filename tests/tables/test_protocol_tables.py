import re
import subprocess
import sys

import numpy as np
import pytest

from helpers import reference, splits, tables
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.tables import protocol
from instructor.notebooks.execute import NOTEBOOKS


def test_intervals_over_patients_and_slices_are_side_by_side():
    patients = {
        "accuracy": ConfidenceInterval(0.9, 0.8, 1.0),
        "recall": ConfidenceInterval(0.5, np.nan, np.nan),
    }
    slices = {"recall": ConfidenceInterval(0.5, 0.4, 0.6), "accuracy": ConfidenceInterval(0.9, 0.85, 0.95)}
    table = tables.intervals(patients, slices)
    assert table.index.tolist() == ["accuracy", "recall"]
    assert table.loc["accuracy"].tolist() == pytest.approx([0.9, 0.8, 1.0, 0.85, 0.95, 2])
    assert np.isnan(table.loc["recall", ("", "times as wide")])
    assert table["", "times as wide"].notna().sum() == 1


def test_intervals_of_zero_width_have_no_ratio():
    perfect = {"accuracy": ConfidenceInterval(1.0, 1.0, 1.0)}
    assert tables.intervals(perfect).loc["accuracy"].tolist() == [1, 1, 1]
    assert np.isnan(tables.intervals(perfect, perfect).loc["accuracy", ("", "times as wide")])


def test_importing_the_tables_loads_neither_keras_nor_tensorflow():
    program = (
        "import sys; from helpers.tables import classification, protocol, segmentation; "
        "print({name.partition('.')[0] for name in sys.modules} & {'keras', 'tensorflow'})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_measure_of_masks_is_named_with_its_threshold():
    result = {"value": 0.9, "low": 0.8, "high": 0.95}
    record = {
        "network": {"name": "unet", "parameters": 8_643_170},
        "training": {"augmentation": None},
        "split": {
            "unit": "slice",
            "validation_is_test": False,
            "slices": {"test": [1, 2]},
            "patients": {"test": 1},
        },
        "data": {"folder": "phantoms-30"},
        "size": 128,
        "results": {"Dice": result | {"threshold": 0.5}, "IoU": result},
    }
    rows = protocol.protocol_comparison([record], ["Dice", "IoU"])
    ours = rows.loc["segmentation", "this run, phantoms-30"]
    assert ours["measure"].tolist() == ["Dice at 0.5", "IoU"]
    assert ours["value"].tolist() == ["0.900 (0.800 to 0.950)"] * 2
    assert ours["details"].tolist() == ["128 px, 2 slices of 1 patients"] * 2


def test_every_published_result_has_a_source_that_the_notebook_cites():
    text = NOTEBOOKS[1].read_text(encoding="utf-8")
    others = [one for one in reference.PUBLISHED_RESULTS if one.source not in ("report", "this course")]
    assert len(others) >= 7
    for one in others:
        assert re.search(r" (19|20)\d\d$", one.source)
        assert one.url.startswith("https://") and one.url in text


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
