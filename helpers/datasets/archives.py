"""Unpack zip archives of slices once, safely.

An archive may come from anywhere, so paths and sizes are checked before anything is written. Only
`.mat` files are unpacked, and archives of them: figshare's "download all" is an archive that holds
the four.
"""

import re
import shutil
import stat
import zipfile
from pathlib import Path, PureWindowsPath
from typing import NamedTuple

from helpers._common import CourseError, read_json, unfinished_folder, write_json
from helpers.config.language import _

MANIFEST = "unpacked.json"  # in the folder made from an archive: which archive, and what was in it
MAX_TOTAL_BYTES = 16 << 30  # all slices, saved again as uncompressed float64, take 13 GB
MAX_DEPTH = 2  # an archive in an archive
# In the order in which they are tried. A hidden file is nothing: macOS adds a `._1.mat` to each `1.mat`.
NAMES = {
    "slice": r"([0-9]{1,9})\.mat",
    "folds": r"cvind\.mat",
    "archive": r"[^.].*\.zip",
    "passed over": r"[^.].*\.(mat|zip|rar|7z|tar|gz|tgz)\b.*",  # nearly one of these, such as "2 (1).mat"
}


class SourceError(CourseError):
    """A folder or an archive does not hold the slices that the course needs."""


class FileName(NamedTuple):
    """What a file is by its name: a key of `NAMES`, or ""; and the number of a slice."""

    kind: str
    number: int = -1


def parse_name(path: str) -> FileName:
    """Say what a file is, by the last part of its path.

    Letter case doesn't matter. Windows separates folders with a backslash, also in the archives that
    it makes.
    """
    name = re.split(r"[\\/]", path)[-1]
    for kind, pattern in NAMES.items():
        if found := re.fullmatch(pattern, name, re.IGNORECASE | re.DOTALL):
            return FileName(kind, int(found[1])) if kind == "slice" else FileName(kind)
    return FileName("")


def unpack(archive: Path, target: Path) -> dict[str, str]:
    """Unpack the `.mat` files of a zip archive, unless an earlier call did.

    The target gets its name last, so an unpacking that was killed starts again.

    Args:
        archive: the zip file.
        target: folder for its contents, replaced if the archive has changed since.

    Returns:
        Path of each file relative to `target` -> its version: length and CRC-32; "" for a file that is
        passed over and not unpacked.

    Raises:
        SourceError: the archive is damaged, encrypted or unsafe, or the disk is full.
    """
    status = archive.stat()
    identity = [status.st_size, status.st_mtime_ns]

    def unpacked() -> dict[str, str] | None:
        manifest = read_json(target / MANIFEST) or {}
        files = manifest.get("files", {})
        there = all((target / name).is_file() for name, version in files.items() if version)
        return files if manifest.get("archive") == identity and there else None

    files = unpacked()
    if files is None:
        try:
            with unfinished_folder(target, lambda: unpacked() is not None) as partial:
                files = _extract(archive, archive.name, partial)
                write_json(partial / MANIFEST, {"archive": identity, "files": files})
        except OSError as error:
            said = _(
                "{path} cannot be written ({error}). Make room there, or set COURSE_HOME to another folder."
            )
            raise SourceError(
                said.format(path=error.filename or target, error=error.strerror or error)
            ) from error
    return files


def _extract(archive: Path, name: str, folder: Path, depth: int = 1) -> dict[str, str]:
    """Unpack one archive, and the archives in it, to a folder; return the version of each file."""
    versions: dict[str, str] = {}
    where = name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(archive) as opened:
            for member in _checked_members(opened, name, folder):
                where = f"{name}/{member.filename}"
                kind = parse_name(member.filename).kind
                if kind == "passed over":
                    versions[member.filename] = ""
                    continue
                if (folder / member.filename).exists():
                    said = _("{file} is in the archive twice. Unpack it by hand and keep one of them.")
                    raise SourceError(said.format(file=where))
                path = Path(opened.extract(member, folder))
                file = path.relative_to(folder).as_posix()  # Windows does not allow every name
                if kind != "archive":
                    versions[file] = f"{member.file_size}:{member.CRC:08x}"
                    continue
                if depth == MAX_DEPTH:
                    said = _("{file} is an archive in an archive in an archive: unpack it by hand.")
                    raise SourceError(said.format(file=where))
                inner = path.rename(path.with_name(path.name + ".packed"))
                found = _extract(inner, where, path, depth + 1)
                versions |= {f"{file}/{one}": version for one, version in found.items()}
                inner.unlink()
    except SourceError:
        raise
    except Exception as error:  # a full disk, a password, or whatever damage makes zipfile raise
        said = _(
            "{file} cannot be unpacked ({error}). If the disk is full, make room or set COURSE_HOME to "
            "another folder. If the archive is damaged, download it again; if it isn't one of the four, "
            "unpack it by hand or move it out of this folder."
        )
        raise SourceError(said.format(file=where, error=error)) from error
    return versions


def _checked_members(opened: zipfile.ZipFile, name: str, folder: Path) -> list[zipfile.ZipInfo]:
    """Return the members of an archive that `parse_name` knows; refuse what would be unsafe to unpack."""
    for one in opened.infolist():
        path = PureWindowsPath(one.filename)  # takes / and \\ for separators, and knows drives
        if path.anchor or ".." in path.parts or stat.S_ISLNK(one.external_attr >> 16):
            said = _(
                "{archive} holds a link or an unsafe path, {path!r}; the published archives have none. Move "
                "it out of this folder and download the archives again."
            )
            raise SourceError(said.format(archive=name, path=one.filename))
        one.filename = one.filename.replace("\\", "/")
    members = [one for one in opened.infolist() if not one.is_dir() and parse_name(one.filename).kind]
    unpacked = [one for one in members if parse_name(one.filename).kind != "passed over"]
    total_bytes, free_bytes = sum(one.file_size for one in unpacked), shutil.disk_usage(folder).free
    if total_bytes > min(MAX_TOTAL_BYTES, free_bytes):
        said = _(
            "{archive} would unpack to {total:.1f} GB; at most {most:.0f} GB are accepted, and {free:.1f} GB "
            "are free. Make room, or set COURSE_HOME to another folder."
        )
        raise SourceError(
            said.format(
                archive=name, total=total_bytes / 1e9, most=MAX_TOTAL_BYTES / 1e9, free=free_bytes / 1e9
            )
        )
    return members
