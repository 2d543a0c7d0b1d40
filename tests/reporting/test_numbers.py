"""Numbers are short, say what was measured, and line up in a column."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.reporting.numbers import shown, shown_column, shown_figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.983437, "0.9834"),
        (0.1, "0.1"),
        (0.0, "0"),
        (-0.5, "−0.5"),
        (1601.234, "1601"),
        (20854.3, "20\u202f854"),
        (123456.7, "1.23\u00a0×\u00a010⁵"),
        (-1e6, "−10⁶"),
        (1.2e-15, "1.2\u00a0×\u00a010⁻¹⁵"),
        (-3e-7, "−3\u00a0×\u00a010⁻⁷"),
        (100, "100"),
        (2024, "2024"),
        (12080, "12\u202f080"),
        (-3, "−3"),
        (True, "yes"),
        (None, "–"),
        (float("inf"), "∞"),
        ("-inf", "−∞"),
        ("nan", "nan"),
        ("below 0.02", "below 0.02"),
        ([4, 0.5, "x"], "4, 0.5, x"),
    ],
)
def test_shown(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("at most 1e-12", "at most 10⁻¹²"),
        ("2.5e+03 and 1e5x", "2.5\u00a0×\u00a010³ and 1e5x"),
        ("0.0e+00, -1.0e-03", "0, −10⁻³"),
        ("(-1, 3), [-2], -.5", "(−1, 3), [−2], −.5"),
        (
            "784-256-10, 2026-11-29, a-1, W[0]-1, 10–20",
            "784-256-10, 2026-11-29, a-1, W[0]-1, 10–20",
        ),
        ("1,437, 60,000 of 11,173,962.", "1437, 60\u202f000 of 11\u202f173\u202f962."),
        ("[1,2], (1,200,3), 3,4567", "[1,2], (1,200,3), 3,4567"),
        (-0.25, "−0.25"),
    ],
)
def test_figures_in_a_text_are_written_as_those_in_a_table(text: Any, figures: str) -> None:
    assert shown_figures(text) == figures


def test_shown_without_powers_is_what_a_terminal_can_print() -> None:
    assert shown(1.234e-9, powers=False) == "1.23e-09"
    assert shown(1.0e30, powers=False) == "1e+30"


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.155, 0.16872, 12.0], ["0.155", "0.169", "12.000"]),
        ([1.5, 2.25, None], ["1.50", "2.25", "–"]),
        ([1, 2, 30000], ["1", "2", "30\u202f000"]),
        ([-1.25, 0.0], ["−1.25", "0.00"]),
        ([1e-9, 0.5], ["10⁻⁹", "0.5"]),
        ([1.91, "nan", 2], ["1.91", "nan", "2.00"]),
        ([2.0, 4.0], ["2", "4"]),
        (["tanh", True], ["tanh", "yes"]),
        ([], []),
    ],
)
def test_shown_column(values: list[Any], texts: list[str]) -> None:
    assert shown_column(values) == texts


@given(st.floats(-1e300, 1e300))
def test_no_float_loses_more_than_its_third_digit(value: float) -> None:
    text = shown(value, powers=False).replace("−", "-")
    assert float(text) == pytest.approx(value, rel=5.1e-3)


@given(st.lists(st.floats(min_value=1e-3, max_value=1e3), min_size=1))
def test_a_column_has_equally_many_decimals_unless_its_range_is_wide(values: list[float]) -> None:
    texts = shown_column(values)
    for text, value in zip(texts, values, strict=True):
        assert float(text) == pytest.approx(value, rel=5.1e-3)
    assert len({len(re.sub(r"^[^.]*[.]?", "", text)) for text in texts}) == 1
