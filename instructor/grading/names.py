"""Names of students, from the paths that learning platforms create."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

# Moodle: "Ana Pérez_123456_assignsubmission_file_", as a folder, or in front of the file's name.
MOODLE = re.compile(r"^(?P<student>.+?)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_(?P<file>.*)$")
COPY_OF = re.compile(r"^(?:copy of|copia de|copie de|kopie von)\s+", re.IGNORECASE)
COPY_NUMBER = re.compile(r"\s*\((\d+)\)$")
# Classroom puts the student's name before or after the title: "Ana Pérez - 02_....ipynb".
DASH = re.compile(r"\s+[-\N{EN DASH}\N{EM DASH}]\s+")
TITLE = re.compile(r"^0?\d[_ -]|^(?:dataset|classification)", re.IGNORECASE)
LONGEST = 80


def student_of(path: PurePosixPath) -> tuple[str, str | None]:
    """Return the student's name and Moodle's participant number, if known.

    Args:
        path: relative to the platform's folder or archive. If it names no student, the file's own
            name is used.
    """
    for part in path.parts:
        moodle = MOODLE.match(part)
        if moodle:
            return clean(moodle["student"]), moodle["number"]
    folders = [part for part in path.parts[:-1] if part not in ("", ".", "..", "/")]
    if folders:
        return clean(folders[0]), None
    return clean(_named_in(path.stem)), None


def apart(people: list[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Add Moodle's number to the names of students who share a name.

    Args:
        people: names and numbers, one pair per file.
    """
    pairs = {(name, number) for name, number in people if number}
    count = Counter(name for name, _ in pairs)
    return [(f"{name} ({number})" if number and count[name] > 1 else name, number) for name, number in people]


def clean(name: str) -> str:
    """Return a name in one line of limited length, without control characters, accents composed."""
    whole = unicodedata.normalize("NFC", name)
    letters = [char if unicodedata.category(char)[0] != "C" else " " for char in whole]
    return " ".join("".join(letters).split())[:LONGEST] or "unnamed"


def copy_number(path: PurePosixPath) -> int:
    """Return the number that browsers and Drive append to a name: 3 for "02_x (3).ipynb", else 0."""
    number = COPY_NUMBER.search(path.stem)
    return int(number[1]) if number and len(number[1]) < 6 else 0


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return a file name without suffix for each student: letters, digits and dashes.

    Args:
        names: of students, each once. If two would get the same file name, or an empty one, a part of
            the name's hash is added.
    """
    plain = {name: _plain(name) for name in names}
    taken = list(plain.values())
    return {
        name: slug if slug and taken.count(slug) == 1 else f"{slug or 'student'}-{_digest(name)}"
        for name, slug in plain.items()
    }


def without_wrapper(paths: list[PurePosixPath]) -> list[PurePosixPath]:
    """Drop a folder that contains all files, unless it is named after a student."""
    while (
        paths
        and all(len(path.parts) > 1 for path in paths)
        and len({path.parts[0] for path in paths}) == 1
        and not MOODLE.match(paths[0].parts[0])
        and all(len(path.parts) > 2 or _says_who(path) for path in paths)
    ):
        paths = [PurePosixPath(*path.parts[1:]) for path in paths]
    return paths


def _says_who(path: PurePosixPath) -> bool:
    return bool(MOODLE.match(path.name) or DASH.search(path.stem))


def _named_in(stem: str) -> str:
    stem = COPY_NUMBER.sub("", COPY_OF.sub("", stem))
    parts = [COPY_OF.sub("", part) for part in DASH.split(stem)]
    people = [part for part in parts if not TITLE.match(part)]
    return people[0] if people else stem


def _plain(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")[:LONGEST]


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
