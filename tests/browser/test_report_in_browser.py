"""The page of a student's report in a browser: on screens of two widths, light and dark, and as A4."""

import pytest

from helpers.hand_in import report_page
from tests.browser.test_page_in_browser import findings
from tests.support.report import executed_report

# Of A4 with the margins of page_template/style.css, in CSS pixels.
PRINTED_WIDTH, PRINTED_HEIGHT = (210 - 48) / 25.4 * 96, (297 - 49) / 25.4 * 96
SIZES = """all => all.map(one => {
    const box = one.getBoundingClientRect();
    return [box.left, box.right, box.height]
})"""
COLOURS = """() => [...document.querySelectorAll("body, body *")].map(one => getComputedStyle(one))
    .map(style => [style.color, style.backgroundColor])"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(report_page(executed_report(), code=True), encoding="utf-8")
    return file


@pytest.fixture(params=["light", "dark"])
def opened(request, tab, page):
    tab.emulate_media(media="screen", color_scheme=request.param)
    tab.goto(page.as_uri())
    yield tab
    tab.emulate_media(media=None, color_scheme=None)


@pytest.mark.parametrize("width", [1280, 420])
def test_it_is_accessible_and_no_wider_than_the_screen(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    assert findings(opened) == []
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_wide_table_scrolls_with_the_keyboard(opened):
    opened.set_viewport_size({"width": 420, "height": 900})
    table = opened.locator(".scroll", has_text="macro F1")
    assert table.evaluate("one => one.scrollWidth > one.clientWidth")
    table.focus()
    opened.keyboard.press("ArrowRight")
    opened.wait_for_function("one => one.scrollLeft > 0", arg=table.element_handle(), timeout=5000)


def test_figures_are_on_white(opened):
    figures = opened.locator("img")
    colours = figures.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundColor)")
    assert colours == ["rgb(255, 255, 255)"] * 3


def test_it_prints_black_on_white_and_nothing_is_wider_or_higher_than_the_paper(opened):
    opened.emulate_media(media="print")
    opened.set_viewport_size({"width": int(PRINTED_WIDTH), "height": int(PRINTED_HEIGHT)})
    backgrounds = {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}
    assert {tuple(pair) for pair in opened.evaluate(COLOURS)} <= {
        ("rgb(0, 0, 0)", background) for background in backgrounds
    }
    boxes = opened.locator("main :is(table, img, pre, math, p, h2, h3)").evaluate_all(SIZES)
    assert [box for box in boxes if box[0] < 0 or box[1] > PRINTED_WIDTH] == []
    whole = opened.locator("figure:has(img), nav, .cover").evaluate_all(SIZES)
    assert len(whole) == 5 and [box for box in whole if box[2] > PRINTED_HEIGHT] == []
    assert (
        opened.locator("figure:has(img)").evaluate_all(
            "all => all.map(one => getComputedStyle(one).breakInside)"
        )
        == ["avoid"] * 3
    )


def test_its_pdf_has_cover_contents_and_sections_on_pages_of_a4(opened):
    pdf = opened.pdf(prefer_css_page_size=True, outline=True, tagged=True)
    assert pdf.count(b"/Type /Page\n") in range(8, 13)
    assert {line for line in pdf.splitlines() if b"/MediaBox" in line} == {
        b"/MediaBox [0 0 594.95996 841.91998]"
    }


@pytest.mark.parametrize(("policy", "runs"), [("Content-Security-Policy", False), ("none", True)])
def test_the_policy_stops_a_script_that_got_into_the_page(tab, page, tmp_path, policy, runs):
    text = page.read_text(encoding="utf-8").replace("Content-Security-Policy", policy)
    file = tmp_path / "report.html"
    file.write_text(
        text.replace("</body>", "<script>document.title = 'ran'</script></body>"), encoding="utf-8"
    )
    tab.goto(file.as_uri())
    assert (tab.title() == "ran") is runs
