"""Command line: `python -m instructor run`, `build` and `grade`."""

import argparse
import sys
from pathlib import Path

from helpers import settings
from helpers.errors import CourseError
from instructor import building
from instructor.execution import NOTEBOOKS, NotebookError, run_course
from instructor.grading import command


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words after `python -m instructor`, by default the program's own.

    Returns:
        The exit status: 0, or 1 with a message on standard error.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.function(options)
    except (CourseError, NotebookError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m instructor", description=__doc__)
    commands = parser.add_subparsers(required=True)

    run = commands.add_parser("run", help="execute the notebooks and write them as HTML")
    run.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook of the course")
    run.add_argument("--out", type=Path, default=Path("build"), help="folder for the pages (build)")
    run.add_argument("--store", action="store_true", help="also store the outputs in the notebooks")
    run.set_defaults(function=_run)

    build = commands.add_parser("build", help="write the student edition of every notebook")
    build.add_argument("--check", action="store_true", help="write nothing; fail where it is not up to date")
    build.add_argument("--execute", type=Path, metavar="OUT", help="also run it, with pages in this folder")
    build.set_defaults(function=_build)

    command.add_to(commands)
    return parser


def _run(options: argparse.Namespace) -> int:
    print(settings.banner(settings.load()), flush=True)
    pages = run_course(options.notebooks or NOTEBOOKS, options.out, store=options.store)
    print(f"\nDone. Open {' and then '.join(str(page) for page in pages)}")
    return 0


def _build(options: argparse.Namespace) -> int:
    folder = building.STUDENT_FOLDER
    if not options.check:
        print(*building.build(NOTEBOOKS, folder), sep="\n")
    found = building.complaints(NOTEBOOKS, folder)
    if options.execute and not found:
        found = building.attempted(NOTEBOOKS, folder, options.execute)
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
