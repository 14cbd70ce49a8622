"""Shared by all subpackages: the base class of errors, JSON files, unfinished folders, the progress bar."""

import hashlib
import json
import os
import platform
import shutil
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from tqdm import tqdm

LINE_WIDTH = 96  # characters; about what a notebook shows without scrolling sideways
PARTIAL = ".partial-"  # in the name of an unfinished folder, followed by its host and process
HOST = hashlib.sha256(os.fsencode(platform.node())).hexdigest()[:8]  # a host's name may be long
DAY_SECONDS = 24 * 3600


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
    to end provides it. Folders of processes that were killed are removed; those of other computers,
    whose processes can't be seen from here, after a day.

    Args:
        target: the folder to make; may exist.
        is_finished: whether the target already is what the block makes.

    Raises:
        OSError: a folder can't be made or renamed; the target is then what it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for path in target.parent.iterdir():
        if path.name.startswith(target.name + PARTIAL) and not _in_use(path):
            shutil.rmtree(path, ignore_errors=True)
    partial = target.with_name(f"{target.name}{PARTIAL}{HOST}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    partial.mkdir()
    try:
        yield partial
        if not is_finished():
            _replace(target, partial, is_finished)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _replace(target: Path, partial: Path, is_finished: Callable[[], bool]) -> None:
    """Give an unfinished folder its name; if that fails, the target gets its old content back."""
    outdated = partial.with_name(partial.name + "-old")
    with suppress(OSError):
        os.utime(target)  # so that no other process takes the renamed folder for a leftover
    with suppress(FileNotFoundError):
        target.rename(outdated)
    try:
        partial.rename(target)
    except OSError:  # a lock of Windows or Google Drive; or another process was faster by an instant
        if not is_finished():
            with suppress(OSError):
                outdated.rename(target)
            raise
    shutil.rmtree(outdated, ignore_errors=True)


def _in_use(partial: Path) -> bool:
    """Whether the process that fills an unfinished folder is running, or may be on another computer."""
    host, _, rest = partial.name.rpartition(PARTIAL)[2].partition("-")
    try:
        changed = partial.stat().st_mtime
        if host != HOST:
            return time.time() - changed < DAY_SECONDS
        process = psutil.Process(int(rest.split("-")[0]))
        # Numbers of processes are reused: the process must be older than the folder.
        older = process.create_time() <= changed
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
