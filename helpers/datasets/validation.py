"""Compare a data set with what was published, and say what each difference means.

Two kinds of checks. *Counts* hold for the published slices only: how many slices, patients, folds.
*Rules* hold for any data set that a network is to learn from: one label per patient, no duplicates,
masks that fit their borders.
"""

from collections.abc import Callable, Iterable
from textwrap import fill

import numpy as np
import pandas as pd

from helpers import reference
from helpers.config.language import N_, _, grouped
from helpers.datasets.dataset import Dataset
from helpers.reference import CLASS_NAMES, FOLDS

# The published data set, figshare 1512427, as far as the report does not describe it.
FOLD_SIZES = {1: 542, 2: 679, 3: 572, 4: 628, 5: 643}
SMALL_SLICES = (*range(955, 958), *range(1070, 1077), *range(1203, 1208))  # 256 x 256 px
HIGHEST_INTENSITY = (860, 12_728)  # of the dimmest slice (about) and of the brightest
# Mask area over the area of the filled border. The border's own pixels may count or not: in real
# slices the ratio is 0.85 to 0.99.
MASK_TO_BORDER = (0.8, 1.25)

LINE_LENGTH = 100
YES, NO, NOT_APPLICABLE = N_("yes"), N_("no"), N_("not applicable")
Count = tuple[str, str, str, bool, str]  # check, found, published, whether they agree, what it means


def validate(dataset: Dataset, published: bool) -> pd.DataFrame:
    """Count what a data set holds, and compare it with what was published.

    Args:
        dataset: Dataset returned by `assemble`.
        published: whether these should be the published slices. Phantoms are not: only the rules
            apply to them.

    Returns:
        DataFrame, one row per check, with the columns "check", "found", "published", "same as
        published" ("yes", "no" or "not applicable") and "matters": what a difference means, one
        sentence, empty unless the answer is "no".
    """
    table = dataset.table
    rows = [
        (check, found, theirs, _((YES if same else NO) if published else NOT_APPLICABLE), matters)
        for check, found, theirs, same, matters in _counts_of_slices(table) + _counts_of_files(table)
    ]
    for check, (count, matters) in RULES.items():
        found = count(table)
        rows.append((_(check), grouped(found), "0", _(NO if found else YES), _(matters)))
    findings = pd.DataFrame(rows, columns=["check", "found", "published", "same as published", "matters"])
    findings["matters"] = findings["matters"].where(findings["same as published"] == _(NO), "")
    return findings


def summarise(findings: pd.DataFrame) -> str:
    """Summarise what `validate` found in sentences.

    Args:
        findings: DataFrame returned by `validate`.

    Returns:
        A line on the whole, and one for each check that differs.
    """
    answers = findings["same as published"]
    counts, differing = (answers == _(NOT_APPLICABLE)).sum(), findings[answers == _(NO)]
    judged = len(findings) - counts
    lines = []
    if counts:
        said = _("This is not the published data set, so its {count} counts may differ.")
        lines.append(said.format(count=counts))
    if differing.empty and counts:
        said = _("All {judged} other checks agree with the published set.")
    elif differing.empty:
        said = _("All {judged} checks agree with the published set.")
    elif counts:
        said = _(
            "{agreeing} of {judged} other checks agree with the published set. What differs, and what it "
            "means:"
        )
    else:
        said = _(
            "{agreeing} of {judged} checks agree with the published set. What differs, and what it means:"
        )
    lines.append(said.format(judged=judged, agreeing=judged - len(differing)))
    for row in differing.itertuples():
        line = f"- {row.check}: {row.found}. {row.matters}"
        lines.append(fill(line, LINE_LENGTH, subsequent_indent="  ", break_on_hyphens=False))
    return "\n".join(lines)


# ---- counts: true of the published slices ----


def _counts_of_slices(table: pd.DataFrame) -> list[Count]:
    per_class = table["label"].value_counts().reindex(list(CLASS_NAMES), fill_value=0)
    # A patient with two labels has a rule of its own; here each counts once, by its most frequent label.
    labels = table.groupby("patient")["label"].agg(lambda labels: labels.mode().iloc[0])
    patients = labels.value_counts().reindex(list(CLASS_NAMES), fill_value=0)
    published, numbers = set(range(1, reference.SLICES + 1)), set(table["number"])
    classes = " / ".join(map(_, CLASS_NAMES.values()))
    known = _("{count} of 1 to {last}").format(
        count=grouped(len(numbers & published)), last=grouped(reference.SLICES)
    )
    if others := len(numbers - published):
        known += _(" and {count} others").format(count=grouped(others))
    return [
        (
            _("slices ({classes})").format(classes=classes),
            _total(per_class),
            _total(reference.CLASS_COUNTS.values()),
            per_class.to_dict() == reference.CLASS_COUNTS,
            _missing_slices(per_class),
        ),
        (
            _("slice numbers"),
            known,
            _("1 to {last}, each once").format(last=grouped(reference.SLICES)),
            numbers == published and len(table) == len(published),
            _(
                "Name the slices that your results are for: with others, they will not agree to the last "
                "digit."
            ),
        ),
        (
            _("patients ({classes})").format(classes=classes),
            _total(patients),
            _total(reference.PATIENT_COUNTS.values()),
            patients.to_dict() == reference.PATIENT_COUNTS,
            _(
                "Results are tested on patients, not on slices: the fewer there are, the less a result says "
                "about the next one."
            ),
        ),
    ]


def _missing_slices(per_class: pd.Series) -> str:
    absent = [_(CLASS_NAMES[label]) for label, count in per_class.items() if count == 0]
    if absent:
        said = _("No {classes}: three classes cannot be learned. Get all four archives.")
        return said.format(classes=_(" and no ").join(absent))
    if per_class.sum() < reference.SLICES:
        return _(
            "A part of the published set, enough to try things out; the report's results are for all of it."
        )
    return _("Not the class balance of the report: its results are for another mix of slices.")


def _counts_of_files(table: pd.DataFrame) -> list[Count]:
    other = table[table["native_size"] != 512]
    native = [f"{size} x {size}" for size in sorted(other["native_size"].unique())]
    found = (
        _("{count} of {sizes}: {numbers}").format(
            count=len(other), sizes=_(" and ").join(native), numbers=_ranges(other["number"])
        )
        if len(other)
        else "0"
    )
    folds = table["fold"].value_counts().reindex(list(FOLDS), fill_value=0)
    lowest, highest, (dimmest, brightest) = table["intensity_min"], table["intensity_max"], HIGHEST_INTENSITY
    return [
        (
            _("slices not of 512 x 512 pixels"),
            found,
            _("{count} of {sizes}: {numbers}").format(
                count=len(SMALL_SLICES), sizes="256 x 256", numbers=_ranges(SMALL_SLICES)
            ),
            sorted(other["number"]) == list(SMALL_SLICES) and native == ["256 x 256"],
            _("Nothing for the training: every slice is resized to the same two sizes."),
        ),
        (
            _("slices in the author's folds 1 to 5"),
            " / ".join(map(grouped, folds)),
            " / ".join(map(grouped, FOLD_SIZES.values())),
            folds.to_dict() == FOLD_SIZES,
            _("Results over these folds cannot be compared with published ones over all of the author's."),
        ),
        (
            _("lowest intensity of a slice"),
            _span(lowest.min(), lowest.max()),
            "0",
            bool((lowest == 0).all()),
            _("Nothing for the training: each slice is stretched from its own darkest pixel."),
        ),
        (
            _("highest intensity of a slice"),
            _span(highest.min(), highest.max()),
            _("within {span}").format(span=_span(dimmest, brightest)),
            bool(highest.between(dimmest - 10, brightest).all()),
            _(
                "Each slice is stretched to its own brightest pixel, but look at these slices: another "
                "program has changed their values."
            ),
        ),
    ]


# ---- rules: true of any data set that can be trained on ----

# What there should be none of -> how many there are, and what it means if there are some.
RULES: dict[str, tuple[Callable[[pd.DataFrame], int], str]] = {
    N_("patients with two labels"): (
        lambda table: (table.groupby("patient")["label"].nunique() > 1).sum(),
        N_("A label or an id is wrong: a network would be taught two answers for one person."),
    ),
    N_("patients in two folds"): (
        lambda table: (table[table["fold"] > 0].groupby("patient")["fold"].nunique() > 1).sum(),
        N_("Do not test across these folds: near copies of the test slices would be in the training set."),
    ),
    N_("slices without a fold"): (
        lambda table: (table["fold"] == 0).sum(),
        N_(
            "The author's folds leave them out (is cvind.mat next to the slices?): split by patient yourself."
        ),
    ),
    # The checksum covers image and mask. A copied file has both; the same image with another outline
    # would be a second opinion, which is for people to judge.
    N_("exact duplicates of another slice"): (
        lambda table: table["checksum"].duplicated().sum(),
        N_("Leave the copies out: a test slice that is also in the training set is data leakage."),
    ),
    N_("empty masks"): (
        lambda table: (table["tumour_area_px"] == 0).sum(),
        N_("A tumour that nobody outlined teaches a segmentation to overlook it: leave these slices out."),
    ),
    N_("masks that do not fill their border"): (
        lambda table: (
            ~table["border_area_ratio"].between(*MASK_TO_BORDER) & (table["tumour_area_px"] > 0)
        ).sum(),
        N_("Mask and border record one outline, so one is wrong: look before you train on these masks."),
    ),
}


# ---- formatting ----


def _total(counts: Iterable[int]) -> str:
    """Format counts with their sum, e.g. "3,064 (708 / 1,426 / 930)"."""
    counts = list(counts)
    return f"{grouped(sum(counts))} ({' / '.join(map(grouped, counts))})"


def _span(low: int, high: int) -> str:
    return grouped(low) if low == high else f"{grouped(low)}{_(' to ')}{grouped(high)}"


def _ranges(numbers: Iterable[int]) -> str:
    """Format numbers as ranges, e.g. "955-957, 1070-1076"."""
    ordered = np.array(sorted(numbers))
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
