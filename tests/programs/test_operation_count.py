"""Multiplications counted on graphs, against closed forms worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.programs.operation_count import count_operations
from chainrule.theory.two_layers import backprop_cost

M, N, V = np.ones((3, 4)) * 2, np.ones((4, 5)) * 3, np.ones(4) * 2


@pytest.mark.parametrize(
    ("f", "args", "products", "selections"),
    [
        (lambda a, b: a @ b, (M, N), 60, 0),
        (lambda a, b: a @ b, (M, V), 12, 0),
        (lambda a, b: a @ b, (V, V), 4, 0),
        (lambda a, b: np.matmul(a, b), (np.ones((6, 3, 4)), N), 360, 0),
        (lambda a, b: np.dot(a, b), (M, N), 60, 0),
        (lambda a, b: np.outer(a, b), (V, V), 16, 0),
        (lambda a: a * 3.0, (M,), 12, 0),
        (lambda a: a / 3.0, (M,), 12, 0),
        (lambda a: a * 1.0, (M,), 0, 0),
        (lambda a: a + a - 1.0, (M,), 0, 0),
        (lambda a: a**2, (M,), 12, 0),
        (lambda a: a**1, (M,), 0, 0),
        (lambda a: a**7, (M,), 48, 0),  # a², a⁴ and two products of them
        (lambda a: a**-1, (M,), 12, 0),
        (lambda a: np.square(a), (M,), 12, 0),
        (lambda a: np.sum(a) + np.max(a), (M,), 0, 0),
        (lambda a: np.mean(a, axis=0), (M,), 4, 0),
        (lambda a: np.prod(a), (V,), 3, 0),
        (lambda a: np.where(a > 0, a, 0.0), (M,), 0, 12),
        (lambda a: np.tanh(a.T)[1:], (M,), 0, 0),
    ],
)
def test_forward_counts(f: Any, args: Any, products: int, selections: int) -> None:
    found = count_operations(cr.trace(f, *args))
    assert (found.products, found.selections) == (products, selections)
    assert found.total == sum(found.by_node.values())


@pytest.mark.parametrize("sizes", [(2, 3, 2), (7, 1, 4), (1, 1, 1), (20, 30, 5)])
def test_backpropagation_of_two_layers_costs_what_the_closed_form_says(sizes: Any) -> None:
    D, H1, H2 = sizes
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=D), rng.normal(size=H2)

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        p = W2 @ np.maximum(W1 @ x + b1, 0) + b2
        return np.sum((p - y) ** 2)

    shapes = ((H1, D), (H1,), (H2, H1), (H2,))
    graph = cr.trace(loss, *(rng.normal(size=shape) for shape in shapes)).backward()
    found = count_operations(graph, "backward")
    assert found.total == backprop_cost(*sizes).reverse
    assert found.selections == H1
    assert count_operations(graph, "forward").total == H1 * D + H2 * H1 + H2
    assert count_operations(graph).total == found.total + H1 * D + H2 * H1 + H2


def test_what_is_not_known_is_not_guessed() -> None:
    graph = cr.trace(lambda a: np.einsum("ij,jk->ik", a, a.T), M)
    with pytest.raises(ValueError, match="multiplications of einsum are not known"):
        count_operations(graph)
    with pytest.raises(ValueError, match="part is 'both'"):
        count_operations(graph, "both")
