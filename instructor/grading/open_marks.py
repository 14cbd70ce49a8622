"""open_marks.csv: the free-text answers, and the marks that a person gives for them."""

import csv
import io
from pathlib import Path

from helpers._common import CourseError
from instructor.grading.tables import without_apostrophe, write_csv

OPEN_COLUMNS = ["student", "exercise", "points", "mark", "comment", "answer"]
LONGEST_FIELD = 2**24  # an answer may be longer than the default limit of csv


class OpenMarksError(CourseError):
    """The file of marks given by hand cannot be read."""


def take_open_marks(results: list[dict], path: Path) -> None:
    """Add the marks given by hand to the results, and list the answers to be read.

    Args:
        results: of all submissions; changed in place.
        path: of open_marks.csv. Its marks and comments are kept, including those of answers and
            students that are not in this run.

    Raises:
        OpenMarksError: a mark is not a number, or out of range.
    """
    given = _read_open_marks(path)
    rows = []
    for result in results:
        for mark in result["marks"]:
            if mark["status"] != "by hand":
                continue
            row = given.pop(_key(result["student"], mark["id"]), dict.fromkeys(OPEN_COLUMNS, ""))
            points, comment, then = row["mark"], row["comment"], row["answer"]
            rows.append([result["student"], mark["id"], mark["points"], points, comment, mark["answer"]])
            if points:
                mark["got"] = _points(points, mark, result["student"], path)
                mark["message"] = comment
            if points and then and _words(then) != _words(mark["answer"]):
                result["notes"].append(f"the answer to {mark['id']} has changed since a person marked it")
    rows += [list(row.values()) for row in given.values() if row["mark"] or row["comment"]]
    write_csv(path, OPEN_COLUMNS, rows)


def _read_open_marks(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as handle:
        text = handle.read()
    # In many countries, spreadsheets separate columns by semicolons.
    first = text.partition("\n")[0]
    csv.field_size_limit(LONGEST_FIELD)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",")
    missing = set(OPEN_COLUMNS[:5]) - set(rows.fieldnames or [])
    if missing:
        raise OpenMarksError(f"{path}: the column {sorted(missing)[0]!r} is missing.")
    read = [{name: (row.get(name) or "").strip() for name in OPEN_COLUMNS} for row in rows]
    for row in read:
        row["mark"], row["comment"] = row["mark"].lstrip("'"), without_apostrophe(row["comment"])
    return {_key(row["student"], row["exercise"]): row for row in read}


def _words(answer: str) -> list[str]:
    return answer.lstrip("'").split()  # spreadsheets change line endings


def _key(student: str, exercise: str) -> tuple[str, str]:
    return student.lstrip("'").strip(), exercise.lstrip("'")  # without the apostrophe that `harmless` adds


def _points(text: str, mark: dict, student: str, path: Path) -> float:
    try:
        points = float(text.replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= mark["points"]:
        where = f"{path}, {student}, {mark['id']}"
        raise OpenMarksError(f"{where}: the mark is {text!r}; give a number from 0 to {mark['points']}.")
    return points
