"""Read submissions from a folder or a zip archive, and find out whose each file is.

Moodle and Classroom give zip archives, with archives inside. Nothing is unpacked to disk: the path of a
member is only read as a name and never opened. Links are refused.
"""

import io
import stat
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from helpers._common import CourseError
from instructor.grading.names import apart, student_of, without_wrapper
from instructor.grading.papers import storable

LARGEST_BYTES = 30 * 2**20
LARGEST_ARCHIVE_BYTES = 200 * 2**20  # of a student's own archive, packed and unpacked
MOST_FILES = 20_000
SKIPPED = ("__MACOSX", ".ipynb_checkpoints", ".DS_Store")


class IntakeError(CourseError):
    """There is nothing to grade in the given place."""


@dataclass(frozen=True)
class SubmittedFile:
    """One submitted file.

    Args:
        student: the name, from the path.
        number: Moodle's participant number, if known.
        path: in the folder or archive.
        content: its bytes; empty if there is a problem.
        modified: time of its last change, for comparison.
        problem: why it cannot be graded.
    """

    student: str
    number: str | None
    path: PurePosixPath
    content: bytes = b""
    modified: float = 0
    problem: str | None = None


@dataclass(frozen=True)
class _Found:
    path: PurePosixPath
    content: bytes = b""
    modified: float = 0
    problem: str | None = None


def collect(source: Path) -> list[SubmittedFile]:
    """List the submitted files.

    Args:
        source: a folder or a zip archive.

    Returns:
        One entry per file, in order of their paths; files that aren't notebooks with the reason.

    Raises:
        IntakeError: the source is neither, or has no files.
    """
    if source.is_dir():
        found = list(_from_folder(source))
    elif source.is_file() and zipfile.is_zipfile(source):
        with source.open("rb") as handle:
            found = list(_from_zip(handle, PurePosixPath()))
    elif source.exists():
        raise IntakeError(f"{source} is neither a folder nor a zip archive.")
    else:
        raise IntakeError(f"{source} does not exist. Give the folder or zip archive with the submissions.")
    if not found:
        raise IntakeError(f"{source} has no files. Give the folder or zip archive with the submissions.")
    found.sort(key=lambda one: str(one.path))
    people = apart([student_of(path) for path in without_wrapper([one.path for one in found])])
    return [
        SubmittedFile(*person, one.path, one.content, one.modified, one.problem)
        for person, one in zip(people, found, strict=True)
    ]


def _from_folder(source: Path) -> Iterator[_Found]:
    for count, path in enumerate(sorted(source.rglob("*"))):
        name = PurePosixPath(storable(path.relative_to(source).as_posix()))
        if count >= MOST_FILES:
            raise IntakeError(f"{source} has more than {MOST_FILES} files: is it the right folder?")
        if any(part in SKIPPED for part in name.parts):
            continue
        if path.is_symlink():
            yield _Found(name, problem="is a link to another file; submit the notebook itself")
        elif path.is_file():
            with path.open("rb") as handle:
                content = handle.read(LARGEST_ARCHIVE_BYTES + 1)
            yield from _judged(name, content, path.stat().st_mtime)


def _from_zip(handle, place: PurePosixPath, depth: int = 0) -> Iterator[_Found]:
    try:
        with zipfile.ZipFile(handle) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()][:MOST_FILES]
            # The sizes are what the archive says; zipfile reads no more of a member than that.
            if depth and sum(member.file_size for member in members) > LARGEST_ARCHIVE_BYTES:
                limit = f"unpacks to more than {LARGEST_ARCHIVE_BYTES // 2**20} MB"
                yield _Found(place, problem=f"is a zip archive that {limit}; submit the notebook itself")
                return
            for member in members:
                yield from _from_member(archive, member, place, depth)
    except Exception as error:  # a student's archive: see `_from_member`
        yield _Found(place, problem=f"is a zip archive that cannot be read ({error})")


def _from_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: PurePosixPath, depth: int):
    # The name is only a label: drop what would point outside the folder.
    path = storable(_decoded(member)).replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".", "..")]
    name = place / PurePosixPath(*parts or ["unnamed"])
    if any(part in SKIPPED for part in parts):
        return
    if stat.S_ISLNK(member.external_attr >> 16):
        yield _Found(name, problem="is a link to another file; submit the notebook itself")
        return
    try:
        with archive.open(member) as handle:
            content = handle.read(LARGEST_ARCHIVE_BYTES + 1)
    except Exception as error:  # each decompressor has its own errors, and none may stop the other files
        yield _Found(name, problem=f"cannot be unpacked ({error})")
        return
    yield from _judged(name, content, _modified(member), depth)


def _judged(name: PurePosixPath, content: bytes, modified: float, depth: int = 0) -> Iterator[_Found]:
    """Classify a file: a notebook, an archive with more files, or neither."""
    suffix = name.suffix.lower()
    if suffix == ".zip" and depth == 0 and len(content) <= LARGEST_ARCHIVE_BYTES:
        yield from _from_zip(io.BytesIO(content), name.with_suffix(""), depth + 1)
    elif suffix != ".ipynb":
        yield _Found(name, problem="is not a notebook (.ipynb)")
    elif len(content) > LARGEST_BYTES:
        limit = f"is larger than {LARGEST_BYTES // 2**20} MB"
        yield _Found(name, problem=f"{limit}: clear the outputs of large cells")
    else:
        yield _Found(name, content, modified)


def _decoded(member: zipfile.ZipInfo) -> str:
    """Return a member's name: UTF-8 if its bytes are valid as such, even if the archive does not say so."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")  # what zipfile takes undeclared names for
    except UnicodeError:
        return member.filename


def _modified(member: zipfile.ZipInfo) -> float:
    try:
        return time.mktime((*member.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return 0
