"""Translated notebooks in `notebooks/es`, their student editions in `notebooks/es/student`, README.es.md."""

import os
import re
import textwrap
from copy import deepcopy
from functools import partial
from pathlib import Path

import nbformat
from babel.messages.catalog import Catalog
from nbformat import NotebookNode

from helpers.checks.exercise import OPEN_STUB
from helpers.config.language import DOMAIN, LINE
from helpers.config.settings import COURSE_FOLDER
from instructor.notebooks.execute import NOTEBOOKS, placed, read_notebook
from instructor.notebooks.student_edition import differences, make_student_edition
from instructor.translation import catalogues
from instructor.translation.catalogues import LANGUAGE, README, docstring, text_of

ENGLISH = COURSE_FOLDER / "notebooks"
FOLDER = ENGLISH / LANGUAGE
STUDENT_FOLDER = FOLDER / "student"
# In the README: where the translated edition differs.
COMMANDS = {
    "jupyter lab notebooks/student": f"jupyter lab notebooks/{LANGUAGE}/student",
    "\nmake run     #": f"\nCOURSE_LANGUAGE={LANGUAGE} make run     #",
    "# runs the notebooks on phantoms; pages in": "# ejecuta los cuadernos con fantomas; páginas en",
    "# every test and notebook": "# todas las pruebas y todos los cuadernos",
    "`notebooks/`": f"`notebooks/{LANGUAGE}/`",
}
LINK = re.compile(r"\]\(([\w./-]+\.ipynb)")


def translated() -> list[Path]:
    """List the notebooks that have a catalogue: the English ones."""
    return [path for path in NOTEBOOKS if catalogues.path_of(path.stem).is_file()]


def build() -> list[Path]:
    """Write the translated notebooks, their student editions and the translated README.

    The outputs of a code cell are those that the translated notebook already has: `run --store` makes them.

    Returns:
        The paths of what was written.
    """
    fresh = {path: text for one in translated() for path, text in _fresh(one).items()} | _fresh_readme()
    for path, text in fresh.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(fresh)


def complaints() -> list[str]:
    """List the translated notebooks that differ from a fresh build, and solutions that are visible."""
    found = _outdated(_fresh_readme())
    for one in translated():
        solved, student = fresh = _fresh(one)
        if outdated := _outdated(fresh):
            found += outdated
            continue
        said = differences(read_notebook(solved), read_notebook(student))
        found += [f"{_name(student)}, {difference}" for difference in said]
    return found


def _outdated(fresh: dict[Path, str]) -> list[str]:
    return [
        f"{_name(path)}: differs from a fresh build. Run python -m instructor build."
        for path, text in fresh.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]


def translate(notebook: NotebookNode, catalogue: Catalog) -> NotebookNode:
    """Translate the texts of a notebook, the docstrings of its exercises, and the line with its language.

    Args:
        notebook: the English one; not changed.
        catalogue: its messages; what they lack stays English.

    Returns:
        The translated notebook, without outputs. Nothing else in its code cells has changed.
    """
    other = deepcopy(notebook)
    for cell in other.cells:
        text = text_of(cell)
        message = catalogue.get(text, cell.id) if text else None
        text = (message and message.string) or text
        if cell.cell_type == "markdown":
            cell.source = text
            continue
        cell.source = LINE.sub(rf'\1"{LANGUAGE}"', _with_docstring(cell, text))
        cell.outputs, cell.execution_count = [], None
    return other


def _with_docstring(cell: NotebookNode, text: str) -> str:
    """Return the source of a cell with another docstring in its place."""
    node = docstring(cell)
    if node is None:
        return cell.source
    lines, indent = cell.source.splitlines(), " " * node.col_offset
    end = f"\n{indent}" if node.end_lineno > node.lineno else ""
    body = textwrap.indent(text, indent).strip()
    lines[node.lineno - 1 : node.end_lineno] = [f'{indent}"""{body}{end}"""']
    return "\n".join(lines)


def _fresh(path: Path) -> dict[Path, str]:
    """Return the two translated editions of an English notebook: path -> content."""
    solved = translate(read_notebook(path), catalogues.read(path.stem))
    _keep_outputs(solved, placed(path, FOLDER))
    student = make_student_edition(solved, placed(path, Path()).as_posix())
    editions = {placed(path, FOLDER): solved, placed(path, STUDENT_FOLDER): student}
    for place, notebook in editions.items():
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = _readdressed(cell.source, path, place)
    return {place: nbformat.writes(notebook) + "\n" for place, notebook in editions.items()}


def _fresh_readme() -> dict[Path, str]:
    """Return the translated README; its links lead to translated notebooks, and back to the English page."""
    catalogue, page = catalogues.read(README.stem), README.read_text(encoding="utf-8")
    texts = []
    for section in catalogues.sections(page):
        message = catalogue.get(section, section.splitlines()[0].strip("# "))
        texts.append((message and message.string) or section)
    text, other = "\n\n".join(texts) + "\n", README.with_suffix(f".{LANGUAGE}.md")
    for path in translated():
        name = placed(path, Path("student")).as_posix()
        text = text.replace(f"notebooks/{name}", f"notebooks/{LANGUAGE}/{name}")
    for english, here in COMMANDS.items():
        text = text.replace(english, here)
    return {other: text.replace(f"({other.name})", f"({README.name})")}


def _keep_outputs(notebook: NotebookNode, place: Path) -> None:
    """Give each code cell the outputs that it had before, if its code is the same."""
    if not place.is_file():
        return
    before = {cell.id: cell for cell in read_notebook(place).cells}
    for cell in notebook.cells:
        old = before.get(cell.id)
        if old and cell.cell_type == "code" and old.source == cell.source:
            cell.outputs, cell.execution_count = old.outputs, old.execution_count


def _readdressed(source: str, path: Path, place: Path) -> str:
    """Let the badge open this edition, and links to untranslated notebooks the English edition."""
    stub = catalogues.read(DOMAIN).get(OPEN_STUB)
    source = source.replace(OPEN_STUB, (stub and stub.string) or OPEN_STUB)
    name = re.escape(placed(path, Path()).as_posix())
    badge = rf"(/blob/[^)\s]+/notebooks/)(student/)?(?={name})"
    source = re.sub(badge, lambda found: f"{found[1]}{LANGUAGE}/{found[2] or ''}", source)
    return LINK.sub(partial(_link, path=path, place=place), source)


def _link(found: re.Match, path: Path, place: Path) -> str:
    target = Path(os.path.normpath(path.parent / found[1]))
    if target in translated() or target not in NOTEBOOKS:
        return found[0]
    home = ENGLISH / "student" if STUDENT_FOLDER in place.parents else ENGLISH
    return f"]({Path(os.path.relpath(placed(target, home), place.parent)).as_posix()}"


def _name(path: Path) -> str:
    return path.relative_to(COURSE_FOLDER).as_posix()
