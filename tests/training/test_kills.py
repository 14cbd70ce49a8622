"""Trainings that are killed (SIGKILL) and resumed in another process."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be killed")

# Each session is killed in this phase of this epoch (from 1), and the next one resumes.
SESSIONS = [
    ("in mid-epoch", 1),
    ("while writing weights", 1),
    ("while removing outdated states", 2),  # the weights before the first epoch, as there are better ones
    ("before the state is renamed", 3),
    ("while copying", 4),
]


def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)


def fuse(phase, epoch):
    """A callback that kills its process."""
    import keras

    class Fuse(keras.callbacks.Callback):
        def on_epoch_begin(self, current, logs=None):
            self.lit = current + 1 == epoch

        def on_train_batch_end(self, batch, logs=None):
            if self.lit and phase == "in mid-epoch" and batch == 2:
                die()

        def on_epoch_end(self, current, logs=None):  # before that of `Checkpoint`
            if self.lit:
                arm_the_checkpoint(phase)

    return Fuse()


def arm_the_checkpoint(phase):
    import h5py

    from helpers.training import checkpoint

    write, written = h5py.Group.create_dataset, []

    def torn_weights(group, *args, **kwargs):
        written.append(write(group, *args, **kwargs))
        if len(written) == 3:
            group.file.flush()
            die()
        return written[-1]

    if phase == "while writing weights":
        h5py.Group.create_dataset = torn_weights
    elif phase == "before the state is renamed":
        Path.rename = die
    elif phase == "while removing outdated states":
        checkpoint.shutil.rmtree = lambda path: (next(path.iterdir()).unlink(), die())
    elif phase == "while copying":
        checkpoint.shutil.copytree = lambda _, to, **__: (
            (to / checkpoint.WEIGHTS).write_bytes(b"HDF"),
            die(),
        )


def session(kind, folder, phase=None, epoch=None):
    """What a student's cell does, in a process of its own."""
    from helpers.training.checkpoint import Checkpoint
    from tests.support.tiny_training import curves, flat, train

    resumed_after = Checkpoint(folder / "run", copies=folder / "copies", verbose=False).epoch
    before = [fuse(phase, epoch)] if phase else []
    trained, checkpoint = train(kind, folder / "run", *before, copies=folder / "copies")
    result = {"weights": flat(trained), "history": curves(checkpoint).to_numpy()}
    np.savez(folder / "result.npz", resumed_after=resumed_after, **result)


@pytest.fixture(scope="module")
def processes():
    """Processes that start with Keras imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.tiny_training", "helpers.training.checkpoint"])
    return context


def start(processes, *arguments):
    process = processes.Process(target=session, args=arguments)
    process.start()
    return process


def finished(processes, kind, folder):
    process = start(processes, kind, folder)
    process.join(300)
    assert process.exitcode == 0
    return np.load(folder / "result.npz")


@pytest.fixture(scope="module", params=["classifier", "unet"])
def undisturbed(request, processes, tmp_path_factory):
    """The kind of a network, and the result of its training."""
    return request.param, finished(processes, request.param, tmp_path_factory.mktemp(request.param))


def assert_same(ours, theirs):
    np.testing.assert_array_equal(ours["weights"], theirs["weights"])
    np.testing.assert_array_equal(ours["history"], theirs["history"])


def test_killed_in_every_phase_it_ends_with_the_weights_of_an_undisturbed_training(
    processes, undisturbed, tmp_path
):
    kind, expected = undisturbed
    for phase, epoch in SESSIONS:
        killed = start(processes, kind, tmp_path, phase, epoch)
        killed.join(300)
        assert killed.exitcode == -signal.SIGKILL, phase
    ours = finished(processes, kind, tmp_path)
    assert ours["resumed_after"] >= 3
    assert_same(ours, expected)


@pytest.mark.parametrize("undisturbed", ["classifier"], indirect=True)
def test_killed_at_random_moments(processes, undisturbed, tmp_path):
    kind, expected = undisturbed
    rng = np.random.default_rng(int(time.time()))  # other moments in each run of the tests
    for _ in range(2):
        killed = start(processes, kind, tmp_path)
        while killed.is_alive() and not (tmp_path / "run").is_dir():
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 2))
        killed.kill()
        killed.join(60)
    assert_same(finished(processes, kind, tmp_path), expected)


@pytest.mark.parametrize("undisturbed", ["classifier"], indirect=True)
def test_a_new_machine_resumes_from_the_copies(processes, undisturbed, tmp_path):
    kind, expected = undisturbed
    killed = start(processes, kind, tmp_path, "in mid-epoch", 3)
    killed.join(300)
    assert killed.exitcode == -signal.SIGKILL
    (tmp_path / "run").rename(tmp_path / "lost")
    ours = finished(processes, kind, tmp_path)
    assert ours["resumed_after"] == 2
    assert_same(ours, expected)
