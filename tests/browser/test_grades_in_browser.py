"""The pages that grading writes, narrow and wide: accessible, and with no script but the one that sorts."""

from argparse import Namespace

import pytest

from instructor.grading.command import write_all
from tests.browser.test_page_in_browser import findings

CELL = "# Exercise 1.5\n" + "very_long_name_" * 20
ESSAY = " ".join(f"word{number}" for number in range(100))  # that all of them share
RUNS = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title = 'ran'\">"


@pytest.fixture(scope="module")
def grades(tmp_path_factory):
    """The folder with the grades of three students."""
    out = tmp_path_factory.mktemp("grades")
    points = {f"Bo {RUNS}": 0.5, "Ana Wolfeschlegelsteinhausenbergerdorff": 12.0, "Chloé": 9.25}
    results = []
    for place, (student, got) in enumerate(points.items()):
        about = {
            "student": student,
            "slug": f"student-{place}",
            "number": None,
            "notebook": "01_tiny",
            "notes": [RUNS],
        }
        status = "not yet" if got < 12 else "correct"
        mark = {
            "id": "1.5",
            "title": "Normalise a slice",
            "points": 12,
            "status": status,
            "message": RUNS,
            "got": got,
        }
        essay = {"id": "1.10", "title": "Think", "points": 3, "status": "by hand", "message": "", "got": None}
        marks = [
            mark | {"section": "s", "answer": CELL},
            essay | {"section": "s", "answer": f"Title\n{RUNS} {ESSAY}"},
        ]
        results.append(
            about
            | {"path": "x", "modified": 0, "problem": None, "marks": marks, "rerun": None, "stored": None}
        )
    chosen = Namespace(out=out, moodle=None, canvas=None, due=None, late=(0, 100))
    write_all(results, "bubblewrap", chosen)
    return out


@pytest.mark.parametrize("width", [1280, 420])
@pytest.mark.parametrize("page", ["summary", "feedback/student-0"])
def test_pages_are_accessible_and_no_wider_than_the_screen(tab, grades, page, width):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto((grades / f"{page}.html").as_uri())
    pairs = tab.locator(".pair").count()
    assert pairs == (2 if page == "summary" else 0)
    for more in tab.locator("details summary").all():
        more.click()
    assert findings(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.title() != "ran"


def test_the_table_of_everybody_is_sorted_by_numbers(tab, grades):
    tab.goto((grades / "summary.html").as_uri())
    cells = tab.locator(".sortable td:nth-child(2)")
    button = tab.locator(".sortable th:nth-child(2) button")
    button.click()
    assert cells.all_inner_texts() == ["0.5 / 15", "9.25 / 15", "12 / 15"]
    button.click()
    assert cells.all_inner_texts() == ["12 / 15", "9.25 / 15", "0.5 / 15"]
