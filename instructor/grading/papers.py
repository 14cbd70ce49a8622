"""Read the cells of a submitted notebook as plain text, without trusting or running anything in it."""

import json
from dataclasses import dataclass, field

MOST_CELLS = 2000
MOST_VALUES = 2_000_000
LONGEST_SOURCE = 200_000


class PaperError(Exception):
    """A file that is not a notebook; the message is written after the file's name."""


@dataclass(frozen=True)
class Cell:
    """One cell, with nbformat's names, so that `instructor.notebooks.student_edition` can read it.

    Args:
        cell_type: "code", "markdown" or another word.
        source: its text.
        id: as stored; may be "".
        metadata: its `tags` and `nbgrader`.
        stored: the text of its outputs without standard error; None if it was not run.
    """

    cell_type: str
    source: str
    id: str = ""
    metadata: dict = field(default_factory=dict)
    stored: str | None = None


@dataclass(frozen=True)
class Paper:
    """A notebook: its cells, in order."""

    cells: list[Cell] = field(default_factory=list)


def read_paper(content: bytes) -> Paper:
    """Read the content of a notebook file of any version, as leniently as is safe.

    Raises:
        PaperError: it is not a notebook.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:  # each takes much memory
        raise PaperError("is far longer than a notebook should be: clear the outputs of large cells")
    try:
        notebook = json.loads(content)  # UTF-8, or what the byte order mark says
    except (ValueError, RecursionError) as error:
        raise PaperError("is not valid JSON: download it again, as .ipynb") from error
    cells = _cells(notebook)
    if len(cells) > MOST_CELLS:
        raise PaperError(f"has {len(cells):,} cells; at most {MOST_CELLS:,} are graded")
    return Paper([_cell(cell) for cell in cells])


def storable(text: str) -> str:
    """Return a text with lone surrogates replaced, which cannot be written to a file."""
    return text.encode("utf-8", "replace").decode()


def _cells(notebook: object) -> list[dict]:
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if cells is None and isinstance(notebook, dict) and isinstance(notebook.get("worksheets"), list):
        # Version 3: cells are in worksheets.
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets for cell in _list(sheet.get("cells"))]
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise PaperError("is JSON, but not a notebook")
    return cells


def _cell(cell: dict) -> Cell:
    source = _text(cell.get("source", cell.get("input", "")))
    if len(source) > LONGEST_SOURCE:
        raise PaperError(f"has a cell of {len(source):,} characters; at most {LONGEST_SOURCE:,} are graded")
    metadata = _dict(cell.get("metadata"))
    outputs = [output for output in _list(cell.get("outputs")) if isinstance(output, dict)]
    name = cell.get("id") or metadata.get("id")  # Colab stores it in the metadata
    return Cell(
        cell_type=str(cell.get("cell_type")),
        source=source,
        id=name if isinstance(name, str) else "",
        metadata={
            "tags": [tag for tag in _list(metadata.get("tags")) if isinstance(tag, str)],
            "nbgrader": _dict(metadata.get("nbgrader")),
        },
        stored="".join(map(_said, outputs)) if outputs else None,
    )


def _said(output: dict) -> str:
    if output.get("output_type") == "stream":
        return _text(output.get("text")) if output.get("name") != "stderr" else ""
    if output.get("output_type") == "error":
        return storable(f"{output.get('ename')}: {output.get('evalue')}")
    data = _dict(output.get("data"))
    # A figure's text is its Python type and size.
    return f"{_text(data.get('text/plain'))}\n" if "image/png" not in data else ""


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    """Source and text may be stored as one string or as a list of lines."""
    lines = value if isinstance(value, list) else [value]
    return storable("".join(line for line in lines if isinstance(line, str)))
