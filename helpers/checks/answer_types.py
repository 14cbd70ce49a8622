"""Type, size and range of an output, before it is compared.

Each function returns the output as a plain value, or raises `Incorrect` with what it is instead.
Subclasses don't count: their methods are the student's code.
"""

import math
from typing import Any

import numpy as np

TOLERANCE = 1e-6  # of real numbers that should be equal
FLOAT_CREDIT = 0.5  # for a whole number that is a float
EDGE_CREDIT = 0.5  # for an answer that is right except for a detail or for unusual inputs


class Incorrect(Exception):  # noqa: N818 (not an error but a verdict)
    """Something that is wrong with an output.

    Args:
        message: what is wrong and why it matters, in words that teach.
        credit: share of the points that is left, 0 to 1.
    """

    def __init__(self, message: str, credit: float = 0.0) -> None:
        super().__init__(message)
        self.credit = credit


def described(value: Any) -> str:
    """Describe a value in a few words: "an array of (8, 1) uint16", "'MR0582'", "None"."""
    if type(value) is np.ndarray:
        return f"an array of {value.shape} {value.dtype}"
    if type(value) in (list, tuple, dict):
        return f"a {type(value).__name__} of {len(value)}"
    if type(value) in (type(None), bool, int, float, str) or isinstance(value, np.generic):
        words = repr(value.item() if isinstance(value, np.generic) else value)
        return words if len(words) <= 40 else f"{words[:37]}..."
    name = type(value).__name__
    return f"a{'n' * name.lower().startswith(tuple('aeiou'))} {name}"


ARRAYS = {"tensorflow", "torch", "jax", "jaxlib", "keras"}  # whose tensors become arrays
WAYS_OUT = {
    "bytes": ".decode() makes text of it.",
    "set": "sorted(...) makes a list of it.",
    "ellipsis": "Three dots stand for the code that you have yet to write.",
    "Fraction": "float(...) makes a number of it.",
    "Decimal": "float(...) makes a number of it.",
    **dict.fromkeys(
        ("generator", "map", "filter", "zip", "range", "dict_values", "dict_keys", "frozenset"),
        "list(...) makes a list of it.",
    ),
}


def plain(value: Any, depth: int = 0) -> Any:
    """Copy a value: tensors and pandas tables as arrays or dicts, what holds a single number as that number.

    This runs where the student's code runs.
    """
    root = type(value).__module__.partition(".")[0]
    if depth > 10:  # a list that holds itself
        return value
    if root == "pandas" and type(value).__name__ == "Series" and _has_keys(value):
        value = value.to_dict()
    elif root in ARRAYS or (root == "pandas" and hasattr(value, "to_numpy")):
        value = np.asarray(value.detach().cpu() if root == "torch" else value)
    if type(value) in (list, tuple):
        return type(value)(plain(item, depth + 1) for item in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return tuple(plain(item, depth + 1) for item in tuple.__iter__(value))
    if isinstance(value, dict):  # a Counter or defaultdict will do
        return {key: plain(item, depth + 1) for key, item in dict.items(value)}
    if type(value) is np.ndarray:
        return value.copy() if value.ndim else value[()]
    return value


def _has_keys(series: Any) -> bool:
    """Whether the index of a Series has a meaning; that of `quantile` only repeats what was asked for."""
    return type(series.index).__name__ != "RangeIndex" and series.index.dtype.kind != "f"


def foreign(value: Any, where: str = "It returned") -> str:
    """Say what in an output no exercise asks for, and how to convert it; "" if there is nothing."""
    if type(value) in (list, tuple):
        return next(filter(None, (foreign(item, "What it returned holds") for item in value)), "")
    if type(value) is dict:
        return foreign([*value.values()])
    if type(value) in (type(None), bool, int, float, str, np.ndarray) or isinstance(value, np.generic):
        return ""
    return f"{where} {described(value)}. {WAYS_OUT.get(type(value).__name__, '')}".strip()


def text(output: Any) -> str:
    """Return a text (str)."""
    if type(output) in (str, np.str_):
        return str(output)
    raise Incorrect(f"It returned {described(output)}; it should be a text (str).")


def whole(output: Any, what: str = "It") -> int | float:
    """Return a whole number, also if it is a float such as 3.0. `what` names it in the message."""
    if _is_whole(output):
        return int(output)
    if _is_real(output) and float(output).is_integer():
        return float(output)
    raise Incorrect(f"{what} is {described(output)}; a count is a whole number (int).")


def require_int(value: float, what: str = "It") -> None:
    """Give half the points for a right count that is a float."""
    if type(value) is float:
        raise Incorrect(
            f"{what} is right, but {value}: a count is a whole number, {value:.0f}. Use // or int(...).",
            credit=FLOAT_CREDIT,
        )


def number(output: Any, what: str = "It", advice: str = "") -> float:
    """Return a number that is not nan. `what` names it in the message; `advice` ends it for an array."""
    if isinstance(output, np.ndarray) and output.size != 1:
        raise Incorrect(f"{what} is {described(output)}; it should be one number. {advice}".strip())
    if isinstance(output, np.ndarray) and output.dtype.kind in "iuf":
        output = output.item()
    if not (_is_whole(output) or _is_real(output)):
        raise Incorrect(f"{what} is {described(output)}; it should be a number.")
    if math.isnan(output):
        raise Incorrect(f"{what} is nan: 0 was divided by 0.")
    return float(output)


def array(output: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a numpy array of bool, whole or real numbers that has this shape."""
    if type(output) is not np.ndarray or output.dtype.kind not in "biuf":
        raise Incorrect(f"It returned {described(output)}; it should be a numpy array of numbers.")
    if output.shape != shape:
        raise Incorrect(f"The array that it returned is {output.shape}; it should be {shape}.")
    return output


def pair(output: Any, names: str) -> tuple:
    """Return a tuple of two values, called `names` in the message."""
    if type(output) is np.ndarray and output.shape == (2,):
        return tuple(output)
    if type(output) in (list, tuple) and len(output) == 2:
        return tuple(output)
    raise Incorrect(f"It returned {described(output)}; it should be two values: return {names}.")


def rows(output: Any, what: str, count: int) -> np.ndarray:
    """Return row numbers below `count`, each at most once: int64 (n,). `what` names them."""
    values = np.asarray(output) if _is_list_of_int(output) else output
    if type(values) is not np.ndarray or values.ndim != 1:
        raise Incorrect(f"{what} is {described(output)}; it should be an array of row numbers.")
    if values.dtype.kind == "b":
        raise Incorrect(f"{what} holds True and False; np.flatnonzero makes row numbers of them.")
    if values.dtype.kind not in "iu":
        raise Incorrect(f"{what} is {described(output)}; row numbers are whole numbers.")
    if len(values) and not 0 <= values.min() <= values.max() < count:
        raise Incorrect(f"{what} holds a row number outside 0 to {count - 1}.")
    if len(np.unique(values)) < len(values):
        raise Incorrect(f"{what} holds the same row twice. Are those row numbers, or labels?")
    return values.astype(np.int64)


def mapping(output: Any, keys: set, what: str) -> dict:
    """Return a dict with exactly these keys, str or int, called `what` in the message."""
    if not isinstance(output, dict):  # a Counter or defaultdict will do
        raise Incorrect(f"It returned {described(output)}; it should be a dict.")
    plain = {_plain_key(key): value for key, value in dict.items(output)}
    if set(plain) != keys:
        given, expected = (", ".join(sorted(map(repr, names))) for names in (plain, keys))
        raise Incorrect(f"The keys of the dict are {given or 'none'}; they should be {what}: {expected}.")
    return plain


def close(one: float, other: float) -> bool:
    """Whether two numbers are equal except for rounding."""
    return abs(one - other) < TOLERANCE


def alike(output: Any, expected: Any) -> bool:
    """Whether an output is a number or an array, or a list of numbers, equal to this except for rounding."""
    try:
        values = np.asarray(output)
    except (ValueError, TypeError):  # a list of lists of different lengths
        return False
    expected = np.asarray(expected)
    if values.dtype.kind not in "iuf" or values.shape != expected.shape:
        return False
    return bool(np.allclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE))


def forbid_rounding(outputs: list, expected: list[float]) -> None:
    """Give half the points if all outputs are what is expected, rounded to as many places.

    Where a whole number is expected, rounding changes nothing: those aren't compared.
    """
    pairs = [pair for pair in zip(outputs, expected, strict=True) if not float(pair[1]).is_integer()]
    if not pairs or any(np.shape(output) or not alike(output, output) for output, _ in pairs):
        return
    given, right = np.array(pairs, float).T
    for places in range(1, 6):
        if not alike(given, right) and np.abs(given - right.round(places)).max() < TOLERANCE / 10:
            raise Incorrect("Nearly: do not round before you return the number.", credit=EDGE_CREDIT)


def _is_whole(output: Any) -> bool:
    return type(output) is int or isinstance(output, np.integer)


def _is_real(output: Any) -> bool:
    return type(output) is float or isinstance(output, np.floating)


def _plain_key(key: Any) -> Any:
    key = key.item() if isinstance(key, np.generic) else key
    return key if type(key) in (int, str) else described(key)  # True and 1.0 are equal to 1


def _is_list_of_int(output: Any) -> bool:
    return type(output) in (list, tuple) and all(
        _is_whole(item) and abs(int(item)) < 2**31 for item in output
    )
