"""Whose a submitted file is, from the names that learning platforms give; and who submitted nothing."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import compress
from os.path import commonprefix
from pathlib import Path
from typing import NamedTuple

from instructor.grading.tables import TableError, read_table

PLATFORMS = tuple(re.compile(pattern, re.DOTALL) for pattern in (
    # Moodle, in every language: "Ana Pérez_123456_assignsubmission_file", as a folder or before a file's name
    r"(?P<name>.+?)(?:_(?P<number>\d+))?_assignsubmission_",
    # Brightspace: "397063-2557369 - Ana Pérez - Sep 24, 2026 926 PM", likewise
    r"(?P<number>\d+)-\d+ - (?P<name>.+?) - [^-]*\d{4}\b",
    # Blackboard: "Assignment 1_ana_attempt_2026-01-30-20-30-10_01_x.ipynb"
    r"(?P<key>(?:.*?_)??(?P<name>[^_]+))_[^\W\d_]+_\d{4}(?:-\d\d){5}[_.]",
    # Canvas: "perezana_LATE_340934_208490284_01_x.ipynb", or "anon_Xy12z_208490284_01_x.ipynb"
    r"(?:LATE_)?(?P<name>\w+?)(?:_LATE)?_(?P<number>\d{2,}|(?<=anon_)[0-9A-Za-z]{5})_(?P<once>\d{4,})_",
))  # fmt: skip
# Google: "Ana Pérez - 02_x.ipynb", "Copy of 02_x - Ana Pérez (3).ipynb". Each language has its own "Copy of".
DASH = re.compile(r" [-\N{EN DASH}\N{EM DASH}] ")
TITLE = re.compile(
    r"(?:^|\W)0?\d[_-]|^0?\d(?: |$)|dataset|classification|\b(?:report|informe|hand-in)\b", re.IGNORECASE
)
SUFFIX = re.compile(r"(?:\.ipynb)?(?:\.\w{1,8})?$", re.IGNORECASE)
COPY_NUMBER = re.compile(r" ?\((\d{1,5})\)$")
LONGEST = 80
RESULTS = "results"  # the folder of run records in a hand-in
NOBODY = ("Points Possible", "Student, Test")  # rows of Canvas's gradebook
IDS = re.compile(
    r"\b(?:e?mail|correo|id|identifier|number|login|user|username|numero|usuario|dni|nie|matricula)\b"
)
NAMES = re.compile(  # whole headings: "Group name" and "Last access to course" name nobody
    r"(?:(?:full|first|last|family|given|student|display) ?)?names?|surname|students?"
    r"|nombres?(?: s| completo)?|apellidos?(?: s| y nombres?)?|nombres? y apellidos?"
    r"|(?:nombre del )?(?:alumno|estudiante)"
)
# A folder for one of the course's notebooks, which may have a folder for each student in it.
TOPIC = re.compile(
    r"^(?:notebook[ _-]?)?0[12](?:$|[ _-])|^(?:report|informe)$|dataset|classification",
    re.IGNORECASE,
)


class Person(NamedTuple):
    """Who submitted a file."""

    name: str  # of the student, or of the file if that is all there is
    number: str | None  # the platform's number or id of the student, if known
    key: tuple[str, str]  # equal for the files of one student
    once: str | None = None  # what only one file of a student can have: two such files are of two students
    named: bool = True  # whether the file names a student


def people(places: list[tuple[str, ...]]) -> list[Person]:
    """Find out whose each file is.

    Args:
        places: for each file, the parts of its path that the platform gave. The first one decides.
    """
    # The pattern that most of the names have; if several, the one that ends first. The rest of a name is the
    # student's, who could write another platform's name and someone's number there.
    names = {parts[0] for parts in places}
    ends = {one: [found.end() for name in names if (found := one.match(name))] for one in PLATFORMS}
    platform = max(PLATFORMS, key=lambda one: (len(ends[one]), -sum(ends[one])))
    outermost = {parts[0]: _person(parts[0], len(parts) > 1, (platform,)) for parts in places}
    # In Blackboard's names, the title, which all of them begin with, and the user may both have "_" in them.
    titled = {part: one.key[1].split("_") for part, one in outermost.items()
              if one.key[0] == "platform" and one.key[1].endswith(f"_{one.name}")}  # fmt: skip
    shared = len(commonprefix([pieces[:-1] for pieces in titled.values()]))  # noqa: RUF071, of lists
    for part, pieces in titled.items():
        outermost[part] = outermost[part]._replace(name="_".join(pieces[shared:]))
    count = Counter((person.key, person.once) for person in outermost.values() if person.once)
    told = {part: _alone(part) if count[person.key, person.once] > 1 else person._replace(once=None)
            for part, person in outermost.items()}  # fmt: skip
    return [told[parts[0]] for parts in places]


def labels(persons: Iterable[Person]) -> dict[Person, str]:
    """Return a name for each person, which is unique even if two have the same name."""
    found = {person: clean(person.name) for person in persons}
    for more in (lambda one: one.number or clean(one.key[1]), lambda one: _digest(str(one.key))):
        count = Counter(map(str.casefold, found.values()))
        found = {person: f"{label} ({more(person)})" if count[label.casefold()] > 1 else label
                 for person, label in found.items()}  # fmt: skip
    return found


def wrapping(places: list[tuple[str, ...]]) -> int:
    """Return how many folders are around everything: single ones that are not a student's, and
    those of the course's notebooks.
    """
    depth = 0
    while (
        len({parts[depth] for parts in places}) == 1
        and all(len(parts) > depth + 1 for parts in places)
        and _person(places[0][depth], folder=True).key[0] == "folder"
        and not _of_one_student({parts[depth + 1 :] for parts in places})
    ):
        depth += 1
    inner = {parts[depth : depth + 2] for parts in places}
    topics = all(
        TOPIC.search(parts[depth])
        and _person(parts[depth], folder=True).key[0] == "folder"
        and parts[depth + 1 :]
        and _person(parts[depth + 1], folder=len(parts) > depth + 2).key[0] != "file"
        for parts in places
    )
    return depth + (topics and len(inner) > len({topic for topic, _ in inner}))


def clean(name: str) -> str:
    """Return a name in one line of limited length, without control characters, accents composed."""
    whole = unicodedata.normalize("NFC", name)
    letters = [char if unicodedata.category(char)[0] != "C" else " " for char in whole]
    return " ".join("".join(letters).split())[:LONGEST] or "unnamed"


def copy_number(stem: str) -> int:
    """Return the number that browsers and Drive append to a name: 3 for "02_x (3)", else 0."""
    number = COPY_NUMBER.search(stem)
    return int(number[1]) if number else 0


def slugs(names: Iterable[str]) -> dict[str, str]:
    """Return a file name without suffix for each student: letters, digits and dashes.

    Args:
        names: of students, each once. If two would get the same file name, or an empty one, a part of
            the name's hash is added.
    """
    plain = {name: "-".join(re.findall(r"[a-z0-9]+", " ".join(words(name))))[:LONGEST] for name in names}
    count = Counter(plain.values())
    return {name: slug if slug and count[slug] == 1 else f"{slug or 'student'}-{_digest(name)}"
            for name, slug in plain.items()}  # fmt: skip


def missing_and_unknown(roster: Path | None, students: Iterable[str]) -> tuple[list[str], list[str]]:
    """Compare the roster with those who submitted.

    Args:
        roster: a table of a spreadsheet or a learning platform. Columns with names, ids and e-mail
            addresses are recognised by their headings, in English or Spanish. If None, nobody is expected.
        students: names of those who submitted.

    Returns:
        Who is on the roster and submitted nothing; who submitted and is not on the roster.

    Raises:
        TableError: the roster can't be read, or has none of these columns.
    """
    listed = _read_roster(roster) if roster else []
    left, unknown = [*listed], []
    for student in sorted(students):
        spelled = _spellings(student) | _spellings(student.partition(" (")[0])  # without what `labels` adds
        found = next((one for one in left if one[1] & spelled), None)
        if found:
            left.remove(found)
        elif roster and not any(spellings & spelled for _, spellings in listed):
            unknown.append(student)
    return [name for name, _ in left], unknown


def _read_roster(path: Path) -> list[tuple[str, set[str]]]:
    """Return what to call each student, and the spellings by which a submission may name them."""
    heading, *rows = read_table(path)[0]
    columns = [" ".join(words(cell)) for cell in heading]
    ids = [bool(IDS.search(cell)) for cell in columns]
    names = [bool(NAMES.fullmatch(cell)) and not IDS.search(cell) for cell in columns]
    if not any(ids + names):
        raise TableError(f"{path}: no column is called name, id or e-mail (nombre, id, correo): {heading}.")
    students = [(" ".join(compress(row, names)).strip(), [*compress(row, ids)]) for row in rows]
    return [
        (clean(name or max(others, key=len)), set().union(*map(_spellings, [name, *others])))
        for name, others in students
        if (name or any(others)) and name not in NOBODY
    ]


def _spellings(name: str) -> set[str]:
    """Return what identifies a name: its words in any order, and as one word, as Canvas writes it."""
    own = words(name)
    joined = ("".join(own[place:] + own[:place]) for place in range(len(own)))
    return {" ".join(sorted(set(own))), *joined, "".join(words(name.partition("@")[0]))} - {""}


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without accents."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"[^\W_]+", "".join(char for char in letters if not unicodedata.combining(char)))


def _person(part: str, folder: bool, platforms: tuple[re.Pattern, ...] = PLATFORMS) -> Person:
    for platform in platforms:
        if found := platform.match(part):
            said = {"number": None, "once": None} | found.groupdict()
            key = said.get("key") or f"{said['name']}_{said['number']}"
            return Person(said["name"], said["number"], ("platform", key), said["once"])
    if folder:
        return Person(part, None, ("folder", part))
    pieces = DASH.split(_stem(part))
    own = [piece for piece in pieces if not TITLE.search(piece)]
    titles = [found[0] for piece in pieces if (found := TITLE.search(piece))]
    if len(own) == 1 and titles:
        return Person(own[0], None, ("dash", own[0]), once=re.sub(r"\D", "", titles[0]) or titles[0].lower())
    return _alone(part)


def _alone(part: str) -> Person:
    return Person(_stem(part), None, ("file", part), named=not TITLE.search(_stem(part)))


def _of_one_student(files: set[tuple[str, ...]]) -> bool:
    """Whether a folder has a single notebook, or one per number and under the notebook's own name."""
    files = {parts for parts in files if parts[0] != RESULTS} or files
    books = {one for one in files if one[1:] or re.search(r"\.(?:ipynb|zip)", one[0].lower())} or files
    titles = {title[0] for parts in books if (title := TITLE.match(parts[0]))}
    plain = all(len(parts) == 1 and _person(parts[0], folder=False).key[0] == "file" for parts in books)
    return plain and len(books) in (1, len(titles))


def _stem(part: str) -> str:
    return COPY_NUMBER.sub("", SUFFIX.sub("", clean(part), count=1))


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]
