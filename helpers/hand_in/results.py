"""The results that notebook 02 has saved in COURSE_HOME, and an archive that takes them to another machine.

Colab gives each notebook a machine of its own. So notebook 02 packs its results, without the weights, into
`results.zip`, which the report unpacks: from Google Drive, or uploaded by hand.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from helpers._common import CourseError, read_json
from helpers.config.settings import Settings
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.prediction import PREDICTIONS, PredictionsError, saved_predictions
from helpers.training.run_record import NAME, RunRecordError, read_record

ARCHIVE = "results.zip"
LARGEST_BYTES = 500 * 2**20  # of what is unpacked
# What the report shows -> the cells of notebook 02 that make it.
MADE_BY = {
    "classifier": "Part A (2.1 to 2.4) of notebook 02, then the cell that begins with `by_patient =` in 2.14",
    "unet": "Part B (2.5 to 2.9) of notebook 02, then the cell that begins with `by_patient =` in 2.14",
    "by slice": "2.11 of notebook 02, then the cell that begins with `pooled =` in 2.14",
    "by family": "2.11 of notebook 02, then the cell that begins with `pooled =` in 2.14",
}
TITLES = {
    "classifier": "the classifier at 512 px",
    "unet": "the U-Net",
    "by slice": "the cross-validation by slice",
    "by family": "the cross-validation by family",
}


class MissingResultError(CourseError):
    """A result that the report shows has not been made yet."""


@dataclass(frozen=True)
class Run:
    """One training of notebook 02, or a cross-validation.

    Args:
        name: "classifier", "unet", "by slice" or "by family".
        record: its run record (`helpers.training.run_record`).
        rows: (n,) int64, the tested slices, as rows of the data set; None for a cross-validation.
        probabilities: (n, ...) float32, of these slices; None for a cross-validation.
    """

    name: str
    record: dict
    rows: np.ndarray | None = None
    probabilities: np.ndarray | None = None

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch, index from 1: losses and metrics."""
        columns = self.record["history"]
        epochs = max(map(len, columns.values()), default=0)
        return pd.DataFrame(columns, index=pd.RangeIndex(1, epochs + 1, name="epoch"))

    @property
    def scores(self) -> dict[str, ConfidenceInterval]:
        """Measure -> value with its interval over patients."""
        return {
            measure: ConfidenceInterval(one["value"], one["low"], one["high"])
            for measure, one in self.record["results"].items()
        }


@dataclass(frozen=True)
class Results:
    """What there is, by name; a name that there isn't raises `MissingResultError`.

    Args:
        course: the settings.
    """

    course: Settings

    def __getitem__(self, name: str) -> Run:
        if name not in self._found:
            raise MissingResultError(f"{TITLES[name]} has no results yet. Run {MADE_BY[name]}.")
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    @property
    def missing(self) -> dict[str, str]:
        """What is missing -> which cells make it."""
        return {TITLES[name]: made for name, made in MADE_BY.items() if name not in self._found}

    @cached_property
    def _found(self) -> dict[str, Run]:
        found = {}
        for name in ("classifier", "unet"):
            try:
                rows, probabilities, folder = saved_predictions(self.course.run_folder(name))
                record = read_record(folder)
            except (PredictionsError, RunRecordError):
                continue
            if record["results"] and "history" in record:
                found[name] = Run(name, record, rows, probabilities)
        for name in ("by slice", "by family"):
            try:
                found[name] = Run(name, read_record(self.course.run_folder(f"protocols/{name}")))
            except RunRecordError:
                continue
        return found


def find(course: Settings) -> Results:
    """Find the results of notebook 02; if this machine has none, unpack those of `results.zip`.

    It is looked for in the copies on Google Drive, and in the current folder, where Colab puts uploads.

    Args:
        course: the settings; results of other data or another profile are not found.

    Returns:
        The results, of which some may be missing.

    Raises:
        MissingResultError: the archive is damaged.
    """
    if not Results(course)._found:
        copies = course.copy_folder("")
        uploaded = sorted(Path.cwd().glob("results*.zip"), key=lambda one: -one.stat().st_mtime)
        candidates = [*([copies / ARCHIVE] if copies else []), *uploaded]
        for archive in filter(Path.is_file, candidates):
            _unpack(archive, course.run_folder(""))
            print(f"Results were unpacked from {archive.name}.")
            break
    return Results(course)


def require_any(results: Results) -> None:
    """Raise `MissingResultError` if there are no results at all."""
    if not list(results):
        raise MissingResultError(f"there are no results yet. Run {MADE_BY['classifier']}.")


def records(course: Settings) -> dict[str, dict]:
    """Return the run records of the results that there are, by name: "classifier", "unet", "by slice"..."""
    found = find(course)
    return {name: found[name].record for name in found}


def save_results(course: Settings) -> Path:
    """Pack run records and predictions, without weights, for the report.

    Args:
        course: the settings.

    Returns:
        The archive, `results.zip` in the folder of the runs. It is also copied to Google Drive, or to
        COURSE_COPIES; in Colab without a Drive, it is offered as a download.

    Raises:
        MissingResultError: there are no results.
    """
    found, folder = Results(course), course.run_folder("")
    if not list(found):
        raise MissingResultError("there are no results to pack. Run 2.14 first.")
    files = [folder / name / PREDICTIONS for name in ("classifier", "unet") if name in found._found]
    files += [path for pattern in ("*/*/", "*/") for path in folder.glob(f"{pattern}{NAME}")]
    archive = folder / ARCHIVE
    temporary = archive.with_suffix(".tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files:
            packed.write(path, path.relative_to(folder).as_posix())
    temporary.replace(archive)
    copies = course.copy_folder("")
    if course.colab and not copies:
        from google.colab import files as browser

        browser.download(str(archive))
    if copies:
        try:
            copies.mkdir(parents=True, exist_ok=True)
            (copies / ARCHIVE).write_bytes(archive.read_bytes())
        except OSError as error:  # a full or disconnected Drive
            print(f"No second copy in {copies}: {error.strerror or error}.")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive of `save_results`: only files of these names, not outside the folder."""
    try:
        with zipfile.ZipFile(archive) as packed:
            members = [
                one for one in packed.infolist()
                if PurePosixPath(one.filename).name in (NAME, PREDICTIONS) and ".." not in one.filename
            ]  # fmt: skip
            if sum(one.file_size for one in members) > LARGEST_BYTES:
                raise MissingResultError(
                    f"{archive.name} is larger than results are. Pack it again, in 2.16."
                )
            for one in members:
                packed.extract(one, folder)  # which removes drives and leading slashes
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise MissingResultError(
            f"{archive.name} cannot be unpacked ({error}). Pack it again, in 2.16 of notebook 02."
        ) from error
    if not list(folder.glob(f"**/{NAME}")) or read_json(next(folder.glob(f"**/{NAME}"))) is None:
        raise MissingResultError(f"{archive.name} has no results. Pack it again, in 2.16 of notebook 02.")
