"""Kernels that are restarted while a cell runs, as in Colab; then the cells are run again from the top."""

import hashlib
import os
import time

import pytest
from jupyter_client.manager import start_new_kernel

from tests.support.misbehaving_server import CONTENT, running

SECONDS = 120  # of patience; a busy machine is no reason to fail
TRAINING = [
    """
import keras
import numpy as np
from helpers import models, training
from helpers.datasets.dataset import Dataset
from helpers.splits import classification_split

dataset = Dataset.open({dataset!r})
split = classification_split(dataset.labels, seed=0)
""",
    """
keras.utils.set_random_seed(3)
network = models.classifier((128, 128, 1), filters=(2, 2))
network.compile(keras.optimizers.Adam(gradient_accumulation_steps=2), "sparse_categorical_crossentropy")
parts = [training.Batches(dataset.images(128), dataset.labels - 1, rows, 8, 4, training.Shuffle(1))
         for rows in (split.train, split.validation)]
checkpoint = training.Checkpoint({folder!r}, [], parts[0])
before = len(checkpoint.history)
network.fit(parts[0], validation_data=parts[1], epochs=30, initial_epoch=checkpoint.epoch, shuffle=False,
            verbose=0, callbacks=[checkpoint, training.EpochLogger(["loss"])])
""",
    "print('Before:', before, 'in all:', len(checkpoint.history))",
]
DOWNLOAD = [
    """
from helpers.datasets import download, sources
from helpers.config import settings

download.REGISTRY = {{"a.zip": download.PublishedFile(1, {length}, {md5!r})}}
download.ROUTES, download.DATASET_BYTES, download.CHUNK_BYTES = ({route!r},), 0, 1000
course = settings.load({{"COURSE_DATA": "figshare", "COURSE_HOME": {home!r}}})
""",
    "folder = sources.fetch(course)",
    "print('In', folder)",
]


class Notebook:
    """Cells and their kernel."""

    def __init__(self, cells, folder):
        self.cells = cells
        environ = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "NO_PROXY": "127.0.0.1"}
        self.manager, self.client = start_new_kernel(
            kernel_name="python3", startup_timeout=SECONDS, cwd=str(folder), env=environ
        )

    def run(self, cell, until=None):
        """Runs a cell to its end, or until it has printed something; returns what it printed."""
        asked, out = self.client.execute(self.cells[cell]), ""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            message = self.client.get_iopub_msg(timeout=SECONDS)
            if message["parent_header"].get("msg_id") != asked:
                continue
            kind, content = message["msg_type"], message["content"]
            assert kind != "error", content
            out += content["text"] if kind == "stream" else ""
            if (kind == "status" and content["execution_state"] == "idle") or (until and until in out):
                return out
        raise TimeoutError(out)

    def restart(self):
        self.manager.restart_kernel(now=True)  # SIGKILL, as for Runtime > Restart session
        self.client.wait_for_ready(timeout=SECONDS)


@pytest.fixture
def notebook(request):
    def opened(cells, folder):
        one = Notebook(cells, folder)
        request.addfinalizer(lambda: one.manager.shutdown_kernel(now=True))
        request.addfinalizer(one.client.stop_channels)
        return one

    return opened


@pytest.fixture
def in_the_course(monkeypatch):
    from helpers.config.settings import COURSE_FOLDER

    monkeypatch.setenv("PYTHONPATH", str(COURSE_FOLDER))


def test_a_training_resumes_and_says_so(notebook, dataset, tmp_path, in_the_course):
    values = {"dataset": str(dataset.folder), "folder": str(tmp_path / "run")}
    one = notebook([cell.format(**values) for cell in TRAINING], tmp_path)
    one.run(0)
    assert "Resuming" not in one.run(1, until="\n 3 of 30")
    one.restart()
    one.run(0)
    said = one.run(1)
    done = int(said.split("Resuming after epoch ")[1].split(".")[0])
    assert 2 <= done < 30
    assert f"\n{done + 1:2d} of 30" in said
    assert f"\n{done:2d} of 30" not in said
    assert one.run(2) == f"Before: {done} in all: 30\n"
    assert one.run(1).startswith("This run finished after 30 epochs; its weights were loaded.")


def test_a_download_resumes_and_says_so(notebook, tmp_path, in_the_course):
    with running() as server:
        values = {
            "length": len(CONTENT), "md5": hashlib.md5(CONTENT).hexdigest(), "route": server.route("slow"),
            "home": str(tmp_path / "home"),
        }  # fmt: skip
        one = notebook([cell.format(**values) for cell in DOWNLOAD], tmp_path)
        one.run(0)
        part = tmp_path / "home" / "figshare" / "a.zip.part"
        one.client.execute(one.cells[1])
        wait_until(lambda: part.is_file() and part.stat().st_size > 0)
        one.restart()
        held = part.stat().st_size
        assert 0 < held < len(CONTENT)
        one.run(0)
        assert f"a.zip: resuming at {held / 1e6:.1f} of {len(CONTENT) / 1e6:.1f} MB." in one.run(1)
        assert server.ranges() == [None, f"bytes={held}-"]
        assert one.run(2) == f"In {part.parent}\n"
        assert part.with_suffix("").read_bytes() == CONTENT


def wait_until(happened):
    deadline = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)
