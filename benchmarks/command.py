"""What the command lines of all benchmarks share: options, the machine, figures in a file."""

import argparse
import json
import platform
from pathlib import Path


def parser(description: str) -> argparse.ArgumentParser:
    """A command line as the benchmarks of this package have it.

    Args:
        description: the module's docstring.

    Returns:
        Parser with `--json`.
    """
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", type=Path, help="also write the figures to this file")
    return made


def machine_line() -> str:
    """Words for what was measured on.

    Returns:
        One line.
    """
    import keras

    from helpers.config import environment

    backend = f"Keras {keras.__version__} on {keras.backend.backend()}"
    return f"{environment.device()}, Python {platform.python_version()}, {backend}"


def write_figures(figures: dict, path: Path | None) -> None:
    """Writes figures as JSON where a file was asked for.

    Args:
        figures: by name.
        path: of the file, or None.
    """
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
