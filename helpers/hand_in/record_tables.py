"""Tables of run records: splits, settings, scores with their protocols, and what it takes to repeat them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from helpers.config.language import _, grouped, ngettext
from helpers.datasets.dataset import Dataset
from helpers.hand_in.results import TITLES, Results, require_any

PARTS = {"train": "training", "validation": "validation", "test": "test"}


def splits(results: Results) -> pd.DataFrame:
    """Return what was split, and the slices and patients of each part, one row per training.

    Args:
        results: of notebook 02.

    Returns:
        DataFrame of text.

    Raises:
        MissingResultError: there are no results; so do the other functions.
    """
    rows = {}
    for name, record in _records(results).items():
        split = record["split"]
        row = {"split by": split["unit"]}
        for part, title in PARTS.items():
            slices = split["slices"].get(part)
            row[title] = _slices_of(len(slices), split["patients"][part]) if slices else "–"
        if record.get("folds"):
            row["training"] = _("the other folds ({folds} in all)").format(folds=record["folds"])
        rows[TITLES[name]] = row
    return pd.DataFrame.from_dict(rows, orient="index")


def settings(results: Results) -> pd.DataFrame:
    """Return the network and the hyper-parameters of each training, one column per training."""
    columns = {}
    for name, record in _records(results).items():
        training = record["training"]
        columns[TITLES[name]] = {
            "pixels per side": record["size"],
            "parameters": grouped(record["network"]["parameters"]),
            "optimizer": training["optimizer"],
            "learning rate at the start": f"{training['learning_rate']:g}",
            "loss": training["loss"].replace("_", " "),
            "batch": training["batch"],
            "epochs, at most": training["epochs"],
            "epochs trained": record["epochs"],
            "epoch of the weights": record["best_epoch"],
            "augmentation": "yes" if training["augmentation"] else "none",
            "callbacks": ", ".join(one[0] for one in training["callbacks"]) or "none",
            "seed": record["seed"],
        }
    return pd.DataFrame(columns).astype(str)


def scores(results: Results, data: Dataset) -> pd.DataFrame:
    """Return every score with its 95% interval over patients and its protocol, one row per score.

    The first row is a baseline: the accuracy of always predicting the largest class of the data set.
    """
    majority = np.bincount(data.labels).max() / len(data)
    slices = ngettext("{count} slice", "{count} slices", len(data)).format(count=grouped(len(data)))
    rows = [("always the largest class", "accuracy", f"{majority:.3f}", "nothing", slices)]
    for name, record in _records(results).items():
        split = record["split"]
        tested = _slices_of(len(split["slices"]["test"]), split["patients"]["test"])
        if record.get("folds"):
            tested += _(", {folds} folds").format(folds=record["folds"])
        for measure, interval in results[name].scores.items():
            threshold = record["results"][measure].get("threshold")
            full = _(measure)
            if threshold is not None:
                full = _("{measure} at threshold {threshold:g}").format(measure=full, threshold=threshold)
            rows.append((TITLES[name], full, f"{interval:.3f}", split["unit"], tested))
    columns = ["network", "measure", "value (95% interval)", "split by", "tested on"]
    return pd.DataFrame(rows, columns=columns).set_index("network")


def origin(results: Results, data: Dataset) -> pd.DataFrame:
    """Return data, versions, device and duration of each training, one column per training."""
    columns = {}
    for name, record in _records(results).items():
        columns[TITLES[name]] = {
            "data set": record["data"]["folder"],
            "fingerprint of the data": record["data"]["content"][:16],
            "device": record["device"],
            "training, seconds": f"{record['seconds']:.0f}",
            "memory at most, MB": grouped(record["peak_memory_mb"]),
            **record["versions"],
        }
    table = pd.DataFrame(columns).astype(str)
    same = data.fingerprint.get("content", "")[:16]
    return table.rename(
        columns={
            name: _("{name} (other data)").format(name=_(name))
            for name in table
            if _differs(table[name], same)
        }
    )


def _slices_of(slices: int, patients: int) -> str:
    shown = ngettext("{count} slice", "{count} slices", slices).format(count=grouped(slices))
    owners = ngettext("{count} patient", "{count} patients", patients).format(count=grouped(patients))
    return f"{shown}, {owners}"


def _differs(column: pd.Series, fingerprint: str) -> bool:
    return column["fingerprint of the data"] != fingerprint


def _records(results: Results) -> Mapping[str, dict]:
    require_any(results)
    return {name: results[name].record for name in results}
