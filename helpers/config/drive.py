"""The student's Google Drive in Colab, which is optional."""

from contextlib import suppress
from pathlib import Path

from helpers.config.language import _

DRIVE = Path("/content/drive/MyDrive")  # where Colab mounts it
FOLDER = "brain-mri-course"


def folder() -> Path | None:
    """Return the course's folder on Drive, which may not exist yet; None if no Drive is mounted."""
    with suppress(OSError):  # a mount that has broken down
        return DRIVE / FOLDER if DRIVE.is_dir() else None
    return None


def mount() -> None:
    """Ask the student for access to Drive; if it is refused, print so and continue without it."""
    if folder():
        return
    from google.colab import drive

    try:
        drive.mount(str(DRIVE.parent))
    except Exception as error:  # Colab's errors have no common base, and none of them may stop the course
        said = _("Google Drive is not mounted ({error}); the course continues without it.")
        print(said.format(error=error))


def offer() -> str:
    """Say in a line or two where copies of trainings are kept, or how to keep some."""
    if found := folder():
        return _("trainings are also kept on your Google Drive, in {folder}").format(folder=found.name)
    return _(
        "none: what you train is lost when this session ends. To keep it on your Google Drive, "
        "set KEEP_ON_DRIVE to True above, and run this cell again"
    )
