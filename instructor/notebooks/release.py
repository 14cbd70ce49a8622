"""Student editions as files: write them, compare them with a fresh build, run them."""

from pathlib import Path

import nbformat

from helpers.checks import NOT_ATTEMPTED
from helpers.checks.exercise import SHOWN
from helpers.config.language import LANGUAGES, catalogue
from helpers.config.settings import COURSE_FOLDER
from instructor.notebooks.execute import placed, read_notebook, run_course
from instructor.notebooks.student_edition import differences, is_check, make_student_edition

STUDENT_FOLDER = COURSE_FOLDER / "notebooks" / "student"
# What a check says of a stub, in each language.
NOTHING = tuple(catalogue(language).gettext(SHOWN[NOT_ATTEMPTED]) for language in LANGUAGES)


def build(notebooks: list[Path], folder: Path) -> list[Path]:
    """Write the student edition of each notebook.

    Args:
        notebooks: the solved ones.
        folder: where to write; created if it doesn't exist.

    Returns:
        The paths of the student editions.

    Raises:
        EditionError: the solution marks of a notebook are incomplete.
        NotebookError: a notebook cannot be read.
    """
    editions = {placed(path, folder): _fresh(path) for path in notebooks}  # all, before one is written
    for path, text in editions.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(editions)


def complaints(notebooks: list[Path], folder: Path) -> list[str]:
    """List what is wrong with the student editions.

    Args:
        notebooks: the solved ones.
        folder: of their student editions.

    Returns:
        One sentence for each edition that is missing, outdated or edited by hand, each stub that
        doesn't match its solution, and each solution that is still visible.

    Raises:
        EditionError: the solution marks of a notebook are incomplete.
        NotebookError: a notebook cannot be read.
    """
    found = []
    for path in notebooks:
        edition = placed(path, folder)
        if not edition.is_file():
            found.append(f"{edition.name}: there is no student edition. Run python -m instructor build.")
            continue
        if edition.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n") != _fresh(path):
            found.append(f"{edition.name}: differs from a fresh build. Run python -m instructor build.")
        found += [
            f"{edition.name}, {difference}"
            for difference in differences(read_notebook(path), read_notebook(edition))
        ]
    return found


def attempted(notebooks: list[Path], folder: Path, out: Path) -> list[str]:
    """Run the student editions, in which every check must say "not attempted".

    Args:
        notebooks: the solved ones.
        folder: of their student editions.
        out: folder for the executed student editions and their pages.

    Returns:
        One sentence for each check that says something else.

    Raises:
        CourseError: as `run_course`.
        NotebookError: a cell raised an error.
    """
    found = []
    for page in run_course([placed(path, folder) for path in notebooks], out):
        for cell in read_notebook(page.with_suffix(".ipynb")).cells:
            if is_check(cell):
                said = "".join(output.get("data", {}).get("text/plain", "") for output in cell.outputs)
                if not said.startswith(NOTHING):
                    found.append(f"{page.stem}, cell '{cell.id}': says {said!r}, but nothing was answered.")
    return found


def _fresh(path: Path) -> str:
    return nbformat.writes(make_student_edition(read_notebook(path), placed(path, Path()).as_posix())) + "\n"
