"""Tables of grades, and tables in every form that spreadsheets and learning platforms save."""

import csv
import io
import json
import re
import unicodedata
import zipfile
from collections import defaultdict
from pathlib import Path

import pandas as pd

from helpers._common import CourseError
from helpers.checks.exercise import COURSES_OWN
from helpers.config.language import in_all, ngettext
from instructor.grading.course import REPORT
from instructor.grading.oddities import from_the_course, length, odd_names

NOT_SUBMITTED, MARKED = "was not submitted", "marked by hand"
# Spreadsheets interpret a text that starts with these as a formula, in any cell that their own separator
# makes of it: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = re.compile(r"(^|[,;|\t\r\n])([ \"]*+)(?=[=+\-@＝＋－＠])")
# Not if it is closed: "see, '-x' is wrong".
ADDED = re.compile(r"(^|[,;|\t\r\n])([ \"]*)'(?=[=+\-@＝＋－＠])(?![^']*'(?!\w))")
LONGEST_FIELD = 2**24  # an answer may be longer than the default limit of csv
MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # of byte order


class TableError(CourseError):
    """A table of students, marks or grades cannot be read, or not be filled in."""


def spoken_by(own: list[dict]) -> str:
    """Return the language of a student's results: that of the first notebook that was submitted."""
    return next((one.get("language", "en") for one in own if one["path"]), "en")


def days(late: str) -> str:
    """Say by how much a notebook was late, from "2026-11-26 10:00, 2 days late"."""
    found = re.search(r", (\d+) days? late$", late)
    count = int(found[1]) if found else 0
    return ngettext("{count} day late", "{count} days late", count).format(count=count) if found else late


def harmless(value: object) -> object:
    """Return a value of a CSV file, with an apostrophe before what would be a formula."""
    return FORMULA.sub(r"\1\2'", value) if isinstance(value, str) else value


def without_apostrophe(text: str) -> str:
    """Remove the apostrophes that `harmless` added."""
    return ADDED.sub(r"\1\2", text)


def plain(value):
    """Return a value without control characters in its texts, at any depth; tabs and line breaks stay."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if not isinstance(value, str) or value.isprintable():
        return value
    return "".join(char for char in value if char in "\t\n" or unicodedata.category(char)[0] != "C")


def by_student(results: list[dict]) -> dict[str, list[dict]]:
    """Group results by student, in the order of the course's notebooks."""
    students: dict[str, list[dict]] = defaultdict(list)
    for result in results:
        students[result["student"]].append(result)
    return students


def short(notebook: str) -> str:
    """Return a short name: "01" of 01_dataset_assembly, "report" of report."""
    return notebook.partition("_")[0]


def reproduces(result: dict) -> str:
    """Return whether a notebook runs from top to bottom, or that it was not run."""
    if result["rerun"]:
        return result["rerun"]["verdict"]
    return "not run by itself" if result["notebook"] == REPORT else "not run"


def sums(results: list[dict]) -> dict:
    """Sum the points of results: `got` so far, less what is taken off for being late; `out_of` in total;
    `waiting` for a person; and `final`, whether they are a grade: something was submitted, nothing waits.
    """
    got = 0.0
    for one in results:
        off = one["late"]["got"] if one.get("late") else 0
        got += sum(mark["got"] or 0 for mark in one["marks"]) * (1 - off / 100)
    marks = [mark for result in results for mark in result["marks"]]
    waiting = sum(mark["points"] for mark in marks if mark["got"] is None)
    given = any(one["problem"] != NOT_SUBMITTED for one in results)
    final = not waiting and (given or any(mark["status"] == MARKED for mark in marks))
    out_of = sum(mark["points"] for mark in marks)
    return {"got": round(got, 4), "out_of": out_of, "waiting": waiting, "final": final}


def reasons_to_look(results: list[dict]) -> list[str]:
    """List the reasons why a person should look at a student's submission, one line each."""
    reasons = []
    for result in results:
        name = short(result["notebook"])
        reasons += [f"{name}: {note}" for note in result["notes"]]
        if result["problem"] and result["problem"] not in "; ".join(result["notes"]):
            reasons.append(f"{name}: {result['problem']}")
        if result["rerun"] and result["rerun"]["verdict"] == "no":
            failed = [f"cell {one['place'] + 1}, {one['reason']}" for one in result["rerun"]["failures"]]
            reasons.append(f"{name}: does not run: {[*failed, result['rerun']['reason']][0]}")
        if result["stored"] and result["stored"]["verdict"] == "differ":
            reasons.append(f"{name}: stored results differ from the re-run")
        waiting: dict[str, list[str]] = {}
        for mark in result["marks"]:
            which = f"{name}: exercise {mark['id']}"
            if any(text in mark["message"] for text in in_all(COURSES_OWN)) or "EXERCISES[" in mark.get(
                "answer", ""
            ):
                reasons.append(f"{which} is answered with the course's own function")
            if mark["got"] is None and mark["status"] != "by hand" and not result["problem"]:
                waiting.setdefault(mark["message"], []).append(mark["id"])
            if odd := odd_names(mark):
                reasons.append(f"{which} uses {', '.join(odd)}")
            if mark["status"] in ("by hand", MARKED) and (copied := from_the_course(mark)):
                reasons.append(f"{which} {copied}")
        unread = [(mark["id"], *length(mark)) for mark in result["marks"] if mark["status"] == "by hand"]
        unusual = [f"{number} has {said}" for number, said, expected in unread if not expected]
        reasons += [f"{name}: length: {'; '.join(unusual)}"] if unusual else []
        reasons += [f"{name}: no mark for {', '.join(ids)}: {message}" for message, ids in waiting.items()]
        if not result["problem"] and all(mark["status"] == "not found" for mark in result["marks"]):
            reasons.append(f"{name}: no answer cell was found")
    return reasons


def write_grades(results: list[dict], out: Path) -> None:
    """Write grades.csv and grades.xlsx, one row per student, and grades.json, which has everything but
    figures and answers, to a folder.
    """
    exercises, rows = [mark["id"] for result in results for mark in result["marks"]], []
    for student, own in by_student(results).items():
        total = sums(own)
        row = {"student": student, "number": own[0]["number"]} | dict.fromkeys(exercises)
        row |= {mark["id"]: mark["got"] for one in own for mark in one["marks"]}
        row |= {"points": total["got"], "out of": total["out_of"], "waiting": total["waiting"]}
        for one in own:
            name = short(one["notebook"])
            row |= {f"submitted {name}": one["handed_in"], f"% off {name}": (one["late"] or {}).get("got")}
            row[f"reproduces {name}"] = reproduces(one)
        rows.append(row | {"look": "; ".join(reasons_to_look(own))})
    write_csv(out / "grades.csv", rows).to_excel(out / "grades.xlsx", index=False, freeze_panes=(1, 1))
    content = json.dumps(list(map(_slim, results)), indent=2)
    (out / "grades.json").write_text(f"{content}\n", encoding="utf-8")


def _slim(result: dict) -> dict:
    marks, again = [_without(mark, "answer") for mark in result["marks"]], result["rerun"]
    again = again and _without(again, "figures", "texts")
    return result | {"marks": marks, "rerun": again, "points": sums([result])}


def _without(values: dict, *left_out: str) -> dict:
    return {key: value for key, value in values.items() if key not in left_out}


def write_csv(path: Path, rows: list[dict], columns: list[str] | None = None) -> pd.DataFrame:
    """Write a table without formulas, to a temporary file that is then renamed; return what is in it.

    Args:
        path: of the file; its folder is created if it doesn't exist.
        rows: values by column.
        columns: their names, in order; those of the rows by default.
    """
    table = pd.DataFrame(rows, columns=columns).map(harmless)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    table.to_csv(temporary, index=False, encoding="utf-8-sig")  # with this mark, spreadsheets read accents
    temporary.replace(path)
    return table


def read_table(path: Path) -> tuple[list[list[str]], dict]:
    """Read a table, as .xlsx or as CSV in any encoding and with any separator that spreadsheets use.

    Returns:
        Its rows, at least one, and the form of the file: its `encoding` and its `dialect` for csv.

    Raises:
        TableError: the file cannot be read.
    """
    try:
        if path.suffix.lower() == ".xlsx":
            table = pd.read_excel(path, header=None, dtype=str, keep_default_na=False)
            return table.values.tolist() or [[]], {}
        content = path.read_bytes()
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise TableError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeError:  # what Excel saves in Western countries
        encoding = "cp1252"
        text = content.decode(encoding, "surrogateescape")
    first = text.partition("\n")[0]
    ending = "\r\n" if first.endswith("\r") else "\n"
    dialect = {"delimiter": max(",;\t", key=first.count), "lineterminator": ending}
    csv.field_size_limit(LONGEST_FIELD)
    rows = list(csv.reader(io.StringIO(text, newline=""), **dialect))
    return rows or [[]], {"encoding": encoding, "dialect": dialect}
