"""How many multiplications a graph does, counted on its nodes.

What is counted is what a person would write down: products of matrices and vectors, products of
entries, and selections by a mask, which multiply by 0 or 1. Multiplying by the cotangent 1 from
which a backward pass starts, or by any other constant array of ones, is not counted, nor are
additions, comparisons and moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph, Node, shape_of

__all__ = ["OperationCount", "count_operations"]


@dataclass(frozen=True)
class OperationCount:
    """Numbers of multiplications.

    Attributes
    ----------
    products : int
        Of matrix products, and of entries; a division counts as one.
    selections : int
        Entries chosen by a mask.
    by_node : dict of int to int
        Products and selections of each node that does any, by its index.
    """

    products: int
    selections: int
    by_node: dict[int, int]

    @property
    def total(self) -> int:
        """Products and selections."""
        return self.products + self.selections


def count_operations(graph: Graph, part: str = "all") -> OperationCount:
    """Count the multiplications of a graph.

    Parameters
    ----------
    graph : Graph
        With values; for the backward pass, from `Graph.backward`.
    part : {"all", "forward", "backward"}
        Which nodes are counted.

    Returns
    -------
    OperationCount

    Raises
    ------
    ValueError
        Another ``part``, or an operation whose multiplications are not known.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> graph = cr.trace(lambda W, x: np.sum(W @ x), np.ones((3, 4)), np.ones(4))
    >>> count_operations(graph).total
    12
    """
    if part not in ("all", "forward", "backward"):
        raise ValueError(f"part is {part!r}; expected 'all', 'forward' or 'backward'.")
    ones = _ones(graph)
    products = selections = 0
    by_node: dict[int, int] = {}
    for node in graph:
        if part != "all" and node.pass_ != part:
            continue
        if node.primitive.name == "where":
            found = math.prod(node.shape)
            selections += found
        else:
            found = _products(node, ones)
            products += found
        if found:
            by_node[node.index] = found
    return OperationCount(products, selections, by_node)


def _ones(graph: Graph) -> set[int]:
    """The nodes that are constant arrays of ones, whatever the inputs."""
    found: set[int] = set()
    for node in graph:
        name = node.primitive.name
        if (name == "constant" and np.all(node.value == 1)) or (
            name in ("broadcast_to", "reshape", "getitem") and _is_one(node.inputs[0], found)
        ):
            found.add(node.index)
    return found


def _is_one(operand: Any, ones: Iterable[int]) -> bool:
    if type(operand) is Node:
        return operand.index in ones
    return bool(np.all(operand == 1))


def _products(node: Node, ones: set[int]) -> int:
    name = node.primitive.name
    if name in _ELEMENTWISE:
        if any(_is_one(operand, ones) for operand in node.inputs):
            return 0
        return _ELEMENTWISE[name] * math.prod(node.shape)
    if name in ("power", "float_power"):
        return _power(node) * math.prod(node.shape)
    count = _CONTRACTIONS.get(name)
    if count is not None:
        shapes = [shape_of(operand) for operand in node.operands]
        return count(node.shape, *shapes) if not _scaled_by_one(node, ones) else 0
    if name in _UNKNOWN or name.startswith("linalg."):
        raise ValueError(f"the multiplications of {name} are not known ({node.where}).")
    return 0


def _scaled_by_one(node: Node, ones: set[int]) -> bool:
    """Whether a product is with the number 1, which changes nothing."""
    return any(
        shape_of(value) == () and _is_one(operand, ones)
        for operand, value in zip(node.inputs, node.operands, strict=True)
    )


def _power(node: Node) -> int:
    exponent = node.inputs[1]
    if isinstance(exponent, (int, float)) and exponent == int(exponent) and abs(exponent) < 64:
        n = abs(int(exponent))  # by repeated squaring
        chain = max(n.bit_length() - 1, 0) + max(n.bit_count() - 1, 0)
        return chain + (exponent < 0)
    return 0 if isinstance(exponent, (int, float)) else 1


#: Multiplications per entry of the result.
_ELEMENTWISE = {"multiply": 1, "divide": 1, "quotient": 1, "reciprocal": 1, "square": 1}


def _matmul(result: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...]) -> int:
    return math.prod(result) * a[-1]


def _dot(result: tuple[int, ...], a: tuple[int, ...], b: tuple[int, ...]) -> int:
    return math.prod(result) * (a[-1] if a and b else 1)


#: Multiplications of products, from the shapes of the result and the operands.
_CONTRACTIONS: dict[str, Callable[..., int]] = {
    "matmul": _matmul,
    "matvec": lambda result, a, x: math.prod(result) * a[-1],
    "vecmat": lambda result, x, a: math.prod(result) * x[-1],
    "vecdot": lambda result, a, b: math.prod(result) * a[-1],
    "dot": _dot,
    "inner": _dot,
    "vdot": lambda result, a, b: math.prod(a),
    "outer": lambda result, a, b: math.prod(result),
    "kron": lambda result, a, b: math.prod(result),
    "prod": lambda result, a, *mask: math.prod(a) - math.prod(result),
    "norm": lambda result, a: math.prod(a),
    "mean": lambda result, a, *mask: math.prod(result),
    "var": lambda result, a, *mask: math.prod(a) + math.prod(result),
}
_UNKNOWN = frozenset({"einsum", "tensordot", "cross", "convolve", "conv2d", "cumprod", "interp"})
