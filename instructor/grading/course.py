"""The student edition and its exercises, and the copy of the course that a sandbox may read."""

import ast
import compileall
import hashlib
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from helpers._common import CourseError
from helpers.checks import EXERCISES, Exercise
from helpers.config.language import LOCALES
from helpers.config.settings import COURSE_FOLDER
from instructor.grading.inside.context import Statement, statements
from instructor.grading.papers import Cell, Paper, read_paper
from instructor.grading.sandbox import empty_course
from instructor.notebooks.student_edition import answer_cells, parse, to_python

HELPERS = (".py", ".mplstyle")
CODE = (".py", ".jinja")
GOOGLE = COURSE_FOLDER / "instructor" / "colab" / "stubs" / "google"
REPORT = "report"  # the student's own; its numbers come from runs that only the student has
STUDENT_EDITION = COURSE_FOLDER / "notebooks" / "student"


@dataclass(frozen=True)
class Task:
    """An exercise in a notebook."""

    exercise: Exercise
    before: int  # number of code cells before the answer
    expression: str | None  # what the check cell passes to the check; None for a free-text question
    section: str  # the heading above it, for the feedback


@dataclass(frozen=True)
class Pristine:
    """A notebook of the student edition."""

    name: str  # of its file, without the suffix
    paper: Paper

    @cached_property
    def tasks(self) -> list[Task]:
        """Its exercises, in order."""
        found = []
        for place, cell in enumerate(self.paper.cells):
            above = self.paper.cells[:place]
            texts = "\n".join(one.source for one in above if one.cell_type == "markdown")
            sections = re.findall(r"^#{2,3} ((?:\d+|[A-Z])\.\d+ .+)", texts, re.MULTILINE) or [self.name]
            before = sum(one.cell_type == "code" for one in above)
            for number in answer_cells(Paper([cell])).keys() & EXERCISES.keys():
                checks = filter(None, (checked_expression(one.source, number) for one in self.code))
                found.append(Task(EXERCISES[number], before, next(checks, None), sections[-1]))
        return found

    @cached_property
    def code(self) -> list[Cell]:
        """Its code cells, in order."""
        return [cell for cell in self.paper.cells if cell.cell_type == "code"]

    @cached_property
    def statements(self) -> list[list[Statement]]:
        """The statements of each code cell, without their compiled code."""
        return [[one._replace(code=None) for one in statements(to_python(cell.source))] for cell in self.code]

    def likeness(self, paper: Paper, path: PurePosixPath) -> tuple[int, int, int]:
        """Return the similarity of a file to this notebook: shared exercises, shared cell ids, its name."""
        numbers = {task.exercise.id for task in self.tasks} & set(answer_cells(paper))
        ids = {cell.id for cell in self.paper.cells if cell.id} & {cell.id for cell in paper.cells}
        return len(numbers), len(ids), int(self.named_in(path))

    def named_in(self, path: PurePosixPath) -> bool:
        """Whether a file's name identifies this notebook."""
        number, _, words = self.name.replace("_", " ").partition(" ")
        name = f"{path.stem.replace('_', ' ').lower()} "
        return f"{number} " in name or (words != "" and words.lower() in name)


@dataclass(frozen=True)
class Course:
    """The course of this folder."""

    folder: Path  # of the student edition
    notebooks: list[Pristine]  # of the student edition, in order
    material: str  # a hash of what students work with: helpers and notebooks
    version: str  # a hash of everything that marks depend on: the material and the grader

    @property
    def paths(self) -> list[Path]:
        """The files of the student edition that are run."""
        return [self.folder / f"{one.name}.ipynb" for one in self.notebooks if one.name != REPORT]

    @classmethod
    def load(cls, student_edition: Path = STUDENT_EDITION) -> "Course":
        """Read the student edition from its folder.

        Raises:
            CourseError: there are no notebooks, or an exercise has no check.
        """
        paths = sorted(student_edition.glob("*.ipynb"))
        if not paths:
            raise CourseError(f"{student_edition} has no notebooks. Build them: python -m instructor build")
        notebooks = [Pristine(path.stem, read_paper(path.read_bytes())) for path in paths]
        for notebook in notebooks:
            for task in notebook.tasks:
                if task.expression is None and task.exercise.kind != "open":
                    raise CourseError(f"{notebook.name}: exercise {task.exercise.id} has no check cell.")
        helpers = [path for path in (COURSE_FOLDER / "helpers").rglob("*") if path.suffix in HELPERS]
        material = [*helpers, *LOCALES.rglob("*.mo"), *paths]
        grader = [path for path in (COURSE_FOLDER / "instructor").rglob("*") if path.suffix in CODE]
        return cls(student_edition, notebooks, _hash(material), _hash([*material, *grader]))

    def named(self, name: str) -> Pristine:
        """Return the notebook of this name."""
        return next(one for one in self.notebooks if one.name == name)

    def the_one_like(self, paper: Paper, path: PurePosixPath) -> Pristine | None:
        """Return the notebook that a file was made from; None if it resembles none."""
        best = max(self.notebooks, key=lambda one: one.likeness(paper, path))
        return best if any(best.likeness(paper, path)) else None


def visible_course(folder: Path) -> Path:
    """Copy what a sandbox may read of the course to a folder: the helpers, a stub of `google.colab`, no
    solutions. Return the copy.
    """
    course = empty_course(folder)
    ignored = shutil.ignore_patterns("__pycache__")
    for source in (COURSE_FOLDER / "helpers", COURSE_FOLDER / "colab", GOOGLE):
        shutil.copytree(source, course / source.name, ignore=ignored)
    shutil.copy(COURSE_FOLDER / "pyproject.toml", course)
    for catalogue in LOCALES.rglob("*.mo"):  # the others have texts of solutions
        place = course / catalogue.relative_to(COURSE_FOLDER)
        place.parent.mkdir(parents=True)
        shutil.copy(catalogue, place)
    compileall.compile_dir(course, quiet=1)  # once rather than in every sandbox
    for path in course.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return course


def checked_expression(source: str, exercise: str) -> str | None:
    """Return the second argument of `checks.check("1.2", ...)` in a code cell, or None."""
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Call) and len(node.args) == 2:
            number, answer = node.args
            if isinstance(number, ast.Constant) and number.value == exercise:
                return ast.unparse(answer)
    return None


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
