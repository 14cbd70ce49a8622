"""`python -m instructor colab`: run the course in a replica of each Colab runtime."""

import argparse
from pathlib import Path

from instructor.colab.environments import Runtime, environment, interpreter, renew, runtimes
from instructor.colab.replica import run_in_replica
from instructor.notebooks.execute import NOTEBOOKS

SLOWEST = 3  # cells to report


def add_to(commands) -> None:
    """Add the command to the subparsers of `python -m instructor`."""
    colab = commands.add_parser("colab", help="run the course in replicas of Colab's runtimes")
    colab.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook of the course")
    colab.add_argument("--runtime", help="one of the files in colab/, without .txt; default: all")
    colab.add_argument("--out", type=Path, default=Path("build/colab"), help="folder for everything")
    colab.add_argument("--trained", type=Path, metavar="HOME", help="a COURSE_HOME with trainings to load")
    colab.add_argument(
        "--renew", type=Path, metavar="LIST", help="only update a runtime's file to a list published by Colab"
    )
    colab.set_defaults(function=_colab)


def _colab(options: argparse.Namespace) -> int:
    chosen = runtimes(options.runtime)
    if options.renew:
        return _renew(chosen, options.renew)
    failed = False
    for runtime in chosen:
        python = interpreter(runtime)
        if python is None:
            print(f"{runtime.name}: skipped, there is no Python {runtime.python} on this machine")
            continue
        print(f"{runtime.name}: Python {runtime.python} at {python}", flush=True)
        folder = options.out.resolve() / runtime.name
        inside = environment(runtime, python, folder / "venv")
        notebooks = options.notebooks or NOTEBOOKS
        for report in run_in_replica(runtime, inside, notebooks, folder, options.trained):
            print(*_lines(report), sep="\n", flush=True)
            failed |= bool(report["error"] or report["stderr"] or report["differing"])
        print(f"Pages and report.json are in {folder}")
    return 1 if failed else 0


def _renew(chosen: list[Runtime], published: Path) -> int:
    if len(chosen) > 1:
        print("Say which runtime the list belongs to: --runtime NAME.")
        return 1
    renew(chosen[0], published)
    return 0


def _lines(report: dict) -> list[str]:
    seconds = report["seconds"]
    slowest = sorted(seconds, key=seconds.get, reverse=True)[:SLOWEST]
    named = ", ".join(f"{cell} {seconds[cell]:.0f} s" for cell in slowest)
    lines = [
        f"  {report['notebook']}: {len(seconds)} cells in {sum(seconds.values()):.0f} s; slowest: {named}"
    ]
    lines += [
        f"  cell '{cell}' wrote to standard error: {text[:300]}" for cell, text in report["stderr"].items()
    ]
    lines += [f"  cell '{cell}' shows something other than the stored output" for cell in report["differing"]]
    return [*lines, f"  FAILED: {report['error']}"] if report["error"] else lines
