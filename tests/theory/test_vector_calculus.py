"""The gradient of the squared norm, and the mean as the nearest point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.theory.vector_calculus import (
    grad_squared_norm,
    hessian_of_squared_distances,
    minimiser_of_squared_distances,
    sum_of_squared_distances,
)

POINTS = [[1, 2], [3, 4], [5, 9]]


def test_gradient_of_the_squared_norm_also_at_zero() -> None:
    assert grad_squared_norm([1, -2.5]).tolist() == [2, -5]
    assert grad_squared_norm([0, 0]).tolist() == [0, 0]


def test_the_mean_is_the_minimiser() -> None:
    mean = minimiser_of_squared_distances(POINTS)
    assert mean.tolist() == [3, 5]
    assert sum_of_squared_distances(POINTS, mean) == 34
    assert sum_of_squared_distances(POINTS, [0, 0]) == 34 + 3 * (9 + 25)


def test_the_hessian_is_the_engines() -> None:
    points = np.array(POINTS, float)
    found = cr.hessian(lambda mu: np.sum((points - mu) ** 2))(np.zeros(2))
    np.testing.assert_array_equal(found, hessian_of_squared_distances(3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: grad_squared_norm([[1, 2]]), "x has shape"),
        (lambda: minimiser_of_squared_distances(np.zeros((0, 2))), "points is empty"),
        (lambda: minimiser_of_squared_distances([1, 2]), "points has shape"),
        (lambda: sum_of_squared_distances(POINTS, [1, 2, 3]), r"expected mu of shape \(2,\)"),
        (lambda: sum_of_squared_distances(POINTS, [1, np.inf]), "mu holds NaN or infinity"),
    ],
)
def test_what_is_no_data_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
