"""Trainings as the notebook writes them: build, compile, describe, checkpoint, fit."""

import keras
import numpy as np
import pytest

from helpers import models, splits, training
from helpers.training.data_loader import Batches
from tests.support.tiny_training import flat, network, train

EPOCHS = 3


@pytest.fixture(scope="module")
def prepared(dataset):
    """Slices of 128 px in three channels, and a split."""
    images = np.broadcast_to(dataset.images(128)[..., np.newaxis], (len(dataset), 128, 128, 3))
    return images, splits.classification_split(dataset.labels, 0)


def described(dataset, prepared, **changed):
    """The description of a training with some settings changed, and what was described."""
    given = {"filters": (2, 2), "dropout": 0.3, "activation": "relu", "rate": 1e-3, "optimizer": "Adam",
             "loss": "sparse_categorical_crossentropy", "batch": 8, "micro_batch": 8, "seed": 1,
             "patience": 5, "augmentation": None, "epochs": EPOCHS} | changed  # fmt: skip
    images, split = prepared
    keras.utils.set_random_seed(3)
    built = models.classifier((128, 128, 3), filters=given["filters"], dropout=given["dropout"])
    built.layers[0].activation = keras.activations.get(given["activation"])
    built.compile(getattr(keras.optimizers, given["optimizer"])(given["rate"]), given["loss"])
    shuffle = training.Shuffle(given["seed"], given["augmentation"])
    batches = Batches(images, dataset.labels - 1, split.train, given["batch"], given["micro_batch"], shuffle)
    callbacks = [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=given["patience"]),
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=2),
    ]
    description = training.describe_run(dataset, split, built, batches, given["epochs"], callbacks)
    return description, built, batches, callbacks


def test_each_setting_has_its_own_folder(dataset, prepared):
    variants = [
        {}, {"filters": (2, 4)}, {"dropout": 0.0}, {"activation": "tanh"}, {"rate": 1e-4},
        {"optimizer": "SGD"},
        {"loss": keras.losses.SparseCategoricalCrossentropy()},
        {"loss": keras.losses.SparseCategoricalCrossentropy(ignore_class=1)},
        {"batch": 4, "micro_batch": 4}, {"micro_batch": 4}, {"seed": 2}, {"patience": 3},
        {"augmentation": training.Augmentation()}, {"augmentation": training.Augmentation(flip=False)},
        {"epochs": 9},
    ]  # fmt: skip
    keys = [training.run_key(described(dataset, prepared, **variant)[0]) for variant in variants]
    assert len(set(keys)) == len(variants)
    assert keys[0] == training.run_key(described(dataset, prepared)[0])  # of another network, built alike


def test_the_folder_stays_the_same_when_callbacks_have_changed_the_learning_rate(dataset, prepared):
    description, built, batches, callbacks = described(dataset, prepared)
    built.optimizer.learning_rate = 1e-5
    callbacks[0].min_delta *= -1  # as Keras does in `fit`
    split = prepared[1]
    assert training.describe_run(dataset, split, built, batches, EPOCHS, callbacks) == description


def test_a_fixed_budget_ends_with_the_weights_of_the_last_epoch(tmp_path):
    trained, checkpoint = train("classifier", tmp_path / "last", best=False)
    assert checkpoint.best_epoch == len(checkpoint.history) > checkpoint.history["val_loss"].idxmin()
    best, _ = train("classifier", tmp_path / "best")
    assert (flat(best) != flat(trained)).any()
    loaded, again = train("classifier", tmp_path / "last", best=False)
    assert again.finished
    np.testing.assert_array_equal(flat(loaded), flat(trained))


def test_a_training_without_validation_is_saved_and_recorded(dataset, prepared, tmp_path):
    description, built, batches, _ = described(dataset, prepared)
    folder = tmp_path / training.run_key(description)
    checkpoint = training.Checkpoint(folder, [], batches, best=False)
    built.fit(batches, epochs=2, callbacks=[checkpoint], shuffle=False, verbose=0)
    training.write_record(folder, description, checkpoint.history)
    record = training.read_record(folder)
    assert (record["epochs"], record["best_epoch"]) == (2, 2)
    assert record["training"]["batch"] == 8
    assert "val_loss" not in record["best"]


def test_a_trained_network_does_not_begin_another_training(tmp_path):
    built = network("classifier")
    train("classifier", tmp_path / "first", built=built)
    with pytest.raises(training.TrainingError, match="run the cells that build and compile it again"):
        train("classifier", tmp_path / "second", built=built)
    train("classifier", tmp_path / "first", built=built)  # but its own is loaded


def test_another_number_of_epochs_needs_another_checkpoint(tmp_path):
    train("classifier", tmp_path, epochs=2)
    with pytest.raises(training.TrainingError, match=r"is for 2 epochs, and `fit` was given 3"):
        train("classifier", tmp_path, epochs=3)


def test_the_metrics_of_the_unet(rng):
    built = models.unet((32, 32, 1), filters=(2, 4))
    images = rng.integers(0, 256, (8, 32, 32), dtype=np.uint8)
    batches = Batches(images, (images > 200).astype(np.uint8), np.arange(8), 4, 2, training.Shuffle(0))
    tumour_iou = keras.metrics.IoU(2, target_class_ids=[1], sparse_y_pred=False, name="tumour_iou")
    built.compile(
        keras.optimizers.Adam(gradient_accumulation_steps=2),
        "sparse_categorical_crossentropy",
        metrics=["accuracy", tumour_iou, training.ReportIoU()],
    )
    history = built.fit(batches, validation_data=batches, shuffle=False, verbose=0).history
    names = {"loss", "accuracy", "tumour_iou", "report_iou"}
    assert set(history) == names | {f"val_{name}" for name in names}


class ResourceExhaustedError(Exception):
    """Has the name of TensorFlow's error."""


def raise_in_training(error, micro_batch=4):
    batches = Batches(np.zeros((8, 4, 4), np.uint8), np.zeros(8), np.arange(8), 8, micro_batch)
    batches.epoch = 3
    with training.explain_errors(batches):
        raise error


@pytest.mark.parametrize(
    ("micro_batch", "advice"), [(4, "Set micro_batch = 2"), (1, "Close other notebooks")]
)
def test_out_of_memory_is_explained(micro_batch, advice):
    with pytest.raises(training.DeviceMemoryError, match=rf"{micro_batch} slices at once\. {advice}"):
        raise_in_training(ResourceExhaustedError("OOM when allocating tensor"), micro_batch)


def test_an_interruption_ends_in_one_sentence():
    with pytest.raises(training.TrainingInterruptedError, match=r"stopped\. Run the cell again"):
        raise_in_training(KeyboardInterrupt())


def test_other_errors_are_not_mistaken_for_a_lack_of_memory():
    with pytest.raises(ZeroDivisionError):
        raise_in_training(ZeroDivisionError())
