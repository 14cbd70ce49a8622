"""A class of 30 with known marks, graded as an instructor would: every mark is as expected."""

import csv
import json
import re

import markupsafe
import pytest

from helpers.checks import EXERCISES
from instructor import __main__ as command
from tests.support.make_class import COPIES, MODEL, PARAGRAPHS, SHORT, UNTOUCHED, make_class

pytestmark = pytest.mark.filterwarnings("ignore:Cell is missing an id field")
GRADED = {number for number in EXERCISES if number[0] in "12R"}  # not those of optional notebooks


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
    assert sum("several versions" in " ".join(result["notes"]) for result in results) == 9


def test_a_hand_in_is_three_notebooks_and_needs_no_look(graded):
    known, out = graded
    results = json.loads((out / "grades.json").read_text(encoding="utf-8"))
    for student in [*known][::10]:
        own = [one for one in results if one["student"] == student]
        assert [one["path"].partition("hand-in.zip/")[2] for one in own] == [
            "01_dataset_assembly.ipynb",
            "02_classification_and_segmentation.ipynb",
            "report.ipynb",
        ]
        assert [one["notes"] for one in own] == [[], [], []]
        assert own[2]["rerun"] is None


def test_reports_are_handled_as_the_class_made_them(graded):
    """An untouched template, one without a report, a model answer, and a text that is too short."""
    known, out = graded
    names, rows = [*known], {row["student"]: row for row in rows_of(out / "grades.csv")}
    assert {rows[names[UNTOUCHED]][number] for number in GRADED if number[0] == "R"} == {"0.0"}
    assert "report" not in rows[names[UNTOUCHED]]["look"]
    assert "report: was not submitted" in rows[names[9]]["look"]
    assert re.search(r"report: exercise R\.6 has \d+ words of the course's", rows[names[MODEL]]["look"])
    assert "report: length: R.2 has 3 words, 40 to 150 expected" in rows[names[SHORT]]["look"]
    flagged = {name for name in names if re.search(r"report: (length|exercise)", rows[name]["look"])}
    assert flagged == {names[MODEL], names[SHORT]}
    lengths = {row["exercise"]: row["length"] for row in rows_of(out / "open_marks.csv")
               if row["student"] == names[SHORT]}  # fmt: skip
    assert lengths["R.2 Objectives"] == "3 words, 40 to 150 expected"


def test_only_copied_texts_are_listed_as_alike(graded):
    known, out = graded
    names, results = [*known], json.loads((out / "grades.json").read_text(encoding="utf-8"))
    assert "answer" not in results[0]["marks"][0]  # so what the page says is compared
    summary = (out / "summary.html").read_text(encoding="utf-8")
    start = summary.index("<h2>Answers that are alike</h2>")
    section = summary[start : summary.index("<h2>", start + 9)]
    found = re.findall(r"<summary>(.+?): (\d+) words</summary>", section)
    texts = {tuple(names[place] for place in COPIES): 150, tuple(names[place] for place in PARAGRAPHS): 50}
    expected = [(str(markupsafe.escape(" and ".join(pair))), str(words)) for pair, words in texts.items()]
    assert [one for one in found if one in expected] == expected
    assert section.count("R.1 The problem") == section.count("R.6 Discussion") == 1
