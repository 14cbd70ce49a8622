"""The standard of the notebooks: rules for the solved and the student editions."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from nbformat import NotebookNode

from instructor.notebooks import markdown
from instructor.notebooks.execute import read_notebook

MOST_LINES, USUAL_LINES = 25, 18
PAGE_CHARACTERS, SCREEN_LINES = 110, 40
# GitHub, from which Colab opens notebooks, is slow with more; each re-execution adds as much to the history.
MOST_BYTES = 2_500_000
SHORTEST_ALT = 40  # characters

MACHINE_PATH = re.compile(r"(?<![\w:/.])/(home|root|work|tmp|Users|mnt)/|\b[A-Z]:\\\\?\w")
READABLE_ID = re.compile(r"(?![0-9a-f]{8}$)[a-z]+[a-z0-9]*(-[a-z0-9]+)*")
# No widgets: Colab has version 7 of ipywidgets, others have 8.
SHOWN = {"text/plain", "text/html", "image/png"}
METADATA = {
    "accelerator": None,
    "colab": {"gpuType", "provenance", "toc_visible"},
    "kernelspec": {"display_name", "language", "name"},
    "language_info": {"name"},
}
TITLE_WORDS = {"en": ("**You will**", "**Time**"), "es": ("**Vas a**", "**Tiempo**")}
CELL_METADATA = {"cellView", "nbgrader", "tags"}

Rule = Callable[[NotebookNode, Path], Iterator[str]]


def complaints(path: Path) -> list[str]:
    """List where an executed notebook breaks the standard.

    Args:
        path: of the `.ipynb` file.

    Returns:
        One sentence per finding, which names notebook and cell.

    Raises:
        NotebookError: the notebook, or one that it links to, cannot be read.
    """
    notebook = read_notebook(path)
    if path.parent.name != "beyond" and not re.match("[0-9]{2}|report", path.name):
        return [f"{path.name}: the name does not begin with a number. Rename it, as in 03_name.ipynb."]
    return [f"{path.name}, {said}" for rule in RULES for said in rule(notebook, path)]


def external_links(path: Path) -> list[str]:
    """List the web addresses that a notebook links to, sorted; no rule tries them."""
    texts = [cell.source for cell in _texts(read_notebook(path))]
    return sorted({link for text in texts for link in markdown.links(text) if _is_external(link)})


def lost_links(text: str, path: Path) -> list[str]:
    """List the links to files or headings that don't exist; web links are not tried.

    Args:
        text: Markdown.
        path: of the file that contains it.

    Returns:
        The broken links.
    """
    lost = []
    for link in [link for link in markdown.links(text) if not _is_external(link)]:
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if not target.is_file() or (anchor and anchor not in _anchors(target)):
            lost.append(link)
    return lost


def first_cells(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Title with badge and time, data and licence, section 0, the setup cell as a form."""
    chapter = _chapter(path)
    expected = [
        ("markdown", [f"# {chapter} · ", "colab.research.google.com/github/", *TITLE_WORDS[_language(path)]]),
        ("markdown", ["CC BY 4.0", "10.6084/m9.figshare.1512427"]),
        ("markdown", [f"## {chapter}.0 "]),
        ("code", []),
    ]
    for position, (kind, words) in enumerate(expected):
        cell = notebook.cells[position] if position < len(notebook.cells) else None
        if cell is None or cell.cell_type != kind:
            yield f"cell {position + 1} is not a {kind} cell."
            return
        for missing in [word for word in words if word not in cell.source]:
            yield f"cell '{cell.id}': '{missing}' is missing."
    if cell.id != "setup" or cell.metadata.get("cellView") != "form":
        yield f"cell '{cell.id}': is not a setup cell that Colab shows as a form (cellView)."


def cells_are_short(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """One idea per cell: nine in ten below 18 lines, none above 25; blank lines and titles don't count."""
    lengths = {
        cell.id: sum(
            bool(line.strip()) and not line.startswith("# @title") for line in cell.source.splitlines()
        )
        for cell in _code(notebook)
    }
    for cell_id, length in lengths.items():
        if length > MOST_LINES:
            yield f"cell '{cell_id}': {length} lines of code, more than {MOST_LINES}."
    if lengths and np.percentile(list(lengths.values()), 90) >= USUAL_LINES:
        yield f"more than one code cell in ten has {USUAL_LINES} lines or more."


def ids_can_be_read(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Ids made of words, since editions, checks and translations refer to cells by id."""
    # From the file, since missing and repeated ids are replaced when it is read.
    stored = json.loads(path.read_text(encoding="utf-8-sig"))
    ids = [cell.get("id", "") for cell in stored.get("cells", [])]
    for cell_id in sorted(set(ids)):
        if not READABLE_ID.fullmatch(cell_id):
            yield f"cell '{cell_id}': the id is not made of words, such as 'files-list'."
        if ids.count(cell_id) > 1:
            yield f"cell '{cell_id}': {ids.count(cell_id)} cells have this id."


def heading_order(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """One title, no skipped level; parts with letters, numbered sections below them or the title."""
    chapter, section, above, top = _chapter(path), 0, 0, 2
    for cell in _texts(notebook):
        for level, words in markdown.headings(cell.source):
            if level > above + 1 or (level == 1) != (above == 0):
                yield f"cell '{cell.id}': '{words}' of level {level} follows a heading of level {above}."
            if level == 2 and re.match(r"Parte? [A-Z]: ", words):
                top = 3
            elif level <= top and level > 1:
                if not words.startswith(f"{chapter}.{section} "):
                    yield f"cell '{cell.id}': the section '{words}' should be {chapter}.{section}."
                section += 1
            above = level
        for bold in re.findall(r"^\*\*(?:Parte?|Section|Sección)\b.*\*\*$", cell.source, re.MULTILINE):
            yield f"cell '{cell.id}': {bold} should be a heading."


def runs_in_order(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Executed once from top to bottom; in a student edition only cells with outputs keep their count."""
    student = "student" in path.parts[-3:-1]
    for position, cell in enumerate(_code(notebook), start=1):
        if cell.execution_count != (None if student and not cell.outputs else position):
            yield f"cell '{cell.id}': has execution count {cell.execution_count}, expected {position}."


def outputs_are_sound(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """No error, nothing on stderr, no widget, no leftover progress bar."""
    for cell, output in _outputs(notebook):
        if output.output_type == "error":
            yield f"cell '{cell.id}': raised a {output.ename}."
        if output.get("name") == "stderr":
            yield f"cell '{cell.id}': writes to stderr."
        for kind in sorted(set(output.get("data", {})) - SHOWN):
            yield f"cell '{cell.id}': an output of type {kind}."
        if "\r" in output.get("text", ""):
            yield f"cell '{cell.id}': a progress bar is left in the output."


def outputs_fit(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """No text wider than the page; no text or table longer than a screen."""
    for cell, output in _outputs(notebook):
        data = output.get("data", {})
        if "text/html" in data:
            if data["text/html"].count("<tr") > SCREEN_LINES:
                yield f"cell '{cell.id}': a table of more than {SCREEN_LINES} rows."
        elif "image/png" not in data:  # the text of a figure is its alt text
            lines = output.get("text", data.get("text/plain", "")).splitlines()
            if len(lines) > SCREEN_LINES:
                yield f"cell '{cell.id}': {len(lines)} lines of output, more than {SCREEN_LINES}."
            if (width := max(map(len, lines), default=0)) > PAGE_CHARACTERS:
                yield f"cell '{cell.id}': a line of {width} characters, more than {PAGE_CHARACTERS}."


def no_machine_paths(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """No path that exists only on the machine where the notebook was executed."""
    for cell in notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [output.get("text", ""), *output.get("traceback", [])]
            texts += [text for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
        if found := next(filter(None, map(MACHINE_PATH.search, texts)), None):
            yield f"cell '{cell.id}': a path of one machine, {found[0]}..."


def metadata_is_small(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Only what Colab, nbgrader and nbval read; a GPU where Keras is imported, and only there."""
    for key, value in notebook.metadata.items():
        extra = {key} if key not in METADATA else set(value) - METADATA[key] if METADATA[key] else set()
        for name in sorted(extra):
            yield f"metadata: '{name}' does not belong there."
    for cell in notebook.cells:
        outputs = [output.get("metadata", {}) for output in cell.get("outputs", [])]
        extra = set(cell.metadata) - CELL_METADATA | {key for one in outputs for key in set(one) - SHOWN}
        for name in sorted(extra | {"attachments"} & set(cell)):
            yield f"cell '{cell.id}': metadata '{name}' does not belong there."
    colab = notebook.metadata.get("colab", {})
    if not colab.get("toc_visible"):
        yield "metadata: colab.toc_visible is not set, so Colab hides the table of contents."
    trains = any(re.search(r"^import keras$", cell.source, re.MULTILINE) for cell in _code(notebook))
    if {notebook.metadata.get("accelerator") == "GPU", "gpuType" in colab} != {trains}:
        yield f"metadata: accelerator and colab.gpuType should{'' if trains else ' not'} ask for a GPU."


def links_lead_somewhere(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Linked files exist, and so do the linked headings in them."""
    for cell in _texts(notebook):
        for link in lost_links(cell.source, path):
            yield f"cell '{cell.id}': links to {link}, but there is no such file or heading."


def figures_are_described(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """Every image has an alt text, and a sentence follows within two cells."""
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            alts = markdown.image_alts(cell.source)
            if not all(alt.strip() for alt in alts):
                yield f"cell '{cell.id}': an image without alt text."
            if alts and not any(map(_has_sentence, notebook.cells[position : position + 2])):
                yield f"cell '{cell.id}': no sentence says what the image shows."
            continue
        for output in cell.outputs:
            html = markdown.html_image_alts(output.get("data", {}).get("text/html", ""))
            figures = [output.metadata.get("image/png", {}).get("alt", "")] if _is_figure(output) else []
            if any(len(alt) <= SHORTEST_ALT for alt in [*html, *figures]):
                yield f"cell '{cell.id}': a figure's alt text has {SHORTEST_ALT} characters or fewer."
        following = notebook.cells[position + 1 : position + 3]
        if any(map(_is_figure, cell.outputs)) and not any(map(_has_sentence, following)):
            yield f"cell '{cell.id}': no sentence after the figure says what it shows."


def file_is_small(notebook: NotebookNode, path: Path) -> Iterator[str]:
    """A small file, outputs included, since they are stored in the repository."""
    if path.stat().st_size > MOST_BYTES:
        yield f"{path.stat().st_size:,} bytes stored, more than {MOST_BYTES:,}."


RULES: tuple[Rule, ...] = (
    first_cells,
    cells_are_short,
    ids_can_be_read,
    heading_order,
    runs_in_order,
    outputs_are_sound,
    outputs_fit,
    no_machine_paths,
    metadata_is_small,
    links_lead_somewhere,
    figures_are_described,
    file_is_small,
)


def _chapter(path: Path) -> str:
    """Return what the numbers of sections begin with: "2" in 02_name.ipynb, "G" in grad_cam.ipynb."""
    return str(int(path.name[:2])) if path.name[:2].isdecimal() else path.name[0].upper()


def _language(path: Path) -> str:
    folders = [name for name in path.parts[:-1] if name not in ("student", "beyond")]
    return "es" if folders[-1:] == ["es"] else "en"


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _texts(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def _outputs(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, NotebookNode]]:
    return ((cell, output) for cell in _code(notebook) for output in cell.outputs)


def _is_figure(output: NotebookNode) -> bool:
    return "image/png" in output.get("data", {})


def _has_sentence(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and markdown.has_sentence(cell.source)


def _is_external(link: str) -> bool:
    return re.match(r"[a-z]+:", link) is not None


def _anchors(target: Path) -> set[str]:
    if target.suffix != ".ipynb":
        return markdown.anchors(target.read_text(encoding="utf-8"))
    texts = [cell.source for cell in _texts(read_notebook(target))]
    return set().union(*map(markdown.anchors, texts))
