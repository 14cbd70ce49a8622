"""A hand-in that is run again: which numbers came out again, and what is said if it cannot be run."""

import csv
import json
import stat
import zipfile

import pytest

from helpers.training.run_record import FORMAT
from instructor import __main__ as command
from instructor import hand_in_reproduction as reproduce
from instructor.grading.course import Course
from tests.support import tiny_course as tiny

CONTENT = "c0ffee" * 10
FIRST, SECOND = "01_tiny.ipynb", "02_tiny.ipynb"
# What notebook 02 does: it writes a fingerprint and the run record of a cross-validation.
WRITE = """
import json
from helpers import config

course = config.load()
weights = course.run_folder("classifier/1234abcd") / "weights"
record["results"]["opened"] = dict.fromkeys(("value", "low", "high"), float(weights.exists()))
for path, content in (
    (course.dataset_folder / "fingerprint.json", {"content": record["data"]["content"]}),
    (course.run_folder("protocols/by slice") / "run.json", record),
):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
"""


def record(epochs=8, parameters=144_003, **scores):
    """Return a run record; scores as value, low and high."""
    return {
        "format": FORMAT,
        "data": {"content": CONTENT, "folder": "phantoms-240", "slices": 240},
        "epochs": epochs,
        "network": {"parameters": parameters},
        "results": {
            name.replace("_", " "): dict(zip(("value", "low", "high"), score, strict=True))
            for name, score in scores.items()
        },
    }


NEW = record(accuracy=(0.9, 0.8, 1.0), macro_F1=(0.5, 0.4, 0.6))
SAME = record(accuracy=(0.9, 0.8, 1.0), macro_F1=(0.5, 0.4, 0.6), opened=(1.0, 1.0, 1.0))


def notebook(*sources):
    """Return a notebook with stored outputs, whose own cells have these sources."""
    text = tiny.notebook(more=sources)
    return tiny.with_outputs(text, {"setup": "Data     none\nProfile  quick", "tagged": "two and two: 4"})


def trained(new=NEW, *more):
    return notebook(f"record = {new!r}\n{WRITE}", *more)


def packed(path, files, top=""):
    """Write a zip archive; values that are no text are written as JSON."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{top}{name}", content if isinstance(content, str) else json.dumps(content))
    return path


def files(**records):
    """Return the files of a hand-in with these run records, underscores in their names for spaces."""
    made = {f"results/{name.replace('_', ' ')}.json": content for name, content in records.items()}
    return {FIRST: notebook(), SECOND: trained(), "results/fingerprint.json": {"content": CONTENT}} | made


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edition")
    (folder / SECOND).write_text(tiny.notebook(), encoding="utf-8")
    return Course.load(tiny.student_edition(folder))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The instructor's own COURSE_HOME, with the weights of a training and a pooled run record."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o755)
    for name, content in {"classifier/1234abcd/weights": "", "protocols/by family/run.json": SAME}.items():
        path = home / "runs" / "phantoms-240-quick" / name
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content))
    return home


@pytest.fixture
def said(course, home, monkeypatch, capsys):
    """A function: words after `reproduce` -> exit status, standard output, standard error."""
    monkeypatch.setenv("COURSE_HOME", str(home))
    monkeypatch.setenv("COURSE_DATA", "phantoms")
    monkeypatch.setenv("COURSE_PROFILE", "quick")
    monkeypatch.setenv("PYTHONPATH", str(reproduce.settings.COURSE_FOLDER))
    monkeypatch.setattr(reproduce.Course, "load", lambda: course)

    def said(*words):
        status = command.main(["reproduce", *map(str, words)])
        return status, *capsys.readouterr()

    return said


def verdicts(folder):
    with (folder / "reproduction.csv").open(encoding="utf-8-sig", newline="") as handle:
        return {(row["record"], row["number"]): row["verdict"] for row in csv.DictReader(handle)}


def test_the_same_numbers_come_out_again(said, tmp_path, sandbox_here):
    archive = packed(tmp_path / "hand-in.zip", files(by_slice=SAME), top="Ana Pérez/")
    status, out, _ = said(archive, "--out", tmp_path / "out")
    assert set(verdicts(tmp_path / "out").values()) == {"identical"}
    assert "COURSE_DATA=phantoms and COURSE_PROFILE=quick" in out
    assert "an independent run of the same code" in out
    assert "01_tiny ran from top to bottom" in out
    assert out.count("Outputs: 1 of 1 compared cells agree.") == 2
    assert "13 numbers: identical 13, within the tolerance 0, differs 0" in out
    assert "10% of the larger one, or 0.05 if that is more" in out
    assert status == 0


def test_each_number_has_its_verdict(said, tmp_path, sandbox_here):
    stored = record(parameters=1, accuracy=(0.86, 0.8, 0.5), kappa=(0.1, 0, 0.2), opened=(1, 1, 1))
    given = files(by_slice=stored, by_family=SAME) | {FIRST: notebook().replace("two: 4", "two: 5")}
    status, out, _ = said(packed(tmp_path / "hand-in.zip", given), "--out", tmp_path / "out")
    got = verdicts(tmp_path / "out")
    assert {name: got["by slice", name] for name in ("content", "parameters", "epochs", "opened")} == {
        "content": "identical", "parameters": "differs", "epochs": "identical", "opened": "identical",
    }  # fmt: skip
    assert got["by slice", "accuracy"] == "within the tolerance"
    assert got["by slice", "accuracy, low"] == "identical"
    assert got["by slice", "accuracy, high"] == "differs"
    assert got["by slice", "kappa"] == "not in this run"
    assert got["by slice", "macro F1"] == "not in the hand-in"
    # The instructor's own record is not one of this run.
    assert {verdict for (name, _), verdict in got.items() if name == "by family"} == {"not in this run"}
    assert "cell 9 (tagged): stored 'two and two: 5', new 'two and two: 4'" in out
    assert ", differs 2, " in out
    assert status == 1


def test_trainings_can_be_repeated(said, tmp_path, sandbox_here):
    status, out, _ = said(
        packed(tmp_path / "hand-in.zip", files(by_slice=SAME)), "--train-again", "--out", tmp_path / "out"
    )
    assert verdicts(tmp_path / "out")["by slice", "opened"] == "differs"  # no weights were shared
    assert "All trainings are repeated." in out
    assert status == 1


def test_a_notebook_that_does_not_run_is_named_with_cell_and_reason(said, tmp_path, sandbox_here):
    ends = trained(NEW, "raise ValueError('\\x1b[31m' + 'long ' * 100)", "import os; os._exit(0)")
    given = files(by_slice=SAME) | {FIRST: notebook("1 / 0"), SECOND: ends}
    status, out, _ = said(packed(tmp_path / "hand-in.zip", given))
    assert "01_tiny did not run from top to bottom" in out
    assert "cell 10 (more-0): ZeroDivisionError: division by zero" in out
    assert "cell 11 (more-1): ValueError: [31mlong" in out
    assert "cell 12 (more-2): Python was ended" in out
    assert "not in this run 13" in out
    assert status == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({SECOND: None}, "has no notebook 02_tiny.ipynb"),
        ({f"other/{SECOND}": trained()}, "has 2 notebooks 02_tiny.ipynb. Give the hand-in of one student"),
        ({SECOND: "not a notebook"}, f"{SECOND} is not valid JSON"),
        ({SECOND: {"cells": 1}}, f"{SECOND} is JSON, but not a notebook"),
        ({"results/fingerprint.json": None, "results/by slice.json": None}, "has nothing to compare"),
        ({"results/fingerprint.json": "{", "results/by slice.json": "[]"}, "fingerprint.json is not valid"),
        ({"results/fingerprint.json": {}, "results/by slice.json": {}}, "by slice.json is not a run record"),
        (
            {"results/by slice.json": SAME | {"data": SAME["data"] | {"folder": "figshare", "slices": 3064}}},
            "of 3,064 slices of figshare. This command runs notebooks on the quick phantoms alone",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_reproduced_is_said_before_anything_runs(said, tmp_path, monkeypatch, change, message):
    monkeypatch.setattr(reproduce.reproduction, "rerun", None)
    given = {name: one for name, one in (files(by_slice=SAME) | change).items() if one is not None}
    status, out, error = said(packed(tmp_path / "hand-in.zip", given))
    assert message in error
    assert (status, out) == (1, "")


def test_only_a_sound_zip_archive_is_read(said, tmp_path):
    assert "missing.zip does not exist" in said(tmp_path / "missing.zip")[2]
    assert "is not a zip archive. Give the hand-in" in said(tmp_path)[2]
    archive = packed(tmp_path / "hand-in.zip", files(by_slice=SAME))
    content = bytearray(archive.read_bytes())
    archive.write_bytes(content[:-100])
    assert "is not a zip archive. Give the hand-in" in said(archive)[2]
    place = content.index(SECOND.encode()) + 200  # in the compressed notebook
    content[place : place + 20] = bytes(20)
    archive.write_bytes(content)
    status, _, error = said(archive)
    assert f"{SECOND} cannot be read" in error
    assert status == 1


def test_of_untrusted_records_only_finite_numbers_of_the_expected_form_are_kept(course, tmp_path):
    odd = {
        "accuracy": {"value": 0.9, "low": float("nan"), "high": float("inf")},
        "Dice": {"value": True, "low": "0.1", "high": 1},
        "accuracy, gap to by slice": {"value": 0.1, "low": 0, "high": 0.2},
        "=cmd|'/c calc'!A1": {"value": 1, "low": 1, "high": 1},
        "IoU": [1, 2],
        "epochs": {"value": 8, "low": 8, "high": 8},
    }
    given = files(by_slice=SAME | {"results": odd}, unet=SAME | {"epochs": True}, by_family=SAME)
    given["results/classifier.json"] = " " * reproduce.MOST_BYTES + "{}"
    archive = packed(tmp_path / "hand-in.zip", given)
    hand_in = reproduce.read_hand_in(archive, course)
    assert hand_in.numbers["by slice"] == {
        "content": CONTENT, "parameters": 144_003, "epochs": 8, "accuracy": 0.9, "Dice, high": 1.0,
        "accuracy, gap to by slice": 0.1, "accuracy, gap to by slice, low": 0.0,
        "accuracy, gap to by slice, high": 0.2,
    }  # fmt: skip
    assert sorted(hand_in.numbers) == ["by family", "by slice", "fingerprint"]
    assert hand_in.notes == [
        "classifier.json is larger than 1 MB",
        "unet.json is not a run record as the course writes it",
        "by slice.json: accuracy, high is not a finite number",
        "by slice.json: Dice, value is not a finite number",
        "by slice.json: Dice, low is not a finite number",
        *["by slice.json has a score of another form than the course's"] * 3,
    ]


def test_a_link_in_the_archive_is_not_followed(course, tmp_path):
    archive = packed(tmp_path / "hand-in.zip", files(by_slice=SAME))
    with zipfile.ZipFile(archive, "a") as opened:
        link = zipfile.ZipInfo("results/unet.json")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    hand_in = reproduce.read_hand_in(archive, course)
    assert "unet" not in hand_in.numbers
    assert hand_in.notes == ["unet.json is a link to another file; submit the notebook itself"]
