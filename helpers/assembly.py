"""Slice files -> a data set on disk.

The work happens in `NAME.partial` beside the destination. A journal there gets one line a
slice once its arrays and pictures are written, so a killed run goes on where it stopped; the
folder takes its final name when everything is there.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import cv2
import h5py
import joblib
import numpy as np
import pandas as pd

from helpers import settings
from helpers.dataset import SIZES, Dataset, DatasetError
from helpers.errors import CourseError
from helpers.files import read_json, write_json
from helpers.images import fill_border, resize_image, resize_mask, to_uint8
from helpers.mat import CLASS_NAMES, MatFileError, Slice
from helpers.progress import bar
from helpers.sources import SliceFile, find_folds, find_slices, obtain
from helpers.splits import patient_family

FORMAT = 2
ARRAYS = [(kind, size) for kind in ("images", "masks") for size in SIZES]


class AssemblyError(CourseError):
    """Some slice files are bad; the message lists them and says what to do."""


def prepare(course: settings.Settings) -> Dataset:
    """The data set of a course, with all three classes: assembled, or opened if it is there.

    Args:
        course: what `helpers.settings.start` returned.

    Returns:
        Dataset.

    Raises:
        CourseError: the source has no slices, bad ones, or lacks a class.
    """
    return assemble(obtain(course), course.dataset_folder).require_classes()


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
        workers: threads, one a core by default.
        progress: show a progress bar.

    Returns:
        Dataset.

    Raises:
        SourceError: the source has no slices.
        MatFileError: `cvind.mat` is malformed.
        AssemblyError: there are bad files and `on_bad` is "stop", or no good ones.
        ValueError: `on_bad` is neither "stop" nor "skip".
    """
    if on_bad not in ("stop", "skip"):
        raise ValueError(f"on_bad is {on_bad!r}; choose 'stop' or 'skip'.")
    destination = Path(destination)
    files, folds = find_slices(source), find_folds(source)
    signature = _signature(files, folds)
    made = _made_from(destination, signature)
    if made is not None:
        return made
    workshop = Workshop(destination.with_name(destination.name + ".partial"), files)
    records = workshop.process_all(workers or os.cpu_count() or 1, progress)
    good = [record for record in records if "reason" not in record]
    bad = [record for record in records if "reason" in record]
    report = _list_bad_files(bad, workshop.folder)
    if bad and (on_bad == "stop" or not good):
        raise AssemblyError(_bad_files_message(bad, len(files), report))
    workshop.close(keep=[record["row"] for record in good])
    _write_index(workshop.folder, good, bad, folds, signature)
    workshop.journal.unlink(missing_ok=True)
    _put_in_place(workshop.folder, destination)
    return Dataset.open(destination)


class Workshop:
    """The unfinished data set: arrays filled row by row, and the journal of what is done.

    Args:
        folder: where to work; what an earlier run left there is used if it still fits.
        files: the slices; slice i fills row i.
    """

    def __init__(self, folder: Path, files: list[SliceFile]):
        self.folder, self.files = folder, files
        self.journal = folder / "journal.jsonl"
        self.header = {"format": FORMAT, "numbers": [file.number for file in files]}
        self.done = self._earlier_records()
        if self.done is None:
            self._start_afresh()
        self.arrays = {key: np.load(self._path(key), mmap_mode="r+") for key in ARRAYS}

    def process_all(self, workers: int, progress: bool) -> list[dict]:
        """Processes what is not done yet, in threads: inflating and resizing free the GIL.

        Args:
            workers: how many threads.
            progress: show a progress bar.

        Returns:
            One record a slice, in order: the row of its index, or why the file is bad.
        """
        rows = [row for row in range(len(self.files)) if row not in self.done]
        pool = joblib.Parallel(n_jobs=workers, backend="threading", return_as="generator_unordered")
        records = pool(joblib.delayed(self.process)(row) for row in rows)
        with self.journal.open("a", encoding="utf-8") as journal:
            for record in bar(records, total=len(rows), unit="slice", title="Assembling", show=progress):
                self.done[record["row"]] = record
                journal.write(json.dumps(record) + "\n")
                journal.flush()
        return [self.done[row] for row in range(len(self.files))]

    def process(self, row: int) -> dict:
        """Reads one slice and writes its arrays and pictures.

        Args:
            row: which one.

        Returns:
            Its record.
        """
        file = self.files[row]
        common = {"row": row, "file": file.name, "version": file.version}
        try:
            one = file.read()
            _require_square(one, file)
        except MatFileError as error:
            return common | {"field": error.field, "reason": error.reason}
        pixels = to_uint8(one.image)
        for size in SIZES:
            self.arrays["images", size][row] = resize_image(pixels, size)
            self.arrays["masks", size][row] = resize_mask(one.mask, size)
        _write_png(self._picture("images", file), self.arrays["images", 512][row])
        _write_png(self._picture("masks", file), self.arrays["masks", 512][row] * 255)
        return common | _describe(one, file)

    def close(self, keep: list[int]) -> None:
        """Flushes and closes the arrays, without the rows of bad files.

        Args:
            keep: the rows to keep, in order.
        """
        if len(keep) < len(self.files):
            self.journal.unlink()  # it will no longer describe the arrays
        for key in ARRAYS:
            array = self.arrays.pop(key)
            array.flush()
            kept = array[keep] if len(keep) < len(self.files) else None
            del array  # Windows neither writes nor renames a file that is mapped
            if kept is not None:
                np.save(self._path(key), kept)

    def _earlier_records(self) -> dict[int, dict] | None:
        """What an earlier run finished with these same files; None if it had other ones."""
        if not self.journal.is_file():
            return None
        complete = self.journal.read_bytes().split(b"\n")[:-1]  # a kill may tear the last line
        try:
            header, *records = [json.loads(line) for line in complete]
        except ValueError:  # empty, or not our journal
            return None
        if header != self.header or not all(self._path(key).is_file() for key in ARRAYS):
            return None
        self.journal.write_bytes(b"".join(line + b"\n" for line in complete))
        return {
            record["row"]: record
            for record in records
            if "reason" not in record and record["version"] == self.files[record["row"]].version
        }

    def _start_afresh(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for kind in ("images", "masks"):
            (self.folder / kind).mkdir(parents=True)
        for key in ARRAYS:
            shape = (len(self.files), key[1], key[1])
            np.lib.format.open_memmap(self._path(key), mode="w+", dtype=np.uint8, shape=shape)
        self.done = {}
        self.journal.write_text(json.dumps(self.header) + "\n", encoding="utf-8")

    def _path(self, key: tuple[str, int]) -> Path:
        return self.folder / f"{key[0]}_{key[1]}.npy"

    def _picture(self, kind: str, file: SliceFile) -> Path:
        return self.folder / kind / f"{file.number:04d}.png"


def _require_square(one: Slice, file: SliceFile) -> None:
    height, width = one.image.shape
    if height != width:
        raise MatFileError(file.name, "image", f"is {height} x {width} pixels; slices are square")


def _write_png(path: Path, pixels: np.ndarray) -> None:
    # imencode rather than imwrite, which cannot write to a path with accents on Windows
    _, encoded = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    path.write_bytes(encoded.tobytes())


def _describe(one: Slice, file: SliceFile) -> dict:
    """The row of the index that belongs to a slice."""
    y, x = np.nonzero(one.mask)
    inside = np.count_nonzero(fill_border(one.border, one.mask.shape))
    content = hashlib.sha256(one.image.tobytes() + one.mask.tobytes())
    return {
        "number": file.number,
        "label": one.label,
        "class_name": CLASS_NAMES[one.label],
        "patient": one.pid,
        "family": patient_family(one.pid),
        "native_size": one.image.shape[0],
        "intensity_min": int(one.image.min()),
        "intensity_max": int(one.image.max()),
        "tumour_area_px": len(x),
        "tumour_fraction": round(float(one.mask.mean()), 6),
        "centroid_x_px": round(float(x.mean()), 2),
        "centroid_y_px": round(float(y.mean()), 2),
        "border_area_ratio": round(len(x) / inside, 4) if inside else float("nan"),
        "checksum": content.hexdigest(),
    }


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
