"""Many submissions: what is graded again, what is not, and on which machine."""

import argparse
import sys
import time
from dataclasses import replace

import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor.grading import command, crew, marks, reproduction, tables
from instructor.grading.course import STUDENT_EDITION, Course
from instructor.grading.crew import CrewError, Options, grade_all
from instructor.grading.intake import collect
from instructor.grading.papers import PaperError
from instructor.grading.submissions import submissions
from instructor.grading.tables import reasons_to_look
from instructor.grading.watch import MachineError
from instructor.notebooks.student_edition import OPEN_STUB
from tests.support import tiny_course as tiny

MARKS_ONLY = Options(rerun=False, limits=tiny.LIMITS)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch, sandbox_here):
    monkeypatch.setenv("COURSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COURSE_DATA", "phantoms")
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    monkeypatch.setenv("PYTHONPATH", str(COURSE_FOLDER))


@pytest.fixture
def course(tmp_path):
    return Course.load(tiny.student_edition(tmp_path / "edition"))


@pytest.fixture
def source(tmp_path):
    for name, answers in {"ana": tiny.RIGHT, "bo": tiny.STUBS, "cy": (tiny.RIGHT[0], tiny.STUBS[1])}.items():
        (tmp_path / "in" / name).mkdir(parents=True)
        (tmp_path / "in" / name / "01_tiny.ipynb").write_text(tiny.notebook(*answers))
    return tmp_path / "in"


@pytest.fixture
def runs(monkeypatch):
    """The notebooks run."""
    seen = []
    rerun = reproduction.rerun
    monkeypatch.setattr(
        reproduction, "rerun", lambda *given, **named: (seen.append(1), rerun(*given, **named))[1]
    )
    return seen


@pytest.fixture
def counted(monkeypatch):
    """The students graded, in order of being so."""
    seen = []
    grade = crew.grade
    monkeypatch.setattr(crew, "grade", lambda one, *more: (seen.append(one.student), grade(one, *more))[1])
    return seen


def graded(source, course, tmp_path, options=MARKS_ONLY, **more):
    found = submissions(collect(source), course)
    given = {"jobs": 2, "scheduler": None} | more
    return grade_all(found, course, options, tmp_path / "memory", **given)


def points(results):
    return {one["student"]: sum(mark["got"] or 0 for mark in one["marks"]) for one in results}


def test_only_what_changed_is_graded_again(source, course, tmp_path, counted):
    first = graded(source, course, tmp_path)
    assert points(first) == {"ana": 2, "bo": 0, "cy": 1}
    counted.clear()
    assert graded(source, course, tmp_path) == first
    assert counted == []
    (source / "bo" / "01_tiny.ipynb").write_text(tiny.notebook(*tiny.RIGHT))
    assert points(graded(source, course, tmp_path))["bo"] == 2
    assert counted == ["bo"]


def test_an_interrupted_run_starts_nothing_new_and_is_resumed_later(
    source, course, tmp_path, counted, monkeypatch
):
    def interrupted(*given):
        raise KeyboardInterrupt

    for number in range(4):
        (source / f"z{number}").mkdir()
        (source / f"z{number}" / "01_tiny.ipynb").write_text(tiny.notebook(*tiny.RIGHT))
    remember = crew._remember
    monkeypatch.setattr(crew, "_remember", interrupted)
    with pytest.raises(KeyboardInterrupt):
        graded(source, course, tmp_path, jobs=1)
    assert len(counted) <= 3
    monkeypatch.setattr(crew, "_remember", remember)
    assert points(graded(source, course, tmp_path))["z3"] == 2


def test_lone_surrogates_in_errors_do_not_stop_other_grades(source, course, tmp_path):
    half = "raise ValueError('\\ud800')"
    answers = f"# Exercise 1.2.1\n{half}", f"{tiny.UPRIGHT}return '\\ud800'"
    (source / "bo" / "01_tiny.ipynb").write_text(tiny.notebook(*answers, more=(half,)))
    results = graded(source, course, tmp_path, Options(limits=tiny.LIMITS))
    command.write_all(
        results, "any", argparse.Namespace(out=tmp_path, moodle=None, canvas=None, due=None, late=(0, 100))
    )
    assert "ValueError" in (tmp_path / "feedback" / "bo.html").read_text(encoding="utf-8")


def test_an_interrupted_run_ends_what_is_running(source, course, tmp_path, monkeypatch):
    begun = []

    def interrupted(*given):
        begun.append(time.monotonic())
        raise KeyboardInterrupt

    forever = "# Exercise 1.2.1\nwhile True: pass", tiny.RIGHT[1]
    (source / "bo" / "01_tiny.ipynb").write_text(tiny.notebook(*forever))
    monkeypatch.setattr(crew, "_remember", interrupted)
    patient = Options(rerun=False, limits=replace(tiny.LIMITS, answer_seconds=40))
    with pytest.raises(KeyboardInterrupt):
        graded(source, course, tmp_path, patient)
    assert time.monotonic() - begun[0] < 15


def test_another_number_of_jobs_grades_nothing_again(source, course, tmp_path, counted):
    first = graded(source, course, tmp_path)
    counted.clear()
    assert graded(source, course, tmp_path, replace(MARKS_ONLY, cores=2), jobs=1) == first
    assert counted == []


@pytest.mark.parametrize("jobs", ["0", "-1", "many"])
def test_an_invalid_number_of_jobs_is_refused(jobs, capsys):
    parser = argparse.ArgumentParser()
    command.add_to(parser.add_subparsers())
    with pytest.raises(SystemExit):
        parser.parse_args(["grade", "in", "--out", "out", "--jobs", jobs])
    assert "--jobs: give a whole number, 1 or more" in capsys.readouterr().err


def test_a_changed_course_grades_everything_again(source, course, tmp_path, counted):
    graded(source, course, tmp_path)
    counted.clear()
    changed = Course(course.folder, course.notebooks, course.material, "another version")
    graded(source, changed, tmp_path)
    assert sorted(counted) == ["ana", "bo", "cy"]


def test_an_error_of_the_grader_affects_one_submission_and_is_not_cached(
    source, course, tmp_path, monkeypatch
):
    mark = marks.mark

    def faulty(paper, *more):
        if any("chr" in cell.source for cell in paper.cells):
            raise RuntimeError("no space left")
        return mark(paper, *more)

    monkeypatch.setattr(marks, "mark", faulty)
    results = {one["student"]: one for one in graded(source, course, tmp_path)}
    statuses = [(one["status"], one["got"]) for one in results["cy"]["marks"]]
    assert statuses == [("needs a look", None), ("not attempted", 0), ("not attempted", 0)]
    assert "marking failed (RuntimeError: no space left); grade it again" in results["cy"]["notes"]
    assert points([results["bo"]]) == {"bo": 0}
    monkeypatch.setattr(marks, "mark", mark)
    again = {one["student"]: one for one in graded(source, course, tmp_path)}
    assert again["cy"]["notes"] == []
    assert points([again["cy"]]) == {"cy": 1}


@pytest.mark.parametrize("broken", ["mark", "rerun"])
def test_a_failure_of_one_verdict_keeps_the_other(source, course, tmp_path, monkeypatch, runs, broken):
    (source / "only").mkdir()
    (source / "bo").rename(source / "only" / "bo")
    module = {"mark": marks, "rerun": reproduction}[broken]
    working = getattr(module, broken)

    def no_memory(*given, **named):
        raise MachineError("the machine has only 3 MB of memory left")

    monkeypatch.setattr(module, broken, no_memory)
    (result,) = graded(source / "only", course, tmp_path, Options(limits=tiny.LIMITS))
    assert "only 3 MB" in result["notes"][0]
    assert (result["rerun"] is None) == (broken == "rerun")
    monkeypatch.setattr(module, broken, working)
    (again,) = graded(source / "only", course, tmp_path, Options(limits=tiny.LIMITS))
    assert again["notes"] == []
    assert again["rerun"]["verdict"] == "yes"
    assert len(runs) == 1  # none again because of a failure of the marks


def test_marks_and_reruns_are_kept_apart(source, course, tmp_path, counted, runs):
    (source / "bo" / "01_tiny.ipynb").write_text(tiny.notebook(*tiny.RIGHT, more=("while True: pass",)))
    patient = Options(limits=tiny.LIMITS)
    first = graded(source, course, tmp_path, patient)
    assert len(runs) == 3
    counted.clear()
    assert graded(source, course, tmp_path) == first  # marks only
    assert graded(source, course, tmp_path, patient) == first
    assert counted == []
    faster = Options(limits=replace(tiny.LIMITS, cell_seconds=3))
    again = graded(source, course, tmp_path, faster)
    assert counted == ["bo"]  # whose run had reached the limit
    assert len(runs) == 4
    assert [one["marks"] for one in again] == [one["marks"] for one in first]


def test_answers_that_need_a_look_are_tried_again(source, course, tmp_path, counted, monkeypatch):
    (source / "bo" / "01_tiny.ipynb").write_text(tiny.notebook(f"import torch_here\n{tiny.RIGHT[0]}"))
    first = graded(source, course, tmp_path)
    assert [one["marks"][0]["status"] for one in first] == ["correct", "needs a look", "correct"]
    assert reasons_to_look([first[1]])[0].startswith(
        "01: no mark for 1.2.1: The module torch_here is missing"
    )
    counted.clear()
    graded(source, course, tmp_path)
    assert counted == ["bo"]  # the module may have been installed


def test_a_run_without_a_module_is_tried_again(source, course, tmp_path, counted, runs):
    (source / "bo" / "01_tiny.ipynb").write_text(tiny.notebook(*tiny.RIGHT, more=("import torch_here",)))
    options = Options(limits=tiny.LIMITS)
    assert [one["rerun"]["verdict"] for one in graded(source, course, tmp_path, options)] == [
        "yes",
        "no",
        "yes",
    ]
    counted.clear()
    graded(source, course, tmp_path, options)
    assert counted == ["bo"]  # the module may have been installed


def test_a_first_run_with_marks_only_runs_the_notebooks_later(source, course, tmp_path, counted, runs):
    first = graded(source, course, tmp_path)
    assert runs == []
    again = graded(source, course, tmp_path, Options(limits=tiny.LIMITS))
    assert [one["rerun"]["verdict"] for one in again] == ["yes"] * 3
    assert [one["marks"] for one in again] == [one["marks"] for one in first]


def test_the_report_is_marked_once_and_not_run(tmp_path, counted, runs):
    edition = tiny.student_edition(tmp_path / "edition")
    report = (STUDENT_EDITION / "report.ipynb").read_text(encoding="utf-8")
    (edition / "report.ipynb").write_text(report, encoding="utf-8")
    (tmp_path / "in" / "ana").mkdir(parents=True)
    (tmp_path / "in" / "ana" / "01_tiny.ipynb").write_text(tiny.notebook())
    (tmp_path / "in" / "ana" / "report.ipynb").write_text(report.replace(OPEN_STUB, "Mine.", 1))
    for times in (["ana", "ana"], []):
        counted.clear()
        own, essay = graded(
            tmp_path / "in", Course.load(edition), tmp_path, Options(limits=tiny.LIMITS), jobs=1
        )
        assert counted == times
        assert (own["rerun"]["verdict"], essay["rerun"], essay["problem"]) == ("yes", None, None)
        assert [mark["status"] for mark in essay["marks"]] == ["by hand"] + ["not attempted"] * 5
        assert tables.reproduces(essay) == "not run by itself"
    assert len(runs) == 1


def test_the_course_is_run_once_before_the_submissions(course, tmp_path, monkeypatch):
    runs = []
    monkeypatch.setattr(crew, "run_course", lambda paths, out: runs.append([one.name for one in paths]))
    for _ in range(2):
        assert crew.prepare(course) == tmp_path / "home"
    assert runs == [["01_tiny.ipynb"]]


def test_finished_trainings_are_visible_and_cannot_be_changed(course, tmp_path):
    """A submission can load the instructor's training, and write next to it but not into it."""
    run = tmp_path / "home" / "runs" / "phantoms-240-quick" / "unet" / "1a2b"
    run.mkdir(parents=True)
    (run / "state.json").write_text("finished")
    (run / "weights").write_text("learnt")
    cell = (
        "import os, pathlib\nhome = pathlib.Path(os.environ['COURSE_HOME'])\n"
        "runs = home / 'runs' / 'phantoms-240-quick' / 'unet'\nstate = runs / '1a2b' / 'state.json'\n"
        "print(state.read_text())\n(runs / 'mine').mkdir()\ntemporary = state.with_name('new')\n"
        "temporary.write_text('replaced')\ntemporary.replace(state)\nprint(state.read_text())\n"
    )
    forge = "(runs / '1a2b' / 'weights').write_text('forged')"
    (tmp_path / "in" / "ana").mkdir(parents=True)
    (tmp_path / "in" / "ana" / "01_tiny.ipynb").write_text(tiny.notebook(*tiny.RIGHT, more=(cell, forge)))
    (result,) = graded(tmp_path / "in", course, tmp_path, Options(limits=tiny.LIMITS))
    assert result["rerun"]["texts"]["9"] == "finished\nreplaced\n"
    assert "Read-only" in result["rerun"]["failures"][0]["reason"]
    assert [path.read_text() for path in sorted(run.iterdir())] == ["finished", "learnt"]


@pytest.fixture
def scheduler(tmp_path, course, monkeypatch):
    """The address of a Dask scheduler with one worker, both in this process."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(crew.Course, "load", classmethod(lambda cls: course))
    crew._worker_place.cache_clear()
    cluster = distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None,
        local_directory=str(tmp_path / "dask"),
    )  # fmt: skip
    with cluster:
        yield cluster.scheduler_address


@pytest.mark.filterwarnings("ignore")
def test_workers_of_dask_give_the_same_results(source, course, tmp_path, scheduler):
    here = graded(source, course, tmp_path / "here")
    there = graded(source, course, tmp_path / "there", scheduler=scheduler)
    assert here == there


@pytest.mark.filterwarnings("ignore")
def test_a_missing_scheduler_is_reported(source, course, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(crew, "CONNECT_SECONDS", 0.5)
    with pytest.raises(CrewError, match="no Dask scheduler answers at tcp://127"):
        graded(source, course, tmp_path, scheduler="tcp://127.0.0.1:9")


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_without_workers_is_reported(source, course, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(crew, "CONNECT_SECONDS", 2)
    alone = distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None)
    with alone, pytest.raises(CrewError, match="no worker answers at"):
        graded(source, course, tmp_path, scheduler=alone.scheduler_address)


def test_without_dask_the_scheduler_is_refused(source, course, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CrewError, match="pip install distributed"):
        graded(source, course, tmp_path, scheduler="tcp://127.0.0.1:9")


@pytest.mark.filterwarnings("ignore")
def test_a_worker_with_another_course_is_refused(source, course, tmp_path, scheduler):
    changed = Course(course.folder, course.notebooks, course.material, "another version")
    with pytest.raises(CrewError, match=r"another version of the course.*restart it"):
        graded(source, changed, tmp_path, scheduler=scheduler)


def test_one_student_again_with_roster_notebook_and_gradebook(course, tmp_path, monkeypatch, counted, capsys):
    monkeypatch.setattr(command.Course, "load", classmethod(lambda cls: course))
    (tmp_path / "in").mkdir()
    for name, answers in {"perezana_11_2001": tiny.RIGHT, "smithbo_LATE_12_2002": tiny.RIGHT[:1]}.items():
        (tmp_path / "in" / f"{name}_01_tiny.ipynb").write_text(tiny.notebook(*answers))
    table = tmp_path / "canvas.csv"  # also says who is expected
    rows = [
        "    Points Possible,,,10",
        '"Pérez, Ana",11,ana,',
        '"Smith, Bo",12,bo,',
        '"Li, Ming",13,li,',
        '"Student, Test",9,,',
    ]
    table.write_text("\n".join(["Student,ID,SIS Login ID,Notebook 1 (1)", *rows]), encoding="utf-8")
    words = ["grade", str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--marks-only", "--jobs", "1"]
    words += ["--notebook", "01", "--roster", str(table), "--canvas", str(table)]
    parser = argparse.ArgumentParser()
    command.add_to(parser.add_subparsers())
    for more, again in (([], ["perezana", "smithbo"]), (["--student", "PerezAna"], ["perezana"])):
        counted.clear()
        chosen = parser.parse_args([*words, *more])
        assert chosen.function(chosen) == 0
        assert counted == again
        filled = (tmp_path / "out" / "canvas.csv").read_text(encoding="utf-8").splitlines()
        assert [row.rpartition(",")[2] for row in filled[2:]] == ["4.00", "2.00", "", ""]
        assert "1 on the roster, but submitted nothing: Li, Ming" in capsys.readouterr().out


def test_a_notebook_that_cannot_be_read_twice_stops_nobody(source, course, tmp_path, monkeypatch):
    """JSON of a depth near the limit: it was read at the intake, and cannot be read where it is graded."""
    read = crew.read_paper

    def too_deep(content):
        if b"deep here" in content:
            raise PaperError("is nested too deeply")
        return read(content)

    monkeypatch.setattr(crew, "read_paper", too_deep)
    (source / "bo" / "01_tiny.ipynb").write_text(tiny.notebook(*tiny.RIGHT, more=("'deep here'",)))
    results = graded(source, course, tmp_path)
    assert [one["marks"][0]["status"] for one in results] == ["correct", "not found", "correct"]
    assert [one["problem"] for one in results] == [None, "is nested too deeply", None]  # so it has no grade
    assert "marking failed" in str(results[1]["notes"])
