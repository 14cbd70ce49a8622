"""A made-up class with known marks: submissions as Moodle packs them, made from the course's own notebooks.

    python -m tests.support.make_class FOLDER [--students 30]

writes `class.zip`, and `known.json` with the points of every exercise of every student. Each student has
some correct answers, some typical mistakes (`mistakes.py`) and some exercises not attempted, and changes
the notebook as students do. Their reports are in REPORTS.
"""

import argparse
import inspect
import io
import json
import re
import zipfile
from copy import deepcopy
from pathlib import Path

import nbformat
import numpy as np

from helpers.checks import EXERCISES
from instructor.notebooks.student_edition import answer_cells, exercise_number, free_text, is_stub
from tests.support import mistakes

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FAMILY_NAMES = "Álvarez Baptiste Çelik D'Angelo Eriksson Fuentes García Haddad Ivanova Jansen"
GIVEN_NAMES = ("Ana", "Bo", "Chloé")
HELPERS = {name: inspect.getsource(one) for name, one in inspect.getmembers(mistakes, inspect.isfunction)
           if one.__module__ == mistakes.__name__ and name != "wrong"}  # fmt: skip
IMPORTS = (
    "import random",
    "from collections.abc import Callable",
    "import numpy as np",
    "from helpers.evaluation import dice",
)
TITLE = "**Your answer to Think! {}**\n\n"
ESSAY = TITLE + "In my run most tumours were found, because they are bright."
WORDS = (
    "tumour slice patient network border overlap threshold training class split glioma meningioma pituitary "
    "mean large small found missed often rarely since because which where measured compared with between my"
)


def make_class(folder: Path, students: int = 30, seed: int = 2023) -> dict[str, dict[str, float | None]]:
    """Write a class to a folder.

    Args:
        folder: where to write.
        students: how many.
        seed: of the random choice of answers.

    Returns:
        Points by student and exercise; None for an answer that a person marks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    known = {}
    with zipfile.ZipFile(folder / "class.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for place in range(students):
            name = f"{GIVEN_NAMES[place // 10 % 3]} {FAMILY_NAMES.split()[place % 10]}"
            name += f" {place // 30 + 1}" if place >= 30 else ""
            habit = HABITS[place % len(HABITS)]
            folder_name = f"{name}_{70_000 + place}_assignsubmission_file_"
            known[name], files = _submission(habit, rng, _report(place, rng))
            if habit is tidy:
                files = {"hand-in.zip": _hand_in(files)}
            for file, content in files.items():
                archive.writestr(f"{folder_name}/{file}", content)
    (folder / "known.json").write_text(json.dumps(known, indent=1, ensure_ascii=False), encoding="utf-8")
    return known


def _submission(
    habit, rng: np.random.Generator, report: dict[str, str]
) -> tuple[dict, dict[str, str | bytes]]:
    """Return the points by exercise, and the content of each file."""
    points: dict[str, float | None] = {}
    files: dict[str, str | bytes] = {}
    for path in sorted((NOTEBOOKS / "student").glob("*.ipynb")):
        student = _without_outputs(nbformat.read(path, as_version=4))
        solved = answer_cells(nbformat.read(NOTEBOOKS / path.name, as_version=4))
        solutions = {number: as_own(source) for number, source in solved.items()}
        answers = {}
        for number in solutions:
            source, points[number] = (
                (report.get(number), None if number in report else 0.0)
                if path.stem == "report"
                else _answer(number, solutions[number], rng)
            )
            answers |= {number: source} if source else {}
        for name, content, changed in habit(path.name, _insert_answers(student, answers), rng):
            files[name] = content
            points |= changed
    return points, files


def _report(place: int, rng: np.random.Generator) -> dict[str, str]:
    """Return the texts of a report by exercise: of the expected length, unless REPORTS says otherwise."""
    numbers = [number for number, one in EXERCISES.items() if number[0] == "R" and rng.random() < 0.9]
    texts = {number: _prose(EXERCISES[number].words[0] + 15, rng) for number in numbers}
    if place in REPORTS:
        texts = REPORTS[place](texts)
    return {number: TITLE.format(number) + text for number, text in texts.items()}


def _with_model(texts: dict[str, str]) -> dict[str, str]:
    """Copy the solved edition's answer to R.6."""
    solved = answer_cells(nbformat.read(NOTEBOOKS / "report.ipynb", as_version=4))
    return texts | {"R.6": free_text(solved["R.6"])}


def _with_copy(texts: dict[str, str]) -> dict[str, str]:
    """Copy the same text for R.1."""
    return texts | {"R.1": _prose(150, np.random.default_rng(1))}


def _with_paragraph(texts: dict[str, str]) -> dict[str, str]:
    """Copy the same paragraph, but nothing else, into R.6."""
    own = texts.get("R.6") or _prose(215, np.random.default_rng(len(texts)))
    return texts | {"R.6": f"{own}\n\n{_prose(50, np.random.default_rng(2))}"}


# What the students with these positions did; the others wrote their own texts, and some left one out.
UNTOUCHED, MODEL, COPIES, PARAGRAPHS, SHORT = 11, 12, (13, 23), (14, 24), 16
REPORTS = {
    UNTOUCHED: lambda texts: {},
    MODEL: _with_model,
    **dict.fromkeys(COPIES, _with_copy),
    **dict.fromkeys(PARAGRAPHS, _with_paragraph),
    SHORT: lambda texts: texts | {"R.2": "To find tumours."},
}


def _prose(length: int, rng: np.random.Generator) -> str:
    """Return so many random words, in two paragraphs."""
    words = rng.choice(WORDS.split(), length)
    return f"{' '.join(words[: length // 2])}.\n\n{' '.join(words[length // 2 :])}."


def _hand_in(files: dict[str, str | bytes]) -> bytes:
    """Return the archive that the report packs: see `helpers/hand_in/archive.py`."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr("report.html", "<!DOCTYPE html><title>Report</title>")
        for name in ("fingerprint", "classifier", "unet", "by slice", "by family"):
            archive.writestr(f"results/{name}.json", '{"made": "2026-11-20"}')
        archive.writestr("results/index.csv", "slice,class\n1,glioma\n")
    return inner.getvalue()


def _answer(number: str, solution: str, rng: np.random.Generator) -> tuple[str | None, float | None]:
    """Return an answer cell and its points."""
    exercise, luck = EXERCISES[number], rng.random()
    if exercise.kind == "open":
        return (None, 0.0) if luck < 0.3 else (ESSAY.format(number), None)
    if luck < 0.15:
        return None, 0.0
    if luck < 0.6 or number not in mistakes.MISTAKES:  # of networks: their mistakes need other helpers
        return solution, float(exercise.points)
    source, _, credit = mistakes.MISTAKES[number][rng.integers(len(mistakes.MISTAKES[number]))]
    return _wrong(number, source, solution), (credit or 0) * exercise.points


def as_own(solution: str) -> str:
    """Return an answer cell of the solved edition as a student may have written it."""
    return re.sub(r" *### .*\n?", "", solution).rstrip() + "\n# done"


def _wrong(number: str, source: str, solution: str) -> str:
    """Return a complete answer cell with a mistake in it."""
    name = next(
        line.removeprefix("def ").partition("(")[0].partition(" =")[0]
        for line in solution.splitlines()
        if line.startswith("def ") or " = " in line
    )
    return "\n".join([f"# Exercise {number}", *IMPORTS, *_helpers(source), f"{name} = {source}"])


def _helpers(source: str) -> list[str]:
    """Return the sources of the helpers that a mistake calls, and of those that they call."""
    found = [one for name, one in HELPERS.items() if re.search(rf"\b{name}\b", source) and one != source]
    return [*dict.fromkeys([one for helper in found for one in [*_helpers(helper), helper]])]


def _insert_answers(student, answers: dict[str, str]):
    """Put answers into a student edition; an exercise without one keeps its stub."""
    for cell in student.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution") and exercise_number(cell) in answers:
            cell.source = answers[exercise_number(cell)]
    return student


def _without_outputs(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


# ---- what students do to a notebook: file name, notebook, rng -> files, each with what it changes ----


def tidy(name, notebook, rng):
    """Nothing."""
    yield name, nbformat.writes(notebook), {}


def colab(name, notebook, rng):
    """Colab's own format, under the name that Drive gives."""
    made = json.loads(nbformat.writes(notebook))
    made["nbformat_minor"] = 0
    made["metadata"]["colab"] = {"provenance": [{"file_id": "1a2b3c", "timestamp": 1}]}
    for cell in made["cells"]:
        cell["metadata"]["id"] = "".join(rng.choice(list("abcXYZ0123_-"), 12))
        del cell["id"]
    yield f"Copy of {name}", json.dumps(made, ensure_ascii=False), {}


def renamed(name, notebook, rng):
    """A file name that doesn't say which notebook it is."""
    yield f"homework final {name[1]} (3).ipynb", nbformat.writes(notebook), {}


def no_metadata(name, notebook, rng):
    """Every cell re-created: no metadata, new ids."""
    for place, cell in enumerate(notebook.cells):
        cell.metadata, cell.id = {}, f"new-{place}"
    yield name, nbformat.writes(notebook), {}


def duplicated(name, notebook, rng):
    """A copy of each unanswered cell before or after the answer."""
    cells = []
    stubs = _stubs(name)
    for cell in notebook.cells:
        number = exercise_number(cell)
        copy = [stubs[number]] if number else []
        cells += [cell, *copy] if rng.random() < 0.5 else [*copy, cell]
    for place, cell in enumerate(cells):
        cell.id = f"cell-{place}"
    notebook.cells = cells
    yield name, nbformat.writes(notebook), {}


def deleted(name, notebook, rng):
    """One answer cell and every check deleted."""
    numbers = [exercise_number(cell) for cell in notebook.cells if exercise_number(cell)]
    gone = numbers[int(rng.integers(len(numbers)))]
    notebook.cells = [
        cell for cell in notebook.cells
        if exercise_number(cell) != gone and not cell.source.startswith("# Check")
    ]  # fmt: skip
    yield name, nbformat.writes(notebook), {gone: 0.0}


def reordered(name, notebook, rng):
    """The cells in another order."""
    notebook.cells = [notebook.cells[place] for place in rng.permutation(len(notebook.cells))]
    yield name, nbformat.writes(notebook), {}


def two_versions(name, notebook, rng):
    """An empty version, and the real one."""
    empty = deepcopy(notebook)
    for cell, stub in ((cell, _stubs(name).get(exercise_number(cell))) for cell in empty.cells):
        cell.source = stub.source if stub else cell.source
    stem = name.removesuffix(".ipynb")
    yield name, nbformat.writes(empty), {}
    yield f"{stem} (2).ipynb", nbformat.writes(notebook), {}


def packed(name, notebook, rng):
    """An archive within the archive, with the hidden files that operating systems add."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr(f"my course/{name}", nbformat.writes(notebook))
        archive.writestr(f"__MACOSX/my course/._{name}", b"\x00\x05")
        archive.writestr(f"my course/.ipynb_checkpoints/{name}", _stub_text(name))
    yield f"{name[:2]}.zip", inner.getvalue(), {}


def only_the_first(name, notebook, rng):
    """The second notebook not submitted."""
    if name.startswith("01"):
        yield name, nbformat.writes(notebook), {}
    else:
        yield "notes.txt", "Sorry, I was ill.", dict.fromkeys(_stubs(name), 0.0)


HABITS = (
    tidy,
    colab,
    renamed,
    no_metadata,
    duplicated,
    deleted,
    reordered,
    two_versions,
    packed,
    only_the_first,
)


def _stubs(name: str) -> dict:
    student = nbformat.read(NOTEBOOKS / "student" / name, as_version=4)
    return {
        exercise_number(cell): cell for cell in student.cells
        if exercise_number(cell) and is_stub(cell.source)
    }  # fmt: skip


def _stub_text(name: str) -> str:
    return (NOTEBOOKS / "student" / name).read_text(encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--students", type=int, default=30)
    chosen = parser.parse_args()
    print(len(make_class(chosen.folder, chosen.students)), "students in", chosen.folder / "class.zip")
