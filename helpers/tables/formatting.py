"""Numbers of a table as a reader expects them."""

from numbers import Integral, Real

import pandas as pd

MISSING = "–"


def readable(table: pd.DataFrame, decimals: int = 2) -> pd.DataFrame:
    """Return a table as text, to be displayed: calculate with the original.

    Args:
        table: of any kind.
        decimals: of numbers that aren't whole; in a column of mixed types, at most.

    Returns:
        DataFrame of text: thousands are separated, and a dash stands for what is missing.

    Example:
        >>> readable(pd.DataFrame({"slices": [3064], "Dice": [float("nan")]})).iloc[0].tolist()
        ['3,064', '–']
    """
    return table.apply(_column, decimals=decimals)


def _column(column: pd.Series, decimals: int) -> pd.Series:
    mixed = pd.api.types.is_object_dtype(column)
    return column.astype(object).map(lambda value: _text(value, mixed, decimals))


def _text(value: object, mixed: bool, decimals: int) -> object:
    if isinstance(value, Integral):
        return f"{value:,}"
    if isinstance(value, Real):
        if pd.isna(value):
            return MISSING
        return f"{round(value, decimals):,}" if mixed else f"{value:,.{decimals}f}"
    return value
