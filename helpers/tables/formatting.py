"""Tables as a reader expects them: numbers, and words in the student's language."""

from numbers import Integral, Real

import pandas as pd

from helpers.config.language import N_, _, grouped

MISSING = "–"
# The words in tables of the course, in its notebooks and in the report. Code uses them in English.
# fmt: off
WORDS = (
    # what is counted and measured
    N_("class"), N_("slice"), N_("slices"), N_("patient"), N_("patients"), N_("family"), N_("all"),
    N_("total"), N_("measure"), N_("value"), N_("low"), N_("high"), N_("share"), N_("times as wide"),
    N_("over patients"), N_("over slices"), N_("accuracy"), N_("precision"), N_("recall"),
    N_("support"), N_("macro average"), N_("weighted average"), N_("macro F1"),
    N_("recall of meningioma"), N_("recall of glioma"), N_("recall of pituitary"),
    N_("accuracy, gap to by slice"), N_("mean over slices"), N_("pixels pooled"), N_("predicted empty"),
    N_("median where both have a tumour"), N_("quarter by true area"), N_("prediction"),
    N_("tumour IoU"), N_("IoU of the tumour"), N_("IoU as in the report"),
    N_("IoU as in the source report"), N_("mean IoU of raw probabilities"), N_("nothing"), N_("none"),
    N_("yes"), N_("no"),
    # splits and protocols
    N_("train"), N_("validation"), N_("test"), N_("training"), N_("report"), N_("source report"),
    N_("this run"), N_("this report"), N_("this course"), N_("the course, real slices"),
    N_("report, train"), N_("report, test"), N_("report, total"), N_("split by"), N_("by slice"),
    N_("by family"), N_("task"), N_("classification"), N_("segmentation"), N_("source"), N_("model"),
    N_("details"), N_("network"), N_("tested on"), N_("value (95% interval)"),
    N_("always the largest class"), N_("folds"), N_("test slices"), N_("with a sibling in training"),
    N_("Badža and Barjaktarović 2020"), N_("Badža and Barjaktarović 2021"), N_("Deepak and Ameer 2019"),
    N_("confidence"), N_("true"), N_("predicted"),
    # networks and trainings
    N_("type"), N_("output shape"), N_("parameters"), N_("report, shape"), N_("report, parameters"),
    N_("trainable"), N_("not trainable"), N_("test loss"), N_("test accuracy"), N_("misclassified"),
    N_("epochs"), N_("test set, seconds"), N_("one slice, seconds"),
    N_("the very first slice, seconds"), N_("loss"), N_("optimizer"), N_("batch"), N_("seed"),
    N_("augmentation"), N_("callbacks"), N_("pixels per side"), N_("learning rate"),
    N_("learning rate at the start"), N_("epochs, at most"), N_("epochs trained"),
    N_("epoch of the weights"), N_("validation set is test set"), N_("setting"), N_("course"),
    N_("yours"), N_("reason"), N_("data set"), N_("fingerprint of the data"), N_("device"),
    N_("training, seconds"), N_("memory at most, MB"), N_("sparse categorical crossentropy"),
    # published results (helpers/reference.py)
    N_("the report's CNN"), N_("the test set is the validation set"), N_("ResNet-50 of ImageNet"),
    N_("each test slice in eight variants"), N_("CNN from scratch"), N_("ten folds, augmentation"),
    N_("bag of words, no network"), N_("five folds, told where the tumour is"),
    N_("features of GoogLeNet"), N_("five folds, pre-trained on ImageNet"),
    N_("four folds, 2421 real slices, fixed budget"), N_("the report's U-Net"),
    N_("measures the background"), N_("augmented test slices"), N_("convolutional autoencoder"),
    N_("five folds, augmentation"),
)
# fmt: on


def readable(table: pd.DataFrame, decimals: int = 2) -> pd.DataFrame:
    """Return a table as text, to be displayed whole: calculate with the original.

    Args:
        table: of any kind.
        decimals: of numbers that aren't whole; in a column of mixed types, at most.

    Returns:
        DataFrame of text: thousands are separated, a dash stands for what is missing, and the course's words
        are in the student's language.

    Example:
        >>> readable(pd.DataFrame({"slices": [3064], "Dice": [float("nan")]})).iloc[0].tolist()
        ['3,064', '–']
    """
    pd.set_option("display.max_colwidth", None)  # pandas would cut texts after 50 characters
    return translated(table.apply(_column, decimals=decimals))


def translated(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the course's words in the student's language: labels and texts."""
    table = table.rename(columns=_word).rename_axis(index=_word, columns=_word).map(_word)
    return table if isinstance(table.index, pd.RangeIndex) else table.rename(index=_word)


def _word(value: object) -> object:
    return _(value) if isinstance(value, str) else value


def _column(column: pd.Series, decimals: int) -> pd.Series:
    mixed = pd.api.types.is_object_dtype(column)
    return column.astype(object).map(lambda value: _text(value, mixed, decimals))


def _text(value: object, mixed: bool, decimals: int) -> object:
    if isinstance(value, Integral):
        return grouped(int(value))
    if isinstance(value, Real):
        if pd.isna(value):
            return MISSING
        number = float(value)
        return grouped(round(number, decimals)) if mixed else grouped(number, f".{decimals}f")
    return value
