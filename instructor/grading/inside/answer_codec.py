"""Answers as JSON text and back: what leaves a sandbox, so nothing in it is trusted.

Python's own numbers, text, lists and None are themselves; the rest is a JSON object with one
key that names its type: `tuple`, `dict` (pairs), `array`, `scalar`, `float` (not finite) and
`error` (a `MissingOutput`).
"""

import json
import math
import re
from base64 import b64decode, b64encode
from typing import Any

import numpy as np

from helpers._common import CourseError
from helpers.checks import MissingOutput

MAX_CHARACTERS = 8 << 20
MAX_DEPTH, MAX_DIMENSIONS = 20, 8
MAX_ERROR_CHARACTERS = 1_000
MAX_INT_BITS = 256
DTYPES = {f"<{kind}{size}" for kind in "iuf" for size in (2, 4, 8)} | {"|b1", "|i1", "|u1"}
TEXTS = re.compile(r"<U[1-9][0-9]{0,2}")  # of up to 999 characters


class CodecError(CourseError):
    """A value that cannot be sent, or a text that `encode` did not write."""


def encode(value: Any) -> str:
    """Write a value as ASCII JSON text.

    Args:
        value: None, bool, int, float, str, numpy array or scalar (whole, real, bool or text),
            `MissingOutput`, or a list, tuple or dict of those. No subclasses except those of dict.

    Raises:
        CodecError: another type, or too large, or too deeply nested.
    """
    text = json.dumps(_to_json(value, 0), allow_nan=False)
    if len(text) > MAX_CHARACTERS:
        raise CodecError(f"the answer is larger than {MAX_CHARACTERS >> 20} MB; it should be far smaller.")
    return text


def encode_outputs(outputs: list) -> str:
    """Write the outputs of an answer as JSON; one that cannot be sent becomes a `MissingOutput`."""
    sent = []
    for output in outputs:
        try:
            encode(output)
        except CodecError as error:
            output = MissingOutput(f"{str(error)[0].upper()}{str(error)[1:]}")
        except Exception as error:
            output = MissingOutput(f"What it returned cannot be looked at ({type(error).__name__}).")
        sent.append(output)
    return encode(sent)


def decode(text: str | bytes) -> Any:
    """Read what `encode` wrote, and refuse anything else.

    Returns:
        The value, equal in type and content; arrays are writable copies.

    Raises:
        CodecError: the text is too large, not valid JSON, or not of the form that `encode` writes.
    """
    if len(text) > MAX_CHARACTERS:
        raise CodecError(f"the result has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    try:
        return _from_json(json.loads(text), 0)
    except CodecError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise CodecError(f"the result cannot be read ({type(error).__name__}).") from error


def _to_json(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise CodecError(f"the answer is nested more than {MAX_DEPTH} deep.")
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return _sound(value)
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind in (list, tuple):
        items = [_to_json(item, depth + 1) for item in value]
        return items if kind is list else {"tuple": items}
    if isinstance(value, dict):  # a Counter or defaultdict too
        return {"dict": [[_to_json(part, depth + 1) for part in pair] for pair in dict.items(value)]}
    if kind is np.ndarray or isinstance(value, np.generic):
        return {"array" if kind is np.ndarray else "scalar": _packed(np.asarray(value))}
    if kind is MissingOutput:
        return {"error": _sound(value.reason)[:MAX_ERROR_CHARACTERS]}
    raise CodecError(f"the answer is or holds a {kind.__name__}, which no exercise asks for.")


def _packed(array: np.ndarray) -> dict[str, Any]:
    if array.nbytes > MAX_CHARACTERS // 2:
        raise CodecError(f"the answer holds an array of {array.shape}, which is too large.")
    little = array.astype(array.dtype.newbyteorder("<"))
    data = b64encode(little.tobytes()).decode()
    return {"dtype": _known(little.dtype.str), "shape": list(array.shape), "base64": data}


def _from_json(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise CodecError(f"the result is nested more than {MAX_DEPTH} deep.")
    match value:
        case None | str() | int():  # and bool
            return _sound(value)
        case float() if math.isfinite(value):  # unlike 1e999 and NaN
            return value
        case list():
            return [_from_json(item, depth + 1) for item in value]
        case dict() if len(value) > 1:
            pass
        case {"tuple": list(items)}:
            return tuple(_from_json(item, depth + 1) for item in items)
        case {"dict": list(pairs)}:  # an unhashable key is a TypeError
            return {_from_json(key, depth + 1): _from_json(item, depth + 1) for key, item in pairs}
        case {"float": "nan" | "inf" | "-inf" as text}:
            return float(text)
        case {"array": dict(fields)}:
            return _array(**fields)
        case {"scalar": {"shape": [], **fields}}:
            return _array(shape=[], **fields)[()]
        case {"error": str(reason)}:
            return MissingOutput(_sound(reason)[:MAX_ERROR_CHARACTERS])
    raise CodecError("the result holds something of an unknown form.")


def _array(dtype: str, shape: list[int], base64: str) -> np.ndarray:
    if len(shape) > MAX_DIMENSIONS or any(type(n) is not int or n < 0 for n in shape):
        raise CodecError("an array of the result has an impossible shape.")
    data = b64decode(base64, validate=True)
    if _known(dtype) == "|b1" and not set(data) <= {0, 1}:
        raise CodecError("a bool of the result is neither 0 nor 1.")
    if dtype.startswith("<U"):
        data.decode("utf-32-le")  # an invalid code point is a ValueError
    return np.frombuffer(data, dtype).reshape(shape).copy()  # another size is a ValueError


def _known(dtype: str) -> str:
    if dtype not in DTYPES and not TEXTS.fullmatch(dtype):
        raise CodecError(f"the answer holds an array of {dtype[:20]}, which no exercise asks for.")
    return dtype


def _sound(value: Any) -> Any:
    """Refuse a number that is too long, and a text with a lone surrogate, which no file could hold."""
    if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
        raise CodecError(f"a number of the answer has more than {MAX_INT_BITS} bits.")
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        raise CodecError("a text of the answer holds a lone surrogate.")
    return value
