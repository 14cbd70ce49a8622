"""When a notebook was submitted, and what is taken off if that was late."""

import math
from datetime import datetime, timedelta

from helpers._common import CourseError
from instructor.grading.tables import short


def add_times(results: list[dict], known: dict[str, datetime] | None, due: datetime | None, late) -> None:
    """Add `handed_in` and, to late ones, `late`: a row of open_marks.csv, in which a person may change it.

    Args:
        results: of all submissions; changed in place.
        known: when students submitted, as a platform says; None if the times of the files count.
        due: the last moment; None if nothing is late.
        late: percent taken off for each day that has begun, and at most.

    Raises:
        CourseError: by the times of the files, everybody was late.
    """
    due = due and due.astimezone().replace(tzinfo=None)  # local, as the times are
    for result in results:
        changed = datetime.fromtimestamp(result["modified"])
        changed = changed if changed.year > 1980 else None  # the earliest year of an archive
        time = (changed if known is None else known.get(result["student"])) if result["path"] else None
        result |= {"handed_in": f"{time:%Y-%m-%d %H:%M}" if time else "", "late": None}
        result["told"] = known is not None
        if due and time and time > due:
            days = math.ceil((time - due) / timedelta(days=1))
            result["late"] = {
                "id": f"late {short(result['notebook'])}", "title": "percent taken off", "points": 100,
                "got": min(late[0] * days, *late[1:], 100), "status": "late",
                "answer": f"{result['handed_in']}, {days} day{'s' * (days > 1)} late",
            }  # fmt: skip
        elif due and result["path"] and not time:
            result["notes"].append("the time of its submission is not known")
    submitted = [one for one in results if one["path"]]
    if (
        known is None
        and all(one["late"] for one in submitted)
        and len({one["student"] for one in submitted}) > 1
    ):
        raise CourseError(
            "--due: by the times in the archive, everybody was late. Moodle and Canvas write the time of the "
            "download there. Moodle's worksheet has the real times: give it with --moodle."
        )
