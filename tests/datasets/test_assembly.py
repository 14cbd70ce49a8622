import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
import time
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest

from helpers.config import settings
from helpers.datasets import assembly, matfile, workbench
from helpers.datasets.assembly import AssemblyError, assemble
from helpers.datasets.dataset import Dataset, DatasetError
from helpers.datasets.preprocessing import to_uint8
from helpers.datasets.rows import RowFile

COLUMNS = [
    "number", "label", "class_name", "patient", "family", "fold", "native_size",
    "intensity_min", "intensity_max", "tumour_area_px", "tumour_fraction",
    "centroid_x_px", "centroid_y_px", "border_area_ratio", "file", "checksum",
]  # fmt: skip


def contents(folder):
    """Every file below a folder -> a hash of its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_what_lies_on_disk(dataset, phantom_folder):
    assert list(dataset.table.columns) == COLUMNS
    assert not dataset.folder.with_name("set.partial").exists()
    row = dataset.table.iloc[20]
    one = matfile.read_slice(phantom_folder / row["file"])
    np.testing.assert_array_equal(dataset.images(512)[20], to_uint8(one.image))
    np.testing.assert_array_equal(dataset.masks(512)[20], one.mask)
    picture = cv2.imread(str(dataset.folder / "images" / "0021.png"), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(picture, dataset.images(512)[20])
    y, x = np.nonzero(one.mask)
    assert (row["centroid_x_px"], row["centroid_y_px"]) == pytest.approx((x.mean(), y.mean()), abs=0.01)
    assert dataset.table["border_area_ratio"].between(0.9, 1.1).all()
    folds = matfile.read_folds(phantom_folder / "cvind.mat")
    np.testing.assert_array_equal(dataset.table["fold"], folds)
    fingerprint = dataset.fingerprint
    assert fingerprint["slices"] == 30
    assert fingerprint["classes"] == {"meningioma": 8, "glioma": 12, "pituitary": 10}
    assert fingerprint["patients"] == dataset.table["patient"].nunique()


def test_a_second_call_opens_what_is_there(dataset, phantom_folder):
    before = {path: path.stat().st_mtime_ns for path in dataset.folder.rglob("*")}
    again = assemble(phantom_folder, dataset.folder, progress=False)
    pd.testing.assert_frame_equal(again.table, dataset.table)
    assert {path: path.stat().st_mtime_ns for path in dataset.folder.rglob("*")} == before


def test_archives_give_the_same_data_set(dataset, phantom_folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in phantom_folder.glob("[0-9]*.mat"):
            archive.write(path, path.name)
    shutil.copy(phantom_folder / "cvind.mat", tmp_path)
    packed = assemble(tmp_path, tmp_path / "set", progress=False)
    assert packed.fingerprint["content"] == dataset.fingerprint["content"]
    different = ("file",)
    pd.testing.assert_frame_equal(
        packed.table.drop(columns=[*different]), dataset.table.drop(columns=[*different])
    )
    for size in (512, 128):
        np.testing.assert_array_equal(packed.images(size), dataset.images(size))
        np.testing.assert_array_equal(packed.masks(size), dataset.masks(size))


def test_the_number_of_workers_changes_no_byte(dataset, phantom_folder, tmp_path):
    single = assemble(phantom_folder, tmp_path / "set", workers=1, progress=False)
    assert contents(single.folder) == contents(dataset.folder)


@pytest.fixture
def some_bad(phantom_folder, tmp_path):
    """Thirty slices, two of them bad."""
    folder = tmp_path / "source"
    shutil.copytree(phantom_folder, folder)
    (folder / "4.mat").write_bytes((folder / "4.mat").read_bytes()[:9000])
    (folder / "17.mat").write_text("<html>Human?</html>")
    return folder


def test_bad_files_stop_the_run_with_a_list(some_bad, tmp_path):
    with pytest.raises(AssemblyError, match=r"2 of 30 files are bad: 4\.mat.*17\.mat") as caught:
        assemble(some_bad, tmp_path / "set", progress=False)
    assert "on_bad='skip'" in str(caught.value)
    assert not (tmp_path / "set").exists()
    listed = pd.read_csv(tmp_path / "set.partial" / "bad_files.csv")
    assert listed["file"].tolist() == ["4.mat", "17.mat"]
    assert listed["reason"].str.len().min() > 10


def test_once_replaced_only_the_bad_ones_are_read_again(
    some_bad, phantom_folder, dataset, tmp_path, monkeypatch
):
    with pytest.raises(AssemblyError):
        assemble(some_bad, tmp_path / "set", progress=False)
    for name in ("4.mat", "17.mat"):
        shutil.copy2(phantom_folder / name, some_bad / name)
    read = []
    process = workbench.Workbench.process
    monkeypatch.setattr(
        workbench.Workbench, "process", lambda self, row: read.append(row) or process(self, row)
    )
    mended = assemble(some_bad, tmp_path / "set", progress=False)
    assert sorted(read) == [3, 16]
    assert mended.fingerprint["content"] == dataset.fingerprint["content"]


def test_bad_files_can_be_left_out(some_bad, dataset, tmp_path, capsys):
    rest = assemble(some_bad, tmp_path / "set", on_bad="skip", progress=False)
    kept = [row for row in range(30) if row not in (3, 16)]
    assert rest.table["number"].tolist() == [row + 1 for row in kept]
    np.testing.assert_array_equal(rest.images(128), dataset.images(128)[kept])
    np.testing.assert_array_equal(rest.masks(512), dataset.masks(512)[kept])
    assert rest.fingerprint["bad_files"] == 2
    assert len(pd.read_csv(rest.folder / "bad_files.csv")) == 2
    assert "left out" not in capsys.readouterr().out
    assert len(assemble(some_bad, tmp_path / "set", progress=False)) == 28  # as was chosen before
    assert "2 bad files were left out" in capsys.readouterr().out


@pytest.fixture
def three(phantom_folder, tmp_path):
    """A folder with one slice of each class."""
    folder = tmp_path / "source"
    folder.mkdir()
    for number in (1, 10, 25):
        shutil.copy(phantom_folder / f"{number}.mat", folder)
    return folder


def test_interrupted_while_bad_files_are_taken_out(some_bad, dataset, tmp_path, monkeypatch):
    copy, copied = RowFile.copy, []

    def interrupted_copy(self, path, rows):
        if copied:
            raise KeyboardInterrupt
        copy(self, path, rows)
        copied.append(path)

    monkeypatch.setattr(RowFile, "copy", interrupted_copy)
    with pytest.raises(KeyboardInterrupt):
        assemble(some_bad, tmp_path / "set", on_bad="skip", progress=False)
    monkeypatch.undo()
    assert len(copied) == 1
    rest = assemble(some_bad, tmp_path / "set", on_bad="skip", progress=False)
    kept = [row for row in range(30) if row not in (3, 16)]
    for size in (512, 128):
        np.testing.assert_array_equal(rest.images(size), dataset.images(size)[kept])


def test_a_damaged_archive_member_is_a_bad_file(phantom_folder, tmp_path):
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for number in (1, 10, 25):
            packed.write(phantom_folder / f"{number}.mat", f"{number}.mat")
    content = bytearray(archive.read_bytes())
    content[5000] ^= 255
    archive.write_bytes(content)
    with pytest.raises(AssemblyError, match=r"1 of 3 files are bad: all\.zip/1\.mat: .*cannot be unpacked"):
        assemble(tmp_path, tmp_path / "set", progress=False)
    assert len(assemble(tmp_path, tmp_path / "set", on_bad="skip", progress=False)) == 2


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1'])
@pytest.mark.parametrize("name", ["set/fingerprint.json", "set.partial/journal.jsonl"])
def test_unreadable_notes_count_as_none(three, tmp_path, name, content):
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text(content)
    assert len(assemble(three, tmp_path / "set", progress=False)) == 3


def test_a_data_set_with_a_file_missing_is_assembled_again(three, tmp_path):
    for name in ("masks_128.npy", "index.csv"):
        made = assemble(three, tmp_path / "set", progress=False)
        (made.folder / name).unlink()
    assert assemble(three, tmp_path / "set", progress=False).masks(128).shape == (3, 128, 128)


def test_numbers_beyond_the_folds_have_none(phantom_folder, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    shutil.copy(phantom_folder / "cvind.mat", source)
    for old, new in ((1, 0), (10, 30), (25, 31)):
        shutil.copy(phantom_folder / f"{old}.mat", source / f"{new}.mat")
    folds = matfile.read_folds(source / "cvind.mat")
    assert assemble(source, tmp_path / "set", progress=False).table["fold"].tolist() == [0, folds[29], 0]


def test_nothing_but_bad_files(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "1.mat").write_text("x")
    with pytest.raises(AssemblyError, match="1 of 1 files are bad"):
        assemble(tmp_path / "source", tmp_path / "set", on_bad="skip", progress=False)


def test_a_changed_source_is_assembled_anew(phantom_folder, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(phantom_folder, source)
    first = assemble(source, tmp_path / "set", progress=False)
    (source / "30.mat").unlink()
    second = assemble(source, tmp_path / "set", progress=False)
    assert (len(first), len(second)) == (30, 29)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("set")] == ["set"]


def test_a_mask_away_from_its_border_shows_in_the_index(three):
    file = assembly.find_slices(three)[0]
    one = file.read()
    halved = dataclasses.replace(one, mask=one.mask & (np.cumsum(one.mask).reshape(one.mask.shape) % 2 == 0))
    whole, half, none = (
        workbench._describe(version, file)["border_area_ratio"]
        for version in (one, halved, dataclasses.replace(one, border=one.border[:0]))
    )
    assert half == pytest.approx(whole / 2, abs=0.01)
    assert np.isnan(none)


def test_without_folds(three, tmp_path):
    assert assemble(three, tmp_path / "set", progress=False).table["fold"].tolist() == [0, 0, 0]


def test_prepare_wants_all_classes(phantom_folder, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for number in range(9, 31):
        shutil.copy(phantom_folder / f"{number}.mat", source)
    course = settings.Settings(str(source), settings.PROFILES["quick"], tmp_path, colab=False)
    with pytest.raises(DatasetError, match="no meningioma among these 22 slices"):
        assembly.load_or_assemble(course)


def test_unknown_choice():
    with pytest.raises(ValueError, match="choose 'stop' or 'skip'"):
        assemble(".", "set", on_bad="ignore")


def test_killed_at_any_moment_it_ends_with_the_same_bytes(dataset, phantom_folder, tmp_path, rng):
    destination = tmp_path / "set"
    code = (
        "import sys; from helpers.datasets.assembly import assemble; assemble(*sys.argv[1:], progress=False)"
    )
    command = [sys.executable, "-c", code, str(phantom_folder), str(destination)]
    journal = tmp_path / "set.partial" / "journal.jsonl"
    killed_midway = 0
    for _ in range(3):
        lines = len(journal.read_text().splitlines()) if journal.exists() else 0
        process = subprocess.Popen(command, cwd=settings.COURSE_FOLDER)
        while process.poll() is None and not (
            journal.exists() and len(journal.read_bytes().splitlines()) > max(lines, 1) + rng.integers(4)
        ):
            time.sleep(0.005)
        process.kill()
        killed_midway += process.wait() != 0
    assert killed_midway > 0
    finished = assemble(phantom_folder, destination, progress=False)
    assert contents(finished.folder) == contents(dataset.folder)


def test_killed_at_random_times_until_it_ends_by_itself(dataset, phantom_folder, tmp_path, rng):
    archive = tmp_path / "source" / "all.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in [phantom_folder / "cvind.mat", *phantom_folder.glob("[0-9]*.mat")]:
            packed.write(path, path.name)
    undisturbed = assemble(archive.parent, tmp_path / "undisturbed", progress=False)
    destination = tmp_path / "set"
    # The process loads its libraries, says so, and waits for a word: the clock starts at the work.
    code = (
        "import sys; from helpers.datasets.assembly import assemble; print('ready', flush=True); input(); "
        "assemble(*sys.argv[1:], workers=1, progress=False)"
    )
    command = [sys.executable, "-c", code, str(archive.parent), str(destination)]
    for kills in range(12):
        process = subprocess.Popen(
            command, cwd=settings.COURSE_FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with process:
            process.stdout.readline()
            process.stdin.write(b"go\n")
            process.stdin.flush()
            try:  # longer and longer, so that the end comes on a busy machine too
                ended = process.wait(timeout=rng.uniform(0.01, 0.06) * 1.3**kills) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                ended = False
        if ended:
            break
        assert not destination.exists() or Dataset.open(destination)
    assert kills > 0
    finished = assemble(archive.parent, destination, progress=False)
    assert contents(finished.folder) == contents(undisturbed.folder)


def test_a_torn_journal_line_is_done_again(dataset, phantom_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(assembly, "_put_in_place", lambda *_: pytest.fail("stop here"))
    destination = tmp_path / "set"
    partial = tmp_path / "set.partial"
    with pytest.raises(pytest.fail.Exception):
        assemble(phantom_folder, destination, progress=False)
    monkeypatch.undo()
    header = {"format": assembly.FORMAT, "numbers": list(range(1, 31))}
    torn = json.dumps(header) + '\n{"row": 0, "fi'
    (partial / "journal.jsonl").write_text(torn)
    finished = assemble(phantom_folder, destination, progress=False)
    assert contents(finished.folder) == contents(dataset.folder)


def test_real_slices(real_folder, tmp_path):
    real = assemble(real_folder, tmp_path / "set", progress=False).require_classes()
    assert real.fingerprint["bad_files"] == 0
    assert (real.masks(128).sum(axis=(1, 2)) > 0).all()
    assert (real.images(512).max(axis=(1, 2)) == 255).all()
