"""The results that notebook 02 has saved in COURSE_HOME, and an archive that takes them to another machine.

Colab gives each notebook a machine of its own. So notebook 02 packs its results, without the weights, into
`results.zip`, which the report unpacks: from Google Drive, or uploaded by hand.
"""

import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from helpers._common import CourseError
from helpers.config.language import N_, _
from helpers.config.settings import Settings
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.evaluation.prediction import PREDICTIONS, PredictionsError, saved_predictions
from helpers.training.run_record import NAME, RunRecordError, read_record

ARCHIVE = "results.zip"
AGAIN = N_("Pack it again, in 2.16 of notebook 02.")
LARGEST_BYTES = 500 * 2**20  # of what is unpacked
# What the report shows -> the cells of notebook 02 that make it.
MADE_BY = {
    "classifier": N_("Part A (2.1 to 2.4) of notebook 02, then Part C up to 2.14"),
    "unet": N_("Part B (2.5 to 2.9) of notebook 02, then Part C up to 2.14"),
    "by slice": N_("Part C of notebook 02 up to 2.14"),
    "by family": N_("Part C of notebook 02 up to 2.14"),
}
TITLES = {
    "classifier": N_("classifier"),
    "unet": "U-Net",
    "by slice": N_("cross-validation by slice"),
    "by family": N_("cross-validation by family"),
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
            said = _("the {what} has no results yet. Run {cells}.")
            raise MissingResultError(said.format(what=_(TITLES[name]), cells=_(MADE_BY[name])))
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    @property
    def missing(self) -> dict[str, str]:
        """What is missing -> which cells make it."""
        return {_(TITLES[name]): _(made) for name, made in MADE_BY.items() if name not in self._found}

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
        MissingResultError: the archive is damaged, or of other data or another profile.
    """
    copies = course.copy_folder("")
    candidates = [*Path.cwd().glob("results*.zip"), *([copies / ARCHIVE] if copies else [])]
    archives = sorted(filter(Path.is_file, candidates), key=_changed)
    if archives and _changed(archives[-1]) > max(map(_changed, _files(course)), default=0):
        _unpack(archives[-1], course)
        print(_("Results were unpacked from {name}.").format(name=archives[-1].name))
    if not list(found := Results(course)):
        _tell_others(course)
    return found


def _changed(path: Path) -> float:
    return path.stat().st_mtime


def _files(course: Settings) -> list[Path]:
    """The results on this machine, and their archive."""
    folder = course.run_folder("")
    return [path for name in (NAME, PREDICTIONS, ARCHIVE) for path in folder.rglob(name)]


def _tell_others(course: Settings) -> None:
    """Print of which data and profile there are results, here or among the copies, if there are any."""
    folders = [course.run_folder(""), course.copy_folder("")]
    paths = [
        path.relative_to(folder.parent) for folder in folders if folder
        for pattern in (f"*/*/*/{NAME}", f"*/{ARCHIVE}") for path in folder.parent.glob(pattern)
    ]  # fmt: skip
    if others := sorted({path.parts[0] for path in paths} - {course.run_folder("").name}):
        said = _(
            "This notebook is set to {chosen}, of which there are no results. There are some of {others}: "
            "choose that DATA and PROFILE in R.0."
        )
        print(said.format(chosen=course.run_folder("").name, others=", ".join(others)))


def require_any(results: Results) -> None:
    """Raise `MissingResultError` if there are no results at all."""
    if not list(results):
        said = _("there are no results yet. Run {cells}.")
        raise MissingResultError(said.format(cells=_(MADE_BY["classifier"])))


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
        raise MissingResultError(_("there are no results to pack. Run 2.14 first."))
    files = [folder / name / PREDICTIONS for name in ("classifier", "unet") if name in found._found]
    files += [path for pattern in ("*/*/", "*/") for path in folder.glob(f"{pattern}{NAME}")]
    archive = folder / ARCHIVE
    temporary = archive.with_suffix(".tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files:
            packed.write(path, path.relative_to(folder.parent).as_posix())
    temporary.replace(archive)
    if not _copied(archive, course.copy_folder("")) and course.colab:
        from google.colab import files as browser

        browser.download(str(archive))
    return archive


def _copied(archive: Path, copies: Path | None) -> bool:
    try:
        if copies:
            copies.mkdir(parents=True, exist_ok=True)
            shutil.copy2(archive, copies / ARCHIVE)  # with its time, by which `find` knows it
        return copies is not None
    except OSError as error:  # a full or disconnected Drive
        said = _("No second copy in {folder}: {error}.")
        print(said.format(folder=copies, error=error.strerror or error))
        return False


def _unpack(archive: Path, course: Settings) -> None:
    """Unpack an archive of `save_results`: only files of these names, not outside the folder of runs."""
    folder = course.run_folder("")
    try:
        with zipfile.ZipFile(archive) as packed:
            members = {one: place for one in packed.infolist() if (place := _place(one.filename))}
            if not members:
                raise MissingResultError(_again(_("{name} has no results."), archive))
            if of := {place.parts[0] for place in members.values()} - {folder.name}:
                said = _(
                    "{name} is of {found}, and this notebook is set to {chosen}. Choose the same DATA and "
                    "PROFILE in R.0 as in notebook 2."
                )
                found = ", ".join(sorted(of))
                raise MissingResultError(said.format(name=archive.name, found=found, chosen=folder.name))
            if sum(one.file_size for one in members) > LARGEST_BYTES:
                raise MissingResultError(_again(_("{name} is larger than results are."), archive))
            for one, place in members.items():
                (folder.parent / place).parent.mkdir(parents=True, exist_ok=True)
                (folder.parent / place).write_bytes(packed.read(one))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        said = _again(_("{name} cannot be unpacked ({error})."), archive, error=error)
        raise MissingResultError(said) from error


def _again(said: str, archive: Path, **fields: object) -> str:
    return f"{said.format(name=archive.name, **fields)} {_(AGAIN)}"


def _place(name: str) -> PurePosixPath | None:
    """Where a member of the archive goes, below the folder of runs; None if it is no result.

    Folders around the results don't matter: macOS unpacks downloads, and packs them with one.
    """
    parts = PurePosixPath(name).parts
    starts = [place for place, part in enumerate(parts) if part in ("classifier", "unet", "protocols")]
    if not starts or not starts[0] or parts[-1] not in (NAME, PREDICTIONS) or {"..", "__MACOSX"} & {*parts}:
        return None
    return PurePosixPath(*parts[starts[0] - 1 :])
