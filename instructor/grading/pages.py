"""Write one feedback page per student, and a summary for the instructor.

Everything that a student wrote is escaped, and the pages forbid scripts and external content.
"""

import statistics
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

from instructor.grading.tables import by_student, reasons_to_look, sums

TEMPLATES = Path(__file__).resolve().parent / "templates"
BINS = 10
LONGEST = 1500


def write_pages(results: list[dict], box: str, out: Path) -> None:
    """Write `feedback/<student>.html` and `summary.html`; outdated pages are deleted.

    Args:
        results: of all submissions.
        box: name of the sandbox.
        out: folder.
    """
    folder = out / "feedback"
    folder.mkdir(parents=True, exist_ok=True)
    for page in folder.glob("*.html"):
        page.unlink()
    templates = _templates()
    students = by_student(results)
    for student, own in students.items():
        page = templates.get_template("feedback.html.jinja")
        text = page.render(student=student, results=own, total=sums(own))
        (folder / f"{own[0]['slug']}.html").write_text(text, encoding="utf-8")
    page = templates.get_template("summary.html.jinja")
    (out / "summary.html").write_text(page.render(box=box, **_summary(results)), encoding="utf-8")


def _templates() -> Environment:
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["points"] = lambda value: "-" if value is None else f"{value:g}"
    templates.filters["spaced"] = lambda name: name.replace("_", " ")
    templates.filters["sentence"] = lambda text: f"{text[:1].upper()}{text[1:]}."
    templates.filters["shortened"] = lambda text: text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    return templates


def _summary(results: list[dict]) -> dict:
    rows = [
        {
            "student": student,
            "slug": own[0]["slug"],
            "total": sums(own),
            "reasons": reasons_to_look(own),
            "verdicts": [one["rerun"]["verdict"] if one["rerun"] else "not run" for one in own],
        }
        for student, own in by_student(results).items()
    ]
    marks = [mark for result in results for mark in result["marks"]]
    return {
        "rows": rows,
        "look": [row for row in rows if row["reasons"]],
        "out_of": max(row["total"]["out_of"] for row in rows),
        "median": statistics.median(row["total"]["got"] for row in rows),
        "waiting": sum(mark["got"] is None for mark in marks),
        "bins": _bins([row["total"] for row in rows]),
        "exercises": _exercises(marks),
        "notebooks": list(dict.fromkeys(result["notebook"] for result in results)),
    }


def _bins(totals: list[dict]) -> list[dict]:
    width = 100 // BINS
    shares = [100 * total["got"] / (total["out_of"] or 1) for total in totals]
    counts = [sum(min(int(share // width), BINS - 1) == place for share in shares) for place in range(BINS)]
    return [
        {
            "label": f"{place * width} to {(place + 1) * width}",
            "count": count,
            "percent": round(100 * count / max(counts)),
        }
        for place, count in enumerate(counts)
    ]


def _exercises(marks: list[dict]) -> list[dict]:
    """Return statistics of each exercise, the hardest first."""
    rows = []
    for number in dict.fromkeys(mark["id"] for mark in marks):
        own = [mark for mark in marks if mark["id"] == number]
        read = [mark["got"] / mark["points"] for mark in own if mark["got"] is not None]
        states = [mark["status"] for mark in own]
        waits = len(read) < len(own)
        rows.append({
            "id": number,
            "title": own[0]["title"],
            "percent": None if waits else round(100 * statistics.mean(read)),
            "correct": states.count("correct"),
            "wrong": states.count("not yet"),
            "blank": states.count("not attempted") + states.count("not found"),
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row["percent"] is None, row["percent"]))
