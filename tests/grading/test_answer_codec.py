import base64
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from helpers.checks import EXERCISES, MissingOutput, Verdict
from instructor.grading.inside.answer_codec import (
    MAX_CHARACTERS,
    CodecError,
    decode,
    encode,
    encode_outputs,
)

DTYPES = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(),
    hnp.unsigned_integer_dtypes(),
    hnp.floating_dtypes(sizes=(16, 32, 64)),
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = st.one_of(st.booleans(), st.integers(-(2**64), 2**64), TEXT, st.none())
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_side=4))
VALUES = st.recursive(
    st.one_of(KEYS, st.floats(), ARRAYS, DTYPES.flatmap(hnp.from_dtype), TEXT.map(MissingOutput)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(KEYS, inner, max_size=4),
    ),
    max_leaves=8,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(
                ["tuple", "dict", "array", "scalar", "float", "error", "dtype", "shape", "base64"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=12,
)


def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same([*one], [*other]) and same([*one.values()], [*other.values()])
    if isinstance(one, np.ndarray | np.generic):
        same_type = one.dtype.newbyteorder("<") == other.dtype
        return same_type and one.shape == other.shape and np.array_equal(one, other, equal_nan=True)
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


@given(VALUES)
def test_what_is_sent_arrives(value):
    text = encode(value)
    assert text.isascii()
    assert same(value, decode(text))


@given(st.lists(TEXT, min_size=1))
def test_texts_arrive_in_an_array(texts):
    array = np.array([text.rstrip("\0") for text in texts])
    assert decode(encode(array)).tolist() == array.tolist()


@given(JSON)
def test_any_json_is_read_or_refused(value):
    try:
        decode(json.dumps(value))
    except CodecError as error:
        assert str(error)


@given(VALUES, st.sampled_from([one for one in EXERCISES.values() if one.kind != "open"]))
def test_any_output_can_be_judged(value, exercise):
    cases = exercise.cases(np.random.default_rng(0))
    for outputs in ([value] * len(cases), [value, *[None] * (len(cases) - 1)], value):
        assert type(exercise.judge(cases, outputs)) is Verdict


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        1j,
        b"bytes",
        len,
        np.array([1, "a"], dtype=object),
        np.array([1j]),
        np.zeros(2, dtype="M8[s]"),
        np.ma.array([1]),
        np.zeros(MAX_CHARACTERS // 16 + 1),
        "x" * MAX_CHARACTERS,
        2**300,
        "\ud800",
        type("Sly", (int,), {})(1),
        type("Sly", (str,), {})("x"),
    ],
)  # fmt: skip
def test_what_no_exercise_asks_for_is_not_sent(value):
    for whole in (value, [value], {"a": (value,)}):
        with pytest.raises(CodecError):
            encode(whole)


def test_one_output_that_cannot_be_sent_spoils_no_other():
    class Sly:
        @property
        def __class__(self):
            raise RuntimeError

    first, second, third, last = decode(encode_outputs([1, {2}, Sly(), "x"]))
    assert (first, last) == (1, "x")
    assert second == MissingOutput("The answer is or holds a set, which no exercise asks for.")
    assert third == MissingOutput("What it returned cannot be looked at (RuntimeError).")


def test_a_value_inside_itself_is_not_sent():
    endless = []
    endless.append(endless)
    with pytest.raises(CodecError, match="nested"):
        encode(endless)


def array_text(**changes):
    data = base64.b64encode(np.arange(6, dtype="<i4").tobytes()).decode()
    return json.dumps({"array": {"dtype": "<i4", "shape": [2, 3], "base64": data} | changes})


def test_the_array_below_is_sound():
    assert decode(array_text()).tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        b"\xff",
        "NaN",
        "[1e999]",
        "9" * 5000,
        "[" * 100_000,
        "[" * 30 + "]" * 30,
        '{"pickle": "gASV"}',
        '{"tuple": [], "dict": []}',
        '{"dict": [[1, 2, 3]]}',
        '{"dict": [[[], 1]]}',
        '{"float": "1.5"}',
        '{"error": 7}',
        '"\\ud800"',
        '{"scalar": ' + array_text()[len('{"array": ') :],
        array_text(shape=[7]),
        array_text(shape=[-2, -3]),
        array_text(shape=[True, 6]),
        array_text(shape=[2**40, 2**40]),
        array_text(shape=[1] * 9),
        array_text(shape="ab"),
        array_text(dtype="|O"),
        array_text(dtype="O"),
        array_text(dtype="<i4, <i4"),
        array_text(dtype="<U999999999"),
        array_text(dtype=["<i4"]),
        array_text(dtype="|b1", shape=[24]),
        array_text(dtype="<U6", shape=[1], base64=base64.b64encode(b"\xff" * 24).decode()),
        array_text(base64="***"),
        array_text(pickle=True),
    ],
)
def test_a_forged_result_is_refused(text):
    with pytest.raises(CodecError):
        decode(text)


def test_an_endless_result_is_not_read():
    with pytest.raises(CodecError, match="at most"):
        decode(" " * (MAX_CHARACTERS + 1))
