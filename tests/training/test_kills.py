"""Trainings that are really killed (SIGKILL), and go on in another process."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from helpers.config.settings import Schedule

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be killed")

EPOCHS = 5
# Each session is killed where it says, in the epoch that it says, and the next one goes on.
SESSIONS = [
    ("in mid-epoch", 1),
    ("while writing weights", 1),
    ("between weights and state", 2),
    ("while writing the state", 2),
    ("in the validation", 3),
    ("while removing what is outdated", 4),
    ("while copying", 5),
]


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def arm(phase, epoch):
    """Makes this process kill itself at a phase of an epoch (counted from 1)."""
    from helpers.training import fit

    class Fused(fit.EpochLines):
        def on_epoch_begin(self, current, logs=None):
            super().on_epoch_begin(current, logs)
            self.lit = current + 1 == epoch

        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            if self.lit and phase == "in mid-epoch" and batch == 2:
                die()

        def on_test_batch_end(self, batch, logs=None):
            if self.lit and phase == "in the validation":
                die()

        def on_epoch_end(self, current, logs=None):  # stands before `Checkpoint`
            super().on_epoch_end(current, logs)
            if self.lit:
                arm_the_checkpoint(phase)

    fit.EpochLines = Fused


def arm_the_checkpoint(phase):
    import h5py

    from helpers.training import generations

    write, written, replace = h5py.Group.create_dataset, [], Path.replace

    def torn_weights(group, *args, **kwargs):
        written.append(write(group, *args, **kwargs))
        if len(written) == 3:
            group.file.flush()
            die()
        return written[-1]

    if phase == "while writing weights":
        h5py.Group.create_dataset = torn_weights
    elif phase == "between weights and state":
        generations.write_json = die
    elif phase == "while writing the state":
        Path.replace = lambda path, to: die() if path.suffix == ".aside" else replace(path, to)
    elif phase == "while removing what is outdated":
        Path.unlink = die
    elif phase == "while copying":
        generations.shutil.copyfile = lambda source, to: (Path(to).write_bytes(b"torn"), die())


def session(kind, data_folder, folder, out, phase=None, epoch=None):
    """What a student's cell does, in a process of its own."""
    import keras

    from helpers import models
    from helpers.datasets.dataset import Dataset
    from helpers.splits import classification_split, segmentation_split
    from helpers.training import fit

    if phase:
        arm(phase, epoch)
    dataset = Dataset.open(data_folder)
    keras.utils.set_random_seed(3)
    schedule = Schedule(epochs=EPOCHS, batch=8, micro_batch=4, learning_rate=2e-3)
    options = fit.Options(copies=folder / "copies", augmentation=fit.Augmentation())
    if kind == "classifier":
        network = models.classifier((128, 128, 1), filters=(2, 2))
        split, train = classification_split(dataset.labels, seed=0), fit.train_classifier
    else:
        network = models.unet(filters=(2, 2, 4))
        split, train = segmentation_split(len(dataset), seed=0), fit.train_unet
    run = train(network, dataset, split, schedule, folder / "run", 1, options)
    columns = [name for name in run.history if not name.endswith("seconds")]
    weights = np.concatenate([np.ravel(value) for value in network.get_weights()])
    np.savez(out, weights=weights, history=run.history[columns].to_numpy(), before=run.epochs_before)


@pytest.fixture(scope="module")
def processes():
    """Processes that start with Keras imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["keras", "helpers.training.fit"])
    return context


def start(processes, *arguments):
    process = processes.Process(target=session, args=arguments)
    process.start()
    return process


def finished(processes, *arguments):
    process = start(processes, *arguments)
    process.join(300)
    assert process.exitcode == 0
    return np.load(arguments[3])


@pytest.mark.parametrize("kind", ["classifier", "unet"])
def test_killed_at_every_phase_it_ends_as_if_nothing_had_happened(processes, dataset, tmp_path, kind):
    undisturbed = finished(processes, kind, dataset.folder, tmp_path / "a", tmp_path / "a.npz")
    for phase, epoch in SESSIONS:
        killed = start(processes, kind, dataset.folder, tmp_path / "b", tmp_path / "b.npz", phase, epoch)
        killed.join(300)
        assert killed.exitcode == -signal.SIGKILL, phase
    again = finished(processes, kind, dataset.folder, tmp_path / "b", tmp_path / "b.npz")
    assert again["before"] == EPOCHS  # it was killed after its last state was whole, while copying
    np.testing.assert_array_equal(again["weights"], undisturbed["weights"])
    np.testing.assert_array_equal(again["history"], undisturbed["history"])


def test_killed_at_random_moments(processes, dataset, tmp_path):
    undisturbed = finished(processes, "classifier", dataset.folder, tmp_path / "a", tmp_path / "a.npz")
    rng = np.random.default_rng(int(time.time()))  # other moments in each run of the tests
    for _ in range(3):
        killed = start(processes, "classifier", dataset.folder, tmp_path / "b", tmp_path / "b.npz")
        wait_for(tmp_path / "b" / "run", killed)
        time.sleep(rng.uniform(0, 3))
        killed.kill()
        killed.join(60)
    again = finished(processes, "classifier", dataset.folder, tmp_path / "b", tmp_path / "b.npz")
    np.testing.assert_array_equal(again["weights"], undisturbed["weights"])
    np.testing.assert_array_equal(again["history"], undisturbed["history"])


def wait_for(folder, process):
    """Waits until a training has begun to write."""
    while process.is_alive() and not folder.is_dir():
        time.sleep(0.02)


def test_a_new_machine_goes_on_from_the_copies(processes, dataset, tmp_path):
    undisturbed = finished(processes, "classifier", dataset.folder, tmp_path / "a", tmp_path / "a.npz")
    job = ("classifier", dataset.folder, tmp_path / "b", tmp_path / "b.npz")
    start(processes, *job, "in mid-epoch", 3).join(300)
    (tmp_path / "b" / "run").rename(tmp_path / "lost")
    again = finished(processes, *job)
    assert again["before"] == 2
    np.testing.assert_array_equal(again["weights"], undisturbed["weights"])
