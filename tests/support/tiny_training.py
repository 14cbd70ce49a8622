"""A training of a second or two, written as in a notebook: 18 slices of noise, networks of a few filters."""

import keras
import numpy as np

from helpers import models, training

EPOCHS = 4


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C at the beginning of an epoch, counted from 0."""

    def __init__(self, epoch):
        super().__init__()
        self.at = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.at:
            raise KeyboardInterrupt


def network(kind, dropout=0.3):
    keras.utils.set_random_seed(3)
    if kind == "classifier":
        return models.classifier((32, 32, 1), filters=(2, 2), dropout=dropout)
    return models.unet((32, 32, 1), filters=(2, 4), dropout=dropout)


def train(kind, folder, *before, built=None, copies=None, best=True, epochs=EPOCHS, learning_rate=2e-3):
    """Train, or resume; `before` are callbacks before the others. Returns the network and its checkpoint."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (24, 32, 32), dtype=np.uint8)
    targets = np.arange(24) % 3 if kind == "classifier" else (images > 200).astype(np.uint8)
    built = built or network(kind)
    optimizer = keras.optimizers.Adam(learning_rate, gradient_accumulation_steps=2)
    built.compile(optimizer, "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    shuffle = training.Shuffle(1, training.Augmentation())
    batches = training.Batches(images, targets, np.arange(18), 6, 3, shuffle)
    plateau = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=2)
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
    checkpoint = training.Checkpoint(folder, [plateau, stopping], batches, copies, best)
    built.fit(
        batches,
        validation_data=training.Batches(images, targets, np.arange(18, 24), 3),
        initial_epoch=checkpoint.epoch,
        epochs=epochs,
        callbacks=[*before, plateau, stopping, checkpoint],
        shuffle=False,
        verbose=0,
    )
    return built, checkpoint


def flat(network):
    """All weights of a network, one after the other."""
    return np.concatenate([np.ravel(weights) for weights in network.get_weights()])


def curves(checkpoint):
    """The history without its seconds."""
    return checkpoint.history.drop(columns="seconds")
