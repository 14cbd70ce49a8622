"""A class of hostile submissions, graded once: each gets the right verdict, and nothing else happens."""

import argparse
import hashlib
import os
import re
import subprocess
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor.grading import marks, sandbox
from instructor.grading.command import write_all
from instructor.grading.course import Course, visible_course
from instructor.grading.crew import Options, grade_all, prepare
from instructor.grading.intake import collect
from instructor.grading.papers import read_paper
from instructor.grading.submissions import submissions
from tests.support import tiny_course as tiny
from tests.support.hostile import ANSWER_ATTACKS, LEFT_RUNNING, attacks

NAMES = ("../../../etc/cron.d/evil", "O'Neil, \"Bobby\"", '=HYPERLINK("x","y")', "@sum", "-1+1",
         "<img src=x onerror=alert(5)>", "Ana Pérez")  # fmt: skip
BROKEN = {
    "giant": b'{"cells": ["' + b"x" * (31 << 20) + b'"]}',
    "invalid JSON": b'{"cells": [{"cell_type": "code", ',
    "not a notebook": b"[1, 2, 3]",
    "cells that are not cells": b'{"nbformat": 4, "cells": [1, null, "x"]}',
    "deep JSON": b"[" * 200_000,
    "a lone surrogate": b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "\\udc80"}]}',
    "binary": bytes(range(256)) * 100,
}
# Identifies the processes of these sandboxes among those of other graders on the machine.
OWN_HOME = f"/home/student-{os.getpid()}"
SLIPPERY = "../../../slipped/01_tiny.ipynb"


@pytest.fixture(scope="module")
def box(sandbox_here):
    return sandbox_here


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder that must not change: another submission, solutions, a victim."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "victim.txt").write_text("as it was")
    (folder / "solutions.ipynb").write_text(tiny.notebook(*tiny.RIGHT))
    (folder / "home").mkdir()
    return folder


@pytest.fixture(scope="module")
def tried(place, tmp_path_factory):
    return attacks(
        victim=place / "victim.txt",
        solutions=COURSE_FOLDER / "notebooks" / "01_dataset_assembly.ipynb",
        other=place / "solutions.ipynb",
        out=tmp_path_factory.getbasetemp() / "grades",
    )


@pytest.fixture(scope="module")
def archive(place, tried) -> Path:
    path = place / "submissions.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        number = 1000
        for name, attack in tried.items():
            number += 1
            made.writestr(f"{name}_{number}_assignsubmission_file_/01_tiny.ipynb", attack.notebook)
        for name in NAMES:
            number += 1
            made.writestr(f"{name}_{number}_assignsubmission_file_/01_tiny.ipynb", tiny.notebook(*tiny.RIGHT))
        for name, content in BROKEN.items():
            number += 1
            made.writestr(f"{name}_{number}_assignsubmission_file_/01_tiny.ipynb", content)
        made.writestr(SLIPPERY, tiny.notebook(*tiny.RIGHT))
        link = zipfile.ZipInfo("linked_2000_assignsubmission_file_/01_tiny.ipynb")
        link.external_attr = 0o120777 << 16
        made.writestr(link, str(place / "solutions.ipynb"))
    return path


@pytest.fixture(scope="module")
def graded(box, place, archive, tmp_path_factory):
    """The folder with the grades, and the results by student."""
    out = tmp_path_factory.getbasetemp() / "grades"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_HOME", str(place / "home"))
        patch.setenv("COURSE_DATA", "phantoms")
        patch.setenv("COURSE_PROFILE", "quick")
        patch.setenv("PYTHONPATH", str(COURSE_FOLDER))  # the tiny course is in another folder
        patch.setattr(sandbox, "HOME", OWN_HOME)
        course = Course.load(tiny.student_edition(tmp_path_factory.mktemp("edition")))
        prepare(course)
        before = state_of(place)
        found = submissions(collect(archive), course)
        options = Options(limits=tiny.LIMITS)
        results = grade_all(found, course, options, out / ".graded", jobs=2, scheduler=None)
        chosen = argparse.Namespace(out=out, moodle=None, canvas=None, due=None, late=(0, 100))
        write_all(results, box.name, chosen)
    assert state_of(place) == before
    return out, {result["student"]: result for result in results}


def state_of(place: Path) -> dict[str, str]:
    """Hash all files that must not change."""
    roots = [place, *(COURSE_FOLDER / name for name in ("helpers", "instructor", "notebooks", "tests"))]
    found = [path for root in roots for path in root.rglob("*")]
    files = [path for path in found if path.is_file() and "__pycache__" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


ATTACKS = list(attacks(*map(Path, "abcd")))


@pytest.mark.parametrize("name", ATTACKS)
def test_each_attack_gets_its_verdict(graded, tried, name):
    _, results = graded
    result, attack = results[name], tried[name]
    again = result["rerun"]
    reasons = " ".join([again["reason"], *(failure["reason"] for failure in again["failures"])])
    assert again["verdict"] == ("yes" if attack.reason is None else "no"), reasons
    assert re.search(attack.reason or "", reasons), reasons
    assert sum(mark["got"] or 0 for mark in result["marks"]) == attack.points, result["marks"]
    assert not result.get("failed")


@pytest.mark.parametrize("name", [*NAMES[1:], "etc", "slipped"])
def test_other_students_are_graded(graded, name):
    _, results = graded
    (result,) = [one for student, one in results.items() if student == name]
    assert [mark["got"] for mark in result["marks"][:2]] == [1, 1]
    assert result["rerun"]["verdict"] == "yes"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_reported(graded, name):
    out, results = graded
    result = results[name]
    if name == "a lone surrogate":  # still a notebook, without answers
        assert {mark["status"] for mark in result["marks"]} == {"not found"}
        return
    assert re.search("larger than|not valid JSON|not a notebook", result["problem"])
    page = (out / "feedback" / f"{result['slug']}.html").read_text(encoding="utf-8")
    assert "could not be graded" in page


def test_a_link_is_not_followed(graded):
    _, results = graded
    assert "link" in results["linked"]["problem"]


def test_no_process_is_left_running(graded):
    assert left_running() == []
    with subprocess.Popen(["sleep", "60"], env={"HOME": OWN_HOME, "PATH": os.environ["PATH"]}) as decoy:
        time.sleep(0.2)
        assert left_running() == [decoy.pid]
        decoy.kill()


def left_running() -> list[int]:
    """The processes of the hostile class."""
    running = psutil.process_iter(["pid", "cmdline", "environ"])
    return [
        one.info["pid"] for one in running
        if (one.info["environ"] or {}).get("HOME") == OWN_HOME or LEFT_RUNNING in (one.info["cmdline"] or [])
    ]  # fmt: skip


def test_pages_contain_no_script_of_a_student(graded):
    out, results = graded
    pages = [*(out / "feedback").glob("*.html"), out / "summary.html"]
    assert len(pages) == len(results) + 1
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<img src=x|<svg|javascript:", text, re.IGNORECASE), page.name
        assert text.lower().count("<script") == (page.name == "summary.html"), page.name
        assert "default-src 'none'" in text
    text = (out / "feedback" / f"{results['scripts everywhere']['slug']}.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in text
    assert "image/png;base64" not in text
    text = (out / "feedback" / f"{results['figure with a script']['slug']}.html").read_text(encoding="utf-8")
    assert re.search('<img alt="one pixel&#34; onerror=&#34;alert\\(6\\)" src="data:image/png;base64,', text)


def test_tables_contain_no_formula(graded):
    out, _ = graded
    for name in ("grades.csv", "open_marks.csv"):
        text = (out / name).read_text(encoding="utf-8-sig")
        assert not re.search(r'(^|[,;\t])[ "]*[=@+-]', text, re.MULTILINE), name
    assert "'=HYPERLINK" in (out / "grades.csv").read_text(encoding="utf-8-sig")


def test_the_folder_contains_only_grades(graded):
    out, results = graded
    expected = {"grades.csv", "grades.json", "grades.xlsx", "open_marks.csv", "summary.html"}
    assert {path.name for path in out.iterdir()} == expected | {".graded", "feedback"}
    names = {path.name for path in (out / "feedback").iterdir()}
    assert names == {f"{result['slug']}.html" for result in results.values()}
    assert all(re.fullmatch(r"[a-z0-9-]+\.html", name) for name in names)


@pytest.fixture(scope="module")
def marked(box, tmp_path_factory):
    """Marks the two answers of an attack."""
    (pristine,) = Course.load(tiny.student_edition(tmp_path_factory.mktemp("edition"))).notebooks
    visible = visible_course(tmp_path_factory.mktemp("course"))
    limits = replace(tiny.LIMITS, files=5000, answer_seconds=4)

    def go(answers: tuple[str, str]):
        paper = read_paper(tiny.notebook(*answers).encode())
        return marks.mark(paper, pristine, box, visible, None, limits)[:2]

    return go


@pytest.mark.parametrize("name", ANSWER_ATTACKS)
def test_an_answer_cannot_change_another_mark(marked, name):
    attack = ANSWER_ATTACKS[name]
    first, second = marked(attack.answers)
    assert (first.status, second.status) == (attack.status, attack.second_status), (first, second)
    assert first.got == {"correct": 1, "not yet": 0, "needs a look": None}[first.status]
