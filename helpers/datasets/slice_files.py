"""One file with a slice, wherever it lies."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from helpers.datasets import archives
from helpers.datasets.matfile import Slice, read_slice


@dataclass(frozen=True)
class SliceFile:
    """One `N.mat`, loose or inside a zip archive.

    Args:
        number: N, the number of the slice in the published data set.
        path: the file, or the archive that holds it.
        name: for people: "12.mat" or "archive.zip/12.mat".
        version: changes when the file does.
        member: where it is in the archive, None for a loose file.
    """

    number: int
    path: Path
    name: str
    version: str
    member: archives.Member | None = field(default=None, repr=False)

    def open(self) -> BinaryIO:
        """Opens the file, without unpacking an archive to disk.

        Returns:
            A binary file, to be closed by the caller.

        Raises:
            MatFileError: in an archive it is damaged, encrypted, or far too large.
        """
        return self.path.open("rb") if self.member is None else self.member.open()

    def read(self) -> Slice:
        """Reads the slice.

        Returns:
            Slice, as `helpers.datasets.matfile.read_slice`.

        Raises:
            MatFileError: the file is malformed.
        """
        return read_slice(self.path if self.member is None else self.open())
