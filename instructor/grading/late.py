"""When a notebook was handed in, and what is taken off if that was late."""

import math
from datetime import datetime, timedelta

DAY = timedelta(days=1)


def add_times(
    results: list[dict], times: dict[str, datetime], due: datetime | None, late: list[float]
) -> None:
    """Add `handed_in` and, to late ones, `late`: a row of open_marks.csv, in which a person may change it.

    Args:
        results: of all submissions; changed in place.
        times: when each was handed in, by its student or its path; the former takes precedence.
        due: the last moment; None if nothing is late.
        late: percent taken off for each day that has begun, and at most.
    """
    for result in results:
        time = times.get(result["student"], times.get(result["path"])) if result["path"] else None
        result |= {"handed_in": f"{time:%Y-%m-%d %H:%M}" if time else "", "late": None}
        if due and time and time > due:
            days = math.ceil((time - due) / DAY)
            about = f"{result['handed_in']}, {days} day{'s' * (days > 1)} late"
            result["late"] = {
                "id": f"late {result['notebook'][:2]}", "title": "percent taken off", "points": 100,
                "got": min(late[0] * days, late[1]), "status": "late", "answer": about,
            }  # fmt: skip
        elif due and result["path"] and not time:
            result["notes"].append("the time of its submission is not known")
