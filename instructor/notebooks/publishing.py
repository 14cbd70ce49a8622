"""The address under which the course is published, stored in `pyproject.toml` and copied everywhere."""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from helpers._common import CourseError
from helpers.config.settings import COURSE_FOLDER

HOST = "https://github.com/"
PLACES = (
    "pyproject.toml",
    "CITATION.cff",
    "*.md",
    "docs/*.md",
    "notebooks/*.ipynb",
    "notebooks/beyond/*.ipynb",
    "notebooks/student/*.ipynb",
    "notebooks/student/beyond/*.ipynb",
    "notebooks/es/*.ipynb",
    "notebooks/es/beyond/*.ipynb",
    "notebooks/es/student/*.ipynb",
    "notebooks/es/student/beyond/*.ipynb",
    "locales/*/LC_MESSAGES/*.po",
)
# What GitHub allows, as far as it is allowed in a URL unquoted without being quoted.
NAME = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.{1,2}$)[\w.-]{1,100}", re.ASCII)
BRANCH = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock$|[./]$))\w[\w./-]*", re.ASCII)
VERSION = re.compile(r"\d+(\.\d+)*[\w.]*", re.ASCII)


class AddressError(CourseError):
    """Not an address under which the course can be published."""


@dataclass(frozen=True)
class Address:
    """Repository, branch and version of the published course.

    Args:
        name: "owner/name" on GitHub.
        branch: from which the badges open notebooks.
        version: which the setup cells fetch: the tag without its "v".
    """

    name: str
    branch: str
    version: str

    def __post_init__(self):
        for what, allowed in (("name", NAME), ("branch", BRANCH), ("version", VERSION)):
            value = getattr(self, what)
            if not allowed.fullmatch(value):
                raise AddressError(
                    f"{what} {value!r} is not valid: write, say, owner/name --branch main --version 1.0."
                )

    @property
    def repository(self) -> str:
        return HOST + self.name

    def badge(self, path: str) -> str:
        """Return the address that opens a notebook in Colab."""
        return f"https://colab.research.google.com/github/{self.name}/blob/{self.branch}/{path}"


def published(course: Path = COURSE_FOLDER) -> Address:
    """Read the address from `pyproject.toml` in the course's folder."""
    project = tomllib.loads((course / "pyproject.toml").read_text(encoding="utf-8"))
    return Address(
        name=project["project"]["urls"]["Repository"].removeprefix(HOST),
        branch=project["tool"]["course"]["branch"],
        version=project["project"]["version"],
    )


def publish(
    name: str, branch: str | None = None, version: str | None = None, course: Path = COURSE_FOLDER
) -> list[Path]:
    """Replace the current address everywhere, and change nothing else.

    Args:
        name: "owner/name" on GitHub.
        branch, version: as in `Address`; None keeps the current one.
        course: the course's folder.

    Returns:
        The changed files.

    Raises:
        AddressError: the address is not valid.
    """
    old = published(course)
    new = replace(old, name=name, branch=branch or old.branch, version=version or old.version)
    paths = [path for place in PLACES for path in sorted(course.glob(place))]
    # Bytes, to preserve line endings and outputs; all are computed before one is written.
    before = {path: path.read_bytes() for path in paths}
    after = {path: _readdressed(content, old, new) for path, content in before.items()}
    changed = [path for path in paths if after[path] != before[path]]
    for path in changed:
        path.write_bytes(after[path])
    return changed


def _readdressed(content: bytes, old: Address, new: Address) -> bytes:
    """Replace the address in the forms that Colab, GitHub and Binder use."""
    link = re.compile(
        rb"(github(?:\.com)?/|/gh/)" + re.escape(old.name.encode())
        + rb"(?:(/blob/|/tree/|/)" + re.escape(old.branch.encode()) + rb"(?![\w.-]))?(?![\w-]|\.\w)"
    )  # fmt: skip

    def renamed(found: re.Match) -> bytes:
        branch = found[2] + new.branch.encode() if found[2] else b""
        return found[1] + new.name.encode() + branch

    content = link.sub(renamed, content)
    for line in (  # the setup cell's, inside JSON; CITATION.cff's and pyproject.toml's
        rb'(REPOSITORY, VERSION = \\"[^"]+\\", \\")%s(\\")' % re.escape(old.version.encode()),
        rb'(^version(?: =|:) ")%s("\r?$)' % re.escape(old.version.encode()),
    ):
        content = re.sub(line, rb"\g<1>" + new.version.encode() + rb"\g<2>", content, flags=re.MULTILINE)
    branch_line = rb'(^branch = ")%s("\r?$)' % re.escape(old.branch.encode())
    return re.sub(branch_line, rb"\g<1>" + new.branch.encode() + rb"\g<2>", content, flags=re.MULTILINE)
