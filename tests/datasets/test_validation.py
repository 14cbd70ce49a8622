"""The integrity report: right about what is there, and each check about its own thing only."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import reference
from helpers.datasets import validation
from helpers.datasets.dataset import Dataset, DatasetError

COUNTS = {
    "slices (meningioma / glioma / pituitary)",
    "slice numbers",
    "patients (meningioma / glioma / pituitary)",
    "slices not of 512 x 512 pixels",
    "slices in the author's folds 1 to 5",
    "lowest intensity of a slice",
    "highest intensity of a slice",
}


def made_up() -> pd.DataFrame:
    """A table with every published count: 233 patients, whole in five folds of the right sizes."""
    labels = np.repeat(list(reference.CLASS_COUNTS), list(reference.CLASS_COUNTS.values()))
    patients = np.concatenate(
        [
            np.array([f"{label}-{k}" for k in np.arange(count) * reference.PATIENT_COUNTS[label] // count])
            for label, count in reference.CLASS_COUNTS.items()
        ]
    )
    numbers = np.arange(1, reference.SLICES + 1)
    return pd.DataFrame(
        {
            "number": numbers,
            "label": labels,
            "patient": patients,
            "fold": whole_patients_in_folds(patients),
            "native_size": np.where(np.isin(numbers, validation.SMALL_SLICES), 256, 512),
            "intensity_min": 0,
            "intensity_max": np.linspace(860, 12_728, len(numbers)).astype(int),
            "tumour_area_px": 3365,
            "border_area_ratio": 0.97,
            "checksum": [f"{number:x}" for number in numbers],
        }
    )


def whole_patients_in_folds(patients: np.ndarray) -> np.ndarray:
    """(N,) the fold of each slice: folds 1 to 4 get patients that fill them, 5 the others."""
    sizes = pd.Series(patients).value_counts()
    fold_of = {}
    for fold, target in list(validation.FOLD_SIZES.items())[:-1]:
        fold_of |= dict.fromkeys(adding_up_to(target, sizes.drop(list(fold_of))), fold)
    return np.array([fold_of.get(patient, 5) for patient in patients])


def adding_up_to(target: int, sizes: pd.Series) -> list[str]:
    """Names whose sizes add up to exactly `target`."""
    reached = {0: []}
    for name, size in sizes.items():
        for total, names in list(reached.items()):
            if total + size <= target and total + size not in reached:
                reached[total + size] = [*names, name]
    return reached[target]


def answers(table: pd.DataFrame, published: bool = True) -> dict[str, str]:
    findings = validation.validate(Dataset(Path("made-up"), table), published)
    return dict(zip(findings["check"], findings["same as published"], strict=True))


def differing(table: pd.DataFrame, published: bool = True) -> set[str]:
    return {check for check, answer in answers(table, published).items() if answer == "no"}


@pytest.fixture
def table() -> pd.DataFrame:
    return made_up()


def test_the_published_set_is_as_published(table):
    assert set(answers(table).values()) == {"yes"}
    findings = validation.validate(Dataset(Path("made-up"), table), published=True)
    assert (findings["matters"] == "").all()
    assert validation.summarise(findings) == "All 13 checks agree with the published set."
    found = dict(zip(findings["check"], findings["found"], strict=True))
    assert found["slices (meningioma / glioma / pituitary)"] == "3,064 (708 / 1,426 / 930)"
    assert found["slices not of 512 x 512 pixels"] == "15 of 256 x 256: 955-957, 1070-1076, 1203-1207"


# ---- each check broken, one by one ----


def relabel_two_patients(table):
    """One becomes a glioma, one with more slices a meningioma: only the slices of a class change."""
    table.loc[table["patient"] == "1-0", "label"] = 2
    table.loc[table["patient"] == "2-0", "label"] = 1


def swap_folds(table):
    """Two patients of different length change places."""
    first, second = (table["patient"] == name for name in two_patients(table))
    fold = table.loc[first, "fold"].iloc[0], table.loc[second, "fold"].iloc[0]
    table.loc[first, "fold"], table.loc[second, "fold"] = fold[1], fold[0]


def two_patients(table) -> tuple[str, str]:
    """A meningioma and a glioma in different folds."""
    fold = table.groupby("patient")["fold"].first()
    other = fold[(fold != fold["1-0"]) & fold.index.str.startswith("2-")]
    return "1-0", other.index[0]


def swap_one_slice(table, column):
    """One slice of each of two patients changes places with the other."""
    rows = [table.index[table["patient"] == name][0] for name in two_patients(table)]
    table.loc[rows, column] = table.loc[rows[::-1], column].to_numpy()


def put(column, row, value):
    def change(table):
        table.loc[row, column] = value

    return change


BREAKS = {
    "slices (meningioma / glioma / pituitary)": relabel_two_patients,
    "slice numbers": put("number", 0, 4000),
    "patients (meningioma / glioma / pituitary)": put("patient", 0, "one more"),
    "slices not of 512 x 512 pixels": put("native_size", 20, 256),
    "slices in the author's folds 1 to 5": swap_folds,
    "lowest intensity of a slice": put("intensity_min", 3, -5),
    "highest intensity of a slice": put("intensity_max", 3, 255),
    "patients with two labels": lambda table: swap_one_slice(table, "label"),
    "patients in two folds": lambda table: swap_one_slice(table, "fold"),
    "exact duplicates of another slice": put("checksum", 5, "7"),
    "empty masks": put("tumour_area_px", 9, 0),
    "masks that do not fill their border": put("border_area_ratio", 9, 0.6),
}


@pytest.mark.parametrize("check", BREAKS)
def test_each_break_shows_in_its_own_row_and_no_other(table, check):
    BREAKS[check](table)
    assert differing(table) == {check}
    findings = validation.validate(Dataset(Path("made-up"), table), published=True)
    row = findings.set_index("check").loc[check]
    assert row["matters"].endswith(".")
    lines = validation.summarise(findings).splitlines()
    assert max(map(len, lines)) <= validation.LINE_LENGTH
    explanation = " ".join(line.strip() for line in lines)
    assert explanation.startswith("12 of 13 checks agree with the published set. What differs")
    assert f"- {check}: {row['found']}. {row['matters']}" in explanation


def test_a_slice_without_a_fold_is_also_missing_from_the_size_of_one(table):
    table.loc[table["patient"] == "3-0", "fold"] = 0
    assert differing(table) == {"slices without a fold", "slices in the author's folds 1 to 5"}
    assert differing(table, published=False) == {"slices without a fold"}


def test_every_check_is_broken_once(table):
    assert {*BREAKS, "slices without a fold"} == set(answers(table))


@pytest.mark.parametrize("ratio", [np.nan, 0.5, 2.0])
def test_masks_off_their_border(table, ratio):
    table.loc[9, "border_area_ratio"] = ratio
    assert differing(table) == {"masks that do not fill their border"}


def test_an_empty_mask_is_not_reported_twice(table):
    table.loc[9, ["tumour_area_px", "border_area_ratio"]] = [0, 0.0]
    assert differing(table) == {"empty masks"}


def test_small_slices_of_another_size(table):
    table.loc[table["native_size"] == 256, "native_size"] = 128
    assert differing(table) == {"slices not of 512 x 512 pixels"}


# ---- parts, phantoms, real slices ----


def test_a_part_without_meningiomas(table):
    part = table[table["label"] != 1].reset_index(drop=True)
    findings = validation.validate(Dataset(Path("made-up"), part), published=True)
    assert set(differing(part)) == {
        "slices (meningioma / glioma / pituitary)",
        "slice numbers",
        "patients (meningioma / glioma / pituitary)",
        "slices in the author's folds 1 to 5",
    }
    row = findings.iloc[0]
    assert row["found"] == "2,356 (0 / 1,426 / 930)"
    assert row["matters"].startswith("No meningioma: three classes cannot be learned.")


def test_training_stops_before_it_starts(dataset, table):
    part = table[table["label"] != 1].reset_index(drop=True)
    with pytest.raises(DatasetError, match=r"no meningioma among these 2356 slices.*get all four"):
        Dataset(Path("made-up"), part).require_classes()
    assert dataset.require_classes() is dataset


def test_phantoms_are_judged_by_the_rules_alone(dataset):
    found = answers(dataset.table, published=False)
    assert {check for check, answer in found.items() if answer == "not applicable"} == COUNTS
    assert set(found.values()) == {"yes", "not applicable"}
    words = validation.summarise(validation.validate(dataset, published=False))
    assert words.count("not the published data set") == 1
    assert words.endswith("All 6 other checks agree with the published set.")


def test_phantoms_taken_for_the_published_set(dataset):
    findings = validation.validate(dataset, published=True)
    assert findings["found"].iloc[0] == "30 (8 / 12 / 10)"
    assert "A part of the published set" in findings["matters"].iloc[0]


def test_real_slices_keep_the_rules(real_folder, tmp_path):
    from helpers.datasets.assembly import assemble

    real = assemble(real_folder, tmp_path / "set", progress=False)
    assert differing(real.table, published=False) <= {"slices without a fold"}
