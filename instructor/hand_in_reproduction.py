"""`python -m instructor reproduce ZIP`: re-run the notebooks of a hand-in and compare their results.

The archive and the notebooks are untrusted. The notebooks run in the sandbox; what they say is validated.
"""

import argparse
import json
import math
import re
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from helpers._common import CourseError
from helpers.config import settings
from instructor.grading import reproduction, sandbox, stored
from instructor.grading.course import Course, visible_course
from instructor.grading.crew import default_jobs, prepare
from instructor.grading.intake import SubmittedFile, collect
from instructor.grading.papers import Cell, Paper, PaperError, read_paper
from instructor.grading.sandbox import Sandbox
from instructor.grading.tables import plain, write_csv
from instructor.grading.watch import Limits

VERDICTS = ("identical", "within the tolerance", "differs", "not in this run", "not in the hand-in")
IDENTICAL, WITHIN, DIFFERS, NOT_IN_THIS_RUN, NOT_IN_THE_HAND_IN = VERDICTS
TOLERANCE = f"{stored.RELATIVE:.0%} of the larger one, or {stored.ABSOLUTE} if that is more"
FINGERPRINT = "fingerprint"
PARTS = (FINGERPRINT, "classifier", "unet", "by slice", "by family")  # names of JSON files in results/
# What must be equal: its type, and where it is in a run record.
EXACT = {
    "content": (str, "data", "content"),
    "parameters": (int, "network", "parameters"),
    "epochs": (int, "epochs"),
}
FIRST, SECOND = "01", "02"  # how the names of the notebooks begin; the second one trains
MOST_BYTES, MOST_SCORES = 2**20, 100  # of a JSON file, in a run record
LARGEST = 1e300  # score
MEASURE = re.compile(r"\w[\w .,%-]{0,59}")
MOST_NAMED = 10  # cells or notes
OPENED = (
    "Trainings with the settings of your own run of the course are opened from there: it is an independent "
    "run of the same code. --train-again repeats all trainings."
)
AGAIN = "All trainings are repeated."
# Run before the student's cells, so that every run record that there is in the end is of this run.
REMOVE_SHARED = """
import os
from pathlib import Path

for shared in Path(os.environ["COURSE_HOME"]).glob("runs/*/*/*/run.json"):
    shared.unlink()
"""
# Run after them; without the numbers of the slices, which are too many.
PRINT_RECORDS = """
import json

from helpers import config, hand_in
from helpers._common import read_json

course = config.load()
print(json.dumps({"fingerprint": read_json(course.dataset_folder / "fingerprint.json")}))
for name, record in hand_in.records(course).items():
    network = {"parameters": record["network"]["parameters"]}
    kept = {key: record[key] for key in ("data", "epochs", "results")}
    print(json.dumps({name: kept | {"network": network}}))
"""
Numbers = dict[str, str | int | float]  # of a run record, by name


class ReproductionError(CourseError):
    """A hand-in that cannot be run again."""


@dataclass(frozen=True)
class HandIn:
    """What is compared of a hand-in."""

    notebooks: dict[str, Paper]  # by name, in the order in which they run
    numbers: dict[str, Numbers]  # by record
    places: set[tuple[str, int]]  # data folder and number of slices of the run records
    notes: list[str]  # on what cannot be used


def add_to(commands) -> None:
    """Add `reproduce` to the subparsers of `python -m instructor`."""
    reproduce = commands.add_parser("reproduce", help="re-run a hand-in and compare its results")
    add = reproduce.add_argument
    add("archive", type=Path, metavar="ZIP", help="a student's hand-in")
    add("--out", type=Path, help="folder for reproduction.csv")
    add("--minutes", type=float, default=30, help="limit per notebook (30); a cell may take a third of it")
    add("--train-again", action="store_true", help="repeat all trainings; open none of your own run")
    add("--no-sandbox", action="store_true", help="run student code with your own rights")
    reproduce.set_defaults(function=reproduce_command)


def reproduce_command(chosen: argparse.Namespace) -> int:
    """Re-run the notebooks of a hand-in, print which numbers came out again, and write them to a table.

    Args:
        chosen: the options of the command line.

    Returns:
        The exit status: 0 if everything was run and compared, and each number of the hand-in came out
        again; otherwise 1.

    Raises:
        CourseError: the hand-in cannot be read, is of other data, or cannot be run on this machine.
    """
    course = Course.load()
    hand_in = read_hand_in(chosen.archive, course)
    _require_quick_phantoms(hand_in)
    box = sandbox.choose(none=chosen.no_sandbox)
    _say(f"The notebooks run in {box.name}, with COURSE_DATA=phantoms and COURSE_PROFILE=quick.")
    _say(AGAIN if chosen.train_again else OPENED)
    limits = replace(Limits(), seconds=60 * chosen.minutes, cell_seconds=20 * chosen.minutes)
    shared = None if chosen.train_again else prepare(course)
    said, agree = _run(hand_in.notebooks, box, shared, limits)
    rows = compare(hand_in.numbers, _printed(said, hand_in.notes))
    if chosen.out:
        write_csv(chosen.out / "reproduction.csv", rows)
    counts = _summary(rows, hand_in.notes)
    compared = counts[IDENTICAL] + counts[WITHIN]
    wrong = counts[DIFFERS] + counts[NOT_IN_THIS_RUN]
    return 0 if agree and compared and not wrong and not hand_in.notes else 1


def read_hand_in(archive: Path, course: Course) -> HandIn:
    """Read the notebooks and run records of a hand-in; nothing is unpacked.

    Args:
        archive: the student's zip archive. A folder around its content does not matter.
        course: whose notebooks are in it.

    Raises:
        ReproductionError: it is not a zip archive, or lacks notebook 02 or all results.
    """
    if not archive.is_file() or not zipfile.is_zipfile(archive):
        what = "is not a zip archive" if archive.exists() else "does not exist"
        raise ReproductionError(f"{archive} {what}. Give the hand-in that the student's report.ipynb packed.")
    names = [one.name for one in course.notebooks if one.name.startswith((FIRST, SECOND))]
    files, notes = _files(archive, f"{names[-1]}.ipynb"), list[str]()
    papers = {name: _paper(files[f"{name}.ipynb"]) for name in names if f"{name}.ipynb" in files}
    notes += [f"the hand-in has no {name}.ipynb" for name in names if name not in papers]
    contents = {name: _json(files[f"{name}.json"], notes) for name in PARTS if f"{name}.json" in files}
    numbers = {
        name: found
        for name, content in contents.items()
        if content is not None and (found := _numbers(name, content, f"{name}.json", notes))
    }
    if not numbers:
        wanted, reasons = ", ".join(f"{name}.json" for name in PARTS), plain("; ".join(notes[:MOST_NAMED]))
        raise ReproductionError(
            f"{archive} has nothing to compare: none of {wanted} is in results/, or can be used"
            f"{f' ({reasons})' if reasons else ''}."
        )
    places = {_place(contents[name]) for name in numbers} - {None}
    return HandIn(
        {name: _with_records(name, paper) for name, paper in papers.items()}, numbers, places, notes
    )


def _files(archive: Path, trained: str) -> dict[str, SubmittedFile]:
    """Return the notebooks next to the one that trains, and the files in `results/`, by name."""
    files = collect(archive)
    roots = [file.path.parent for file in files if file.path.name == trained]
    if len(roots) != 1:
        has = f"has {len(roots)} notebooks" if roots else "has no notebook"
        raise ReproductionError(f"{archive} {has} {trained}. Give the hand-in of one student.")
    folders = (roots[0], roots[0] / "results")
    return {file.path.name: file for folder in folders for file in files if file.path.parent == folder}


def _paper(file: SubmittedFile) -> Paper:
    try:
        if file.problem:
            raise PaperError(file.problem)
        return read_paper(file.stored.read())
    except PaperError as error:
        raise ReproductionError(f"{plain(str(file.path))} {error}.") from error
    except Exception as error:  # of a decompressor: the file is damaged or encrypted
        raise ReproductionError(f"{plain(str(file.path))} cannot be read ({plain(str(error))}).") from error


def _json(file: SubmittedFile, notes: list[str]) -> object:
    name = file.path.name
    try:
        if file.problem or file.size > MOST_BYTES:
            notes.append(f"{name} {file.problem or f'is larger than {MOST_BYTES // 2**20} MB'}")
            return None
        return json.loads(file.stored.read())
    except (ValueError, RecursionError):
        notes.append(f"{name} is not valid JSON")
    except Exception as error:  # of a decompressor
        notes.append(f"{name} cannot be read ({error})")
    return None


def _at(content: object, *keys: str) -> object:
    """Return the value at these keys of nested dictionaries; None if there is none."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content


def _numbers(name: str, content: object, where: str, notes: list[str]) -> Numbers:
    """Return what a fingerprint or a run record says; of a malformed one, nothing."""
    exact, results = {"content": _at(content, "content")}, {}
    if name != FINGERPRINT:
        exact = {key: _at(content, *keys) for key, (_, *keys) in EXACT.items()}
        results = _at(content, "results")
    right = all(type(value) is EXACT[key][0] and len(str(value)) <= 100 for key, value in exact.items())
    if not right or not isinstance(results, dict) or len(results) > MOST_SCORES:
        kind = "fingerprint" if name == FINGERPRINT else "run record"
        notes.append(f"{where} is not a {kind} as the course writes it")
        return {}
    return exact | dict(_scores(results, where, notes))


def _scores(results: dict, where: str, notes: list[str]) -> Iterator[tuple[str, float]]:
    """Yield values and ends of intervals; not NaN, which the course writes for fewer than two patients."""
    for measure, score in results.items():
        if not MEASURE.fullmatch(measure) or measure in EXACT or not isinstance(score, dict):
            notes.append(f"{where} has a score of another form than the course's")
            continue
        for part in ("value", "low", "high"):
            number = score.get(part)
            if type(number) not in (int, float) or abs(number) > LARGEST:
                notes.append(f"{where}: {measure}, {part} is not a finite number")
            elif not math.isnan(number):
                yield measure if part == "value" else f"{measure}, {part}", float(number)


def _place(content: object) -> tuple[str, int] | None:
    """Return the data folder and the number of slices that a run record is of."""
    folder, slices = _at(content, "data", "folder"), _at(content, "data", "slices")
    return (folder, slices) if isinstance(folder, str) and isinstance(slices, int) else None


def _require_quick_phantoms(hand_in: HandIn) -> None:
    """Refuse results of other data, since nothing could be compared."""
    used = settings.load({"COURSE_DATA": "phantoms", "COURSE_PROFILE": "quick"}).dataset_folder.name
    for folder, slices in hand_in.places:
        if folder != used:
            raise ReproductionError(
                f"the hand-in's results are of {slices:,} slices of {plain(folder)[:100]}. This command runs "
                "notebooks on the quick phantoms alone (COURSE_DATA=phantoms, COURSE_PROFILE=quick), since "
                "the sandbox has no other data. To repeat these results, read the notebooks, then run them "
                "yourself: set COURSE_DATA and COURSE_PROFILE to what their setup cells printed."
            )


def _with_records(name: str, paper: Paper) -> Paper:
    """Add the cells that remove and print run records, if it is the notebook that trains."""
    if not name.startswith(SECOND):
        return paper
    before, after = (Cell("code", source, metadata={"tags": []}) for source in (REMOVE_SHARED, PRINT_RECORDS))
    return Paper([before, *paper.cells, after])


def _run(papers: dict[str, Paper], box: Sandbox, shared: Path | None, limits: Limits) -> tuple[str, bool]:
    """Run the notebooks, each in a COURSE_HOME of its own.

    Returns:
        What the last cell of the notebook that trains printed, and whether all is well.
    """
    said, agree = "", True
    with tempfile.TemporaryDirectory(prefix="grading-course-") as folder:
        visible = visible_course(Path(folder))
        for name, paper in papers.items():
            run = reproduction.rerun(paper, box, visible, shared, limits, default_jobs())
            agree &= _report(name, paper, run)
            if name.startswith(SECOND):
                said = run.texts.get(len(paper.cells) - 1, "")
    return said, agree


def _report(name: str, paper: Paper, run: reproduction.Rerun) -> bool:
    """Print how a notebook ran and whether its outputs are as stored; return whether all is well."""
    ran = run.verdict == reproduction.YES
    _say(f"\n{name} {'ran' if ran else 'did not run'} from top to bottom ({run.seconds:.0f} s).")
    for failure in run.failures[:MOST_NAMED]:
        _say(f"  {_cell_name(name, paper, failure.place)}: {_short(failure.reason, 300)}")
    if run.reason:
        _say(f"  {run.reason}")
    compared = stored.compare(paper, run.texts)
    if compared.reason:
        _say(f"  Outputs were not compared: {compared.reason}.")
    else:
        alike = compared.compared - len(compared.differences)
        _say(f"  Outputs: {alike} of {compared.compared} compared cells agree.")
    for place, then, now in compared.differences[:MOST_NAMED]:
        _say(f"  {_cell_name(name, paper, place)}: stored {_short(then)!r}, new {_short(now)!r}")
    return ran and compared.verdict != stored.DIFFER


def _cell_name(name: str, paper: Paper, place: int) -> str:
    """Return the number of a cell in the student's notebook, from 1, and its ID."""
    added = name.startswith(SECOND)
    if added and place in (0, len(paper.cells) - 1):
        return "this command's own cell"
    return f"cell {place + 1 - added} ({paper.cells[place].id or 'without ID'})"


def _short(text: str, most: int = 60) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[: most - 3]}..."


def _printed(said: str, notes: list[str]) -> dict[str, Numbers]:
    """Read what the last cell printed, which the student's code can change."""
    new: dict[str, Numbers] = {}
    for line in said.splitlines():
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            continue
        for name in PARTS:
            if (part := _at(content, name)) is not None:
                new[name] = _numbers(name, part, f"the new {name}", notes)
    return new


def compare(then: dict[str, Numbers], now: dict[str, Numbers]) -> list[dict]:
    """Compare stored numbers with new ones.

    Args:
        then: of the hand-in, by record.
        now: of the new run.

    Returns:
        Rows with record, number, stored, new, tolerance and verdict.
    """
    return [
        {
            "record": record,
            "number": number,
            "stored": (stored_value := then.get(record, {}).get(number)),
            "new": (new_value := now.get(record, {}).get(number)),
            "tolerance": "exact" if number in EXACT else TOLERANCE,
            "verdict": _verdict(stored_value, new_value),
        }
        for record in PARTS
        for number in then.get(record, {}) | now.get(record, {})
    ]


def _verdict(then: str | float | None, now: str | float | None) -> str:
    if then is None or now is None:
        return NOT_IN_THE_HAND_IN if then is None else NOT_IN_THIS_RUN
    if then == now:
        return IDENTICAL
    scores = isinstance(then, float) and isinstance(now, float)  # texts and counts must be equal
    near = scores and math.isclose(then, now, rel_tol=stored.RELATIVE, abs_tol=stored.ABSOLUTE)
    return WITHIN if near else DIFFERS


def _summary(rows: list[dict], notes: list[str]) -> Counter:
    """Print the table and the closing sentence; return how often there is each verdict."""
    shown = [row | {key: _written(row[key]) for key in ("stored", "new")} for row in rows]
    _say(f"\n{pd.DataFrame(shown).drop(columns='tolerance').to_string(index=False)}\n")
    for note in notes[:MOST_NAMED]:
        _say(f"Note: {note}.")
    counts = Counter(row["verdict"] for row in rows)
    words = ", ".join(f"{verdict} {counts[verdict]}" for verdict in VERDICTS)
    _say(f"{len(rows)} numbers: {words}. Tolerance of a score: {TOLERANCE}; all else must be identical.")
    return counts


def _written(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4f}" if isinstance(value, float) else str(value)[:12]


def _say(text: str) -> None:
    print(plain(text), flush=True)
