"""Shared by every subpackage: the base class of the course's errors, JSON files, the progress bar."""

import json
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

from tqdm import tqdm

LINE_WIDTH = 96  # characters; about what a notebook shows without scrolling sideways


class CourseError(ValueError):
    """Something that a student can put right: a file, a path, a setting, an answer.

    In IPython and Jupyter it is shown as `ClassName: message`, without the traceback. The
    traceback is still there for `%debug` and for `raise ... from`; a plain Python script
    prints it as always.
    """

    def _render_traceback_(self) -> list[str]:
        """Returns the lines that IPython shows in place of a traceback.

        `_render_traceback_` is IPython's public hook for exceptions that know better.
        """
        paragraphs = f"{type(self).__name__}: {self}".splitlines()
        return [line for paragraph in paragraphs for line in _wrap(paragraph)]


def _wrap(paragraph: str) -> list[str]:
    # Paths stay whole, so that they can be copied; an empty paragraph stays an empty line.
    return textwrap.wrap(paragraph, LINE_WIDTH, break_long_words=False, break_on_hyphens=False) or [""]


def read_json(path: Path) -> dict | None:
    """Reads a JSON object.

    Args:
        path: the file.

    Returns:
        The object; None where the file is missing, cut short or something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path: Path, content: dict) -> None:
    """Writes a JSON object aside and renames it, so that a kill leaves the old one or the new.

    Args:
        path: the file.
        content: what to write.
    """
    aside = path.with_name(path.name + ".aside")
    aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    aside.replace(path)


def progress_bar(
    iterable: Iterable | None = None,
    *,
    total: int | None,
    unit: str,
    title: str,
    show: bool = True,
    initial: int = 0,
    scale: bool = False,
):
    """Wraps an iterable in a progress bar with rate and time left.

    Plain text rather than a widget: it looks the same in Colab, Jupyter and a terminal, and
    leaves nothing behind in a notebook. It is redrawn seldom there: one that is saved while
    the bar runs may keep every redraw.

    Args:
        iterable: what to go through; None to call `update` by hand.
        total: how many items there are, None if unknown.
        unit: one item's name, such as "slice".
        title: what is being done.
        show: False for no bar at all.
        initial: how many were done before; they do not count for the rate.
        scale: write large numbers short, such as 214M: for bytes.

    Returns:
        tqdm, to iterate over.
    """
    return tqdm(
        iterable,
        total=total,
        unit=f" {unit}",
        desc=title,
        disable=not show,
        initial=initial,
        unit_scale=scale,
        leave=False,
        file=sys.stdout,
        mininterval=0.5 if sys.stdout.isatty() else 2,
        dynamic_ncols=False,
        ncols=90,
    )
