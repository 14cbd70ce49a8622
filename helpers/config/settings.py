"""The knobs of the course, read once from the environment.

COURSE_DATA     `phantoms`, `figshare`, or a folder with `.mat` files or zip archives of them;
                by default `figshare` on Colab, else `phantoms`
COURSE_PROFILE  `quick` or `full`; by default `full` on Colab, else `quick`
COURSE_HOME     folder for downloads, data sets and runs; by default `/content/course` on
                Colab, else `data` in the course folder
COURSE_COPIES   folder for a second copy of what trainings save; by default one on Google Drive
                where that is mounted, else none
"""

import difflib
import hashlib
import importlib.util
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from helpers import reference
from helpers._common import CourseError
from helpers.config import drive, environment, machine

COURSE_FOLDER = Path(__file__).resolve().parents[2]
SEED = 2023
KEYWORDS = ("phantoms", "figshare")


class SettingsError(CourseError):
    """One of the course's environment variables has a value that cannot be used."""


@dataclass(frozen=True)
class Schedule:
    """Epochs, batches and learning rate of a training.

    Args:
        epochs: passes over the training set, at most.
        batch: slices per weight update (the effective batch).
        micro_batch: slices on the device at once; divides `batch`. If memory runs out, choose a smaller one.
        learning_rate: of the Adam optimizer, at the start.
    """

    epochs: int
    batch: int
    micro_batch: int
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class Profile:
    """The size of a run. Code, shapes and checks are the same in every profile.

    Args:
        name: "quick" or "full".
        slices: the most slices that notebook 02 uses, None for all.
        phantoms: how many synthetic slices the embedded data set has.
        classifier, unet: the training schedules.
        comparison: the schedule of each training in the comparison of protocols, at 128 px.
        folds: how many trainings that takes per protocol.
    """

    name: str
    slices: int | None
    phantoms: int
    classifier: Schedule
    unet: Schedule
    comparison: Schedule
    folds: int


PROFILES = {
    "quick": Profile("quick", slices=240, phantoms=240,
                     classifier=Schedule(epochs=6, batch=8, micro_batch=8, learning_rate=5e-4),
                     unet=Schedule(epochs=6, batch=8, micro_batch=8),
                     comparison=Schedule(epochs=12, batch=8, micro_batch=8), folds=3),
    # Sections 7.0.2 and 8.0.2 of the report: 20 epochs of batch 300, 40 epochs of batch 32.
    "full": Profile("full", slices=None, phantoms=reference.SLICES,
                    classifier=Schedule(epochs=20, batch=300, micro_batch=20),
                    unet=Schedule(epochs=40, batch=32, micro_batch=32),
                    comparison=Schedule(epochs=15, batch=32, micro_batch=32), folds=5),
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What `load` read: which data, how big a run, where files go, and the seed.

    Args:
        data: "phantoms", "figshare", or the absolute path of a folder.
        profile: the size of the run.
        home: folder for downloads, data sets and runs; made when first written to.
        colab: whether this is a Colab runtime.
        seed: of every split, shuffle and initial weight.
        copies: folder for a second copy of what trainings save; None: on Google Drive where
            that is mounted.
    """

    data: str
    profile: Profile
    home: Path
    colab: bool
    seed: int = SEED
    copies: Path | None = None

    @property
    def phantom_folder(self) -> Path:
        """Where the synthetic `.mat` files are written."""
        return self.home / "phantoms" / str(self.profile.phantoms)

    @property
    def download_folder(self) -> Path:
        """Where the published archives are downloaded to."""
        return self.home / "figshare"

    @property
    def dataset_folder(self) -> Path:
        """Where the data set assembled from `data` lies; one folder for each source."""
        if self.data == "phantoms":
            name = f"phantoms-{self.profile.phantoms}"
        elif self.data == "figshare":
            name = "figshare"
        else:
            digest = hashlib.sha256(self.data.encode()).hexdigest()[:8]
            name = f"{Path(self.data).name}-{digest}"
        return self.home / "datasets" / name

    def run_folder(self, name: str) -> Path:
        """Where a training keeps its checkpoints and history."""
        return self.home / self._run_path(name)

    def copy_folder(self, name: str) -> Path | None:
        """Where a training keeps a second copy of its checkpoints; None for nowhere.

        Looked up at each call: a Drive may be mounted after the first cell has run.
        """
        copies = self.copies or (drive.folder() if self.colab else None)
        return copies / self._run_path(name) if copies else None

    def _run_path(self, name: str) -> Path:
        return Path("runs") / f"{self.dataset_folder.name}-{self.profile.name}" / name


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Reads and checks the settings.

    Args:
        environ: the environment to read, `os.environ` by default.

    Returns:
        Settings.

    Raises:
        SettingsError: a variable has a value that cannot be used. The message names the
            variable and the values that can.
    """
    environ = os.environ if environ is None else environ
    colab = on_colab()
    home = environ.get("COURSE_HOME") or ("/content/course" if colab else str(COURSE_FOLDER / "data"))
    copies = environ.get("COURSE_COPIES")
    return Settings(
        data=_read_data(environ.get("COURSE_DATA") or ("figshare" if colab else "phantoms")),
        profile=_read_profile(environ.get("COURSE_PROFILE") or ("full" if colab else "quick")),
        home=_read_folder("COURSE_HOME", home),
        colab=colab,
        copies=_read_folder("COURSE_COPIES", copies) if copies else None,
    )


def start(environ: Mapping[str, str] | None = None, *, keep_on_drive: bool = False) -> Settings:
    """Reads the settings and prints the banner. The first call of every notebook.

    Args:
        environ: the environment to read, `os.environ` by default.
        keep_on_drive: whether to ask for the student's Google Drive, on Colab.

    Returns:
        Settings.

    Raises:
        SettingsError: as `load`.
    """
    settings = load(environ)
    if keep_on_drive and settings.colab:
        drive.mount()
    print(banner(settings))
    return settings


def banner(settings: Settings) -> str:
    """Says in a few lines which data and profile run, on what, and what a full run needs.

    Args:
        settings: what `load` returned.

    Returns:
        The text, lines parted by newlines; on Colab with what to click for more.
    """
    profile = settings.profile
    data = {
        "phantoms": f"{profile.phantoms} synthetic slices (phantoms), drawn here",
        "figshare": f"{reference.SLICES} real slices from figshare: a download of 880 MB",
    }.get(settings.data, f"the slices in {settings.data}")
    slices = f"at most {profile.slices} slices" if profile.slices else "every slice"
    lines = {
        "Course": f"version {environment.course_version()}",
        "Data": data,
        "Profile": f"{profile.name}: {slices}, {profile.classifier.epochs} and {profile.unet.epochs} epochs",
        "Full run": "3064 real slices, 20 and 40 epochs: a GPU, about 4 GB of memory and 3 GB of disk",
        "Device": machine.summary(_existing_parent(settings.home)),
        "Versions": environment.versions_line(),
        "Files": str(_shown(settings.home)),
    }
    if settings.colab:
        lines |= environment.advice() | {"Copies": str(settings.copies or drive.offer())}
    return "\n".join(
        textwrap.fill(text, 100, initial_indent=f"{name:9}", subsequent_indent=" " * 9,
                      break_long_words=False, break_on_hyphens=False)
        for name, text in lines.items()
    )  # fmt: skip


def on_colab() -> bool:
    """Says whether this is a Colab runtime.

    Returns:
        bool.
    """
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:  # its image is Colab's, with Colab's package in it
        return False
    try:
        return importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # not even the package `google`
        return False


def _read_data(value: str) -> str:
    keyword = value.strip().lower()
    if keyword in KEYWORDS:
        return keyword
    folder = _path("COURSE_DATA", value)
    if folder.is_dir():
        return str(folder)
    if folder.is_file():
        raise SettingsError(f"COURSE_DATA={value!r} is a file; give the folder that it lies in.")
    close = difflib.get_close_matches(keyword, KEYWORDS, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else f" (Looked for {folder}.)"
    raise SettingsError(
        f"COURSE_DATA={value!r} is neither 'phantoms' nor 'figshare' nor a folder that exists.{hint}"
    )


def _read_profile(value: str) -> Profile:
    name = value.strip().lower()
    if name not in PROFILES:
        raise SettingsError(f"COURSE_PROFILE={value!r} is unknown; choose 'quick' or 'full'.")
    return PROFILES[name]


def _read_folder(variable: str, value: str) -> Path:
    folder = _path(variable, value)
    parent = _existing_parent(folder)
    if not parent.is_dir():
        raise SettingsError(
            f"{variable}={value!r}: {parent} is a file; there must be a folder, or nothing yet."
        )
    if not os.access(parent, os.W_OK):
        raise SettingsError(
            f"{variable}={value!r}: nothing can be written to {parent}. Choose another folder."
        )
    return folder


def _path(variable: str, value: str) -> Path:
    try:
        path = Path(value).expanduser().resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a null byte
        raise SettingsError(f"{variable}={value[:80]!r} is no path ({error}).") from error
    return path


def _existing_parent(folder: Path) -> Path:
    """The nearest thing above a path, or the path itself, that exists."""
    return next((parent for parent in [folder, *folder.parents] if parent.exists()), Path.cwd())


def _shown(folder: Path) -> Path:
    """A folder as a reader wants it: short where it lies in the course."""
    return folder.relative_to(COURSE_FOLDER) if folder.is_relative_to(COURSE_FOLDER) else folder
