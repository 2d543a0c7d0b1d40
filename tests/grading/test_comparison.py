"""Values against right ones: what agrees, what relates them, and what is never guessed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from chainrule.grading.child.wire import LIMIT, Opaque, WireError, decode, encode
from chainrule.grading.comparison import compare, relation

TRUE = [np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.5]]), np.array([[0.3, 2.0], [1.0, -4.0]])]
INPUTS = [{"X": np.zeros((7, 3)), "rate": 0.1}, {"X": np.zeros((11, 2)), "rate": 0.3}]


def related(*claimed: np.ndarray[Any, Any]) -> str | None:
    found = relation("dW", list(zip(claimed, TRUE, strict=True)), INPUTS)
    return None if found is None else found.code


@pytest.mark.parametrize(
    ("factors", "code"),
    [
        ((2, 2), "G204"),
        ((0.5, 0.5), "G204"),
        ((-1, -1), "G205"),
        ((7, 11), "G201"),
        ((1 / 7, 1 / 11), "G202"),
        ((0.1, 0.3), "G206"),
        ((0.123, 0.123), "G206"),
        ((7, 7), "G206"),
        ((1.5, 0.7), None),
    ],
)
def test_factors_are_named_only_if_they_hold_in_every_case(
    factors: tuple[float, float], code: str | None
) -> None:
    claimed = [factor * true for factor, true in zip(factors, TRUE, strict=True)]
    assert related(*claimed) == code


def test_a_case_in_which_both_are_zero_hides_no_factor() -> None:
    zero = np.zeros((2, 2))
    half = relation("dW", [(zero, zero), (0.5 * TRUE[1], TRUE[1])], INPUTS)
    assert half is not None
    assert half.code == "G204"
    assert relation("dW", [(TRUE[0], 0 * TRUE[0]), (0.5 * TRUE[1], TRUE[1])], INPUTS) is None
    one = np.array([3.0])
    assert relation("dW", [(zero, zero), (0.5 * one, one)], INPUTS) is None


@given(st.integers(0, 2**31))
def test_wrong_numbers_are_related_to_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert related(*(rng.normal(size=true.shape) for true in TRUE)) is None


def test_a_transpose_is_named_where_the_arrays_are_square() -> None:
    squares = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.arange(9.0).reshape(3, 3)]
    pairs = [(true.T, true) for true in squares]
    assert relation("dW", pairs, INPUTS) is not None


@pytest.mark.parametrize(
    ("value", "true", "right"),
    [
        (10**50, 10**50, True),
        (10**50 + 1, 10**50, False),
        (1e50, 10**50, True),
        (True, True, True),
        (np.True_, True, True),
        (1, True, False),
        (False, True, False),
        ("a", "a", True),
        (Fraction(1, 3), Fraction(1, 3), True),
        (1 / 3, Fraction(1, 3), True),
        (0.34, Fraction(1, 3), False),
        (np.float32(0.1), np.float64(0.1), True),
        (np.array(2), 2.0, True),
        (2.0 + 1e-9, 2.0, True),
        (2.0 + 1e-5, 2.0, False),
        (np.zeros((0, 3)), np.zeros((0, 3)), True),
        (np.zeros(3), np.zeros(3), True),
        (np.full(3, 1e-9), np.zeros(3), True),
        (Opaque("a generator"), 1.0, False),
    ],
)
def test_agreement(value: Any, true: Any, right: bool) -> None:
    found = compare("it", value, true, 1e-6)
    assert found.right is right
    if not right and found.difference is not None:
        assert "it" in found.difference.evidence


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**60), 10**60),
    st.floats(),
    st.text(max_size=5),
    st.fractions(),
    arrays.arrays(
        st.sampled_from([np.float64, np.float32, np.int64, np.bool_, np.uint8, np.complex128]),
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
    ),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
    ),
    max_leaves=8,
)


def read_from(data: bytes) -> Any:
    position = 0

    def read(count: int) -> bytes:
        nonlocal position
        position += count
        return data[position - count : position]

    return decode(read)


@given(trees)
def test_values_arrive_as_they_were_sent(tree: Any) -> None:
    found = read_from(encode(tree))
    assert repr(found) == repr(tree)


def test_what_cannot_travel_is_described() -> None:
    found = read_from(encode({"f": len, "o": np.array([None]), "g": Opaque("odd")}))
    assert found["f"] == Opaque("a builtin_function_or_method")
    assert found["o"] == Opaque("an array of object")
    assert found["g"] == Opaque("odd")


@given(st.binary(max_size=60))
def test_noise_is_no_message(noise: bytes) -> None:
    head = len(noise).to_bytes(8, "big") + (0).to_bytes(8, "big")
    with pytest.raises(WireError):
        read_from(head + noise + b"\x01")


@pytest.mark.parametrize(
    "header",
    [
        '{"tree": {"array": 0, "scalar": false}, "arrays": [["|O", [1]]]}',
        '{"tree": {"array": 0, "scalar": false}, "arrays": [["<f8", [9]]]}',
        '{"tree": {"array": 0, "scalar": false}, "arrays": [["<f8", [-1]]]}',
        '{"tree": {"array": 3}, "arrays": []}',
        '{"tree": {"fraction": ["0x1", "0x0"]}, "arrays": []}',
        '{"tree": {"plain": [1]}, "arrays": []}',
        '{"tree": {}, "arrays": []}',
        '{"tree": ' + '{"list": [' * 5000 + "]}" * 5000 + ', "arrays": []}',
    ],
)
def test_forged_headers_are_refused(header: str) -> None:
    data = header.encode()
    sizes = len(data).to_bytes(8, "big") + (16).to_bytes(8, "big")
    with pytest.raises(WireError):
        read_from(sizes + data + b"\0" * 16)


def test_a_message_has_a_largest_size() -> None:
    with pytest.raises(WireError, match="64 MB is the most"):
        encode(np.zeros(LIMIT // 8 + 1))
    with pytest.raises(WireError, match="too long"):
        read_from((2**40).to_bytes(8, "big") * 2)


@pytest.mark.parametrize("value", [None, [None, 1.0], [[1.0], [None]], (2.0, None)])
def test_none_is_a_return_that_is_missing_and_no_nan(value: Any) -> None:
    found = compare("rates", value, np.array([1.0, 2.0]), 1e-6)
    assert found.difference is not None
    assert found.difference.code == "G107"
    assert "is a return missing?" in found.difference.evidence
