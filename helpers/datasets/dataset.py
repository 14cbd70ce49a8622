"""Open a data set on disk: a table and memory-mapped arrays."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from helpers._common import CourseError, read_json
from helpers.config.language import _
from helpers.datasets.matfile import missing_classes_message
from helpers.datasets.preprocessing import SIZES
from helpers.reference import CLASS_NAMES

TEXT_COLUMNS = {"patient": str, "family": str, "class_name": str, "file": str, "checksum": str}


class DatasetError(CourseError):
    """A folder does not hold a data set that the course can use."""


@dataclass(frozen=True)
class Dataset:
    """Slices of one assembled data set; row i of every array is row i of the table.

    Attributes:
        folder: Path of the folder that `assemble` wrote.
        table: DataFrame with one row per slice and the columns of `index.csv`.
        rows: (N,) int64, the rows of the arrays on disk, None for all.
    """

    folder: Path
    table: pd.DataFrame
    rows: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> "Dataset":
        """Open an assembled data set; its arrays are mapped, not read.

        Args:
            folder: folder with `index.csv`, `images_512.npy`, ...

        Raises:
            DatasetError: the folder does not hold a complete data set.
        """
        folder = Path(folder)
        expected = ["fingerprint.json", "index.csv"]
        expected += [f"{kind}_{size}.npy" for kind in ("images", "masks") for size in SIZES]
        missing = [name for name in expected if not (folder / name).is_file()]
        if missing:
            said = _("{folder} is not a complete data set: {files} missing. Assemble it, as notebook 1 does.")
            raise DatasetError(said.format(folder=folder, files=", ".join(missing)))
        # A patient may be called "NA" or "null", which pandas would take for a missing value.
        empty = {"keep_default_na": False, "na_values": {"border_area_ratio": [""]}}
        dataset = cls(folder, pd.read_csv(folder / "index.csv", dtype=TEXT_COLUMNS, **empty))
        counts = {len(read(size)) for read in (dataset.images, dataset.masks) for size in SIZES}
        if counts != {len(dataset)}:
            said = _("{folder} is damaged: its arrays and index.csv differ in length. Delete it.")
            raise DatasetError(said.format(folder=folder))
        return dataset

    def __len__(self) -> int:
        return len(self.table)

    @property
    def fingerprint(self) -> dict:
        """Counts, content hash and the versions of the libraries that made this data set."""
        return read_json(self.folder / "fingerprint.json") or {}

    @property
    def labels(self) -> np.ndarray:
        """(N,) int64: 1 meningioma, 2 glioma, 3 pituitary."""
        return self.table["label"].to_numpy()

    def images(self, size: int) -> np.ndarray:
        """Return the grey images, (N, size, size) uint8, 0..255; memory-mapped unless this is a sample.

        Args:
            size: height and width in px, 512 or 128.
        """
        return self._array("images", size)

    def masks(self, size: int) -> np.ndarray:
        """Return the tumour masks, (N, size, size) uint8, 1 on the tumour; memory-mapped as the images.

        Args:
            size: height and width in px, 512 or 128.
        """
        return self._array("masks", size)

    def sample(self, count: int | None, seed: int) -> "Dataset":
        """Return about `count` slices: whole patients, with the classes in proportion.

        Args:
            count: maximum number of slices (but at least one patient per class), None for all.
            seed: seed of the choice of patients.

        Returns:
            Dataset in the same order; `self` if it is small enough.
        """
        if count is None or len(self) <= count:
            return self
        rng = np.random.default_rng(seed)
        kept = [
            _whole_patients(rows["patient"], count * len(rows) // len(self), rng)
            for _, rows in self.table.groupby("label")
        ]
        chosen = np.sort(np.concatenate(kept))
        rows = chosen if self.rows is None else self.rows[chosen]
        return Dataset(self.folder, self.table.iloc[chosen].reset_index(drop=True), rows)

    def require_classes(self) -> "Dataset":
        """Return the data set itself; raise DatasetError if a class is missing."""
        absent = [name for label, name in CLASS_NAMES.items() if label not in set(self.labels)]
        if absent:
            raise DatasetError(missing_classes_message(absent, len(self)))
        return self

    def _array(self, kind: str, size: int) -> np.ndarray:
        if size not in SIZES:
            said = _("size is {size}; a data set holds {one} and {other}.")
            raise ValueError(said.format(size=size, one=SIZES[0], other=SIZES[1]))
        array = np.load(self.folder / f"{kind}_{size}.npy", mmap_mode="r")
        return array if self.rows is None else array[self.rows]


def _whole_patients(patients: pd.Series, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return the positions of the slices of random patients, as many as fit into `count`, at least one."""
    chosen: list[str] = []
    room = count
    sizes = patients.value_counts()
    for patient in rng.permutation(patients.unique()):
        if sizes[patient] <= room or not chosen:
            chosen.append(patient)
            room -= sizes[patient]
    return patients.index[patients.isin(chosen)].to_numpy()
