"""The reverse pass: cotangents from the outputs back to the inputs, one rule at a time.

One interpreter serves two purposes. With concrete values it computes gradients; with `lift` it
runs the same rules on traced nodes, so that the backward pass becomes more graph.
Reverse accumulation: Griewank & Walther, Evaluating Derivatives (2008), §3.2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import Node, dtype_of, shape_of
from chainrule.engine.primitive import SELECT, ZERO
from chainrule.engine.tracing import Trace, Traced

_ndarray = np.ndarray


def pull_back(
    nodes: Sequence[Node],
    seeds: Sequence[tuple[Node, Any]],
    targets: Sequence[Node],
    active: Sequence[bool] | None = None,
    lift: Callable[[Node], Any] | None = None,
    watch: Callable[[Node, Any], None] | None = None,
) -> list[Any]:
    """Cotangents of ``targets``, given cotangents of some nodes.

    Parameters
    ----------
    nodes : sequence of Node
        The graph, in creation order.
    seeds : sequence of (Node, cotangent)
        Where the pass starts.
    targets : sequence of Node
        Placeholders whose cotangents are wanted.
    active : sequence of bool, optional
        By node index: whether the node depends on a target. All, by default.
    lift : callable, optional
        Gives the value of a node as the rules should see it; by default its concrete value.
    watch : callable, optional
        Called with every node and its complete cotangent, in the order of the pass.

    Returns
    -------
    list
        One cotangent per target; None where no cotangent arrived.

    Raises
    ------
    NotDifferentiable
        A cotangent reached an operand that has no derivative.
    """
    cotangents: list[Any] = [None] * len(nodes)
    owned: dict[int, Any] = {}  # buffers made here, which may be added into in place
    touched: list[Trace] = []
    last = -1
    for node, seed in seeds:
        present = cotangents[node.index]
        cotangents[node.index] = seed if present is None else present + seed
        last = max(last, node.index)
    wanted = {target.index for target in targets}
    try:
        for index in range(last, -1, -1):
            g = cotangents[index]
            if g is None:
                continue
            node = nodes[index]
            inputs = node.inputs
            if watch is not None:
                watch(node, g)
            if not inputs:
                continue
            if index not in wanted:
                cotangents[index] = None
            primitive = node.primitive
            if type(g) is not _ndarray and isinstance(g, Traced) and g.recorder.origin is not node:
                g.recorder.origin = node
                touched.append(g.recorder)
            if primitive is SELECT:
                _collect_output(cotangents, node, g)
                continue
            if lift is None:
                y = node.value
                values = node.operands
            else:
                y = lift(node)
                values = [lift(x) if type(x) is Node else x for x in inputs]
            if primitive.outputs > 1:
                g = _complete_outputs(g, y)
            params = node.params
            accumulate = primitive.accumulate
            rules: Any = primitive.rules
            if type(rules) is not tuple:
                rules = [primitive.rule(position, inputs) for position in range(len(inputs))]
            position = -1
            for operand in inputs:
                position += 1
                if type(operand) is not Node:
                    continue
                rule = rules[position]
                if rule is ZERO:
                    continue
                at = operand.index
                if active is not None and not active[at]:
                    continue
                value = values[position]
                if (
                    accumulate is not None
                    and position == 0
                    and not isinstance(g, Traced)
                    and not isinstance(cotangents[at], Traced)
                    and not any(isinstance(part, Traced) for part in values[1:])
                ):
                    # a small part of a large operand: add into one buffer, not a new one each time
                    buffer = owned.get(at)
                    if buffer is None or buffer is not cotangents[at]:
                        buffer = np.zeros(value.shape, value.dtype)
                        if cotangents[at] is not None:
                            buffer += cotangents[at]
                        cotangents[at] = owned[at] = buffer
                    accumulate(buffer, g, *values, **params)
                    continue
                if rule is None:
                    raise _no_rule(node, position)
                try:
                    contribution = rule(g, y, *values, **params)
                except NotDifferentiable as error:
                    raise NotDifferentiable(f"{error} ({node.where})") from None
                try:
                    if contribution.shape != value.shape or contribution.dtype is not value.dtype:
                        contribution = project(contribution, value)
                except AttributeError:  # Python numbers have neither
                    contribution = project(contribution, value)
                if contribution is not None:
                    present = cotangents[at]
                    cotangents[at] = contribution if present is None else present + contribution
    finally:
        for trace in touched:
            trace.origin = None
    return [cotangents[target.index] for target in targets]


def project(cotangent: Any, value: Any) -> Any:
    """Bring a cotangent back to its operand's space: undo broadcasting, restore the dtype.

    None for an operand that is not floating point: nothing flows through integers and booleans.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is None:
        if type(value) is not float:
            return None
        dtype = np.dtype(float)
    elif dtype.kind != "f":
        return None
    shape = getattr(value, "shape", ())
    found = getattr(cotangent, "shape", ())
    if found != shape:
        cotangent = unbroadcast(cotangent, found, shape)
    if getattr(cotangent, "dtype", None) != dtype:
        if dtype_of(cotangent).kind not in "fiub":
            raise InvalidInput("complex numbers are not supported; a cotangent became complex.")
        if isinstance(cotangent, (np.ndarray, np.generic, Traced)):
            cotangent = cotangent.astype(dtype)
        else:
            cotangent = dtype.type(cotangent)
    return cotangent


def unbroadcast(cotangent: Any, found: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes that broadcasting made, or stretch a constant one."""
    extra = len(found) - len(shape)
    if extra > 0 and found[extra:] == shape:
        added = 0 if extra == 1 else tuple(range(extra))
        plain = type(cotangent) is _ndarray
        return np.add.reduce(cotangent, added) if plain else np.sum(cotangent, axis=added)
    if found == () and not isinstance(cotangent, Traced):
        return _filled(cotangent, shape)
    if extra < 0:
        return np.broadcast_to(cotangent, shape)
    axes = tuple(
        axis
        for axis in range(len(found))
        if axis < extra or (shape[axis - extra] == 1 and found[axis] != 1)
    )
    if axes:
        cotangent = np.sum(cotangent, axis=axes, keepdims=True)
        if extra:
            cotangent = np.reshape(cotangent, shape_of(cotangent)[extra:])
    if shape_of(cotangent) != shape:
        cotangent = np.broadcast_to(cotangent, shape)
    return cotangent


def _filled(cotangent: Any, shape: tuple[int, ...]) -> Any:
    if math.prod(shape) > 4096:
        return np.broadcast_to(cotangent, shape)
    filled = np.empty(shape, getattr(cotangent, "dtype", float))
    filled.fill(cotangent)
    return filled


def _collect_output(cotangents: list[Any], node: Node, g: Any) -> None:
    """Gather the cotangents of the results of a function that returns several."""
    parent = node.inputs[0]
    if cotangents[parent.index] is None:
        cotangents[parent.index] = [None] * parent.primitive.outputs
    k = node.params["k"]
    present = cotangents[parent.index][k]
    cotangents[parent.index][k] = g if present is None else present + g


def _complete_outputs(g: list[Any], y: Any) -> tuple[Any, ...]:
    return tuple(
        np.zeros(shape_of(part), dtype_of(part)) if cotangent is None else cotangent
        for cotangent, part in zip(g, y, strict=True)
    )


def _no_rule(node: Node, position: int) -> NotDifferentiable:
    return NotDifferentiable(
        f"np.{node.primitive.name} has no derivative with respect to its operand {position + 1} "
        f"({node.where}); pass chainrule.stop_gradient of it if none is wanted."
    )


def depends_on(nodes: Sequence[Node], targets: Sequence[Node]) -> list[bool]:
    """By node index: whether the node depends on one of ``targets``."""
    found = [False] * len(nodes)
    for target in targets:
        found[target.index] = True
    for node in nodes:
        if not found[node.index]:
            found[node.index] = any(type(x) is Node and found[x.index] for x in node.inputs)
    return found


def owned_cotangents(
    found: list[Any], targets: list[Node], lent: tuple[Any, ...] = ()
) -> list[Any]:
    """Gradients as the user gets them: zeros where nothing arrived, arrays of their own."""
    finished: list[Any] = []
    seen = {id(array) for array in lent}
    for cotangent, target in zip(found, targets, strict=True):
        if cotangent is None:
            cotangent = np.zeros(target.shape, target.dtype)[()]
        elif type(cotangent) is np.ndarray:
            if cotangent.ndim == 0 and type(target.value) is not np.ndarray:
                cotangent = cotangent[()]
            elif cotangent.base is not None or id(cotangent) in seen:
                cotangent = cotangent.copy()
            seen.add(id(cotangent))
        finished.append(cotangent)
    return finished
