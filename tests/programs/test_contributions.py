"""Every summand of every cotangent: their sums are the gradients of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.programs import drawn_functions as functions

import chainrule as cr
from chainrule.programs.contributions import chain_rule, forward_nodes


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (functions.neuron, functions.NEURON),
        (functions.shared, (1.5, 0.5)),
        (functions.two_layers, functions.two_layer_arguments()),
        (lambda a: np.sum(np.linalg.qr(a)[1] ** 2), (np.arange(6.0).reshape(3, 2) ** 1.5 + 1,)),
        (lambda x: np.sum(np.where(x > 0, x * x, -x)), (np.array([1.0, -2.0, 3.0]),)),
        (lambda x: x[0] * x[1] + np.max(x), (np.array([1.0, -2.0, 3.0]),)),
    ],
)
def test_sums_of_contributions_are_the_gradients(f: Any, args: tuple[Any, ...]) -> None:
    chain = chain_rule(cr.trace(f, *args))
    expected = cr.grad(f, argnums=tuple(range(len(args))))(*args)
    for index, gradient in enumerate(expected):
        parts = [found.value for found in chain.contributions[index]]
        np.testing.assert_allclose(sum(parts[1:], start=parts[0]), gradient, rtol=1e-12)
        np.testing.assert_allclose(chain.cotangents[index], gradient, rtol=1e-12)


def test_local_derivatives_of_numbers() -> None:
    graph = cr.trace(functions.shared, 1.5, 0.5)
    chain = chain_rule(graph)
    locals_of_a = {found.user.primitive.name: found.local for found in chain.contributions[0]}
    assert locals_of_a == {"add": 1.0, "multiply": 0.5}
    for found in chain.contributions[0]:
        assert found.value == pytest.approx(chain.cotangents[found.user.index] * found.local)


def test_arrays_have_no_local_number() -> None:
    chain = chain_rule(cr.trace(functions.two_layers, *functions.two_layer_arguments()))
    assert all(found.local is None for found in chain.contributions[1])


def test_both_operands_of_a_square_contribute() -> None:
    chain = chain_rule(cr.trace(lambda x: x * x, 3.0))
    assert [(found.position, found.value) for found in chain.contributions[0]] == [
        (0, 3.0),
        (1, 3.0),
    ]


def test_a_backward_pass_of_the_graph_keeps_its_choice_of_outputs() -> None:
    graph = cr.trace(lambda x: (np.sin(x), x * x), 2.0)
    assert chain_rule(graph).cotangents[0] == pytest.approx(np.cos(2.0) + 4.0)
    second = graph.backward(of=1)
    assert chain_rule(second).cotangents[0] == pytest.approx(4.0)
    assert len(forward_nodes(second)) == len(graph)
    vector = cr.trace(lambda x: x * x, np.arange(3.0)).backward()
    np.testing.assert_array_equal(chain_rule(vector).cotangents[0], [0.0, 2.0, 4.0])


def test_nothing_to_differentiate_is_said() -> None:
    with pytest.raises(cr.InvalidInput, match="no floating-point output that depends"):
        chain_rule(cr.trace(lambda x: x > 0, 2.0))
    for whole in (4, np.arange(3)):
        with pytest.raises(cr.InvalidInput, match=r"for no input is one; write 4\.0 for 4\.$"):
            chain_rule(cr.trace(lambda x: x * x, whole))


def test_an_operation_without_derivative_is_named() -> None:
    def integer_power(x: Any) -> Any:
        return np.floor_divide(x, 2.0) + x

    graph = cr.trace(integer_power, 5.0)
    try:
        expected = cr.grad(integer_power)(5.0)
    except cr.NotDifferentiable:
        with pytest.raises(cr.NotDifferentiable, match="floor_divide"):
            chain_rule(graph)
    else:
        assert chain_rule(graph).cotangents[0] == expected
