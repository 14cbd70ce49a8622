import keras
import numpy as np
import pytest

from helpers import models, training
from helpers.settings import Schedule
from helpers.splits import classification_split, segmentation_split
from helpers.training import TrainingError

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
        return network, training.train_classifier(network, dataset, split, schedule, folder, seed)
    network, split = small_unet(), segmentation_split(len(dataset), seed=0)
    return network, training.train_unet(network, dataset, split, schedule, folder, seed)


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

    begin = training.EpochLines.on_epoch_begin
    monkeypatch.setattr(
        training.EpochLines,
        "on_epoch_begin",
        lambda self, e, logs=None: (interrupt(self, e), begin(self, e, logs)),
    )
    with pytest.raises(KeyboardInterrupt):
        train(kind, dataset, tmp_path)
    monkeypatch.undo()
    network, run = train(kind, dataset, tmp_path)
    assert run.epochs_before == epoch
    assert ("Going on after epoch" in capsys.readouterr().out) == (epoch > 0)
    columns = [name for name in run.history if name != "seconds"]
    np.testing.assert_array_equal(run.history[columns], undisturbed[1].history[columns])
    np.testing.assert_array_equal(flat(network), flat(undisturbed[0]))


@pytest.mark.parametrize("moment", ["EpochLines", "Checkpoint"])
def test_interrupted_at_an_awkward_moment(dataset, tmp_path, monkeypatch, moment):
    """After updates but before any checkpoint; and between Keras's callback and ours."""
    split = classification_split(dataset.labels, seed=0)

    def go(network, folder):
        return training.train_classifier(network, dataset, split, SCHEDULE, tmp_path / folder, seed=1)

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    network = small_classifier()
    monkeypatch.setattr(getattr(training, moment), "on_epoch_end", interrupt)
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
    return training.train_classifier(network, dataset, split, Schedule(1, 8, 4), folder, seed=1)


def test_a_stale_file_is_not_taken_for_the_best(dataset, tmp_path):
    folder = train_once(dataset, tmp_path).folder
    (folder / "state.json").unlink()
    (folder / "best.new.weights.h5").write_bytes(b"torn")
    assert train_once(dataset, tmp_path).best_epoch == 1


@pytest.mark.parametrize("content", ["", "{", '{"key": "older version"}', "[1]"])
def test_an_unreadable_state_means_training_afresh(dataset, tmp_path, content):
    folder = train_once(dataset, tmp_path).folder
    (folder / "state.json").write_text(content)
    assert train_once(dataset, tmp_path).epochs_before == 0


def test_damaged_weights_are_named(dataset, tmp_path):
    folder = train_once(dataset, tmp_path).folder
    (folder / "best-001.weights.h5").write_bytes(b"torn")
    with pytest.raises(TrainingError, match=r"best-001\.weights\.h5 is damaged\. Delete"):
        train_once(dataset, tmp_path)


def test_a_loss_that_is_never_a_number(dataset, tmp_path):
    network, split = small_classifier(), classification_split(dataset.labels, seed=0)
    network.set_weights([weights * np.float32("nan") for weights in network.get_weights()])
    with pytest.raises(TrainingError, match=r"smaller learning rate than 0\.001"):
        training.train_classifier(network, dataset, split, Schedule(1, 8, 4), tmp_path, seed=1)


def test_a_finished_training_is_loaded(kind, undisturbed, dataset, capsys):
    network, run = train(kind, dataset, undisturbed[1].folder.parent)
    assert "Already trained, for 4 epochs" in capsys.readouterr().out
    np.testing.assert_array_equal(flat(network), flat(undisturbed[0]))
    assert run.epochs_before == 4
    assert sorted(path.name for path in run.folder.glob("*")) == sorted(
        {f"best-{run.best_epoch:03d}.weights.h5", "epoch-004.weights.h5", "run.json", "state.json"}
    )


def test_another_seed_is_another_training(dataset, tmp_path, capsys):
    train("classifier", dataset, tmp_path, Schedule(1, 8, 4))
    train("classifier", dataset, tmp_path, Schedule(1, 8, 4), seed=2)
    assert "Already trained" not in capsys.readouterr().out
    assert len(list(tmp_path.iterdir())) == 2  # and leaves the first alone


def test_early_stopping_watches_the_training_loss(dataset, tmp_path, capsys):
    still = Schedule(epochs=20, batch=8, micro_batch=8, learning_rate=0.0)
    network = models.classifier((128, 128, 1), filters=(2,), dropout=0.0)
    split = classification_split(dataset.labels, seed=0)
    run = training.train_classifier(network, dataset, split, still, tmp_path, seed=1)
    assert len(run.history) == run.history["loss"].idxmin() + 5 < 20
    again = training.train_classifier(network, dataset, split, still, tmp_path, seed=1)
    assert len(again.history) == len(run.history)
    assert "Already trained" in capsys.readouterr().out


def test_the_learning_rate_falls_on_a_plateau(dataset, tmp_path):
    network = models.classifier((128, 128, 1), filters=(2,), dropout=0.0)
    network.trainable_variables[0].assign(network.trainable_variables[0] * 0)
    huge = Schedule(epochs=7, batch=24, micro_batch=24, learning_rate=30.0)
    split = classification_split(dataset.labels, seed=0)
    run = training.train_classifier(network, dataset, split, huge, tmp_path, seed=1)
    assert run.history["learning_rate"].iloc[-1] < 30.0


def test_losses_are_one_number_a_slice(rng):
    truth = rng.integers(0, 2, (3, 8, 8))
    probabilities = rng.dirichlet([1, 1], (3, 8, 8)).astype(np.float32)
    loss = keras.ops.convert_to_numpy(training.crossentropy_per_slice(truth, probabilities))
    expected = -np.log(np.take_along_axis(probabilities, truth[..., None], -1)[..., 0]).mean(axis=(1, 2))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    right = keras.ops.convert_to_numpy(training.accuracy_per_slice(truth, probabilities))
    np.testing.assert_allclose(right, (probabilities.argmax(-1) == truth).mean(axis=(1, 2)), rtol=1e-6)


def test_both_ious_on_a_nearly_perfect_mask():
    truth = np.zeros((2, 10, 10), int)
    truth[:, 2:4, 2:5] = 1
    tumour = np.where(truth, 0.99, 0.01).astype(np.float32)
    probabilities = np.stack([1 - tumour, tumour], axis=-1)
    ours, theirs = training.TumourIoU(), training.RawMeanIoU()
    for metric in (ours, theirs):
        metric.update_state(truth, probabilities)
    assert float(ours.result()) == pytest.approx(1)
    assert float(theirs.result()) == pytest.approx((1 - 0.06) / 2, abs=1e-6)
