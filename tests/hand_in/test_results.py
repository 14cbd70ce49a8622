"""Results of notebook 02 are found, named if they are missing, and taken to another machine."""

import dataclasses
import json
import os
import zipfile

import numpy as np
import pytest

from helpers import hand_in
from helpers.config import settings
from helpers.hand_in.results import ARCHIVE

NAMES = ["classifier", "unet", "by slice", "by family"]


def test_all_results_are_found(results):
    found = hand_in.find(results)
    assert list(found) == NAMES
    assert found.missing == {}
    assert found["classifier"].rows.tolist() == [0, 5, 12, 20, 25]
    assert found["unet"].probabilities.shape == (5, 128, 128)
    assert found["classifier"].history["val_loss"].tolist() == [0.8, 0.6]
    assert found["classifier"].history.index.tolist() == [1, 2]
    assert f"{found['unet'].scores['Dice']:.2f}" == "0.70 (0.60 to 0.80)"


def test_the_cells_that_make_a_missing_result_are_named(results):
    (results.run_folder("unet") / "test_predictions.npz").unlink()
    found = hand_in.find(results)
    assert list(found) == ["classifier", "by slice", "by family"]
    assert list(found.missing) == ["U-Net"]
    with pytest.raises(hand_in.MissingResultError, match=r"the U-Net has no results yet. Run Part B"):
        found["unet"]


@pytest.mark.parametrize("damage", ["results", "history", "json"])
def test_an_untested_or_damaged_run_is_missing(results, damage):
    path = results.run_folder("classifier") / "abcd1234" / "run.json"
    record = json.loads(path.read_text())
    if damage == "results":
        record["results"] = {}
    elif damage == "history":
        del record["history"]
    path.write_text("{" if damage == "json" else json.dumps(record))
    assert list(hand_in.find(results)) == NAMES[1:]


def test_records_are_those_of_the_runs(results):
    records = hand_in.records(results)
    assert list(records) == NAMES
    assert records["by family"]["results"]["accuracy"]["value"] == 0.7


def test_results_travel_in_the_copies(results, tmp_path, capsys):
    archive = hand_in.save_results(results)
    assert archive == results.run_folder(ARCHIVE)
    elsewhere = dataclasses.replace(results, home=tmp_path / "new machine")
    found = hand_in.find(elsewhere)
    assert list(found) == NAMES
    assert np.array_equal(found["unet"].probabilities, hand_in.find(results)["unet"].probabilities)
    assert "Results were unpacked from results.zip." in capsys.readouterr().out


def test_an_uploaded_archive_is_found_even_if_the_browser_has_renamed_it(results, tmp_path, monkeypatch):
    archive = hand_in.save_results(dataclasses.replace(results, copies=None))
    (tmp_path / "content").mkdir()
    archive.rename(tmp_path / "content" / "results (1).zip")
    monkeypatch.chdir(tmp_path / "content")
    assert list(hand_in.find(dataclasses.replace(results, home=tmp_path / "new", copies=None))) == NAMES


def test_a_newer_archive_replaces_older_results(results, tmp_path):
    elsewhere = dataclasses.replace(results, home=tmp_path / "new machine")
    hand_in.save_results(results)
    hand_in.find(elsewhere)
    path = results.run_folder("protocols/by slice") / "run.json"
    path.write_text(path.read_text().replace('"epochs": 2', '"epochs": 77'))
    later = hand_in.save_results(results).stat().st_mtime + 10
    os.utime(results.copy_folder("") / ARCHIVE, (later, later))
    assert hand_in.find(elsewhere)["by slice"].record["epochs"] == 77


def test_an_archive_that_was_unpacked_and_packed_again_is_read(results, tmp_path):
    hand_in.save_results(results)
    source = results.copy_folder("") / ARCHIVE
    with zipfile.ZipFile(source) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(source, "w") as new:
        for name, content in contents.items():
            new.writestr(f"results/{name}", content)
            new.writestr(f"__MACOSX/results/{name}", b"notes")
    assert list(hand_in.find(dataclasses.replace(results, home=tmp_path / "new machine"))) == NAMES


def test_results_on_this_machine_are_not_replaced(results):
    hand_in.save_results(results)
    path = results.run_folder("protocols/by slice") / "run.json"
    path.write_text(path.read_text().replace('"epochs": 2', '"epochs": 77'))
    assert hand_in.find(results)["by slice"].record["epochs"] == 77


def test_only_results_are_unpacked_and_only_into_the_folder_of_runs(course, tmp_path):
    course.copy_folder("").mkdir(parents=True)
    with zipfile.ZipFile(course.copy_folder("") / ARCHIVE, "w") as archive:
        archive.writestr("../../run.json", "{}")
        archive.writestr(f"{course.run_folder('').name}/protocols/by slice/run.json", "{}")
        archive.writestr("evil.py", "")
    before = set(tmp_path.rglob("*"))
    assert list(hand_in.find(course)) == []
    added = {path.relative_to(course.run_folder("")).as_posix() for path in set(tmp_path.rglob("*")) - before
             if path.is_file()}  # fmt: skip
    assert added == {"protocols/by slice/run.json"}


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_a_damaged_archive_is_named(course, content):
    course.copy_folder("").mkdir(parents=True)
    (course.copy_folder("") / ARCHIVE).write_bytes(content)
    with pytest.raises(hand_in.MissingResultError, match=r"results\.zip cannot be unpacked"):
        hand_in.find(course)


@pytest.mark.parametrize("of", ["phantoms-30-full", "figshare-quick"])
def test_an_archive_of_other_data_or_another_profile_is_refused(course, of):
    course.copy_folder("").mkdir(parents=True)
    with zipfile.ZipFile(course.copy_folder("") / ARCHIVE, "w") as archive:
        archive.writestr(f"{of}/protocols/by slice/run.json", "{}")
    with pytest.raises(
        hand_in.MissingResultError, match=f"is of {of}, and this notebook is set to phantoms-30-quick"
    ):
        hand_in.find(course)
    assert not list(course.home.glob("runs/**/run.json"))


def test_results_of_another_profile_are_named(results, capsys):
    full = dataclasses.replace(results, profile=settings.PROFILES["full"])
    assert list(hand_in.find(full)) == []
    assert "There are some of phantoms-30-quick: choose that DATA and PROFILE" in capsys.readouterr().out


def test_an_archive_without_results_is_named(course):
    course.copy_folder("").mkdir(parents=True)
    with zipfile.ZipFile(course.copy_folder("") / ARCHIVE, "w") as archive:
        archive.writestr("notes.txt", "")
    with pytest.raises(hand_in.MissingResultError, match=r"results\.zip has no results"):
        hand_in.find(course)


def test_nothing_is_packed_before_there_are_results(course):
    with pytest.raises(hand_in.MissingResultError, match=r"Run 2\.14 first"):
        hand_in.save_results(course)


def test_a_full_drive_is_said(results, tmp_path, capsys):
    (tmp_path / "copies").write_text("a file where the folder should be")
    assert hand_in.save_results(results).is_file()
    assert "No second copy" in capsys.readouterr().out
