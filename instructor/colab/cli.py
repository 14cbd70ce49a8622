"""`python -m instructor colab`: the course in a twin of each of Colab's runtimes."""

import argparse
from pathlib import Path

from instructor.colab.environments import Runtime, environment, interpreter, renew, runtimes
from instructor.colab.replica import run_in_twin
from instructor.notebooks.execute import NOTEBOOKS

SLOWEST = 3  # cells to name


def add_to(commands) -> None:
    """Adds the command to `python -m instructor`.

    Args:
        commands: what `ArgumentParser.add_subparsers` gave.
    """
    colab = commands.add_parser("colab", help="run the course in twins of Colab's runtimes")
    colab.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook of the course")
    colab.add_argument("--runtime", help="one of the files in colab/, without .txt; default: all")
    colab.add_argument("--out", type=Path, default=Path("build/colab"), help="folder for all of it")
    colab.add_argument(
        "--renew", type=Path, metavar="LIST", help="run nothing; take over a list that Colab has published"
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
        for report in run_in_twin(runtime, inside, options.notebooks or NOTEBOOKS, folder):
            print(*_lines(report), sep="\n", flush=True)
            failed |= bool(report["error"] or report["stderr"] or report["differing"])
        print(f"Pages and report.json are in {folder}")
    return 1 if failed else 0


def _renew(chosen: list[Runtime], published: Path) -> int:
    if len(chosen) > 1:
        print("Say whose list it is: --runtime NAME.")
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
    lines += [f"  cell '{cell}' shows something else than what is stored" for cell in report["differing"]]
    return [*lines, f"  FAILED: {report['error']}"] if report["error"] else lines
