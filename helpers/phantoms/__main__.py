"""`python -m helpers.phantoms FOLDER` writes synthetic slices in the published proportion of classes."""

import argparse
from pathlib import Path

from helpers.phantoms.drawing import write_phantoms
from helpers.phantoms.patients import proportional_counts

parser = argparse.ArgumentParser("python -m helpers.phantoms", description="Write synthetic slices.")
parser.add_argument("folder", type=Path, metavar="FOLDER")
parser.add_argument("--slices", type=int, default=240)
parser.add_argument("--seed", type=int, default=2023)
options = parser.parse_args()
paths = write_phantoms(options.folder, proportional_counts(options.slices), options.seed)
print(f"{len(paths)} slices in {options.folder}")
