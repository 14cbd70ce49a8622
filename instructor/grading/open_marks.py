"""open_marks.csv: the answers that a person reads, and the marks given for them."""

import csv
from pathlib import Path

from helpers.errors import CourseError
from instructor.grading.tables import write_csv

OPEN_COLUMNS = ["student", "exercise", "points", "mark", "comment", "answer"]


class OpenMarksError(CourseError):
    """The marks given by hand cannot be read."""


def take_open_marks(results: list[dict], path: Path) -> None:
    """Puts marks given by hand into the results, and writes the list of what is to be read.

    Args:
        results: of all; changed in place.
        path: open_marks.csv; the marks and comments that are there are kept.

    Raises:
        OpenMarksError: a mark is no number, or out of range.
    """
    given = _read_open_marks(path)
    rows = []
    for result in results:
        for mark in result["marks"]:
            if mark["status"] != "by hand":
                continue
            points, comment, then = given.get(_key(result["student"], mark["id"]), ("", "", ""))
            rows.append([result["student"], mark["id"], mark["points"], points, comment, mark["answer"]])
            if points:
                mark["got"] = _points(points, mark, result["student"], path)
                mark["message"] = comment
            if points and then and _words(then) != _words(mark["answer"]):
                result["notes"].append(f"the answer to {mark['id']} has changed since a person marked it")
    write_csv(path, OPEN_COLUMNS, rows)


def _read_open_marks(path: Path) -> dict[tuple[str, str], tuple[str, str, str]]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as handle:
        text = handle.read()
    # Spreadsheets in many countries save semicolons.
    first = text.partition("\n")[0]
    rows = csv.DictReader(text.splitlines(keepends=True), delimiter=";" if ";" in first else ",")
    missing = set(OPEN_COLUMNS[:5]) - set(rows.fieldnames or [])
    if missing:
        raise OpenMarksError(f"{path}: the column {sorted(missing)[0]!r} is missing.")
    fields = ("student", "exercise", "mark", "comment", "answer")
    read = [[(row.get(name) or "").strip() for name in fields] for row in rows]
    return {_key(student, exercise): tuple(rest) for student, exercise, *rest in read}


def _words(answer: str) -> list[str]:
    return answer.lstrip("'").split()  # spreadsheets change line ends


def _key(student: str, exercise: str) -> tuple[str, str]:
    return student.lstrip("'").strip(), exercise.lstrip("'")  # which `harmless` may have put there


def _points(text: str, mark: dict, student: str, path: Path) -> float:
    try:
        points = float(text.replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= mark["points"]:
        where = f"{path}, {student}, {mark['id']}"
        raise OpenMarksError(f"{where}: the mark is {text!r}; give a number from 0 to {mark['points']}.")
    return points
