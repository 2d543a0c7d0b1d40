"""Exact numbers mean what their writer meant; what is no number is refused by name."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from chainrule.theory.inputs import (
    exact_number,
    probability,
    real_array,
    same_precision,
    whole_number,
)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (3, Fraction(3)),
        (0.1, Fraction(1, 10)),
        (1e-7, Fraction(1, 10**7)),
        (np.float64(0.1), Fraction(1, 10)),
        (np.float32(0.1), Fraction(1, 10)),
        (np.int64(7), Fraction(7)),
        (Decimal("0.3"), Fraction(3, 10)),
        ("1/3", Fraction(1, 3)),
        ("0.25", Fraction(1, 4)),
        (Fraction(2, 7), Fraction(2, 7)),
    ],
)
def test_a_number_is_the_fraction_its_writer_meant(given, meant):
    assert exact_number(given, "x") == meant


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        (float("nan"), ValueError, "x is nan; expected a finite number"),
        (np.float32("inf"), ValueError, "x is inf"),
        (Decimal("NaN"), ValueError, "x is NaN"),
        ("one", ValueError, "x is 'one'; expected a number such as"),
        ("1/0", ValueError, "x is '1/0'"),
        (True, TypeError, "x is a bool"),
        (1j, TypeError, "x is a complex; expected a real number"),
        (None, TypeError, "x is a NoneType"),
    ],
)
def test_what_is_no_finite_number_is_refused(given, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(")):
        exact_number(given, "x")


@pytest.mark.parametrize(
    ("given", "error"), [(1.0, TypeError), (True, TypeError), ("1", TypeError), (0, ValueError)]
)
def test_whole_numbers_only(given, error):
    assert whole_number(np.int32(4), "k", 1) == 4
    with pytest.raises(error, match="k is"):
        whole_number(given, "k", 1)


@pytest.mark.parametrize("given", [1, 1.0, -0.1, float("nan")])
def test_a_probability_is_from_0_to_below_1(given):
    assert probability(0, "q") == 0
    with pytest.raises(ValueError, match="q is"):
        probability(given, "q")


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ([1.0, float("nan")], ValueError, "A holds NaN or infinity"),
        ([[1, 2], [3]], ValueError, "A is ragged"),
        ([], ValueError, "A is empty"),
        ([[1.0]], ValueError, "A has shape .*; expected a vector"),
        (["a"], TypeError, "A has dtype"),
        ([1j], TypeError, "A has dtype complex128"),
        ([None], TypeError, "A has dtype object"),
    ],
)
def test_arrays_are_finite_real_and_of_the_right_rank(given, error, words):
    with pytest.raises(error, match=words):
        real_array(given, "A", 1)


def test_precision_is_kept_only_where_all_are_single():
    single, double = real_array(np.ones(2, np.float32), "A"), real_array([1, 2], "B")
    assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert [a.dtype for a in same_precision(single, double)] == [np.float64, np.float64]
    assert [a.dtype for a in same_precision(single, single)] == [np.float32, np.float32]
    assert real_array([Fraction(1, 2)], "C", 1).tolist() == [0.5]
