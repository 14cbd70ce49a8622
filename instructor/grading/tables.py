"""Write grades.csv, grades.json, and files for Moodle and Gradescope."""

import csv
import json
from pathlib import Path

from helpers.checks.exercise import COURSES_OWN

# Spreadsheets interpret a text that starts with these as a formula:
# https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(value: object) -> object:
    """Return a value of a CSV file, with an apostrophe before a text that would be a formula."""
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA):
        return f"'{value}"
    return value


def without_apostrophe(text: str) -> str:
    """Remove the apostrophe that `harmless` added."""
    return text[1:] if text.startswith("'") and harmless(text[1:]) == text else text


def by_student(results: list[dict]) -> dict[str, list[dict]]:
    """Group results by student, in the order of the course's notebooks."""
    students: dict[str, list[dict]] = {}
    for result in results:
        students.setdefault(result["student"], []).append(result)
    return students


def sums(results: list[dict]) -> dict:
    """Sum the points of results: `got` so far, `out_of` in total, `waiting` for answers to be read."""
    marks = [mark for result in results for mark in result["marks"]]
    return {
        "got": sum(mark["got"] or 0 for mark in marks),
        "out_of": sum(mark["points"] for mark in marks),
        "waiting": sum(mark["points"] for mark in marks if mark["got"] is None),
    }


def reasons_to_look(results: list[dict]) -> list[str]:
    """List the reasons why a person should look at a student's submission, one line each."""
    reasons = []
    for result in results:
        name = result["notebook"][:2]
        reasons += [f"{name}: {note}" for note in result["notes"]]
        if result["problem"] and result["problem"] not in "; ".join(result["notes"]):
            reasons.append(f"{name}: {result['problem']}")
        if result["rerun"] and result["rerun"]["verdict"] == "no":
            reasons.append(f"{name}: does not run: {first_failure(result['rerun'])}")
        if result["stored"] and result["stored"]["verdict"] == "differ":
            reasons.append(f"{name}: stored results differ from the re-run")
        reasons += [
            f"{name}: exercise {mark['id']} is answered with the course's own function"
            for mark in result["marks"]
            if COURSES_OWN in mark["message"] or "EXERCISES[" in mark.get("answer", "")
        ]
        if not result["problem"] and all(mark["status"] == "not found" for mark in result["marks"]):
            reasons.append(f"{name}: no answer cell was found")
    return reasons


def first_failure(rerun: dict) -> str:
    """Return the first failure of a re-run, with its cell."""
    if rerun["failures"]:
        first = rerun["failures"][0]
        return f"cell {first['place'] + 1}, {first['reason']}"
    return rerun["reason"]


def write_grades(results: list[dict], out: Path) -> None:
    """Write grades.csv, one row per student, and grades.json, which has everything but figures and answers.

    Args:
        results: of all submissions.
        out: folder.
    """
    students = by_student(results)
    exercises = list(dict.fromkeys(mark["id"] for result in results for mark in result["marks"]))
    notebooks = list(dict.fromkeys(result["notebook"] for result in results))
    header = ["student", "number", *exercises, "points", "out of", "waiting"]
    header += [f"reproduces {name[:2]}" for name in notebooks] + ["look"]
    rows = []
    for student, own in students.items():
        got = {mark["id"]: "" if mark["got"] is None else mark["got"] for one in own for mark in one["marks"]}
        total = sums(own)
        verdicts = [one["rerun"]["verdict"] if one["rerun"] else "not run" for one in own]
        row = [student, own[0]["number"] or "", *(got.get(number, "") for number in exercises)]
        row += [total["got"], total["out_of"], total["waiting"], *verdicts, "; ".join(reasons_to_look(own))]
        rows.append(row)
    write_csv(out / "grades.csv", header, rows)
    _write_json(out / "grades.json", [_slim(result) for result in results])


def write_moodle(results: list[dict], path: Path) -> None:
    """Write a grading worksheet to upload to a Moodle assignment.

    Args:
        results: of all submissions.
        path: of the CSV file.

    Source: https://docs.moodle.org/en/Assignment_activity, "Offline grading worksheet".
    """
    rows = []
    for student, own in by_student(results).items():
        number = own[0]["number"]
        total = sums(own)
        rows.append([f"Participant {number}" if number else "", student, total["got"], total["out_of"]])
    write_csv(path, ["Identifier", "Full name", "Grade", "Maximum Grade"], rows)


def write_gradescope(results: list[dict], folder: Path) -> None:
    """Write results for each student in the format of Gradescope's autograder.

    Args:
        results: of all submissions.
        folder: for the files `<student>.json`.

    Source: https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
    """
    folder.mkdir(parents=True, exist_ok=True)
    for own in by_student(results).values():
        tests = [
            {
                "name": f"{mark['id']} {mark['title']}",
                "score": mark["got"] or 0,
                "max_score": mark["points"],
                "output": f"{mark['status']}. {mark['message']}",
                "output_format": "text",
            }
            for result in own
            for mark in result["marks"]
        ]
        _write_json(folder / f"{own[0]['slug']}.json", {"score": sums(own)["got"], "tests": tests})


def _slim(result: dict) -> dict:
    marks = [{key: value for key, value in mark.items() if key != "answer"} for mark in result["marks"]]
    again = result["rerun"] and {
        key: value for key, value in result["rerun"].items() if key not in ("figures", "texts")
    }
    return result | {"marks": marks, "rerun": again, "points": sums([result])}


def write_csv(path: Path, header: list[str], rows: list[list]) -> None:
    """Write a table without formulas, to a temporary file that is then renamed.

    Args:
        path: of the file; its folder is created if it doesn't exist.
        header: names of the columns.
        rows: values, one list per row.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # With the byte order mark, spreadsheets read accents correctly.
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows([harmless(value) for value in row] for row in rows)
    temporary.replace(path)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
