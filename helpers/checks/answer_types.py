"""Type, size and range of an output, before it is compared.

Each function returns the output as a plain value, or raises `Incorrect` with what it is instead.
Subclasses don't count: their methods are the student's code.
"""

import math
from typing import Any

import numpy as np

from helpers.config.language import N_, _, pgettext

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
        return _("an array of {shape} {dtype}").format(shape=value.shape, dtype=value.dtype)
    if type(value) in (list, tuple, dict):
        return _("a {type} of {count}").format(type=type(value).__name__, count=len(value))
    if type(value) in (type(None), bool, int, float, str) or isinstance(value, np.generic):
        words = repr(value.item() if isinstance(value, np.generic) else value)
        return words if len(words) <= 40 else f"{words[:37]}..."
    name = type(value).__name__
    said = _("an {type}") if name.lower().startswith(tuple("aeiou")) else _("a {type}")
    return said.format(type=name)


ARRAYS = {"tensorflow", "torch", "jax", "jaxlib", "keras"}  # whose tensors become arrays
WAYS_OUT = {
    "bytes": N_(".decode() makes text of it."),
    "set": N_("sorted(...) makes a list of it."),
    "ellipsis": N_("Three dots stand for the code that you have yet to write."),
    "Fraction": N_("float(...) makes a number of it."),
    "Decimal": N_("float(...) makes a number of it."),
    **dict.fromkeys(
        ("generator", "map", "filter", "zip", "range", "dict_values", "dict_keys", "frozenset"),
        N_("list(...) makes a list of it."),
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


def foreign(value: Any, where: str = N_("It returned {value}.")) -> str:
    """Say what in an output no exercise asks for, and how to convert it; "" if there is nothing."""
    if type(value) in (list, tuple):
        inside = N_("What it returned holds {value}.")
        return next(filter(None, (foreign(item, inside) for item in value)), "")
    if type(value) is dict:
        return foreign([*value.values()])
    if type(value) in (type(None), bool, int, float, str, np.ndarray) or isinstance(value, np.generic):
        return ""
    advice = _(WAYS_OUT.get(type(value).__name__, ""))
    return f"{_(where).format(value=described(value))} {advice}".strip()


def text(output: Any) -> str:
    """Return a text (str)."""
    if type(output) in (str, np.str_):
        return str(output)
    raise Incorrect(_("It returned {value}; it should be a text (str).").format(value=described(output)))


def whole(output: Any, what: str = N_("It")) -> int | float:
    """Return a whole number, also if it is a float such as 3.0. `what` names it in the message."""
    if _is_whole(output):
        return int(output)
    if _is_real(output) and float(output).is_integer():
        return float(output)
    said = _("{what} is {value}; a count is a whole number (int).")
    raise Incorrect(said.format(what=_(what), value=described(output)))


def require_int(value: float, what: str = N_("It")) -> None:
    """Give half the points for a right count that is a float."""
    if type(value) is float:
        said = _("{what} is right, but {value}: a count is a whole number, {value:.0f}. Use // or int(...).")
        raise Incorrect(said.format(what=_(what), value=value), credit=FLOAT_CREDIT)


def number(output: Any, what: str = N_("It"), advice: str = "") -> float:
    """Return a number that is not nan. `what` names it in the message; `advice` ends it for an array."""
    if isinstance(output, np.ndarray) and output.size != 1:
        said = _("{what} is {value}; it should be one number.").format(what=_(what), value=described(output))
        raise Incorrect(f"{said} {_(advice)}".strip())
    if isinstance(output, np.ndarray) and output.dtype.kind in "iuf":
        output = output.item()
    if not (_is_whole(output) or _is_real(output)):
        said = _("{what} is {value}; it should be a number.")
        raise Incorrect(said.format(what=_(what), value=described(output)))
    if math.isnan(output):
        raise Incorrect(_("{what} is nan: 0 was divided by 0.").format(what=_(what)))
    return float(output)


def array(output: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a numpy array of bool, whole or real numbers that has this shape."""
    if type(output) is not np.ndarray or output.dtype.kind not in "biuf":
        said = _("It returned {value}; it should be a numpy array of numbers.")
        raise Incorrect(said.format(value=described(output)))
    if output.shape != shape:
        said = _("The array that it returned is {found}; it should be {expected}.")
        raise Incorrect(said.format(found=output.shape, expected=shape))
    return output


def pair(output: Any, names: str) -> tuple:
    """Return a tuple of two values, called `names` in the message."""
    if type(output) is np.ndarray and output.shape == (2,):
        return tuple(output)
    if type(output) in (list, tuple) and len(output) == 2:
        return tuple(output)
    said = _("It returned {value}; it should be two values: return {names}.")
    raise Incorrect(said.format(value=described(output), names=names))


def rows(output: Any, what: str, count: int) -> np.ndarray:
    """Return row numbers below `count`, each at most once: int64 (n,). `what` names them."""
    values = np.asarray(output) if _is_list_of_int(output) else output
    if type(values) is not np.ndarray or values.ndim != 1:
        said = _("{what} is {value}; it should be an array of row numbers.")
        raise Incorrect(said.format(what=_(what), value=described(output)))
    if values.dtype.kind == "b":
        said = _("{what} holds True and False; np.flatnonzero makes row numbers of them.")
        raise Incorrect(said.format(what=_(what)))
    if values.dtype.kind not in "iu":
        said = _("{what} is {value}; row numbers are whole numbers.")
        raise Incorrect(said.format(what=_(what), value=described(output)))
    if len(values) and not 0 <= values.min() <= values.max() < count:
        said = _("{what} holds a row number outside 0 to {last}.")
        raise Incorrect(said.format(what=_(what), last=count - 1))
    if len(np.unique(values)) < len(values):
        said = _("{what} holds the same row twice. Are those row numbers, or labels?")
        raise Incorrect(said.format(what=_(what)))
    return values.astype(np.int64)


def mapping(output: Any, keys: set, what: str) -> dict:
    """Return a dict with exactly these keys, str or int, called `what` in the message."""
    if not isinstance(output, dict):  # a Counter or defaultdict will do
        raise Incorrect(_("It returned {value}; it should be a dict.").format(value=described(output)))
    plain = {_plain_key(key): value for key, value in dict.items(output)}
    if set(plain) != keys:
        given, expected = (", ".join(sorted(map(repr, names))) for names in (plain, keys))
        said = _("The keys of the dict are {given}; they should be {what}: {expected}.")
        raise Incorrect(said.format(given=given or pgettext("keys", "none"), what=_(what), expected=expected))
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
    if not pairs or any(np.shape(output) or not alike(output, output) for output, _right in pairs):
        return
    given, right = np.array(pairs, float).T
    for places in range(1, 6):
        if not alike(given, right) and np.abs(given - right.round(places)).max() < TOLERANCE / 10:
            said = _("Nearly: do not round before you return the number.")
            raise Incorrect(said, credit=EDGE_CREDIT)


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
