"""Is this file the published one? Its length and md5, remembered between runs."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from helpers._common import read_json, write_json


@dataclass(frozen=True)
class PublishedFile:
    """What is known of a file before it is here.

    Args:
        name: of the file.
        figshare_id: its number on figshare.
        bytes: its length.
        md5: its checksum, 32 hexadecimal digits.
    """

    name: str
    figshare_id: int
    bytes: int
    md5: str

    def problem(self, path: Path) -> str | None:
        """Compares a file with what was published, reading all of it.

        Args:
            path: the file.

        Returns:
            What is wrong in a few words, None where nothing is.
        """
        length = file_bytes(path)
        if length is None:
            return "not there"
        if length != self.bytes:
            return f"wrong length ({length:,} of {self.bytes:,} bytes)"
        return None if file_md5(path) == self.md5 else "wrong md5 (other bytes of the right length)"


class Memory:
    """Which files were found right, in a small JSON file: 880 MB are not hashed at every start.

    A file that changed since, in length or time of change, is hashed again.

    Args:
        path: the JSON file; made when there is something to remember.
    """

    def __init__(self, path: Path):
        self.path = path
        self.notes = read_json(path) or {}

    def holds(self, file: PublishedFile) -> bool:
        """Tells whether the published file lies beside the memory, whole and right.

        Args:
            file: what was published.

        Returns:
            True or False.
        """
        path = self.path.parent / file.name
        if file_bytes(path) != file.bytes:
            return False
        if self.notes.get(file.name) == self._note(path, file):
            return True
        if file.problem(path):
            return False
        self.remember(file.name, self._note(path, file))
        return True

    def remember(self, key: str, note) -> None:
        """Stores one note.

        Args:
            key: name of a file, or another word.
            note: what JSON can hold.
        """
        self.notes[key] = note
        with suppress(OSError):  # a folder that can only be read: then it is hashed every time
            write_json(self.path, self.notes)

    @staticmethod
    def _note(path: Path, file: PublishedFile) -> dict:
        stat = path.stat()
        return {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "md5": file.md5}


def file_bytes(path: Path) -> int | None:
    """Returns the length of a file in bytes.

    Args:
        path: the file.

    Returns:
        Its length; None where there is no such file, or where it cannot be reached (a Drive
        that has gone away answers with an error of its own).
    """
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def file_md5(path: Path) -> str:
    """Returns the md5 of a file.

    Args:
        path: the file.

    Returns:
        32 hexadecimal digits.
    """
    with path.open("rb") as file:
        # A checksum against accidents, so also allowed where md5 is barred from security's use.
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
