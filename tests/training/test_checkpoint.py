import errno
import json
import shutil

import keras
import numpy as np
import pytest

from helpers.config.environment import COURSE_FOLDER
from helpers.training import checkpoint as checkpoint_module
from helpers.training.checkpoint import STATE, WEIGHTS, Checkpoint, TrainingError
from helpers.training.training_log import EpochLogger
from tests.support.tiny_training import EPOCHS, Interrupt, curves, flat, network, train

KINDS = ["classifier", "unet"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A whole training of each kind; not to be changed."""
    return {kind: train(kind, tmp_path_factory.mktemp(kind) / "run") for kind in KINDS}


@pytest.fixture
def folder(undisturbed, tmp_path):
    """A copy of the states of the classifier's training."""
    return shutil.copytree(undisturbed["classifier"][1].folder, tmp_path / "here")


@pytest.mark.parametrize("epoch", [0, 1, EPOCHS - 1])
@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_training_ends_with_the_weights_of_an_undisturbed_one(
    undisturbed, kind, epoch, tmp_path, capsys
):
    with pytest.raises(KeyboardInterrupt):
        train(kind, tmp_path, Interrupt(epoch))
    assert Checkpoint(tmp_path).epoch == epoch
    again, checkpoint = train(kind, tmp_path)
    assert (f"Resuming after epoch {epoch}." in capsys.readouterr().out) == (epoch > 0)
    np.testing.assert_array_equal(flat(again), flat(undisturbed[kind][0]))
    np.testing.assert_array_equal(curves(checkpoint), curves(undisturbed[kind][1]))


def test_a_cell_that_is_run_again_starts_from_the_same_weights(undisturbed, tmp_path):
    """Interrupted in the first epoch; the network is the same object, with the weights of some updates."""

    class InterruptLate(Interrupt):
        def on_epoch_begin(self, epoch, logs=None):
            pass

        def on_epoch_end(self, epoch, logs=None):
            raise KeyboardInterrupt

    built = network("classifier")
    with pytest.raises(KeyboardInterrupt):
        train("classifier", tmp_path, InterruptLate(0), built=built)
    train("classifier", tmp_path, built=built)
    np.testing.assert_array_equal(flat(built), flat(undisturbed["classifier"][0]))


@pytest.mark.parametrize("kind", KINDS)
def test_a_finished_training_is_loaded_and_nothing_is_written(undisturbed, kind, capsys):
    trained, before = undisturbed[kind]
    files = {path: path.stat().st_mtime_ns for path in before.folder.rglob("*")}
    loaded, checkpoint = train(kind, before.folder)
    printed = capsys.readouterr().out
    assert printed.startswith(f"This run finished after {EPOCHS} epochs; its weights were loaded.")
    assert printed.endswith(f"{checkpoint.folder}\n")
    np.testing.assert_array_equal(flat(loaded), flat(trained))
    assert checkpoint.finished and checkpoint.history.equals(before.history)
    assert files == {path: path.stat().st_mtime_ns for path in before.folder.rglob("*")}


def test_a_folder_in_the_course_is_shown_as_seen_from_there(tmp_path):
    assert checkpoint_module._shown(COURSE_FOLDER / "data" / "runs") == "data/runs"
    assert checkpoint_module._shown(tmp_path) == str(tmp_path)


def test_the_weights_are_those_of_the_best_epoch(undisturbed, tmp_path):
    trained, checkpoint = undisturbed["classifier"]
    best = checkpoint.best_epoch
    assert best == checkpoint.history["val_loss"].idxmin() < EPOCHS
    shorter, _ = train("classifier", tmp_path, epochs=best)
    np.testing.assert_array_equal(flat(trained), flat(shorter))


def test_the_counters_of_the_callbacks_survive_interruptions(tmp_path):
    """The loss does not move: each callback counts, and acts after so many epochs."""

    def go(folder, *before):
        still = network("classifier", dropout=0.0)
        return train("classifier", folder, *before, built=still, epochs=20, learning_rate=1e-20)[1]

    whole = go(tmp_path / "undisturbed")
    rates = whole.history["learning_rate"]
    assert len(rates) < 20 and rates.nunique() > 1
    assert whole.finished and whole.epoch == 20  # early stopping leaves no epoch to train
    for epoch in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / "interrupted", Interrupt(epoch))
    assert go(tmp_path / "interrupted").history["learning_rate"].tolist() == rates.tolist()


def test_a_loss_that_is_never_a_number_is_an_error_with_advice(tmp_path):
    built = network("classifier")
    built.set_weights([weights * np.float32("nan") for weights in built.get_weights()])
    with pytest.raises(TrainingError, match="Try a smaller learning rate"):
        train("classifier", tmp_path, built=built, epochs=1)


def test_the_newest_two_states_and_their_best_are_kept(folder):
    kept = {path.name for path in folder.iterdir()}
    states = [json.loads((folder / f"epoch-{epoch:03d}" / STATE).read_text()) for epoch in (3, 4)]
    assert kept == {"epoch-003", "epoch-004"} | {f"epoch-{one['best_epoch']:03d}" for one in states}


def test_an_empty_folder_has_no_state(tmp_path):
    checkpoint = Checkpoint(tmp_path / "new")
    assert (checkpoint.epoch, checkpoint.finished, len(checkpoint.history)) == (0, False, 0)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-3])


def gone(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut_short, gone, empty])
@pytest.mark.parametrize("name", [STATE, WEIGHTS])
def test_a_damaged_state_is_skipped_for_the_one_before(folder, capsys, name, damage):
    damage(folder / "epoch-004" / name)
    assert Checkpoint(folder).epoch == 3
    assert f"epoch-004 in {folder} is damaged: skipped." in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "{", "[1]", "{}", '{"epoch": 4}', "3"])
def test_a_state_of_the_wrong_form_is_skipped(folder, content):
    (folder / "epoch-004" / STATE).write_text(content)
    assert Checkpoint(folder).epoch == 3


def test_training_resumes_from_the_state_before_a_damaged_one(undisturbed, folder):
    cut_short(folder / "epoch-004" / WEIGHTS)
    again, checkpoint = train("classifier", folder)
    np.testing.assert_array_equal(flat(again), flat(undisturbed["classifier"][0]))
    np.testing.assert_array_equal(curves(checkpoint), curves(undisturbed["classifier"][1]))


def test_if_all_states_are_damaged_there_is_none(folder):
    for path in folder.rglob(WEIGHTS):
        cut_short(path)
    assert Checkpoint(folder).epoch == 0


def test_copies_are_saved_and_a_new_machine_resumes_from_them(undisturbed, tmp_path, capsys):
    here, drive = tmp_path / "here", tmp_path / "drive"
    with pytest.raises(KeyboardInterrupt):
        train("classifier", here, Interrupt(2), copies=drive)
    assert {path.name for path in drive.iterdir()} == {path.name for path in here.iterdir()}
    shutil.rmtree(here)
    again, _ = train("classifier", here, copies=drive)
    assert f"Restored from {drive}." in capsys.readouterr().out
    np.testing.assert_array_equal(flat(again), flat(undisturbed["classifier"][0]))
    assert Checkpoint(here).epoch == Checkpoint(drive).epoch == EPOCHS


@pytest.mark.parametrize("behind", ["here", "drive"])
def test_the_later_of_folder_and_copies_wins(folder, tmp_path, behind):
    drive = shutil.copytree(folder, tmp_path / "drive")
    shutil.rmtree({"here": folder, "drive": drive}[behind] / "epoch-004")
    assert Checkpoint(folder, copies=drive).epoch == EPOCHS
    assert Checkpoint(folder).epoch == Checkpoint(drive).epoch == EPOCHS


def test_damaged_weights_of_the_best_epoch_are_restored_from_the_copies(folder, tmp_path):
    drive = shutil.copytree(folder, tmp_path / "drive")
    best = f"epoch-{Checkpoint(folder).best_epoch:03d}"
    cut_short(folder / best / WEIGHTS)
    assert Checkpoint(folder, copies=drive).epoch == EPOCHS
    assert (folder / best / WEIGHTS).read_bytes() == (drive / best / WEIGHTS).read_bytes()


def test_copies_of_an_earlier_training_with_the_same_settings_are_replaced(folder, tmp_path):
    """Trained with copies, then from the beginning without, then with them again."""
    drive = shutil.copytree(folder, tmp_path / "drive")
    for path in drive.iterdir():
        state = json.loads((path / STATE).read_text())
        (path / STATE).write_text(json.dumps(state | {"saved": 1.0}))
    newest = Checkpoint(folder, copies=drive).state
    assert Checkpoint(tmp_path / "new machine", copies=drive).state == newest


def test_what_was_saved_without_copies_is_copied_later(folder, tmp_path):
    Checkpoint(folder, copies=tmp_path / "drive")
    assert Checkpoint(tmp_path / "new machine", copies=tmp_path / "drive").epoch == EPOCHS


def test_copies_that_cannot_be_read_do_not_end_a_training(folder, tmp_path, capsys, monkeypatch):
    newest = checkpoint_module._newest

    def disconnected(where):
        if where.name == "drive":
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        return newest(where)

    monkeypatch.setattr(checkpoint_module, "_newest", disconnected)
    assert Checkpoint(folder, copies=tmp_path / "drive").epoch == EPOCHS
    assert "cannot be read: Transport endpoint" in capsys.readouterr().out


def test_copies_that_cannot_be_written_do_not_end_a_training(undisturbed, tmp_path, capsys):
    (tmp_path / "drive").write_text("a file, where the folder should be")
    trained, checkpoint = train("classifier", tmp_path / "here", copies=tmp_path / "drive")
    assert "The training continues." in capsys.readouterr().out
    assert checkpoint.finished
    np.testing.assert_array_equal(flat(trained), flat(undisturbed["classifier"][0]))


def test_other_callbacks_than_before_are_an_error_with_advice(folder):
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
    checkpoint = Checkpoint(folder, [stopping])
    checkpoint.set_model(network("classifier"))
    with pytest.raises(TrainingError, match=r"saved with 2 callbacks .* now has 1: list the same callbacks"):
        checkpoint._restore()


def test_a_callback_that_counts_nothing_may_be_added_or_removed(folder):
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=2)
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
    checkpoint = Checkpoint(folder, [EpochLogger(["loss"]), plateau, keras.callbacks.History(), stopping])
    checkpoint.set_model(network("classifier"))
    checkpoint.state["callbacks"] = [{"wait": 1.0}, {}, {"wait": 2.0}]
    checkpoint._restore()
    assert (plateau.wait, stopping.wait) == (1.0, 2.0)


def test_only_a_training_that_has_ended_gives_a_network(folder, tmp_path):
    with pytest.raises(TrainingError, match=r"not finished \(epochs: 0\): run the cell"):
        Checkpoint(tmp_path / "new").trained  # noqa: B018
    with pytest.raises(TrainingError, match="isn't loaded"):
        Checkpoint(folder).trained  # noqa: B018 - finished, but not in this session
    built, checkpoint = train("classifier", folder)
    assert checkpoint.trained is built
    built = network("unet")
    with pytest.raises(KeyboardInterrupt):
        train("unet", tmp_path / "stopped", Interrupt(1), built=built)
    assert Checkpoint(tmp_path / "stopped").epoch == 1
    with pytest.raises(TrainingError, match="epochs: 1"):
        Checkpoint(tmp_path / "stopped").trained  # noqa: B018
