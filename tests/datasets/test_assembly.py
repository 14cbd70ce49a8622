import dataclasses
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import types
import zipfile

import cv2
import numpy as np
import pandas as pd
import psutil
import pytest

from helpers.config import language, settings
from helpers.datasets import assembly, matfile, preprocessing
from helpers.datasets.assembly import AssemblyError, assemble
from helpers.datasets.dataset import Dataset, DatasetError
from helpers.datasets.preprocessing import to_uint8

COLUMNS = [
    "number", "label", "class_name", "patient", "family", "fold", "native_size",
    "intensity_min", "intensity_max", "tumour_area_px", "tumour_fraction",
    "centroid_x_px", "centroid_y_px", "border_area_ratio", "file", "checksum",
]  # fmt: skip


def contents(folder):
    """Every file below a folder -> a hash of its bytes."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_contents_of_a_data_set(dataset, phantom_folder):
    assert list(dataset.table.columns) == COLUMNS
    assert [path.name for path in dataset.folder.parent.iterdir()] == ["set"]
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
    listed = pd.read_csv(tmp_path / "set.bad_files.csv")
    assert listed["file"].tolist() == ["4.mat", "17.mat"]
    assert listed["reason"].str.len().min() > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.bad_files.csv", "source"]


def test_once_they_are_replaced_the_data_set_is_complete(some_bad, phantom_folder, dataset, tmp_path):
    with pytest.raises(AssemblyError):
        assemble(some_bad, tmp_path / "set", progress=False)
    for name in ("4.mat", "17.mat"):
        shutil.copy2(phantom_folder / name, some_bad / name)
    mended = assemble(some_bad, tmp_path / "set", progress=False)
    assert mended.fingerprint["content"] == dataset.fingerprint["content"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "source"]


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


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1'])
def test_an_unreadable_fingerprint_counts_as_none(three, tmp_path, content):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "fingerprint.json").write_text(content)
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


def test_a_changed_source_is_assembled_again(phantom_folder, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(phantom_folder, source)
    first = assemble(source, tmp_path / "set", progress=False)
    (source / "30.mat").unlink()
    second = assemble(source, tmp_path / "set", progress=False)
    assert (len(first), len(second)) == (30, 29)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("set")] == ["set"]


def test_a_mask_away_from_its_border_shows_in_the_index(three):
    one = assembly.list_slices(three)[0].read()
    halved = dataclasses.replace(one, mask=one.mask & (np.cumsum(one.mask).reshape(one.mask.shape) % 2 == 0))
    whole, half, none = (
        preprocessing._describe(version)["border_area_ratio"]
        for version in (one, halved, dataclasses.replace(one, border=one.border[:0]))
    )
    assert half == pytest.approx(whole / 2, abs=0.01)
    assert np.isnan(none)


def test_without_folds(three, tmp_path):
    assert assemble(three, tmp_path / "set", progress=False).table["fold"].tolist() == [0, 0, 0]


def test_load_or_assemble_needs_all_classes(phantom_folder, tmp_path):
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


def test_a_full_disk_is_named_and_leaves_nothing(three, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preprocessing, "_write_row", full)
    with pytest.raises(AssemblyError, match=r"set cannot be written \(No space left on device\).*make room"):
        assemble(three, tmp_path / "set", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_small_disk_is_named_before_anything_is_written(three, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: types.SimpleNamespace(free=1_000_000))
    with pytest.raises(AssemblyError, match=r"0\.00 GB free.*data set of 3 slices takes about 0\.00 GB"):
        assemble(three, tmp_path / "new" / "set", progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_two_notebooks_assemble_at_once(three, tmp_path, monkeypatch):
    process_all = assembly._process_all

    def meanwhile(*arguments):
        records = process_all(*arguments)
        with assembling(three, tmp_path / "set", workers=1) as other:
            _, errors = other.communicate(timeout=60)
        assert other.returncode == 0, errors.decode()
        written.update({path: path.stat().st_mtime_ns for path in (tmp_path / "set").iterdir()})
        return records

    written = {}
    monkeypatch.setattr(assembly, "_process_all", meanwhile)
    assert len(assemble(three, tmp_path / "set", progress=False)) == 3
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "set").iterdir()} == written
    assert sorted(path.name for path in tmp_path.iterdir()) == ["script.py", "set", "source"]


# ---- worker processes, interruptions, kills ----

# A script that a student might write: without `if __name__ == "__main__"`.
SCRIPT = """
import sys
from helpers.datasets import assembly
assembly.WORTH_PROCESSES = 1
print("started", flush=True)
assembly.assemble(sys.argv[1], sys.argv[2], workers=int(sys.argv[3]), progress=False)
"""


@pytest.fixture
def repeated(phantom_folder, tmp_path):
    """A slice many times, in an archive: enough work to be interrupted."""
    content = (phantom_folder / "10.mat").read_bytes()
    source = tmp_path / "source"
    source.mkdir()
    with zipfile.ZipFile(source / "all.zip", "w", zipfile.ZIP_STORED) as archive:
        for number in range(1, 251):
            archive.writestr(f"{number}.mat", content)
    return source


def assembling(source, destination, workers, **options):
    """Starts a script that assembles in another Python."""
    path = destination.parent / "script.py"
    path.write_text(SCRIPT)
    command = [sys.executable, str(path), str(source), str(destination), str(workers)]
    environment = os.environ | {"PYTHONPATH": str(settings.COURSE_FOLDER)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, cwd=destination.parent, **pipes, **options)


def midway(process, destination):
    """Waits until some slices are written; returns the processes that the script has started."""
    while len(list(destination.parent.glob("set.partial-*/images/*.png"))) < 10:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_number_of_workers_changes_no_byte(dataset, phantom_folder, tmp_path, monkeypatch, workers):
    monkeypatch.setattr(assembly, "WORTH_PROCESSES", 1)
    monkeypatch.chdir(tmp_path)
    made = assemble(os.path.relpath(phantom_folder), "set", workers=workers, progress=False)
    assert contents(made.folder) == contents(dataset.folder)


def test_bad_files_are_listed_by_worker_processes_too(some_bad, tmp_path, monkeypatch):
    monkeypatch.setattr(assembly, "WORTH_PROCESSES", 1)
    with pytest.raises(AssemblyError, match=r"2 of 30 files are bad: 4\.mat.*; 17\.mat: file is a web page"):
        assemble(some_bad, tmp_path / "set", workers=2, progress=False)


def test_worker_processes_speak_the_language_of_the_notebook(some_bad, tmp_path, monkeypatch):
    monkeypatch.setattr(assembly, "WORTH_PROCESSES", 1)
    with (
        language.speaking("es"),
        pytest.raises(AssemblyError, match=r"17\.mat: archivo es una página web"),
    ):
        assemble(some_bad, tmp_path / "set", workers=2, progress=False)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signals")
@pytest.mark.parametrize("group", [False, True])
def test_after_ctrl_c_nothing_is_left(repeated, tmp_path, group):
    process = assembling(repeated, tmp_path / "set", workers=2, start_new_session=True)
    started = midway(process, tmp_path / "set")
    assert len(started) >= 2
    (os.killpg if group else os.kill)(process.pid, signal.SIGINT)  # a terminal tells the whole group
    _, errors = process.communicate(timeout=60)
    assert psutil.wait_procs(started, timeout=20)[1] == []
    assert process.returncode != 0
    assert errors.decode().rstrip().endswith("KeyboardInterrupt")
    assert errors.count(b"KeyboardInterrupt") == 1, errors.decode()
    assert not list(tmp_path.glob("set*"))


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_it_starts_again_and_ends_with_the_same_bytes(repeated, tmp_path, workers):
    undisturbed = assemble(repeated, tmp_path / "undisturbed", progress=False)
    process = assembling(repeated, tmp_path / "set", workers)
    started = midway(process, tmp_path / "set")
    process.kill()
    printed, _ = process.communicate(timeout=60)
    assert printed.split() == [b"started"]  # no worker has run the script
    assert not (tmp_path / "set").exists()
    assert psutil.wait_procs(started, timeout=30)[1] == []
    finished = assemble(repeated, tmp_path / "set", progress=False)
    assert contents(finished.folder) == contents(undisturbed.folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["script.py", "set", "source", "undisturbed"]


def test_killed_at_random_times_until_it_ends_by_itself(phantom_folder, tmp_path, rng):
    archive = tmp_path / "source" / "all.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for path in [phantom_folder / "cvind.mat", *phantom_folder.glob("[0-9]*.mat")]:
            packed.write(path, path.name)
    undisturbed = assemble(archive.parent, tmp_path / "undisturbed", progress=False)
    destination = tmp_path / "set"
    for kills in range(12):
        shutil.rmtree(os.environ["COURSE_HOME"])  # so that the unpacking is killed too
        with assembling(archive.parent, destination, workers=1) as process:
            process.stdout.readline()  # the libraries are loaded, and the work begins
            try:  # longer and longer, so that the end comes on a busy machine too
                ended = process.wait(timeout=rng.uniform(0.01, 0.06) * 1.8**kills) == 0
            except subprocess.TimeoutExpired:
                process.kill()
                ended = False
        if ended:
            break
        assert not destination.exists() or Dataset.open(destination)
    assert kills > 0
    finished = assemble(archive.parent, destination, progress=False)
    assert contents(finished.folder) == contents(undisturbed.folder)


def test_a_worker_that_is_ended_from_outside(repeated, tmp_path):
    process = assembling(repeated, tmp_path / "set", workers=2)
    for worker in midway(process, tmp_path / "set"):
        if "resource_tracker" not in " ".join(worker.cmdline()):
            worker.kill()
    _, errors = process.communicate(timeout=60)
    assert b"AssemblyError: a worker process was killed" in errors
    assert not list(tmp_path.glob("set*"))


def test_a_worker_imports_no_more_than_it_needs():
    code = (
        "import json, sys; import helpers.datasets.preprocessing; "
        "print(json.dumps([name for name in ('pandas', 'tensorflow', 'sklearn', 'matplotlib', 'requests') "
        "if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.COURSE_FOLDER, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == []


def test_real_slices(real_folder, tmp_path):
    real = assemble(real_folder, tmp_path / "set", progress=False).require_classes()
    assert real.fingerprint["bad_files"] == 0
    assert (real.masks(128).sum(axis=(1, 2)) > 0).all()
    assert (real.images(512).max(axis=(1, 2)) == 255).all()
