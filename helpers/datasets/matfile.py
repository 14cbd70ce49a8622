"""Read one slice of Jun Cheng's brain tumour data set from its `.mat` file.

The files are MATLAB v7.3, which is HDF5 behind a 512-byte MATLAB header. Each holds one
struct, `cjdata`. MATLAB stores arrays column by column and HDF5 row by row, so every array
arrives transposed:

    field         in the file                 in a `Slice`
    label         (1, 1) float64              label: 1, 2 or 3
    PID           (L, 1) uint16               pid: the text behind the character codes
    image         (W, H) int16                image: (H, W) int16
    tumorMask     (W, H) uint8                mask: (H, W) bool
    tumorBorder   (1, 2N) float64, 1-based    border: (N, 2) float64, zero-based

`scipy.io.loadmat` does not read v7.3. Reference: https://doi.org/10.6084/m9.figshare.1512427
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import cv2
import h5py
import numpy as np

from helpers._common import CourseError
from helpers.config.language import N_, _
from helpers.reference import CLASS_NAMES, FOLDS

FOLDS_NAME = "cvind.mat"  # the author's list of folds, next to the slices
INT16 = np.iinfo(np.int16)

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
USER_BLOCK_BYTES = 512
MAX_VALUES = 4096 * 4096  # no field is larger; damaged sizes must not exhaust the memory

DOWNLOAD_AGAIN = N_("Download it again, or leave it out.")
READ_AGAIN = N_(
    "Run again; on Google Drive, mount it again first, or copy the files from there to this disk."
)
OTHER_FILTER = N_("Save it again with gzip, or install hdf5plugin and import it before you read the file.")
DOWNLOAD_REFUSED = N_("The download was refused or interrupted: download it again.")

OTHER_FILES = (  # first bytes, what the file is, what to do
    (b"<", N_("is a web page, not a MATLAB file"), DOWNLOAD_REFUSED),
    (b"{", N_("is a JSON message, not a MATLAB file"), DOWNLOAD_REFUSED),
    (b"PK\x03\x04", N_("is a zip archive, not a MATLAB file"), N_("Unpack it first.")),
    (
        b"version https://git-lfs",
        N_("is a Git LFS pointer, not the file itself"),
        N_("Run 'git lfs pull' there."),
    ),
    (
        b"# Created by Octave",
        N_("is in a format of Octave, not MATLAB v7.3"),
        N_("Save it in MATLAB with '-v7.3'."),
    ),
    (b"MATLAB 5.0", N_("is in the older MATLAB format v5, expected v7.3"), N_("Save it with '-v7.3'.")),
)


class MatFileError(CourseError):
    """A file that is not a readable slice, or not a readable fold list.

    Attributes:
        source: str, the file.
        field: str, the field at fault, or None if it is the file as a whole.
        reason: str, what is wrong.
        advice: str, what to do about it.
    """

    def __init__(self, source: str, field: str | None, reason: str, advice: str = DOWNLOAD_AGAIN):
        super().__init__(source, field, reason, advice)  # as `args`, so that it can be pickled
        self.source, self.field, self.reason, self.advice = source, field, reason, advice

    def __str__(self) -> str:
        place = _("{source}, field '{field}'") if self.field else "{source}"
        where = place.format(source=self.source, field=self.field)
        return f"{where}: {self.reason}. {_(self.advice)}"


@dataclass(frozen=True, eq=False)  # eq: comparing arrays gives an array, not an answer
class Slice:
    """One MRI slice with its tumour.

    Attributes:
        image: (H, W) int16, the scanner's intensities, not normalised. H = W = 512, except for
            one patient (256).
        mask: (H, W) bool, True on the tumour; never empty.
        label: int, a key of `CLASS_NAMES`.
        pid: str, the patient, e.g. "100360" or "MR040240D".
        border: (N, 2) float64, the hand-drawn outline as x (column) and y (row) in px,
            zero-based: the centre of the upper left pixel is (0, 0).
    """

    image: np.ndarray = field(repr=False)
    mask: np.ndarray = field(repr=False)
    label: int
    pid: str
    border: np.ndarray = field(repr=False)


def read_slice(source: str | Path | BinaryIO) -> Slice:
    """Read one `.mat` file of the data set.

    Args:
        source: path, or a readable and seekable binary file, which is read from its start and left
            open. Error messages use its `name` if it has one.

    Returns:
        Slice with C-contiguous arrays, oriented as MATLAB shows them.

    Raises:
        MatFileError: the file is missing, is not a MATLAB v7.3 file, is damaged, or a field is
            missing or implausible. An image of a single value counts as damaged: it shows nothing
            and cannot be scaled to a range.

    Example:
        >>> one = read_slice("1.mat")
        >>> one.image.shape, one.label
        ((512, 512), 1)
    """
    with _open(source) as (name, file):
        cjdata = _cjdata(file, name)
        fields = {
            key: _read_field(cjdata, key, name)
            for key in ("label", "PID", "image", "tumorMask", "tumorBorder")
        }
    image = _image(fields["image"], name)
    return Slice(
        image=image,
        mask=_mask(fields["tumorMask"], image.shape, name),
        label=_label(fields["label"], name),
        pid=_pid(fields["PID"], name),
        border=_border(fields["tumorBorder"], name),
    )


def read_folds(source: str | Path | BinaryIO) -> np.ndarray:
    """Read the author's five cross-validation folds, `cvind.mat`.

    Args:
        source: path or binary file, as in `read_slice`.

    Returns:
        (N,) uint8 of 1 to 5; entry k-1 is the fold of `k.mat`. N is 3064 in the published file.

    Raises:
        MatFileError: the file is not a readable list of folds.
    """
    with _open(source) as (name, file):
        if "cjdata" in file:
            raise MatFileError(name, "cvind", _("is missing: this is a slice"), _("Use read_slice."))
        folds = _read_field(file, "cvind", name)
    _check(folds.shape[0] == 1, name, "cvind", _shape(folds, "(1, N)"))
    _check(np.isin(folds, FOLDS).all(), name, "cvind", _("holds values other than 1 to 5"))
    return folds[0].astype(np.uint8)


def missing_classes_message(absent: list[str], count: int) -> str:
    """Format the error message for `count` slices without the classes named in `absent`."""
    return _(
        "no {classes} among these {count} slices; the course needs all three classes. "
        "The published archives hold almost one class each, so a partial download is not enough: "
        "get all four, or set COURSE_DATA=phantoms."
    ).format(classes=_(" and no ").join(map(_, absent)), count=count)


# ---- one check per field: the array as stored -> the value in the Slice ----


def _check(condition: bool | np.bool, name: str, field: str, reason: str) -> None:
    if not condition:
        raise MatFileError(name, field, reason)


def _shape(stored: np.ndarray, expected: str) -> str:
    return _("has shape {shape}, expected {expected}").format(shape=stored.shape, expected=expected)


def _image(stored: np.ndarray, name: str) -> np.ndarray:
    low, high = stored.min(), stored.max()
    fits = INT16.min <= low and high <= INT16.max
    _check(np.isfinite([low, high]).all(), name, "image", _("holds values that are not finite"))
    outside = _("holds values from {low} to {high}, outside int16").format(low=low, high=high)
    _check(fits, name, "image", outside)
    _check(low < high, name, "image", _("has no contrast: every pixel is {value}").format(value=low))
    image = cv2.transpose(stored.astype(np.int16))  # NumPy's takes three times as long
    whole = stored.dtype.kind != "f" or (image == stored.T).all()
    _check(whole, name, "image", _("holds fractions, expected whole numbers"))
    return image


def _mask(stored: np.ndarray, image_shape: tuple[int, int], name: str) -> np.ndarray:
    mask = cv2.transpose((stored != 0).view(np.uint8)).view(bool)
    sizes = _("has {mask} pixels, but the image has {image}").format(mask=mask.shape, image=image_shape)
    _check(mask.shape == image_shape, name, "tumorMask", sizes)
    _check(((stored == 0) | (stored == 1)).all(), name, "tumorMask", _("holds values other than 0 and 1"))
    _check(mask.any(), name, "tumorMask", _("is empty: no pixel is marked as tumour"))
    return mask


def _label(stored: np.ndarray, name: str) -> int:
    _check(stored.shape == (1, 1), name, "label", _shape(stored, "(1, 1)"))
    label = stored.item()
    _check(label in CLASS_NAMES, name, "label", _("is {label}, expected 1, 2 or 3").format(label=label))
    return int(label)


def _pid(stored: np.ndarray, name: str) -> str:
    _check(stored.shape[1] == 1, name, "PID", _shape(stored, "(L, 1)"))
    other = _("is {type}, expected character codes").format(type=stored.dtype)
    _check(stored.dtype.kind in "iu", name, "PID", other)
    codes = stored[:, 0].tolist()
    visible = all(33 <= code <= 126 for code in codes)  # ASCII without the space
    unprintable = _("holds codes of unprintable characters: {codes}").format(codes=codes[:20])
    _check(visible, name, "PID", unprintable)
    return "".join(map(chr, codes))


def _border(stored: np.ndarray, name: str) -> np.ndarray:
    field, count = "tumorBorder", stored.size
    _check(stored.shape[0] == 1, name, field, _shape(stored, "(1, 2N)"))
    odd = _("has an odd number of values ({count}), expected x, y").format(count=count)
    _check(count % 2 == 0, name, field, odd)
    _check(np.isfinite(stored).all(), name, field, _("holds values that are not finite"))
    return stored.astype(np.float64).reshape(-1, 2) - 1  # MATLAB counts from one


# ---- from a file to its arrays ----


@contextmanager
def _open(source: str | Path | BinaryIO) -> Iterator[tuple[str, h5py.File]]:
    """Yield the name for messages and the open HDF5 file."""
    name = str(Path(source)) if isinstance(source, (str, Path)) else getattr(source, "name", None)
    name = name if isinstance(name, str) else "<binary file>"
    data = _read_bytes(source, name)
    with _damage_as_mat_file_error(name):
        _check_start(data, name)
        with h5py.File(h5py.h5f.open_file_image(data)) as file:
            yield name, file


@contextmanager
def _damage_as_mat_file_error(name: str, field: str | None = None) -> Iterator[None]:
    """Turn whatever a damaged file makes HDF5 raise into a MatFileError."""
    try:
        yield
    except MatFileError:
        raise
    except Exception as error:  # OSError, RuntimeError, KeyError, ValueError...: all mean this
        reason = _("is damaged or cut short ({error})").format(error=error)
        raise MatFileError(name, field, reason) from error


def _read_bytes(source: str | Path | BinaryIO, name: str) -> bytes:
    if isinstance(source, io.TextIOBase):
        raise MatFileError(name, None, _("is open as text"), _("Open it with mode 'rb'."))
    try:
        if not isinstance(source, (str, Path)):
            source.seek(0)
            return source.read()
        return Path(source).read_bytes()
    except FileNotFoundError as error:
        advice = _("Check the path, or download it again.")
        raise MatFileError(name, None, _("does not exist"), advice) from error
    except OSError as error:  # a Drive that is disconnected, a folder, a file of another user
        reason = _("cannot be read ({error})").format(error=error.strerror or error)
        raise MatFileError(name, None, reason, READ_AGAIN) from error


def _check_start(data: bytes, name: str) -> None:
    """Raise MatFileError if the first bytes already show that this is something else."""
    if not data:
        raise MatFileError(name, None, _("is empty (0 bytes)"), DOWNLOAD_REFUSED)
    start = data[:USER_BLOCK_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n")
    for beginning, reason, advice in OTHER_FILES:
        if start.startswith(beginning):
            raise MatFileError(name, None, _(reason), advice)
    if HDF5_SIGNATURE not in data[: 2 * USER_BLOCK_BYTES]:
        raise MatFileError(name, None, _("is not a MATLAB v7.3 file (HDF5)"))


def _cjdata(file: h5py.File, name: str) -> h5py.Group:
    with _damage_as_mat_file_error(name, "cjdata"):
        if "cjdata" not in file and "cvind" in file:
            reason = _("is the author's list of folds, not a slice")
            raise MatFileError(name, "cjdata", reason, _("Leave it out, or use read_folds."))
        _check("cjdata" in file, name, "cjdata", _("is missing"))
        cjdata = file["cjdata"]
        _check(isinstance(cjdata, h5py.Group), name, "cjdata", _("is not a struct (an HDF5 group)"))
        if "label" not in cjdata and "value" in cjdata:
            reason = _("is a struct as Octave saves it, not MATLAB")
            raise MatFileError(name, "cjdata", reason, _("Save it in MATLAB with '-v7.3'."))
        return cjdata


def _read_field(group: h5py.Group, field: str, name: str) -> np.ndarray:
    """Return one field as stored: two-dimensional, numeric and not empty."""
    with _damage_as_mat_file_error(name, field):
        stored = group.get(field)
        _check(stored is not None, name, field, _("is missing"))
        _check(isinstance(stored, h5py.Dataset), name, field, _("is not an array"))
        other = _("is of type {type}, not numeric").format(type=stored.dtype)
        _check(stored.dtype.kind in "biuf", name, field, other)
        empty = not stored.size or (stored.ndim == 1 and "MATLAB_empty" in stored.attrs)
        _check(not empty, name, field, _("is empty"))
        _check(stored.ndim == 2, name, field, _shape(stored, _("two dimensions")))
        impossible = _("claims an impossible size {shape}").format(shape=stored.shape)
        _check(stored.size <= MAX_VALUES, name, field, impossible)
        try:
            return stored[()]
        except OSError as error:
            if absent := _absent_filters(stored):
                reason = _("is compressed with {filters}, which is not installed here")
                raise MatFileError(name, field, reason.format(filters=absent), OTHER_FILTER) from error
            raise


def _absent_filters(stored: h5py.Dataset) -> str:
    """Name the compression filters of a dataset that HDF5 does not have here."""
    options = stored.id.get_create_plist()
    filters = [options.get_filter(index) for index in range(options.get_nfilters())]
    return ", ".join(
        ascii(name.decode("ascii", "replace"))
        for code, _flags, _values, name in filters
        if not h5py.h5z.filter_avail(code)
    )
