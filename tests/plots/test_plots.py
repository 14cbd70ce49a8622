"""Every figure is drawn once, on white, with a title, axis names and its numbers in words."""

import base64
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib import image as mpl_image
from matplotlib import style
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from helpers import plots
from helpers.config import language
from helpers.datasets.matfile import Slice
from helpers.evaluation import calibration, overlap
from helpers.evaluation.bootstrap import ConfidenceInterval
from helpers.plots import style as course_style
from helpers.reference import CLASS_NAMES

ROOT = Path(__file__).resolve().parents[2]
MAX_BYTES = 200_000
ENGLISH = re.compile(
    r"\b(the|of|and|is|are|with|which|that|for|from|not|this|at|by|slices?)\b", re.IGNORECASE
)
INPUT = re.compile(r"second\sslice|over slices")  # names that only these tests give


# ---- synthetic inputs, as the notebooks have them ----


def disc(size: int, x: float, y: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return (columns - x) ** 2 + (rows - y) ** 2 <= radius**2


def head(size: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    middle, skull = disc(size, size / 2, size * 0.4, size * 0.1), disc(size, size / 2, size / 2, size * 0.4)
    return (600 * middle + 900 * skull + rng.integers(0, 20, (size, size))).astype(np.int16)


def make_slice(label: int) -> Slice:
    x, y, radius, angle = 100 + 10 * label, 120, 8 * label, np.linspace(0, 2 * np.pi, 12, endpoint=False)
    border = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
    return Slice(head(256) * label, disc(256, x, y, radius), label, f"secret{label}", border)


def make_table(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    labels = rng.choice([1, 2, 3], count)
    return pd.DataFrame(
        {
            "number": np.arange(1, count + 1),
            "label": labels,
            "class_name": [CLASS_NAMES[label] for label in labels],
            "patient": [f"secret{label}{k % 4}" for k, label in enumerate(labels)],
            "intensity_max": rng.integers(860, 12_728, count),
            "tumour_fraction": rng.lognormal(np.log(0.012), 0.7, count),
        }
    )


def make_history(epochs: int) -> pd.DataFrame:
    epoch = pd.Index(np.arange(1, epochs + 1), name="epoch")
    loss = np.exp(-epoch / 4)
    curves = {"loss": loss, "accuracy": 1 - loss, "tumour_iou": 0.8 - loss / 2, "report_iou": 0.4915}
    training = pd.DataFrame(curves, index=epoch)
    return training.join((training + 0.0123).add_prefix("val_"))


def make_errors(count: int) -> pd.DataFrame:
    numbers = {"slice": 752 + np.arange(count), "confidence": np.linspace(0.9, 0.5, count)}
    return pd.DataFrame({**numbers, "true": "glioma", "predicted": "meningioma"})


SOME_ROWS = pd.DataFrame({"number": [7, 9], "class_name": ["glioma", "pituitary"], "patient": ["a", "b"]})
IMAGES = np.stack([(head(128) // 8).astype(np.uint8)] * 4)
MASKS = np.stack([disc(128, 60, 60, radius) for radius in (4, 8, 12, 16)]).astype(np.uint8)
PROBABILITIES = 0.9 * np.roll(MASKS, 2, axis=2)
SCORES = overlap.dice(MASKS, PROBABILITIES >= 0.5)
TABLE, MANY = make_table(60), make_table(1000)
GLIOMAS = TABLE[TABLE["label"] == 2].groupby("patient").size()
OVERLAPS = pd.DataFrame(
    [
        ("tumour Dice at threshold 0.5, mean over slices", 0.734, np.nan),
        ("IoU as in the report", 0.4915, 0.4923),
    ],
    columns=["measure", "value", "report"],
)
PUZZLE = pd.DataFrame(
    {
        "prediction": ["no tumour anywhere", "the network", "the true mask, at probability 0.99"],
        "IoU as in the report": [0.4915, 0.4916, 0.4915],
        "tumour IoU": [0.0, 0.66, 1.0],
    }
)
RGBA = np.dstack([IMAGES[0] / 255] * 3 + [np.ones((128, 128))])
SMALL, ONE = MASKS[0], make_slice(1)
RULES = {"nearest": SMALL[::4, ::4], "any": SMALL.reshape(32, 4, 32, 4).max(axis=(1, 3)) > 0}


def tiny_unet():
    from helpers import models

    return models.unet((32, 32, 1), filters=(4, 8, 16))


RNG = np.random.default_rng(2)
CLASS_PROBABILITIES = RNG.dirichlet([0.4, 0.4, 0.4], 200)
CLASSES = np.array([RNG.choice([1, 2, 3], p=row) for row in CLASS_PROBABILITIES])
CALIBRATION_ERROR = calibration.expected_calibration_error(CLASSES, CLASS_PROBABILITIES)
RIGHT = np.mean(CLASS_PROBABILITIES.argmax(axis=1) + 1 == CLASSES)
OVER_PATIENTS = {
    "accuracy": ConfidenceInterval(0.9, 0.8, 0.97),
    "recall": ConfidenceInterval(np.nan, np.nan, np.nan),
    "Dice": ConfidenceInterval(0.7, np.nan, np.nan),
}
IMPORTANCES = pd.DataFrame({"epochs": np.linspace(0.2, 0.3, 400), "dropout": np.linspace(0.8, 0.7, 400)})
TRIALS = pd.DataFrame({"rate": [1e-4, 1e-2, 1e-3], "batch": [4, 4, 4]})
OVER_SLICES = {"Dice": ConfidenceInterval(0.7, 0.66, 0.74), "accuracy": ConfidenceInterval(0.9, 0.87, 0.93)}

STRESS = pd.DataFrame(
    {
        "change": ["noise"] * 2 + ["blur"] * 2,
        "unit": ["grey values"] * 2 + ["px"] * 2,
        "strength": [0, 10, 0, 2],
        "accuracy": [ConfidenceInterval(value, value - 0.1, value + 0.1) for value in (0.9, 0.5, 0.9, 0.8)],
        "Dice": [ConfidenceInterval(0.7, 0.6, 0.8)] * 4,
    }
)

FIGURES = {  # public name, variant: (arguments, what the alt text must say)
    "orientation": ((ONE.image.T, ONE.image, ONE.border), ["12 points", "x 110, y 120"]),
    "raw_slices": (
        ([make_slice(label) for label in (1, 2, 3)],),
        ["meningioma", "glioma", "pituitary", f"{ONE.mask.sum():,} pixels"],
    ),
    "colour_channels": ((RGBA,), ["equal in every pixel", "alpha is 1 everywhere", "alpha 1;"]),
    "colour_channels, different": ((RGBA * [1, 0.5, 1, 1],), ["blue differ", "alpha is 1 everywhere"]),
    "normalisation": (
        ([ONE.image] * 3, [(ONE.image // 8).astype(np.uint8)] * 3, 12_728),
        [
            "3 slices",
            "divided by 12,728",
            f"0 to {ONE.image.max():,} becomes 0 to {ONE.image.max() / 12_728 * 255:.0f}",
        ],
    ),
    "class_maps": (
        (IMAGES[:2], MASKS[:2] * 2, np.eye(4)[MASKS[:2] * np.uint8(3)], ["first", "second\nslice"]),
        [f"first: {MASKS[0].sum():,} pituitary pixels", f"second slice: {MASKS[1].sum():,} pituitary pixels"],
    ),
    "mask_resizing": ((SMALL > 0, RULES), [f"{SMALL.sum()} px", "nearest at 32 pixels a side: 5 px"]),
    "class_balance": ((TABLE,), [f"{(TABLE.label == 2).sum()} slices of 4 patients"]),
    "slices_per_patient": (
        (TABLE,),
        ["60 slices of 12 patients", f"{min(GLIOMAS)} to {max(GLIOMAS)}, median {np.median(GLIOMAS):g}"],
    ),
    "slices_per_patient, class missing": (
        (TABLE[TABLE.label != 3],),
        ["of 8 patients", "patient: meningioma"],
    ),
    "tumour_areas": ((TABLE,), [f"{100 * TABLE.tumour_fraction.mean():.2f}%", "1.69%"]),
    "tumour_areas, many": ((MANY,), [f"{100 * MANY.tumour_fraction.mean():.2f}%"]),
    "tumour_areas, class missing": ((TABLE[TABLE.label != 1],), ["medians: glioma"]),
    "intensity_ranges": ((TABLE,), [f"{TABLE.intensity_max.max():,}", "60 slices"]),
    "intensity_ranges, many": ((MANY,), [f"{MANY.intensity_max.max():,}", "1,000 slices"]),
    "normalised_brightness": (
        (TABLE, np.stack([np.full((8, 8), k) for k in range(60)])),
        ["60 slices", "from 0 to 59", f"pituitary {np.median(np.flatnonzero(TABLE.label == 3)):.0f}"],
    ),
    "tumour_places": (
        (IMAGES, MASKS, [1, 1, 2, 3]),
        [
            "meningioma (at most 100%, on average 47% from the left and 47% from the top)",
            "glioma (at most 100%",
        ],
    ),
    "tumour_places, classes missing": ((IMAGES[:2], MASKS[:2], [2, 2]), ["mean head: glioma (at most 100%"]),
    "learning_curves": (
        (make_history(20), ["loss", "accuracy"], {"loss": {"report, validation": 0.17}}),
        ["After 20 epochs", "report, validation 0.17", "validation 0.01904"],
    ),
    "learning_curves, four": (
        (make_history(40), ["loss", "accuracy", "tumour_iou", "report_iou"]),
        ["tumour IoU", "0.4915"],
    ),
    "learning_curves, one epoch": ((make_history(1), ["loss"]), ["After 1 epoch:"]),
    "learning_curves, no epoch": ((make_history(0), ["loss"]), ["No epoch was finished"]),
    "learning_curves, diverged": ((np.nan * make_history(2), ["loss"]), ["loss: training –, validation –."]),
    "compare_losses": (
        ({"a": {"loss": [1.0, 0.5], "val_loss": [1.1, 0.9]}, "b": {"loss": [2.0], "val_loss": [2.0]}},),
        ["2 trainings", "a: training loss from 1 to 0.5, validation loss from 1.1 to 0.9; b:"],
    ),
    "confusion_matrix": (
        ([1, 1, 2, 3, 3], [1, 2, 2, 3, 3]),
        ["5 slices, 4 of them right", "meningioma 1 of 2"],
    ),
    "confusion_matrix, class missing": (([1, 2], [2, 2]), ["pituitary 0 of 0"]),
    "misclassified_slices": (
        (IMAGES[[0] * 7], MASKS[[0] * 7], make_errors(7)),
        ["5 of 7", "outlined", "slice 752, glioma taken for meningioma (0.90)"],
    ),
    "misclassified_slices, none": ((IMAGES[:0], MASKS[:0], make_errors(0)), ["No slice was misclassified"]),
    "heat_maps": (
        (
            IMAGES[:2],
            MASKS[:2] != 0,
            {"in": MASKS[:2] * [[[2.0]], [[0]]], "even": np.ones((2, 128, 128))},
            ["glioma", "pituitary"],
        ),
        ["2 slices", "glioma: in 100% inside, even ", "pituitary: in no heat, even "],
    ),
    "nearest_slices": (
        (IMAGES[:2], IMAGES[:2], SOME_ROWS, SOME_ROWS[::-1]),
        ["slice 7 (glioma) and slice 9 of another patient", "slice 9 (pituitary) and slice 7 of another"],
    ),
    "reliability_diagram": (
        (CLASSES, CLASS_PROBABILITIES),
        ["200 slices", f"error {CALIBRATION_ERROR:.3f}", "(n = 4)"],
    ),
    "reliability_diagram, one slice": (
        ([1], [[0.2, 0.7, 0.1]]),
        ["1 slice,", "error 0.700", "confidence 0.70, accuracy 0.00 (n = 1)"],
    ),
    "confidence_curve": (
        (CLASSES, CLASS_PROBABILITIES),
        [f"from 0 on 100% are answered, {RIGHT:.1%} of them correctly", "from 0.9 on"],
    ),
    "confidence_curve, low confidence": (
        ([1], [[0.4, 0.3, 0.3]]),
        ["from 0 on 100% are answered, 100.0% of them correctly."],
    ),
    "dice_by_area": (
        (np.linspace(0, 1, 9)[1:], 10 * np.arange(1, 9)),
        ["8 slices", "smallest (10 to 20 px) mean 0.19", "largest (70 to 80 px)"],
    ),
    "dice_by_area, equal areas": (
        ([0.2, 0.6], [5, 5]),
        ["2 slices by area", "smallest (5 px) mean 0.40, median 0.40"],
    ),
    "intervals": (
        ({"over patients": OVER_PATIENTS, "over slices": OVER_SLICES},),
        ["95% intervals: over patients: accuracy", "accuracy 0.90 (0.87 to 0.93)", "Dice 0.70 (no interval)"],
    ),
    "example_pairs": (
        (IMAGES, MASKS, ["a", "b", "c", "d"]),
        ["4 slices of 128 by 128", f"d: {MASKS[3].sum()} pixels"],
    ),
    "unet_diagram": (
        (tiny_unet,),
        ["8,462 parameters", "32 x 32 x 1 down in 2 steps to 16 x 16, 8 x 8", "at most 16 channels"],
    ),
    "segmentation_examples": (
        (IMAGES, MASKS, PROBABILITIES, ["a", "b", "c", "d"]),
        [f"Dice: a {SCORES[0]:.2f}", "threshold 0.5"],
    ),
    "segmentation_examples, nothing predicted": (
        (IMAGES[:1], MASKS[:1], 0 * PROBABILITIES[:1], ["a"]),
        ["1 slice with", "a 0.00"],
    ),
    "overlap_measures": ((OVERLAPS,), ["0.734", "report 0.4923"]),
    "iou_puzzle": ((PUZZLE,), ["the network: 0.4916 and 0.6600", "0.4923"]),
    "best_so_far": (
        ({"random": [0.5, 0.4, 0.7], "grid": [0.6, 0.3]}, [0.5, 0.6]),
        ["random 0.50 after 1 trial and 0.70 after 3; grid 0.60", "expected to reach 0.60 with 2."],
    ),
    "best_so_far, one": (({"random": [0.5]},), ["random 0.50 after 1 trial and 0.50 after 1."]),
    "trial_curves": (
        ([[0.4, 0.5, 0.6], [0.3]], [False, True]),
        ["2 trials, 1 pruned", "3 epochs to 0.60; 1 epoch to 0.30."],
    ),
    "parameter_importance": ((IMPORTANCES,), ["dropout 0.75 (0.70 to 0.80); epochs 0.25 (0.20 to 0.30)."]),
    "parallel_coordinates": (
        (TRIALS, [0.5, 0.7, 0.6], ["rate"]),
        ["3 trials through 2", "0.50 to 0.70", "rate 0.01, batch 4."],
    ),
    "parallel_coordinates, one": ((TRIALS[:1], [0.5]), ["1 trial through 2 hyper-parameters", "batch 4."]),
    "best_of_n": (
        (pd.DataFrame({"chosen": [0.6, 0.7], "all": [0.6, 0.66], "unseen": [0.6, 0.62]}, index=[1, 8]),),
        ["of 1 0.600, 0.600 and 0.600; of 8 0.700, 0.660 and 0.620."],
    ),
    "slices": ((IMAGES, ["a", "b", "c", "d"], 3), ["4 slices side by side", "a, b, c, d"]),
    "stress": ((STRESS,), ["noise, accuracy from 0.90 to 0.50", "blur, Dice from 0.70 to 0.70"]),
    "alarms": (
        ([1, 1, 0, 0], [0.9, 0.4, 0.5, 0.1], "largest probability"),
        ["above 0.45 (largest probability)", "found 50%", "false alarms 50%"],
    ),
    "roc_curves": (
        ([1, 1, 0, 0], {"area": [4, 2, 3, 1]}, {"area": ConfidenceInterval(0.75, 0.5, 1)}),
        ["Area under the curve: area 0.75 (0.50 to 1.00)"],
    ),
    "confident_answers": (
        ({"with a tumour": [0.95, 0.4], "without": [0.5, 0.6]},),
        ["at least 0.9: with a tumour 50%; without 0%"],
    ),
}


def draw(name: str) -> plots.CourseFigure:
    function, arguments = getattr(plots, name.split(",")[0]), FIGURES[name][0]
    return function(*[argument() if callable(argument) else argument for argument in arguments])


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple]:
    """Name -> figure, its MIME bundle and metadata; drawn in a notebook with a dark style."""
    with style.context("dark_background"):
        figures = {name: draw(name) for name in FIGURES}
        return {name: (figure, *figure._repr_mimebundle_()) for name, figure in figures.items()}


def axes(drawn: dict[str, tuple], name: str) -> list:
    return drawn[name][0].axes


# ---- every figure ----


def test_every_public_figure_is_tested():
    assert set(plots.__all__) - {"CourseFigure"} == {name.split(",")[0] for name in FIGURES}


@pytest.mark.parametrize("name", FIGURES)
def test_alt_text_contains_the_numbers(drawn, name):
    figure, data, metadata = drawn[name]
    assert isinstance(figure, plots.CourseFigure)
    for words in FIGURES[name][1]:
        assert words in figure.alt
    assert "secret" not in figure.alt  # a patient's id
    assert figure.alt.endswith(".")
    assert data["text/plain"] == metadata["image/png"]["alt"] == figure.alt


@pytest.fixture(scope="module")
def spanish() -> dict[str, plots.CourseFigure]:
    language.choose("es")
    try:
        return {name: draw(name) for name in FIGURES}
    finally:
        language.choose("en")


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_speaks_the_language_of_the_course(spanish, name):
    texts = {spanish[name].alt, *(text.get_text() for text in spanish[name].findobj(Text))}
    assert {text for text in texts if ENGLISH.search(INPUT.sub("", text))} == set()


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("as it is", "tal como es"),
        ("pituitary\nanswer: glioma", "pituitario\nrespuesta: glioma"),
        ("no tumour, as in N.3", "sin tumor, como en N.3"),
        ("known, row 45", "conocido, fila 45"),
        ("Heat inside the tumour, 240 slices", "Calor dentro del tumor, 240 cortes"),
        ("collected/0.jpg", "collected/0.jpg"),
    ],
)
def test_a_title_that_was_put_together_is_translated_part_by_part(title, shown):
    assert course_style.translated(title) == title
    language.choose("es")
    try:
        assert course_style.translated(title) == shown
    finally:
        language.choose("en")


@pytest.mark.parametrize("name", FIGURES)
def test_png_has_a_white_face_and_is_small(drawn, name):
    png = base64.b64decode(drawn[name][1]["image/png"])
    pixels = mpl_image.imread(io.BytesIO(png), format="png")
    assert len(png) < MAX_BYTES
    assert pixels.shape[1] <= 1050
    assert (pixels[0] == 1).all() and (pixels[:, 0] == 1).all()


@pytest.mark.parametrize("name", FIGURES)
def test_charts_have_a_title_and_axis_names(drawn, name):
    """Images have a title; charts that share an axis may share its name and the title."""
    for ax in axes(drawn, name):
        if ax.get_label() == "<colorbar>" or not ax.has_data():
            continue
        columns = ax.get_shared_x_axes().get_siblings(ax)
        rows = ax.get_shared_y_axes().get_siblings(ax)
        assert any(one.get_title() for one in columns)
        if ax.axison and not ax.images:
            assert any(one.get_xlabel() for one in columns) and any(one.get_ylabel() for one in rows)


@pytest.mark.parametrize("name", FIGURES)
def test_texts_are_dark_and_without_nan(drawn, name):
    figure = drawn[name][0]
    texts = [text for text in figure.findobj(Text) if text.get_text() and text not in white_on_blue(figure)]
    assert all(np.mean(to_rgb(text.get_color())) < 0.3 for text in texts)
    assert not any("nan" in text.get_text().lower() for text in texts)
    assert "nan" not in figure.alt.lower()


def white_on_blue(figure) -> list[Text]:
    """The counts in the cells of a heat map: seaborn sees to their contrast."""
    return [text for ax in figure.axes if ax.collections for text in ax.texts if "%" in text.get_text()]


def test_drawing_leaves_the_random_state_and_the_style_of_the_notebook_alone():
    state, size = np.random.get_state()[1].copy(), mpl.rcParams["font.size"]
    with mpl.rc_context({"font.size": 7}):
        first, second = (plots.tumour_areas(TABLE).png() for _ in range(2))
        assert mpl.rcParams["font.size"] == 7
    assert first == second == plots.tumour_areas(TABLE).png()
    assert (np.random.get_state()[1] == state).all() and mpl.rcParams["font.size"] == size


def test_alt_text_is_escaped():
    figure = plots.example_pairs(IMAGES[:1], MASKS[:1], ['<b>"a" & b'])
    assert "&lt;b&gt;&quot;a&quot; &amp; b" in figure._repr_mimebundle_()[0]["text/html"]


# ---- the values drawn are those of the data ----


def test_confusion_matrix_has_true_classes_in_rows(drawn):
    cells = [text.get_text().split() for text in axes(drawn, "confusion_matrix")[0].texts]
    expected = [["1", "50%"], ["1", "50%"], ["0", "0%"], ["0", "0%"], ["1", "100%"], ["0", "0%"]]
    assert cells == [*expected, ["0", "0%"], ["0", "0%"], ["2", "100%"]]


def test_learning_curves_are_the_history(drawn):
    lines = {line.get_label(): line for line in axes(drawn, "learning_curves")[0].lines}
    history = make_history(20)
    for label, column in (("training", "loss"), ("validation", "val_loss")):
        np.testing.assert_allclose(lines[label].get_xydata(), history[column].reset_index())
    assert set(lines["report, validation"].get_ydata()) == {0.17}


def test_a_single_epoch_has_a_single_tick(drawn):
    ax = axes(drawn, "learning_curves, one epoch")[0]
    low, high = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1]


def test_difference_of_masks_has_three_colours_on_black(drawn):
    difference = np.asarray(axes(drawn, "segmentation_examples")[3].images[0].get_array())
    assert len(np.unique(difference.reshape(-1, 3), axis=0)) == 4


def test_intervals_show_what_the_largest_class_would_get():
    figure = plots.intervals({"over patients": OVER_PATIENTS}, majority={"accuracy": 0.47})
    (line,) = figure.axes[0].collections
    assert line.get_segments()[0][:, 0].tolist() == [0.47, 0.47]
    assert "always the largest class: accuracy 0.47" in figure.alt


def test_intervals_have_a_place_and_a_legend_entry_each(drawn):
    figure = drawn["intervals"][0]
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["accuracy", "Dice"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["over patients", "over slices"]
    dots = {line.get_label(): line.get_xydata() for line in ax.lines if line.get_label() in legend}
    np.testing.assert_allclose(dots["over patients"], [(0.9, -0.12), (0.7, 0.88)])
    np.testing.assert_allclose(dots["over slices"], [(0.9, 0.12), (0.7, 1.12)])
    whiskers = [tuple(line.get_xdata()) for line in ax.lines if line.get_label() not in legend]
    assert {(0.8, 0.97), (0.87, 0.93), (0.66, 0.74)} < set(whiskers)


def test_curves_of_the_stress_test_are_the_table(drawn):
    noise, blur = axes(drawn, "stress")[:2]
    assert noise.lines[0].get_ydata().tolist() == [0.9, 0.5]
    assert blur.lines[0].get_xdata().tolist() == [0, 2]
    assert blur.get_xlabel() == "px"


def test_false_alarms_are_counted_from_the_threshold_on(drawn):
    found, false_alarms = axes(drawn, "alarms")[0].lines
    assert found.get_xdata().tolist() == [0.1, 0.4, 0.5, 0.9]
    assert found.get_ydata().tolist() == [1, 1, 0.5, 0.5]
    assert false_alarms.get_ydata().tolist() == [1, 0.5, 0.5, 0]


def test_dots_of_dice_by_area_are_the_slices(drawn):
    dots = [each.get_offsets()[:, 1] for each in axes(drawn, "dice_by_area")[0].collections]
    np.testing.assert_allclose(np.concatenate(dots), np.linspace(0, 1, 9)[1:])


def test_the_best_so_far_never_falls(drawn):
    ax = axes(drawn, "best_so_far")[0]
    assert ax.lines[0].get_ydata().tolist() == [0.5, 0.5, 0.7]
    assert ax.collections[0].get_offsets().tolist() == [[1, 0.5], [2, 0.4], [3, 0.7]]


def test_a_logarithmic_axis_of_trials_is_one(drawn):
    lines = [line.get_ydata().tolist() for line in axes(drawn, "parallel_coordinates")[0].lines[:3]]
    np.testing.assert_allclose(lines, [[0, 0.5], [0.5, 0.5], [1, 0.5]])  # in the order of the scores


@pytest.mark.parametrize(("per_quarter", "boxes"), [(4, 0), (5, 4)])
def test_boxes_are_drawn_from_five_slices_on(per_quarter, boxes):
    count = 4 * per_quarter
    ax = plots.dice_by_area(np.linspace(0, 1, count), 10 + np.arange(count)).axes[0]
    assert len(ax.patches) == boxes


def test_the_orientation_does_not_name_the_answer_of_its_exercise(drawn):
    figure = drawn["orientation"][0]
    said = " ".join([figure.alt, *(text.get_text() for text in figure.findobj(Text))])
    assert ".T" not in said and "transpos" not in said


def test_normalised_slices_have_one_scale_of_grey(drawn):
    shown = [ax.images[0] for ax in axes(drawn, "normalisation")[:6]]
    assert {each.get_clim() for each in shown} == {(0, 255)}
    np.testing.assert_allclose(shown[0].get_array(), 255 * (ONE.image / 12_728))
    np.testing.assert_array_equal(shown[3].get_array(), ONE.image // 8)


def test_a_resized_mask_shows_the_coarse_pixels_in_every_panel(drawn):
    panels = axes(drawn, "mask_resizing")
    assert len(panels) == 3
    for ax in panels:
        vertical = next(each for each in ax.collections if each.get_label() == "edges of the coarse pixels")
        x = [segment[0, 0] for segment in vertical.get_segments()]
        np.testing.assert_allclose(x, np.arange(-0.5, 128, 4))  # 128 to 32 pixels: each is 4 wide
        assert ax.axison and ax.get_xlim()[0] > 0


def test_the_axis_of_intensities_starts_at_the_data(drawn):
    low, high = axes(drawn, "intensity_ranges")[0].get_xlim()
    assert TABLE["intensity_max"].min() - low < 0.1 * (high - low)


def test_a_class_of_three_slices_is_drawn_as_dots_among_large_classes():
    table = pd.concat([MANY[MANY["label"] != 1], MANY[MANY["label"] == 1].head(3)], ignore_index=True)
    ax = plots.intensity_ranges(table).axes[0]
    dots = [each.get_offsets() for each in ax.collections if isinstance(each, PathCollection)]
    assert [len(each) for each in dots] == [3]
    assert (abs(dots[0][:, 1]) < 0.5).all()  # on the row of class 1


def test_a_few_slices_are_dots_and_many_a_density(drawn):
    few, many = (axes(drawn, name)[0] for name in ("intensity_ranges", "intensity_ranges, many"))
    dots = [each.get_offsets()[:, 0] for each in few.collections if isinstance(each, PathCollection)]
    assert sorted(np.concatenate(dots)) == sorted(TABLE["intensity_max"])
    assert not any(isinstance(each, PathCollection) for each in many.collections)


def test_markers_of_the_reliability_diagram_grow_with_the_slices(drawn):
    collections = axes(drawn, "reliability_diagram")[0].collections
    (dots,) = [each for each in collections if isinstance(each, PathCollection)]
    table = calibration.reliability(CLASSES, CLASS_PROBABILITIES)
    slices = table.loc[table["slices"] > 0, "slices"]
    assert (np.argsort(dots.get_sizes(), kind="stable") == np.argsort(slices, kind="stable")).all()


def test_maps_of_tumour_places_are_means_on_one_scale(drawn):
    maps = [ax.images[0] for ax in axes(drawn, "tumour_places")[:3]]
    assert {each.get_clim() for each in maps} == {(0, 100)}
    np.testing.assert_allclose(maps[0].get_array(), 50.0 * (MASKS[0] + MASKS[1]))


def test_histograms_of_slices_per_patient_count_every_patient(drawn):
    bars = [[bar.get_height() for bar in ax.patches] for ax in axes(drawn, "slices_per_patient")]
    assert [sum(heights) for heights in bars] == [4, 4, 4]


def test_unet_diagram_shows_the_layers_of_the_model(drawn):
    figure = drawn["unet_diagram"][0]
    texts = [text.get_text() for text in figure.axes[0].texts]
    channels = ["1", "4", "4", "4", "8", "8", "8", "16", "16", "8+8", "8", "8", "4+4", "4", "4", "4", "2"]
    assert [text for text in texts if text.replace("+", "").isdigit()] == channels
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert {"max pooling (2)", "up-convolution (2)", "skip connection (2)"} < set(legend)


# ---- in a notebook ----


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import helpers.plots", ("matplotlib", "seaborn", "sklearn", "keras", "tensorflow")),
        ("from helpers.plots import *", ("sklearn", "keras", "tensorflow")),
    ],
)
def test_importing_plots_is_quick(statement, unwanted):
    code = f"import sys\n{statement}\nprint([name for name in {unwanted} if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True, cwd=ROOT).strip() == "[]"


@pytest.fixture(scope="module")
def notebook():
    """A notebook that also uses pyplot, executed."""
    source = (
        "import matplotlib.pyplot as plt\nfrom helpers import plots\nplots.confusion_matrix([1, 2], [1, 1])"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", path)
        return NotebookClient(notebook, timeout=60, kernel_name="python3").execute()


def test_a_notebook_shows_the_figure_once(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output.output_type for output in outputs] == ["execute_result"]
    assert outputs[0].data["image/png"].startswith("iVBORw0KGgo")
    assert outputs[0].metadata["image/png"]["alt"].startswith("Confusion matrix of 2 slices")


@pytest.mark.parametrize("template", ["lab", "classic"])
def test_an_exported_page_has_one_image_with_alt_text(notebook, template):
    page, _ = HTMLExporter(template_name=template).from_notebook_node(notebook)
    alt = plots.confusion_matrix([1, 2], [1, 1]).alt
    assert page.count("<img") == page.count(f'alt="{alt}"') == 1
