"""The protocol table: every number with what was trained, on whom, and tested on whom."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers import reference
from helpers.splits import Split, leakage

COLUMNS = ["task", "model", "source", "split by", "tested on", "pixels", "measure", "value",
           "95 % interval", "note"]  # fmt: skip
TASKS = {"classifier": "classification", "unet": "segmentation"}
MODELS = {"classifier": "the report's CNN", "unet": "the report's U-Net"}


def protocol_comparison(cards: Iterable[Mapping], measures: Sequence[str]) -> pd.DataFrame:
    """This run's results beside the report's and those that others published.

    Args:
        cards: run records (`helpers.training.run_record`) with results, and those of cross-validations.
        measures: which of their results to show.

    Returns:
        DataFrame, a row a number, index the task: the classification first and then the
        segmentation. "split by" says what was shuffled. A measure of masks has its threshold
        beside it. An interval is by bootstrap over patients; the others published none.
    """
    ours = [row for card in cards for row in _rows(card, measures)]
    table = pd.DataFrame([*ours, *map(_published_row, reference.PUBLISHED_RESULTS)], columns=COLUMNS)
    return table.set_index("task").sort_index(kind="stable")


def leakage_summary(folds: Mapping[str, Sequence[Split]], patients: ArrayLike) -> pd.DataFrame:
    """How many test slices have a sibling in training, under several protocols.

    Args:
        folds: name of the protocol -> its splits.
        patients: (N,) whose slice each is, or which family's.

    Returns:
        DataFrame, a row a protocol: folds, test slices, with a sibling in training, share.
    """
    rows = {}
    for name, splits in folds.items():
        found = [leakage(split, patients) for split in splits]
        tested, seen = sum(one.test_slices for one in found), sum(one.with_sibling for one in found)
        rows[name] = (len(splits), tested, seen, f"{seen / tested:.0%}")
    columns = ["folds", "test slices", "with a sibling in training", "share"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _rows(card: Mapping, measures: Sequence[str]) -> list[dict]:
    name, split = card["network"]["name"], card["split"]
    note = "the test set is the validation set" if split["validation_is_test"] else ""
    if card.get("folds"):
        note = f"cross-validation, {card['folds']} folds"
    common = {
        "task": TASKS[name],
        "model": MODELS[name],
        "source": f"this run, {card['data']['folder']}",
        "split by": split["unit"],
        "tested on": f"{len(split['slices']['test'])} slices, {split['patients']['test']} patients",
        "pixels": card["size"],
        "note": note,
    }
    return [common | _measured(measure, card["results"][measure]) for measure in measures
            if measure in card["results"]]  # fmt: skip


def _measured(measure: str, result: Mapping) -> dict:
    low, high = result["low"], result["high"]
    return {
        "measure": f"{measure} at {result['threshold']}" if "threshold" in result else measure,
        "value": f"{result['value']:.3f}",
        "95 % interval": "" if np.isnan(low) else f"{low:.3f} to {high:.3f}",
    }


def _published_row(result: reference.PublishedResult) -> dict:
    return {
        "task": result.task,
        "model": result.model,
        "source": result.source,
        "split by": result.unit or "none",
        "tested on": "",
        "pixels": result.size or "",
        "measure": result.measure,
        "value": result.value,
        "95 % interval": "",
        "note": result.note,
    }
