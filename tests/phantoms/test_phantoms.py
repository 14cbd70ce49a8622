"""The phantoms: their files and patients, and in what they resemble the real slices."""

import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import h5py
import mat73
import numpy as np
import pymatreader
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.config.environment import COURSE_FOLDER
from helpers.phantoms import drawing, matfiles, patients
from helpers.phantoms.drawing import PLANES, draw_anatomy, draw_slice, write_phantoms
from helpers.phantoms.patients import PUBLISHED_COUNTS, proportional_counts

COUNTS = {1: 40, 2: 60, 3: 40}
SMALL = {1: 2, 2: 3, 3: 2}
MENINGIOMA, GLIOMA, PITUITARY = 1, 2, 3


def read(path):
    """Read one file with h5py, and turn its arrays upright."""
    with h5py.File(path, "r") as file:
        group = file["cjdata"]
        return SimpleNamespace(
            path=path,
            label=int(group["label"][0, 0]),
            pid="".join(chr(code) for code in group["PID"][:, 0]),
            image=group["image"][()].T,
            mask=np.ascontiguousarray(group["tumorMask"][()].T),
            border=group["tumorBorder"][0].reshape(-1, 2),
        )


def digests(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(Path(folder).iterdir())
    }


def anatomy(seed):
    return draw_anatomy(np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("phantoms")
    write_phantoms(path, COUNTS, seed=7, progress=False)
    return path


@pytest.fixture(scope="module")
def slices(folder):
    return [read(folder / f"{number}.mat") for number in range(1, sum(COUNTS.values()) + 1)]


@pytest.fixture(scope="module")
def folds(folder):
    with h5py.File(folder / "cvind.mat", "r") as file:
        return file["cvind"][()]


# ---------------------------------------------------------------------------- files


def test_file_is_hdf5_behind_a_matlab_user_block(folder):
    for name in ("1.mat", "cvind.mat"):
        content = (folder / name).read_bytes()
        assert content.startswith(b"MATLAB 7.3 MAT-file")
        assert content[124:128] == b"\x00\x02IM"
        assert content[512:520] == b"\x89HDF\r\n\x1a\n"


def test_layout_attribute_by_attribute(folder):
    expected = {  # name: (dtype, MATLAB class, int_decode)
        "PID": (np.uint16, b"char", 2),
        "image": (np.int16, b"int16", None),
        "label": (np.float64, b"double", None),
        "tumorBorder": (np.float64, b"double", None),
        "tumorMask": (np.uint8, b"logical", 1),
    }
    with h5py.File(folder / "1.mat", "r") as file:
        assert list(file) == ["cjdata"]
        group = file["cjdata"]
        assert group.attrs["MATLAB_class"] == b"struct"
        assert set(group) == set(expected)
        for name, (dtype, matlab_class, decode) in expected.items():
            assert group[name].dtype == dtype, name
            assert group[name].attrs["MATLAB_class"] == matlab_class, name
            assert group[name].attrs.get("MATLAB_int_decode") == decode, name
        assert group["label"].shape == (1, 1)
        assert group["PID"].shape[1] == 1
        assert group["image"].shape == group["tumorMask"].shape == (512, 512)
        assert group["tumorBorder"].shape[0] == 1 and group["tumorBorder"].shape[1] % 2 == 0
        assert group["image"].compression == group["tumorMask"].compression == "gzip"


@pytest.mark.parametrize("load", [mat73.loadmat, pymatreader.read_mat])
def test_public_readers_agree(folder, slices, load):
    expected = slices[3]
    cjdata = load(str(expected.path))["cjdata"]
    np.testing.assert_array_equal(cjdata["image"], expected.image)
    np.testing.assert_array_equal(cjdata["tumorMask"], expected.mask)
    np.testing.assert_array_equal(np.ravel(cjdata["tumorBorder"]), expected.border.ravel())
    assert cjdata["PID"] == expected.pid
    assert int(cjdata["label"]) == expected.label


def test_course_reader_agrees(slices):
    mat = pytest.importorskip("helpers.datasets.matfile")
    for expected in (slices[0], slices[-1]):
        found = mat.read_slice(expected.path)
        np.testing.assert_array_equal(found.image, expected.image)
        np.testing.assert_array_equal(found.mask, expected.mask == 1)
        np.testing.assert_array_equal(found.border, expected.border - 1)
        assert (found.label, found.pid) == (expected.label, expected.pid)


def test_slices_are_upright_once_transposed(slices):
    first = patients.roster(COUNTS, 7)[0]
    image, mask = drawing.draw_patient_slice(first, 0, 7)
    np.testing.assert_array_equal(slices[0].image, image)
    np.testing.assert_array_equal(slices[0].mask, mask)
    drawn = draw_slice(GLIOMA, "coronal", anatomy(1), np.random.default_rng(0))
    bottom, right = drawn.image[-20:, 150:350].mean(), drawn.image[150:350, -20:].mean()
    assert bottom > 2 * right, "the neck should be below"


def test_files_are_numbered_and_in_class_order(folder, slices):
    names = {path.name for path in folder.iterdir()}
    assert names == {f"{k}.mat" for k in range(1, len(slices) + 1)} | {"cvind.mat", "phantoms.json"}
    labels = [each.label for each in slices]
    assert labels == sorted(labels)
    assert {label: labels.count(label) for label in COUNTS} == COUNTS


# ---------------------------------------------------------------------------- reproducibility


def test_same_seed_same_bytes(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        paths = write_phantoms(tmp_path / name, SMALL, seed=seed, progress=False)
        assert paths == [tmp_path / name / f"{k}.mat" for k in range(1, 8)]
    first, same, other = (digests(tmp_path / name) for name in "abc")
    assert first == same
    assert all(first[name] != other[name] for name in first if name[0].isdigit())


def test_second_call_writes_nothing(tmp_path):
    write_phantoms(tmp_path, SMALL, progress=False)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    write_phantoms(tmp_path, SMALL, progress=False)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_an_interrupted_call_starts_again(tmp_path, monkeypatch):
    write_phantoms(tmp_path / "whole", SMALL, progress=False)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(matfiles, "write_folds", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_phantoms(tmp_path / "interrupted", SMALL, progress=False)
    monkeypatch.undo()
    assert not (tmp_path / "interrupted").exists()
    write_phantoms(tmp_path / "interrupted", SMALL, progress=False)
    assert digests(tmp_path / "interrupted") == digests(tmp_path / "whole")
    assert len(list(tmp_path.iterdir())) == 2


def test_another_call_never_mixes_with_the_first(tmp_path):
    write_phantoms(tmp_path, SMALL, progress=False)
    before = digests(tmp_path)
    with pytest.raises(matfiles.PhantomFolderError, match="not one of these phantoms"):
        write_phantoms(tmp_path, SMALL, seed=1, progress=False)
    assert digests(tmp_path) == before


def mark(folder, **changes):
    marker = folder / matfiles.MARKER
    marker.write_text(json.dumps(json.loads(marker.read_text()) | changes))


def test_phantoms_of_another_version_are_drawn_again(tmp_path):
    write_phantoms(tmp_path / "a", SMALL, progress=False)
    before = digests(tmp_path / "a")
    mark(tmp_path / "a", version=matfiles.VERSION - 1)
    (tmp_path / "a" / "1.mat").write_bytes(b"drawn otherwise")
    (tmp_path / "a" / "2.mat").unlink()
    write_phantoms(tmp_path / "a", SMALL, progress=False)
    assert digests(tmp_path / "a") == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_files_of_the_user_among_outdated_phantoms_are_kept(tmp_path):
    write_phantoms(tmp_path, SMALL, progress=False)
    mark(tmp_path, version=matfiles.VERSION - 1)
    (tmp_path / "results.csv").write_text("x")
    with pytest.raises(matfiles.PhantomFolderError, match=r"holds results\.csv.*Delete the folder .*if you"):
        write_phantoms(tmp_path, SMALL, progress=False)
    assert (tmp_path / "results.csv").exists()


@pytest.mark.parametrize("name", [".DS_Store", ".ipynb_checkpoints"])
def test_hidden_files_among_phantoms_count_for_nothing(tmp_path, name):
    folder = tmp_path / "a"
    write_phantoms(folder, SMALL, progress=False)
    before = digests(folder)
    (folder / name).write_text("x")
    drawn = (folder / "1.mat").stat().st_mtime_ns
    write_phantoms(folder, SMALL, progress=False)
    assert (folder / "1.mat").stat().st_mtime_ns == drawn
    (folder / "1.mat").unlink()
    write_phantoms(folder, SMALL, progress=False)
    assert digests(folder) == before


def test_files_of_the_user_among_complete_phantoms_do_no_harm(tmp_path):
    write_phantoms(tmp_path, SMALL, progress=False)
    (tmp_path / "results.csv").write_text("x")
    assert write_phantoms(tmp_path, SMALL, progress=False)[0].is_file()
    assert (tmp_path / "results.csv").exists()


def test_a_folder_with_hidden_files_alone_is_only_replaced_if_they_are_finders(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".DS_Store").write_text("x")
    write_phantoms(tmp_path / "a", SMALL, progress=False)
    (tmp_path / "b" / ".git").mkdir(parents=True)
    with pytest.raises(matfiles.PhantomFolderError, match=r"holds \.git"):
        write_phantoms(tmp_path / "b", SMALL, progress=False)
    assert (tmp_path / "b" / ".git").is_dir()


def test_a_phantom_that_is_missing_is_drawn_again(tmp_path):
    write_phantoms(tmp_path / "a", SMALL, progress=False)
    before = digests(tmp_path / "a")
    (tmp_path / "a" / "3.mat").unlink()
    write_phantoms(tmp_path / "a", SMALL, progress=False)
    assert digests(tmp_path / "a") == before


def test_two_notebooks_draw_at_once(tmp_path, monkeypatch):
    write_folds, inner = matfiles.write_folds, []

    def meanwhile(*arguments):
        if not inner:
            inner.append(None)
            inner.append(write_phantoms(tmp_path / "a", SMALL, progress=False))
        write_folds(*arguments)

    monkeypatch.setattr(matfiles, "write_folds", meanwhile)
    assert write_phantoms(tmp_path / "a", SMALL, progress=False) == inner[1]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_small_or_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(matfiles.PhantomFolderError, match=r"0\.00 GB free.*drawing 7 phantoms takes"):
        write_phantoms(tmp_path / "a", SMALL, progress=False)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(matfiles.PhantomFolderError, match=r"a cannot be written \(No space left on device"):
        write_phantoms(tmp_path / "a", SMALL, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_never_overwrites_real_slices(tmp_path):
    real = b"MATLAB 7.3 MAT-file, Platform: PCWIN64".ljust(1000)
    (tmp_path / "1.mat").write_bytes(real)
    with pytest.raises(matfiles.PhantomFolderError, match=r"1\.mat"):
        write_phantoms(tmp_path, SMALL, progress=False)
    assert (tmp_path / "1.mat").read_bytes() == real


def test_marker_records_counts_seed_and_version(folder):
    marker = json.loads((folder / "phantoms.json").read_text())
    assert marker == {
        "counts": {str(k): n for k, n in COUNTS.items()},
        "seed": 7,
        "version": matfiles.VERSION,
    }


# ---------------------------------------------------------------------------- tumours


def native_512(each):
    """Return the area of the mask, scaled to 512 x 512."""
    return int(each.mask.sum()) * (512 / each.mask.shape[0]) ** 2


def test_tumour_areas_resemble_the_real_ones(slices):
    areas = np.array([native_512(each) for each in slices])
    labels = np.array([each.label for each in slices])
    assert areas.min() >= 163 and areas.max() <= 26_000
    assert 0.010 < np.median(areas) / 512**2 < 0.021
    assert 1_000 < np.median(areas[labels == PITUITARY]) < 2_700
    assert np.median(areas[labels == PITUITARY]) < 0.7 * np.median(areas[labels != PITUITARY])


def test_masks_are_zero_one_and_connected(slices):
    for each in slices:
        assert set(np.unique(each.mask)) == {0, 1}
        assert cv2.connectedComponents(each.mask, connectivity=4)[0] == 2, each.path


def test_filled_border_is_the_mask(slices):
    for each in slices:
        assert each.border.min() >= 1 and each.border.max() <= each.mask.shape[0]
        filled = np.zeros(each.mask.shape, np.uint8)
        cv2.fillPoly(filled, [np.int32(each.border - 1)], 1)
        overlap = (filled & each.mask).sum() / (filled | each.mask).sum()
        assert overlap > 0.9, each.path


def test_tumours_are_brighter_than_the_brain(slices):
    for each in slices:
        inside = np.percentile(each.image[each.mask > 0], 90)
        around = cv2.dilate(each.mask, np.ones((61, 61), np.uint8)) - cv2.dilate(
            each.mask, np.ones((9, 9), np.uint8)
        )
        assert inside > 1.25 * np.median(each.image[around > 0]), each.path


@pytest.mark.parametrize("plane", PLANES)
def test_tumours_are_brighter_than_the_scalp(plane):
    """Otherwise a small network learns the heads, and fails on patients that it has not seen."""
    for label, seed in itertools.product((MENINGIOMA, GLIOMA, PITUITARY), range(4)):
        drawn = draw_slice(label, plane, anatomy(seed), np.random.default_rng(seed), size=256)
        outside = drawn.image[drawn.depth == 0]
        assert np.percentile(drawn.image[drawn.mask], 90) > 1.1 * np.percentile(outside, 97)


@pytest.mark.parametrize("plane", PLANES)
def test_only_glioma_is_in_dark_oedema(plane):
    def around_to_brain(label, seed):
        drawn = draw_slice(label, plane, anatomy(seed), np.random.default_rng(seed), size=256)
        mask, brain = drawn.mask.astype(np.uint8), drawn.depth > 0.05
        near, far = (cv2.dilate(mask, np.ones((side, side), np.uint8)) > 0 for side in (5, 15))
        return np.median(drawn.image[far & ~near & brain]) / np.median(drawn.image[~far & brain])

    around = {label: [around_to_brain(label, seed) for seed in range(8)] for label in (MENINGIOMA, GLIOMA)}
    assert np.median(around[GLIOMA]) < 0.7
    assert np.median(around[MENINGIOMA]) > 0.9


@pytest.mark.parametrize("plane", PLANES)
def test_each_tumour_is_where_it_belongs(plane):
    for seed in range(8):
        drawn = {
            label: draw_slice(label, plane, anatomy(seed), np.random.default_rng(seed), size=256)
            for label in (MENINGIOMA, GLIOMA, PITUITARY)
        }
        column, row = tumour_in_head_units(drawn[PITUITARY], plane, seed)
        expected = {"axial": (0, -0.2), "coronal": (0, 0.12), "sagittal": (-0.13, 0.06)}[plane]
        assert np.hypot(column - expected[0], row - expected[1]) < 0.1
        assert drawn[GLIOMA].depth[drawn[GLIOMA].mask].min() > 0.02
        on_skull = drawn[MENINGIOMA].depth[drawn[MENINGIOMA].mask].min() < 0.02
        assert on_skull or crosses_midline(drawn[MENINGIOMA], plane, seed)


def head_units(drawn, plane, seed):
    """Return columns and rows of the tumour's pixels along the head's own axes."""
    frame = drawing.frame_of(plane, anatomy(seed), np.random.default_rng(seed), drawn.mask.shape[0], 0.0)
    rows, columns = np.nonzero(drawn.mask)
    return np.linalg.solve(frame.matrix, (np.stack([columns, rows], axis=1) - frame.centre).T)


def tumour_in_head_units(drawn, plane, seed):
    return head_units(drawn, plane, seed).mean(axis=1)


def crosses_midline(drawn, plane, seed):
    x, _ = head_units(drawn, plane, seed)
    return x.min() < 0.02 and x.max() > -0.02


def test_only_glioma_is_a_ring():
    def core_to_rim(label, seed):
        drawn = draw_slice(label, "axial", anatomy(seed), np.random.default_rng(seed))
        inside = cv2.distanceTransform(drawn.mask.astype(np.uint8), cv2.DIST_L2, 5)
        return (
            drawn.image[inside > 0.75 * inside.max()].mean()
            / drawn.image[(inside > 2) & (inside < 0.3 * inside.max())].mean()
        )

    for seed in range(6):
        assert core_to_rim(GLIOMA, seed) < 0.75
        assert core_to_rim(MENINGIOMA, seed) > 0.85
        assert core_to_rim(PITUITARY, seed) > 0.85


# ---------------------------------------------------------------------------- patients


def thumbnail(each):
    return cv2.resize(each.image.astype(np.float32), (64, 64), interpolation=cv2.INTER_AREA).ravel()


def test_slices_of_a_patient_are_near_copies():
    within, between = [], []
    for plane in PLANES:
        stacks = []
        for seed in range(4):
            patient = anatomy(seed)
            stacks.append(
                [
                    thumbnail(
                        draw_slice(GLIOMA, plane, patient, np.random.default_rng([seed, k]), 256, level)
                    )
                    for k, level in enumerate((-0.3, 0, 0.3))
                ]
            )
        correlation = np.corrcoef(np.concatenate(stacks))
        same = np.kron(np.eye(4), np.ones((3, 3))) > 0
        within += list(correlation[same & ~np.eye(12, dtype=bool)])
        between += list(correlation[~same])
    assert np.min(within) > 0.93 and np.mean(within) > 0.96
    assert np.mean(within) > np.max(between)


def test_patient_ids_have_the_published_forms(slices):
    lengths = {len(each.pid) for each in slices}
    assert lengths == {5, 6, 8, 9}
    for each in slices:
        assert re.fullmatch(r"\d{5,6}|MR\d{6}[A-Z]?", each.pid)
        assert each.label == GLIOMA or each.pid.isdigit()
    gliomas = {each.pid for each in slices if each.label == GLIOMA}
    assert any(pid.isdigit() for pid in gliomas)
    families = {pid[:8] for pid in gliomas if len(pid) == 9}
    assert families and all(stem in gliomas for stem in families)


def test_no_patient_has_two_labels_or_scattered_slices(slices):
    pids = [each.pid for each in slices]
    changes = 1 + sum(a != b for a, b in itertools.pairwise(pids))
    assert changes == len(set(pids)) == len({(each.pid, each.label) for each in slices})
    for label in COUNTS:
        assert len({each.pid for each in slices if each.label == label}) >= 6


def test_every_class_has_a_patient_with_a_small_matrix(slices):
    small = {each.label for each in slices if each.image.shape == (256, 256)}
    assert small == {1, 2, 3}, "no matrix size may give the class away"
    assert {each.image.shape for each in slices} == {(256, 256), (512, 512)}


def test_intensities_differ_by_patient_and_not_by_class(slices):
    tops = {}
    for each in slices:
        assert each.image.min() == 0
        tops.setdefault((each.label, each.pid), []).append(int(each.image.max()))
    for values in tops.values():
        assert min(values) >= 860 and max(values) <= 12_728
        assert max(values) < 1.1 * min(values)
    assert max(map(max, tops.values())) > 4 * min(map(min, tops.values()))


def test_range_planes_and_size_do_not_reveal_the_class():
    people = patients.roster(PUBLISHED_COUNTS, 2023)
    for label in PUBLISHED_COUNTS:
        mine = [patient for patient in people if patient.label == label]
        everyone = np.log([patient.maximum for patient in people])
        assert abs(np.mean(np.log([patient.maximum for patient in mine])) - everyone.mean()) < 0.35
        planes = [plane for patient in mine for plane in patient.planes]
        assert all(0.2 < planes.count(plane) / len(planes) < 0.47 for plane in PLANES)
        assert sum(patient.size == 256 for patient in mine) == 1


def test_roster_of_the_published_counts():
    people = patients.roster(PUBLISHED_COUNTS, 2023)
    labels = [patient.label for patient in people]
    assert [labels.count(label) for label in (1, 2, 3)] == [82, 89, 62]
    shares = [patient.slices for patient in people]
    assert sum(shares) == 3064 and min(shares) >= 1 and max(shares) <= 38
    assert 10 <= np.median(shares) <= 15
    assert len({patient.pid for patient in people}) == len(people)


def test_quick_set_has_enough_patients_and_siblings():
    people = patients.roster(proportional_counts(240), 2023)
    assert len({(patient.label, patient.person) for patient in people}) >= 55
    assert sum(patient.slices for patient in people if patient.slices > 1) > 0.97 * 240


def test_family_is_one_person_at_several_dates():
    people = patients.roster(PUBLISHED_COUNTS, 2023)
    for patient in people:
        relatives = [
            other for other in people if other.label == patient.label and other.person == patient.person
        ]
        assert len({other.pid[:8] for other in relatives}) == 1


def test_folds_never_split_a_patient(slices, folds):
    assert folds.shape == (1, len(slices)) and folds.dtype == np.float64
    assert set(folds[0]) == {1, 2, 3, 4, 5}
    assert len({(each.pid, fold) for each, fold in zip(slices, folds[0], strict=True)}) == len(
        {each.pid for each in slices}
    )
    for label in COUNTS:
        found = {fold for each, fold in zip(slices, folds[0], strict=True) if each.label == label}
        assert found == {1, 2, 3, 4, 5}


@settings(max_examples=40, deadline=None)
@given(
    counts=st.dictionaries(st.sampled_from([1, 2, 3]), st.integers(0, 400), min_size=1),
    seed=st.integers(0, 2**32),
)
def test_roster_has_the_requested_counts(counts, seed):
    if sum(counts.values()) == 0:
        return
    people = patients.roster(counts, seed)
    for label in (1, 2, 3):
        assert sum(patient.slices for patient in people if patient.label == label) == counts.get(label, 0)
    assert len({patient.pid for patient in people}) == len(people)


# ---------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    "counts, seed",
    [
        ({0: 3}, 1),
        ({"1": 3}, 1),
        ({1: -1}, 1),
        ({1: 2.5}, 1),
        ({1: 0}, 1),
        ({}, 1),
        ({1: 3}, -1),
    ],
)
def test_refuses_senseless_counts_and_seeds(tmp_path, counts, seed):
    with pytest.raises(ValueError, match=r"counts|negative"):
        write_phantoms(tmp_path / "out", counts, seed=seed, progress=False)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("slices", [1, 7, 60, 240, 3064])
def test_proportional_counts_add_up(slices):
    counts = proportional_counts(slices)
    assert sum(counts.values()) == slices
    if slices == 3064:
        assert counts == PUBLISHED_COUNTS


def test_proportional_counts_refuse_zero():
    with pytest.raises(ValueError, match="slices"):
        proportional_counts(0)


def test_command_line(tmp_path):
    command = [
        sys.executable,
        "-m",
        "helpers.phantoms",
        str(tmp_path / "out"),
        "--slices",
        "5",
        "--seed",
        "3",
    ]
    done = subprocess.run(command, cwd=COURSE_FOLDER, capture_output=True, text=True, check=True)
    assert "5 slices" in done.stdout
    write_phantoms(tmp_path / "same", proportional_counts(5), 3, progress=False)
    assert digests(tmp_path / "out") == digests(tmp_path / "same")


def test_the_same_head_can_be_drawn_without_its_tumour():
    """Outside the tumour and what surrounds it, only the noise differs."""
    for patient in patients.roster({1: 6, 2: 6, 3: 6}, 11)[::3]:
        image, mask = drawing.draw_patient_slice(patient, 0, 11)
        healthy, none = drawing.draw_patient_slice(patient, 0, 11, tumour=False)
        assert mask.any() and not none.any()
        assert healthy.dtype == np.int16 and healthy.shape == image.shape
        inside = cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) > 0
        smooth = [cv2.GaussianBlur(each / each[~mask].mean(), (0, 0), 3) for each in (image, healthy)]
        change = np.abs(smooth[0] - smooth[1])
        assert change[inside].mean() > 5 * np.median(change[~mask & (smooth[1] > 0.5)])
