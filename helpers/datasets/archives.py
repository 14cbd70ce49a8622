"""Unpack zip archives of slices once, safely.

An archive may come from anywhere, so member paths, sizes and compression methods are checked before
anything is written. Only `.mat` files are unpacked, and archives of them: figshare's "download all"
is an archive that holds the four.
"""

import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath

from helpers._common import CourseError, read_json, write_json

MANIFEST = "unpacked.json"  # in the folder made from an archive: which archive, and what was in it
# A slice takes 0.3 MB, or 4 MB if it was saved again as uncompressed float64. Such files gain a
# factor of about ten in a zip archive; the published ones are compressed already.
MAX_SLICE_BYTES = 16 << 20
MAX_TOTAL_BYTES = 16 << 30
MAX_RATIO = 200
MAX_DEPTH = 2  # an archive in an archive
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others decompress without a limit
ENCRYPTED = 0x1
CHUNK_BYTES = 1 << 16
# What zipfile raises for an archive or a member that is damaged.
UNREADABLE = (
    zipfile.BadZipFile, zlib.error, struct.error,
    EOFError, OSError, RuntimeError, NotImplementedError, ValueError,
)  # fmt: skip
BY_HAND = "Unpack the archive by hand and put the files in its place."


class SourceError(CourseError):
    """A folder or an archive does not hold the slices that the course needs."""


def is_archive(name: str) -> bool:
    """Return whether a file name is that of a zip archive; macOS's `._NAME.zip` is not."""
    return name.lower().endswith(".zip") and not name.startswith(".")


def unpack(archive: Path, target: Path) -> dict[str, str]:
    """Unpack the `.mat` files of a zip archive, unless an earlier call did.

    The target gets its name last, so an unpacking that was killed starts again.

    Args:
        archive: the zip file.
        target: folder for its contents, replaced if the archive has changed since.

    Returns:
        Path of each file relative to `target` -> its version: length and CRC-32.

    Raises:
        SourceError: the archive is damaged, encrypted or unsafe, or the disk is full.
    """
    status = archive.stat()
    identity = [status.st_size, status.st_mtime_ns]
    manifest = read_json(target / MANIFEST) or {}
    files = manifest.get("files", {})
    if manifest.get("archive") == identity and all((target / name).is_file() for name in files):
        return files
    partial = target.with_name(target.name + ".partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        files = _extract(archive, archive.name, partial)
        write_json(partial / MANIFEST, {"archive": identity, "files": files})
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    except OSError as error:
        raise SourceError(
            f"{archive.name} cannot be unpacked to {target.parent} ({error.strerror or error}). Make room "
            "there, or set COURSE_HOME to another folder."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return files


def _extract(archive: Path, name: str, folder: Path, depth: int = 1) -> dict[str, str]:
    """Unpack one archive, and the archives in it, to a folder; return the version of each file."""
    versions = {}
    folder.mkdir(parents=True, exist_ok=True)
    with _opened(archive, name) as opened:
        for member in _checked_members(opened, name, folder):
            path, inner_name = folder / member.filename, f"{name}/{member.filename}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if not is_archive(path.name):
                _write(path, _chunks(opened, member, inner_name))
                versions[member.filename] = f"{member.file_size}:{member.CRC:08x}"
                continue
            if depth == MAX_DEPTH:
                raise SourceError(f"{inner_name} is an archive in an archive in an archive. {BY_HAND}")
            inner = path.with_name(path.name + ".packed")
            _write(inner, _chunks(opened, member, inner_name))
            found = _extract(inner, inner_name, path, depth + 1)
            versions |= {f"{member.filename}/{file}": version for file, version in found.items()}
            inner.unlink()
    return versions


def _opened(archive: Path, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except UNREADABLE as error:
        raise SourceError(
            f"{name} cannot be read as a zip archive ({error}). If it is one of the four archives, "
            "download it again; if not, move it out of this folder."
        ) from error


def _checked_members(opened: zipfile.ZipFile, name: str, folder: Path) -> list[zipfile.ZipInfo]:
    """Return the `.mat` files and archives in an archive; refuse what would be unsafe to unpack."""
    members = [one for one in opened.infolist() if _is_expected(one)]
    names = [one.filename for one in members]
    for one in opened.infolist():
        if _leaves_its_folder(one):
            raise SourceError(
                f"{name} holds a link or an unsafe path, {one.filename!r}; the published archives have none. "
                "Move it out of this folder and download the archives again."
            )
    for one in members:
        problem = _problem(one) or ("is there twice" if names.count(one.filename) > 1 else None)
        if problem:
            raise SourceError(f"{name}/{one.filename} {problem}. {BY_HAND}")
    total_bytes, free_bytes = sum(one.file_size for one in members), shutil.disk_usage(folder).free
    if total_bytes > min(MAX_TOTAL_BYTES, free_bytes):
        raise SourceError(
            f"{name} would unpack to {total_bytes / 1e9:.1f} GB; at most {MAX_TOTAL_BYTES / 1e9:.0f} GB "
            f"are accepted, and {free_bytes / 1e9:.1f} GB are free. Make room, or set COURSE_HOME to another "
            "folder."
        )
    return members


def _is_expected(member: zipfile.ZipInfo) -> bool:
    name = member.filename.rpartition("/")[2]
    return is_archive(name) or (name.endswith(".mat") and not name.startswith("."))


def _leaves_its_folder(member: zipfile.ZipInfo) -> bool:
    path = PureWindowsPath(member.filename)  # takes / and \\ for separators, and knows drives
    return bool(path.anchor) or ".." in path.parts or stat.S_ISLNK(member.external_attr >> 16)


def _problem(member: zipfile.ZipInfo) -> str | None:
    size, packed_size = member.file_size, member.compress_size
    if member.flag_bits & ENCRYPTED:
        return "is encrypted: a password was set on the archive"
    if member.compress_type not in METHODS:
        return f"is packed by method {member.compress_type}, expected {zipfile.ZIP_DEFLATED} ('deflate')"
    if size > MAX_SLICE_BYTES and not is_archive(member.filename):
        return f"would unpack to {size:,} bytes, too large for a slice"
    if size > MAX_RATIO * packed_size:
        return f"would unpack from {packed_size:,} to {size:,} bytes, which no slice does"
    return None


def _write(path: Path, chunks: Iterator[bytes]) -> None:
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def _chunks(opened: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    """Decompress a member; zipfile reads no further than the size in its header."""
    try:
        with opened.open(member) as packed:
            while chunk := packed.read(CHUNK_BYTES):
                yield chunk
    except UNREADABLE as error:
        raise SourceError(
            f"{name} is damaged and cannot be unpacked ({error}). Download the archive again."
        ) from error
