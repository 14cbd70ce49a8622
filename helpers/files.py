"""Small files that must be whole or not there."""

import json
from pathlib import Path


def read_json(path: Path) -> dict | None:
    """Reads a JSON object.

    Args:
        path: the file.

    Returns:
        The object; None where the file is missing, cut short or something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write_json(path: Path, content: dict) -> None:
    """Writes a JSON object aside and renames it, so that a kill leaves the old one or the new.

    Args:
        path: the file.
        content: what to write.
    """
    aside = path.with_name(path.name + ".aside")
    aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    aside.replace(path)
