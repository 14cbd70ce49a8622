import errno
import json

import pytest

from helpers.training import generations as generations_module
from helpers.training.generations import Generations


def fill(folder, epochs=3, best=None, copies=None):
    """States of some epochs, whose weights are a text."""
    generations = Generations(folder, copies)
    state = {"best_epoch": 0}
    for epoch in range(epochs + 1):
        state["best_epoch"] = epoch if best is None else min(best, epoch)
        generations.save(epoch, state, lambda path, epoch=epoch: path.write_text(f"weights {epoch}"))
    return generations


def test_the_newest_comes_back_and_two_are_kept(tmp_path):
    generations = fill(tmp_path, epochs=3, best=1)
    assert Generations(tmp_path).newest()["epoch"] == 3
    assert generations.weights(1).read_text() == "weights 1"
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "epoch-001.weights.h5",
        "epoch-002.json",
        "epoch-002.weights.h5",
        "epoch-003.json",
        "epoch-003.weights.h5",
    ]


def test_an_empty_folder_has_none(tmp_path):
    assert Generations(tmp_path / "new").newest() is None


def torn(path):
    path.write_bytes(path.read_bytes()[:-3])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def gone(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


def foreign(path):
    path.write_text(json.dumps({"state": {"epoch": 3}}))


@pytest.mark.parametrize("damage", [torn, flipped, gone, empty])
@pytest.mark.parametrize("name", ["epoch-003.json", "epoch-003.weights.h5"])
def test_a_damaged_state_gives_way_to_the_one_before(tmp_path, capsys, name, damage):
    fill(tmp_path)
    damage(tmp_path / name)
    assert Generations(tmp_path).newest()["epoch"] == 2
    gone_quietly = damage is gone and name.endswith("json")
    assert ("passed over" in capsys.readouterr().out) == (not gone_quietly)


@pytest.mark.parametrize("content", ["", "{", "[1]", "{}", '{"state": {"epoch": 3}}', '{"state": 3}'])
def test_garbage_is_no_state(tmp_path, content):
    fill(tmp_path)
    (tmp_path / "epoch-003.json").write_text(content)
    assert Generations(tmp_path).newest()["epoch"] == 2


def test_when_all_are_damaged_there_is_none(tmp_path):
    fill(tmp_path)
    for path in tmp_path.glob("*.h5"):
        torn(path)
    assert Generations(tmp_path).newest() is None


def test_a_damaged_best_is_noticed(tmp_path):
    fill(tmp_path, best=1)
    torn(tmp_path / "epoch-001.weights.h5")
    assert Generations(tmp_path).newest() is None


def test_a_lost_folder_comes_back_from_the_copies(tmp_path, capsys):
    fill(tmp_path / "here", best=1, copies=tmp_path / "drive")
    for path in (tmp_path / "here").iterdir():
        path.unlink()
    generations = Generations(tmp_path / "here", tmp_path / "drive")
    assert generations.newest()["epoch"] == 3
    assert "Brought back" in capsys.readouterr().out
    assert generations.weights(1).read_text() == "weights 1"
    assert Generations(tmp_path / "here").newest()["epoch"] == 3


@pytest.mark.parametrize("here, drive", [(3, 2), (2, 3)])
def test_the_later_of_folder_and_copies_wins(tmp_path, here, drive):
    fill(tmp_path / "drive", epochs=drive)
    fill(tmp_path / "here", epochs=here)
    assert Generations(tmp_path / "here", tmp_path / "drive").newest()["epoch"] == 3
    assert Generations(tmp_path / "here").newest()["epoch"] == 3
    assert Generations(tmp_path / "drive").newest()["epoch"] == 3


def test_a_damaged_best_is_mended_from_the_copies(tmp_path):
    fill(tmp_path / "here", best=1, copies=tmp_path / "drive")
    flipped(tmp_path / "here" / "epoch-001.weights.h5")
    generations = Generations(tmp_path / "here", tmp_path / "drive")
    assert generations.newest()["epoch"] == 3
    assert generations.weights(1).read_text() == "weights 1"


def test_copies_of_another_course_of_the_training_are_replaced(tmp_path):
    """Trained with copies, then from the beginning without, then with them again."""
    fill(tmp_path / "drive", epochs=2, best=1)
    (tmp_path / "drive" / "epoch-001.weights.h5").write_text("weights of other random numbers")
    generations = fill(tmp_path / "here", epochs=3, best=1)
    generations.copies = tmp_path / "drive"
    generations.newest()
    lost = Generations(tmp_path / "new machine", tmp_path / "drive")
    assert lost.newest()["epoch"] == 3
    assert lost.weights(1).read_text() == "weights 1"


def test_what_was_saved_without_copies_is_copied_later(tmp_path):
    fill(tmp_path / "here")
    Generations(tmp_path / "here", tmp_path / "drive").newest()
    assert Generations(tmp_path / "new machine", tmp_path / "drive").newest()["epoch"] == 3


def test_copies_that_cannot_be_read_do_not_end_a_training(tmp_path, capsys, monkeypatch):
    fill(tmp_path / "here")
    whole = generations_module._newest_whole

    def broken(folder):
        if folder.name == "drive":
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return whole(folder)

    monkeypatch.setattr(generations_module, "_newest_whole", broken)
    assert Generations(tmp_path / "here", tmp_path / "drive").newest()["epoch"] == 3
    assert "cannot be read: Transport endpoint" in capsys.readouterr().out


def test_after_damage_the_next_states_are_kept_as_ever(tmp_path):
    fill(tmp_path)
    torn(tmp_path / "epoch-003.weights.h5")
    generations = Generations(tmp_path)
    state = generations.newest()
    generations.save(3, state | {"best_epoch": 3}, lambda path: path.write_text("again"))
    assert Generations(tmp_path).newest()["epoch"] == 3
    assert generations.weights(3).read_text() == "again"


def test_copies_that_fail_do_not_end_a_training(tmp_path, capsys):
    (tmp_path / "drive").write_text("a file stands where the folder should be")
    fill(tmp_path / "here", epochs=1, copies=tmp_path / "drive")
    assert "The training goes on." in capsys.readouterr().out
    assert Generations(tmp_path / "here").newest()["epoch"] == 1
