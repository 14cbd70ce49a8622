"""Return grades: in Moodle's grading worksheet and feedback files, and in Canvas's gradebook."""

import csv
import html
import re
import zipfile
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from dateutil import parser

from helpers.config import language
from helpers.config.language import _
from instructor.grading.names import IDS, words
from instructor.grading.tables import NOT_SUBMITTED, TableError, by_student, days, read_table, spoken_by, sums

# In English and Spanish; in other languages the columns are found by what is in them.
GRADE, MAXIMUM = ("Grade", "Calificación"), ("Maximum Grade", "Maximum grade", "Calificación máxima")
COMMENTS = ("Feedback comments", "Comentarios de retroalimentación")
MONTHS = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
CLOCK = re.compile(r"\d[:.]\d\d")
KEPT = ("EX", "N/A")  # Canvas: excused, not assigned


class Sheet(NamedTuple):
    """A platform's table, to be filled in."""

    rows: list[list[str]]
    form: dict  # of the file: see `read_table`
    grade: int  # index of the column
    maximum: str  # what the platform gives at most, as it writes it
    people: dict[str, tuple[list[str], str]]  # of each student who was found: the row, the platform's number
    comments: int | None = None  # index of the column, if there is one
    times: dict[str, datetime] = {}  # when students submitted, as far as it is known  # noqa: RUF012
    unread: str = ""  # one of these times that cannot be read


def read_moodle(path: Path, results: list[dict]) -> Sheet:
    """Read a grading worksheet as Moodle gives it.

    Raises:
        TableError: it has no column with the maximum grade.

    Source: `mod/assign/gradingtable.php` and `mod/assign/feedback/offline/importgradeslib.php` of Moodle.
    """
    rows, form, header, body = _read(path)
    columns = range(2, len(header) - 1)  # between identifiers and times
    same = [place for place in columns if body and len({row[place] for row in body}) == 1]
    same = [place for place in same if _number(body[0][place])]
    same = [place for place in same if header[place] in MAXIMUM] or same
    if not same:
        raise TableError(
            f"{path} has no column with the maximum grade. Give the worksheet that Moodle offers as "
            "'Download grading worksheet', of an assignment that is graded with points."
        )
    grade = [place for place in columns if header[place] in GRADE] or [same[-1] - 1]
    comments = next((place for place, name in enumerate(header) if name in COMMENTS), None)
    if comments is None and not all(row[-1] for row in body):  # the times, before it, are never empty
        comments = len(header) - 1
    numbers = [re.findall(r"\d*$", row[0].strip())[0] for row in body]
    people = _people(by_student(results), header, body, numbers, 1)
    # Of two columns with times, the first has those of the submissions. The last is for the grades.
    after = range(same[-1] + 1, len(header))
    timed = [one for one in after if all(row[one] == "-" or CLOCK.search(row[one]) for row in body)]
    when = timed[0] if timed[1:] else 0
    times = {student: time for student, (row, _) in people.items() if when and (time := _time(row[when]))}
    unread = next((row[when] for row in body if when and row[when] != "-" and not _time(row[when])), "")
    return Sheet(rows, form, grade[-1], body[0][same[-1]], people, comments, times, unread)


def read_canvas(path: Path, results: list[dict], assignment: str) -> Sheet:
    """Read a gradebook as Canvas exports it; `assignment` is a part of the heading of the column to fill in.

    Raises:
        TableError: it isn't a gradebook, or not exactly one heading fits.

    Source: `lib/gradebook_exporter.rb` and `lib/gradebook_importer.rb` of Canvas.
    """
    rows, form, header, body = _read(path)
    start = next((place for place, row in enumerate(body) if "Points Possible" in row[0]), None)
    if start is None or "ID" not in header:
        raise TableError(f"{path} is not a gradebook as Canvas exports it.")
    # An assignment's heading ends with its number, and it has points: "Notebook 1 (90201)".
    found = [p for p, name in enumerate(header) if re.search(r"\(\d+\)$", name) and _number(body[start][p])]
    fitting = [place for place in found if assignment.casefold() in header[place].casefold()]
    if len(fitting) != 1:
        names = ", ".join(repr(header[place]) for place in found)
        raise TableError(f"{path}: choose one of these columns with --assignment: {names}")
    students = body[start + 1 :]
    ids = [row[header.index("ID")] for row in students]
    people = _people(by_student(results), header, students, ids, 0)
    return Sheet(rows, form, fitting[0], body[start][fitting[0]], people)


def fill_in(sheet: Sheet, results: list[dict], path: Path) -> str:
    """Write a platform's table to `path`, with the grades of students who have one, scaled to its maximum.

    Nothing else in it changes. Returns what the instructor should know.
    """
    told: dict[str, list[str]] = {}
    encoding, count = sheet.form["encoding"], 0
    for student, own in by_student(results).items():
        total, (row, _) = sums(own), sheet.people.get(student, ([], ""))
        if not row or row[sheet.grade].strip() in KEPT:
            what = "Excused, kept" if row else "Not found, or found more than once"
            told.setdefault(what, []).append(student)
        elif not total["final"]:
            nothing = all(one["problem"] == NOT_SUBMITTED for one in own)
            told.setdefault("Nothing submitted" if nothing else "No grade yet", []).append(student)
        else:
            count += 1
            grade = f"{_number(sheet.maximum) * total['got'] / total['out_of']:.2f}"
            row[sheet.grade] = grade.replace(".", ",") if "," in sheet.maximum else grade
            if sheet.comments is not None:
                comment = _comment(own, total).encode(encoding, "xmlcharrefreplace")
                row[sheet.comments] = comment.decode(encoding)
    with path.open("w", encoding=encoding, errors="surrogateescape", newline="") as handle:
        csv.writer(handle, **sheet.form["dialect"]).writerows(sheet.rows)
    return f"{path.name}: {count} grades." + "".join(
        f" {what}: {', '.join(who)}." for what, who in told.items()
    )


def write_feedback_zip(sheet: Sheet, results: list[dict], out: Path) -> None:
    """Pack the feedback pages of everybody with a grade, for Moodle's upload of feedback files in a zip.

    Source: `mod/assign/feedback/file/importziplib.php` of Moodle, which splits the folder's name at "_".
    """
    with zipfile.ZipFile(out / "feedback.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for student, own in by_student(results).items():
            if student in sheet.people and sums(own)["final"]:
                name = " ".join(re.sub(r"[^\w.' -]|_", " ", student).split())
                folder = f"{name}_{sheet.people[student][1]}_assignsubmission_file_"
                archive.write(out / "feedback" / f"{own[0]['slug']}.html", f"{folder}/feedback.html")


def _read(path: Path) -> tuple[list[list[str]], dict, list[str], list[list[str]]]:
    """Return a table, its form, its first row, and its other complete rows."""
    rows, form = read_table(path)
    return rows, form, rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]


def _people(
    students: dict[str, list[dict]], header: list[str], body: list[list[str]], ids: list[str], name: int
) -> dict:
    """Find each student's row and number: by number, else by the name, e-mail or login of one row."""
    called = [{_letters(row[name]), _letters(" ".join(reversed(row[name].split(","))))} for row in body]
    logins = [
        place for place, text in enumerate(header) if place != name and IDS.search(" ".join(words(text)))
    ]
    logged = [{_letters(row[place]) for place in logins} for row in body]
    names = [one | two for one, two in zip(called, logged, strict=True)]  # "Pérez, Ana" is Ana Pérez
    found = {name: ids.index(own[0]["number"]) for name, own in students.items() if own[0]["number"] in ids}
    agreeing = sum(_letters(student) in names[place] for student, place in found.items())
    if 2 * agreeing < len(found) and any(_letters(student) in row for student in students for row in names):
        found = {}  # another assignment's worksheet, in which Moodle numbers participants differently
    for texts in (called, logged):
        free = set(range(len(body))) - set(found.values())
        for student in [one for one in students if one not in found and _letters(one)]:
            fitting = [place for place in free if _letters(student) in texts[place]]
            if len(fitting) == 1:
                found[student] = fitting[0]
    places = list(found.values())
    return {name: (body[one], ids[one]) for name, one in found.items() if places.count(one) == 1}


def _letters(name: str) -> str:
    """Return the letters and digits of a name, without accents and what is added in brackets."""
    return "".join(words(re.sub(r" \([^()]*\)$", "", name.strip())))


def _number(text: str) -> float:
    return float(text.replace(",", ".")) if re.fullmatch(r"\s*\d+(?:[.,]\d+)?\s*", text) else 0.0


class _Words(parser.parserinfo):
    MONTHS = [(*one, two) for one, two in zip(parser.parserinfo.MONTHS, MONTHS.split(), strict=True)]  # noqa: RUF012


def _time(text: str) -> datetime | None:
    """Read a time as Moodle writes it in English or Spanish."""
    try:  # what the text does not say, or says in another language, differs
        defaults = datetime(2000, 1, 1), datetime(2001, 2, 2)
        one, two = (parser.parse(text, _Words(True), fuzzy=True, default=default) for default in defaults)
    except (ValueError, OverflowError):
        return None
    return one if one == two else None


def _comment(own: list[dict], total: dict) -> str:
    """Return a student's feedback comment, in HTML, which is what Moodle takes it for."""
    with language.speaking(spoken_by(own)):
        lines, points = _lines(own), _("{got:g} of {points:g} points")
    items = "".join(f"<li>{html.escape(line.strip())}</li>" for line in lines)
    text = f"<p>{points.format(got=total['got'], points=total['out_of'])}</p><ul>{items}</ul>"
    text = re.sub(r"[=+@＝＋－＠-]", lambda sign: f"&#{ord(sign[0])};", text)  # no formulas
    return text.replace("\n", " ")


def _lines(own: list[dict]) -> list[str]:
    """Say what is worth less than its points, or has a comment, and what is taken off for being late."""
    said, off = _("{number} {title}: {got:g} of {points:g}. {message}"), _("{percent:g}% taken off: {why}")
    lines = [
        f"{said.format(**mark | {'number': mark['id'], 'title': _(mark['title'])})} {mark['comment']}"
        for mark in (mark for one in own for mark in one["marks"])
        if mark["got"] < mark["points"] or mark["comment"]
    ]
    late = [one["late"] for one in own if one["late"]]
    return [*lines, *(off.format(percent=one["got"], why=days(one["answer"])) for one in late)]
