"""Numerical derivatives against derivatives known by heart."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.experiments.differences import (
    central_differences,
    complex_step,
    one_sided_differences,
)
from chainrule.experiments.two_layer_architectures import BASE, CHANGES, changed_source


def test_jacobians_have_the_axes_of_the_result_first() -> None:
    A = np.arange(12.0).reshape(4, 3)
    x = np.ones((2, 3))
    expected = np.einsum("ik,jl->ijlk", A, np.eye(2))
    np.testing.assert_allclose(central_differences(lambda x: A @ x.T, x), expected, atol=1e-7)
    np.testing.assert_array_equal(complex_step(lambda x: A @ x.T, x), expected)


def test_the_complex_step_is_exact_to_rounding() -> None:
    assert complex_step(np.exp, 1.0) == pytest.approx(np.e, rel=1e-16)
    assert complex_step(lambda x: x**2, 3.0) == 6
    assert abs(central_differences(np.exp, 1.0) - np.e) < 1e-9


def test_one_sided_differences_differ_at_a_kink() -> None:
    left, right = one_sided_differences(lambda x: np.abs(x), 0.0)
    assert (left, right) == (-1, 1)


@pytest.mark.parametrize("name", CHANGES)
def test_every_architecture_differs_in_one_line(name: str) -> None:
    before, after = BASE.splitlines(), changed_source(CHANGES[name]).splitlines()
    assert len(before) == len(after)
    differing = sum(a != b for a, b in zip(before, after, strict=True))
    assert differing == (1 if CHANGES[name] else 0)


def test_a_change_of_no_line_is_refused() -> None:
    with pytest.raises(ValueError, match="no line r ="):
        changed_source("r = 1")
