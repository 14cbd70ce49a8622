import shutil

import numpy as np
import pandas as pd
import pytest

from helpers.datasets.dataset import Dataset, DatasetError


def test_rows_agree(dataset):
    assert len(dataset) == 30
    np.testing.assert_array_equal(dataset.labels, np.repeat([1, 2, 3], [8, 12, 10]))
    for size in (512, 128):
        for array in (dataset.images(size), dataset.masks(size)):
            assert array.shape == (30, size, size)
            assert array.dtype == np.uint8
            assert isinstance(array, np.memmap)
    areas = dataset.masks(512).sum(axis=(1, 2))
    large = (dataset.table["native_size"] == 512).to_numpy()
    np.testing.assert_array_equal(areas[large], dataset.table["tumour_area_px"][large])
    np.testing.assert_array_equal(areas[~large], dataset.table["tumour_area_px"][~large] * 4)


def test_patient_ids_stay_text(dataset):
    assert all(isinstance(patient, str) for patient in dataset.table["patient"])


def test_another_size_is_refused(dataset):
    with pytest.raises(ValueError, match="512 and 128"):
        dataset.images(256)


def test_a_sample_keeps_patients_whole_and_classes_in_proportion(dataset):
    sample = dataset.sample(15, seed=1)
    assert 8 <= len(sample) <= 15
    assert set(sample.labels) == {1, 2, 3}
    for patient, rows in sample.table.groupby("patient"):
        assert len(rows) == np.count_nonzero(dataset.table["patient"] == patient)
    rows = np.searchsorted(dataset.table["number"], sample.table["number"])
    np.testing.assert_array_equal(sample.images(128), dataset.images(128)[rows])
    np.testing.assert_array_equal(sample.masks(512), dataset.masks(512)[rows])


def test_a_sample_of_everything_is_the_data_set_itself(dataset):
    assert dataset.sample(None, seed=0) is dataset
    assert dataset.sample(30, seed=0) is dataset


def test_no_data_set(tmp_path):
    with pytest.raises(DatasetError, match=r"index\.csv.*missing"):
        Dataset.open(tmp_path)


def test_a_missing_class_is_named(dataset):
    rows = np.flatnonzero(dataset.labels != 1)
    table = dataset.table.iloc[rows].reset_index(drop=True)
    with pytest.raises(DatasetError, match="no meningioma among these 22 slices"):
        Dataset(dataset.folder, table, rows).require_classes()
    assert dataset.require_classes() is dataset


def test_text_comes_back_as_it_was_written(dataset, tmp_path):
    texts = ["NA", "null", "nan", "None", "n/a", "N/A", "#N/A", "NULL", "<NA>", "007", "1e5", "", "-inf"]
    texts += ["True", "1.0", '"', "a,b", "1_000", "0x1F", "-"]
    folder = shutil.copytree(dataset.folder, tmp_path / "set")
    table = dataset.table.copy()
    table.loc[3, "border_area_ratio"] = float("nan")
    for column in ("patient", "family", "file"):
        table[column] = (texts * 2)[: len(table)]
    table.to_csv(folder / "index.csv", index=False)
    pd.testing.assert_frame_equal(Dataset.open(folder).table, table)
