"""A COURSE_HOME with made-up results of notebook 02, and the phantoms as its data set."""

import dataclasses
import json
import shutil

import numpy as np
import pytest

from helpers.config import settings
from helpers.evaluation import prediction

HISTORY = {"loss": [0.9, 0.5], "val_loss": [0.8, 0.6], "accuracy": [0.5, 0.8], "val_accuracy": [0.6, 0.7]}
STOPPING = {"monitor": "val_loss", "mode": "auto", "patience": 5, "min_delta": 0, "start_from_epoch": 0}
REDUCING = {
    "monitor": "val_loss", "mode": "auto", "patience": 2, "min_delta": 0.0001, "factor": 0.1, "cooldown": 0,
    "min_lr": 0.0,
}  # fmt: skip


def score(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def record(name, course, test, results, content):
    """A run record with the course's own settings."""
    schedule = {"classifier": course.profile.classifier, "unet": course.profile.unet}.get(
        name, course.profile.comparison
    )
    callbacks = {
        "classifier": [["EarlyStopping", STOPPING], ["ReduceLROnPlateau", REDUCING]],
        "unet": [["ReduceLROnPlateau", REDUCING]],
    }
    parts = {"train": [1, 2], "validation": [3], "test": test}
    made = {
        "format": 2,
        "data": {"content": content, "folder": "phantoms-30", "slices": 30, "patients": 12},
        "split": {
            "unit": "family" if name == "by family" else "slice",
            "validation_is_test": False,
            "patients": {part: len(numbers) for part, numbers in parts.items()},
            "slices": parts,
        },
        "size": 512 if name == "classifier" else 128,
        "network": {"name": "unet" if name == "unet" else "classifier", "parameters": 1234, "layers": "0"},
        "training": {
            "epochs": schedule.epochs,
            "batch": schedule.batch,
            "micro_batch": schedule.micro_batch,
            "learning_rate": schedule.learning_rate,
            "optimizer": "Adam",
            "loss": "sparse_categorical_crossentropy",
            "augmentation": None,
            "callbacks": callbacks.get(name, []),
            "all_settings": "0",
        },
        "seed": course.seed,
        "epochs": 2,
        "best_epoch": 2,
        "seconds": 3.0,
        "device": "CPU",
        "peak_memory_mb": 900,
        "versions": {"Python": "3.11.7", "Keras": "3.15.1"},
        "results": results,
        "history": HISTORY,
    }
    if name.startswith("by "):
        made["folds"] = 3
    return made


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def course(tmp_path, dataset):
    """Settings of the quick profile, whose data set is that of 30 phantoms."""
    profile = dataclasses.replace(settings.PROFILES["quick"], phantoms=30)
    made = settings.Settings("phantoms", profile, tmp_path / "home", colab=False, copies=tmp_path / "copies")
    shutil.copytree(dataset.folder, made.dataset_folder)
    return made


@pytest.fixture
def results(course, dataset):
    """All results of notebook 02; the settings are returned."""
    rng = np.random.default_rng(0)
    rows = np.array([0, 5, 12, 20, 25])
    content = dataset.fingerprint["content"]
    for name, shape, scores in (
        ("classifier", (3,), {"accuracy": score(0.8)}),
        ("unet", (128, 128), {"Dice": score(0.7) | {"threshold": 0.5}}),
    ):
        folder = course.run_folder(name)
        probabilities = rng.dirichlet([1, 1, 1], 5) if name == "classifier" else rng.random((5, *shape))
        prediction.save_predictions(folder, rows, probabilities.astype(np.float32), folder / "abcd1234")
        write(folder / "abcd1234" / "run.json", record(name, course, (rows + 1).tolist(), scores, content))
    for name, value in (("by slice", 0.9), ("by family", 0.7)):
        made = record(name, course, list(range(1, 31)), {"accuracy": score(value)}, content)
        write(course.run_folder(f"protocols/{name}") / "run.json", made)
    return course
