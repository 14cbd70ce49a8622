"""Slice files -> a data set on disk.

The work happens in `NAME.partial` beside the destination (see `workshop`). The folder takes its
final name when everything is there.
"""

import hashlib
import os
import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd

from helpers._common import CourseError, read_json, write_json
from helpers.config import settings
from helpers.datasets.dataset import Dataset, DatasetError
from helpers.datasets.slice_files import SliceFile
from helpers.datasets.sources import fetch, find_folds, list_slices
from helpers.datasets.workshop import FORMAT, Workshop
from helpers.reference import CLASS_NAMES

MAX_WORKERS = 4  # a process takes about 80 MB


class AssemblyError(CourseError):
    """Some slice files are bad; the message lists them and says what to do."""


def load_or_assemble(course: settings.Settings) -> Dataset:
    """The data set of a course, with all three classes: assembled, or opened if it is there.

    Args:
        course: what `helpers.config.settings.start` returned.

    Returns:
        Dataset.

    Raises:
        CourseError: the source has no slices, bad ones, or lacks a class.
    """
    return assemble(fetch(course), course.dataset_folder).require_classes()


def assemble(
    source: str | Path,
    destination: str | Path,
    *,
    on_bad: str = "stop",
    workers: int | None = None,
    progress: bool = True,
) -> Dataset:
    """Makes a data set on disk from a folder of `.mat` files or zip archives.

    Goes on where a killed run stopped. A data set that is already there and was made from
    the same files is opened at once; if bad ones had been left out, it says so.

    Args:
        source: folder with `N.mat` files or zip archives of them, and perhaps `cvind.mat`.
        destination: folder of the data set.
        on_bad: "stop" to make no data set where a file is bad, "skip" to leave it out.
            Either way every file is tried, and the bad ones are listed in `bad_files.csv`.
        workers: how many slices at a time, by default one a core and at most `MAX_WORKERS`. They are
            processes where there are many slices, threads where there are few; 1 starts no process.
        progress: show a progress bar.

    Returns:
        Dataset.

    Raises:
        SourceError: the source has no slices.
        MatFileError: `cvind.mat` is malformed.
        AssemblyError: there are bad files and `on_bad` is "stop", or no good ones.
        CrewError: a worker process was ended from outside.
        ValueError: `on_bad` is neither "stop" nor "skip".
    """
    if on_bad not in ("stop", "skip"):
        raise ValueError(f"on_bad is {on_bad!r}; choose 'stop' or 'skip'.")
    destination = Path(destination)
    files, folds = list_slices(source), find_folds(source)
    signature = _signature(files, folds)
    made = _made_from(destination, signature)
    if made is not None:
        return made
    workshop = Workshop(destination.with_name(destination.name + ".partial"), files)
    records = workshop.process_all(workers or min(os.cpu_count() or 1, MAX_WORKERS), progress)
    good = [record for record in records if "reason" not in record]
    bad = [record for record in records if "reason" in record]
    report = _list_bad_files(bad, workshop.folder)
    if bad and (on_bad == "stop" or not good):
        raise AssemblyError(_bad_files_message(bad, len(files), report))
    workshop.keep_only([record["row"] for record in good])
    _write_index(workshop.folder, good, bad, folds, signature)
    workshop.journal.unlink(missing_ok=True)
    _put_in_place(workshop.folder, destination)
    return Dataset.open(destination)


def _signature(files: list[SliceFile], folds: np.ndarray | None) -> str:
    """A hash that changes when any source file does."""
    parts = [f"{file.number} {file.version}" for file in files]
    parts.append("" if folds is None else folds.tobytes().hex())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _made_from(destination: Path, signature: str) -> Dataset | None:
    """The data set that is there, if it is whole and was made from these very files."""
    made = read_json(destination / "fingerprint.json") or {}
    if (made.get("format"), made.get("source")) != (FORMAT, signature):
        return None
    try:
        dataset = Dataset.open(destination)
    except DatasetError:
        return None
    if made["bad_files"]:
        print(f"{made['bad_files']} bad files were left out: see {destination / 'bad_files.csv'}.")
    return dataset


def _list_bad_files(bad: list[dict], folder: Path) -> Path:
    path = folder / "bad_files.csv"
    pd.DataFrame(bad, columns=["file", "field", "reason"]).to_csv(path, index=False)
    return path


def _bad_files_message(bad: list[dict], count: int, report: Path) -> str:
    shown = "; ".join(f"{one['file']}: {one['field'] or 'file'} {one['reason']}" for one in bad[:3])
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    return (
        f"{len(bad)} of {count} files are bad: {shown}{more}. All are listed in {report}. Replace them "
        "and run again (the good ones are kept), or leave them out with assemble(..., on_bad='skip')."
    )


def _write_index(folder: Path, good: list[dict], bad: list[dict], folds: np.ndarray | None, signature: str):
    table = pd.DataFrame(good).drop(columns=["row", "version"])
    known = 0 if folds is None else len(folds)
    fold = [int(folds[number - 1]) if 1 <= number <= known else 0 for number in table["number"]]
    table.insert(table.columns.get_loc("family") + 1, "fold", fold)  # 0: not in the author's list
    order = [name for name in table.columns if name not in ("file", "checksum")]
    table[[*order, "file", "checksum"]].to_csv(folder / "index.csv", index=False)
    fingerprint = {
        "format": FORMAT,
        "slices": len(table),
        "bad_files": len(bad),
        "patients": table["patient"].nunique(),
        "classes": {name: int((table["class_name"] == name).sum()) for name in CLASS_NAMES.values()},
        "content": hashlib.sha256("".join(table["checksum"]).encode()).hexdigest(),
        "source": signature,
        "versions": {"numpy": np.__version__, "opencv": cv2.__version__, "h5py": h5py.__version__},
    }
    write_json(folder / "fingerprint.json", fingerprint)


def _put_in_place(folder: Path, destination: Path) -> None:
    """Gives the folder its final name; an outdated data set goes only once the new one is whole."""
    outdated = destination.with_name(destination.name + ".outdated")
    shutil.rmtree(outdated, ignore_errors=True)
    try:
        if destination.exists():
            destination.rename(outdated)
        folder.rename(destination)
    except PermissionError as error:  # on Windows, where an array of it is still mapped
        raise AssemblyError(
            f"{destination.name} is in use: restart the kernel and run again. Nothing is lost."
        ) from error
    shutil.rmtree(outdated, ignore_errors=True)
