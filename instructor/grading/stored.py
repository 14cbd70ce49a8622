"""Do the results stored in a notebook agree with those of the re-run?

Compared are the cells tagged `nbval-check-output`, word by word, for their outputs are the same in every
run, and the numbers of the discussion, with a tolerance: they come from a training, which on another
processor ends a little differently.
"""

import math
import re
from dataclasses import dataclass, field

from instructor.grading.papers import Cell, Paper

AGREE, DIFFER, NOT_COMPARED = "agree", "differ", "not compared"
TAG = "nbval-check-output"
DISCUSSED = "discussion-"
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*\.?\d*(?:e[+-]?\d+)?%?")
RELATIVE, ABSOLUTE = 0.1, 0.05
BANNER = re.compile(r"^(Data|Profile) {2,}(.+)$", re.MULTILINE)


@dataclass
class Comparison:
    """How stored results compare.

    Args:
        verdict: "agree", "differ" or "not compared".
        reason: why they were not compared.
        differences: place of the cell, what is stored, what the re-run gave.
        compared: how many cells.
    """

    verdict: str = NOT_COMPARED
    reason: str = ""
    differences: list[tuple[int, str, str]] = field(default_factory=list)
    compared: int = 0


def compare(paper: Paper, texts: dict[int, str]) -> Comparison:
    """Compares stored outputs with those of the re-run.

    Args:
        paper: the notebook as handed in.
        texts: what each cell printed in the re-run, by its place.

    Returns:
        Comparison.
    """
    if not any(cell.stored for cell in paper.cells):
        return Comparison(reason="the notebook was handed in without outputs")
    data, fresh = (_banner(said) for said in ([cell.stored for cell in paper.cells], texts.values()))
    if data and fresh and data != fresh:
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
    """Whether two texts are the same but for spaces."""
    return stored.split() == fresh.split()


def similar_numbers(stored: str, fresh: str) -> bool:
    """Whether two texts have the same words, and numbers within the tolerance."""
    if NUMBER.sub("", stored).split() != NUMBER.sub("", fresh).split():
        return False
    then, now = ([_value(number) for number in NUMBER.findall(text)] for text in (stored, fresh))
    return len(then) == len(now) and all(map(_near, then, now))


def _near(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def _settled(text: str) -> str:
    """What a terminal shows in the end: a progress bar writes over itself."""
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
    """What the setup cell said about data and profile."""
    for text in texts:
        lines = [" ".join(line) for line in BANNER.findall(text or "")]
        if lines:
            return lines
    return []
