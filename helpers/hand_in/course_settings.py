"""Which settings of a training differ from the course's own."""

import difflib
import itertools
from collections.abc import Mapping

import keras
import pandas as pd

from helpers import models
from helpers._common import CourseError
from helpers.config.language import N_, _
from helpers.config.settings import Schedule, Settings
from helpers.hand_in.results import TITLES, Results, Run, require_any
from helpers.training.run_record import layer_list, watching

COLUMNS = ["training", "setting", "course", "yours", "reason"]
NO_REASON = N_("(no reason given)")
ALWAYS_SHOWN = ("monitor", "patience")  # of a callback; other settings only if they differ


class ReasonError(CourseError):
    """A reason is given for a setting that is as in the course."""


def changed_settings(
    results: Results, course: Settings, reasons: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """List the settings in which trainings differ from the course's own, each of which needs a reason.

    Args:
        results: of notebook 02.
        course: the settings, whose profile has the course's values.
        reasons: "training: setting", as in the first two columns ("U-Net: batch"), -> the reason. Both are
            known in the student's language; in English, too, unless they count layers.

    Returns:
        DataFrame of text with the columns training, setting, course, yours and reason; no row if nothing
        differs.

    Raises:
        MissingResultError: there are no results.
        ReasonError: a reason is for a setting that doesn't differ.
    """
    require_any(results)
    given = dict(reasons or {})
    rows = [
        (TITLES[name], setting, ours, theirs)
        for name in results
        for setting, ours, theirs in _compared(results[name], course)
        if ours != theirs
    ]
    filled = [(*row, _reason(given, *row[:2])) for row in rows]
    if given:
        said = _("reasons[{key!r}] is for no setting that differs from the course's. Those are: {known}.")
        known = "; ".join(f"{_(training)}: {_(setting)}" for training, setting, *_more in rows)
        raise ReasonError(said.format(key=next(iter(given)), known=known or _("none")))
    return pd.DataFrame(filled, columns=COLUMNS)


def _reason(given: dict[str, str], training: str, setting: str) -> str:
    """Take the reason for a setting out of those that are given."""
    keys = f"{training}: {setting}", f"{_(training)}: {_(setting)}"
    found = [given.pop(key) for key in dict.fromkeys(keys) if key in given]
    return " ".join(found).strip() or _(NO_REASON)


def _compared(run: Run, course: Settings) -> list[tuple[str, str, str]]:
    record, training = run.record, run.record["training"]
    schedule = _schedule(run.name, course)
    unit = run.name.removeprefix("by ") if run.name.startswith("by ") else "slice"
    pairs = [
        ("split by", unit, record["split"]["unit"]),
        ("validation set is test set", False, record["split"]["validation_is_test"]),
        ("pixels per side", {"classifier": 512}.get(run.name, 128), record["size"]),
        ("epochs, at most", schedule.epochs, training["epochs"]),
        ("batch", schedule.batch, training["batch"]),
        ("learning rate", f"{schedule.learning_rate:g}", f"{training['learning_rate']:g}"),
        ("optimizer", "Adam", training["optimizer"]),
        ("loss", "sparse_categorical_crossentropy", training["loss"]),
        ("augmentation", "none", _augmentation(training["augmentation"])),
        ("callbacks", *_callbacks(_courses_callbacks(run.name), training["callbacks"])),
        ("seed", course.seed, record["seed"]),
    ]
    texts = [(setting, str(ours), str(theirs)) for setting, ours, theirs in pairs]
    return texts + _layers(_architecture(run), record["network"].get("architecture", []))


def _schedule(name: str, course: Settings) -> Schedule:
    own = {"classifier": course.profile.classifier, "unet": course.profile.unet}
    return own.get(name, course.profile.comparison)


def _architecture(run: Run) -> list[str]:
    if run.name == "unet":
        return layer_list(models.unet())
    size = run.record["size"]
    return layer_list(models.classifier((size, size, 3)))


def _layers(ours: list[str], theirs: list[str]) -> list[tuple[str, str, str]]:
    """List the layers that differ; equal changes are listed once, with their number."""
    changes: dict[tuple[str, str], int] = {}
    steps = difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    for kind, start, end, start_theirs, end_theirs in steps:
        if kind == "equal":
            continue
        left, right = ours[start:end], theirs[start_theirs:end_theirs]
        for place in range(max(len(left), len(right))):
            change = [part[place] if place < len(part) else "none" for part in (left, right)]
            changes[change[0], change[1]] = changes.get((change[0], change[1]), 0) + 1
    return [(_change(place, count), *pair) for place, (pair, count) in enumerate(changes.items(), 1)]


def _change(place: int, count: int) -> str:
    if count == 1:
        return _("layers, change {place}").format(place=place)
    return _("layers, change {place} ({count} times)").format(place=place, count=count)


def _augmentation(values: dict | None) -> str:
    if not values:
        return "none"
    return ", ".join(f"{name} {value:g}" for name, value in values.items() if value)


def _courses_callbacks(name: str) -> list:
    """The callbacks of notebook 02, as run records describe them."""
    stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=5)
    reducing = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=2)
    return [watching(one) for one in {"classifier": [stopping, reducing], "unet": [reducing]}.get(name, [])]


def _callbacks(ours: list, theirs: list) -> tuple[str, str]:
    """Both lists in words: monitor and patience, and the settings in which a callback differs."""
    shown = set(ALWAYS_SHOWN)
    for (name, values, *_code), (other, others, *_others) in itertools.product(ours, theirs):
        shown |= {key for key in values | others if name == other and values.get(key) != others.get(key)}

    own = _(" with own code")

    def words(described: list) -> str:
        texts = []
        for name, values, *code in described:
            inside = ", ".join(f"{key}={values[key]}" for key in sorted(shown & set(values)))
            texts.append(f"{name}({inside}){own if code else ''}")
        return "; ".join(texts) or "none"

    return words(ours), words(theirs)
