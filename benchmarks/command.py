"""What the command lines of all benchmarks share: options, the machine, results in a file."""

import argparse
import json
import platform
from pathlib import Path


def parser(description: str) -> argparse.ArgumentParser:
    """Return a parser with the option `--json`.

    Args:
        description: the module's docstring.
    """
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", type=Path, help="also write the results to this file")
    return made


def machine_line() -> str:
    """Return one line about the device, Python and Keras."""
    import keras

    from helpers.config import environment

    backend = f"Keras {keras.__version__} on {keras.backend.backend()}"
    return f"{environment.device()}, Python {platform.python_version()}, {backend}"


def write_figures(figures: dict, path: Path | None) -> None:
    """Write results as JSON, if a file is given."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
