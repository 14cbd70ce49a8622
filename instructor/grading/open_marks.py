"""open_marks.csv: the marks that a person gives, for free-text answers and in place of any other mark, and
what is taken off for being late.
"""

import math
import re
from datetime import datetime, timedelta
from pathlib import Path

from helpers._common import CourseError
from helpers.checks import EXERCISES
from instructor.grading import tables
from instructor.grading.names import words
from instructor.grading.oddities import length

COLUMNS = ["student", "exercise", "points", "mark", "comment", "answer", "length", "rubric"]
EARLIEST = 1980  # year of an archive: of a file without a time
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
        for mark in result["marks"] if result["problem"] not in (None, tables.NOT_SUBMITTED) else []:
            mark |= {"got": None, "status": "not graded", "message": result["problem"]}
        for mark in result["marks"] + ([result["late"]] if result.get("late") else []):
            row = given.pop((result["student"], mark["id"]), {})
            mark["comment"] = row.get("comment", "")
            if row or mark["status"] in ("by hand", "late") or (mark["got"] is None and mark["answer"]):
                # With its title, a spreadsheet does not take "1.10" for a number or a date.
                about = {"student": result["student"], "exercise": f"{mark['id']} {mark['title']}"}
                about |= {"points": mark["points"], "answer": mark["answer"], "length": length(mark)[0]}
                criteria = EXERCISES[mark["id"]].rubric if mark["id"] in EXERCISES else ()
                about["rubric"] = " | ".join(f"{criterion} ({points})" for criterion, points in criteria)
                rows.append(row | about)
            if row.get("mark"):
                got = _points(row["mark"], mark, f"{path}, {result['student']}, {mark['id']}")
                mark |= {"got": got, "status": tables.MARKED, "message": ""}
                answer = str(tables.harmless(mark["answer"]))
                if (
                    row["answer"] and tables.harmless(row["answer"]).split() != answer.split()
                ):  # whatever its line endings
                    result["notes"].append(f"the answer to {mark['id']} has changed since a person marked it")
    left = [row for row in given.values() if row["mark"] or row["comment"]]
    tables.write_csv(path, rows + left, COLUMNS)
    return [f"{row['student']}, {row['exercise']}" for row in left]


def _read_open_marks(path: Path, students: set[str]) -> dict[tuple[str, str], dict[str, str]]:
    files = [file for file in (path, path.with_suffix(".xlsx")) if file.is_file()]
    if not files:
        return {}
    path = max(files, key=lambda file: file.stat().st_mtime)
    header, *rows = tables.read_table(path)[0]
    missing = [name for name in COLUMNS[:5] if name not in header]
    if missing:
        raise tables.TableError(f"{path}: the column {missing[0]!r} is missing.")
    read: dict[tuple[str, str], dict[str, str]] = {}
    for cells in rows:
        row = dict.fromkeys(COLUMNS, "") | dict(zip(header, map(str.strip, cells), strict=False))
        row = {name: tables.without_apostrophe(row[name]) for name in COLUMNS}
        number = NUMBER.match(row["exercise"])
        # A row that a person added need not have the points, nor the name exactly.
        near = (
            [one for one in students if words(one) == words(row["student"]) != []]
            if not row["points"]
            else []
        )
        if len(near) == 1:
            row["student"] = near[0]
        key = row["student"], number[0] if number else row["exercise"]
        if path.suffix == ".xlsx" and key[1].startswith("late") and re.fullmatch(r"0\.\d+", row["mark"]):
            row["mark"] = f"{100 * float(row['mark']):g}%"  # of a cell with the format of a percentage
        read[key] = row | {name: value for name, value in read.get(key, {}).items() if not row[name]}
    return read


def _points(text: str, mark: dict, where: str) -> float:
    try:
        text = text.removesuffix("%") if mark["status"] == "late" else text
        points = float(text.replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= mark["points"]:
        raise tables.TableError(f"{where}: the mark is {text!r}; give a number from 0 to {mark['points']}.")
    return points


def add_times(results: list[dict], known: dict[str, datetime] | None, due: datetime | None, late) -> None:
    """Add `handed_in` and, to late ones, `late`: a row of open_marks.csv, in which a person may change it.

    Args:
        results: of all submissions; changed in place.
        known: when students submitted, as a platform says; None if the times of the files count.
        due: the last moment; None if nothing is late.
        late: percent taken off for each day that has begun, and at most.

    Raises:
        CourseError: by the times of the files, everybody was late.
    """
    due = due and due.astimezone().replace(tzinfo=None)  # local, as the times are
    for result in results:
        time = datetime.fromtimestamp(result["modified"]) if known is None else known.get(result["student"])
        if not result["path"] or (time and time.year <= EARLIEST):
            time = None
        result |= {"handed_in": f"{time:%Y-%m-%d %H:%M}" if time else "", "late": None}
        result["told"] = known is not None
        if due and time and time > due:
            days = math.ceil((time - due) / timedelta(days=1))
            result["late"] = {
                "id": f"late {tables.short(result['notebook'])}", "title": "percent taken off", "points": 100,
                "got": min(late[0] * days, *late[1:], 100), "status": "late",
                "answer": f"{result['handed_in']}, {days} day{'s' * (days > 1)} late",
            }  # fmt: skip
        elif due and result["path"] and not time:
            result["notes"].append("the time of its submission is not known")
    late_ones = [(one["student"], one["late"]) for one in results if one["path"]]
    if known is None and all(one for _, one in late_ones) and len({student for student, _ in late_ones}) > 1:
        raise CourseError(
            "--due: by the times in the archive, everybody was late. Moodle and Canvas write the time of the "
            "download there. Moodle's worksheet has the real times: give it with --moodle."
        )
