"""Write one feedback page per student, and a summary for the instructor.

Everything that a student wrote is escaped. The pages forbid external content, and all scripts but the one
that sorts the summary's table.
"""

import base64
import hashlib
import re
import statistics
from collections import Counter
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader

from helpers.checks import EXERCISES
from helpers.config import language
from helpers.config.language import N_
from instructor.grading.oddities import alike
from instructor.grading.tables import by_student, days, reasons_to_look, reproduces, short, spoken_by, sums
from instructor.notebooks.student_edition import free_text

TEMPLATES = Path(__file__).resolve().parent / "templates"
BINS = 10
LONGEST, LONGEST_TEXT = 1500, 15_000
STATUSES = (  # of marks, the re-run and its comparison; pages show them in the student's language
    N_("correct"), N_("not yet"), N_("not attempted"), N_("not found"), N_("by hand"), N_("needs a look"),
    N_("marked by hand"), N_("yes"), N_("no"), N_("agree"), N_("differ"), N_("not compared"),
)  # fmt: skip
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def write_pages(results: list[dict], box: str, out: Path) -> None:
    """Write `feedback/<student>.html`, in the language of the student's notebooks, and `summary.html`; `box`
    names the sandbox. Old pages are deleted.
    """
    folder = out / "feedback"
    folder.mkdir(parents=True, exist_ok=True)
    for page in folder.glob("*.html"):
        page.unlink()
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.globals["_"] = language._
    templates.filters |= {
        "days": days,
        "points": lambda value: "\N{EN DASH}" if value is None else f"{value:g}",
        "spaced": lambda name: name.replace("_", " "),
        "sentence": lambda text: f"{text[:1].upper()}{text[1:]}.",
        "paragraphs": lambda answer: re.split(r"\n\s*\n", _shortened(free_text(answer), LONGEST_TEXT)),
        "short": short,
        "reproduces": reproduces,
        "shortened": _shortened,
    }
    rubrics = {number: exercise.rubric for number, exercise in EXERCISES.items()}
    page = templates.get_template("feedback.html.jinja")
    for student, own in by_student(results).items():
        spoken = spoken_by(own)
        with language.speaking(spoken):
            text = page.render(
                student=student, results=own, total=sums(own), rubrics=rubrics, language=spoken
            )
        (folder / f"{own[0]['slug']}.html").write_text(text, encoding="utf-8")
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = templates.get_template("summary.html.jinja")
    text = page.render(box=box, script=script, allowed=allowed, **_summary(results))
    (out / "summary.html").write_text(text, encoding="utf-8")


def _shortened(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]} ..."


def _summary(results: list[dict]) -> dict:
    rows = [
        {"total": sums(own), "reasons": reasons_to_look(own), "results": own}
        for own in by_student(results).values()
    ]
    # Statistics are of what was submitted, and of the points that are decided.
    marks = [mark for result in results if result["path"] for mark in result["marks"]]
    totals = [row["total"] for row in rows if any(one["path"] for one in row["results"])]
    decided = [(total["got"], total["out_of"] - total["waiting"]) for total in totals]
    shares = [100 * got / out_of for got, out_of in decided if out_of]
    return {
        "rows": rows,
        "look": [row for row in rows if row["reasons"]],
        "alike": alike(results),
        "median": statistics.median(shares) if shares else None,
        "waiting": sum(mark["got"] is None and mark["answer"] != "" for mark in marks),
        "bins": np.histogram(shares, BINS, (0, 100))[0].tolist(),
        "exercises": _exercises(marks),
        "notebooks": list(dict.fromkeys(result["notebook"] for result in results)),
    }


def _exercises(marks: list[dict]) -> list[dict]:
    """Return statistics of each exercise, the hardest first."""
    rows = []
    for number in dict.fromkeys(mark["id"] for mark in marks):
        own = [mark for mark in marks if mark["id"] == number]
        read = [mark["got"] / mark["points"] for mark in own if mark["got"] is not None]
        count = Counter(mark["status"] for mark in own)
        said = [mark["message"] for mark in own if mark["status"] == "not yet"]
        alike = Counter(NUMBER.sub("#", message) for message in said)  # whatever its numbers
        common, times = alike.most_common(1)[0] if said else ("", 0)
        rows.append({
            "id": number,
            "title": own[0]["title"],
            # Until free-text answers are read, only those who gave none are decided.
            "percent": round(100 * statistics.mean(read)) if 2 * len(read) > len(own) else None,
            "correct": count["correct"],
            "wrong": count["not yet"],
            "blank": count["not attempted"] + count["not found"],
            "waiting": len(own) - len(read),
            "times": times,
            "message": next((message for message in said if NUMBER.sub("#", message) == common), ""),
        })  # fmt: skip
    return sorted(rows, key=lambda row: (row["percent"] is None, row["percent"]))
