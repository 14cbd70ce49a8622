"""Zip archives of slices, read in place: nothing is unpacked to disk, nothing in them is believed.

An archive may come from anywhere. What would do harm if it were unpacked is refused as a whole
(`SourceError`); a member that is too large, encrypted or damaged is one bad file (`MatFileError`).
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from helpers._common import CourseError
from helpers.datasets.matfile import MatFileError

# A slice takes 0.3 MB, or 4 MB where somebody stored it anew as float64 without compression.
MAX_MEMBER_BYTES = 16 << 20
# A slice is compressed inside: zip gains nothing. Uncompressed ones gain a factor of ten or so.
MAX_RATIO = 200
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others inflate without a limit
ENCRYPTED = 0x1
LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, ..., length of the name, of the extra field
# What zipfile raises for an archive or a member that is damaged or packed in an unknown way.
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error,
    EOFError, OSError, RuntimeError, NotImplementedError, ValueError,
)  # fmt: skip
REPACK = "Unpack the archive by hand, and put the files in its place."


class SourceError(CourseError):
    """A folder does not hold the slices that the course needs."""


@dataclass(frozen=True)
class Member:
    """One file inside an archive.

    Args:
        name: for people: "archive.zip/12.mat".
        info: its entry in the archive.
        archive: the open archive.
    """

    name: str
    info: zipfile.ZipInfo = field(repr=False)
    archive: zipfile.ZipFile = field(repr=False)

    @property
    def version(self) -> str:
        """Changes when the file does."""
        return f"{self.info.file_size}:{self.info.CRC:08x}"

    def open(self) -> BinaryIO:
        """Inflates the file into memory, up to `MAX_MEMBER_BYTES`.

        Returns:
            A binary file with a `name`.

        Raises:
            MatFileError: it is too large, encrypted, damaged, or packed in an unusual way.
        """
        self._refuse_by_header()
        try:
            with self.archive.open(self.info) as packed:
                # Never read() without a size: where the header lies, that inflates all there is.
                content = _NamedBytes(packed.read(self.info.file_size))
        except UNREADABLE as error:
            raise MatFileError(self.name, None, f"cannot be unpacked ({error})") from error
        content.name = self.name
        return content

    def _refuse_by_header(self) -> None:
        size, packed_size = self.info.file_size, self.info.compress_size
        if self.info.flag_bits & ENCRYPTED:
            raise MatFileError(self.name, None, "is encrypted: a password was set on the archive", REPACK)
        if self.info.compress_type not in METHODS:
            method = zipfile.compressor_names.get(self.info.compress_type, self.info.compress_type)
            raise MatFileError(self.name, None, f"is packed by the method '{method}', not 'deflate'", REPACK)
        if size > MAX_MEMBER_BYTES:
            limit = f"more than {MAX_MEMBER_BYTES >> 20} MB, too large for a slice"
            raise MatFileError(self.name, None, f"would unpack to {size:,} bytes, {limit}")
        if size > MAX_RATIO * packed_size:
            reason = f"would unpack from {packed_size:,} to {size:,} bytes, as no slice does"
            raise MatFileError(self.name, None, reason)


class _NamedBytes(io.BytesIO):
    """Bytes in memory with the `name` of where they came from, for messages."""

    name: str


def members(path: Path) -> Iterator[Member]:
    """Lists the files in an archive, and in the archives that lie in it uncompressed.

    The second is what figshare's "download all" gives: one archive that holds the four.

    Args:
        path: the archive.

    Yields:
        Member of each file.

    Raises:
        SourceError: it is no zip archive, has members with unsafe paths, or holds archives that
            cannot be read in place.
    """
    for member in _members(path, path.name, path):
        if not _is_archive(member):
            yield member
            continue
        for inner in _members(_stored(member, path), member.name, path):
            if _is_archive(inner):
                raise SourceError(f"{inner.name} is an archive in an archive in an archive: {_UNPACK_ONCE}")
            yield inner


_UNPACK_ONCE = "unpack it once, and put the archives that it holds here instead."


class _Archive(zipfile.ZipFile):
    """An open archive that can be sent to another process: there it is opened anew."""

    def __init__(self, file: "Path | _Window"):
        super().__init__(file)
        self._opened_from = file

    def __reduce__(self):
        return _Archive, (self._opened_from,)


def _members(file: Path | BinaryIO, name: str, path: Path) -> Iterator[Member]:
    try:
        archive = _Archive(file)
    except UNREADABLE as error:
        raise SourceError(
            f"{name} cannot be read as a zip archive ({error}). If it is one of the four archives, "
            "download it again; if not, move it out of this folder."
        ) from error
    for info in archive.infolist():
        if _is_unsafe(info.filename):
            raise SourceError(
                f"{name} holds a file with an unsafe path, {info.filename!r}: the published archives have "
                f"none. Move {path.name} out of this folder, and download the archives again."
            )
        yield Member(f"{name}/{info.filename}", info, archive)


def _is_unsafe(name: str) -> bool:
    """Whether a member would leave the folder that it is unpacked to, on any system."""
    path = PureWindowsPath(name)  # takes / and \ for separators, and knows drives
    return bool(path.anchor) or ".." in path.parts


def _is_archive(member: Member) -> bool:
    name = member.info.filename.rpartition("/")[2]
    return name.lower().endswith(".zip") and not name.startswith(".")  # macOS adds ._NAME.zip


def _stored(member: Member, path: Path) -> BinaryIO:
    """The archive in an archive as a file: possible in place only where it is not compressed."""
    info = member.info
    if info.flag_bits & ENCRYPTED or info.compress_type != zipfile.ZIP_STORED:
        raise SourceError(f"{member.name} is a packed archive in an archive: {_UNPACK_ONCE}")
    with path.open("rb") as file:
        file.seek(max(0, info.header_offset))  # damaged, it may be negative
        header = file.read(LOCAL_HEADER.size)
    if len(header) < LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise SourceError(f"{path.name} is damaged at {info.filename}: download it again.")
    _, name_bytes, extra_bytes = LOCAL_HEADER.unpack(header)
    start = info.header_offset + LOCAL_HEADER.size + name_bytes + extra_bytes
    return _Window(path, start, info.file_size)


class _Window(io.RawIOBase):
    """A stretch of a file as a file of its own.

    ZipFile.open would do, but before Python 3.13 seeking in it reads all that lies between.
    """

    def __init__(self, path: Path, start: int, length: int):
        super().__init__()
        self._file, self._start, self._length, self._at = path.open("rb"), start, length, 0

    def __reduce__(self):
        return _Window, (Path(self._file.name), self._start, self._length)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        if at < 0:
            raise OSError(f"cannot seek to {at}")
        self._at = at
        return at

    def readinto(self, buffer) -> int:
        wanted = max(0, min(len(buffer), self._length - self._at))
        self._file.seek(self._start + self._at)
        count = self._file.readinto(memoryview(buffer)[:wanted])
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
