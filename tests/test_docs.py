"""The README, the pages in docs/ and the files about the project agree with the code."""

import re
import tomllib
from pathlib import Path, PurePosixPath

import pytest
import yaml

from instructor.notebooks import lint, markdown

COURSE_FOLDER = Path(__file__).resolve().parents[1]
MOST_WORDS = 700
PAGES = sorted([*COURSE_FOLDER.glob("*.md"), *COURSE_FOLDER.glob("docs/*.md")])
LAYOUT = COURSE_FOLDER / "docs" / "maintainers.md"
TREE = re.compile(r"^```\n(helpers/ .*?)^```$", re.DOTALL | re.MULTILINE)
# A file or folder in inline code; data/ and build/ are made when the course runs.
PATH = re.compile(r"`((?:helpers|instructor|notebooks|tests|benchmarks|colab|docs)/[\w./-]*)`")


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request) -> Path:
    return request.param


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def files_in_tree(text: str) -> list[str]:
    """The paths in an indented tree: folders end in a slash, files may share a line, words may follow."""
    folders, paths = [], []
    for line in text.splitlines():
        names = re.split(r"\s{2,}", line.strip())[0].split(", ")
        depth = (len(line) - len(line.lstrip())) // 2
        paths += ["/".join([*folders[:depth], name.rstrip("/")]) for name in names]
        if names[0].endswith("/"):
            folders[depth:] = [names[0].rstrip("/")]
    return paths


def layout() -> list[str]:
    return files_in_tree(TREE.search(read(LAYOUT))[1])


def test_the_readme_is_one_page():
    assert len(read(COURSE_FOLDER / "README.md").split()) <= MOST_WORDS


def test_the_readme_leads_to_every_page():
    linked = markdown.links(read(COURSE_FOLDER / "README.md"))
    pages = {path.relative_to(COURSE_FOLDER).as_posix() for path in PAGES}
    assert pages - {"README.md", "CHANGELOG.md"} <= set(linked)


def test_no_page_has_gaps(page):
    assert not re.search(r"@[A-Z]+@|TODO|TBD", read(page))
    assert all(len(alt) > 10 for alt in markdown.image_alts(read(page)))


def test_every_relative_link_leads_to_a_file(page):
    assert lint.lost_links(read(page), page) == []


def test_every_path_in_the_text_exists(page):
    if page.name != "CHANGELOG.md":  # which also names what was removed
        assert [path for path in PATH.findall(read(page)) if not (COURSE_FOLDER / path).exists()] == []


def test_a_tree_is_read_line_by_line():
    tree = "a/        first\n  b/\n    c.py  with words\n  d.py, e.py\nf/\n  g.py\n"
    assert files_in_tree(tree) == ["a", "a/b", "a/b/c.py", "a/d.py", "a/e.py", "f", "f/g.py"]


def test_every_file_in_the_layout_exists():
    assert [path for path in layout() if not (COURSE_FOLDER / path).exists()] == []


def test_every_helper_is_in_the_layout():
    helpers = {
        path.relative_to(COURSE_FOLDER).as_posix()
        for path in (COURSE_FOLDER / "helpers").rglob("*.py")
        if not path.name.startswith("__")
    }
    assert helpers - set(layout()) == set()


def test_the_order_of_imports_has_every_package():
    line = re.search(r"^```\n(reference, .*)\n```$", read(LAYOUT), re.MULTILINE)[1]
    top = {PurePosixPath(path).parts[1].removesuffix(".py") for path in layout() if path[:8] == "helpers/"}
    assert {*re.split(r", | < ", line), "plots", "checks"} == top


def test_the_citation_has_the_projects_version_and_address():
    citation = yaml.safe_load(read(COURSE_FOLDER / "CITATION.cff"))
    project = tomllib.loads(read(COURSE_FOLDER / "pyproject.toml"))["project"]
    assert citation["version"] == project["version"]
    assert citation["license"] == project["license"]
    assert citation["repository-code"] == project["urls"]["Repository"]


def test_the_citation_has_what_the_format_requires():
    citation = yaml.safe_load(read(COURSE_FOLDER / "CITATION.cff"))
    assert citation["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= citation.keys()
    assert all({"type", "title", "authors"} <= reference.keys() for reference in citation["references"])
    dois = [reference.get("doi") for reference in citation["references"]]
    assert dois[:2] == ["10.6084/m9.figshare.1512427", "10.1371/journal.pone.0140381"]


def test_the_changelog_has_the_projects_version():
    version = tomllib.loads(read(COURSE_FOLDER / "pyproject.toml"))["project"]["version"]
    headings = [
        words for level, words in markdown.headings(read(COURSE_FOLDER / "CHANGELOG.md")) if level == 2
    ]
    assert headings[0].strip("[]") == "Unreleased"
    assert any(version in words for words in headings[1:])


def test_nothing_is_unreleased_before_the_first_tag():
    changelog = read(COURSE_FOLDER / "CHANGELOG.md")
    unreleased, first = re.split(r"^## .*\n", changelog, flags=re.MULTILINE)[1:3]
    if "not yet tagged" in changelog:  # the setup cells fetch that tag, with everything in it
        assert unreleased.strip() == "Nothing yet."
    subheadings = [words for level, words in markdown.headings(first) if level == 3]
    assert len(subheadings) == len(set(subheadings))


def test_contributing_names_every_file_of_an_exercise():
    page = read(COURSE_FOLDER / "CONTRIBUTING.md")
    files = (COURSE_FOLDER / "helpers" / "checks").glob("[!_]*.py")
    of_exercises = [path.name for path in files if re.search(r"^EXERCISES = ", read(path), re.MULTILINE)]
    assert len(of_exercises) >= 6
    for name in [*of_exercises, "right_answers.py", "mistakes.py", "network_answers.py"]:
        assert f"{name}`" in page, name


def test_no_hook_downloads_anything():
    config = yaml.safe_load(read(COURSE_FOLDER / ".pre-commit-config.yaml"))
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    assert {hook["language"] for hook in config["repos"][0]["hooks"]} == {"system"}
