"""Extract the English texts, bring the catalogues up to date, and compile the one that the course reads.

In `locales/es/LC_MESSAGES`, `course.po` has the texts that `helpers` and the pages of grading show, with the
captions in the report's code, and a notebook has a catalogue of its own name: each text cell, and the
docstring of each exercise, with the id of the cell as context.
A notebook without a catalogue has no translated edition yet. `README.po` has the sections of the README, with
their headings as context.

`course.mo` is compiled from `course.po` and committed: Colab fetches the course and installs nothing, and
Python's gettext reads only compiled catalogues. Notebooks are translated when they are built, from `.po`.
"""

import ast
import difflib
import inspect
import io
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from babel.messages import mofile, pofile
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from jinja2.ext import babel_extract
from nbformat import NotebookNode

from helpers.config.language import DOMAIN, LOCALES
from helpers.config.settings import COURSE_FOLDER
from instructor.notebooks.execute import NOTEBOOKS, read_notebook

LANGUAGE = "es"
FOLDER = LOCALES / LANGUAGE / "LC_MESSAGES"
# Babel's own depend on its version: from 2.19, Spanish has a form for millions, as in "un millón de cortes".
PLURALS = "nplurals=2; plural=(n != 1);"
README = COURSE_FOLDER / "README.md"
SHOWING = ("document.table", "document.figure")


def path_of(name: str) -> Path:
    """Return the file of a catalogue."""
    return FOLDER / f"{name}.po"


def names() -> list[str]:
    """List the catalogues: that of the course, and those of the translated notebooks in their order."""
    return [DOMAIN, README.stem, *(path.stem for path in NOTEBOOKS if path_of(path.stem).is_file())]


def read(name: str) -> Catalog:
    """Read a catalogue; an empty one if there is no file."""
    if not path_of(name).is_file():
        return _empty()
    with path_of(name).open("rb") as file:
        return pofile.read_po(file, locale=LANGUAGE)


def update(name: str) -> Path:
    """Bring a catalogue up to date with the English texts, and compile it if the course reads it.

    The translation of a text that has changed is kept and marked as fuzzy, with the earlier text.
    """
    catalogue = merged(read(name), template(name))
    path_of(name).parent.mkdir(parents=True, exist_ok=True)
    path_of(name).write_bytes(_written(catalogue))
    if name == DOMAIN:
        with path_of(name).with_suffix(".mo").open("wb") as file:
            mofile.write_mo(file, catalogue)
    return path_of(name)


def template(name: str) -> Catalog:
    """Extract the English texts of a catalogue."""
    if name == DOMAIN:
        folders = COURSE_FOLDER / "helpers", COURSE_FOLDER / "instructor" / "grading"
        catalogue = _extracted(
            (path for folder in folders for path in sorted(folder.rglob("*.py"))), "python"
        )
        pages = (path for folder in folders for path in sorted(folder.rglob("*.jinja")))
        return _extracted(NOTEBOOKS, extract_captions, _extracted(pages, babel_extract, catalogue))
    if name == README.stem:
        return _extracted([README], extract_page)
    return _extracted([path for path in NOTEBOOKS if path.stem == name], extract_notebook)


def merged(old: Catalog, new: Catalog) -> Catalog:
    """Return the texts of the new catalogue with the translations of the old one."""
    new.creation_date, new.revision_date = old.creation_date, old.revision_date
    new.last_translator, new.language_team = old.last_translator, old.language_team
    gone = [message for message in old if message.id and not new.get(message.id, message.context)]
    for message in new:
        if not message.id:
            continue
        before = old.get(message.id, message.context)
        if before is None and (before := _predecessor(message, gone)):
            message.flags.add("fuzzy")
            message.previous_id = [before.id] if isinstance(before.id, str) else list(before.id)
        if before:
            message.string, message.user_comments = before.string, before.user_comments
            message.flags |= before.flags & {"fuzzy"}
            message.previous_id = message.previous_id or before.previous_id
    return new


def extract_notebook(
    fileobj: IO[bytes], keywords: object, comment_tags: object, options: object
) -> Iterator[tuple[int, str, tuple[str, str], list[str]]]:
    """Extract the texts of a notebook; a method of extraction as Babel wants it."""
    for position, cell in enumerate(read_notebook(Path(fileobj.name)).cells, start=1):
        if text := text_of(cell):
            yield position, "pgettext", (cell.id, text), []


def extract_captions(
    fileobj: IO[bytes], keywords: object, comment_tags: object, options: object
) -> Iterator[tuple[int, str, str, list[str]]]:
    """Extract the captions of `document.table` and `document.figure`, which translate them when they run."""
    for position, cell in enumerate(read_notebook(Path(fileobj.name)).cells, start=1):
        if cell.cell_type == "code" and "document." in cell.source:
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in SHOWING:
                    yield position, "gettext", ast.literal_eval(node.args[1]), []


def extract_page(
    fileobj: IO[bytes], keywords: object, comment_tags: object, options: object
) -> Iterator[tuple[int, str, tuple[str, str], list[str]]]:
    """Extract the sections of a Markdown page; a method of extraction as Babel wants it."""
    for position, section in enumerate(sections(fileobj.read().decode()), start=1):
        yield position, "pgettext", (section.splitlines()[0].strip("# "), section), []


def sections(page: str) -> list[str]:
    """Split a Markdown page before each heading of level 2."""
    return [section.strip() for section in re.split(r"^(?=## )", page, flags=re.MULTILINE)]


def text_of(cell: NotebookNode) -> str:
    """Return what is translated of a cell: all of a text cell, an exercise's docstring; else ""."""
    if cell.cell_type == "markdown":
        return cell.source
    node = docstring(cell)
    return inspect.cleandoc(node.value) if node else ""


def docstring(cell: NotebookNode) -> ast.Constant | None:
    """Return the docstring of the function that an exercise asks for."""
    if not cell.metadata.get("nbgrader", {}).get("solution"):
        return None
    for node in ast.parse(cell.source).body:
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node):
            return node.body[0].value
    return None


def _empty() -> Catalog:
    header = f"# The texts of the course, English to {LANGUAGE}. Read locales/{LANGUAGE}/glossary.md first."
    project = tomllib.loads((COURSE_FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    catalogue = Catalog(
        LANGUAGE, project=project["name"], header_comment=header, fuzzy=False,
        msgid_bugs_address="", last_translator="", language_team="",
    )  # fmt: skip
    catalogue.mime_headers = [("Plural-Forms", PLURALS)]
    return catalogue


def _extracted(files: Iterable[Path], method: object, catalogue: Catalog | None = None) -> Catalog:
    catalogue = catalogue or _empty()
    for path in files:
        place = path.relative_to(COURSE_FOLDER).as_posix()
        with path.open("rb") as file:
            for line, text, comments, context in extract(method, file, DEFAULT_KEYWORDS):
                catalogue.add(text, None, [(place, line)], auto_comments=comments, context=context)
    return catalogue


def _predecessor(message: Message, gone: list[Message]) -> Message | None:
    """Find the earlier text of a message: that of the same cell, or else one that is much like it."""
    if message.context:
        return next((one for one in gone if one.context == message.context), None)
    known = {_key(one): one for one in gone if not one.context and one.pluralizable == message.pluralizable}
    close = difflib.get_close_matches(_key(message), known, n=1)
    return known[close[0]] if close else None


def _key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _written(catalogue: Catalog) -> bytes:
    """Write without line numbers, which change often, and a line of text per line, for short differences."""
    for message in catalogue:
        message.flags.discard("python-format")  # found in "47% of"; the course formats with braces only
    buffer = io.BytesIO()
    pofile.write_po(
        buffer, catalogue, width=0, include_lineno=False, include_previous=True, ignore_obsolete=True
    )
    return re.sub(rb'"Generated-By: .*\n', b"", buffer.getvalue())  # Babel's version changes nothing
