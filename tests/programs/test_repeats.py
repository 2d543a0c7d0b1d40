"""Repeated stretches of a graph are found with the right length, count and parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.programs import drawn_functions as functions

import chainrule as cr
from chainrule.programs.repeats import find_repeats


def repeats_of(f: Any, *args: Any) -> list[tuple[list[str], int]]:
    found = find_repeats(cr.trace(f, *args).nodes)
    return [([node.primitive.name for node in r.blocks[0]], len(r.blocks)) for r in found]


def test_equal_layers_are_one_repeat_that_begins_like_the_loop() -> None:
    assert repeats_of(functions.deep, *functions.deep_arguments(6)) == [
        (["matmul", "add", "tanh"], 6)
    ]


def test_turns_of_a_recurrence_are_one_repeat() -> None:
    ((names, count),) = repeats_of(functions.recurrent, *functions.recurrent_arguments(9))
    assert sorted(names) == ["add", "getitem", "matmul", "matmul", "tanh"]
    assert count == 9  # also the first turn, whose state is a constant


def test_parameters_of_one_block_belong_to_it() -> None:
    graph = cr.trace(functions.deep, *functions.deep_arguments(4))
    (repeat,) = find_repeats(graph.nodes)
    assert [[leaf.name for leaf in leaves] for leaves in repeat.leaves] == [
        [f"params[{k}][0]", f"params[{k}][1]"] for k in range(1, 5)
    ]


def test_an_input_that_only_the_first_layer_reads_stays_outside() -> None:
    def network(params: Any, x: Any) -> Any:
        for W, b in params:
            x = np.maximum(x @ W + b, 0)
        return np.sum(x)

    params = [(np.eye(3), np.ones(3)) for _ in range(4)]
    (repeat,) = find_repeats(cr.trace(network, params, np.ones((2, 3))).nodes)
    assert [[leaf.name for leaf in leaves] for leaves in repeat.leaves] == [
        [f"params[{k}][0]", f"params[{k}][1]"] for k in range(4)
    ]


def test_shared_weights_belong_to_no_block() -> None:
    graph = cr.trace(functions.recurrent, *functions.recurrent_arguments())
    (repeat,) = find_repeats(graph.nodes)
    assert not any(repeat.leaves)


def unrolled(x: Any) -> Any:
    a = np.sin(x) * 2.0
    b = np.sin(a) * 2.0
    c = np.sin(b) * 2.0
    return c


def different_constants(x: Any) -> Any:
    return np.sin(np.sin(np.sin(x) * 2.0) * 3.0) * 4.0


def crossed(x: Any) -> Any:
    a, b = np.sin(x), np.cos(x)
    for k in range(4):
        a, b = (a + b, a * b) if k % 2 else (b + a, b * a)
    return a + b


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (unrolled, [(["sin", "multiply"], 3)]),
        (different_constants, []),
        (crossed, []),
        (lambda x: x * 2.0, []),
        (lambda x: np.exp(np.exp(x)), []),
    ],
)
def test_what_is_equal_and_what_is_not(f: Any, expected: list[Any]) -> None:
    assert repeats_of(f, 0.1) == expected


def test_layers_of_other_shapes_stay_apart() -> None:
    rng = np.random.default_rng(0)
    params = [(rng.normal(size=(m, m + 1)), rng.normal(size=m + 1)) for m in range(3, 8)]
    params.append((rng.normal(size=(8, 2)), rng.normal(size=2)))
    assert (
        repeats_of(functions.deep, params, rng.normal(size=(4, 3)), rng.normal(size=(4, 2))) == []
    )
