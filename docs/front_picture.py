"""Draws docs/front.png, the picture of the README: three phantoms and their tumours.

python docs/front_picture.py
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers import plots
from helpers.datasets import sources
from helpers.phantoms import drawing

COUNTS = {1: 6, 2: 6, 3: 6}


def main() -> None:
    """Writes the picture and prints its alt text."""
    with tempfile.TemporaryDirectory() as folder:
        drawing.write_phantoms(Path(folder), COUNTS, seed=2023, progress=False)
        files = sources.one_per_class(sources.list_slices(folder))
        figure = plots.raw_slices([file.read() for file in files])
    Path(__file__).with_name("front.png").write_bytes(figure.png())
    print(figure.alt)


if __name__ == "__main__":
    main()
