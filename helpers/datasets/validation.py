"""A data set -> what it has, beside what was published, and what a difference means.

Two kinds of checks. *Counts* hold for the published slices and no others: how many slices,
patients, folds. *Rules* hold for any data set that a network is to learn from: one label a
patient, no duplicates, masks that fit their borders.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import fill

import numpy as np
import pandas as pd

from helpers import reference
from helpers.datasets.dataset import Dataset
from helpers.reference import CLASS_NAMES, FOLDS

# The published data set, figshare 1512427, where the report does not have the number.
FOLD_SIZES = {1: 542, 2: 679, 3: 572, 4: 628, 5: 643}
SMALL_SLICES = (*range(955, 958), *range(1070, 1077), *range(1203, 1208))  # 256 x 256 px
LOWEST_INTENSITY = 0
HIGHEST_INTENSITY = (860, 12_728)  # of the dimmest (about) and of the brightest slice
# Mask over filled border. The border's own pixels may count or not: real slices have 0.85 to 0.99.
MASK_TO_BORDER = (0.8, 1.25)

LINE_LENGTH = 100
YES, NO, NOT_APPLICABLE = "yes", "no", "not applicable"
CLASSES = " / ".join(CLASS_NAMES.values())


@dataclass(frozen=True)
class Finding:
    """One row of the report.

    Args:
        check: what was looked at.
        found: what the data set has.
        published: what the published set has.
        same: whether the two agree.
        matters: what it means for what follows where they do not.
    """

    validate: str
    found: str
    published: str
    same: bool
    matters: str


def validate(dataset: Dataset, published: bool) -> pd.DataFrame:
    """Counts a data set through, and puts what was published beside it.

    Args:
        dataset: what `helpers.datasets.assembly.assemble` made.
        published: whether these should be the published slices. Phantoms are not: their
            counts are their own, and only the rules apply to them.

    Returns:
        DataFrame, one row a check, with the columns "check", "found", "published",
        "same as published" ("yes", "no" or "not applicable") and "matters": what it means
        for what follows, one sentence, empty unless the answer is "no".
    """
    rows = [_row(finding(dataset.table), applies=published) for finding in COUNTS]
    for name, (count, matters) in RULES.items():
        found = count(dataset.table)
        rows.append(_row(Finding(name, f"{found:,}", "0", found == 0, matters)))
    return pd.DataFrame(rows)


def summarise(findings: pd.DataFrame) -> str:
    """Says in words what `check` found.

    Args:
        findings: what `check` returned.

    Returns:
        A line on the whole, and one for each check that differs.
    """
    answers = findings["same as published"]
    counts, differing = (answers == NOT_APPLICABLE).sum(), findings[answers == NO]
    judged = len(findings) - counts
    lines = []
    if counts:
        lines.append(f"This is not the published data set, so its {counts} counts may differ.")
    what = f"{judged} {'other ' if counts else ''}checks agree with the published set."
    if differing.empty:
        lines.append(f"All {what}")
    else:
        lines.append(f"{judged - len(differing)} of {what} What differs, and what it means:")
    for row in differing.itertuples():
        line = f"- {row.check}: {row.found}. {row.matters}"
        lines.append(fill(line, LINE_LENGTH, subsequent_indent="  ", break_on_hyphens=False))
    return "\n".join(lines)


# ---- counts: true of the published slices ----


def _slice_counts(table: pd.DataFrame) -> Finding:
    counts = table["label"].value_counts().reindex(list(CLASS_NAMES), fill_value=0)
    return Finding(
        f"slices ({CLASSES})",
        _total(counts),
        _total(reference.CLASS_COUNTS.values()),
        counts.to_dict() == reference.CLASS_COUNTS,
        _about_classes(counts),
    )


def _slice_numbers(table: pd.DataFrame) -> Finding:
    theirs = set(range(1, reference.SLICES + 1))
    ours = set(table["number"])
    others = f" and {len(ours - theirs):,} others" if ours - theirs else ""
    return Finding(
        "slice numbers",
        f"{len(ours & theirs):,} of 1 to {reference.SLICES:,}{others}",
        f"1 to {reference.SLICES:,}, each once",
        ours == theirs and len(table) == len(theirs),
        "Say in your results which slices they rest on: with others they will not agree to the last digit.",
    )


def _patient_counts(table: pd.DataFrame) -> Finding:
    # A patient of two classes has a row of its own; here each counts once, where most slices are.
    classes = table.groupby("patient")["label"].agg(lambda labels: labels.mode().iloc[0])
    counts = classes.value_counts().reindex(list(CLASS_NAMES), fill_value=0)
    return Finding(
        f"patients ({CLASSES})",
        _total(counts),
        _total(reference.PATIENT_COUNTS.values()),
        counts.to_dict() == reference.PATIENT_COUNTS,
        "Patients, not slices, are what a result is tested on: the fewer there are, the less it says about "
        "the next one.",
    )


def _small_slices(table: pd.DataFrame) -> Finding:
    other = table[table["native_size"] != 512]
    sizes = " and ".join(f"{size} x {size}" for size in sorted(other["native_size"].unique()))
    return Finding(
        "slices not of 512 x 512 pixels",
        f"{len(other)} of {sizes}: {_ranges(other['number'])}" if len(other) else "0",
        f"{len(SMALL_SLICES)} of 256 x 256: {_ranges(SMALL_SLICES)}",
        sorted(other["number"]) == list(SMALL_SLICES) and sizes == "256 x 256",
        "Nothing for the training: every slice is brought to the same two sizes.",
    )


def _fold_sizes(table: pd.DataFrame) -> Finding:
    sizes = table["fold"].value_counts().reindex(list(FOLDS), fill_value=0)
    return Finding(
        "slices in the author's folds 1 to 5",
        " / ".join(f"{size:,}" for size in sizes),
        " / ".join(f"{size:,}" for size in FOLD_SIZES.values()),
        sizes.to_dict() == FOLD_SIZES,
        "Results over these folds cannot be compared with those of people who had all of the author's.",
    )


def _lowest_intensity(table: pd.DataFrame) -> Finding:
    lowest = table["intensity_min"]
    return Finding(
        "lowest intensity of a slice",
        _span(lowest.min(), lowest.max()),
        str(LOWEST_INTENSITY),
        bool((lowest == LOWEST_INTENSITY).all()),
        "Nothing for the training: each slice is stretched from its own darkest pixel.",
    )


def _highest_intensity(table: pd.DataFrame) -> Finding:
    highest, (dimmest, brightest) = table["intensity_max"], HIGHEST_INTENSITY
    return Finding(
        "highest intensity of a slice",
        _span(highest.min(), highest.max()),
        f"within {_span(dimmest, brightest)}",
        bool(highest.between(dimmest - 10, brightest).all()),
        "Each slice is stretched to its own brightest pixel, but look at these slices: another program has "
        "changed their values.",
    )


# ---- rules: true of any data set that can be trusted ----

# What there should be none of -> how many there are, and what it means if there are some.
RULES = {
    "patients with two labels": (
        lambda table: (table.groupby("patient")["label"].nunique() > 1).sum(),
        "A label or an id is wrong: a network would be taught two answers for one person.",
    ),
    "patients in two folds": (
        lambda table: (table[table["fold"] > 0].groupby("patient")["fold"].nunique() > 1).sum(),
        "Do not test across these folds: near copies of the test slices would be in the training set.",
    ),
    "slices without a fold": (
        lambda table: (table["fold"] == 0).sum(),
        "The author's folds leave them out (is cvind.mat beside the slices?): split by patient yourself.",
    ),
    # The checksum is over image and mask. A copied file has both; the same image with another
    # outline would be a second opinion, which is for people to judge.
    "exact duplicates of another slice": (
        lambda table: table["checksum"].duplicated().sum(),
        "Leave the copies out: a test slice that was also trained on is a question with its answer.",
    ),
    "empty masks": (
        lambda table: (table["tumour_area_px"] == 0).sum(),
        "A tumour that nobody outlined teaches a segmentation to overlook it: leave these slices out.",
    ),
    "masks that do not fill their border": (
        lambda table: (
            ~table["border_area_ratio"].between(*MASK_TO_BORDER) & (table["tumour_area_px"] > 0)
        ).sum(),
        "Mask and border record one outline, so one is wrong: look before you train on these masks.",
    ),
}

COUNTS = (
    _slice_counts,
    _slice_numbers,
    _patient_counts,
    _small_slices,
    _fold_sizes,
    _lowest_intensity,
    _highest_intensity,
)


# ---- words ----


def _row(finding: Finding, applies: bool = True) -> dict[str, str]:
    answer = (YES if finding.same else NO) if applies else NOT_APPLICABLE
    return {
        "check": finding.check,
        "found": finding.found,
        "published": finding.published,
        "same as published": answer,
        "matters": finding.matters if answer == NO else "",
    }


def _about_classes(counts: pd.Series) -> str:
    absent = [CLASS_NAMES[label] for label, count in counts.items() if count == 0]
    if absent:
        return f"No {' and no '.join(absent)}: three classes cannot be learnt. Get all four archives."
    if counts.sum() < reference.SLICES:
        return (
            "A part of the published set, enough to try things out; the report's results are for all of it."
        )
    return "Not the class balance of the report: its results are for another mix of slices."


def _total(counts: Iterable[int]) -> str:
    """E.g. "3,064 (708 / 1,426 / 930)"."""
    counts = list(counts)
    return f"{sum(counts):,} ({' / '.join(f'{count:,}' for count in counts)})"


def _span(low: int, high: int) -> str:
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _ranges(numbers: Sequence[int]) -> str:
    """E.g. "955-957, 1070-1076" for the numbers in between."""
    numbers = sorted(numbers)
    starts = [0] + [i + 1 for i, (one, following) in enumerate(pairwise(numbers)) if following > one + 1]
    runs = np.split(numbers, starts[1:])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
