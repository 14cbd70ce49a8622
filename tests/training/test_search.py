"""Copies of a study: complete or absent, whatever happens meanwhile."""

import sqlite3
from contextlib import closing

import pytest

from helpers import training


def numbers(database):
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM trials")]


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "here" / "study.db"
    training.restore_study(path, None)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE trials (number)")
        connection.execute("INSERT INTO trials VALUES (0), (1)")
        connection.commit()
    return path


def test_a_lost_study_is_restored(database, tmp_path, capsys):
    training.copy_study(database, tmp_path / "drive")
    database.unlink()
    training.restore_study(database, tmp_path / "drive")
    assert numbers(database) == [0, 1]
    assert capsys.readouterr().out.startswith("Restored from")
    assert [path.name for path in (tmp_path / "drive").iterdir()] == ["study.db"]  # nothing temporary


def test_the_study_here_is_never_replaced(database, tmp_path):
    training.copy_study(database, tmp_path)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO trials VALUES (2)")
        connection.commit()
    training.restore_study(database, tmp_path)
    assert numbers(database) == [0, 1, 2]


def test_a_copy_has_no_half_of_a_transaction(database, tmp_path):
    with closing(sqlite3.connect(database)) as other:
        other.execute("INSERT INTO trials VALUES (2)")  # not committed
        training.copy_study(database, tmp_path)
        assert numbers(tmp_path / "study.db") == [0, 1]


def test_a_full_drive_does_not_stop_the_search(database, tmp_path, capsys):
    (tmp_path / "drive").write_text("a file, where a folder should be")
    training.copy_study(database, tmp_path / "drive")
    assert "The search continues." in capsys.readouterr().out
    assert [path.name for path in database.parent.iterdir()] == ["study.db"]


def test_without_a_drive_there_is_no_copy(database, tmp_path):
    training.copy_study(database, None)
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
