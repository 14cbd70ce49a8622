"""A second copy of an Optuna study, for machines that can disappear, such as those of Colab.

A study lives in an SQLite file on the machine's own disk: on Google Drive, whose files are not locked, two
processes would damage it, so only finished copies go there.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from helpers.config.language import _


def copy_study(database: Path, copies: Path | None) -> None:
    """Copy an SQLite file that others may be writing to; a failure is reported, not raised.

    Args:
        database: the file.
        copies: folder for the copy; None to do nothing.
    """
    if copies is None or not database.is_file():
        return
    snapshot = database.with_name(f"{database.name}.{os.getpid()}.tmp")
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(snapshot)) as target:
            source.backup(target)  # leaves unfinished transactions out, unlike a copy of the file
        _place(snapshot, copies / database.name)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        print(
            _("No second copy in {copies}: {reason}. The search continues.").format(
                copies=copies, reason=reason
            )
        )
    finally:
        snapshot.unlink(missing_ok=True)


def restore_study(database: Path, copies: Path | None) -> None:
    """Fetch the copy if this machine doesn't have the study; create the study's folder.

    Args:
        database: the SQLite file.
        copies: as in `copy_study`.
    """
    database.parent.mkdir(parents=True, exist_ok=True)
    if copies is not None and not database.exists() and (copies / database.name).is_file():
        _place(copies / database.name, database)
        print(_("Restored from {copies}.").format(copies=copies))


def _place(source: Path, destination: Path) -> None:
    """Copy a file under a temporary name, then rename it: it is complete or absent."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    partial = destination.with_name(f"{destination.name}.{os.getpid()}.partial")
    try:
        shutil.copyfile(source, partial)
        partial.replace(destination)
    finally:
        partial.unlink(missing_ok=True)
