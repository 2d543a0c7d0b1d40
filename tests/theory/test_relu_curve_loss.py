"""The squared loss of a curve and its gradient, against the hand and the engine."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.theory.relu_curve_loss import squared_loss, squared_loss_gradient
from chainrule.theory.relu_curves import HANDOUT, ReluCurve


def test_reference_gradient_of_the_hand_out():
    found = squared_loss_gradient(HANDOUT, [-1, 0.5, 2], [0, 1, -1])
    assert found.W_H.tolist() == [3.5, 9.5, 8, -3.5]
    assert found.b_H.tolist() == [1, 7, 4, -1]
    assert found.W_O.tolist() == [2.5, -16.5, -4, 2.5]
    assert found.b_O == -5
    assert squared_loss(HANDOUT, [-1, 0.5, 2], [0, 1, -1]) == 1 + 1.5**2 + 4


def test_the_gradient_is_the_engines():
    rng = np.random.default_rng(0)

    def loss(W_H, b_H, W_O, b_O, x, y):
        return np.sum((y - b_O - np.maximum(np.outer(x, W_H) + b_H, 0) @ W_O) ** 2)

    for _ in range(20):
        W_H, b_H, W_O, b_O, x, y = (rng.normal(size=n) for n in (3, 3, 3, 1, 5, 5))
        found = squared_loss_gradient(ReluCurve.of(W_H, b_H, W_O, b_O[0]), x, y)
        expected = cr.grad(loss, argnums=(0, 1, 2, 3))(W_H, b_H, W_O, b_O[0], x, y)
        for mine, other in zip((v for _, v in found.items()), expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1], [1, 2]), ([np.nan], [1])])
def test_data_that_do_not_fit_are_refused(x, y):
    for function in (squared_loss, squared_loss_gradient):
        with pytest.raises(ValueError, match="x "):
            function(HANDOUT, x, y)
