"""Draw docs/front.png, the picture of the README: three phantoms and their tumours.

python docs/front_picture.py
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import datasets, phantoms, plots

COUNTS = {1: 6, 2: 6, 3: 6}


def main() -> None:
    """Write the picture and print its alt text."""
    with tempfile.TemporaryDirectory() as folder:
        phantoms.write_phantoms(Path(folder), COUNTS, seed=2023, progress=False)
        files = datasets.one_per_class(datasets.list_slices(folder))
        figure = plots.raw_slices([file.read() for file in files])
    Path(__file__).with_name("front.png").write_bytes(figure.png())
    print(figure.alt)


if __name__ == "__main__":
    main()
