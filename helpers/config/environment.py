"""What the course runs on: library versions, device, memory, and the banner that reports them.

Colab changes its packages every few weeks, and the course installs nothing there: a student should
hear of a new version before a cell fails. The versions that were tested are in `colab/`, one file
per runtime.
"""

import importlib.metadata
import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import textwrap
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from packaging.version import Version

from helpers import reference
from helpers._common import CourseError
from helpers.config import drive
from helpers.config.language import _

if TYPE_CHECKING:
    from helpers.config.settings import Settings

COURSE_FOLDER = Path(__file__).resolve().parents[2]
# Some libraries are published as several packages.
PACKAGES = {
    "TensorFlow": ("tensorflow", "tensorflow-cpu"),
    "Keras": ("keras",),
    "NumPy": ("numpy",),
    "h5py": ("h5py",),
    "OpenCV": ("opencv-python", "opencv-python-headless", "opencv-contrib-python",
               "opencv-contrib-python-headless"),
    "pandas": ("pandas",),
    "SciPy": ("scipy",),
    "scikit-learn": ("scikit-learn",),
    "matplotlib": ("matplotlib",),
    "IPython": ("ipython",),
}  # fmt: skip
SHOWN = ("Python", "TensorFlow", "Keras", "NumPy")


def installed() -> dict[str, str]:
    """Return the versions of Python and of the installed `PACKAGES`, without importing them."""
    found = {"Python": platform.python_version()}
    for library, packages in PACKAGES.items():
        for package in packages:
            with suppress(importlib.metadata.PackageNotFoundError):
                found.setdefault(library, importlib.metadata.version(package))
    return found


def tested() -> dict[str, list[str]]:
    """Return the versions that the course was tested with in Colab, one or more per library."""
    found: dict[str, list[str]] = {}
    for path in sorted((COURSE_FOLDER / "colab").glob("*-py*.txt")):
        found.setdefault("Python", []).append(path.stem.rpartition("-py")[2])
        pins = dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        for library, packages in PACKAGES.items():
            found.setdefault(library, []).extend(pins[package] for package in packages if package in pins)
    return found


def untested(versions: dict[str, str]) -> list[str]:
    """List the versions outside the tested range, such as "Keras 4.0 (tested: 3.13)".

    Only major and minor numbers are compared.
    """
    known, found = tested(), []
    for library, version in versions.items():
        span = sorted(_major_minor(one) for one in known.get(library, []))
        if span and not span[0] <= _major_minor(version) <= span[-1]:
            ends = dict.fromkeys(f"{major}.{minor}" for major, minor in (span[0], span[-1]))
            said = _("{library} {version} (tested: {versions})")
            found.append(said.format(library=library, version=version, versions=_(" to ").join(ends)))
    return found


def gpu_name() -> str | None:
    """Return the name of the first NVIDIA GPU, or None; asks the driver, not a framework."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    names = answer.stdout.strip().splitlines()
    return names[0] if answer.returncode == 0 and names else None


def load_keras() -> None:
    """Load Keras and its backend without their start-up messages, and print what they found.

    The messages are written by C++ code, some of it before TF_CPP_MIN_LOG_LEVEL has an effect
    (tensorflow/tensorflow#100442): standard error is closed to them meanwhile.
    """
    error = 2
    try:
        kept = os.dup(error)
    except OSError:  # standard error is closed
        kept = os.open(os.devnull, os.O_WRONLY)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), error)
    try:
        import keras

        gpus = keras.distribution.list_devices("gpu")
        keras.random.uniform((1,))  # starts the device
    finally:
        os.dup2(kept, error)
        if kept != error:  # else it stays open, so that no other file gets the number that messages go to
            os.close(kept)
    # TensorFlow takes the networks of a cross-validation for one that is compiled again and again, and warns.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    found = (gpu_name() or _("a GPU")) if gpus else _("no GPU")  # it may be another maker's than NVIDIA
    said = _("Keras {version} with {backend}, {device}")
    print(said.format(version=keras.__version__, backend=keras.backend.backend(), device=found))


def device() -> str:
    """Return the name of the GPU or else of the CPU, such as "CPU, 2 cores (x86_64)"."""
    return gpu_name() or f"CPU, {os.cpu_count()} cores ({platform.machine()})"


def peak_bytes() -> int:
    """Return the peak resident memory of this process in bytes, memory-mapped files included."""
    status = Path("/proc/self/status")
    if status.is_file():
        # On Linux, getrusage would also count the peak of the process that started this one.
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        if "VmHWM" in lines:  # some sandboxes leave it out
            return int(lines["VmHWM"].split()[0]) * 1024
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def banner(settings: "Settings") -> str:
    """Describe a run in a few lines: its data, profile and device, and what a full run needs.

    On Colab it also says what to click if something is missing.
    """
    profile, gpu, versions = settings.profile, gpu_name(), installed()
    data = {
        "phantoms": _("{count} synthetic slices (phantoms), drawn here").format(count=profile.phantoms),
        "figshare": _("{count} real slices from figshare: a download of 880 MB").format(
            count=reference.SLICES
        ),
    }.get(settings.data, _("the slices in {folder}").format(folder=settings.data))
    slices = _("at most {count} slices").format(count=profile.slices) if profile.slices else _("every slice")
    memory = psutil.virtual_memory()
    disk = shutil.disk_usage(existing_parent(settings.home))
    inside = settings.home.is_relative_to(COURSE_FOLDER)
    project = tomllib.loads((COURSE_FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
    lines = {
        _("Course"): _("version {version}").format(version=project["project"]["version"]),
        _("Data"): data,
        _("Profile"): _("{name}: {slices}, {classifier} and {unet} epochs").format(
            name=profile.name, slices=slices, classifier=profile.classifier.epochs, unet=profile.unet.epochs
        ),
        _("Full run"): _("3064 real slices, 20 and 40 epochs: a GPU, about 4 GB of memory and 3 GB of disk"),
        _("Device"): _(
            "{device}, {memory:.1f} GB of memory ({free:.1f} free), {disk:.0f} GB of disk free"
        ).format(
            device=gpu or _("no GPU, {count} CPU cores").format(count=os.cpu_count()),
            memory=memory.total / 1e9,
            free=memory.available / 1e9,
            disk=disk.free / 1e9,
        ),
        _("Versions"): ", ".join(f"{name} {versions[name]}" for name in SHOWN if name in versions),
        _("Files"): str(settings.home.relative_to(COURSE_FOLDER) if inside else settings.home),
    }
    if settings.colab:
        lines |= advice(gpu, versions) | {_("Copies"): str(settings.copies or drive.offer())}
    width = max(map(len, lines)) + 1
    return "\n".join(
        textwrap.fill(text, 100, initial_indent=f"{name:{width}}", subsequent_indent=" " * width,
                      break_long_words=False, break_on_hyphens=False)
        for name, text in lines.items()
    )  # fmt: skip


def advice(gpu: str | None, versions: dict[str, str]) -> dict[str, str]:
    """Return the banner's lines, by label, about what a student in Colab should click, if anything."""
    lines = {}
    if gpu is None:
        lines["GPU"] = _(
            "none. Notebook 1 needs none; for notebook 2 choose Runtime > Change runtime type > T4 GPU, "
            "and run this cell again"
        )
    if differing := untested(versions):
        older = max(path.stem.rpartition("-py")[0] for path in (COURSE_FOLDER / "colab").glob("2*-py*.txt"))
        lines[_("Untested")] = _(
            "{versions}. It will probably work. If a cell fails, choose "
            "Runtime > Change runtime type > Runtime version > {older}, and run again from the top"
        ).format(versions=", ".join(differing), older=older)
    return lines


def existing_parent(folder: Path) -> Path:
    """Return the path itself if it exists, otherwise the nearest folder above it that does."""
    return next((parent for parent in [folder, *folder.parents] if parent.exists()), Path.cwd())


def require_disk_space(folder: Path, needed_bytes: int, purpose: str, error: type[CourseError]) -> None:
    """Raise an error if the disk is too small for what is about to be written.

    Args:
        folder: where it will be written; need not exist.
        needed_bytes: how much.
        purpose: a noun phrase for the message, such as "the data set".
        error: class of the error.
    """
    free_bytes = shutil.disk_usage(existing_parent(folder)).free
    if free_bytes < needed_bytes:
        raise error(
            _(
                "The disk of {folder} has {free:.2f} GB free, which is too little: {purpose} takes about "
                "{needed:.2f} GB. Make room, or set COURSE_HOME to a folder on a larger disk."
            ).format(folder=folder, free=free_bytes / 1e9, purpose=purpose, needed=needed_bytes / 1e9)
        )


def _major_minor(version: str) -> tuple[int, int]:
    number = Version(version.rstrip("+"))  # Python built from its repository: "3.14.0+"
    return number.major, number.minor
