"""The commands run, build, lint, translate, publish, report, grade, reproduce and colab."""

import argparse
import sys
from pathlib import Path

from helpers._common import CourseError
from helpers.config import language, settings
from instructor import hand_in_reproduction
from instructor.colab import cli as colab
from instructor.grading import command as grading
from instructor.notebooks import lint, publishing, release, report
from instructor.notebooks.execute import NOTEBOOKS, NotebookError, placed, run_course

SPANISH = settings.COURSE_FOLDER / "notebooks" / "es"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `python -m instructor`; by default those of this process.

    Returns:
        The exit status: 0, or 1 with a message on standard error.
    """
    options = _parser().parse_args(arguments)
    language.choose("en")  # this command line and its pages are English; notebooks choose for themselves
    try:
        return options.function(options)
    except (CourseError, NotebookError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m instructor", description=__doc__)
    commands = parser.add_subparsers(required=True)

    run = commands.add_parser("run", help="execute the notebooks and export them as HTML")
    run.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook of the course")
    run.add_argument("--out", type=Path, default=Path("build"), help="folder for the pages (build)")
    run.add_argument("--store", action="store_true", help="also store the outputs in the notebooks")
    run.set_defaults(function=_run)

    build = commands.add_parser("build", help="write the student editions and the translated notebooks")
    build.add_argument("--check", action="store_true", help="write nothing; fail if one is not up to date")
    build.add_argument("--execute", type=Path, metavar="OUT", help="also run them, with pages in this folder")
    build.set_defaults(function=_build)

    check = commands.add_parser("lint", help="report where a notebook breaks the standard")
    check.add_argument("notebooks", nargs="*", type=Path, help="default: all, and their student editions")
    check.add_argument("--links", action="store_true", help="also list the web links, which are not tried")
    check.set_defaults(function=_lint)

    translate = commands.add_parser("translate", help="bring the catalogues of translations up to date")
    translate.add_argument("notebooks", nargs="*", type=Path, help="begin a catalogue for these, too")
    translate.add_argument("--check", action="store_true", help="write nothing; only list what is wrong")
    translate.set_defaults(function=_translate)

    publish = commands.add_parser("publish", help="set the address of the course everywhere")
    publish.add_argument("repository", metavar="owner/name", help="on GitHub")
    publish.add_argument("--branch", help="from which the badges open notebooks; default: unchanged")
    publish.add_argument("--version", help="which the setup cells fetch; default: unchanged")
    publish.set_defaults(function=_publish)

    report.add_to(commands)
    grading.add_to(commands)
    hand_in_reproduction.add_to(commands)
    colab.add_to(commands)
    return parser


def _run(options: argparse.Namespace) -> int:
    print(settings.banner(settings.load()), flush=True)
    notebooks = options.notebooks or (NOTEBOOKS if settings.load().language == "en" else _translated())
    pages = run_course(notebooks, options.out, store=options.store)
    print(f"\nDone. Open {', then '.join(str(page) for page in pages)}")
    return 0


def _build(options: argparse.Namespace) -> int:
    from instructor.translation import editions  # needs Babel, which `run` does not

    folder = release.STUDENT_FOLDER
    if not options.check:
        print(*release.build(NOTEBOOKS, folder), *editions.build(), sep="\n")
    found = release.complaints(NOTEBOOKS, folder) + editions.complaints()
    if options.execute and not found:
        found = release.attempted(NOTEBOOKS, folder, options.execute)
        spanish = editions.STUDENT_FOLDER, options.execute / "es"
        found += release.attempted(editions.translated(), *spanish)
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


def _translate(options: argparse.Namespace) -> int:
    from instructor.translation import catalogues, faults

    names = dict.fromkeys([*catalogues.names(), *(path.stem for path in options.notebooks)])
    if not options.check:
        print(*map(catalogues.update, names), sep="\n")
    found = [complaint for name in names for complaint in faults.complaints(name)]
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


def _translated() -> list[Path]:
    """List the translated notebooks, and the English ones of which there is no translation."""
    editions = {path: placed(path, SPANISH) for path in NOTEBOOKS}
    return [edition if edition.is_file() else path for path, edition in editions.items()]


def _publish(options: argparse.Namespace) -> int:
    changed = publishing.publish(options.repository, options.branch, options.version)
    print(*changed, sep="\n")
    address = publishing.published()
    print(
        f"The badges open {address.repository}, branch {address.branch}; the setup cells fetch the tag "
        f"v{address.version}. Commit, then: git tag v{address.version}, git push, git push --tags."
    )
    return 0


def _lint(options: argparse.Namespace) -> int:
    others = [placed(path, release.STUDENT_FOLDER) for path in NOTEBOOKS] + sorted(
        SPANISH.rglob("[!.]*.ipynb")
    )
    paths = options.notebooks or [*NOTEBOOKS, *filter(Path.is_file, others)]
    found = [complaint for path in paths for complaint in lint.complaints(path)]
    if options.links:
        print(*sorted({link for path in paths for link in lint.external_links(path)}), sep="\n")
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
