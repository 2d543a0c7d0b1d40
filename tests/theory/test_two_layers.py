"""The two-layer network by hand: reference values, the engine, the kink, and what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.theory.two_layers import (
    FORMULAS,
    BackpropCost,
    backprop_cost,
    relu_derivative,
    student_relu_derivative,
    two_layer_partials,
)

AT: dict[str, Any] = {
    "W1": [[1, -1], [2, 1], [1, -0.5]],
    "b1": [0.5, -1, 0],
    "W2": [[1, 2, -1], [0, -1, 3]],
    "b2": [1, 0],
    "x": [1, 2],
    "y": [5, 1],
}
EXPECTED: dict[str, Any] = {
    "q": [-0.5, 3, 0], "h": [0, 3, 0], "p": [7, -3], "L": 20, "dL_dp": [4, -8],
    "dL_dW2": [[0, 12, 0], [0, -24, 0]], "dL_db2": [4, -8], "dL_dh": [4, 16, -28],
    "dL_dq": [0, 16, 0], "dL_dW1": [[0, 0], [16, 32], [0, 0]], "dL_db1": [0, 16, 0],
    "dp_dh": [[1, 2, -1], [0, -1, 3]], "dh_dq": np.diag([0, 1, 0]), "dq_db1": np.eye(3),
    "dp_dW2": [[[0, 3, 0], [0, 0, 0]], [[0, 0, 0], [0, 3, 0]]],
    "dq_dW1": [[[1, 2], [0, 0], [0, 0]], [[0, 0], [1, 2], [0, 0]], [[0, 0], [0, 0], [1, 2]]],
}  # fmt: skip


@pytest.mark.parametrize("name", EXPECTED)
def test_the_values_worked_out_on_paper(name: str) -> None:
    np.testing.assert_array_equal(getattr(two_layer_partials(**AT), name), EXPECTED[name])


def test_twelve_partials_in_the_order_of_the_exercise() -> None:
    partials = two_layer_partials(**AT).partials()
    assert list(partials) == list(FORMULAS)
    assert len(partials) == 12


@given(seed=st.integers(0, 2**32 - 1))
def test_the_gradients_are_the_engines(seed: int) -> None:
    rng = np.random.default_rng(seed)
    D, H1, H2 = rng.integers(1, 6, 3)
    shapes = {"W1": (H1, D), "b1": H1, "W2": (H2, H1), "b2": H2, "x": D, "y": H2}
    at = {name: rng.normal(size=shape) for name, shape in shapes.items()}

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        p = W2 @ np.maximum(W1 @ at["x"] + b1, 0) + b2
        return (p - at["y"]) @ (p - at["y"])

    found = two_layer_partials(**at)
    value, gradients = cr.value_and_grad(loss, argnums=(0, 1, 2, 3))(
        at["W1"], at["b1"], at["W2"], at["b2"]
    )
    assert pytest.approx(value, rel=1e-12) == found.L
    for name, gradient in zip(("dL_dW1", "dL_db1", "dL_dW2", "dL_db2"), gradients, strict=True):
        np.testing.assert_allclose(getattr(found, name), gradient, rtol=1e-10, atol=1e-12)


def test_the_long_partials_contract_to_the_short_ones() -> None:
    found = two_layer_partials(**AT)
    np.testing.assert_array_equal(np.einsum("i,ijk", found.dL_dp, found.dp_dW2), found.dL_dW2)
    np.testing.assert_array_equal(found.dL_dp @ found.dp_dh, found.dL_dh)
    np.testing.assert_array_equal(found.dL_dh @ found.dh_dq, found.dL_dq)
    np.testing.assert_array_equal(np.einsum("i,ijk", found.dL_dq, found.dq_dW1), found.dL_dW1)
    np.testing.assert_array_equal(found.dL_dq @ found.dq_db1, found.dL_db1)


def test_float32_stays_and_arguments_are_not_changed() -> None:
    at = {name: np.array(value, np.float32) for name, value in AT.items()}
    before = {name: value.copy() for name, value in at.items()}
    found = two_layer_partials(**at)
    assert {value.dtype for value in found.partials().values()} == {np.dtype(np.float32)}
    for name, value in before.items():
        np.testing.assert_array_equal(at[name], value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"W2": [[1, 2], [3, 4]]}, ValueError, r"W2 has shape \(2, 2\) and W1 has shape \(3, 2\)"),
        ({"b1": [1, 2]}, ValueError, r"b1 has shape \(2,\) .* expected b1 of shape \(3,\)"),
        ({"y": [1, 2, 3]}, ValueError, r"y has shape \(3,\) and W2 has shape \(2, 3\)"),
        ({"x": [[1, 2]]}, ValueError, "x has shape .* expected a vector"),
        ({"x": [1, np.nan]}, ValueError, "x holds NaN"),
        ({"b2": ["1", "2"]}, TypeError, "b2 has dtype"),
    ],
)
def test_what_does_not_fit_is_refused(change: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        two_layer_partials(**{**AT, **change})


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_the_derivative_at_the_kink_is_a_choice(at_zero: float) -> None:
    np.testing.assert_array_equal(
        relu_derivative([-np.inf, -1, -0.0, 0.0, 1, np.inf], at_zero),
        [0, 0, at_zero, at_zero, 1, 1],
    )
    assert two_layer_partials(**AT, at_zero=at_zero).dL_db1[2] == -28 * at_zero


def test_the_derivative_of_nan_is_nan_and_no_other_choice_is_taken() -> None:
    assert np.isnan(relu_derivative(np.nan))
    assert relu_derivative(np.float32(2)).dtype == np.float32
    with pytest.raises(ValueError, match=r"at_zero is 1\.5"):
        relu_derivative(0.0, 1.5)


def test_the_students_formula_fails_where_the_document_says_nothing() -> None:
    found = student_relu_derivative([-0.5, 3, 0, np.inf])
    np.testing.assert_array_equal(found, [0, 1, np.nan, np.nan])


@pytest.mark.parametrize(
    ("sizes", "cost"),
    [
        ((784, 256, 10), BackpropCost(206_090, 2_413_834, 41_370_321_920)),
        ((1000, 1000, 1000), BackpropCost(3_002_000, 1_004_002_000, 4_004_000_000_000)),
        ((1, 1, 1), BackpropCost(5, 7, 8)),
    ],
)
def test_costs(sizes: tuple[int, int, int], cost: BackpropCost) -> None:
    assert backprop_cost(*sizes) == cost


@pytest.mark.parametrize(("sizes", "error"), [((0, 1, 1), ValueError), ((1, 2.0, 1), TypeError)])
def test_costs_of_no_network(sizes: Any, error: Any) -> None:
    with pytest.raises(error, match="expected"):
        backprop_cost(*sizes)
