"""Slice files -> a data set on disk.

The work happens in a temporary folder next to the destination, which is renamed at the end: an
assembly that is killed or interrupted starts again.
"""

import hashlib
import os
from concurrent.futures import BrokenExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import cv2
import h5py
import joblib
import numpy as np
import pandas as pd

from helpers._common import CourseError, progress_bar, read_json, unfinished_folder, write_json
from helpers.config import language, settings
from helpers.config.environment import require_disk_space
from helpers.config.language import _
from helpers.datasets.dataset import Dataset, DatasetError
from helpers.datasets.preprocessing import create_arrays, process_slice
from helpers.datasets.sources import SliceFile, fetch, find_folds, list_slices
from helpers.reference import CLASS_NAMES

FORMAT = 3  # raise it when the same slices would give other bytes
SLICE_BYTES = 900_000  # on disk: four arrays and two pictures, about
MAX_WORKERS = 4  # a process takes about 80 MB
WORTH_PROCESSES = 300  # slices; with fewer, starting processes takes longer than they save
IDLE_SECONDS = 5  # after which worker processes end


class AssemblyError(CourseError):
    """The data set cannot be assembled; the message says why and what to do."""


def load_or_assemble(course: settings.Settings) -> Dataset:
    """Return the data set of a course: opened if it is on disk, else assembled.

    Args:
        course: settings returned by `helpers.config.start`.

    Returns:
        Dataset with all three classes.

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
    """Assemble a data set on disk from a folder of `.mat` files or zip archives.

    A data set that was made from the same files is opened at once; if bad files were left out of
    it, a line says so.

    Args:
        source: folder with `N.mat` files or zip archives of them, and perhaps `cvind.mat`.
        destination: folder of the data set.
        on_bad: "stop" to make no data set if a file is bad, "skip" to leave bad files out.
            Either way every file is tried, and the bad ones are listed in a CSV file. An archive
            with a damaged member always stops: it must be downloaded again.
        workers: number of worker processes, by default one per core and at most `MAX_WORKERS`;
            with 1, and with few slices, the work is done in this process.
        progress: whether to show a progress bar.

    Returns:
        Dataset.

    Raises:
        SourceError: the source has no slices, or a damaged archive.
        MatFileError: `cvind.mat` is malformed.
        AssemblyError: there are bad files and `on_bad` is "stop", there are no good ones, the disk
            is too small, or the data set cannot be written.
        ValueError: `on_bad` is neither "stop" nor "skip".

    Example:
        >>> data = assemble("figshare", "datasets/figshare")
        >>> data.images(128).shape
        (3064, 128, 128)
    """
    if on_bad not in ("stop", "skip"):
        raise ValueError(_("on_bad is {value!r}; choose 'stop' or 'skip'.").format(value=on_bad))
    destination = Path(destination)
    files, folds = list_slices(source), find_folds(source)
    signature = _signature(files, folds)
    existing = _open_if_current(destination, signature)
    if existing is not None:
        return existing
    try:
        purpose = _("the data set of {count} slices").format(count=len(files))
        require_disk_space(destination, len(files) * SLICE_BYTES, purpose, AssemblyError)
        with unfinished_folder(
            destination, lambda: _open_if_current(destination, signature) is not None
        ) as partial:
            workers = workers or min(os.cpu_count() or 1, MAX_WORKERS)
            records = _process_all(files, partial, workers, progress)
            bad = _list_bad_files(records, partial, destination, on_bad)
            if bad:  # the arrays have rows for them: process the others again
                files = [file for file in files if file.number not in bad]
                records = _process_all(files, partial, workers, progress)
            _write_index(partial, records, len(bad), folds, signature)
    except BrokenExecutor as error:
        raise AssemblyError(
            _(
                "a worker process was killed, probably because memory ran out. Run again, or use "
                "assemble(..., workers=1), which starts no processes."
            )
        ) from error
    except OSError as error:
        said = _(
            "{path} cannot be written ({error}). The data set takes up to 3 GB: make room there, or set "
            "COURSE_HOME to another folder. If it is in use, restart the kernel and run again."
        )
        raise AssemblyError(
            said.format(path=error.filename or destination, error=error.strerror or error)
        ) from error
    return Dataset.open(destination)


def _signature(files: list[SliceFile], folds: np.ndarray | None) -> str:
    """Return a hash that changes when any source file does."""
    parts = [f"{file.number} {file.version}" for file in files]
    parts.append("" if folds is None else folds.tobytes().hex())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _open_if_current(destination: Path, signature: str) -> Dataset | None:
    """Open the data set at the destination if it is complete and was made from these files."""
    fingerprint = read_json(destination / "fingerprint.json") or {}
    if (fingerprint.get("format"), fingerprint.get("source")) != (FORMAT, signature):
        return None
    try:
        dataset = Dataset.open(destination)
    except DatasetError:
        return None
    if fingerprint["bad_files"]:
        said = _("{count} bad files were left out: see {table}.")
        print(said.format(count=fingerprint["bad_files"], table=destination / "bad_files.csv"))
    return dataset


def _process_all(files: list[SliceFile], folder: Path, workers: int, progress: bool) -> list[dict]:
    """Write the arrays and pictures of all slices; return one record per slice, in order."""
    create_arrays(folder, len(files))
    spoken = language.current()
    jobs = (
        joblib.delayed(_process)(
            spoken, file.path.absolute(), file.number, folder.absolute(), row, len(files)
        )
        for row, file in enumerate(files)
    )
    records: list[dict] = [{}] * len(files)
    with joblib.parallel_config("loky", idle_worker_timeout=IDLE_SECONDS):
        parallel = joblib.Parallel(
            n_jobs=workers if len(files) >= WORTH_PROCESSES else 1, return_as="generator_unordered"
        )
        with closing(parallel(jobs)) as results:  # closed early, it ends the workers
            for record in progress_bar(
                results, total=len(files), unit=_("slices"), title=_("Assembling"), show=progress
            ):
                file = files[record["row"]]
                records[record["row"]] = {"number": file.number, "file": file.name} | record
    return records


def _process(spoken: str, *slice_and_place: Any) -> dict:
    """Process a slice; what is wrong with it is said in the language of the process that asks."""
    with language.speaking(spoken):
        return process_slice(*slice_and_place)


def _list_bad_files(records: list[dict], folder: Path, destination: Path, on_bad: str) -> set[int]:
    """List the bad files in a table; return their numbers, or raise AssemblyError."""
    bad = [one for one in records if "reason" in one]
    listed = pd.DataFrame(bad, columns=["file", "field", "reason"])
    report = destination.with_name(f"{destination.name}.bad_files.csv")
    if bad and (on_bad == "stop" or len(bad) == len(records)):
        listed.to_csv(report, index=False)
        raise AssemblyError(_bad_files_message(bad, len(records), report))
    report.unlink(missing_ok=True)  # of an earlier run
    listed.to_csv(folder / "bad_files.csv", index=False)
    return {one["number"] for one in bad}


def _bad_files_message(bad: list[dict], count: int, report: Path) -> str:
    whole = _("file")
    shown = "; ".join(f"{one['file']}: {one['field'] or whole} {one['reason']}" for one in bad[:3])
    if len(bad) > 3:
        shown += _("; and {count} more").format(count=len(bad) - 3)
    return _(
        "{bad} of {count} files are bad: {shown}. All are listed in {report}. Replace them "
        "and run again, or leave them out with assemble(..., on_bad='skip')."
    ).format(bad=len(bad), count=count, shown=shown, report=report)


def _write_index(
    folder: Path, records: list[dict], bad_files: int, folds: np.ndarray | None, signature: str
) -> None:
    table = pd.DataFrame(records).drop(columns="row")
    known = {} if folds is None else dict(enumerate(folds.tolist(), start=1))
    fold = [known.get(number, 0) for number in table["number"]]
    table.insert(table.columns.get_loc("family") + 1, "fold", fold)  # 0: not in the author's list
    order = [name for name in table.columns if name not in ("file", "checksum")]
    table[[*order, "file", "checksum"]].to_csv(folder / "index.csv", index=False)
    fingerprint = {
        "format": FORMAT,
        "slices": len(table),
        "bad_files": bad_files,
        "patients": table["patient"].nunique(),
        "classes": {name: int((table["class_name"] == name).sum()) for name in CLASS_NAMES.values()},
        "content": hashlib.sha256("".join(table["checksum"]).encode()).hexdigest(),
        "source": signature,
        "versions": {"numpy": np.__version__, "opencv": cv2.__version__, "h5py": h5py.__version__},
    }
    write_json(folder / "fingerprint.json", fingerprint)
