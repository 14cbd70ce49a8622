"""Badges, links and setup cells agree with `pyproject.toml`, and one command rewrites all of them."""

import json
import re
import shutil

import nbformat
import pytest

from helpers.config.settings import COURSE_FOLDER
from instructor.notebooks import publishing, release
from instructor.notebooks.execute import NOTEBOOKS
from instructor.notebooks.publishing import AddressError, publish, published
from instructor.translation import editions

NEW = ("someone-else/mri_101.course", "term/2027", "2.10")
SETUP = re.compile(r'REPOSITORY, VERSION = "([^"]+)", "([^"]+)"')
BADGE = re.compile(r"https://colab\.research\.google\.com/github/[^)\s]+")


def places(course):
    return {
        path.relative_to(course).as_posix(): path
        for place in publishing.PLACES
        for path in sorted(course.glob(place))
    }


@pytest.fixture
def course(tmp_path):
    """A copy of every file that names the address."""
    for name, path in places(COURSE_FOLDER).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, tmp_path / name)
    return tmp_path


def assert_all_agree(course):
    address = published(course)
    notebooks = [name for name in places(course) if name.endswith(".ipynb")]
    assert len(notebooks) == 2 * (len(NOTEBOOKS) + len(editions.translated()))
    for name in notebooks:
        cells = nbformat.read(course / name, as_version=4).cells
        badges = [badge for cell in cells for badge in BADGE.findall(cell.source)]
        assert badges == [address.badge(name)]
        setup = next(cell for cell in cells if cell.id == "setup")
        assert SETUP.search(setup.source).groups() == (address.repository, address.version)
    readme = (course / "README.md").read_text(encoding="utf-8")
    opened = [name for name in notebooks if re.match(r"notebooks/student/[^/]+$", name)]
    assert BADGE.findall(readme) == [address.badge(name) for name in opened]


def test_every_badge_points_to_its_own_file():
    assert_all_agree(COURSE_FOLDER)


def test_the_setup_cell_is_short_and_the_same_in_every_notebook():
    sources = set()
    for name, path in places(COURSE_FOLDER).items():
        if name.endswith(".ipynb"):
            cells = nbformat.read(path, as_version=4).cells
            source = next(cell.source for cell in cells if cell.id == "setup")
            language = "es" if "/es/" in name else "en"
            assert f'LANGUAGE = "{language}"  # @param ["en", "es"]' in source
            sources.add(source.replace('LANGUAGE = "es"', 'LANGUAGE = "en"'))
    (source,) = sources
    title, *lines = source.splitlines()
    assert title.startswith("# @title ")  # what Colab shows in place of the code
    assert sum(bool(line.strip()) for line in lines) <= 25
    assert "pip" not in source


def test_another_address_is_written_everywhere(course):
    old = published(course)
    before = {name: path.read_bytes() for name, path in places(course).items()}
    changed = publish(*NEW, course=course)
    assert published(course) == publishing.Address(*NEW)
    assert_all_agree(course)
    assert {path.relative_to(course).as_posix() for path in changed} >= {
        name for name in before if name.endswith(".ipynb")
    } | {"README.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml"}
    for path in changed:
        assert old.name.encode() not in path.read_bytes()


def test_nothing_else_changes(course):
    before = {name: path.read_bytes() for name, path in places(course).items()}
    old = published(course)
    publish(*NEW, course=course)
    for name, path in places(course).items():
        was, now = before[name].split(b"\n"), path.read_bytes().split(b"\n")
        assert len(was) == len(now)
        for old_line, new_line in zip(was, now, strict=True):
            if old_line != new_line:
                assert old.name.encode() in old_line or re.match(rb'(version|branch)( =|:) "', old_line)
        if name.endswith(".ipynb"):
            assert outputs(now) == outputs(was)
    publish(old.name, old.branch, old.version, course=course)
    assert {name: path.read_bytes() for name, path in places(course).items()} == before


def outputs(lines):
    return [cell.get("outputs") for cell in json.loads(b"\n".join(lines))["cells"]]


def test_the_student_editions_still_equal_a_fresh_build(course):
    publish(*NEW, course=course)
    solved = sorted((course / "notebooks").glob("*.ipynb"))
    assert release.complaints(solved, course / "notebooks" / "student") == []


def test_only_complete_names_are_replaced(course):
    old = published(course)
    lines = [f"https://github.com/{old.name}{end}" for end in ("-extra", ".wiki", "s")]
    lines += [f"https://github.com/x{old.name}", f"https://example.org/{old.name}"]
    (course / "docs").mkdir(exist_ok=True)
    notes = course / "docs" / "notes.md"
    notes.write_text("\n".join(lines))
    assert notes not in publish(*NEW, course=course)
    assert notes.read_text() == "\n".join(lines)


def test_binder_and_kaggle_links_are_replaced(course):
    old = published(course)
    (course / "docs").mkdir(exist_ok=True)
    notes = course / "docs" / "notes.md"
    notes.write_text(
        f"https://mybinder.org/v2/gh/{old.name}/{old.branch}?labpath=notebooks\n"
        f"https://kaggle.com/kernels/welcome?src=https://github.com/{old.name}/blob/{old.branch}/a.ipynb\n"
        f"https://github.com/{old.name}.\n"
    )
    publish("a/b", "c", course=course)
    assert notes.read_text() == (
        "https://mybinder.org/v2/gh/a/b/c?labpath=notebooks\n"
        "https://kaggle.com/kernels/welcome?src=https://github.com/a/b/blob/c/a.ipynb\n"
        "https://github.com/a/b.\n"
    )


@pytest.mark.parametrize(
    ("name", "branch", "version"),
    [
        ("nameless", None, None), ("a/b/c", None, None), ("-a/b", None, None), ("a/..", None, None),
        ("a/b c", None, None), ('a/b"', None, None), ("ä/b", None, None), ("", None, None),
        ("https://github.com/a/b", None, None), ("a/b", "two words", None), ("a/b", "x..y", None),
        ("a/b", "x/", None), ("a/b", "main)", None), ("a/b", None, "v1"), ("a/b", None, '1"'),
    ],
)  # fmt: skip
def test_an_invalid_address_changes_nothing(course, name, branch, version):
    before = {path: path.read_bytes() for path in places(course).values()}
    with pytest.raises(AddressError, match="is not valid"):
        publish(name, branch, version, course=course)
    assert {path: path.read_bytes() for path in places(course).values()} == before
