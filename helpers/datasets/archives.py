"""Unpack zip archives of slices once, safely.

An archive may come from anywhere, so paths and sizes are checked before anything is written. Only
`.mat` files are unpacked, and archives of them: figshare's "download all" is an archive that holds
the four.
"""

import shutil
import stat
import zipfile
from pathlib import Path, PureWindowsPath

from helpers._common import CourseError, read_json, write_json

MANIFEST = "unpacked.json"  # in the folder made from an archive: which archive, and what was in it
MAX_TOTAL_BYTES = 16 << 30  # all slices, saved again as uncompressed float64, take 13 GB
MAX_DEPTH = 2  # an archive in an archive


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
    shutil.rmtree(partial, ignore_errors=True)
    try:
        files = _extract(archive, archive.name, partial)
        write_json(partial / MANIFEST, {"archive": identity, "files": files})
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return files


def _extract(archive: Path, name: str, folder: Path, depth: int = 1) -> dict[str, str]:
    """Unpack one archive, and the archives in it, to a folder; return the version of each file."""
    versions, where = {}, name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive) as opened:
            for member in _checked_members(opened, name, folder):
                where = f"{name}/{member.filename}"
                path = Path(opened.extract(member, folder))
                if not is_archive(path.name):
                    versions[member.filename] = f"{member.file_size}:{member.CRC:08x}"
                    continue
                if depth == MAX_DEPTH:
                    raise SourceError(
                        f"{where} is an archive in an archive in an archive: unpack it by hand."
                    )
                inner = path.rename(path.with_name(path.name + ".packed"))
                found = _extract(inner, where, path, depth + 1)
                versions |= {f"{member.filename}/{file}": version for file, version in found.items()}
                inner.unlink()
    except SourceError:
        raise
    except Exception as error:  # a full disk, a password, or whatever damage makes zipfile raise
        raise SourceError(
            f"{where} cannot be unpacked ({error}). If the disk is full, make room or set COURSE_HOME to "
            "another folder. If the archive is damaged, download it again; if it isn't one of the four, "
            "unpack it by hand or move it out of this folder."
        ) from error
    return versions


def _checked_members(opened: zipfile.ZipFile, name: str, folder: Path) -> list[zipfile.ZipInfo]:
    """Return the `.mat` files and archives in an archive; refuse what would be unsafe to unpack."""
    for one in opened.infolist():
        path = PureWindowsPath(one.filename)  # takes / and \\ for separators, and knows drives
        if path.anchor or ".." in path.parts or stat.S_ISLNK(one.external_attr >> 16):
            raise SourceError(
                f"{name} holds a link or an unsafe path, {one.filename!r}; the published archives have none. "
                "Move it out of this folder and download the archives again."
            )
    members = [one for one in opened.infolist() if _is_expected(one.filename.rpartition("/")[2])]
    total_bytes, free_bytes = sum(one.file_size for one in members), shutil.disk_usage(folder).free
    if total_bytes > min(MAX_TOTAL_BYTES, free_bytes):
        raise SourceError(
            f"{name} would unpack to {total_bytes / 1e9:.1f} GB; at most {MAX_TOTAL_BYTES / 1e9:.0f} GB "
            f"are accepted, and {free_bytes / 1e9:.1f} GB are free. Make room, or set COURSE_HOME to another "
            "folder."
        )
    return members


def _is_expected(name: str) -> bool:
    return is_archive(name) or (name.endswith(".mat") and not name.startswith("."))
