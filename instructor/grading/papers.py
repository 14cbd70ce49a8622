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
    """One cell, with nbformat's names, so that `instructor.notebooks.student_edition` can read it."""

    cell_type: str  # "code", "markdown" or another word
    source: str
    id: str = ""  # as stored
    metadata: dict = field(default_factory=dict)  # its `tags` and `nbgrader`
    stored: str | None = None  # the text of its outputs without standard error; None if it was not run


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
        notebook = _typed(dict, json.loads(content))  # UTF-8, or what the byte order mark says
    except (ValueError, RecursionError) as error:
        raise PaperError("is not valid JSON: download it again, as .ipynb") from error
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):  # of version 3
        cells = [
            cell
            for sheet in notebook["worksheets"]
            for cell in _typed(list, _typed(dict, sheet).get("cells"))
        ]
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise PaperError("is JSON, but not a notebook")
    if len(cells) > MOST_CELLS:
        raise PaperError(f"has {len(cells):,} cells; at most {MOST_CELLS:,} are graded")
    return Paper([_cell(cell) for cell in cells])


def storable(text: str) -> str:
    """Return a text with lone surrogates replaced, which cannot be written to a file."""
    return text.encode("utf-8", "replace").decode()


def _cell(cell: dict) -> Cell:
    source = _text(cell.get("source", cell.get("input", "")))
    if len(source) > LONGEST_SOURCE:
        raise PaperError(f"has a cell of {len(source):,} characters; at most {LONGEST_SOURCE:,} are graded")
    metadata = _typed(dict, cell.get("metadata"))
    outputs = [output for output in _typed(list, cell.get("outputs")) if isinstance(output, dict)]
    tags = [tag for tag in _typed(list, metadata.get("tags")) if isinstance(tag, str)]
    return Cell(
        cell_type=str(cell.get("cell_type")),
        source=source,
        id=_typed(str, cell.get("id") or metadata.get("id")),  # Colab stores it in the metadata
        metadata={"tags": tags, "nbgrader": _typed(dict, metadata.get("nbgrader"))},
        stored="".join(map(_said, outputs)) if outputs else None,
    )


def _said(output: dict) -> str:
    if output.get("output_type") == "stream":
        return _text(output.get("text")) if output.get("name") != "stderr" else ""
    if output.get("output_type") == "error":
        return storable(f"{output.get('ename')}: {output.get('evalue')}")
    data = _typed(dict, output.get("data"))
    # A figure's text is its Python type and size.
    return f"{_text(data.get('text/plain'))}\n" if "image/png" not in data else ""


def _typed(kind: type, value: object):
    """Return a value of the type, empty if it has another one."""
    return value if isinstance(value, kind) else kind()


def _text(value: object) -> str:
    """Source and text may be stored as one string or as a list of lines."""
    lines = value if isinstance(value, list) else [value]
    return storable("".join(line for line in lines if isinstance(line, str)))
