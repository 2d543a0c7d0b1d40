"""Values in few words, and how wide words are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.programs.summaries import number_text, shape_text, summarise
from chainrule.programs.text_width import shortened, text_width


@pytest.mark.parametrize(
    ("x", "digits", "text"),
    [
        (0.25, 4, "0.25"),
        (1 / 3, 4, "0.3333"),
        (-0.0, 4, "0"),
        (1e-7, 4, "1e-7"),
        (0.00069612, 3, "6.96e-4"),
        (0.00478, 3, "0.00478"),
        (123456.0, 3, "1.23e5"),
        (12.0, 3, "12"),
        (7, 3, "7"),
        (True, 3, "True"),
        (float("nan"), 3, "nan"),
        (float("-inf"), 3, "-inf"),
    ],
)
def test_numbers(x: float, digits: int, text: str) -> None:
    assert number_text(x, digits) == text


@given(st.floats(-1e300, 1e300), st.integers(2, 6))
def test_a_number_is_right_to_its_digits(x: float, digits: int) -> None:
    assert float(number_text(x, digits)) == pytest.approx(x, rel=0.51 * 10.0 ** (1 - digits))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(0.5), "0.5"),
        (2.0, "2"),
        (np.array([1.0, 2.5]), "[1, 2.5]"),
        (np.eye(2), "[[1, 0], [0, 1]]"),
        (np.ones((1, 2, 2)), "[[[1, 1], [1, 1]]]"),
        (np.arange(12.0), "0 … 5.5 … 11"),
        (np.ones((2, 2, 2)), "1 … 1 … 1"),
        (np.zeros((0, 3)), "empty"),
        (np.arange(5) > 2, "2 of 5 true"),
        (np.array([True, False]), "[True, False]"),
        (np.arange(9), "0 … 4 … 8"),
        (np.array([1.0, np.nan, np.inf, 3.0]), "1 … 2 … 3; 1 of 4 nan, 1 of 4 infinite"),
        (np.full(4, np.nan), "4 of 4 nan"),
        ((np.ones(2), np.ones(3)), "2 results"),
        (np.array("2024-01-01", dtype="datetime64[D]"), "datetime64[D]"),
    ],
)
def test_values(value: object, text: str) -> None:
    assert summarise(value).text == text


def test_numbers_that_are_not_finite_are_told() -> None:
    assert not summarise(np.array([1.0, np.inf])).finite
    assert not summarise(np.float64("nan")).finite
    assert summarise(np.array([1, 2])).finite


def test_the_mean_of_huge_numbers_does_not_warn() -> None:
    assert summarise(np.full(20, 1.7e308)).mean == "inf"


def test_shapes_as_in_mathematics() -> None:
    assert shape_text((3, 4)) == "3 × 4"
    assert shape_text(()) == ""


@given(st.text(max_size=30), st.floats(0, 200))
def test_a_shortened_text_fits(text: str, room: float) -> None:
    found = shortened(text, room, 11, mono=True)
    assert found == text or found == "…" or text_width(found, 11, mono=True) <= room


def test_wide_characters_are_counted_wide_and_marks_not_at_all() -> None:
    assert text_width("数", 10, mono=True) == pytest.approx(10.5)
    assert text_width("x\u0304", 10, mono=True) == text_width("x", 10, mono=True)
    assert text_width("x", 10, bold=True) > text_width("x", 10)
