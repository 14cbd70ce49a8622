"""A class of 30 with known marks, graded as an instructor would: every mark is as expected."""

import csv
import json

import markupsafe
import pytest

from helpers.checks import EXERCISES
from instructor import __main__ as command
from tests.support.make_class import make_class

pytestmark = pytest.mark.filterwarnings("ignore:Cell is missing an id field")
GRADED = {number for number in EXERCISES if number[0].isdigit()}  # not those of optional notebooks


@pytest.fixture(scope="module")
def graded(tmp_path_factory, sandbox_here):
    """The expected points, and the folder with the grades."""
    folder = tmp_path_factory.mktemp("class")
    known = make_class(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(folder / "home"))
        patch.delenv("COURSE_DATA", raising=False)
        words = ["grade", str(folder / "class.zip"), "--out", str(folder / "out"), "--marks-only"]
        assert command.main([*words, "--moodle", str(worksheet(folder, known))]) == 0
    return known, folder / "out"


def worksheet(folder, known):
    """Write the worksheet of a Spanish Moodle."""
    path = folder / "calificaciones.csv"
    header = (
        "Identificador;Nombre completo;Calificación;Calificación máxima;Última modificación (calificación)"
    )
    rows = [f"Participante{70_000 + place};{name};;100,00;-" for place, name in enumerate(known)]
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def test_every_mark_is_as_expected(graded):
    known, out = graded
    rows = {row["student"]: row for row in rows_of(out / "grades.csv")}
    assert len(known) == 30
    assert sorted(rows) == sorted(known)
    differing = {
        (student, number): (rows[student][number], points)
        for student, expected in known.items()
        for number, points in expected.items()
        if rows[student][number] != ("" if points is None else str(float(points)))
    }
    assert differing == {}
    assert all(set(expected) == GRADED for expected in known.values())


def test_free_text_answers_are_listed_to_be_read(graded):
    known, out = graded
    listed = {(row["student"], row["exercise"].split()[0]) for row in rows_of(out / "open_marks.csv")}
    waiting = {(student, number) for student in known for number, points in known[student].items()
               if points is None}  # fmt: skip
    assert listed == waiting


def test_moodles_worksheet_has_the_grade_of_everybody_whose_answers_are_read(graded):
    known, out = graded
    header, *rows = (line.split(";") for line in (out / "moodle.csv").read_text("utf-8").splitlines())
    assert header == worksheet(out, known).read_text("utf-8").splitlines()[0].split(";")
    total = sum(EXERCISES[number].points for number in GRADED)
    for row, points in zip(rows, known.values(), strict=True):
        grade = (
            "" if None in points.values() else f"{100 * sum(points.values()) / total:.2f}".replace(".", ",")
        )
        assert row[2] == grade
    assert {row[2] == "" for row in rows} == {True, False}


def test_each_student_gets_a_page_with_every_exercise(graded):
    known, out = graded
    assert len(list((out / "feedback").glob("*.html"))) == len(known)
    results = json.loads((out / "grades.json").read_text(encoding="utf-8"))
    for result in results:
        text = (out / "feedback" / f"{result['slug']}.html").read_text(encoding="utf-8")
        assert str(markupsafe.escape(result["student"])) in text
        if not result["problem"]:
            titles = [f"{mark['id']} {mark['title']}" for mark in result["marks"]]
            assert all(str(markupsafe.escape(title)) in text for title in titles)


def test_the_summary_lists_who_needs_a_look(graded):
    _, out = graded
    summary = (out / "summary.html").read_text(encoding="utf-8")
    assert "several versions" in summary
    assert "was not submitted" in summary
    results = json.loads((out / "grades.json").read_text(encoding="utf-8"))
    assert sum("several versions" in " ".join(result["notes"]) for result in results) == 6
