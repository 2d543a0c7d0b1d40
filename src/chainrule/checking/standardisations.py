"""Standardisations that a loss writes step by step: mean, centred value, deviation, quotient."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from chainrule.checking.regions import Standardisation
from chainrule.engine.graph import Node

if TYPE_CHECKING:
    from chainrule.checking.roles import Roles

_SQUARING = {"power", "multiply", "square"}


def standardisations_of(roles: Roles) -> list[Standardisation]:
    """Standardisations by their steps, as far as their results are not recognised by value."""
    known = {each.x for each in roles.normalisations}
    found: list[Standardisation] = []
    for node in roles.nodes:
        if node.primitive.name != "subtract" or not roles.replay.active[node.index]:
            continue
        x, mean = node.inputs
        if not isinstance(x, Node) or not isinstance(mean, Node) or x.index in known:
            continue
        value = roles.values[node.index]
        if value is None or value.shape != x.shape or value.size < 4:
            continue
        if node.index in roles.penalty or not roles.derived_from(mean, x):
            continue
        for axis in sets_of_axes(value.ndim):
            count = int(np.prod([value.shape[k] for k in axis]))
            if count > 2 and np.allclose(value.mean(axis=axis), 0, atol=1e-10):
                steps = _steps_of(roles, node, x, mean, axis, count)
                if steps is not None:
                    found.append(steps)
                    break
    return found


def _steps_of(
    roles: Roles, centred: Node, x: Node, mean: Node, axis: tuple[int, ...], count: int
) -> Standardisation | None:
    after = roles.descendants(centred.index)
    value = np.asarray(roles.values[centred.index], dtype=float)
    variances = [value.var(axis=axis, ddof=ddof).ravel() for ddof in (0, 1)]
    for k in sorted(roles.descendants(x.index) - {x.index}):
        here = roles.values[k]
        if here is None or here.size != variances[0].size or here.dtype.kind != "f":
            continue
        fits = [np.allclose(here.ravel(), v, rtol=1e-9, atol=0) for v in variances]
        divided = _divided_by(roles, k, after, value.shape) if any(fits) else None
        if divided is None:
            continue
        of_variance = roles.ancestors(k)
        of_mean = roles.ancestors(mean.index)
        to_mean = [e for e in roles.edges_into(x.index) if e[0] in of_mean]
        inside = [e for e in roles.edges_into(centred.index) if e[0] in of_variance]
        inside += [
            edge
            for edge in roles.edges_into(x.index)
            if edge[0] in of_variance and edge[0] not in {*of_mean, centred.index}
        ]
        if to_mean and inside:
            return Standardisation(x.index, divided, tuple(to_mean), tuple(inside), count, fits[0])
    return None


def root_mean_squares_of(roles: Roles) -> list[Standardisation]:
    """Values divided by the roots of their mean squares, without a mean taken off."""
    known = {edge for each in roles.standardisations for edge in each.to_variance}
    known |= {edge for each in roles.normalisations for edge in roles.edges_into(each.x)}
    found: list[Standardisation] = []
    for node in roles.nodes:
        x = _squared(node)
        if x is None or not roles.replay.active[node.index] or node.index in roles.penalty:
            continue
        divided = _divided_by(roles, node.index, roles.descendants(x.index), x.shape)
        of_square = roles.ancestors(node.index)
        inside = [edge for edge in roles.edges_into(x.index) if edge[0] in of_square]
        if divided is not None and inside and not known & set(inside):
            count = int(np.size(x.value)) // max(int(np.size(node.value)), 1)
            found.append(Standardisation(x.index, divided, (), tuple(inside), count, True))
    return found


def _squared(node: Node) -> Node | None:
    """The array of which a node is the mean square along an axis; None if of none."""
    inner = node.inputs[0] if node.inputs else None
    if node.primitive.name == "divide" and isinstance(inner, Node):
        inner = inner.inputs[0] if inner.primitive.name == "sum" else None
    elif node.primitive.name != "mean":
        return None
    if not isinstance(inner, Node) or inner.primitive.name not in _SQUARING:
        return None
    x = next(iter(inner.parents), None)
    if x is None or any(each is not x for each in inner.parents) or x.shape != inner.shape:
        return None
    squares = np.asarray(x.value, dtype=float) ** 2
    if not np.allclose(inner.value, squares) or np.size(node.value) >= squares.size:
        return None
    return x if np.isclose(np.mean(node.value), np.mean(squares)) else None


def _divided_by(roles: Roles, variance: int, after: set[int], shape: tuple[int, ...]) -> int | None:
    """Where what becomes of a centred value is divided by what becomes of its variance."""
    size = np.size(roles.nodes[variance].value)
    deviations = {
        k
        for k in roles.descendants(variance)
        if (value := roles.values[k]) is not None and value.size == size
    }
    for k in sorted(after):
        node = roles.nodes[k]
        if node.primitive.name in ("divide", "multiply") and node.shape == shape:
            found = [isinstance(x, Node) and x.index in deviations for x in node.inputs]
            beside = node.inputs[found.index(True) - 1] if any(found) else None
            if isinstance(beside, Node) and beside.index in after and not all(found):
                return k
    return None


def sets_of_axes(ndim: int) -> Iterator[tuple[int, ...]]:
    """The axes that a standardisation may run over: one, several, all."""
    for count in range(1, ndim + 1):
        yield from itertools.combinations(range(ndim), count)
