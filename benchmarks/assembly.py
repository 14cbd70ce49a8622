"""Measure speed and memory of the assembly, against the plain way and against reading alone.

    python -m benchmarks.assembly SOURCE [--slices N] [--workers N] [--json FILE]

SOURCE is a folder with `.mat` files or the zip archives, which are unpacked before the clock starts.
All three ways read the same files in the same run. --slices takes N of them, spread over the source.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from matplotlib.image import imsave

from benchmarks.command import parser, write_figures
from benchmarks.memory import MemoryWatch
from helpers.config.environment import COURSE_FOLDER
from helpers.datasets.assembly import assemble
from helpers.datasets.dataset import Dataset
from helpers.datasets.sources import SliceFile, list_slices


def plain_way(files: list[SliceFile], folder: Path) -> None:
    """Do what most tutorials do: h5py, then two pictures, one file after the other."""
    for file in files:
        with file.open() as handle, h5py.File(handle) as mat:
            image, mask = mat["cjdata/image"][()].T, mat["cjdata/tumorMask"][()].T
        imsave(folder / f"{file.number}.png", image, cmap="gray")
        imsave(folder / f"{file.number}_mask.png", mask, cmap="gray")


def reading_alone(files: list[SliceFile]) -> None:
    """Read and check every slice in one thread, and do nothing with it."""
    for file in files:
        file.read()


def assemble_and_report(source: Path, destination: Path, workers: int | None) -> dict:
    """Assemble in this process, which should have done nothing else.

    Args:
        source: folder with slices.
        destination: folder of the data set.
        workers: number of worker processes, None for the default of `assemble`.

    Returns:
        `seconds`, `peak_bytes` of this process and its workers, the number of `processes`, and
        `open_seconds` of `Dataset.open`.
    """
    with MemoryWatch() as memory:
        seconds = _seconds(lambda: assemble(source, destination, workers=workers, progress=False))
    return {
        "seconds": seconds,
        "peak_bytes": memory.peak_bytes,
        "processes": memory.processes,
        "open_seconds": _seconds(lambda: Dataset.open(destination)),
    }


def measure(source: Path, slices: int | None, workers: int | None, folder: Path) -> dict:
    """Measure the three ways.

    Args:
        source: folder with slices.
        slices: number of slices to take, None for all.
        workers: number of worker processes, None for the default of `assemble`.
        folder: an empty folder to work in.

    Returns:
        The figures, by name.
    """
    files = list_slices(source)
    if slices is not None:
        source = folder / "source"
        source.mkdir()
        for file in _spread(files, slices):
            shutil.copy(file.path, source)
        files = list_slices(source)
    (folder / "plain").mkdir()
    reading_alone(files[:: max(1, len(files) // 20)])  # the first call loads libraries
    assembly = _in_fresh_process(source, folder / "set", workers)
    reading = _seconds(lambda: reading_alone(files))
    plain = _seconds(lambda: plain_way(files, folder / "plain"))
    return {
        "slices": len(files),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "plain_slices_per_second": len(files) / plain,
        "reading_slices_per_second": len(files) / reading,
        "assembly_slices_per_second": len(files) / assembly["seconds"],
        "times_the_plain_way": plain / assembly["seconds"],
        "times_of_reading_alone": assembly["seconds"] / reading,
        "peak_mb": assembly["peak_bytes"] / 1e6,
        "processes": assembly["processes"],
        "open_seconds": assembly["open_seconds"],
    }


def lines(figures: dict) -> list[str]:
    """Format the figures that `measure` returned, as lines to print."""
    rate = "{:8.1f} slices per second"
    return [
        f"{figures['slices']} slices, {figures['cores']} cores, {figures['processes']} processes, "
        f"Python {figures['python']}",
        "plain way        " + rate.format(figures["plain_slices_per_second"]),
        "reading alone    " + rate.format(figures["reading_slices_per_second"]),
        "assemble         " + rate.format(figures["assembly_slices_per_second"]),
        f"assemble is {figures['times_the_plain_way']:.1f} times as fast as the plain way (at least 5)",
        f"assemble takes {figures['times_of_reading_alone']:.2f} times as long as reading alone",
        f"assemble needs {figures['peak_mb']:.0f} MB at its peak (at most 600), all processes together",
        f"Dataset.open takes {figures['open_seconds']:.3f} s (at most 0.2)",
    ]


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _spread(files: list[SliceFile], count: int) -> list[SliceFile]:
    places = np.linspace(0, len(files) - 1, min(count, len(files))).round().astype(int)
    return [files[place] for place in places]


def _in_fresh_process(source: Path, destination: Path, workers: int | None) -> dict:
    code = (
        "import json, sys; from pathlib import Path; from benchmarks.assembly import assemble_and_report; "
        "source, destination, workers = json.loads(sys.argv[1]); "
        "print(json.dumps(assemble_and_report(Path(source), Path(destination), workers)))"
    )
    job = json.dumps([str(source.resolve()), str(destination.resolve()), workers])
    command = [sys.executable, "-c", code, job]
    done = subprocess.run(command, cwd=COURSE_FOLDER, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    made = parser(__doc__)
    made.add_argument("source", type=Path)
    made.add_argument("--slices", type=int, help="how many to take; all by default")
    made.add_argument("--workers", type=int, help="worker processes; the default of assemble by default")
    chosen = made.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(chosen.source, chosen.slices, chosen.workers, Path(folder))
    print("\n".join(lines(figures)))
    write_figures(figures, chosen.json)


if __name__ == "__main__":
    main()
