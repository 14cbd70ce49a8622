import keras
import numpy as np
import pytest

from helpers import models
from helpers.config.settings import Schedule
from helpers.splits import classification_split, segmentation_split
from helpers.training import fit
from helpers.training.data_loader import Batches
from helpers.training.fit import Options, TrainingError
from helpers.training.memory import DeviceTooSmallError

SCHEDULE = Schedule(epochs=4, batch=8, micro_batch=4)


def small_classifier():
    keras.utils.set_random_seed(3)
    return models.classifier((128, 128, 1), filters=(4, 4))


def small_unet():
    keras.utils.set_random_seed(3)
    return models.unet(filters=(4, 4, 8))


def train(kind, dataset, folder, schedule=SCHEDULE, seed=1):
    """Trains a small network of a kind; returns it and its run."""
    if kind == "classifier":
        network, split = small_classifier(), classification_split(dataset.labels, seed=0)
        return network, fit.train_classifier(network, dataset, split, schedule, folder, seed)
    network, split = small_unet(), segmentation_split(len(dataset), seed=0)
    return network, fit.train_unet(network, dataset, split, schedule, folder, seed)


def flat(network):
    return np.concatenate(
        [weights.ravel() for weights in network.get_weights() if weights.dtype == np.float32]
    )


@pytest.fixture(scope="module", params=["classifier", "unet"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def undisturbed(kind, dataset, tmp_path_factory):
    """A whole training, to compare others with."""
    return train(kind, dataset, tmp_path_factory.mktemp(kind))


def test_the_run_says_what_happened(kind, undisturbed, capsys):
    _, run = undisturbed
    measures = ["loss", "accuracy"] + (["tumour_iou", "raw_mean_iou"] if kind == "unet" else [])
    for name in measures:
        assert {name, f"val_{name}"} <= set(run.history.columns)
    assert run.history.index.tolist() == [1, 2, 3, 4]
    assert run.best_epoch == run.history["val_loss"].idxmin()
    assert run.seconds == pytest.approx(run.history["seconds"].sum())
    assert (run.history["learning_rate"] <= 1e-3 + 1e-9).all()
    assert run.epochs_before == 0


def test_the_same_seed_gives_the_same_weights(kind, undisturbed, dataset, tmp_path):
    network, run = train(kind, dataset, tmp_path)
    np.testing.assert_array_equal(flat(network), flat(undisturbed[0]))
    np.testing.assert_array_equal(run.history["loss"], undisturbed[1].history["loss"])


@pytest.mark.parametrize("epoch", [0, 1, 3])
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(
    kind, undisturbed, dataset, tmp_path, monkeypatch, capsys, epoch
):
    def interrupt(callback, started, logs=None):
        if started == epoch:
            raise KeyboardInterrupt

    begin = fit.EpochLines.on_epoch_begin
    monkeypatch.setattr(
        fit.EpochLines,
        "on_epoch_begin",
        lambda self, e, logs=None: (interrupt(self, e), begin(self, e, logs)),
    )
    with pytest.raises(KeyboardInterrupt):
        train(kind, dataset, tmp_path)
    monkeypatch.undo()
    network, run = train(kind, dataset, tmp_path)
    assert run.epochs_before == epoch
    assert ("Going on after epoch" in capsys.readouterr().out) == (epoch > 0)
    columns = [name for name in run.history if not name.endswith("seconds")]
    np.testing.assert_array_equal(run.history[columns], undisturbed[1].history[columns])
    np.testing.assert_array_equal(flat(network), flat(undisturbed[0]))


def test_run_again_in_the_same_session(dataset, tmp_path, monkeypatch):
    """After updates but before any checkpoint, with the network as they left it."""
    split = classification_split(dataset.labels, seed=0)

    def go(network, folder):
        return fit.train_classifier(network, dataset, split, SCHEDULE, tmp_path / folder, seed=1)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    network = small_classifier()
    monkeypatch.setattr(fit.EpochLines, "on_epoch_end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        go(network, "interrupted")
    monkeypatch.undo()
    run = go(network, "interrupted")  # the same object, as when a student runs the cell again
    undisturbed = small_classifier()
    whole = go(undisturbed, "undisturbed")
    np.testing.assert_array_equal(flat(network), flat(undisturbed))
    np.testing.assert_array_equal(run.history["val_loss"], whole.history["val_loss"])


def train_once(dataset, folder):
    """One epoch of the small classifier."""
    network, split = small_classifier(), classification_split(dataset.labels, seed=0)
    return fit.train_classifier(network, dataset, split, Schedule(1, 8, 4), folder, seed=1)


def test_a_loss_that_is_never_a_number(dataset, tmp_path):
    network, split = small_classifier(), classification_split(dataset.labels, seed=0)
    network.set_weights([weights * np.float32("nan") for weights in network.get_weights()])
    with pytest.raises(TrainingError, match=r"smaller learning rate than 0\.001"):
        fit.train_classifier(network, dataset, split, Schedule(1, 8, 4), tmp_path, seed=1)


def test_a_finished_training_is_loaded(kind, undisturbed, dataset, capsys):
    network, run = train(kind, dataset, undisturbed[1].folder.parent)
    assert "Already trained, for 4 epochs" in capsys.readouterr().out
    np.testing.assert_array_equal(flat(network), flat(undisturbed[0]))
    assert run.epochs_before == 4
    names = {path.name for path in run.folder.iterdir()}
    assert {"epoch-003.json", "epoch-004.json", "epoch-004.weights.h5", "run.json"} <= names
    assert f"epoch-{run.best_epoch:03d}.weights.h5" in names
    assert "epoch-002.json" not in names


def test_another_seed_is_another_training(dataset, tmp_path, capsys):
    train("classifier", dataset, tmp_path, Schedule(1, 8, 4))
    train("classifier", dataset, tmp_path, Schedule(1, 8, 4), seed=2)
    assert "Already trained" not in capsys.readouterr().out
    assert len(list(tmp_path.iterdir())) == 2  # and leaves the first alone


def test_another_activation_is_another_training(dataset, tmp_path, capsys):
    split = classification_split(dataset.labels, seed=0)
    for activation in ("relu", "tanh"):
        network = small_classifier()
        network.layers[1].activation = keras.activations.get(activation)
        fit.train_classifier(network, dataset, split, Schedule(1, 8, 4), tmp_path, seed=1)
    assert "Already trained" not in capsys.readouterr().out


def test_what_fits_is_found_out_anew_on_another_device(dataset, tmp_path, monkeypatch, capsys):
    split, schedule = classification_split(dataset.labels, seed=0), Schedule(2, 8, None)
    arguments = dataset, split, schedule, tmp_path, 1, Options(xla=False)
    begin = fit.EpochLines.on_epoch_begin

    def lost(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt
        begin(self, epoch, logs)

    with monkeypatch.context() as gpu:
        gpu.setattr(fit.memory, "on_gpu", lambda: True)
        gpu.setattr(fit.memory, "micro_batch", lambda network, batch: 8)
        gpu.setattr(fit.EpochLines, "on_epoch_begin", lost)
        with pytest.raises(KeyboardInterrupt):
            fit.train_classifier(small_classifier(), *arguments)
    monkeypatch.setattr(fit.memory, "micro_batch", lambda network, batch: 2)
    run = fit.train_classifier(small_classifier(), *arguments)
    assert run.micro_batch == 2
    assert run.epochs_before == 1
    assert "This is a CPU, not a GPU as before: 2 slices at once." in capsys.readouterr().out


def test_early_stopping_watches_the_training_loss(dataset, tmp_path, capsys):
    still = Schedule(epochs=20, batch=8, micro_batch=8, learning_rate=0.0)
    network = models.classifier((128, 128, 1), filters=(2,), dropout=0.0)
    split = classification_split(dataset.labels, seed=0)
    run = fit.train_classifier(network, dataset, split, still, tmp_path, seed=1)
    assert len(run.history) == run.history["loss"].idxmin() + 5 < 20
    again = fit.train_classifier(network, dataset, split, still, tmp_path, seed=1)
    assert len(again.history) == len(run.history)
    assert "Already trained" in capsys.readouterr().out


@pytest.mark.parametrize("epoch", [2, 4])
def test_what_the_callbacks_have_counted_is_not_forgotten(dataset, tmp_path, monkeypatch, epoch):
    """A loss that stands still: each of them counts, and acts after so many epochs."""
    split = classification_split(dataset.labels, seed=0)
    still = Schedule(epochs=20, batch=24, micro_batch=24, learning_rate=1e-20)

    def go(folder):
        keras.utils.set_random_seed(3)
        network = models.classifier((128, 128, 1), filters=(2,), dropout=0.0)
        return fit.train_classifier(network, dataset, split, still, tmp_path / folder, seed=1)

    def interrupt(callback, started, logs=None):
        begin(callback, started, logs)
        if started == epoch:
            raise KeyboardInterrupt

    whole = go("undisturbed").history
    assert len(whole) < 20 and whole["learning_rate"].nunique() > 1
    begin = fit.EpochLines.on_epoch_begin
    monkeypatch.setattr(fit.EpochLines, "on_epoch_begin", interrupt)
    with pytest.raises(KeyboardInterrupt):
        go("interrupted")
    monkeypatch.undo()
    again = go("interrupted").history
    assert again["learning_rate"].tolist() == whole["learning_rate"].tolist()


def test_an_exact_number_of_steps_at_one_rate(dataset, tmp_path, capsys):
    still = Schedule(epochs=7, batch=8, micro_batch=8, learning_rate=0.0)
    network = models.classifier((128, 128, 1), filters=(2,), dropout=0.0)
    split = classification_split(dataset.labels, seed=0)
    run = fit.train_classifier(
        network, dataset, split, still, tmp_path, seed=1, options=Options(adaptive=False)
    )
    assert len(run.history) == 7
    assert "learning_rate" not in run.history
    spent = run.time_spent
    assert (spent >= 0).all()
    assert spent.drop("checkpoints").sum() == pytest.approx(run.seconds)
    assert spent["validation"] > 0 and spent["checkpoints"] > 0
    assert "computing" in capsys.readouterr().out.splitlines()[-1]


class ResourceExhaustedError(Exception):
    """Stands in for TensorFlow's, which has the same name."""


@pytest.mark.parametrize("after", [1, 5])  # 3 updates an epoch: in the first one, in the second
def test_out_of_memory_halves_the_micro_batch(dataset, tmp_path, monkeypatch, capsys, after):
    split = classification_split(dataset.labels, seed=0)

    def go(network, micro_batch):
        schedule = Schedule(epochs=2, batch=8, micro_batch=micro_batch)
        folder = tmp_path / str(micro_batch)
        return fit.train_classifier(network, dataset, split, schedule, folder, seed=1)

    undisturbed, network = small_classifier(), small_classifier()
    go(undisturbed, 2)
    serve, served = Batches.__getitem__, []

    def exhausted(self, index):
        micro = serve(self, index)
        served.append(len(micro[0]))
        if len(micro[0]) > 2 and len(served) > after:
            raise ResourceExhaustedError("OOM when allocating tensor")
        return micro

    monkeypatch.setattr(Batches, "__getitem__", exhausted)
    run = go(network, 8)
    printed = capsys.readouterr().out
    assert "8 slices at once do not fit into memory: going on with 4." in printed
    assert "4 slices at once do not fit into memory: going on with 2." in printed
    assert run.micro_batch == 2
    assert run.history.index.tolist() == [1, 2]
    if after == 1:  # from the same state: as if there had been 2 from the start
        np.testing.assert_array_equal(flat(network), flat(undisturbed))


def test_not_even_one_slice_fits(dataset, tmp_path, monkeypatch):
    def exhausted(self, index):
        raise ResourceExhaustedError

    monkeypatch.setattr(Batches, "__getitem__", exhausted)
    with pytest.raises(DeviceTooSmallError, match="does not even hold one slice"):
        train("classifier", dataset, tmp_path)


def test_other_errors_are_not_taken_for_a_lack_of_memory(dataset, tmp_path, monkeypatch):
    def broken(self, index):
        raise ZeroDivisionError

    monkeypatch.setattr(Batches, "__getitem__", broken)
    with pytest.raises(ZeroDivisionError):
        train("classifier", dataset, tmp_path)


def test_the_learning_rate_falls_on_a_plateau(dataset, tmp_path):
    network = models.classifier((128, 128, 1), filters=(2,), dropout=0.0)
    network.trainable_variables[0].assign(network.trainable_variables[0] * 0)
    huge = Schedule(epochs=7, batch=24, micro_batch=24, learning_rate=30.0)
    split = classification_split(dataset.labels, seed=0)
    run = fit.train_classifier(network, dataset, split, huge, tmp_path, seed=1)
    assert run.history["learning_rate"].iloc[-1] < 30.0
