"""The settings of the course, read once from the environment.

COURSE_DATA     `phantoms`, `figshare`, or a folder with `.mat` files or zip archives of them;
                by default `figshare` on Colab, otherwise `phantoms`
COURSE_PROFILE  `quick` or `full`; by default `full` on Colab with a GPU, otherwise `quick`
COURSE_HOME     folder for downloads, data sets and runs; by default `/content/course` on
                Colab, otherwise `data` in the course folder
COURSE_COPIES   folder for a second copy of what trainings save; by default one on Google Drive
                if that is mounted, otherwise none
COURSE_LANGUAGE `en` or `es`; by default that of the notebook, otherwise `en`

The setup cell of a notebook has form fields for data, profile and language; the environment takes
precedence.
"""

import difflib
import hashlib
import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from helpers import reference
from helpers._common import CourseError
from helpers.config import drive
from helpers.config.environment import COURSE_FOLDER, banner, existing_parent, gpu_name
from helpers.config.language import LANGUAGES, _, choose, speaking

SEED = 2023
KEYWORDS = ("phantoms", "figshare")
VARIABLES = ("COURSE_DATA", "COURSE_PROFILE", "COURSE_HOME", "COURSE_COPIES", "COURSE_LANGUAGE")


class SettingsError(CourseError):
    """One of the course's environment variables is misspelt, or has a value that cannot be used."""


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
                     classifier=Schedule(epochs=4, batch=2, micro_batch=2, learning_rate=3e-4),
                     unet=Schedule(epochs=3, batch=4, micro_batch=4, learning_rate=5e-4),
                     comparison=Schedule(epochs=8, batch=4, micro_batch=4), folds=3),
    # Sections 7.0.2 and 8.0.2 of the report: 20 epochs of batch 300, 40 epochs of batch 32.
    "full": Profile("full", slices=None, phantoms=reference.SLICES,
                    classifier=Schedule(epochs=20, batch=300, micro_batch=12),
                    unet=Schedule(epochs=40, batch=32, micro_batch=32),
                    comparison=Schedule(epochs=15, batch=32, micro_batch=32), folds=5),
}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What `load` read: which data, the size of the run, where files go, and the seed.

    Args:
        data: "phantoms", "figshare", or the absolute path of a folder.
        profile: the size of the run.
        home: folder for downloads, data sets and runs; made when first written to.
        colab: whether this is a Colab runtime.
        seed: of every split, shuffle and initial weight.
        copies: folder for a second copy of what trainings save; None: on Google Drive if
            that is mounted.
        language: of what the course says, one of `LANGUAGES`.
    """

    data: str
    profile: Profile
    home: Path
    colab: bool
    seed: int = SEED
    copies: Path | None = None
    language: str = "en"

    @property
    def phantom_folder(self) -> Path:
        """Folder of the synthetic `.mat` files."""
        return self.home / "phantoms" / str(self.profile.phantoms)

    @property
    def download_folder(self) -> Path:
        """Folder of the published archives."""
        return self.home / "figshare"

    @property
    def dataset_folder(self) -> Path:
        """Folder of the data set assembled from `data`; each source has its own."""
        digest = hashlib.sha256(self.data.encode()).hexdigest()[:8]
        names = {"phantoms": f"phantoms-{self.profile.phantoms}", "figshare": "figshare"}
        return self.home / "datasets" / names.get(self.data, f"{Path(self.data).name}-{digest}")

    def run_folder(self, name: str) -> Path:
        """Folder of a training's checkpoints and history."""
        return self.home / self._run_path(name)

    def copy_folder(self, name: str) -> Path | None:
        """Folder of the second copy of a training's checkpoints, or None.

        Looked up at each call: a Drive may be mounted after the first cell has run.
        """
        copies = self.copies or (drive.folder() if self.colab else None)
        return copies / self._run_path(name) if copies else None

    def _run_path(self, name: str) -> Path:
        return Path("runs") / f"{self.dataset_folder.name}-{self.profile.name}" / name


def load(
    environ: Mapping[str, str] | None = None, *, data: str = "", profile: str = "", language: str = ""
) -> Settings:
    """Read and check the settings from `environ`, by default `os.environ`.

    Args:
        environ: the environment variables.
        data, profile, language: used if COURSE_DATA, COURSE_PROFILE or COURSE_LANGUAGE isn't set; "" or
            "default" for the default.

    Raises:
        SettingsError: a variable has an unusable value, or nearly the name of one of the course's.
            The message names the variable and the values or the name that it can have.
    """
    environ = os.environ if environ is None else environ
    for name in _unknown_variables(environ):
        if close := difflib.get_close_matches(name.upper(), VARIABLES, n=1, cutoff=0.85):
            raise SettingsError(
                _("{name} is not a variable of the course. Did you mean {meant}?").format(
                    name=name, meant=close[0]
                )
            )
    colab = on_colab()
    home = environ.get("COURSE_HOME") or ("/content/course" if colab else str(COURSE_FOLDER / "data"))
    copies = environ.get("COURSE_COPIES")
    spoken = _read_language(*_chosen("LANGUAGE", environ, language, "en"))
    with speaking(spoken):  # errors, too, before `start` has chosen it
        return Settings(
            data=_read_data(*_chosen("DATA", environ, data, "figshare" if colab else "phantoms")),
            profile=_read_profile(
                *_chosen("PROFILE", environ, profile, "full" if colab and gpu_name() else "quick")
            ),
            home=_read_folder("COURSE_HOME", home),
            colab=colab,
            copies=_read_folder("COURSE_COPIES", copies) if copies else None,
            language=spoken,
        )


def start(
    environ: Mapping[str, str] | None = None,
    *,
    data: str = "",
    profile: str = "",
    keep_on_drive: bool = False,
    language: str = "",
) -> Settings:
    """Read the settings and print the banner. The first call of every notebook.

    From then on, texts are in the language that was chosen. Also silences TensorFlow's messages about its
    own start, if it isn't loaded yet.

    Args:
        environ, data, profile, language: as `load`.
        keep_on_drive: on Colab, whether to ask for the student's Google Drive.

    Raises:
        SettingsError: as `load`.
    """
    settings = load(environ, data=data, profile=profile, language=language)
    choose(settings.language)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if keep_on_drive and settings.colab and not settings.copies:
        drive.mount()
    print(banner(settings))
    environ = os.environ if environ is None else environ
    if overridden := _overridden(environ, DATA=data, PROFILE=profile):
        print(_("Ignored  {fields}").format(fields="; ".join(overridden)))
    if unknown := _unknown_variables(environ):
        print(
            _("Ignored  {names}: the course's variables are {variables}").format(
                names=", ".join(unknown), variables=", ".join(VARIABLES)
            )
        )
    return settings


def on_colab() -> bool:
    """Tell whether this is a Colab runtime."""
    if "KAGGLE_KERNEL_RUN_TYPE" in os.environ:  # Kaggle's image is Colab's, with Colab's package in it
        return False
    try:
        return importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:  # not even the package `google`
        return False


def _chosen(field: str, environ: Mapping[str, str], form: str, default: str) -> tuple[str, str]:
    """The name and the value of a setting: of the environment variable, the form field, or the default."""
    if environ.get(f"COURSE_{field}"):
        return f"COURSE_{field}", environ[f"COURSE_{field}"]
    return field, default if _is_default(form) else form


def _is_default(form: str) -> bool:
    return form.strip().lower() in ("", "default")


def _overridden(environ: Mapping[str, str], **form: str) -> list[str]:
    """Describe the form fields whose values are not used, since a variable has another one."""
    chosen = {field: value for field, value in form.items() if not _is_default(value)}
    return [
        _("{field}={value!r}, since the environment variable {name} is {other!r}").format(
            field=field, value=value, name=name, other=environ[name]
        )
        for field, value in chosen.items()
        if environ.get(name := f"COURSE_{field}") and not _same(environ[name], value)
    ]


def _same(one: str, other: str) -> bool:
    return one.strip().lower() == other.strip().lower()


def _unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """List the variables that look like settings of the course, but are none."""
    return sorted(name for name in environ if name.upper().startswith("COURSE") and name not in VARIABLES)


def _read_data(name: str, value: str) -> str:
    keyword = value.strip().lower()
    if keyword in KEYWORDS:
        return keyword
    folder = _path(name, value)
    if folder.is_dir():
        return str(folder)
    close = difflib.get_close_matches(keyword, KEYWORDS, n=1)
    meant, looked = _("Did you mean {meant!r}?"), _("(Looked for {folder}.)")
    advice = meant.format(meant=close[0]) if close else looked.format(folder=folder)
    said = _("{name}={value!r} is neither 'phantoms' nor 'figshare' nor a folder that exists.")
    raise SettingsError(f"{said.format(name=name, value=value)} {advice}")


def _read_profile(name: str, value: str) -> Profile:
    profile = value.strip().lower()
    if profile not in PROFILES:
        said = _("{name}={value!r} is unknown; choose 'quick' or 'full'.")
        raise SettingsError(said.format(name=name, value=value))
    return PROFILES[profile]


def _read_language(name: str, value: str) -> str:
    chosen = value.strip().lower()
    if chosen not in LANGUAGES:
        raise SettingsError(
            _("{name}={value!r} is unknown; choose 'en' (English) or 'es' (español).").format(
                name=name, value=value
            )
        )
    return chosen


def _read_folder(variable: str, value: str) -> Path:
    folder = _path(variable, value)
    parent = existing_parent(folder)
    if parent.is_dir() and os.access(parent, os.W_OK):
        return folder
    said = _("{variable}={value!r}: {parent} is a file or cannot be written to. Choose another folder.")
    raise SettingsError(said.format(variable=variable, value=value, parent=parent))


def _path(variable: str, value: str) -> Path:
    try:
        path = Path(value).expanduser().resolve()
        path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # too long, no such user, a null byte
        said = _("{variable}={value!r} is not a path ({error}).")
        raise SettingsError(said.format(variable=variable, value=value[:80], error=error)) from error
    return path
