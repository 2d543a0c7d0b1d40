"""Mistakes in layers: dropout, convolution and pooling (G901, G902, G906, G907)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.checking.faults.rules import passed, scaled, weighted
from chainrule.checking.hypothesis import Hypothesis, always
from chainrule.checking.replay import Alterations, EdgeRule
from chainrule.checking.roles import Roles
from chainrule.engine.graph import Node


def layer_faults(roles: Roles) -> list[Hypothesis]:
    """Mistakes at masks, convolutions and pooling."""
    found = [
        *_dropout(roles), *_pooling(roles), *_pooling_in_loops(roles), *_convolution(roles),
        *_padding(roles),
    ]  # fmt: skip
    return found


def _dropout(roles: Roles) -> Iterator[Hypothesis]:
    every: dict[tuple[int, int], EdgeRule] = {}
    for k, position in roles.replay.rules:
        node = roles.nodes[k]
        if node.primitive.name != "multiply":
            continue
        operand = node.inputs[1 - position]
        if isinstance(operand, Node) and roles.replay.active[operand.index]:
            continue
        mask = np.asarray(node.operands[1 - position], dtype=float)
        found = np.unique(mask)
        if mask.size < 2 or len(found) != 2 or found[0] != 0 or k in roles.penalty:
            continue
        if roles.derived_from(operand, node.inputs[position]):
            continue  # the mask of a ReLU, not of a dropout
        hidden = roles.is_of_units(k) and _is_used_once(roles, operand)
        if not hidden and found[1] != 1:
            continue  # weights of labels, not of units
        key = roles.trial.keys[k]
        what = roles.described(node.inputs[position])
        every[k, position] = passed
        yield _edge(
            ("mask missing", *key, position), ("G901",), 1,
            f"the cotangent of {what} passes the dropout mask as if there were none.",
            {(k, position): passed},
        )  # fmt: skip
        scaling = _scalar_users(roles, k)
        if scaling and hidden:
            edges: dict[tuple[int, int], EdgeRule] = {(k, position): passed}
            edges.update(dict.fromkeys(scaling, passed))
            yield _edge(
                ("mask and scale missing", *key, position), ("G901",), 1,
                f"the cotangent of {what} passes dropout, mask and scale, as if there were none.",
                edges,
            )  # fmt: skip
            for word, rule in (
                ("missing", passed),
                ("applied twice", _again(roles, scaling[0])),
                ("inverted", _inverted(roles, scaling[0])),
                ("that of what is dropped", _dropped(roles, scaling[0])),
            ):
                yield _edge(
                    ("scale after mask", word, *key, position), ("G902",), 1,
                    f"at the dropout of {what} the scale after the mask is {word}.",
                    dict.fromkeys(scaling, rule),
                )  # fmt: skip
        if not hidden:
            continue  # of samples or labels: there is no scale
        if found[1] != 1:
            kept = mask > 0
            for word, ratio in (
                ("missing", kept * 1.0),
                ("applied twice", mask * mask),
                ("inverted", kept / found[1]),
                ("that of what is dropped", kept * _of_dropped(found[1])),
            ):
                yield _edge(
                    ("mask scale", word, *key, position), ("G902",), 1,
                    f"at the dropout of {what} the scale {found[1]:.6g} of the mask is {word}.",
                    {(k, position): weighted(ratio)},
                )  # fmt: skip
        flipped = np.where(mask > 0, 0.0, found[1])
        yield _edge(
            ("mask flipped", *key, position), ("G902",), 1,
            f"at the dropout of {what} the mask is flipped.",
            {(k, position): weighted(flipped)},
        )  # fmt: skip
    if len(every) > 1:
        yield _edge(
            ("masks missing",), ("G901",), 1,
            "the cotangents pass every dropout mask as if there were none.", every,
        )  # fmt: skip


def _is_used_once(roles: Roles, operand: Any) -> bool:
    """Whether a mask, or the array that it is made from, serves nothing else, as labels do."""
    if not isinstance(operand, Node):
        return True
    sources = [x for x in roles.graph.ancestors_of([operand]) if not x.inputs and x.shape]
    return all(len(roles.users[x.index]) == 1 for x in [*sources, operand])


def _edge(
    key: tuple[Any, ...],
    codes: tuple[str, ...],
    rank: int,
    evidence: str,
    edges: dict[tuple[int, int], EdgeRule],
) -> Hypothesis:
    return Hypothesis(key, codes, rank, evidence, always(Alterations(edges=edges)))


def _scalar_users(roles: Roles, k: int) -> list[tuple[int, int]]:
    """The one step after a node if it multiplies or divides by a number."""
    edges = roles.edges_into(k)
    if len(edges) != 1:
        return []
    at, position = edges[0]
    node = roles.nodes[at]
    other = [x for i, x in enumerate(node.operands) if i != position]
    if node.primitive.name not in ("multiply", "divide") or np.ndim(other[0]) > 0:
        return []
    return edges


def _again(roles: Roles, edge: tuple[int, int]) -> EdgeRule:
    node = roles.nodes[edge[0]]
    return lambda g, contribution: roles.replay.contribution(node, edge[1], contribution)


def _inverted(roles: Roles, edge: tuple[int, int]) -> EdgeRule:
    """The number divides where it should multiply, or the other way round."""
    node = roles.nodes[edge[0]]
    number = float(node.operands[1 - edge[1]])
    ratio = number if node.primitive.name == "divide" else 1 / number
    return lambda g, contribution: g * ratio


def _dropped(roles: Roles, edge: tuple[int, int]) -> EdgeRule:
    """1/q, of what is dropped, in the place of 1/(1 - q), of what is kept; or the other way."""
    node = roles.nodes[edge[0]]
    number = float(node.operands[1 - edge[1]])
    if number == 1:
        return passed
    ratio = 1 / (1 - number) if node.primitive.name == "divide" else _of_dropped(number)
    return lambda g, contribution: g * ratio


def _of_dropped(scale: float) -> float:
    """The scale 1/q for 1/(1 - q)."""
    return scale / (scale - 1)


def _pooling(roles: Roles) -> Iterator[Hypothesis]:
    """A window's mean that is not divided, or a maximum whose window all gets the cotangent."""
    for k, position in roles.replay.rules:
        node = roles.nodes[k]
        name = node.primitive.name
        value = (
            np.asarray(node.operands[position]) if name.startswith(("max", "mean", "avg")) else None
        )
        if value is None or value.ndim < 3 or not node.shape or k in roles.penalty:
            continue
        window = value.size // max(np.size(node.value), 1)
        if window < 2 or name not in ("max", "mean", "max_pool2d", "avg_pool2d"):
            continue
        key = roles.trial.keys[k]
        what = roles.described(node.inputs[position])
        if name in ("mean", "avg_pool2d"):
            # of one axis, such as that of the words of a sentence, it is a count as well
            windows = node.parents[0].primitive.name == "reshape"
            axes = np.size(node.params.get("axis", ()))
            counts = name == "mean" and axes == 1 and not windows
            for code in ("G907", "G203") if counts else ("G907",):
                yield _edge(
                    ("window", code, *key), (code,), 1,
                    f"the cotangent of {what} is not divided by the {window} entries that its "
                    "mean runs over.",
                    {(k, position): scaled(window)},
                )  # fmt: skip
        if name == "max":
            axis = node.params.get("axis")
            keep = node.params.get("keepdims")
            for word, share in (("whole window", 1.0), ("mean of window", 1.0 / window)):
                yield _edge(
                    (word, *key), ("G907",), 1,
                    f"the cotangent goes to the whole window of {what} instead of the winner.",
                    {(k, position): _spread(axis, bool(keep), share)},
                )  # fmt: skip


def _pooling_in_loops(roles: Roles) -> Iterator[Hypothesis]:
    """The same where a loop takes the maximum of one window after the other."""
    for place, members in roles.loops.items():
        node = roles.nodes[members[-1]]
        if node.primitive.name != "max" or not isinstance(node.inputs[0], Node):
            continue
        edges = [(k, 0) for k in members if (k, 0) in roles.replay.rules]
        if not edges or np.ndim(node.operands[0]) < 1 or roles.is_added[members[-1]]:
            continue
        axis = node.params.get("axis")
        if node.shape and (axis is None or node.params.get("keepdims") or np.ndim(axis) < 1):
            continue  # no window: such as the largest of each row
        what = roles.described(node.inputs[0])
        for word, rule in _WINDOWS:
            yield _edge(
                ("windows", word, *place), ("G907",), 1,
                f"the cotangent of {what} goes to {word} instead of the winner.",
                {(k, 0): _in_window(roles.nodes[k].operands[0], rule, axis) for k, _ in edges},
            )  # fmt: skip


def _first_of(windows: Any) -> Any:
    chosen = np.zeros(np.shape(windows))
    chosen[:, 0] = 1.0
    return chosen


#: Of windows, one in each row, the share of each entry in the cotangent.
_WINDOWS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("every entry of the window", lambda w: np.ones(np.shape(w))),
    ("every entry of the window, shared,", lambda w: np.ones(np.shape(w)) / np.shape(w)[1]),
    ("the first entry of the window", _first_of),
    ("the smallest entry of the window", lambda w: (w == w.min(axis=1, keepdims=True)) * 1.0),
)


def _in_window(window: Any, rule: Callable[[Any], Any], axis: Any) -> EdgeRule:
    """The share of each entry of a window, or of several windows that axes run through."""
    value = np.asarray(window)
    chosen = range(value.ndim) if axis is None else np.ravel(axis)
    axes = tuple(int(k) % value.ndim for k in chosen)
    last = tuple(range(value.ndim - len(axes), value.ndim))
    moved = np.moveaxis(value, axes, last)
    rows = moved.reshape(-1, int(np.prod([value.shape[k] for k in axes])))
    share = np.moveaxis(rule(rows).reshape(moved.shape), last, axes)

    def edge(g: Any, contribution: Any) -> Any:
        return (np.expand_dims(g, axes) if np.ndim(g) else g) * share

    return edge


def _spread(axis: Any, keepdims: bool, share: float) -> EdgeRule:
    def rule(g: Any, contribution: Any) -> Any:
        wide = g if keepdims or axis is None else np.expand_dims(g, axis)
        return share * np.broadcast_to(wide, np.shape(contribution))

    return rule


def _convolution(roles: Roles) -> Iterator[Hypothesis]:
    """The kernel is flipped, or not, where the cotangent of the input is computed."""
    for k, position in roles.replay.rules:
        node = roles.nodes[k]
        if node.primitive.name not in ("conv2d", "conv1d", "convolve") or position != 0:
            continue
        axes = tuple(range(2, np.ndim(node.operands[1])))
        operands = list(node.operands)
        operands[1] = np.flip(np.asarray(operands[1]), axes or None)
        yield _edge(
            ("kernel not flipped", *roles.trial.keys[k]), ("G906",), 1,
            f"the kernel is not flipped where the cotangent of {roles.described(node.inputs[0])} "
            "is computed.",
            {(k, 0): _with_operands(roles, node, operands)},
        )  # fmt: skip


def _padding(roles: Roles) -> Iterator[Hypothesis]:
    """The padding is cut off at the wrong place; in a loop, in every pass."""
    for word in ("end", "beginning"):
        lines: dict[tuple[Any, ...], dict[tuple[int, int], EdgeRule]] = {}
        for k, position in roles.replay.rules:
            node = roles.nodes[k]
            if node.primitive.name != "pad" or position:
                continue
            inner = np.shape(node.operands[0])
            spare = [wide - own for wide, own in zip(node.shape, inner, strict=True)]
            starts = [0] * len(inner) if word == "end" else spare
            cut = tuple(slice(i, i + own) for i, own in zip(starts, inner, strict=True))
            lines.setdefault(roles.trial.place(node), {})[k, 0] = _cut(cut)
        for place, edges in lines.items():
            what = roles.described(roles.nodes[min(edges)[0]].inputs[0])
            yield _edge(
                ("padding", word, *place), ("G906",), 1,
                f"the padding of {what} is cut off at its {word} only.", edges,
            )  # fmt: skip


def _cut(index: tuple[slice, ...]) -> EdgeRule:
    return lambda g, contribution: g[index]


def _with_operands(roles: Roles, node: Node, operands: list[Any]) -> EdgeRule:
    return lambda g, contribution: roles.replay.contribution(node, 0, g, operands)
