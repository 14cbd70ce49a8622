"""Submitted files, names of students, and notebooks."""

import base64
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.config.settings import COURSE_FOLDER
from instructor.grading import intake, names, tables
from instructor.grading.course import Course
from instructor.grading.papers import Cell, Paper, PaperError, read_paper
from instructor.grading.reproduction import checked_png
from instructor.grading.submissions import submissions
from instructor.notebooks.student_edition import OPEN_STUB, answer_cells, is_stub
from tests.support import tiny_course as tiny


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.fixture
def course(tmp_path):
    return Course.load(tiny.student_edition(tmp_path / "edition"))


def who(path: str) -> names.Person:
    return names.people([tuple(path.split("/"))])[0]


@pytest.mark.parametrize(
    ("path", "student", "number"),
    [
        ("Ana Pérez_123456_assignsubmission_file_/02_x.ipynb", "Ana Pérez", "123456"),
        ("Ana Pérez_123456_assignsubmission_file/02_x.ipynb", "Ana Pérez", "123456"),  # newer ones
        ("Ana Pérez_123456_assignsubmission_file_02_x.ipynb", "Ana Pérez", "123456"),
        ("Ana Pérez_123456_assignsubmission_onlinetext_onlinetext.html", "Ana Pérez", "123456"),
        ("Participante_55_assignsubmission_file_/02_x.ipynb", "Participante", "55"),
        ("Grupo A_7_assignsubmission_file/02_x.ipynb", "Grupo A", "7"),
        ("Grupo por defecto_assignsubmission_file/02_x.ipynb", "Grupo por defecto", None),
        ("Ana_1_assignsubmission_file_Bo_2_assignsubmission_file_02_x.ipynb", "Ana", "1"),
        ("397063-2557369 - Mary-Ann Smith - Sep 24, 2026 926 PM/x.ipynb", "Mary-Ann Smith", "397063"),
        ("397063-2557369 - Ana Pérez - 24 sept. 2026 2126/02_x.ipynb", "Ana Pérez", "397063"),
        ("397063-2557369 - Ana - 24 sept. 2026 2126 - 02_x - Bo.ipynb", "Ana", "397063"),
        ("perezana_340934_208490284_01_dataset_assembly.ipynb", "perezana", "340934"),
        ("perezana_LATE_340934_208490285_01_dataset_assembly-1.ipynb", "perezana", "340934"),
        ("perezana_340934_208490284_smithbo_340935_208490285_01.ipynb", "perezana", "340934"),
        ("de_la_cruzana_340934_208490284_01.zip", "de_la_cruzana", "340934"),
        ("anon_Xy12z_208490284_01_x.ipynb", "anon", "Xy12z"),
        ("LATE_anon_Xy12z_208490284_01_x.ipynb", "anon", "Xy12z"),
        ("Notebook 1_ana_attempt_2026-01-30-20-30-10_01.ipynb", "ana", None),
        ("Tarea_1_ana_intento_2026-01-30-20-30-10.txt", "ana", None),
        ("hw_ana_attempt_2026-01-30-20-30-10_x_bo_attempt_2026-01-30-20-30-10_01.ipynb", "ana", None),
        ("submission_12345/01_dataset.ipynb", "submission_12345", None),
        ("ana/02_classification.ipynb", "ana", None),
        ("Ana Pérez - 02_classification.ipynb", "Ana Pérez", None),
        ("Copy of 02_classification - Ana Pérez (3).ipynb", "Ana Pérez", None),
        ("Ana Pérez - Copy of 01_dataset_assembly.ipynb.json", "Ana Pérez", None),
        ("Cópia de 02_classification_and_segmentation - Ana.ipynb", "Ana", None),
        ("Ana Pérez - entrega.zip", "Ana Pérez - entrega", None),
        ("Ana Pérez - hand-in.zip", "Ana Pérez", None),
        ("Ana Pérez - report.ipynb", "Ana Pérez", None),
        ("Copia de report - Ana Pérez (1).ipynb", "Ana Pérez", None),
        ("Ana Pérez - informe.ipynb", "Ana Pérez", None),
        ("ana.ipynb", "ana", None),
        ("a\nb\u202ec/01.ipynb", "a b c", None),
        ("Ana Pe\N{COMBINING ACUTE ACCENT}rez/01.ipynb", "Ana Pérez", None),  # as macOS writes it
    ],
)
def test_the_platform_says_whose_a_file_is(path, student, number):
    person = who(path)
    assert (names.labels([person])[person], person.number) == (student, number)
    assert person.named


TITLES = [
    "{} 02_x.ipynb", "{} 02_x (2).ipynb", "{} 01_dataset_assembly.ipynb", "{} classification.ipynb",
]  # fmt: skip
COPIES = ["Copy of", "Copia de", "Cópia de", "Copia di", "Copie de", "Kopie von", "Kopi av", "Копия", "复件"]


@pytest.mark.parametrize("copy", COPIES)
def test_copies_without_a_name_are_never_one_students(copy):
    files = [(title.format(copy),) for title in TITLES]
    people = names.people(files)
    assert len(set(people)) == len(set(names.labels(people).values())) == len(files)
    assert not any(person.named for person in people)


@pytest.mark.parametrize("copy", COPIES)
def test_files_that_name_their_student_are_joined_once_per_notebook(copy):
    files = [(f"{copy} 0{number}_x - {name}.ipynb",) for number in (1, 2) for name in ("Ana", "Bo")]
    assert len(set(names.people(files))) == 2
    ana, again, bo = names.people(
        [("Ana - 01_x.ipynb",), (f"{copy} 01_x - Ana.ipynb",), ("Bo - 01_x.ipynb",)]
    )
    assert len({ana, again, bo}) == 3  # the second may be another Ana's, or somebody's who claims it


def wrapped(*paths: str) -> int:
    return names.wrapping([tuple(path.split("/")) for path in paths])


def test_folders_around_everything_are_not_students():
    assert wrapped("HW 1/ana/01_x.ipynb", "HW 1/bo/01_x.ipynb") == 1
    assert wrapped("a/HW 1/ana/01_x.ipynb", "a/HW 1/bo.ipynb") == 2
    assert wrapped("HW 1/ana.ipynb", "HW 1/bo.ipynb") == 1
    assert wrapped("HW 1/Copy of 02_x.ipynb", "HW 1/Copy of 02_x (1).ipynb") == 1
    assert wrapped("HW 1/02_x.ipynb", "HW 1/02_x (1).ipynb") == 1
    assert wrapped("HW 1/Ana - 01_x.ipynb") == 1
    assert wrapped("ana/01_x.ipynb", "ana/02_x.ipynb") == 0
    assert wrapped("ana/01_x.ipynb") == 0
    assert wrapped("Ana_1_assignsubmission_file_/a.ipynb", "Ana_1_assignsubmission_file_/b.ipynb") == 0
    assert wrapped("ana/01_x.ipynb", "bo/01_x.ipynb") == 0


def test_students_who_share_a_name_are_told_apart():
    paths = [
        "Ana_11_assignsubmission_file_/1",
        "Bo_12_assignsubmission_file_/1",
        "Ana_13_assignsubmission_file_/1",
    ]
    people = names.people([tuple(path.split("/")) for path in paths])
    assert list(names.labels(people).values()) == ["Ana (11)", "Bo", "Ana (13)"]


ANY = st.text(st.characters(exclude_characters="/\x00"), min_size=1, max_size=100)
ANY = ANY.filter(lambda part: part not in (".", ".."))
MOODLES = r"[AB][a\u0301 ]?( \(1[12]\))?_1[12]_assignsubmission_file_?"
CANVASES = r"(ab?|\w)(_LATE)?_1[12]_2222_x"
PLACES = [  # a download is of one platform
    st.lists(st.tuples(st.one_of(ANY, st.from_regex(one, fullmatch=True)), ANY), min_size=1, max_size=20)
    for one in (MOODLES, CANVASES)
]


@given(st.one_of(PLACES), st.data())
def test_two_students_never_have_one_name(places, data):
    people = names.people(places)
    found = names.labels(people)
    assert len({label.casefold() for label in found.values()}) == len({person.key for person in people})
    one = data.draw(st.sampled_from(places))
    alone = names.people([one])[0].key
    # Files that give the same number of an attachment, which only one can have, are graded by themselves.
    assert people[places.index(one)].key in (alone, ("file", one[0]))


def test_two_files_with_one_number_of_an_attachment_are_graded_apart():
    people = names.people([("ab_11_2222_x",), ("ab_LATE_11_2222_x",), ("ab_11_3333_x",)])
    assert [person.key[0] for person in people] == ["file", "file", "platform"]


@given(st.lists(st.text(), unique=True))
def test_file_names_are_plain_and_unique(students):
    made = names.slugs(students)
    assert set(made) == set(students)
    assert len(set(made.values())) == len(students)
    assert all(slug and set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for slug in made.values())


def test_a_folder_is_read_without_following_links(tmp_path):
    (tmp_path / "secret.ipynb").write_text(tiny.notebook())
    source = tmp_path / "in"
    (source / "ana").mkdir(parents=True)
    (source / "ana" / "01_tiny.ipynb").write_text(tiny.notebook())
    (source / "ana" / "notes.docx").write_text("notes")
    (source / "ana" / "linked.ipynb").symlink_to(tmp_path / "secret.ipynb")
    (source / "bo").symlink_to(tmp_path)
    found = {str(one.path): one.problem for one in intake.collect(source)}
    assert found["ana/01_tiny.ipynb"] is None
    assert "not a notebook" in found["ana/notes.docx"]
    assert "link" in found["ana/linked.ipynb"]
    assert "link" in found["bo"]
    assert len(found) == 4


def test_archives_within_archives_are_opened_once(tmp_path):
    inner = zipped({"01_tiny.ipynb": tiny.notebook().encode(), "__MACOSX/._01_tiny.ipynb": b""})
    (tmp_path / "in.zip").write_bytes(zipped({"ana/all.zip": inner, "bo/deep.zip": zipped({"a.zip": inner})}))
    found = {str(one.path): one for one in intake.collect(tmp_path / "in.zip")}
    assert found["ana/all.zip/01_tiny.ipynb"].student == "ana"
    assert found["ana/all.zip/01_tiny.ipynb"].problem is None
    assert "in another" in found["bo/deep.zip/a.zip"].problem
    assert len(found) == 2


def undeclared(name: bytes) -> bytes:
    """An archive whose member has these bytes for a name, with bit 11 not set."""
    placeholder = ("x" * len(name)).encode()
    return zipped({placeholder.decode(): b"{}"}).replace(placeholder, name)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("Jürgen Müller/01.ipynb".encode(), "Jürgen Müller/01.ipynb"),
        ("Ана Петрова/01.ipynb".encode(), "Ана Петрова/01.ipynb"),
        ("李明\\01.ipynb".encode(), "李明/01.ipynb"),
        ("Jürgen/01.ipynb".encode("cp437"), "Jürgen/01.ipynb"),  # what the format says
        (b"Ana/01.ipynb", "Ana/01.ipynb"),
        (
            "Jürgen/01.ipynb".encode("cp1252"),
            "J\N{SUPERSCRIPT LATIN SMALL LETTER N}rgen/01.ipynb",
        ),  # not UTF-8
    ],
)
def test_undeclared_names_that_are_utf_8_are_taken_for_it(tmp_path, stored, read, deep):
    content = undeclared(stored)
    (tmp_path / "in.zip").write_bytes(zipped({"all.zip": content}) if deep else content)
    (found,) = intake.collect(tmp_path / "in.zip")
    assert str(found.path) == ("all.zip/" if deep else "") + read
    assert found.problem is None


def test_declared_names_stay_as_they_are(tmp_path):
    name = "├╝/01.ipynb"  # in cp437, the bytes of a ü in UTF-8
    (tmp_path / "in.zip").write_bytes(zipped({name: b"{}"}))
    (found,) = intake.collect(tmp_path / "in.zip")
    assert str(found.path) == name


def test_a_zip_bomb_is_not_unpacked_completely(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "LARGEST_BYTES", 1 << 20)
    (tmp_path / "in.zip").write_bytes(zipped({"ana/01.ipynb": bytes(64 << 20), "bo/01.ipynb": b"{}"}))
    one, other = intake.collect(tmp_path / "in.zip")
    assert "larger than 1 MB" in one.problem
    assert other.problem is None
    assert len(one.stored.read()) == (1 << 20) + 1  # even if somebody asked for it


@pytest.mark.parametrize("deep", [False, True])
def test_a_file_that_is_larger_than_its_archive_says_is_not_read_on(tmp_path, deep):
    honest = zipped({"01.ipynb": bytes(64 << 20)})
    lying = honest.replace((64 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    (tmp_path / "in.zip").write_bytes(zipped({"ana/all.zip": lying}) if deep else lying)
    (one,) = intake.collect(tmp_path / "in.zip")
    assert one.size == 9
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        one.stored.read()


def test_an_archive_of_many_files_is_read_up_to_a_number(tmp_path, monkeypatch, course):
    monkeypatch.setattr(intake, "MOST_FILES", 3)
    files = {f"{number}.docx": b"" for number in range(9)} | {"z/01_tiny.ipynb": tiny.notebook().encode()}
    (tmp_path / "in.zip").write_bytes(zipped({"ana/all.zip": zipped(files), "bo/01.ipynb": b"{}"}))
    ana, _ = submissions(intake.collect(tmp_path / "in.zip"), course)
    assert ana.path == "ana/all.zip/z/01_tiny.ipynb"
    assert "10 files; 3 were looked at" in "; ".join(ana.notes)


def test_a_platforms_archive_in_a_folder_is_not_one_students(tmp_path, course):
    content = {
        f"{name}_assignsubmission_file/01_tiny.ipynb": tiny.notebook().encode() for name in ("A_1", "B_2")
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "HW 1.zip").write_bytes(zipped(content))
    (tmp_path / "in" / "HW 2.zip").write_bytes(zipped(content))
    for one in submissions(intake.collect(tmp_path / "in"), course):
        assert "has submissions of several students: grade this archive by itself" in one.problem


def test_a_huge_list_of_files_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "LARGEST_INDEX_BYTES", 1000)
    many = zipped({f"{number}.ipynb": b"" for number in range(30)})
    (tmp_path / "in.zip").write_bytes(zipped({"ana/all.zip": many, "bo/01.ipynb": b"{}"}))
    ana, bo = intake.collect(tmp_path / "in.zip")
    assert "too many files" in ana.problem
    assert bo.problem is None


def test_the_files_of_one_student_are_read_up_to_a_size(tmp_path, monkeypatch, course):
    whole = tiny.notebook(*tiny.RIGHT)
    monkeypatch.setattr("instructor.grading.submissions.MOST_BYTES", 3 * len(whole.encode()))
    for student, count in (("ana", 5), ("bo", 1)):
        (tmp_path / "in" / student).mkdir(parents=True)
        for number in range(count):
            (tmp_path / "in" / student / f"01_tiny ({number}).ipynb").write_text(whole)
    ana, bo = submissions(intake.collect(tmp_path / "in"), course)
    assert "each of 2 files was not read" in ana.notes[0]
    assert ana.notes[0].endswith("ana/01_tiny (3).ipynb, ana/01_tiny (4).ipynb")
    assert ana.content == bo.content == whole.encode()
    assert not bo.notes


def test_a_damaged_archive_is_reported(tmp_path, course):
    whole = zipped({"a/01.ipynb": tiny.notebook().encode() * 9, "b/01_tiny.ipynb": tiny.notebook().encode()})
    (tmp_path / "in.zip").write_bytes(whole[:60] + b"\x00" * 40 + whole[100:])
    a, b = submissions(intake.collect(tmp_path / "in.zip"), course)
    assert "cannot be read" in a.problem
    assert b.problem is None


def test_a_damaged_archive_does_not_stop_the_others(tmp_path, course):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("01_tiny.ipynb", tiny.notebook())
    inner = bytearray(made.getvalue())
    inner[60:200] = bytes(140)  # zipfile lets the decompressor's own error through
    cut = zipped({"01_tiny.ipynb": tiny.notebook().encode()})[:-9]
    files = {"ana/all.zip": bytes(inner), "bo/01_tiny.ipynb": tiny.notebook().encode(), "cy/all.zip": cut}
    (tmp_path / "in.zip").write_bytes(zipped(files))
    ana, bo, cy = submissions(intake.collect(tmp_path / "in.zip"), course)
    assert "cannot be read" in ana.problem
    assert bo.problem is None
    assert "cannot be read" in cy.problem


def test_what_systems_add_is_nobodys(tmp_path):
    files = ["desktop.ini", "Thumbs.db", ".DS_Store", "._Ana - 01.ipynb", "index.html", "__MACOSX/x.ipynb",
             "submission_metadata.yml", "ana/.ipynb_checkpoints/01-checkpoint.ipynb", "ana/01.ipynb",
             "ana/index.html", "bo/all.zip", "HW/desktop.ini"]  # fmt: skip
    inner = zipped(dict.fromkeys(["__MACOSX/._01.ipynb", "01.ipynb", "Desktop.ini", ".git/HEAD"], b"{}"))
    (tmp_path / "in.zip").write_bytes(zipped({name: inner for name in files if not name.startswith("HW")}))
    found = {str(one.path): one.student for one in intake.collect(tmp_path / "in.zip")}
    assert found == {"ana/01.ipynb": "ana", "ana/index.html": "ana", "bo/all.zip/01.ipynb": "bo"}


@pytest.mark.parametrize("packed", [False, True])
def test_who_submitted_nothing_that_can_be_read_is_listed(tmp_path, course, packed):
    source = tmp_path / "in"
    for name in ("ana/empty/deeper", "bo", "cy/.git", "di", "eve", "fay"):
        (source / name).mkdir(parents=True)
    (source / "cy/.git/HEAD").write_text("x")
    (source / "di/all.zip").write_bytes(zipped({}))
    (source / "eve/all.zip").write_bytes(zipped({"__MACOSX/._01.ipynb": b""}))
    (source / "fay/01_tiny.ipynb").write_text(tiny.notebook())
    (source / "fay/empty").mkdir()
    if packed:
        source = Path(shutil.make_archive(str(tmp_path / "all"), "zip", source))
    found = submissions(intake.collect(source), course)
    assert [one.student for one in found] == ["ana", "bo", "cy", "di", "eve", "fay"]
    folders = ["each of 3 files has no files in it: ana, ana/empty, ana/empty/deeper"]
    folders += ["bo has no files in it", "cy has no files in it"]
    archives = [f"{name}/all.zip is a zip archive without files" for name in ("di", "eve")]
    assert [note for one in found for note in one.notes] == folders + archives
    assert [one.problem for one in found] == [*["was not submitted"] * 3, *archives, None]
    assert found[-1].notes == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs pipes")
def test_what_cannot_be_read_is_listed(tmp_path, course, monkeypatch):
    for name in ("ana", "bo", "cy", "di"):
        (tmp_path / "in" / name).mkdir(parents=True)
    os.mkfifo(tmp_path / "in/ana/01_tiny.ipynb")
    for name in ("bo/01_tiny.ipynb", "cy/01_tiny.ipynb", "di/01_tiny.ipynb"):
        (tmp_path / "in" / name).write_text(tiny.notebook())
    (tmp_path / "in/cy/01_tiny.ipynb").chmod(0)
    refuse(monkeypatch, "open", "cy/01_tiny.ipynb")
    refuse(monkeypatch, "iterdir", "in/di")
    found = {one.student: one.problem for one in submissions(intake.collect(tmp_path / "in"), course)}
    assert "pipe or a device" in found["ana"]
    assert found["bo"] is None
    assert "Permission denied" in found["cy"]
    assert "cannot be read" in found["di"]


def refuse(monkeypatch, method: str, ending: str) -> None:
    """Let a file be unreadable, for root as well."""
    real = getattr(Path, method)

    def refusing(path, *given, **named):
        if path.as_posix().endswith(ending):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *given, **named)

    monkeypatch.setattr(Path, method, refusing)


@pytest.mark.skipif(sys.platform == "win32", reason="paths are shorter there")
def test_deep_folders_are_read(tmp_path):
    deep = tmp_path / "in" / "ana" / "/".join(["d"] * 1400)
    subprocess.run(["mkdir", "-p", deep, tmp_path / "in" / "bo"], check=True)
    (deep / "01.ipynb").write_text("{}")
    found = intake.collect(tmp_path / "in")
    subprocess.run(["rm", "-r", tmp_path / "in"], check=True)  # pytest cannot
    assert {one.student for one in found} == {"ana", "bo"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are whole characters")
def test_file_names_that_are_not_utf_8_are_latin_1(tmp_path):
    for name in (b"P\xe9rez", b"P\xedrez", "Pérez 2".encode()):
        (tmp_path / os.fsdecode(name)).mkdir()
        (tmp_path / os.fsdecode(name) / "01.ipynb").write_text(tiny.notebook())
    assert [one.student for one in intake.collect(tmp_path)] == ["Pérez 2", "Pérez", "Pírez"]


@pytest.mark.parametrize("kind", ["missing", "empty", "text"])
def test_a_source_without_submissions_is_reported(tmp_path, kind):
    source = tmp_path / kind
    if kind == "empty":
        source.mkdir()
    if kind == "text":
        source.write_text("hello")
    with pytest.raises(intake.IntakeError, match=kind):
        intake.collect(source)


def test_the_latest_version_counts_and_a_missing_notebook_is_reported(tmp_path, course):
    source = tmp_path / "in"
    versions = {"01_tiny.ipynb": 3, "01_tiny (1).ipynb": 9, "Copy of 01_tiny.ipynb": 5}
    for name, minute in versions.items():
        (source / "ana").mkdir(parents=True, exist_ok=True)
        (source / "ana" / name).write_text(tiny.notebook(question=f"{tiny.QUESTION}{name}"))
        moment = time.mktime((2026, 1, 1, 0, minute, 0, 0, 0, -1))
        __import__("os").utime(source / "ana" / name, (moment, moment))
    (source / "bo").mkdir()
    (source / "bo" / "other.ipynb").write_text('{"cells": [{"cell_type": "code", "source": "1 + 1"}]}')
    ana, bo = submissions(intake.collect(source), course)
    assert ana.path == "ana/01_tiny (1).ipynb"
    assert "several versions" in ana.notes[0]
    assert bo.content is None
    assert "not one of the notebooks that are graded" in bo.problem


def test_an_optional_notebook_is_noted_and_not_graded(tmp_path, course):
    """Though it has cells with the ids of the others, and is the latest file."""
    pair = {
        "01_tiny.ipynb": tiny.notebook(),
        "grad_cam.ipynb": re.sub("(Exercise|Think!) 1", r"\1 G", tiny.notebook()),
    }
    for name, files in {"ana": pair, "bo": ["grad_cam.ipynb"]}.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        for file in files:
            (tmp_path / "in" / name / file).write_text(pair[file])
    ana, bo = submissions(intake.collect(tmp_path / "in"), course)
    note = "grad_cam.ipynb is not one of the notebooks that are graded"
    assert (ana.path, ana.problem, ana.notes) == ("ana/01_tiny.ipynb", None, [f"ana/{note}"])
    assert (bo.content, bo.problem) == (None, f"bo/{note}")


def test_a_file_is_read_when_it_is_graded(tmp_path, course):
    (tmp_path / "in" / "ana").mkdir(parents=True)
    (tmp_path / "in" / "ana" / "01_tiny.ipynb").write_text(tiny.notebook())
    ana, bo = submissions(intake.collect(tmp_path / "in"), course, ["bo"])
    assert (bo.problem, bo.content) == ("was not submitted", None)
    carried = ana.carried()
    (tmp_path / "in" / "ana" / "01_tiny.ipynb").write_text("later")
    assert ana.content == b"later"
    assert carried.content == tiny.notebook().encode()
    assert bo.carried() == bo


@pytest.mark.parametrize(
    "ending", [".ipynb.json", ".ipynb.txt", ".json", ".txt", "", ".IPYNB", ".ipynb.TXT", ".ipynb (1)"]
)
def test_a_notebook_is_known_by_its_content(tmp_path, course, ending):
    for name in ("ana", "bo"):
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / f"01_tiny{ending}").write_text(tiny.notebook())
        (tmp_path / "in" / name / "notes.txt").write_text("Sorry.")
    ana, _ = submissions(intake.collect(tmp_path / "in"), course)
    assert ana.content == tiny.notebook().encode()
    assert ana.notes == []


def test_many_useless_files_are_one_sentence(tmp_path, course):
    names_ = ["LICENSE", "Makefile", "setup.json", "a.py", *(f"figure {number}.png" for number in range(20))]
    (tmp_path / "in.zip").write_bytes(zipped({"ana/all.zip": zipped(dict.fromkeys(names_, b"x"))}))
    (ana,) = submissions(intake.collect(tmp_path / "in.zip"), course)
    start = "each of 24 files is not a notebook (.ipynb): ana/all.zip/LICENSE, ana/all.zip/Makefile, "
    assert ana.notes[0].startswith(start)
    assert len(ana.notes[0]) < 250
    assert ana.problem == "was not submitted"


def test_the_note_about_versions_names_whole_paths(tmp_path, course):
    files = {"ana/old/01_tiny.ipynb": b"", "ana/new/01_tiny.ipynb": b" ", "bo/01_tiny.ipynb": b""}
    (tmp_path / "in.zip").write_bytes(
        zipped({name: tiny.notebook(*tiny.RIGHT).encode() + more for name, more in files.items()})
    )
    ana, _ = submissions(intake.collect(tmp_path / "in.zip"), course)
    assert sorted(re.findall(r"ana/\w+/01_tiny.ipynb", ana.notes[0])) == sorted(files)[:2]


def test_a_blank_notebook_is_not_taken_instead_of_an_answered_one(tmp_path, course):
    for name in ("in/ana", "in/bo"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "in" / "ana" / "01_tiny.ipynb").write_text(tiny.notebook(tiny.RIGHT[0]))
    (tmp_path / "in" / "ana" / "01_tiny (9).ipynb").write_text(tiny.as_colab_saves(tiny.notebook()))
    os.utime(tmp_path / "in" / "ana" / "01_tiny.ipynb", (1, 1))
    ana, _ = submissions(intake.collect(tmp_path / "in"), course)
    assert ana.path == "ana/01_tiny.ipynb"
    assert ana.modified == 1


SOLVED = tuple(f"{head}### BEGIN SOLUTION\n    return{body}\n    ### END SOLUTION" for head, _, body in
               (answer.partition("return") for answer in tiny.RIGHT))  # fmt: skip
MODEL = f"{tiny.QUESTION}Because of the leak."
OWN = (f"{tiny.DECODE}return bytes(codes[:, 0].tolist()).decode()", tiny.RIGHT[1])


@pytest.mark.parametrize(
    ("cells", "marked"),
    [
        ({"decode": SOLVED[0], "upright": SOLVED[1], "question": MODEL}, False),
        ({"decode": SOLVED[0]}, False),
        ({"question": MODEL}, True),  # `from_the_course` tells the instructor
        ({"decode": SOLVED[0].replace("### BEGIN SOLUTION", ""), "question": MODEL}, True),
        ({"decode": tiny.RIGHT[0], "upright": tiny.RIGHT[1] + "  # mine"}, True),
        ({"decode": "\n\n" + tiny.RIGHT[0] + "  ", "upright": tiny.RIGHT[1] + "\n\n"}, False),
        ({"decode": tiny.RIGHT[0]}, True),
        ({"decode": OWN[0], "upright": OWN[1], "question": f"{tiny.QUESTION}Mine."}, True),
        ({}, True),
    ],
)
def test_the_courses_own_notebooks_are_never_marked(tmp_path, cells, marked):
    course = Course.load(tiny.student_edition(tmp_path / "notebooks" / "student"))
    solved = tiny.notebook(*SOLVED, question=MODEL)
    (tmp_path / "notebooks" / "01_tiny.ipynb").write_text(solved)
    (tmp_path / "in.zip").write_bytes(zipped({"ana/renamed.ipynb": tiny.notebook(**cells).encode()}))
    (ana,) = submissions(intake.collect(tmp_path / "in.zip"), course)
    assert bool(ana.file) == marked
    assert (
        marked
        or ana.problem
        == "ana/renamed.ipynb is the course's own notebook with the solutions, which is not marked"
    )


def test_the_course_folder_is_no_answer(tmp_path):
    """With one answer in the student edition, that counts; the solved edition next to it does not."""
    whole = {
        str(path.relative_to(COURSE_FOLDER)): path.read_bytes()
        for folder in ("notebooks", "docs", "colab")
        for path in (COURSE_FOLDER / folder).rglob("*")
        if path.is_file()
    }
    blank = {"Bo_2_assignsubmission_file/course.zip": zipped(whole)}
    path = "notebooks/student/01_dataset_assembly.ipynb"
    stub = b"return None  # your code here"
    whole[path] = whole[path].replace(stub, b"return stored.T", 2)
    (tmp_path / "in.zip").write_bytes(
        zipped({"Ana_1_assignsubmission_file/course.zip": zipped(whole)} | blank)
    )
    course = Course.load()
    found = submissions(intake.collect(tmp_path / "in.zip"), course)
    names = ("01_dataset_assembly", "02_classification_and_segmentation", "report")
    assert [(one.student, one.path.partition("course.zip/")[2]) for one in found] == [
        (student, f"notebooks/student/{name}.ipynb") for student in ("Ana", "Bo") for name in names
    ]
    for one in found:
        answers = answer_cells(read_paper(one.content))
        answered = [number for number, source in answers.items() if not is_stub(source)]
        assert len(answered) == (2 if (one.student, one.notebook[:2]) == ("Ana", "01") else 0)
        assert len([note for note in one.notes if "with the solutions" in note]) == 1
        assert len(one.notes) <= 3


@pytest.mark.parametrize("change", ["plain", "colab", "lines", "version 3", "bom"])
def test_every_format_of_a_notebook_is_read(change):
    text = tiny.with_outputs(tiny.notebook(*tiny.RIGHT), {"tagged": "two and two: 4\n"})
    made = json.loads(text)
    if change == "colab":
        text = tiny.as_colab_saves(text)
    elif change == "lines":
        for cell in made["cells"]:
            cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
        text = json.dumps(made)
    elif change == "version 3":
        for cell in made["cells"]:
            cell["input"] = cell.pop("source")
        text = json.dumps({"nbformat": 3, "worksheets": [{"cells": made["cells"]}]})
    elif change == "bom":
        text = "\ufeff" + text
    paper = read_paper(text.encode())
    assert "".join(paper.cells[3].source) == tiny.RIGHT[0]
    assert paper.cells[3].metadata["nbgrader"]["grade_id"] == "exercise-1-2-1"
    assert paper.cells[8].stored == "two and two: 4\n"


@given(st.binary() | st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["cells", "source", "metadata", "outputs", "data", "text", "cell_type", "id", "tags",
                         "nbgrader", "grade_id", "worksheets"]), inner),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_content_is_a_notebook_or_a_paper_error(content):
    try:
        paper = read_paper(content)
    except PaperError:
        return
    assert all(isinstance(cell.source, str) for cell in paper.cells)


def png(width: int, height: int) -> bytes:
    rows = b"".join(b"\x00" + bytes(width) for _ in range(min(height, 100)))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def test_a_figure_may_be_shown():
    assert base64.b64decode(checked_png(base64.encodebytes(png(3, 2)).decode())) == png(3, 2)


def test_a_figure_is_shown_without_what_is_no_pixel():
    text = struct.pack(">I", 3) + b"tEXta\0b" + struct.pack(">I", zlib.crc32(b"tEXta\0b"))
    whole = png(3, 2)
    content = whole[:33] + text + whole[33:] + b"<script>alert(1)</script>"
    assert base64.b64decode(checked_png(base64.b64encode(content).decode())) == whole


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", png(3, 2)[:-9], png(3, 2)[:40] + b"?" + png(3, 2)[41:],
                png(5000, 5000), b"\x89PNG\r\n\x1a\n"]
)  # fmt: skip
def test_an_invalid_figure_is_dropped(content):
    assert checked_png(base64.b64encode(content).decode()) is None


def test_invalid_base64_is_dropped():
    assert checked_png("<script>") is None


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Nombre,Apellido(s),Correo\nAna,Pérez,ana@u.es\nBo,Smith,bo@u.es\n李明,,li@u.es", "utf-8-sig"),
        ("Nombre;Apellidos;Correo\nAna;Pérez;ana@u.es\nBo;Smith;bo@u.es\nLi;Ming;li@u.es", "cp1252"),
        ('Student,ID,SIS Login ID\n"Pérez, Ana",11,ana\n"Smith, Bo",12,bo\n"Ming, Li",13,li\n', "utf-8"),
        ("Full name\tE-mail\r\nAna Pérez\tana@u.es\r\nBo Smith\tbo@u.es\r\nLi Ming\tli@u.es", "utf-8"),
        ("Nombre de usuario\nana\nbo\nli\n", "utf-8"),
        ("E-Mail\nANA@u.es\nBO@u.es\nli@u.es", "utf-8"),
    ],
)  # fmt: skip
def test_the_roster_says_who_is_missing_and_who_is_unknown(tmp_path, text, encoding):
    (tmp_path / "roster.csv").write_bytes(text.encode(encoding))
    pairs = [("Ana Perez", "SMITH Bo"), ("pérezana", "smithbo"), ("ana", "bo"),
             ("ana@u.es", "bo@u.es")]  # fmt: skip
    found = [names.missing_and_unknown(tmp_path / "roster.csv", [*pair, "Eve", "a n"]) for pair in pairs]
    known = [(missing, unknown) for missing, unknown in found if len(unknown) == 2]
    assert known  # by whatever the roster has
    for missing, unknown in known:
        assert len(missing) == 1
        assert missing[0].casefold().startswith(("li", "李明", "ming"))
        assert unknown == ["Eve", "a n"]


def test_only_whole_headings_of_a_roster_name_students(tmp_path):
    (tmp_path / "roster.csv").write_text(
        "First name,Last name,Group name,Last downloaded from this course\nAna,Perez,A,Never\nBo,Li,B,Never\n"
    )
    assert names.missing_and_unknown(tmp_path / "roster.csv", ["Ana Perez"]) == (["Bo Li"], [])


@pytest.mark.parametrize(
    "paths",
    [
        [f"{topic}/{name}/01_tiny.ipynb" for topic in ("01", "02_classification") for name in ("Ana", "Bo")],
        [f"0{topic}/{name}_{topic}2_123{topic}_x.ipynb" for topic in (1, 2) for name in ("Ana", "Bo")],
    ],
)
def test_a_folder_for_a_notebook_is_no_student(tmp_path, paths):
    (tmp_path / "in.zip").write_bytes(zipped(dict.fromkeys(paths, tiny.notebook().encode())))
    assert {one.student.partition(" (")[0] for one in intake.collect(tmp_path / "in.zip")} == {"Ana", "Bo"}


def test_a_blackboard_user_may_have_an_underscore(tmp_path):
    paths = [f"HW_1_{user}_attempt_2026-01-30-20-30-10_01_tiny.ipynb" for user in ("ana", "bo_q")]
    (tmp_path / "in.zip").write_bytes(zipped(dict.fromkeys(paths, tiny.notebook().encode())))
    assert [one.student for one in intake.collect(tmp_path / "in.zip")] == ["ana", "bo_q"]


def test_students_may_be_numbers(tmp_path):
    paths = [f"0{number}/hw/01_tiny.ipynb" for number in (1, 2)]
    (tmp_path / "in.zip").write_bytes(zipped(dict.fromkeys(paths, tiny.notebook().encode())))
    assert [one.student for one in intake.collect(tmp_path / "in.zip")] == ["01", "02"]


def test_two_students_with_one_name_are_both_expected(tmp_path):
    (tmp_path / "roster.csv").write_text("name,id\nAna,1\nAna,2\nBo,3\n\n")
    assert names.missing_and_unknown(tmp_path / "roster.csv", ["Ana", "Bo"]) == (["Ana"], [])
    assert names.missing_and_unknown(tmp_path / "roster.csv", ["Ana (11)", "Ana (13)"]) == (["Bo"], [])


def test_without_a_roster_nobody_is_missing():
    assert names.missing_and_unknown(None, ["Ana"]) == ([], [])


def test_a_roster_may_be_a_workbook(tmp_path):
    pd.DataFrame({"Name": ["Ana", "Bo"], "ID": [1, None]}).to_excel(tmp_path / "roster.xlsx", index=False)
    assert names.missing_and_unknown(tmp_path / "roster.xlsx", ["ana"]) == (["Bo"], [])


@pytest.mark.parametrize("text", ["", "Ana\nBo\n", "points;comment\n1;2\n", None])
def test_a_roster_without_names_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "roster.csv").write_text(text)
    with pytest.raises(tables.TableError, match="roster"):
        names.missing_and_unknown(tmp_path / "roster.csv", ["Ana"])


def test_missing_students_are_submissions_of_nothing(tmp_path, course):
    (tmp_path / "in" / "ana").mkdir(parents=True)
    (tmp_path / "in" / "ana" / "01_tiny.ipynb").write_text(tiny.notebook())
    found = submissions(intake.collect(tmp_path / "in"), course, ["Bo", "ana"])
    assert [(one.student, one.problem) for one in found] == [
        ("ana", None), ("ana (not submitted)", "was not submitted"), ("Bo", "was not submitted"),
    ]  # fmt: skip
    assert len({one.slug for one in found}) == 3


# ---- the report, and the archive that it packs ----

REPORT = (COURSE_FOLDER / "notebooks" / "student" / "report.ipynb").read_text(encoding="utf-8")
HAND_IN = {
    "report.ipynb": REPORT.encode(),
    "01_tiny.ipynb": tiny.notebook(*tiny.RIGHT).encode(),
    "report.html": b"<!DOCTYPE html>",
    "results/fingerprint.json": b"{}",
    "results/by slice.json": b'{"folds": []}',
    "results/index.csv": b"slice",
}


@pytest.fixture
def two(tmp_path):
    """A course of a notebook and the report."""
    folder = tiny.student_edition(tmp_path / "edition")
    (folder / "report.ipynb").write_text(REPORT, encoding="utf-8")
    return Course.load(folder)


def within(folder: str) -> dict[str, bytes]:
    return {f"{folder}/{name}": content for name, content in HAND_IN.items()}


@pytest.mark.parametrize(
    ("files", "student"),
    [
        (HAND_IN, "in"),
        (within("Ana"), "Ana"),
        (within("HW 1/Ana"), "Ana"),
        ({"Ana_1_assignsubmission_file_/hand-in.zip": zipped(HAND_IN)}, "Ana"),
        ({"Ana_1_assignsubmission_file_hand-in.zip": zipped(HAND_IN)}, "Ana"),
        (within("Ana_1_assignsubmission_file_"), "Ana"),
        ({"anaperez_340934_2084901_hand-in.zip": zipped(HAND_IN)}, "anaperez"),
        ({"1-2 - Ana - Sep 24, 2026 926 PM/hand-in.zip": zipped(HAND_IN)}, "Ana"),
        ({"Ana.zip": zipped(HAND_IN)}, "Ana"),
        ({"Ana - hand-in.zip": zipped(HAND_IN)}, "Ana"),
        ({"Ana/hand-in.zip": zipped(HAND_IN), "Ana/01_tiny.ipynb": HAND_IN["01_tiny.ipynb"]}, "Ana"),
        ({"Ana/hand-in.zip": zipped(within("hand-in"))}, "Ana"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("unpacked", [False, True])
def test_a_hand_in_is_accepted_as_it_is(tmp_path, two, files, student, unpacked):
    source = tmp_path / "in.zip"
    source.write_bytes(zipped(files))
    if unpacked:
        shutil.unpack_archive(source, tmp_path / "in")
        source = tmp_path / "in"
    found = submissions(intake.collect(source), two)
    assert [(one.student, one.notebook, one.problem, one.notes) for one in found] == [
        (student, "01_tiny", None, []), (student, "report", None, [])
    ]  # fmt: skip
    assert [Path(one.path).name for one in found] == ["01_tiny.ipynb", "report.ipynb"]


def test_what_belongs_to_a_hand_in_is_not_noted_when_a_notebook_is_missing(tmp_path, two):
    left = {name: content for name, content in HAND_IN.items() if name != "01_tiny.ipynb"}
    files = {"Ana/hand-in.zip": zipped(left), "Bo/report.html": b"<!DOCTYPE html>"}
    (tmp_path / "in.zip").write_bytes(zipped(files))
    notes = [one.notes for one in submissions(intake.collect(tmp_path / "in.zip"), two)]
    assert notes == [[], [], [], ["Bo/report.html is not a notebook (.ipynb)"]]


@pytest.mark.parametrize(
    "name", ["report", "Copy of report", "Copia de report", "informe", "My report final", "01 final (2)"]
)
@pytest.mark.parametrize("change", ["nothing", "ids", "numbers"])
def test_a_report_is_known_by_its_cells(tmp_path, two, name, change):
    text = REPORT
    if change == "ids":
        text = tiny.as_colab_saves(REPORT)
    elif change == "numbers":
        text = REPORT.replace("Your answer to Think!", "My answer").replace("think-r-", "mine-")
    (tmp_path / "in.zip").write_bytes(zipped({f"Ana/{name}.ipynb": text.encode()}))
    found = {one.notebook: one.path for one in submissions(intake.collect(tmp_path / "in.zip"), two)}
    assert found == {"01_tiny": "", "report": f"Ana/{name}.ipynb"}


def test_a_folder_for_the_reports_is_no_student(tmp_path, two):
    paths = [f"{topic}/{name}/{file}.ipynb" for topic, file in (("01", "01_tiny"), ("report", "report"))
             for name in ("Ana", "Bo")]  # fmt: skip
    (tmp_path / "in.zip").write_bytes(zipped({path: HAND_IN[Path(path).name] for path in paths}))
    found = submissions(intake.collect(tmp_path / "in.zip"), two)
    assert [(one.student, one.path) for one in found] == [
        (path.split("/")[1], path) for path in sorted(paths, key=lambda path: path.split("/")[1])
    ]


def test_the_sections_of_the_report_are_named(two):
    sections = {task.exercise.id: task.section for task in two.named("report").tasks}
    assert sections["R.4"] == "R.4 Data and methods"
    assert [path.stem for path in two.paths] == ["01_tiny"]  # the report is not run


# ---- what is inside a submission changes nobody else's ----

PLATFORM = [
    "{name}_{number}_assignsubmission_file_/{inner}",
    "{name}_{number}_assignsubmission_file/{inner}",
    "{number}-7 - {name} - Sep 24, 2026 926 PM/{inner}",
    "{name}/{inner}",
    "{name}.zip/{inner}",
    "{name}_{number}_assignsubmission_file_x.zip/{inner}",
    "{name}_{number}_208490284_x.zip/{inner}",
    "HW_{name}_attempt_2026-01-30-20-30-10_x.zip/{inner}",
]
INNER = st.one_of(
    st.sampled_from([place.format(name="ana", number=11, inner="01_tiny.ipynb") for place in PLATFORM[:4]]),
    st.sampled_from(["index.html", "desktop.ini", "__MACOSX/x", "ana/01_tiny.ipynb", "../ana/01_tiny.ipynb",
                     "/01_tiny.ipynb", "ana - 01_tiny.ipynb", "01_tiny.ipynb", "a.zip/01.ipynb", "\\ana\\1"]),
    st.lists(st.text(st.characters(min_codepoint=1, codec="utf-8"), max_size=9), max_size=4).map("/".join),
)  # fmt: skip


def collected(folder: Path, paths: list[str]) -> list[tuple]:
    """What the intake says of Ana's file, in an archive of these files."""
    members: dict[str, dict[str, bytes]] = {}
    for path in paths:
        outer, _, inner = path.partition(".zip/")
        name, content = (f"{outer}.zip", inner) if inner else (path, "")
        members.setdefault(name, {})[content] = tiny.notebook().encode()
    whole = {name: zipped(inner) if name.endswith(".zip") else inner[""] for name, inner in members.items()}
    (folder / "in.zip").write_bytes(zipped(whole))
    found = intake.collect(folder / "in.zip")
    return [(one.student, one.number, str(one.path), one.problem) for one in found if "ana" in one.student]


@pytest.mark.parametrize("place", PLATFORM)
@given(inner=st.lists(INNER, max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_in_a_submission_changes_another_students(tmp_path, place, inner):
    ana = place.format(name="ana", number=11, inner="01_tiny.ipynb")
    others = [
        place.format(name=name, number=number, inner=one)
        for name, number in (("bo", 12), ("eve", 13))
        for one in ["02_x.ipynb", *inner]
    ]
    alone = collected(tmp_path, [ana, others[0]])
    assert alone[0][0] == "ana"
    assert collected(tmp_path, [ana, *others]) == alone


# ---- linear time ----

PATTERNS = [one.match for one in names.PLATFORMS]
PATTERNS += [one.search for one in vars(names).values() if isinstance(one, re.Pattern)]
PUMPED = ["_2026", "_a_2026-01-30-20-30-10", "anon_", "_assignsubmission", "_1_assignsubmission", ".ipynb"]
PUMPED += [
    *" _-1a\n",
    "LATE_",
    " - ",
    "1_",
    "a_1_",
    "1-1 - ",
    " - 2026",
    "_a_",
    "._",
    ".a",
    "(1",
    " (",
    "01",
    " 0",
]


@pytest.mark.parametrize("find", PATTERNS, ids=lambda one: one.__self__.pattern[:30])
def test_every_pattern_takes_linear_time(find):
    """In quadratic time, each of these texts would take some seconds."""
    assert len(PATTERNS) >= 10
    for pumped in PUMPED:
        for before in ("", "a_", "1-1 - a - "):
            text = before + pumped * (30_000 // len(pumped)) + "!"
            start = time.process_time()
            find(text)
            assert time.process_time() - start < 0.5, (before, pumped)


@pytest.mark.parametrize("pumped", [" ", "* ", "# ", "Exercise 1.", "1.", "Exercise ", "\n"])
def test_an_answer_is_examined_in_linear_time(pumped):
    text = pumped * (100_000 // len(pumped))
    texts = (text, f"x{OPEN_STUB}{text}", f"**Your answer to Think! 1.10{text}{OPEN_STUB}")
    about = {"nbgrader": {"grade_id": f"think-{'1-' * 20_000}"}}
    cells = [Cell("markdown", source, metadata=about) for source in texts]
    start = time.process_time()
    answer_cells(Paper(cells * 2))
    assert [is_stub(cell.source) for cell in cells[:2]] == [False, False]
    assert time.process_time() - start < 1


def test_a_name_of_65_000_spaces_takes_no_time(tmp_path, course):
    long = {f"{number}{' ' * 65_000}01_tiny.ipynb": tiny.notebook().encode() for number in range(20)}
    inner = {f"ana/{name}": content for name, content in long.items()}
    (tmp_path / "in.zip").write_bytes(zipped(long | inner | {"ana/x.zip": zipped(long)}))
    start = time.process_time()
    found = submissions(intake.collect(tmp_path / "in.zip"), course)
    assert time.process_time() - start < 2
    assert len(found) == 21
    assert all(len(one.student) < 120 and len(one.path) <= 600 for one in found)


@pytest.mark.parametrize(
    "content", [b'{"cells":[' + b"{}," * 2_000_000 + b"{}]}", b"[" * 3_000_000, b" " * (29 << 20)]
)
def test_content_that_would_take_much_memory_is_refused(content):
    tracemalloc.start()
    with pytest.raises(PaperError):
        read_paper(content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3 * (len(content) + (1 << 20))


def test_only_one_file_at_a_time_is_in_memory(tmp_path, course):
    space = {f"{number}/01_tiny.ipynb": b" " * (8 << 20) for number in range(8)}
    (tmp_path / "in.zip").write_bytes(zipped({"ana/all.zip": zipped(space), **space}))
    tracemalloc.start()
    found = submissions(intake.collect(tmp_path / "in.zip"), course)
    now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert all(one.file is None for one in found)
    assert most < 40 << 20
    assert now < 4 << 20


# ---- whole downloads, as the platforms make them ----

DOWNLOADS = {
    "Canvas": ["anaperez_340934_2084901_01_tiny.ipynb", "smithbo_LATE_340935_2084902_01_tiny.ipynb",
               "smithbo_LATE_340935_2084903_notes.pdf"],
    "Canvas, anonymous": ["anon_aB3de_2084901_01_tiny.ipynb", "LATE_anon_Zz9yy_2084902_01_tiny.ipynb"],
    "Blackboard": [f"HW 1_{name}_attempt_2026-01-30-20-30-1{rest}" for name in ("ana", "bo")
                   for rest in ("0.txt", "0_01_tiny.ipynb")],
    "Brightspace": ["index.html", "1-2 - Ana - Sep 24, 2026 926 PM/01_tiny.ipynb",
                    "1-2 - Ana - Sep 25, 2026 926 PM/01_tiny.ipynb",
                    "3-2 - Bo - Sep 24, 2026 926 PM/01_tiny.ipynb"],
    "Brightspace, flat": ["index.html", "1-2 - Ana - 24 sept. 2026 0926 - 01_tiny.ipynb",
                          "3-2 - Bo - 24 sept. 2026 0926 - 01_tiny.ipynb"],
    "Moodle": ["Ana_1_assignsubmission_file/01_tiny.ipynb", "Bo_2_assignsubmission_file/hw/01_tiny.ipynb",
               "Bo_2_assignsubmission_onlinetext/onlinetext.html"],
    "Moodle, flat": ["Ana_1_assignsubmission_file_01_tiny.ipynb", "Bo_2_assignsubmission_file_01_tiny.ipynb"],
    "Moodle, blind": [f"Participante_{number}_assignsubmission_file_/01_tiny.ipynb" for number in (1, 2)],
    "Gradescope": ["export/submission_metadata.yml", "export/submission_2/01_tiny.ipynb",
                   "export/submission_3/01_tiny.ipynb"],
    "Classroom": ["HW/Ana - 01_tiny.ipynb", "HW/Cópia de 01_tiny - Bo.ipynb", "HW/desktop.ini"],
    "Classroom, nameless": ["HW/Copia di 01_tiny.ipynb", "HW/Copia di 01_tiny (1).ipynb"],
    "ILIAS": ["HW/Perez_Ana_aperez_123/01_tiny.ipynb", "HW/Smith_Bo_bsmith_124/01_tiny.ipynb"],
}  # fmt: skip


@pytest.mark.parametrize("platform", DOWNLOADS)
def test_two_people_are_two_students_on_every_platform(tmp_path, course, platform):
    content = {
        name: tiny.notebook(question=f"{tiny.QUESTION}{name}").encode() if ".ipynb" in name else b"x"
        for name in DOWNLOADS[platform]
    }
    (tmp_path / "in.zip").write_bytes(zipped(content))
    found = submissions(intake.collect(tmp_path / "in.zip"), course)
    assert len({one.student for one in found}) == len(found) == 2
    assert not any(one.problem for one in found)
    notes = " ".join(note for one in found for note in one.notes)
    assert ("graded by itself" in notes) == (platform == "Classroom, nameless")
    assert ("several versions" in notes) == (platform == "Brightspace")


@pytest.mark.parametrize(
    "own",
    ["x_222_assignsubmission_.ipynb", "397063-222 - Bob - Sep 24, 2026 926 PM - x.ipynb",
     "x_bob_attempt_2026-01-30-20-30-10_x.ipynb"],
)  # fmt: skip
def test_a_file_named_like_another_platforms_takes_nobodys_identity(own):
    honest = [(f"{name}_{number}_9000{number}_01_x.ipynb",) for name, number in (("ana", 111), ("bob", 222))]
    evil = [(f"eve_333_9000{place}_{own}",) for place in range(9)]
    found = names.people([*honest, *evil])
    assert [(one.name, one.number) for one in found[:2]] == [("ana", "111"), ("bob", "222")]
    assert {(one.name, one.number) for one in found[2:]} == {("eve", "333")}
