"""Tests of helpers/datasets/matfile.py: what is read, and what is said about files that cannot be read."""

import contextlib
import io
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from helpers.datasets.matfile import MatFileError, Slice, read_folds, read_slice
from helpers.reference import CLASS_NAMES

SHARED = Path(__file__).resolve().parents[3] / "shared"
MATLAB_HEADER = b"MATLAB 7.3 MAT-file, Platform: PCWIN64 HDF5 schema 1.00 .".ljust(124) + b"\0\2IM"
ABSENT = object()

GRADIENT = np.arange(12 * 10, dtype=np.int16).reshape(12, 10)  # H=12, W=10
SQUARE = np.zeros((12, 10), np.uint8)
SQUARE[3:6, 2:8] = 1


def stored_fields(image=GRADIENT, mask=SQUARE, label=2.0, pid="MR040240D", border=(3, 4, 8, 4, 8, 6)):
    """The fields as MATLAB stores them: transposed, codes for characters, 1-based."""
    return {
        "label": np.array([[label]]),
        "PID": np.array([[ord(character)] for character in pid], np.uint16),
        "image": np.asarray(image).T,
        "tumorMask": np.asarray(mask).T,
        "tumorBorder": np.array([border], np.float64),
    }


def write_group(group, fields, **options):
    for name, value in fields.items():
        if value is ABSENT:
            continue
        if value is h5py.Group:
            group.create_group(name)
        elif isinstance(value, np.ndarray) and value.size > 64:
            group.create_dataset(name, data=value, **({"chunks": True, "compression": 3} | options))
        else:
            group.create_dataset(name, data=value)


def mat_bytes(fields, struct="cjdata", **options) -> bytes:
    """A v7.3 file: the HDF5 content behind MATLAB's 512 bytes."""
    memory = io.BytesIO()
    with h5py.File(memory, "w", userblock_size=512, libver="earliest") as file:
        write_group(file.create_group(struct) if struct else file, fields, **options)
    content = memory.getvalue()
    return MATLAB_HEADER + content[len(MATLAB_HEADER) :]


@pytest.fixture
def write(tmp_path):
    """Writes `12.mat`, a valid slice but for the stored fields that are passed."""

    def write(content=None, name="12.mat", **overrides):
        path = tmp_path / name
        path.write_bytes(mat_bytes(stored_fields() | overrides) if content is None else content)
        return path

    return write


def assert_refused(source, field, phrase, read=read_slice, name="12.mat"):
    with pytest.raises(MatFileError) as caught:
        read(source)
    error = caught.value
    assert error.field == field
    assert phrase in str(error)
    assert name in error.source and name in str(error)
    assert error.reason in str(error)
    if field:
        assert f"'{field}'" in str(error)


def assert_same(one: Slice, other: Slice):
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.mask, other.mask)
    np.testing.assert_array_equal(one.border, other.border)
    assert (one.label, one.pid) == (other.label, other.pid)


# ---- what is read ----


def test_reads_every_field_with_its_type(write):
    read = read_slice(write())
    assert (read.image.dtype, read.mask.dtype, read.border.dtype) == (np.int16, bool, np.float64)
    assert read.image.flags.c_contiguous and read.mask.flags.c_contiguous
    assert type(read.label) is int and read.label in CLASS_NAMES
    assert read.pid == "MR040240D"
    np.testing.assert_array_equal(read.border, [[2, 3], [7, 3], [7, 5]])


def test_turns_image_and_mask_upright(write):
    image, mask = np.zeros((12, 10), np.int16), np.zeros((12, 10), np.uint8)
    image[1, 7] = 900  # row 1, column 7
    mask[11, 0] = 1
    read = read_slice(write(image=image.T, tumorMask=mask.T))
    assert read.image.shape == read.mask.shape == (12, 10)
    assert np.argwhere(read.image).tolist() == [[1, 7]]
    assert np.argwhere(read.mask).tolist() == [[11, 0]]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_gives_back_exactly_what_was_stored(data):
    shape = data.draw(arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=20))
    image = data.draw(arrays.arrays(np.int16, shape).filter(lambda image: np.ptp(image.astype(int))))
    mask = data.draw(arrays.arrays(bool, shape).filter(np.any))
    border = data.draw(st.lists(st.integers(-99_999, 99_999).map(lambda k: k / 8), min_size=2, max_size=40))
    border = border[: len(border) // 2 * 2]
    label = data.draw(st.sampled_from(sorted(CLASS_NAMES)))
    pid = data.draw(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12))
    fields = stored_fields(image, mask.astype(np.uint8), float(label), pid, border)
    expected = Slice(image, mask, label, pid, np.reshape(border, (-1, 2)) - 1)
    assert_same(read_slice(io.BytesIO(mat_bytes(fields))), expected)


def test_reads_the_small_slices(write):
    image = np.arange(256 * 256).reshape(256, 256) % 4000
    mask = (image > 3000).astype(np.uint8)
    read = read_slice(write(image=image.astype(np.int16).T, tumorMask=mask.T))
    assert read.image.shape == (256, 256)


@pytest.mark.parametrize(
    "options",
    [
        {"chunks": (7, 4)},  # chunks that reach beyond the edge
        {"chunks": (7, 4), "shuffle": True},
        {"chunks": (12, 10), "maxshape": (None, None)},
        {"chunks": None, "compression": None},
        {"compression": "lzf"},
    ],
    ids=str,
)
def test_reads_however_the_arrays_are_chunked(options):
    assert_same(
        read_slice(io.BytesIO(mat_bytes(stored_fields(), **options))),
        read_slice(io.BytesIO(mat_bytes(stored_fields()))),
    )


@pytest.mark.parametrize("bound", [-32768, 32767])
def test_reads_the_whole_int16_range(write, bound):
    image = GRADIENT.copy()
    image[0, 0] = bound
    assert read_slice(write(image=image.T)).image[0, 0] == bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8, np.int64, ">i2"])
def test_converts_images_of_whole_numbers(write, dtype):
    read = read_slice(write(image=GRADIENT.T.astype(dtype)))
    assert read.image.dtype == np.int16
    np.testing.assert_array_equal(read.image, GRADIENT)


def test_reads_a_path_as_text_or_path_or_open_file(write):
    path = write()
    with path.open("rb") as file:
        file.read(3)  # wherever its position is
        for source in (path, str(path), file, io.BytesIO(path.read_bytes())):
            assert_same(read_slice(source), read_slice(path))
        assert not file.closed


def test_closes_its_files(write, recwarn):
    sources = [
        write(name="1.mat"),
        write(name="2.mat", label=ABSENT),
        write(name="3.mat", content=b"<html>"),
    ]
    for source in sources * 3:
        with contextlib.suppress(MatFileError):
            read_slice(source)
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == 0
    assert not [warning for warning in recwarn if warning.category is ResourceWarning]


def test_a_slice_shows_briefly_and_does_not_change(write):
    read = read_slice(write())
    assert repr(read) == "Slice(label=2, pid='MR040240D')"
    with pytest.raises(AttributeError):
        read.label = 3


# ---- files that are something else ----

OLD_MAT = b"MATLAB 5.0 MAT-file, Platform: PCWIN64".ljust(124) + b"\0\1IM"


@pytest.mark.parametrize(
    ("content", "phrase"),
    [
        (b"", "empty (0 bytes)"),
        (b"<!DOCTYPE html><html>403 Forbidden</html>", "web page"),
        (b"\xef\xbb\xbf\n  <html>", "web page"),
        (b'{"message": "Forbidden", "code": 403}', "JSON"),
        (OLD_MAT + bytes(500), "older MATLAB format v5"),
        (b"PK\x03\x04" + bytes(600), "zip archive"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n", "Git LFS pointer"),
        (b"# Created by Octave 8.4.0\n# name: cjdata\n", "format of Octave"),
        (b"These are just words. " * 50, "not a MATLAB v7.3 file"),
        (bytes(2000), "not a MATLAB v7.3 file"),
        (MATLAB_HEADER, "not a MATLAB v7.3 file"),
        (MATLAB_HEADER + bytes(2000), "not a MATLAB v7.3 file"),
    ],
)
def test_says_what_the_file_is_instead(write, content, phrase):
    assert_refused(write(content), None, phrase)


@pytest.mark.parametrize("content", [b"", b"<html>", b"{}"])
def test_says_to_download_a_refused_file_again(write, content):
    assert_refused(write(content), None, "download it again")


def test_names_a_missing_file_and_a_folder(tmp_path):
    assert_refused(tmp_path / "12.mat", None, "does not exist")
    (tmp_path / "12.mat").mkdir()
    assert_refused(tmp_path / "12.mat", None, "cannot be read")


class _Disconnected(io.BytesIO):
    name = "12.mat"

    def read(self, *_):
        raise OSError(5, "Input/output error")


def test_an_error_of_the_disk_is_not_called_damage(tmp_path, monkeypatch):
    for source in (_Disconnected(), tmp_path / "12.mat"):
        with pytest.raises(MatFileError, match=r"cannot be read \(Input/output error\).*Drive") as caught:
            monkeypatch.setattr(Path, "read_bytes", _Disconnected().read)
            read_slice(source)
        assert "damaged" not in str(caught.value) and "ownload" not in str(caught.value)
        with pytest.raises(MatFileError, match=r"cannot be read \(Input/output error\)"):
            read_folds(source)


def test_a_compression_that_is_not_installed_is_named(tmp_path):
    path = tmp_path / "12.mat"
    path.write_bytes(mat_bytes(stored_fields()))
    with h5py.File(path, "r+") as file:
        del file["cjdata/image"]
        options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        options.set_chunk((10, 12))
        options.set_filter(32015, h5py.h5z.FLAG_OPTIONAL)  # Zstandard
        space = h5py.h5s.create_simple((10, 12))
        image = h5py.h5d.create(file["cjdata"].id, b"image", h5py.h5t.NATIVE_INT16, space, options)
        image.write_direct_chunk((0, 0), b"compressed")
    with pytest.raises(
        MatFileError, match=r"'image': is compressed with .*, which is not installed"
    ) as caught:
        read_slice(path)
    assert "damaged" not in str(caught.value) and "hdf5plugin" in str(caught.value)


def test_octave_s_struct_is_recognised():
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        file.create_group("cjdata").create_group("value").create_group("label")["value"] = 1.0
    memory.name = "12.mat"
    assert_refused(memory, "cjdata", "as Octave saves it")


def test_names_binary_files():
    named, nameless = io.BytesIO(b"<html>"), io.BytesIO(b"<html>")
    named.name = "12.mat"
    assert_refused(named, None, "web page")
    assert_refused(nameless, None, "web page", name="<binary file>")


def test_a_file_opened_as_text_is_refused(write):
    with write().open(encoding="utf-8") as file:
        assert_refused(file, None, "is open as text")


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_says_that_a_file_is_cut_short(write, part):
    content = write().read_bytes()
    assert_refused(write(content[: int(part * len(content))]), None, "cut short")


def test_names_the_field_whose_compressed_bytes_are_damaged():
    content = bytearray(mat_bytes(stored_fields(), chunks=(10, 12)))
    with h5py.File(io.BytesIO(content)) as file:
        raw = file["cjdata/image"].id.read_direct_chunk((0, 0))[1]
    start = content.index(raw)
    content[start + 5 : start + 30] = bytes(25)
    source = io.BytesIO(content)
    source.name = "12.mat"
    assert_refused(source, "image", "damaged")


def test_recognises_the_author_s_folds(write):
    folds = write(mat_bytes({"cvind": np.array([[1.0, 5.0]])}, struct=None), name="cvind.mat")
    assert_refused(folds, "cjdata", "author's list of folds", name="cvind.mat")


def test_needs_a_struct_named_cjdata(write):
    assert_refused(write(mat_bytes(stored_fields(), struct="other")), "cjdata", "is missing")
    flat = mat_bytes({"cjdata": np.ones((1, 1))}, struct=None)
    assert_refused(write(flat), "cjdata", "not a struct")


# ---- fields ----

FIELDS = ("label", "PID", "image", "tumorMask", "tumorBorder")


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize(
    ("value", "phrase"),
    [
        (ABSENT, "is missing"),
        (h5py.Group, "not an array"),
        ("two", "not numeric"),
        (np.array([[b"two"]]), "not numeric"),
        (np.array([[1 + 2j]]), "not numeric"),
        (h5py.Empty("f8"), "is empty"),
        (np.zeros((0, 0)), "is empty"),
        (1.0, "shape ()"),
        (np.ones(3), "shape (3,)"),
        (np.ones((2, 2, 2)), "shape (2, 2, 2)"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_refuses_fields_of_the_wrong_kind(write, field, value, phrase):
    assert_refused(write(**{field: value}), field, phrase)


def with_pixel(picture, value):
    picture = picture.astype(np.result_type(picture, np.min_scalar_type(value)))
    picture[3, 4] = value
    return picture.T


@pytest.mark.parametrize(
    ("field", "value", "phrase"),
    [
        ("label", np.array([[0.0]]), "is 0.0, expected 1, 2 or 3"),
        ("label", np.array([[4.0]]), "is 4.0"),
        ("label", np.array([[1.5]]), "is 1.5"),
        ("label", np.array([[np.nan]]), "is nan"),
        ("label", np.array([[np.inf]]), "is inf"),
        ("label", np.array([[1.0, 2.0]]), "shape (1, 2)"),
        ("PID", np.array([[0], [0]], np.uint16), "unprintable"),
        ("PID", np.array([[65], [10]], np.uint16), "unprintable"),
        ("PID", np.array([[65], [32]], np.uint16), "unprintable"),
        ("PID", np.array([[65, 66]], np.uint16), "shape (1, 2)"),
        ("PID", np.array([[100360.0]]), "character codes"),
        ("image", with_pixel(GRADIENT, 40_000), "outside int16"),
        ("image", with_pixel(GRADIENT, -40_000), "outside int16"),
        ("image", with_pixel(GRADIENT * 1.0, np.nan), "not finite"),
        ("image", with_pixel(GRADIENT * 1.0, -np.inf), "not finite"),
        ("image", with_pixel(GRADIENT * 1.0, 0.5), "fractions"),
        ("image", np.full((10, 12), 7, np.int16), "no contrast"),
        ("tumorMask", SQUARE, "(10, 12) pixels, but the image has (12, 10)"),
        ("tumorMask", with_pixel(SQUARE, 2), "other than 0 and 1"),
        ("tumorMask", with_pixel(SQUARE * 1.0, 0.5), "other than 0 and 1"),
        ("tumorMask", with_pixel(SQUARE * 1.0, np.nan), "other than 0 and 1"),
        ("tumorMask", np.zeros((10, 12), np.uint8), "no pixel is marked"),
        ("tumorBorder", np.ones((1, 7)), "odd number of values (7)"),
        ("tumorBorder", np.array([[1.0, 2.0, np.nan, 4.0]]), "not finite"),
        ("tumorBorder", np.ones((6, 1)), "shape (6, 1)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_implausible_values(write, field, value, phrase):
    assert_refused(write(**{field: value}), field, phrase)


def test_recognises_matlab_s_own_empty_arrays(write):
    """MATLAB stores an empty array as its size, with an attribute that says so."""
    path = write(PID=np.array([0, 0], np.uint64))
    with h5py.File(path, "r+") as file:
        file["cjdata/PID"].attrs["MATLAB_empty"] = np.uint8(1)
    assert_refused(path, "PID", "is empty")


def test_does_not_allocate_an_impossible_size(write):
    path = write(image=ABSENT)
    with h5py.File(path, "r+") as file:
        file["cjdata"].create_dataset("image", (2**30, 2**30), "i2", chunks=(64, 64))
    assert_refused(path, "image", "impossible size")


def test_errors_survive_pickling():
    error = MatFileError("12.mat", "label", "is 4", "Leave it out.")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error) == "12.mat, field 'label': is 4. Leave it out."
    assert (copy.source, copy.field, copy.reason) == ("12.mat", "label", "is 4")


# ---- the folds ----


def fold_bytes(folds):
    return mat_bytes({"cvind": folds}, struct=None)


def test_reads_the_folds(write):
    folds = np.arange(3064) % 5 + 1
    read = read_folds(write(fold_bytes(folds[None].astype(float)), name="cvind.mat"))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, folds)


@pytest.mark.parametrize(
    ("value", "phrase"),
    [
        (ABSENT, "is missing"),
        ("folds", "not numeric"),
        (np.ones((3, 1)), "shape (3, 1)"),
        (np.array([[1.0, 6.0]]), "1 to 5"),
        (np.array([[0.0, 1.0]]), "1 to 5"),
        (np.array([[1.0, 1.5]]), "1 to 5"),
        (np.array([[1.0, np.nan]]), "1 to 5"),
        (np.zeros((1, 0)), "is empty"),
    ],
)
def test_refuses_other_folds(write, value, phrase):
    path = write(fold_bytes(value), name="cvind.mat")
    assert_refused(path, "cvind", phrase, read=read_folds, name="cvind.mat")


def test_recognises_a_slice_and_a_web_page_among_the_folds(write):
    assert_refused(write(), "cvind", "this is a slice", read=read_folds)
    assert_refused(write(b"<html>"), None, "web page", read=read_folds)


# ---- many at once, and damage of every kind ----


def test_threads_read_the_same_and_different_files_alike(write):
    paths = [write(name=f"{k}.mat", image=(GRADIENT + k).T) for k in range(8)]
    alone = [read_slice(path) for path in paths]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read_slice, paths * 20))
        same = list(pool.map(read_slice, paths[:1] * 80))
    for k, read in enumerate(together):
        assert_same(read, alone[k % 8])
    for read in same:
        assert_same(read, alone[0])


def read_or_refuse(content):
    try:
        return read_slice(io.BytesIO(content))
    except MatFileError as error:
        assert str(error)


def test_a_file_cut_anywhere_is_refused():
    content = mat_bytes(stored_fields())
    for length in range(0, len(content) - 8, len(content) // 100):
        assert read_or_refuse(content[:length]) is None, length


def test_random_damage_is_read_or_refused(tmp_path):
    """In a process of its own: a crash inside HDF5 would otherwise end the tests."""
    (tmp_path / "12.mat").write_bytes(mat_bytes(stored_fields()))
    done = subprocess.run(
        [sys.executable, "-c", DAMAGE, tmp_path / "12.mat"],
        cwd=Path(__file__).resolve().parents[2],
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "no damage was noticed"


DAMAGE = """
import io, sys
import numpy as np
from helpers.datasets.matfile import MatFileError, read_slice
content, refused = open(sys.argv[1], "rb").read(), 0
for seed in range(200):
    rng = np.random.default_rng(seed)
    damaged = np.frombuffer(content, np.uint8).copy()
    damaged[rng.integers(0, damaged.size, rng.integers(1, 30))] = rng.integers(0, 256)
    try:
        read_slice(io.BytesIO(damaged.tobytes()))
    except MatFileError as error:
        refused += bool(str(error))
print(refused)
"""


# ---- the real slices ----


@pytest.fixture(scope="module")
def real_slices(tmp_path_factory):
    pytest.importorskip("cv2")
    tool = SHARED / "tools" / "make_cheng_mats.py"
    if not (tool.exists() and (SHARED / "data" / "cheng").exists()):
        pytest.skip("the real slices are not on this machine (../shared/data/cheng)")
    folder = tmp_path_factory.mktemp("cheng")
    subprocess.run([sys.executable, tool, folder, "--per-class", "5"], check=True, timeout=60)
    return sorted(folder.glob("*.mat"))


def test_real_slices_are_read_and_their_borders_enclose_their_masks(real_slices):
    import cv2

    assert len(real_slices) >= 15
    slices = [read_slice(path) for path in real_slices]
    assert {read.label for read in slices} == set(CLASS_NAMES)
    for read, path in zip(slices, real_slices, strict=True):
        filled = np.zeros(read.mask.shape, np.uint8)
        cv2.fillPoly(filled, [np.round(read.border).astype(np.int32)], 1)
        overlap = 2 * (read.mask & (filled > 0)).sum() / (read.mask.sum() + filled.sum())
        assert overlap > 0.9, f"{path.name}: Dice of border and mask is {overlap:.3f}"


def test_real_slices_agree_with_another_reader(real_slices):
    mat73 = pytest.importorskip("mat73")
    read, other = read_slice(real_slices[0]), mat73.loadmat(real_slices[0])["cjdata"]
    np.testing.assert_array_equal(read.image, other["image"])
    np.testing.assert_array_equal(read.mask, other["tumorMask"])
    np.testing.assert_array_equal(read.border.ravel() + 1, np.ravel(other["tumorBorder"]))
    assert (read.label, read.pid) == (int(other["label"]), other["PID"])
