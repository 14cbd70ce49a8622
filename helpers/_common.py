"""Shared by all subpackages: the base class of errors, JSON files, unfinished folders, the progress bar."""

import json
import os
import shutil
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from tqdm import tqdm

LINE_WIDTH = 96  # characters; about what a notebook shows without scrolling sideways
PARTIAL = ".partial-"  # in the name of an unfinished folder, followed by its process


class CourseError(ValueError):
    """Something that a student can correct: a file, a path, a setting, an answer.

    IPython and Jupyter show it as `ClassName: message`, without the traceback, which `%debug` and
    plain Python scripts still have.
    """

    def _render_traceback_(self) -> list[str]:
        """Return the lines that IPython, whose hook this is, shows instead of a traceback."""
        paragraphs = f"{type(self).__name__}: {self}".splitlines()
        return [line for paragraph in paragraphs for line in _wrap(paragraph)]


def _wrap(paragraph: str) -> list[str]:
    # Paths aren't broken, so that they can be copied; an empty paragraph stays an empty line.
    return textwrap.wrap(paragraph, LINE_WIDTH, break_long_words=False, break_on_hyphens=False) or [""]


def read_json(path: Path) -> dict | None:
    """Read a JSON object; None if the file is missing, incomplete or something else."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path: Path, content: dict) -> None:
    """Write a JSON object atomically: if the process is killed, the file is the old one or the new one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


@contextmanager
def unfinished_folder(target: Path, is_finished: Callable[[], bool]) -> Iterator[Path]:
    """Provide a new folder to fill, which replaces `target` if the block ends without an error.

    Each call has a folder of its own, so two notebooks can make the same target at once: the first
    to end provides it. Folders of processes that were killed are removed.

    Args:
        target: the folder to make; may exist.
        is_finished: whether the target already is what the block makes.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for path in target.parent.iterdir():
        if path.name.startswith(target.name + PARTIAL) and not _in_use(path):
            shutil.rmtree(path, ignore_errors=True)
    partial = target.with_name(f"{target.name}{PARTIAL}{os.getpid()}-{uuid.uuid4().hex[:8]}")
    outdated = partial.with_name(partial.name + "-old")
    partial.mkdir()
    try:
        yield partial
        if not is_finished():
            with suppress(FileNotFoundError):
                target.rename(outdated)
            _rename_unless(is_finished, partial, target)
    finally:
        for path in (partial, outdated):
            shutil.rmtree(path, ignore_errors=True)


def _rename_unless(is_finished: Callable[[], bool], partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError:  # another process may have been faster by an instant
        if not is_finished():
            raise


def _in_use(partial: Path) -> bool:
    """Whether the process that fills an unfinished folder is running."""
    try:
        process = psutil.Process(int(partial.name.rpartition(PARTIAL)[2].split("-")[0]))
        # Numbers of processes are reused: the process must be older than the folder.
        older = process.create_time() <= partial.stat().st_mtime
        return older and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, OSError, ValueError):
        return False


def progress_bar(
    iterable: Iterable | None = None,
    *,
    total: int | None,
    unit: str,
    title: str,
    show: bool = True,
    initial: int = 0,
    scale: bool = False,
) -> tqdm:
    """Wrap an iterable in a progress bar with rate and remaining time.

    It is plain text, not a widget: the same in Colab, Jupyter and a terminal, and gone when done.
    In a notebook it is redrawn seldom, since a notebook that is saved meanwhile may keep each redraw.

    Args:
        iterable: the items; None to call `update` by hand.
        total: number of items, None if unknown.
        unit: name of one item, such as "slice".
        title: what is being done.
        show: False to draw nothing.
        initial: number of items that were done before; they don't count for the rate.
        scale: write large numbers short, such as 214M: for bytes.
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
        ncols=90,
    )
