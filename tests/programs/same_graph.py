"""Whether two graphs compute the same in the same way: for programs that are traced again."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph, Node
from chainrule.programs.simplify import freeze


def shapes_of_computation(graph: Graph) -> list[str]:
    """One digest per output: equal for equal primitives, parameters, constants and inputs.

    The order of independent nodes, shared or repeated computations and the spelling of constants
    make no difference; a value without inputs counts as the number it is.
    """
    digests: list[str] = []
    fixed: list[bool] = []
    for node in graph.nodes:
        constant = node.primitive.name != "placeholder" and all(
            fixed[x.index] for x in node.parents
        )
        fixed.append(constant)
        if node.primitive.name == "placeholder":
            digests.append(_digest("input", node.name))
        elif constant and not isinstance(node.value, tuple):
            digests.append(_constant(node.value))
        else:
            operands = [digests[x.index] if type(x) is Node else _constant(x) for x in node.inputs]
            digests.append(_digest(node.primitive.name, operands, _frozen(node.params)))
    return [digests[x.index] if type(x) is Node else _constant(x) for x in graph.outputs]


def _constant(value: Any) -> str:
    array = np.asarray(value)
    return _digest("constant", array.shape, array.astype(float).tobytes())


def _frozen(params: dict[str, Any]) -> Any:
    try:
        return freeze(params)
    except TypeError:
        return repr(params)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def assert_same_bits(found: Any, wanted: Any) -> None:
    """Equal trees, shapes, dtypes and bits, NaN where NaN is wanted."""
    from chainrule.engine.trees import flatten

    found_leaves, found_structure = flatten(found)
    wanted_leaves, wanted_structure = flatten(wanted)
    assert found_structure == wanted_structure
    for a, b in zip(map(np.asarray, found_leaves), map(np.asarray, wanted_leaves), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
        if a.dtype.kind == "f":
            number = ~np.isnan(a)
            np.testing.assert_array_equal(np.signbit(a[number]), np.signbit(b[number]))
