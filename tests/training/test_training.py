import keras
import numpy as np
import pytest

from helpers import models
from helpers.config.settings import Schedule
from helpers.splits import classification_split, segmentation_split
from helpers.training import fit
from helpers.training.data_loader import Batches, DeviceMemoryError
from helpers.training.fit import Options
from tests.support.tiny_training import flat

SCHEDULE = Schedule(epochs=2, batch=8, micro_batch=4)


def train(kind, dataset, folder, schedule=SCHEDULE, seed=1, **options):
    """Train a small network of a kind; returns it and its run."""
    keras.utils.set_random_seed(3)
    if kind == "classifier":
        network, split = (
            models.classifier((128, 128, 1), filters=(2, 2)),
            classification_split(dataset.labels, 0),
        )
        return network, fit.train_classifier(
            network, dataset, split, schedule, folder, seed, Options(**options)
        )
    network, split = models.unet(filters=(2, 2, 4)), segmentation_split(len(dataset), 0)
    return network, fit.train_unet(network, dataset, split, schedule, folder, seed, Options(**options))


@pytest.fixture(scope="module", params=["classifier", "unet"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def undisturbed(kind, dataset, tmp_path_factory):
    """A whole training, to compare others with."""
    return train(kind, dataset, tmp_path_factory.mktemp(kind))


def test_the_run_says_what_happened(kind, undisturbed):
    _, run = undisturbed
    measures = ["loss", "accuracy"] + (["tumour_iou", "raw_mean_iou"] if kind == "unet" else [])
    for name in measures:
        assert {name, f"val_{name}"} <= set(run.history.columns)
    assert run.history.index.tolist() == [1, 2]
    assert run.best_epoch == run.history["val_loss"].idxmin()
    assert run.seconds == pytest.approx(run.history["seconds"].sum())
    assert (run.history["learning_rate"] <= 1e-3 + 1e-9).all()
    assert run.epochs_before == 0


def test_an_interrupted_training_resumes(kind, undisturbed, dataset, tmp_path, monkeypatch, capsys):
    def interrupt(callback, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(fit.EpochLogger, "on_epoch_begin", interrupt)
        patched.setattr(fit.EpochLogger, "on_epoch_end", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            train(kind, dataset, tmp_path)
    network, run = train(kind, dataset, tmp_path)
    assert run.epochs_before == 1
    assert "Resuming after epoch 1." in capsys.readouterr().out
    history = undisturbed[1].history.drop(columns="seconds")
    np.testing.assert_array_equal(run.history.drop(columns="seconds"), history)
    np.testing.assert_array_equal(flat(network), flat(undisturbed[0]))


def test_a_finished_training_is_loaded(kind, undisturbed, dataset, capsys):
    network, run = train(kind, dataset, undisturbed[1].folder.parent)
    assert "Already trained, for 2 epochs" in capsys.readouterr().out
    np.testing.assert_array_equal(flat(network), flat(undisturbed[0]))
    assert run.epochs_before == 2
    assert {"epoch-001", "epoch-002", "run.json"} <= {path.name for path in run.folder.iterdir()}


def test_another_seed_or_activation_is_another_training(dataset, tmp_path, capsys):
    once, split = Schedule(1, 24, 24), classification_split(dataset.labels, 0)
    for activation, seed in (("relu", 1), ("relu", 2), ("tanh", 1)):
        network = models.classifier((128, 128, 1), filters=(2,))
        network.layers[1].activation = keras.activations.get(activation)
        fit.train_classifier(network, dataset, split, once, tmp_path, seed)
    assert "Already trained" not in capsys.readouterr().out
    assert len(list(tmp_path.iterdir())) == 3  # and no training replaces another


def test_early_stopping_watches_the_training_loss(dataset, tmp_path, capsys):
    still = Schedule(epochs=20, batch=24, micro_batch=24, learning_rate=0.0)
    network = models.classifier((128, 128, 1), filters=(2,), dropout=0.0)
    split = classification_split(dataset.labels, 0)
    run = fit.train_classifier(network, dataset, split, still, tmp_path, seed=1)
    assert len(run.history) == run.history["loss"].idxmin() + 5 < 20
    again = fit.train_classifier(network, dataset, split, still, tmp_path, seed=1)
    assert len(again.history) == len(run.history)
    assert "Already trained" in capsys.readouterr().out


def test_without_callbacks_every_epoch_is_trained_at_one_rate(dataset, tmp_path):
    still = Schedule(epochs=7, batch=24, micro_batch=24, learning_rate=0.0)
    _, run = train("classifier", dataset, tmp_path, still, adaptive=False)
    assert len(run.history) == 7
    assert "learning_rate" not in run.history


class ResourceExhaustedError(Exception):
    """Has the name of TensorFlow's error."""


@pytest.mark.parametrize(
    ("micro_batch", "advice"),
    [(4, r"Schedule\(epochs=2, batch=8, micro_batch=2, learning_rate=0\.001\), and run the cell again"),
     (1, "Close other notebooks")],
)  # fmt: skip
def test_out_of_memory_is_explained(dataset, tmp_path, monkeypatch, micro_batch, advice):
    def exhausted(self, index):
        raise ResourceExhaustedError("OOM when allocating tensor")

    monkeypatch.setattr(Batches, "__getitem__", exhausted)
    with pytest.raises(DeviceMemoryError, match=rf"{micro_batch} slices at once\..*{advice}"):
        train("classifier", dataset, tmp_path, Schedule(2, 8, micro_batch))


def test_other_errors_are_not_mistaken_for_a_lack_of_memory(dataset, tmp_path, monkeypatch):
    def broken(self, index):
        raise ZeroDivisionError

    monkeypatch.setattr(Batches, "__getitem__", broken)
    with pytest.raises(ZeroDivisionError):
        train("classifier", dataset, tmp_path)
