import dataclasses
import shutil
import zipfile

import numpy as np
import pytest

from helpers.config import settings
from helpers.datasets import sources
from helpers.datasets.matfile import MatFileError
from helpers.datasets.sources import SourceError, find_folds, list_slices, one_per_class


def pack(folder, archive, numbers, prefix=""):
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for number in numbers:
            packed.write(folder / f"{number}.mat", f"{prefix}{number}.mat")


def test_loose_files_are_found_by_number(phantom_folder):
    files = list_slices(phantom_folder)
    assert [file.number for file in files] == list(range(1, 31))
    assert files[9].name == "10.mat"


def test_archives_are_unpacked_in_the_home_of_the_course(phantom_folder, tmp_path, home):
    pack(phantom_folder, tmp_path / "a.zip", range(1, 20))
    pack(phantom_folder, tmp_path / "b.zip", range(20, 31), prefix="inner/")
    files = list_slices(tmp_path)
    assert [file.number for file in files] == list(range(1, 31))
    assert (files[0].name, files[29].name) == ("a.zip/1.mat", "b.zip/inner/30.mat")
    for number in (1, 25):
        loose = list_slices(phantom_folder)[number - 1].read()
        unpacked = files[number - 1].read()
        np.testing.assert_array_equal(unpacked.image, loose.image)
        assert unpacked.pid == loose.pid
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "b.zip"]
    assert all(file.path.is_relative_to(home / "unpacked") for file in files)


def test_unpacked_files_below_the_source_are_not_found_twice(phantom_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "course"))
    pack(phantom_folder, tmp_path / "a.zip", (1, 2))
    first = list_slices(tmp_path)
    assert list_slices(tmp_path) == first


def test_a_loose_file_takes_precedence_over_an_archived_one(phantom_folder, tmp_path):
    pack(phantom_folder, tmp_path / "a.zip", (1, 2))
    shutil.copy(phantom_folder / "2.mat", tmp_path)
    assert [file.name for file in list_slices(tmp_path)] == ["a.zip/1.mat", "2.mat"]


def test_files_that_are_not_slices_are_ignored(phantom_folder, tmp_path):
    for name in ("1.mat", "cvind.mat"):
        shutil.copy(phantom_folder / name, tmp_path)
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._1.mat").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    assert [file.name for file in list_slices(tmp_path)] == ["1.mat"]


def test_a_number_twice_is_refused(phantom_folder, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(phantom_folder / "7.mat", tmp_path / folder)
    with pytest.raises(SourceError, match=r"slice 7 is there twice: .*a.7\.mat and .*b.7\.mat"):
        list_slices(tmp_path)


def test_folders_without_slices(phantom_folder, tmp_path):
    with pytest.raises(SourceError, match="it holds nothing"):
        list_slices(tmp_path)
    shutil.copy(phantom_folder / "cvind.mat", tmp_path)
    with pytest.raises(SourceError, match=r"holds cvind\.mat\. Put"):
        list_slices(tmp_path)
    (tmp_path / "tumours.csv").write_text("")
    with pytest.raises(SourceError, match=r"it holds cvind\.mat, tumours\.csv"):
        list_slices(tmp_path)
    with pytest.raises(SourceError, match="is not a folder"):
        list_slices(tmp_path / "none")


def test_a_broken_archive_is_named(tmp_path):
    (tmp_path / "brainTumorDataPublic_1-766.zip").write_bytes(b"<html>challenge</html>")
    with pytest.raises(SourceError, match=r"brainTumorDataPublic_1-766\.zip cannot be unpacked"):
        list_slices(tmp_path)


def test_one_of_each_class(phantom_folder):
    files = list_slices(phantom_folder)
    assert [file.read().label for file in one_per_class(files)] == [1, 2, 3]
    with pytest.raises(SourceError, match="no meningioma and no pituitary among these 3 slices"):
        one_per_class(files[10:13])


def test_folds(phantom_folder, tmp_path):
    assert len(find_folds(phantom_folder)) == 30
    assert find_folds(tmp_path) is None
    shutil.copy(phantom_folder / "1.mat", tmp_path / "cvind.mat")
    with pytest.raises(MatFileError, match="this is a slice"):
        find_folds(tmp_path)


def test_phantoms_are_written_once(tmp_path, monkeypatch):
    small = dataclasses.replace(settings.PROFILES["quick"], phantoms=20)
    course = settings.Settings("phantoms", small, tmp_path, colab=False)
    folder = sources.fetch(course)
    written = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mat")}
    assert len(written) == 21
    sources.fetch(course)
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.mat")} == written


def test_a_folder_of_your_own_is_used_as_it_is(phantom_folder, tmp_path):
    course = settings.Settings(str(phantom_folder), settings.PROFILES["quick"], tmp_path, colab=False)
    assert sources.fetch(course) == phantom_folder
