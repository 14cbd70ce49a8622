"""List the submitted files in a folder or a zip archive, and find out whose each of them is.

Only the outermost names, which the platform gave, say whose a file is. A file is read when it is needed,
and the path of a member of an archive is never opened: it is only a label. Links are refused.
"""

import os
import shutil
import stat
import tempfile
import time
import weakref
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import IO

from helpers._common import CourseError
from instructor.grading.names import RESULTS, labels, people, wrapping

LARGEST_BYTES = 30 * 2**20
LARGEST_ARCHIVE_BYTES = 200 * 2**20  # of a student's own archive, as submitted
LARGEST_INDEX_BYTES = 8 * 2**20  # of an archive's list of members, which zipfile keeps in memory
MOST_FILES = 1000  # of a student's own archive
LONGEST_PATH, LONGEST_NAME = 1000, 255  # characters; the rest is cut off
IGNORED = {"__macosx", ".ipynb_checkpoints", ".ds_store", "desktop.ini", "thumbs.db", ".git"}
ANY_CONTENT = {"", ".json", ".txt"}  # what browsers and mail programs make of .ipynb
NOT_A_NOTEBOOK = "is not a notebook (.ipynb)"
EMPTY = "has no files in it"
FINGERPRINT = (RESULTS, "fingerprint.json")  # if it is not in any folder, this is one student's hand-in
NOBODYS = {EMPTY, "index.html", "submission_metadata.yml"}  # Brightspace's and Gradescope's, next to all


class IntakeError(CourseError):
    """There is nothing to grade in the given place."""


@dataclass(frozen=True)
class Stored:
    """Where the bytes of a file are."""

    path: Path  # of the file, or of the archive that it is in
    members: tuple[int, ...] = ()  # its position in the archive; two positions for an archive in an archive
    content: bytes | None = None  # its bytes, for a machine that can't read the path

    def read(self) -> bytes:
        """Return the bytes; of a file that is too large, only the first ones."""
        if self.content is not None:
            return self.content
        with _open(self) as handle:
            return handle.read(LARGEST_BYTES + 1)


Entry = tuple[str, int, Stored, int, float]  # name, mode as `os.stat` has it or 0, place, size, time


@dataclass(frozen=True)
class SubmittedFile:
    """One submitted file."""

    path: PurePosixPath  # in the folder or archive
    outer: PurePosixPath  # its path without what is inside a student's own archive
    stored: Stored
    size: int = 0  # in bytes
    modified: float = 0  # time of its last change, for comparison
    problem: str | None = None  # why it cannot be graded
    student: str = ""
    number: str | None = None  # the platform's number or id of the student
    named: bool = True  # whether the path names a student; if not, `student` is for this file alone


def collect(source: Path) -> list[SubmittedFile]:
    """List the submitted files.

    Args:
        source: a folder or a zip archive.

    Returns:
        One entry per file, in order of their paths; files that can't be graded with the reason.

    Raises:
        IntakeError: the source is neither, can't be read, or has no files.
    """
    _opened.cache_clear()
    if not source.exists():
        raise IntakeError(f"{source} does not exist. Give the folder or zip archive with the submissions.")
    if not source.is_dir() and not zipfile.is_zipfile(source):
        raise IntakeError(f"{source} is neither a folder nor a zip archive.")
    try:
        found = list(_files(_in_folder(source) if source.is_dir() else _in_zip(Stored(source))))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise IntakeError(f"{source} cannot be read: {error}") from error
    full = {folder for one in found if one.problem != EMPTY for folder in one.outer.parents}
    found = [one for one in found if one.problem != EMPTY or one.outer.parent not in full]
    skip = wrapping([one.outer.parts for one in found])
    found = [one for one in found if len(one.outer.parts) > skip + 1 or one.outer.name not in NOBODYS]
    if not found:
        raise IntakeError(f"{source} has no files. Give the folder or zip archive with the submissions.")
    found.sort(key=lambda one: str(one.path))
    alone = [source.stem] if any(one.outer.parts == FINGERPRINT for one in found) else []
    who = people([(*alone, *one.outer.parts[skip:]) for one in found])
    name = labels(who)
    return [
        replace(one, student=name[person], number=person.number, named=person.named)
        for person, one in zip(who, found, strict=True)
    ]


def _in_folder(source: Path) -> Iterator[Entry]:
    todo = [*source.iterdir()]
    while todo:
        path = todo.pop()
        mode, size, modified = 0, 0, 0.0  # of what can't be read, as a file either
        with suppress(OSError):
            about = path.lstat()
            if stat.S_ISDIR(about.st_mode):
                todo += path.iterdir()
            mode, size, modified = about.st_mode, about.st_size, about.st_mtime
        yield _text(os.fsencode(path.relative_to(source)), "latin-1"), mode, Stored(path), size, modified


def _in_zip(archive: Stored) -> Iterator[Entry]:
    for position, member in enumerate(_opened(archive.path, archive.members).infolist()):
        declared = member.flag_bits & 0x800
        name = member.filename if declared else _text(member.filename.encode("cp437"), "cp437")
        mode = stat.S_IFDIR if member.is_dir() else member.external_attr >> 16
        stored, modified = Stored(archive.path, (*archive.members, position)), 0.0
        with suppress(ValueError, OverflowError):
            modified = time.mktime((*member.date_time, 0, 0, -1))
        yield name.replace("\\", "/"), mode, stored, member.file_size, modified


def _files(entries: Iterable[Entry], archive: PurePosixPath | None = None) -> Iterator[SubmittedFile]:
    for name, mode, stored, size, modified in entries:
        # Without what would point outside the folder.
        parts = [
            part[:LONGEST_NAME] for part in name[:LONGEST_PATH].split("/") if part not in ("", ".", "..")
        ]
        parts = parts or ["unnamed"]
        kept = list(takewhile(lambda part: part.lower() not in IGNORED and part[:2] != "._", parts))
        path = PurePosixPath(archive or "", *kept)
        if stat.S_ISDIR(mode) or len(kept) < len(parts):
            if path.parts and not archive:
                yield SubmittedFile(path, path / EMPTY, stored, problem=EMPTY)
        elif path.suffix.lower() == ".zip" and not archive and size <= LARGEST_ARCHIVE_BYTES:
            yield from _in_archive(stored, path)
        else:
            yield SubmittedFile(path, archive or path, stored, size, modified, _problem(path, mode, size))


def _in_archive(stored: Stored, path: PurePosixPath) -> Iterator[SubmittedFile]:
    """List the files in a student's own archive."""
    listed, problem = [], "is a zip archive without files"
    try:
        entries = sorted(_in_zip(stored), key=lambda entry: not entry[0].lower().endswith(".ipynb"))
        listed += _files(entries[:MOST_FILES], path)
        inside = people([one.path.parts[len(path.parts) :] for one in listed])
        if len({person.key for person in inside if person.key[0] == "platform"}) > 1:
            listed, problem = [], "has submissions of several students: grade this archive by itself"
        elif len(entries) > MOST_FILES:
            problem = f"has {len(entries):,} files; {MOST_FILES:,} were looked at, notebooks first"
            listed.append(SubmittedFile(path, path, stored, problem=problem))
    except Exception as error:  # a damaged archive fails in many ways, and must not stop the other files
        listed, problem = [], f"is a zip archive that cannot be read ({error})"
    yield from listed or [SubmittedFile(path, path, stored, problem=problem)]


def _problem(path: PurePosixPath, mode: int, size: int) -> str | None:
    suffix = path.suffix.lower()
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):  # archives from Windows have no mode
        kind = "a link to another file" if stat.S_ISLNK(mode) else "a pipe or a device"
        return f"is {kind}; submit the notebook itself"
    if suffix == ".zip":
        most = LARGEST_ARCHIVE_BYTES // 2**20
        return f"is a zip archive in another, or larger than {most} MB; submit the notebook itself"
    if ".ipynb" not in path.name.lower() and (suffix not in ANY_CONTENT or size > LARGEST_BYTES):
        return NOT_A_NOTEBOOK
    if size > LARGEST_BYTES:
        return f"is larger than {LARGEST_BYTES // 2**20} MB: clear the outputs of large cells"
    return None


def _open(place: Stored) -> IO[bytes]:
    if not place.members:
        return place.path.open("rb")
    outer = _opened(place.path, place.members[:-1])
    return outer.open(outer.infolist()[place.members[-1]])  # which reads no more than the size it says


@lru_cache(maxsize=2)  # the archive of all submissions, and that of one student
def _opened(path: Path, members: tuple[int, ...]) -> zipfile.ZipFile:
    with ExitStack() as stack:
        handle = stack.enter_context(tempfile.TemporaryFile() if members else path.open("rb"))  # noqa: SIM115
        if members:
            with _open(Stored(path, members)) as member:
                shutil.copyfileobj(member, handle)
        end = zipfile._EndRecData(handle)
        if end and end[zipfile._ECD_SIZE] > LARGEST_INDEX_BYTES:
            raise ValueError("it lists too many files")
        archive = zipfile.ZipFile(handle)
        weakref.finalize(archive, stack.pop_all().close)
    return archive


def _text(name: bytes, otherwise: str) -> str:
    """Return a name as text: UTF-8 if it is valid as such, even if nothing says so."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode(otherwise)
