"""What an output must be before it is compared: of the right type, size and range.

Each function returns the output as a plain value, or raises a `Flaw` that says what it is instead.
"""

import math
from typing import Any

import numpy as np

TOLERANCE = 1e-6  # of real numbers that should be equal


class Incorrect(Exception):  # noqa: N818 (it is no error: it is a verdict on its way)
    """One thing wrong with an output.

    Args:
        message: what, and why it matters, in words that teach.
        credit: part of the points that it leaves, 0..1.
    """

    def __init__(self, message: str, credit: float = 0.0):
        super().__init__(message)
        self.credit = credit


def described(value: Any) -> str:
    """Names a value in a few words: "an array of (8, 1) uint16", "'MR0582'", "None".

    Args:
        value: any plain value.

    Returns:
        The words.
    """
    if isinstance(value, np.ndarray):
        return f"an array of {value.shape} {value.dtype}"
    if isinstance(value, list | tuple | dict):
        return f"a {type(value).__name__} of {len(value)}"
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        words = repr(value.item() if isinstance(value, np.generic) else value)
        return words if len(words) <= 40 else f"{words[:37]}..."
    return f"a {type(value).__name__}"


def text(output: Any) -> str:
    """A text.

    Args:
        output: what came out.

    Returns:
        str.

    Raises:
        Flaw: it is something else.
    """
    _not_none(output)
    if isinstance(output, str):
        return str(output)
    raise Incorrect(f"It returned {described(output)}; a text (str) is wanted.")


def whole(output: Any, what: str = "It") -> int:
    """A whole number.

    Args:
        output: what came out.
        what: its name, for the message.

    Returns:
        int.

    Raises:
        Flaw: it is something else; a float too, even 3.0.
    """
    _not_none(output, what)
    if isinstance(output, int | np.integer) and not isinstance(output, bool):
        return int(output)
    raise Incorrect(f"{what} is {described(output)}; a count is a whole number (int).")


def number(output: Any, what: str = "It") -> float:
    """A number.

    Args:
        output: what came out.
        what: its name, for the message.

    Returns:
        float, not nan.

    Raises:
        Flaw: it is something else.
    """
    _not_none(output, what)
    if isinstance(output, np.ndarray):
        raise Incorrect(f"{what} is {described(output)}; one number is wanted. Sum over the pixels.")
    if isinstance(output, bool | np.bool_) or not isinstance(output, int | float | np.number):
        raise Incorrect(f"{what} is {described(output)}; a number is wanted.")
    if math.isnan(output):
        raise Incorrect(f"{what} is nan: 0 was divided by 0.")
    return float(output)


def array(output: Any, shape: tuple[int, ...]) -> np.ndarray:
    """An array of numbers.

    Args:
        output: what came out.
        shape: the shape that it must have.

    Returns:
        numpy array of bool, whole or real numbers.

    Raises:
        Flaw: it is something else, or of another shape.
    """
    _not_none(output)
    if not isinstance(output, np.ndarray) or output.dtype.kind not in "biuf":
        raise Incorrect(f"It returned {described(output)}; a numpy array of numbers is wanted.")
    if output.shape != shape:
        raise Incorrect(f"The array that came out is {output.shape}; it should be {shape}.")
    return output


def pair(output: Any, names: str) -> tuple:
    """Two things at once.

    Args:
        output: what came out.
        names: what the two are, for the message.

    Returns:
        A tuple of two.

    Raises:
        Flaw: it is something else.
    """
    _not_none(output)
    if isinstance(output, list | tuple) and len(output) == 2:
        return tuple(output)
    raise Incorrect(f"It returned {described(output)}; two things are wanted: return {names}.")


def rows(output: Any, what: str, count: int) -> np.ndarray:
    """Row numbers, each at most once.

    Args:
        output: what came out.
        what: which rows, for the message.
        count: how many rows there are.

    Returns:
        (n,) int64.

    Raises:
        Flaw: it is something else.
    """
    _not_none(output, what)
    values = np.asarray(output) if _is_list_of_int(output) else output
    if not isinstance(values, np.ndarray) or values.ndim != 1:
        raise Incorrect(f"{what} is {described(output)}; an array of row numbers is wanted.")
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
    """A dict with the keys that it must have.

    Args:
        output: what came out.
        keys: the keys, each str or int.
        what: what they are, for the message.

    Returns:
        dict; numpy keys made plain.

    Raises:
        Flaw: it is something else, or has other keys.
    """
    _not_none(output)
    if not isinstance(output, dict):
        raise Incorrect(f"It returned {described(output)}; a dict is wanted.")
    plain = {_plain_key(key): value for key, value in output.items()}
    if set(plain) != keys:
        given, wanted = (", ".join(sorted(map(repr, names))) for names in (plain, keys))
        raise Incorrect(f"The keys of the dict are {given or 'none'}; they should be {what}: {wanted}.")
    return plain


def close(one: float, other: float) -> bool:
    """Whether two numbers are equal but for rounding.

    Args:
        one, other: numbers.

    Returns:
        bool.
    """
    return abs(one - other) < TOLERANCE


def _plain_key(key: Any) -> Any:
    key = key.item() if isinstance(key, np.generic) else key
    return key if type(key) in (int, str) else described(key)  # True and 1.0 would pass for 1


def _is_list_of_int(output: Any) -> bool:
    return isinstance(output, list | tuple) and all(
        isinstance(item, int | np.integer) and not isinstance(item, bool) and abs(int(item)) < 2**31
        for item in output
    )


def _not_none(output: Any, what: str = "It") -> None:
    if output is None:
        missing = "returned None" if what == "It" else "is None"
        raise Incorrect(f"{what} {missing}. Does every way through the function end with return?")
