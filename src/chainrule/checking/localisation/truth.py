"""How the true quantities of a loss are formed from its graph."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checking.localisation.matching import needed_nodes
from chainrule.checking.localisation.quantities import Quantity, as_numbers
from chainrule.engine.backward import pull_back
from chainrule.engine.graph import Graph, Node
from chainrule.programs.rewrites import is_elementwise

_LARGEST = 2**18  # elements of a quantity that is formed for comparison only
_MOST_CHAINS = 200
_FEW_USES = 5
_MOST_PARTS, _LONGEST_WITH_PARTS = 5, 400
_PRODUCTS = frozenset({"matmul", "dot", "tensordot", "einsum"})


def true_quantities(
    graph: Graph, names: Mapping[int, str], named: Collection[int], truth: Mapping[str, Any]
) -> Iterator[Quantity]:
    """Everything that a value may be compared with, equal ones more than once.

    In a meaning, ``%7`` stands for what node 7 is called.
    """
    cotangents: dict[int, Node] = graph.cotangents
    for name, value in truth.items():
        array = as_numbers(value)
        if array is not None:
            yield Quantity("cotangent", name, array, f"the gradient of {name}")
    inputs = {node.index for node in graph.inputs}
    needed = {node.index for node in needed_nodes(graph)}
    for node in graph.nodes:
        array = as_numbers(node.value)
        if array is None:
            continue
        name = names[node.index]
        if node.index not in needed and node.index not in inputs:
            continue
        if node.index in inputs:
            yield Quantity("input", node.name or name, array, name, node)
        elif node.of is None:
            yield Quantity("forward", name, array, f"%{node.index}", node)
        else:
            meaning = f"an intermediate value of the backward pass of %{node.of.index}"
            yield Quantity("backward", name, array, meaning, node)
        for operand in node.inputs:
            if isinstance(operand, np.ndarray) and operand.ndim and operand.dtype.kind in "fb":
                constant = operand.astype(float)
                yield Quantity("constant", "", constant, "a constant of the loss")
    for index, node in sorted(cotangents.items()):
        array = as_numbers(node.value)
        if array is not None:
            name = graph.nodes[index].name or names[index]
            if index in inputs:
                # of what is not a parameter: it may well be equal to a cotangent, but for its sign
                kind = "cotangent" if name in truth else "backward"
                yield Quantity(kind, name, array, f"the gradient of {name}", node)
                continue
            quantity = Quantity("cotangent", name, array, f"the cotangent of %{index}", node)
            quantity.named = index in named
            yield quantity
    yield from _shares(graph, names)
    yield from _merged(graph, names)
    yield from _derivatives(graph, names)
    yield from _parts(graph, names, named)
    yield from _derived(graph, names)
    yield from _jacobians(graph, names)
    yield from _addends(graph, names)
    yield from _stacked(graph, names, named, needed)


def _shares(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """What single uses of one value, and several of them together, contribute to its cotangent."""
    inputs = {node.index for node in graph.inputs}
    for index, node in graph.cotangents.items():
        kind = "gradient" if index in inputs else "cotangent"
        waiting, found = [node], dict[int, np.ndarray]()
        while waiting:
            addition = waiting.pop()
            if addition.of is None or addition.primitive.name != "add":
                continue
            for operand in addition.parents:
                array = as_numbers(operand.value)
                if array is not None and operand.of is not None and array.shape == node.shape:
                    what = f"a share of the {kind} of %{index}"
                    yield Quantity("share", names[index], array, what, operand)
                    waiting.append(operand)
                    if operand.primitive.name != "add":
                        found[operand.of.index] = found.get(operand.of.index, 0.0) + array
        uses = [found[use] for use in sorted(found)]
        total = as_numbers(node.value)
        if total is None or len(uses) < 3 or total.size * len(uses) > _LARGEST:
            continue
        what = f"a share of the {kind} of %{index}"
        for several in _together(uses):
            yield Quantity("share", names[index], np.sum(several, axis=0), what)
        for single in (uses[0], uses[-1]):  # such as that of a penalty
            yield Quantity("share", names[index], total - single, what)


def _together(uses: list[np.ndarray]) -> Iterator[tuple[np.ndarray, ...]]:
    """Some of a few uses, not all."""
    if len(uses) <= _FEW_USES:
        for count in range(2, len(uses)):
            yield from itertools.combinations(uses, count)


def _merged(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """Cotangents of what the loss computes several times and a person once."""
    same: dict[tuple[Any, ...], list[Node]] = {}
    for node in graph.nodes:
        if node.of is None and node.parents and node.index in graph.cotangents:
            operands = tuple(
                x.index if isinstance(x, Node) else id(x) if np.ndim(x) else repr(x)
                for x in node.inputs
            )
            key = (node.primitive.name, operands, repr(sorted(node.params.items(), key=str)))
            same.setdefault(key, []).append(node)
    for nodes in same.values():
        values = [as_numbers(graph.cotangents[node.index].value) for node in nodes]
        if len(nodes) > 1 and all(x is not None and x.shape == nodes[0].shape for x in values):
            name = names[nodes[0].index]
            total = np.sum([x for x in values if x is not None], axis=0)
            yield Quantity("cotangent", name, total, f"the cotangent of %{nodes[0].index}")


def _derivatives(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """∂a/∂z for every a that is computed from z element by element."""
    forward = [node for node in graph.nodes if node.of is None]
    ends = [
        node
        for node in forward
        if is_elementwise(node.primitive)
        and node.parents
        and isinstance(node.value, (np.ndarray, np.floating))
        and node.value.dtype.kind == "f"
        and node.value.size <= _LARGEST
    ]
    for end in ends[:_MOST_CHAINS]:
        active = [False] * len(forward)
        active[end.index] = True
        for node in reversed(forward[: end.index + 1]):
            if active[node.index] and is_elementwise(node.primitive):
                for operand in node.parents:
                    if operand.shape == end.shape and operand.dtype.kind == "f":
                        active[operand.index] = True
        for node, g in _derivatives_of(end, forward, active):
            array = as_numbers(g)
            if node is not end and array is not None and array.shape == end.shape:
                name = names[end.index]
                yield Quantity(
                    "derivative",
                    name,
                    array,
                    f"the derivative of %{end.index} by %{node.index}",
                    node,
                    end=end,
                )


def _derivatives_of(
    end: Node, forward: Sequence[Node], active: Sequence[bool]
) -> list[tuple[Node, Any]]:
    """A node's derivatives by what it is computed from; none if a function on the way has none."""
    seen: list[tuple[Node, Any]] = []
    try:
        pull_back(
            forward, [(end, np.ones_like(end.value))], [], active,
            watch=lambda node, g: seen.append((node, g)),
        )  # fmt: skip
    except Exception:  # of whatever kind
        return []
    return seen


def _parts(graph: Graph, names: Mapping[int, str], named: Collection[int]) -> Iterator[Quantity]:
    """Derivatives of what a loss is put together from, before it is weighted and averaged.

    ``z_bar`` of one of its terms alone, where that is no multiple of the whole cotangent.
    """
    forward = [node for node in graph.nodes if node.of is None]
    parts = [
        node
        for node in forward
        if node.index in named
        and node.index in graph.cotangents
        and node.parents
        and len(node.shape) < 2
        and node not in graph.outputs
    ]
    if len(forward) > _LONGEST_WITH_PARTS or len(parts) > 4 * _MOST_PARTS:
        return
    active = [node.index in graph.cotangents for node in forward]
    for part in parts[-_MOST_PARTS:]:
        for node, g in _derivatives_of(part, forward, active):
            if node is part or node.index not in named or node.index not in graph.cotangents:
                continue
            array, whole = as_numbers(g), as_numbers(graph.cotangents[node.index].value)
            if array is None or whole is None or array.size < 2 or _is_multiple(array, whole):
                continue
            what = f"the derivative of %{part.index} by %{node.index}"
            yield Quantity("part", names[node.index], array, what)


def _is_multiple(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays differ by a factor only."""
    if a.shape != b.shape:
        return False
    product = float(np.linalg.norm(a) * np.linalg.norm(b))
    return abs(float(np.vdot(a, b))) >= (1 - 1e-9) * product


def _derived(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """Values that a person forms and a loss may skip: probabilities, one-hot labels, masks."""
    widths = set()
    for node in graph.nodes:
        value = node.value
        if node.of is not None or not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        if value.size > _LARGEST or not 1 <= value.ndim <= 2 or node.index not in graph.cotangents:
            continue
        name = names[node.index]
        if value.ndim == 2:
            widths.update(value.shape)
        with np.errstate(all="ignore"):
            for axis in range(value.ndim):
                shifted = value - value.max(axis=axis, keepdims=True)
                exponential = np.exp(shifted)
                total = exponential.sum(axis=axis, keepdims=True)
                yield Quantity(
                    "derived", f"softmax({name})", exponential / total, f"softmax(%{node.index})"
                )
                yield Quantity("derived", f"exp({name})", exponential, f"exp(%{node.index} - max)")
                yield Quantity("derived", f"{name} - max", shifted, f"%{node.index} - max")
            sigmoid = 1 / (1 + np.exp(-value))
            yield Quantity("derived", f"sigmoid({name})", sigmoid, f"the logistic of %{node.index}")
            if not np.all(value > 0) and np.any(value > 0):
                mask = (value > 0).astype(float)
                yield Quantity("derivative", name, mask, f"%{node.index} > 0")
    for node in graph.nodes:
        divisor = node.inputs[-1] if node.inputs else None
        if node.of is None and node.primitive.name == "divide" and isinstance(divisor, Node):
            value = as_numbers(divisor.value)
            if value is not None and np.all(value):
                name = f"1 / {names[divisor.index]}"
                yield Quantity("derived", name, 1 / value, f"1 / (%{divisor.index})")
        if node.of is None and node.primitive.name in ("max", "min") and node.parents:
            value, along = node.parents[0].value, node.params.get("axis")
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                largest = node.primitive.name == "max"
                extreme = (np.max if largest else np.min)(value, axis=along, keepdims=True)
                mask = (value == extreme).astype(float)
                what = f"where %{node.parents[0].index} is {'largest' if largest else 'smallest'}"
                yield Quantity("derivative", names[node.index], mask, what)
    for node in graph.inputs:
        value = node.value
        if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.ndim == 1:
            for width in sorted(widths):
                if value.size and value.min() >= 0 and value.max() < width <= 1000:
                    yield Quantity(
                        "derived",
                        f"one-hot {node.name}",
                        np.eye(width)[value],
                        f"one-hot {node.name}",
                    )


def _jacobians(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """The Jacobian matrices of a softmax: of its rows, of its columns, of vectors in a loop."""
    vectors: dict[int, list[np.ndarray]] = {}
    for node in graph.nodes:
        value = node.value
        if node.of is not None or not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        if not 1 <= value.ndim <= 2 or value.size**2 > _LARGEST:
            continue
        rows = np.atleast_2d(value)
        for each in {1: [rows], 2: [rows, rows.T]}[value.ndim]:
            if each.shape[1] < 2 or np.any(each <= 0) or not np.allclose(each.sum(axis=1), 1.0):
                continue
            matrices = each[:, :, None] * (np.eye(each.shape[1]) - each[:, None, :])
            what = f"the Jacobian matrix of %{node.index}"
            yield Quantity("derivative", names[node.index], np.squeeze(matrices), what)
            if value.ndim == 1:
                vectors.setdefault(value.size, []).append(matrices[0])
    for several in vectors.values():
        if len(several) > 1:
            what = "the Jacobian matrices of a softmax, step by step"
            yield Quantity("derivative", "", np.stack(several), what)


def _addends(graph: Graph, names: Mapping[int, str]) -> Iterator[Quantity]:
    """Per-sample shares of a gradient that is a matrix product over samples."""
    belongs = {node.index: index for index, node in graph.cotangents.items()}
    for node in graph.nodes:
        if node.of is None or node.primitive.name not in _PRODUCTS or len(node.operands) < 2:
            continue
        left, right = (as_numbers(x) for x in node.operands[-2:])
        if left is None or right is None or left.ndim != 2 or right.ndim not in (1, 2):
            continue
        if left.shape[1] != right.shape[0] or left.shape[1] < 2:
            continue
        columns = right.reshape(len(right), -1)
        if left.size * columns.shape[1] > _LARGEST:
            continue
        shares = left.T[:, :, None] * columns[:, None, :]
        if right.ndim == 1:
            shares = shares[:, :, 0]
        name = names[belongs.get(node.index, node.of.index)]
        yield Quantity("addends", name, shares, f"a sample's share of the gradient of {name}", node)


def _stacked(
    graph: Graph, names: Mapping[int, str], named: Collection[int], needed: Collection[int]
) -> Iterator[Quantity]:
    """Values and cotangents of a loop in the loss, one row an iteration."""
    places: dict[tuple[Any, ...], list[Node]] = {}
    nth: dict[tuple[int, str], int] = {}
    for node in graph.nodes:
        if node.code is None or node.index not in needed or as_numbers(node.value) is None:
            continue
        primitive: tuple[Any, ...] = (node.primitive.name,)
        if node.of is not None:  # the same contribution to the same kind of cotangent
            number = nth[node.of.index, node.primitive.name] = (
                nth.get((node.of.index, node.primitive.name), -1) + 1
            )
            primitive = (node.primitive.name, node.of.primitive.name, number)
        key = (id(node.code), node.instruction, primitive, node.shape)
        places.setdefault(key, []).append(node)
        if node.of is None and node.index in named:  # one of the calls of a helper in a loop
            base = names[node.index].rstrip("0123456789_")
            places.setdefault(("name", base, node.shape), []).append(node)
    several: dict[tuple[int, ...], list[Node]] = {}
    for nodes in places.values():
        several.setdefault(tuple(node.index for node in nodes), nodes)
    for nodes in list(several.values()):
        for operands in _operands(nodes):
            several.setdefault(tuple(node.index for node in operands), operands)
    for nodes in several.values():
        if len(nodes) < 2 or sum(np.size(x.value) for x in nodes) > _LARGEST:
            continue
        nodes.sort(key=lambda x: x.index if x.of is None else x.of.index)
        name = names[nodes[0].index].rstrip("0123456789_")
        rows = np.stack([np.asarray(x.value, float) for x in nodes])
        if nodes[0].of is None:
            yield from _tables(graph, names, nodes)
        if nodes[0].of is not None:
            meaning = f"intermediate values of the backward pass of %{nodes[0].of.index}"
            yield Quantity("backward", name, rows, meaning)
            yield Quantity("backward", name, rows[::-1], meaning)
            continue
        yield Quantity("addends", name, rows, f"{name}, step by step")
        yield Quantity("addends", name, rows[::-1], f"{name}, from the last step to the first")
        backward = [graph.cotangents[x.index] for x in nodes if x.index in graph.cotangents]
        if len(backward) == len(nodes) and all(x.shape == nodes[0].shape for x in backward):
            rows = np.stack([np.asarray(x.value, float) for x in backward])
            what = f"the cotangents of {name}"
            back = f"{what}, from the last step to the first"
            yield Quantity("addends", name, rows, f"{what}, step by step", of_loop=True)
            yield Quantity("addends", name, rows[::-1], back, of_loop=True)


def _operands(nodes: Sequence[Node]) -> Iterator[list[Node]]:
    """What one operation in a loop takes, such as the last of the sums on their way."""
    if nodes[0].of is not None:
        return
    for operands in zip(*(node.inputs for node in nodes), strict=False):
        found = [x for x in operands if isinstance(x, Node) and x.of is None and x.parents]
        if len({x.index for x in found}) == len(nodes) and len({x.shape for x in found}) == 1:
            yield found


def _tables(graph: Graph, names: Mapping[int, str], nodes: Sequence[Node]) -> Iterator[Quantity]:
    """Numbers of one loop in another, as the matrix that they go through."""
    sizes = {size for node in graph.inputs for size in node.shape if size > 1}
    shapes = sorted((a, b) for a in sizes for b in sizes if a * b == len(nodes))
    backward = [graph.cotangents[x.index] for x in nodes if x.index in graph.cotangents]
    name = names[nodes[0].index].rstrip("0123456789_")
    for shape in shapes:
        if nodes[0].shape:
            continue
        values = np.array([float(x.value) for x in nodes]).reshape(shape)
        yield Quantity("forward", name, values, f"{name}, entry by entry")
        if len(backward) == len(nodes):
            values = np.array([float(x.value) for x in backward]).reshape(shape)
            yield Quantity("cotangent", name, values, f"the cotangents of {name}")
