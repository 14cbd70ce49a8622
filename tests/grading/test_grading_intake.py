"""Submitted files, names of students, and notebooks."""

import base64
import io
import json
import struct
import sys
import time
import zipfile
import zlib
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instructor.grading import intake, names
from instructor.grading.course import Course
from instructor.grading.figures import clean_png
from instructor.grading.papers import PaperError, read_paper
from instructor.grading.submissions import submissions
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


@pytest.mark.parametrize(
    ("path", "student"),
    [
        ("Ana Pérez_123456_assignsubmission_file_/02_x.ipynb", "Ana Pérez"),
        ("Ana Pérez_123456_assignsubmission_file_02_x.ipynb", "Ana Pérez"),
        ("ana/02_classification.ipynb", "ana"),
        ("submitted/ana/hw1/01_dataset.ipynb", "submitted"),  # `without_wrapper` takes that folder away
        ("Ana Pérez - 02_classification.ipynb", "Ana Pérez"),
        ("Copy of 02_classification - Ana Pérez (3).ipynb", "Ana Pérez"),
        ("Ana Pérez - Copy of 01_dataset_assembly.ipynb", "Ana Pérez"),
        ("ana.ipynb", "ana"),
        ("../../ana/01.ipynb", "ana"),
        ("a\nb\u202ec/01.ipynb", "a b c"),
        ("Ana Pe\N{COMBINING ACUTE ACCENT}rez/01.ipynb", "Ana Pérez"),  # as macOS writes it
    ],
)
def test_the_student_is_found_in_the_path(path, student):
    assert names.student_of(PurePosixPath(path))[0] == student


def test_a_folder_around_everything_is_not_a_student():
    paths = [PurePosixPath(f"Homework 1/{name}/01.ipynb") for name in ("ana", "bo")]
    assert [names.student_of(path)[0] for path in names.without_wrapper(paths)] == ["ana", "bo"]
    alone = [PurePosixPath("ana/01.ipynb"), PurePosixPath("ana/02.ipynb")]
    assert names.without_wrapper(alone) == alone


def test_students_who_share_a_name_are_told_apart():
    people = [("Ana", "11"), ("Bo", "12"), ("Ana", "11"), ("Ana", "13"), ("Bo", None)]
    told = [name for name, _ in names.apart(people)]
    assert told == ["Ana (11)", "Bo", "Ana (11)", "Ana (13)", "Bo"]


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
    assert found["ana/all/01_tiny.ipynb"].student == "ana"
    assert found["ana/all/01_tiny.ipynb"].problem is None
    assert "not a notebook" in found["bo/deep/a.zip"].problem
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
    assert str(found.path) == ("all/" if deep else "") + read
    assert found.problem is None


def test_declared_names_stay_as_they_are(tmp_path):
    name = "├╝/01.ipynb"  # in cp437, the bytes of a ü in UTF-8
    (tmp_path / "in.zip").write_bytes(zipped({name: b"{}"}))
    (found,) = intake.collect(tmp_path / "in.zip")
    assert str(found.path) == name


def test_a_zip_bomb_is_not_unpacked_completely(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "LARGEST_BYTES", 1 << 20)
    monkeypatch.setattr(intake, "LARGEST_ARCHIVE_BYTES", 2 << 20)
    (tmp_path / "in.zip").write_bytes(zipped({"ana/01.ipynb": bytes(64 << 20), "bo/01.ipynb": b"{}"}))
    one, other = intake.collect(tmp_path / "in.zip")
    assert "larger than 1 MB" in one.problem
    assert not one.content
    assert other.problem is None


def test_an_archive_of_many_zip_bombs_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "LARGEST_ARCHIVE_BYTES", 2 << 20)
    bombs = zipped({f"{number}/01_tiny.ipynb": bytes(1 << 20) for number in range(3)})
    (tmp_path / "in.zip").write_bytes(zipped({"ana/all.zip": bombs, "bo/01.ipynb": b"{}"}))
    one, other = intake.collect(tmp_path / "in.zip")
    assert "unpacks to more than 2 MB" in one.problem
    assert other.problem is None


def test_a_damaged_archive_is_reported(tmp_path):
    whole = zipped({"a/01.ipynb": tiny.notebook().encode() * 9, "b/01.ipynb": b"{}"})
    (tmp_path / "in.zip").write_bytes(whole[:60] + b"\x00" * 40 + whole[100:])
    found = intake.collect(tmp_path / "in.zip")
    assert "cannot be unpacked" in found[0].problem
    assert found[1].problem is None


def test_a_damaged_archive_does_not_stop_the_others(tmp_path):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("01_tiny.ipynb", tiny.notebook())
    inner = bytearray(made.getvalue())
    inner[60:200] = bytes(140)  # zipfile lets the decompressor's own error through
    (tmp_path / "in.zip").write_bytes(zipped({"ana/all.zip": bytes(inner), "bo/01.ipynb": b"{}"}))
    one, other = intake.collect(tmp_path / "in.zip")
    assert "cannot be unpacked" in one.problem
    assert other.problem is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are whole characters")
def test_lone_surrogates_in_file_names_are_replaced(tmp_path):
    (tmp_path / "ana").mkdir()
    (tmp_path / "ana" / "01_\udc80.ipynb").write_text(tiny.notebook())
    (one,) = intake.collect(tmp_path)
    assert str(one.path).encode()


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
    assert "not one of the course's notebooks" in bo.problem


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


def png(width: int, height: int, *more: tuple[bytes, bytes]) -> bytes:
    rows = b"".join(b"\x00" + bytes(width) for _ in range(min(height, 100)))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), *more]
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def test_a_figure_is_reduced_to_its_essential_chunks():
    plain = png(3, 2)
    with_text = png(3, 2, (b"tEXt", b"Comment\x00<script>"))
    assert base64.b64decode(clean_png(base64.b64encode(with_text).decode())) == plain
    assert base64.b64decode(clean_png(base64.encodebytes(plain).decode())) == plain


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", png(3, 2)[:-9], png(3, 2)[:40] + b"?" + png(3, 2)[41:],
                png(5000, 5000), b"\x89PNG\r\n\x1a\n"]
)  # fmt: skip
def test_an_invalid_figure_is_dropped(content):
    assert clean_png(base64.b64encode(content).decode()) is None


def test_invalid_base64_is_dropped():
    assert clean_png("<script>") is None
