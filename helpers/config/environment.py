"""The versions that run here, and how they differ from those that the course was tested with.

Colab changes its packages every few weeks, and nothing is ever installed there: a student should
hear of it before a cell fails. What was tested stands in `colab/`, one file a runtime.
"""

import importlib.metadata
import platform
import re
import tomllib
from pathlib import Path

from helpers.config.machine import gpu_name

COURSE_FOLDER = Path(__file__).resolve().parents[2]
# One library may come in several packages.
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


def course_version() -> str:
    """Reads the version of the course.

    Returns:
        Such as "0.1.0".
    """
    project = tomllib.loads((COURSE_FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["version"]


def installed() -> dict[str, str]:
    """Finds the versions of Python and the libraries, without loading them.

    Returns:
        Name -> version, of those that are there.
    """
    found = {"Python": platform.python_version()}
    for library, packages in PACKAGES.items():
        versions = [version for package in packages if (version := _version(package))]
        if versions:
            found[library] = versions[0]
    return found


def tested() -> dict[str, list[str]]:
    """Reads which versions the course was tested with in Colab.

    Returns:
        Name -> versions, one or more for each runtime.
    """
    found: dict[str, list[str]] = {}
    for path in sorted((COURSE_FOLDER / "colab").glob("*-py*.txt")):
        found.setdefault("Python", []).append(path.stem.rpartition("-py")[2])
        pins = dict(re.findall(r"^([\w.-]+)==(\S+)", path.read_text(encoding="utf-8"), re.MULTILINE))
        for library, packages in PACKAGES.items():
            found.setdefault(library, []).extend(pins[package] for package in packages if package in pins)
    return found


def untested(here: dict[str, str] | None = None) -> list[str]:
    """Says which versions lie outside those tested; the third number of a version is passed over.

    Args:
        here: as `installed` returns, by default that.

    Returns:
        A few words for each, such as "Keras 4.0 (tested: 3.13)".
    """
    known, found = tested(), []
    for library, version in (installed() if here is None else here).items():
        spans = sorted(_number(one) for one in known.get(library, []))
        if spans and not spans[0] <= _number(version) <= spans[-1]:
            span = " to ".join(dict.fromkeys(f"{major}.{minor}" for major, minor in (spans[0], spans[-1])))
            found.append(f"{library} {version} (tested: {span})")
    return found


def versions_line() -> str:
    """Names the versions that matter most.

    Returns:
        Such as "Python 3.13.9, TensorFlow 2.20.0, Keras 3.13.2, NumPy 2.1.3".
    """
    here = installed()
    return ", ".join(f"{name} {here[name]}" for name in SHOWN if name in here)


def advice(here: dict[str, str] | None = None) -> dict[str, str]:
    """What a student in Colab should click, if anything.

    Args:
        here: as in `untested`.

    Returns:
        Label -> sentence, for the banner.
    """
    lines = {}
    if gpu_name() is None:
        lines["GPU"] = (
            "none. Notebook 1 needs none; for notebook 2 choose Runtime > Change runtime type > T4 GPU, "
            "and run this cell again"
        )
    if differing := untested(here):
        older = max(path.stem.rpartition("-py")[0] for path in (COURSE_FOLDER / "colab").glob("2*-py*.txt"))
        lines["Untested"] = (
            f"{', '.join(differing)}. That may well work. Should a cell fail, choose "
            f"Runtime > Change runtime type > Runtime version > {older}, and run again from the top"
        )
    return lines


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _number(version: str) -> tuple[int, int]:
    """The first two numbers: 2.20.0rc1 -> (2, 20)."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:2]]
    return numbers[0], numbers[1] if len(numbers) > 1 else 0
