"""Command line: `python -m instructor run`."""

import argparse
import sys
from pathlib import Path

from helpers import settings
from helpers.errors import CourseError
from instructor.execution import NOTEBOOKS, NotebookError, run_course


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after `python -m instructor`, by default the program's own.

    Returns:
        The exit status: 0, or 1 with a message on standard error.
    """
    parser = argparse.ArgumentParser(prog="python -m instructor", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="execute the notebooks and write them as HTML")
    run.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook of the course")
    run.add_argument("--out", type=Path, default=Path("build"), help="folder for the pages (build)")
    run.add_argument("--store", action="store_true", help="also store the outputs in the notebooks")
    options = parser.parse_args(arguments)
    try:
        print(settings.banner(settings.load()), flush=True)
        pages = run_course(options.notebooks or NOTEBOOKS, options.out, store=options.store)
    except (CourseError, NotebookError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"\nDone. Open {' and then '.join(str(page) for page in pages)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
