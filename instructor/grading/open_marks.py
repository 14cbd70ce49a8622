"""open_marks.csv: the marks that a person gives, for free-text answers and in place of any other mark."""

import re
from pathlib import Path

from helpers.checks import EXERCISES
from instructor.grading.names import words
from instructor.grading.oddities import length
from instructor.grading.tables import (
    MARKED,
    NOT_SUBMITTED,
    TableError,
    harmless,
    read_table,
    without_apostrophe,
    write_csv,
)

COLUMNS = ["student", "exercise", "points", "mark", "comment", "answer", "length", "rubric"]
NUMBER = re.compile(r"late \w+|(?:\d+|[A-Z])(?:\.\d+)+")


def take_open_marks(results: list[dict], path: Path) -> list[str]:
    """Add the marks given by hand to the results, and list the answers to be read.

    Args:
        results: of all submissions; changed in place. The marks of a notebook that could not be graded wait.
        path: of open_marks.csv. Its marks and comments are kept, including those of answers and
            students that are not in this run. An open_marks.xlsx that is newer is read in its place.

    Returns:
        The rows with a mark or a comment that belong to nothing in this run.

    Raises:
        TableError: the file cannot be read, or a mark is not a number, or out of range.
    """
    given, rows = _read_open_marks(path, {result["student"] for result in results}), []
    for result in results:
        for mark in result["marks"] if result["problem"] not in (None, NOT_SUBMITTED) else []:
            mark |= {"got": None, "status": "not graded", "message": result["problem"]}
        for mark in result["marks"] + ([result["late"]] if result.get("late") else []):
            row = given.pop((result["student"], mark["id"]), {})
            mark["comment"] = row.get("comment", "")
            if row or mark["status"] in ("by hand", "late") or (mark["got"] is None and mark["answer"]):
                # With its title, a spreadsheet does not take "1.10" for a number or a date.
                about = {"student": result["student"], "exercise": f"{mark['id']} {mark['title']}"}
                about |= {"points": mark["points"], "answer": mark["answer"]}
                rows.append(row | about | {"length": length(mark)[0], "rubric": _rubric(mark["id"])})
            if row.get("mark"):
                got = _points(row["mark"], mark, f"{path}, {result['student']}, {mark['id']}")
                mark |= {"got": got, "status": MARKED, "message": ""}
                if row["answer"] and _words(row["answer"]) != _words(mark["answer"]):
                    result["notes"].append(f"the answer to {mark['id']} has changed since a person marked it")
    left = [row for row in given.values() if row["mark"] or row["comment"]]
    write_csv(path, rows + left, COLUMNS)
    return [f"{row['student']}, {row['exercise']}" for row in left]


def _rubric(number: str) -> str:
    criteria = EXERCISES[number].rubric if number in EXERCISES else ()
    return " | ".join(f"{criterion} ({points})" for criterion, points in criteria)


def _read_open_marks(path: Path, students: set[str]) -> dict[tuple[str, str], dict[str, str]]:
    files = [file for file in (path, path.with_suffix(".xlsx")) if file.is_file()]
    if not files:
        return {}
    path = max(files, key=lambda file: file.stat().st_mtime)
    header, *rows = read_table(path)[0]
    missing = [name for name in COLUMNS[:5] if name not in header]
    if missing:
        raise TableError(f"{path}: the column {missing[0]!r} is missing.")
    read: dict[tuple[str, str], dict[str, str]] = {}
    for cells in rows:
        row = dict.fromkeys(COLUMNS, "") | dict(zip(header, map(str.strip, cells), strict=False))
        row = {name: without_apostrophe(row[name]) for name in COLUMNS}
        number = NUMBER.match(row["exercise"])
        # A row that a person added need not have the points, nor the name exactly.
        near = [] if row["points"] else [one for one in students if _key(one) == _key(row["student"])]
        if len(near) == 1:
            row["student"] = near[0]
        key = row["student"], number[0] if number else row["exercise"]
        if path.suffix == ".xlsx" and key[1].startswith("late") and re.fullmatch(r"0\.\d+", row["mark"]):
            row["mark"] = f"{100 * float(row['mark']):g}%"  # of a cell with the format of a percentage
        read[key] = row | {name: value for name, value in read.get(key, {}).items() if not row[name]}
    return read


def _key(student: str) -> str:
    """Return a name without case and accents."""
    return " ".join(words(student)) or student


def _words(answer: str) -> list[str]:
    return str(harmless(answer)).split()  # spreadsheets change line endings


def _points(text: str, mark: dict, where: str) -> float:
    try:
        text = text.removesuffix("%") if mark["status"] == "late" else text
        points = float(text.replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= mark["points"]:
        raise TableError(f"{where}: the mark is {text!r}; give a number from 0 to {mark['points']}.")
    return points
