"""The student's Google Drive in Colab: asked for, and done without."""

from contextlib import suppress
from pathlib import Path

DRIVE = Path("/content/drive/MyDrive")  # where Colab mounts it
FOLDER = "brain-mri-course"


def folder() -> Path | None:
    """Where the course keeps things on Drive.

    Returns:
        The folder, made when first written to; None where no Drive is mounted.
    """
    with suppress(OSError):  # a mount that has broken down
        return DRIVE / FOLDER if DRIVE.is_dir() else None
    return None


def mount() -> None:
    """Asks the student for access; where it is not given, says so and goes on."""
    if folder():
        return
    from google.colab import drive

    try:
        drive.mount(str(DRIVE.parent))
    except Exception as error:  # Colab's errors have no common name, and none of them may stop the course
        print(f"Google Drive is not mounted ({error}); the course goes on without it.")


def offer() -> str:
    """Says where copies of trainings go, or how to keep them.

    Returns:
        A line or two.
    """
    if found := folder():
        return f"trainings are also kept on your Google Drive, in {found.name}"
    return (
        "none: what you train is lost when this session ends. To keep it on your Google Drive, "
        "set KEEP_ON_DRIVE to True above, and run this cell again"
    )
