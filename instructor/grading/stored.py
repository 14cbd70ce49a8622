"""Compare the results stored in a notebook with those of the re-run.

Cells tagged `nbval-check-output`, whose outputs are the same in every run, are compared word by word. The
numbers of the discussion are compared with a tolerance, since the result of a training depends slightly on
the processor.
"""

import math
import re
from dataclasses import dataclass, field
from functools import partial

from helpers.config.language import in_all
from instructor.grading.papers import Cell, Paper

AGREE, DIFFER, NOT_COMPARED = "agree", "differ", "not compared"
TAG = "nbval-check-output"
DISCUSSED = "discussion-"
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?%?")
RELATIVE, ABSOLUTE = 0.1, 0.05
LABELS = "|".join(sorted(in_all("Data") | in_all("Profile")))
BANNER = re.compile(rf"^({LABELS}) {{2,}}(.+)$", re.MULTILINE)


@dataclass
class Comparison:
    """The result of the comparison."""

    verdict: str = NOT_COMPARED
    reason: str = ""  # why they were not compared
    differences: list[tuple[int, str, str]] = field(default_factory=list)  # index, stored text, new text
    compared: int = 0  # number of cells


def compare(paper: Paper, texts: dict[int, str]) -> Comparison:
    """Compare stored outputs with those of the re-run.

    Args:
        paper: the submitted notebook.
        texts: what each cell printed in the re-run, by the cell's index.
    """
    if not any(cell.stored for cell in paper.cells):
        return Comparison(reason="the notebook was submitted without outputs")
    data, fresh = (_banner(said) for said in ([cell.stored for cell in paper.cells], texts.values()))
    if not data or not fresh:
        where = "the re-run" if data else "the submitted notebook"
        return Comparison(reason=f"in {where} no setup cell printed which data and profile it used")
    if data != fresh:
        return Comparison(reason=f"it was run with other data or another profile: {'; '.join(data)}")
    result = Comparison(reason="no cell whose output must be the same was run")
    for place, cell in enumerate(paper.cells):
        alike = _rule(cell)
        if alike is None or cell.stored is None or place not in texts:
            continue
        result.compared += 1
        then, now = _settled(cell.stored), _settled(texts[place])
        if not alike(then, now):
            result.differences.append((place, then, now))
    if result.compared:
        result.verdict, result.reason = DIFFER if result.differences else AGREE, ""
    return result


def same_words(stored: str, fresh: str) -> bool:
    """Whether two texts are the same apart from spaces."""
    return stored.split() == fresh.split()


def similar_numbers(stored: str, fresh: str) -> bool:
    """Whether two texts have the same words, and numbers within the tolerance."""
    if NUMBER.sub("", stored).split() != NUMBER.sub("", fresh).split():
        return False
    then, now = ([_value(number) for number in NUMBER.findall(text)] for text in (stored, fresh))
    near = partial(math.isclose, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return len(then) == len(now) and all(map(near, then, now))


def _settled(text: str) -> str:
    """Return what a terminal shows in the end: a progress bar overwrites itself."""
    return "\n".join(line.rstrip("\r ").rpartition("\r")[2] for line in text.split("\n"))


def _rule(cell: Cell):
    if cell.cell_type != "code":
        return None
    if TAG in cell.metadata["tags"]:
        return same_words
    return similar_numbers if cell.id.startswith(DISCUSSED) else None


def _value(number: str) -> float:
    plain = number.replace(",", "")
    return float(plain[:-1]) / 100 if plain.endswith("%") else float(plain)


def _banner(texts) -> list[str]:
    """Return what the setup cell printed about data and profile."""
    found = ([" ".join(line) for line in BANNER.findall(text or "")] for text in texts)
    return next(filter(None, found), [])
