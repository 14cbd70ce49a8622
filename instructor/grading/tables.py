"""Results -> grades.csv, grades.json, and files for Moodle and Gradescope."""

import csv
import json
from pathlib import Path

# A spreadsheet takes what begins so for a formula. https://owasp.org/www-community/attacks/CSV_Injection
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(value: object) -> object:
    """A value for a CSV file that no spreadsheet executes.

    Args:
        value: of a field.

    Returns:
        Numbers as they are; a text that a spreadsheet would compute with an apostrophe before it.
    """
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA):
        return f"'{value}"
    return value


def without_apostrophe(text: str) -> str:
    """The text that `harmless` put an apostrophe before."""
    return text[1:] if text.startswith("'") and harmless(text[1:]) == text else text


def by_student(results: list[dict]) -> dict[str, list[dict]]:
    """Results of each student, in the order of the course's notebooks."""
    students: dict[str, list[dict]] = {}
    for result in results:
        students.setdefault(result["student"], []).append(result)
    return students


def sums(results: list[dict]) -> dict:
    """Points of one student, or of one notebook.

    Args:
        results: of some notebooks.

    Returns:
        `got` so far, `out_of` of all exercises, and `waiting`: points of answers still to be read.
    """
    marks = [mark for result in results for mark in result["marks"]]
    return {
        "got": sum(mark["got"] or 0 for mark in marks),
        "out_of": sum(mark["points"] for mark in marks),
        "waiting": sum(mark["points"] for mark in marks if mark["got"] is None),
    }


def reasons_to_look(results: list[dict]) -> list[str]:
    """Why a person should look at what a student handed in.

    Args:
        results: of one student.

    Returns:
        A line each.
    """
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
        if not result["problem"] and all(mark["status"] == "not found" for mark in result["marks"]):
            reasons.append(f"{name}: no answer cell was found")
    return reasons


def first_failure(rerun: dict) -> str:
    """The first thing that went wrong in a re-run, with its cell."""
    if rerun["failures"]:
        first = rerun["failures"][0]
        return f"cell {first['place'] + 1}, {first['reason']}"
    return rerun["reason"]


def write_grades(results: list[dict], out: Path) -> None:
    """Writes grades.csv, one row a student, and grades.json, which has everything but pictures and answers.

    Args:
        results: of all.
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
    """Writes a grading worksheet that Moodle's assignment takes back.

    Args:
        results: of all.
        path: the CSV file.

    Source: https://docs.moodle.org/en/Assignment_activity, "Offline grading worksheet".
    """
    rows = []
    for student, own in by_student(results).items():
        number = own[0]["number"]
        total = sums(own)
        rows.append([f"Participant {number}" if number else "", student, total["got"], total["out_of"]])
    write_csv(path, ["Identifier", "Full name", "Grade", "Maximum Grade"], rows)


def write_gradescope(results: list[dict], folder: Path) -> None:
    """Writes a results.json for each student, as Gradescope's autograder wants it.

    Args:
        results: of all.
        folder: gets `<student>.json`.

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
    """Writes a table that no spreadsheet executes, aside and renamed: a kill leaves the old or the new.

    Args:
        path: of the file; its folder is made if need be.
        header: names of the columns.
        rows: values, one list a row.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # With the mark at the beginning, spreadsheets read the accents of names right.
    aside = path.with_name(path.name + ".aside")
    with aside.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows([harmless(value) for value in row] for row in rows)
    aside.replace(path)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
