"""Four ReLUs by hand: the values of the exercise, the engine, the kinks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.theory.relu_curves import HANDOUT, ReluCurve


def test_forward_propagation_of_the_exercise() -> None:
    at = HANDOUT.forward(2)
    assert at.z_bar.tolist() == [-1, 3, 1, -1]
    assert at.z.tolist() == [0, 3, 1, 0]
    assert at.y == -3
    assert [HANDOUT(x) for x in (-2, -1, 0, 1, 3)] == [1, 1, 0, -1, -5]


@pytest.mark.parametrize(
    ("x", "gradient"),
    [
        (2, [0, -2, -2, 0, 0, -1, -1, 0, 0, 3, 1, 0, 1]),
        (1, [0, -1, 0, 0, 0, -1, 0, 0, 0, 2, 0, 0, 1]),
    ],
)
def test_back_propagation_of_the_exercise_and_at_the_kinks(x: float, gradient: Any) -> None:
    assert HANDOUT.gradient(x).flat().tolist() == gradient
    engine = cr.grad(
        lambda W_H, b_H, W_O, b_O: b_O + W_O @ np.maximum(W_H * x + b_H, 0), argnums=(0, 1, 2, 3)
    )(HANDOUT.W_H, HANDOUT.b_H, HANDOUT.W_O, HANDOUT.b_O)
    np.testing.assert_array_equal(ReluCurve.of(*engine).flat(), gradient)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (([1, 2], [1], [1, 2], 0), "three vectors of one length"),
        (([[1]], [1], [1], 0), "W_H has shape"),
        (([1], [np.nan], [1], 0), "b_H holds NaN"),
        (([1], [1], [1], [0]), "b_O has shape"),
        (([], [], [], 0), "W_H is empty"),
    ],
)
def test_what_is_no_curve_is_refused(parameters: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ReluCurve.of(*parameters)
