import json

import nbformat
import numpy as np
import pytest
import scipy
from PIL import Image

from benchmarks import (
    assembly,
    grading,
    healthy_source,
    joint,
    leak,
    prediction,
    standin,
    training,
    uncertainty,
)
from helpers import phantoms
from helpers.config.settings import COURSE_FOLDER
from helpers.datasets.assembly import assemble
from helpers.datasets.sources import list_slices
from helpers.evaluation.bootstrap import classification_intervals
from helpers.phantoms import drawing
from instructor.grading.course import Course
from tests.support import tiny_course as tiny


def test_the_assembly_is_measured_on_a_few_slices(phantom_folder, tmp_path, capsys):
    target = tmp_path / "results" / "assembly.json"
    assembly.main([str(phantom_folder), "--slices", "4", "--json", str(target)])
    printed = capsys.readouterr().out
    assert printed.startswith("4 slices, ")
    for words in ("times as fast as the plain way", "times as long as reading alone", "MB at its peak"):
        assert words in printed
    figures = json.loads(target.read_text())
    assert figures["times_the_plain_way"] > 0
    assert figures["peak_mb"] > 10


def test_the_benchmarked_slices_are_spread_over_the_source(phantom_folder):
    chosen = assembly._spread(list_slices(phantom_folder), 3)
    assert [file.number for file in chosen] == [1, 15, 30]
    assert len(assembly._spread(chosen, 10)) == 3


def test_training_is_measured_on_a_few_small_slices(tmp_path, capsys):
    target = tmp_path / "figures.json"
    sizes = {"slices": 30, "trained": 12, "batch": 6, "micro-batch": 3, "epochs": 1, "size": 128}
    arguments = [part for name, value in sizes.items() for part in (f"--{name}", str(value))]
    training.main(["memory", *arguments, "--json", str(target)])
    assert "peak memory of the process" in capsys.readouterr().out
    figures = json.loads(target.read_text())
    assert figures["micro_batch"] == 3
    assert figures["update_seconds"] > 0


def test_batches_and_plain_training_are_measured(tmp_path):
    standin.write_noise(tmp_path, 12, 128)
    for augmented in (False, True):
        figures = training.batches_alone(str(tmp_path), 12, 128, 4, augmented)
        assert figures["slices_per_second"] > 0
    figures = training.plain_way(str(tmp_path), slices=12, trained=8, batch=4, size=128, epochs=2)
    assert figures["update_seconds"] > 0
    assert figures["peak_bytes"] > 1e7


def test_predictions_are_measured(tmp_path, capsys):
    prediction.main(["--small", "--slices", "5", "--repeats", "3", "--json", str(tmp_path / "p.json")])
    figures = json.loads((tmp_path / "p.json").read_text())
    assert figures["unet"]["one_times_bare"] > 0
    assert "times the forward passes alone" in capsys.readouterr().out


def test_the_bootstrap_is_measured_on_a_few_resamples(tmp_path, capsys):
    target = tmp_path / "results" / "uncertainty.json"
    uncertainty.main(["--slices", "60", "--resamples", "20", "--json", str(target)])
    printed = capsys.readouterr().out
    assert printed.startswith("20 resamples of 60 slices of 4 patients, ")
    assert "times as fast as the plain loop" in printed
    figures = json.loads(target.read_text())
    assert figures["times_the_plain_loop"] > 1


def test_the_plain_loop_computes_the_same_scores(rng):
    patients = np.arange(60) % 6
    truth = 1 + patients % 3
    predicted = np.where(rng.random(60) < 0.8, truth, 1)
    loop = uncertainty.plain_loop(truth, predicted, patients, 400)
    ours = classification_intervals(truth, predicted, patients, seed=0).values()
    expected = np.nanquantile(loop, 0.025, axis=0)
    np.testing.assert_allclose([each.low for each in ours], expected, atol=0.08)


def test_the_joint_network_is_tested_on_one_fold(tmp_path, capsys):
    drawing.write_phantoms(tmp_path / "slices", {1: 12, 2: 12, 3: 12}, seed=5, progress=False)
    command = [str(tmp_path / "slices"), "--home", str(tmp_path), "--test-fold", "2", "--epochs", "1"]
    joint.main([*command, "--networks", "2", "--json", str(tmp_path / "joint.json")])
    figures = json.loads((tmp_path / "joint.json").read_text())
    assert " slices of 128 px, 1 epochs, 2 network(s)" in figures["training"]
    names = ["accuracy, by mass", "macro F1, by sum of both", "Dice, mean over slices"]
    assert all(" to " in figures[name] for name in names)
    joint.main([*command, "--networks", "2", "--json", str(tmp_path / "again.json")])
    again = json.loads((tmp_path / "again.json").read_text())
    assert {name for name in figures if figures[name] != again[name]} <= {
        "seconds per slice, with its mirror image"
    }
    with pytest.raises(SystemExit):
        joint.main([*command[:-3], "9"])
    assert "fold 9 cannot be held out" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        joint.main([*command, "--size", "100"])
    assert "a multiple of 32, not 100" in capsys.readouterr().err


def test_slices_of_another_size_are_made_from_the_large_ones(tmp_path):
    drawing.write_phantoms(tmp_path / "slices", {1: 2, 2: 2, 3: 2}, seed=5, progress=False)
    data = assemble(tmp_path / "slices", tmp_path / "set", progress=False)
    images, masks = joint.resized(data, 256)
    assert images.shape == masks.shape == (6, 256, 256)
    assert images.dtype == masks.dtype == np.uint8
    blocks = data.images(512)[0].reshape(256, 2, 256, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(images[0], blocks, atol=1)
    np.testing.assert_allclose(masks.mean(), data.masks(512).mean(), rtol=0.05)


def test_the_mask_with_the_highest_expected_dice(rng):
    probabilities = rng.random((3, 2, 3)) * np.array([1, 0.3, 0.01])[:, None, None]
    chosen = joint.dice_optimal_masks(probabilities)
    for slice_, mask in zip(probabilities, chosen, strict=True):
        ranked = np.sort(slice_.ravel())[::-1]
        expected = [2 * ranked[:k].sum() / (k + ranked.sum()) for k in range(1, 7)]
        assert mask.sum() == 1 + np.argmax(expected)
        assert slice_[mask].min() == ranked[mask.sum() - 1]
    certain = np.zeros((1, 4, 4))
    certain[0, 1:3, 1:3] = 1
    np.testing.assert_array_equal(joint.dice_optimal_masks(certain), certain == 1)


def test_the_loss_of_the_joint_network_by_hand():
    truth = np.zeros((2, 8, 8), np.uint8)
    truth[0, 2:5, 2:5], truth[1, 1:4, 5:7] = 2, 1
    one_hot = np.eye(4, dtype=np.float32)[truth]
    y_pred = (0.1 + 0.6 * one_hot).astype(np.float32)  # 0.7 for the right class
    found = np.asarray(joint.pixel_loss(truth, y_pred))
    pixels = -np.log(0.7) * np.where(truth > 0, 3, 1).mean(axis=(1, 2))
    tumour = 1 - y_pred[..., 0]
    areas = ((truth > 0) + tumour).sum(axis=(1, 2))
    any_dice = (2 * (tumour * (truth > 0)).sum(axis=(1, 2)) + 10) / (areas + 10)
    both, total = (one_hot * y_pred).sum(axis=(0, 1, 2)), (one_hot + y_pred).sum(axis=(0, 1, 2))
    class_dice = ((2 * both + 10) / (total + 10))[1:].mean()
    np.testing.assert_allclose(found, pixels + 0.7 * (1 - class_dice) + 0.5 * (1 - any_dice), rtol=1e-5)
    np.testing.assert_allclose(joint.pixel_loss(truth, one_hot), 0, atol=1e-5)


def test_the_data_leakage_is_measured_and_its_trainings_are_kept(tmp_path):
    drawing.write_phantoms(tmp_path / "slices", {1: 30, 2: 30, 3: 30}, seed=5, progress=False)
    command = [str(tmp_path / "slices"), "--home", str(tmp_path), "--folds", "2"]
    command += ["--epochs", "1", "--unet-epochs", "0"]
    leak.main([*command, "--json", str(tmp_path / "leak.json")])
    figures = json.loads((tmp_path / "leak.json").read_text())
    assert figures["data"].startswith("90 slices, ")
    expected = [
        "classifier by family, accuracy",
        "nearest slice by slice, accuracy",
        "classifier, gap in accuracy",
    ]
    assert all(" to " in figures[name] for name in expected)
    weights = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.weights.h5")}
    leak.main([*command, "--json", str(tmp_path / "again.json")])
    assert json.loads((tmp_path / "again.json").read_text()) == figures
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.weights.h5")} == weights


def test_grading_is_measured_on_a_tiny_course(tmp_path, monkeypatch, sandbox_here):
    for name, value in {"COURSE_HOME": tmp_path / "home", "PYTHONPATH": COURSE_FOLDER}.items():
        monkeypatch.setenv(name, str(value))
    course = Course.load(tiny.student_edition(tmp_path / "edition"))
    handed_in = tmp_path / "01_tiny.ipynb"
    handed_in.write_text(tiny.notebook(*tiny.RIGHT, question=f"{tiny.QUESTION}Because."), encoding="utf-8")
    figures = grading.measure(course, [handed_in], students=2, jobs=2, train_again=True)
    assert figures["notebooks"] == figures["reproduced"] == 2
    assert figures["marked_share"] == 1
    assert figures["per_hour_and_core_cpu"] == pytest.approx(7200 / figures["cpu_seconds"])
    assert 0 < figures["again_cpu_seconds"] < figures["cpu_seconds"]
    assert figures["again_reproduced"] == 1
    assert "per hour and core (at least 30)" in "\n".join(grading.lines(figures))


def test_a_healthy_class_from_another_source_is_measured(phantom_folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(healthy_source, "REPEATS", 2)
    monkeypatch.setattr(healthy_source, "COPIES", 3)
    (tmp_path / "images" / "no_tumour").mkdir(parents=True)
    people = phantoms.roster({1: 8}, 3)
    for number, person in enumerate(people):
        image = phantoms.draw_patient_slice(person, 0, 3, tumour=False)[0]
        bright = np.sqrt(image / image.max()) * 255
        Image.fromarray(bright.astype(np.uint8)).save(tmp_path / "images" / "no_tumour" / f"{number}.png")
    target = tmp_path / "figures.json"
    arguments = [phantom_folder, tmp_path / "images", "--home", tmp_path / "home", "--json", target]
    healthy_source.main([*map(str, arguments)])
    assert "images from elsewhere flagged" in capsys.readouterr().out
    figures = json.loads(target.read_text())
    assert figures["AUC"].startswith(("0.9", "1.0"))  # a contrast of their own
    assert figures["copies found, JPEG, quality 50"] == "3 of 3; 0 more as another slice"
    assert figures["images from elsewhere flagged"] == f"0 of {len(people)}"


def test_two_halves_of_one_source_cannot_be_told_apart(rng):
    features, families = rng.normal(size=(120, 10)), np.repeat([f"f{k}" for k in range(40)], 3)
    figures = healthy_source.telling_apart(features[:90], features[90:], families[:90])
    assert float(figures["balanced accuracy"]) < 0.75
    shifted = healthy_source.telling_apart(features[:90], features[90:] + 3, families[:90])
    assert float(shifted["balanced accuracy"]) > 0.95
    control = next(value for name, value in shifted.items() if name.startswith("control: halves"))
    assert 0.3 < float(control) < 0.7


def test_the_notebook_has_the_statistics_of_the_benchmark(rng):
    notebook = nbformat.read(COURSE_FOLDER / "notebooks" / "beyond" / "new_data.ipynb", as_version=4)
    names = {"np": np, "scipy": scipy}
    exec(next(cell.source for cell in notebook.cells if cell.id == "statistics"), names)
    assert list(names["statistics"]) == list(healthy_source.STATISTICS)
    images = rng.integers(0, 255, (3, 40, 40), dtype=np.uint8)
    ours = [[of(image / 255) for of in names["statistics"].values()] for image in images]
    np.testing.assert_array_equal(ours, healthy_source.statistics(images))
    assert np.isfinite(ours).all()
