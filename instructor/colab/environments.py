"""Virtual environments with the Python and the packages of Colab's runtimes."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from helpers._common import CourseError
from helpers.config.settings import COURSE_FOLDER

CONSTRAINTS = COURSE_FOLDER / "colab"
INSTALLED = CONSTRAINTS / "installed.txt"  # what a notebook adds
PIN = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)
# The same code without the libraries of a GPU and of a screen.
SUBSTITUTES = {
    "tensorflow": "tensorflow-cpu",
    "opencv-contrib-python": "opencv-contrib-python-headless",
}


class RuntimeUnknownError(CourseError):
    """The course has no runtime of that name."""


class ListError(CourseError):
    """A list of packages that cannot be read, or lacks a package that the course loads."""


class InstallError(CourseError):
    """The packages of a runtime could not be installed on this machine."""


@dataclass(frozen=True)
class Runtime:
    """A runtime that Colab offers.

    Args:
        constraints: the file that lists its packages, NAME-pyVERSION.txt.
    """

    constraints: Path

    @property
    def name(self) -> str:
        return self.constraints.stem

    @property
    def python(self) -> str:
        """Its Python version, such as "3.12"."""
        return self.name.rpartition("-py")[2]

    @property
    def packages(self) -> list[str]:
        """Its requirements and what a notebook installs; substitutes for what needs a GPU or a screen."""
        lists = [path.read_text(encoding="utf-8") for path in (self.constraints, INSTALLED)]
        pins = PIN.findall("\n".join(lists))
        return [f"{SUBSTITUTES.get(name, name)}=={version}" for name, version in pins]


def runtimes(name: str | None = None) -> list[Runtime]:
    """List the runtimes that the course supports.

    Args:
        name: of one of them; None for all.

    Raises:
        RuntimeUnknownError: no runtime has that name.
    """
    known = [Runtime(path) for path in sorted(CONSTRAINTS.glob("*-py*.txt"))]
    chosen = [runtime for runtime in known if name in (None, runtime.name)]
    if not chosen:
        names = ", ".join(runtime.name for runtime in known)
        raise RuntimeUnknownError(f"Colab runtime {name!r} is unknown; choose one of: {names}.")
    return chosen


def renew(runtime: Runtime, published: Path) -> None:
    """Update a runtime's file to the versions of a newer list from Colab.

    Args:
        runtime: whose file to rewrite; the set of packages stays the same.
        published: the list, with a line NAME==VERSION per package; other lines are ignored.

    Raises:
        ListError: the list cannot be read, or lacks one of the packages.
    """
    try:
        versions = dict(PIN.findall(published.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ListError(f"{published} cannot be read ({error}).") from error
    text = runtime.constraints.read_text(encoding="utf-8")
    if missing := [name for name, _ in PIN.findall(text) if name not in versions]:
        raise ListError(f"{published} does not have {', '.join(missing)}, which {runtime.constraints} names.")
    renewed = PIN.sub(lambda pin: f"{pin[1]}=={versions[pin[1]]}", text)
    runtime.constraints.write_text(renewed, encoding="utf-8")


def interpreter(runtime: Runtime) -> Path | None:
    """Return the path of a Python of the runtime's version that starts, or None."""
    on_path = shutil.which(f"python{runtime.python}")
    found = [Path(on_path)] if on_path else []
    # pyenv's shim of a version that isn't the current one fails: look among its installed versions.
    roots = [path.parent.parent for path in found]
    roots.append(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")))
    for root in roots:
        found += sorted(root.glob(f"versions/{runtime.python}.*/bin/python"), reverse=True)
    return next((path for path in found if _starts(path, runtime.python)), None)


def environment(runtime: Runtime, python: Path, folder: Path) -> Path:
    """Create the runtime's virtual environment, or reuse an existing one.

    Args:
        runtime: which.
        python: what `interpreter` returned.
        folder: of the environment; replaced if its packages differ.

    Returns:
        The environment's Python.

    Raises:
        InstallError: pip could not install the packages.
    """
    required, installed = "\n".join(runtime.packages) + "\n", folder / "packages.txt"
    inside = folder / "bin" / "python"
    if not (installed.is_file() and installed.read_text() == required and _starts(inside, runtime.python)):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        listed = folder / "required.txt"
        listed.write_text(required)
        # No dependencies: Colab lacks some too, such as jedi, which IPython 7.34 requires.
        pip = ["-m", "pip", "install", "-q", "-q", "--disable-pip-version-check", "--no-deps", "-r", listed]
        if subprocess.run([inside, *pip]).returncode:
            raise InstallError(f"pip could not install the packages of {runtime.constraints}; see above.")
        listed.replace(installed)  # the last step: an incomplete environment is replaced
    return inside


def _starts(python: Path, version: str) -> bool:
    program = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    try:
        answer = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return answer.stdout.strip() == version
