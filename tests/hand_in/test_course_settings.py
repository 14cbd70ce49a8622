"""Settings that differ from the course's are listed, with their reasons."""

import json

import pytest

from helpers import hand_in, models, training
from helpers._common import CourseError
from helpers.config import language


def change(course, name, edit):
    """Edit a run record, whose layers become those of the course."""
    folder = (
        course.run_folder(f"protocols/{name}")
        if name.startswith("by ")
        else course.run_folder(name) / "abcd1234"
    )
    record = json.loads((folder / "run.json").read_text())
    edit(record)
    (folder / "run.json").write_text(json.dumps(record))


@pytest.fixture
def as_in_the_course(results):
    for name in ("classifier", "unet", "by slice", "by family"):
        network = models.unet() if name == "unet" else models.classifier()
        layers = training.layer_list(network)
        change(results, name, lambda record, layers=layers: record["network"].update(architecture=layers))
    return results


def changed(course, reasons=None):
    table = hand_in.changed_settings(hand_in.find(course), course, reasons)
    return [tuple(row) for row in table.itertuples(index=False)]


def test_nothing_differs_in_the_courses_own_runs(as_in_the_course):
    assert changed(as_in_the_course) == []


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("batch", 16, ("batch", "2", "16")),
        ("learning_rate", 0.00029999, ("learning rate", "0.0003", "0.00029999")),
        ("epochs", 40, ("epochs, at most", "4", "40")),
        ("optimizer", "SGD", ("optimizer", "Adam", "SGD")),
        ("loss", "dice_loss", ("loss", "sparse_categorical_crossentropy", "dice_loss")),
        ("augmentation", {"flip": True, "shift": 0.05, "shear": 0.0},
         ("augmentation", "none", "flip 1, shift 0.05")),
    ],
)  # fmt: skip
def test_a_changed_setting_is_listed(as_in_the_course, setting, value, expected):
    change(as_in_the_course, "classifier", lambda record: record["training"].update({setting: value}))
    assert changed(as_in_the_course) == [("classifier", *expected, "(no reason given)")]


def test_another_size_or_split_or_padding_is_listed(as_in_the_course):
    layers = [
        one.replace("padding=valid", "padding=same") for one in training.layer_list(models.classifier())
    ]

    def edit(record):
        record["size"], record["split"]["unit"] = 128, "patient"
        record["network"]["architecture"] = layers

    change(as_in_the_course, "classifier", edit)
    rows = [row[1:4] for row in changed(as_in_the_course)]
    assert ("pixels per side", "512", "128") in rows
    assert ("split by", "slice", "patient") in rows
    assert any("padding=valid" in row[1] and "padding=same" in row[2] for row in rows)


def test_a_float32_learning_rate_is_the_same(as_in_the_course):
    change(
        as_in_the_course,
        "unet",
        lambda record: record["training"].update(learning_rate=0.0005000000237487257),
    )
    assert changed(as_in_the_course) == []


def test_changed_layers_are_listed_once_with_their_number(as_in_the_course):
    layers = training.layer_list(models.classifier(dropout=0.5))
    change(as_in_the_course, "by family", lambda record: record["network"].update(architecture=layers))
    assert changed(as_in_the_course) == [
        (
            "cross-validation by family",
            "layers, change 1 (4 times)",
            "Dropout rate=0.25",
            "Dropout rate=0.5",
            "(no reason given)",
        )
    ]


def test_added_layers_are_listed(as_in_the_course):
    layers = training.layer_list(models.classifier(filters=(32, 64, 64, 128, 256)))
    change(as_in_the_course, "classifier", lambda record: record["network"].update(architecture=layers))
    rows = changed(as_in_the_course)
    assert [row[1] for row in rows] == ["layers, change 1", "layers, change 2", "layers, change 3"]
    assert any(row[2] == "none" and row[3].startswith("Conv2D filters=256") for row in rows)


def test_callbacks_are_shown_with_what_differs(as_in_the_course):
    def edit(record):
        record["training"]["callbacks"][1][1]["factor"] = 0.5

    change(as_in_the_course, "classifier", edit)
    (row,) = changed(as_in_the_course)
    assert row[1] == "callbacks"
    assert "ReduceLROnPlateau(factor=0.1, monitor=val_loss, patience=2)" in row[2]
    assert "ReduceLROnPlateau(factor=0.5, monitor=val_loss, patience=2)" in row[3]


def test_reasons_stand_beside_their_settings(as_in_the_course):
    change(as_in_the_course, "classifier", lambda record: record["training"].update(batch=16))
    assert changed(as_in_the_course, {"classifier: batch": "It fits. "})[0][-1] == "It fits."


def test_a_reason_for_nothing_is_refused(as_in_the_course):
    change(as_in_the_course, "classifier", lambda record: record["training"].update(batch=16))
    with pytest.raises(
        CourseError, match=r"'classifier: batch size'\] is for no setting .* Those are: classifier: batch"
    ):
        changed(as_in_the_course, {"classifier: batch size": "It fits."})


def test_without_results_the_cells_are_named(course):
    with pytest.raises(hand_in.MissingResultError, match="Run Part A"):
        hand_in.changed_settings(hand_in.find(course), course)


def test_reasons_are_known_under_english_and_spanish_words(as_in_the_course):
    change(as_in_the_course, "by slice", lambda record: record["training"].update(batch=16, optimizer="SGD"))
    given = {
        "validación cruzada por corte: lote": "Cabía.",
        "cross-validation by slice: optimizer": "Por probar.",
    }
    with language.speaking("es"):
        rows = {row[1]: row[-1] for row in changed(as_in_the_course, given)}
        with pytest.raises(CourseError, match=r"'lotes'.*validación cruzada por corte: lote; "):
            changed(as_in_the_course, {"lotes": "Por probar."})
    assert rows == {"batch": "Cabía.", "optimizer": "Por probar."}
