"""First verdict: whether the submitted notebook runs from top to bottom."""

import io
import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from instructor.grading import sandbox
from instructor.grading.papers import Paper, storable
from instructor.grading.watch import Limits, Outcome

YES, NO = "yes", "no"
MOST_FIGURES = 40
LONGEST_TEXT, LONGEST_ALT = 20_000, 1000
PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # parts of a PNG
LARGEST_FIGURE_BYTES, LARGEST_SIDE_PX = 2 * 2**20, 4000
REASONS = {
    "time": "it ran for too long (more than {limit}), and was stopped",
    "memory": "it took more than {memory} GB of memory, and was stopped",
    "processes": "it started more than {processes} processes, and was stopped",
    "files": "it created more than {files} files, and was stopped",
    "output": "it wrote more than {output} MB, and was stopped",
    "died": "Python was ended by the cell itself, or by a lack of memory",
}


@dataclass(frozen=True)
class Failure:
    """A cell that did not run."""

    place: int  # index of the cell
    source: str
    reason: str  # the error, or the limit that was exceeded


@dataclass
class Rerun:
    """The result of running a notebook."""

    verdict: str = YES
    failures: list[Failure] = field(default_factory=list)  # in order; the last one may have ended the run
    reason: str = ""  # what ended the run outside a cell
    ending: str = "done"  # or the limit that ended the run
    texts: dict[int, str] = field(default_factory=dict)  # printed by cells without an error, by index
    figures: list[tuple[int, str, str]] = field(default_factory=list)  # index of the cell, PNG, alt text
    seconds: float = 0  # wall time


def rerun(paper: Paper, box: sandbox.Sandbox, course: Path, shared: Path | None, limits: Limits, cores: int):
    """Run a notebook in a sandbox.

    Args:
        course: the copy of the course that student code can read.
        shared: finished data sets and trainings, which are loaded if the settings are the same.
        cores: threads for the notebook.
    """
    job = {
        "cells": [cell.source if cell.cell_type == "code" else None for cell in paper.cells],
        "cell_seconds": limits.cell_seconds,
        "output_bytes": limits.output_bytes // 2,
    }
    program = [f"{sandbox.PROGRAMS}/rerun.py"]
    outcome = sandbox.run(box, program, job, sandbox.Visible(course, shared), limits, cores)
    return _read(paper, outcome, limits)


def checked_png(encoded: str) -> str | None:
    """Return a PNG in base64 that may be shown on a page; None if it is damaged or too large."""
    if len(encoded) > LARGEST_FIGURE_BYTES * 4 // 3:
        return None
    try:
        content = b64decode("".join(encoded.split()), validate=True)
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.verify()  # the checksums, without decoding a pixel
            return b64encode(_pixels_only(content)).decode() if max(image.size) <= LARGEST_SIDE_PX else None
    except Exception:  # Pillow has no common base for what it raises here
        return None


def _pixels_only(content: bytes) -> bytes:
    """Return a verified PNG without texts, profiles, animation, and whatever comes after its end."""
    kept, place, kind = [content[:8]], 8, b""
    while place < len(content) and kind != b"IEND":
        kind = content[place + 4 : place + 8]
        end = place + 12 + int.from_bytes(content[place : place + 4])
        kept += [content[place:end]] if kind in PIXELS else []
        place = end
    return b"".join(kept)


def _read(paper: Paper, outcome: Outcome, limits: Limits) -> Rerun:
    """Check every line of the untrusted report, and ignore what is not as specified."""
    result = Rerun(seconds=outcome.seconds)
    place, ending = None, outcome.ending if outcome.ending != "done" else "died"
    for text in outcome.stdout.splitlines():
        try:
            line = dict(json.loads(text))
        except (ValueError, TypeError, RecursionError):
            continue
        if type(line.get("begin")) is int and 0 <= line["begin"] < len(paper.cells):
            place = line["begin"]
        elif isinstance(line.get("outputs"), list) and place is not None:
            _take(result, paper, place, line["outputs"], line.get("error"))
            place = None
        elif line.get("ending") in ("done", *REASONS) and outcome.ending == "done":
            ending = line["ending"]
    result.ending = ending
    if ending != "done":
        reason = _reason(ending, limits, limits.seconds if outcome.ending == "time" else limits.cell_seconds)
        if place is None:
            result.reason = reason
        else:
            result.failures.append(Failure(place, paper.cells[place].source, reason))
    result.verdict = NO if result.failures or result.reason else YES
    return result


def _take(result: Rerun, paper: Paper, place: int, outputs: list, error: object) -> None:
    texts = []
    for output in outputs:
        items = output.items() if isinstance(output, dict) else ()
        said = {key: storable(value) for key, value in items if isinstance(value, str)}
        if "png" in said and len(result.figures) < MOST_FIGURES:
            picture = checked_png(said["png"])
            shows = said.get("text", "")[:LONGEST_ALT] or f"Figure that cell {place + 1} drew"
            result.figures += [(place, picture, shows)] if picture else []
        elif "text" in said:
            texts.append(said["text"][:LONGEST_TEXT])
    if error is None:
        result.texts[place] = "".join(texts)
    else:
        result.failures.append(Failure(place, paper.cells[place].source, storable(str(error))[:1000]))


def _reason(ending: str, limits: Limits, seconds: float) -> str:
    return REASONS[ending].format(
        limit=f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds",
        memory=round(limits.memory_bytes / 2**30, 1),
        processes=limits.processes,
        files=limits.files,
        output=limits.output_bytes // 2 // 2**20,
    )
