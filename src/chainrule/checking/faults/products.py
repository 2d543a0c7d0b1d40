"""Mistakes at products: a factor transposed, of another layer, or updated already (G7, G804)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.checking.hypothesis import Hypothesis, Namer, Naming, always
from chainrule.checking.replay import Alterations, EdgeRule, Pass
from chainrule.checking.roles import Roles
from chainrule.checking.trial import Trial
from chainrule.engine.graph import Node

_PRODUCTS = {
    "matmul", "dot", "inner", "vdot", "tensordot", "einsum", "matvec", "vecmat", "multiply",
    "conv2d", "conv1d", "outer",
}  # fmt: skip
_MOST = 16


def product_faults(roles: Roles) -> list[Hypothesis]:
    """For every product, what one factor receives if the other is taken to be something else."""
    found: list[Hypothesis] = []
    groups: dict[tuple[Any, ...], dict[tuple[int, int], EdgeRule]] = {}
    values = _distinct(roles)
    for k, position in roles.replay.rules:
        node = roles.nodes[k]
        if node.primitive.name not in _PRODUCTS or k in roles.penalty:
            continue
        for other, operand in enumerate(node.inputs):
            value = node.operands[other]
            if other == position or np.ndim(value) < 1 or np.size(value) < 2:
                continue
            if node.primitive.name == "multiply" and not (
                isinstance(operand, Node) and roles.replay.active[operand.index]
            ):
                continue
            key = (*roles.trial.keys[k], position, other)
            for variant, code, said, instead in _instead(roles, values, node, position, other):
                rule = _substituting(roles, node, position, other, instead)
                slides = code == "G702" and _slides(roles, operand)
                found.append(
                    Hypothesis(
                        ("product", variant, *key),
                        ("G906", code) if slides else (code,),
                        1 if code == "G702" else 2,
                        said,
                        always(Alterations(edges={(k, position): rule})),
                    )
                )
                if code == "G702":
                    groups.setdefault((code, "every"), {})[k, position] = rule
            shape = node.shape
            if len(shape) >= 2 and shape[-1] == shape[-2]:
                into = roles.described(node.inputs[position])
                found.append(
                    Hypothesis(
                        ("cotangent transposed", *key), ("G702",), 1,
                        f"the cotangent of {roles.trial.describe(k)} is used without transposing "
                        f"it, or is transposed, where the gradient of {into} is computed.",
                        always(Alterations(edges={(k, position): _turned(roles, node, position)})),
                    )
                )  # fmt: skip
            updated = _updated(roles, node, position, other)
            if updated is not None:
                found.append(updated)
    found += _in_loops(roles)
    for (code, _), edges in groups.items():
        if len(edges) > 1:
            found.append(
                Hypothesis(
                    ("products", code),
                    (code,),
                    1,
                    "every layer's weight is used without transposing it.",
                    always(Alterations(edges=edges)),
                )
            )
    return found


def _slides(roles: Roles, operand: Any) -> bool:
    """Whether an operand is a kernel."""
    return any(node is operand and roles.slides(x) for x, node in roles.replay.parameters.items())


def _in_loops(roles: Roles) -> Iterator[Hypothesis]:
    """In every pass of a loop the same other value is taken."""
    for place, members in roles.loops.items():
        node = roles.nodes[members[0]]
        if node.primitive.name not in _PRODUCTS or members[0] in roles.penalty:
            continue
        for position in roles.replay.outgoing.get(members[-1], ()):
            for other in range(len(node.inputs)):
                if other != position:
                    yield from _of_loop(roles, place, members, position, other)


def _of_loop(
    roles: Roles, place: tuple[Any, ...], members: list[int], position: int, other: int
) -> Iterator[Hypothesis]:
    right = [np.asarray(roles.nodes[k].operands[other]) for k in members]
    into = roles.described(roles.nodes[members[-1]].inputs[position])
    name = roles.described(roles.nodes[members[-1]].inputs[other])
    candidates: list[tuple[Any, str, str, list[Any]]] = []
    if right[0].ndim >= 2 and right[0].shape[-2] == right[0].shape[-1]:
        said = f"{name} is used without transposing it where the cotangent of {into} is computed."
        candidates.append(("transposed", "G702", said, [np.swapaxes(x, -1, -2) for x in right]))
    for source, makers in roles.loops.items():
        if len(makers) != len(members) or roles.nodes[makers[0]].shape != right[0].shape:
            continue
        values = [np.asarray(roles.values[k]) for k in makers]
        if all(np.array_equal(a, b) for a, b in zip(values, right, strict=True)):
            continue
        said = (
            f"{roles.trial.describe(makers[-1])} is used in the place of {name} where the gradient "
            f"of {into} is computed."
        )
        candidates.append((source, "G703", said, values))
    for variant, code, said, values in candidates:
        edges = {
            (k, position): _substituting(roles, roles.nodes[k], position, other, value)
            for k, value in zip(members, values, strict=True)
            if (k, position) in roles.replay.rules
        }
        yield Hypothesis(
            ("products of loop", variant, *place, position, other), (code,),
            1 if code == "G702" else 2, said, always(Alterations(edges=edges)),
        )  # fmt: skip


def _distinct(roles: Roles) -> list[tuple[int, Any]]:
    """Forward values, each once, those that the user has named first."""
    found: list[tuple[int, Any]] = []
    seen: set[tuple[Any, bytes]] = set()
    order = sorted(
        (node for node in roles.nodes if not isinstance(node.value, tuple)),
        key=lambda node: (node.name is None and bool(node.inputs), node.index),
    )
    for node in order:
        value = np.asarray(node.value)
        if value.dtype.kind != "f" or value.ndim < 1 or node.index in roles.penalty:
            continue
        digest = (value.shape, value.tobytes())
        if digest not in seen:
            seen.add(digest)
            found.append((node.index, value))
    return found


def _instead(
    roles: Roles, values: list[tuple[int, Any]], node: Node, position: int, other: int
) -> Iterator[tuple[Any, str, str, Any]]:
    """What a factor might have been taken for."""
    value = np.asarray(node.operands[other])
    into = node.inputs[position]
    name = roles.described(node.inputs[other])
    to = roles.described(into)
    if value.ndim >= 2 and value.shape[-2] == value.shape[-1]:
        yield (
            "transposed",
            "G702",
            f"{name} is used without transposing it where the cotangent of {to} is computed.",
            np.swapaxes(value, -1, -2),
        )
    count = 0
    for index, candidate in values:
        if candidate.shape != value.shape or _is_multiple(candidate, value):
            continue  # the same, or the same times a number: that is a factor
        count += 1
        if count > _MOST:
            return
        masked = isinstance(node.inputs[other], Node) and _is_masked(
            roles, node.inputs[other], index
        )
        if masked:
            yield (
                ("unmasked", *roles.trial.keys[index]),
                "G901",
                f"{name} is used without its mask where the gradient of {to} is computed.",
                candidate,
            )
        if isinstance(node.inputs[other], Node) and _is_unscaled(roles, node.inputs[other], index):
            yield (
                ("unscaled", *roles.trial.keys[index]),
                "G902",
                f"{name} is used without dropout's scale where the gradient of {to} is computed.",
                candidate,
            )
            continue
        yield (
            ("other", *roles.trial.keys[index]),
            "G703",
            f"{roles.trial.describe(index)} is used in the place of {name} where the gradient of "
            f"{to} is computed.",
            candidate,
        )


def _is_multiple(candidate: Any, value: Any) -> bool:
    """Whether an array is a number times another."""
    length = float(np.sum(value * value))
    if not length:
        return False
    weight = float(np.sum(candidate * value)) / length
    return bool(np.max(np.abs(candidate - weight * value)) <= 1e-12 * np.max(np.abs(candidate)))


def _is_masked(roles: Roles, node: Node, index: int) -> bool:
    """Whether a value is another one times data of two values, as in dropout."""
    while node.primitive.name in ("divide", "multiply") and node.index != index:
        operands = list(zip(node.inputs, node.operands, strict=True))
        data = [
            v for x, v in operands if not isinstance(x, Node) or not roles.replay.active[x.index]
        ]
        rest = [x for x, _ in operands if isinstance(x, Node) and roles.replay.active[x.index]]
        if len(data) != 1 or len(rest) != 1:
            return False
        values = np.unique(np.asarray(data[0]))
        if rest[0].index == index:
            return np.ndim(data[0]) > 0 and len(values) == 2 and values[0] == 0
        node = rest[0]
    return False


def _is_unscaled(roles: Roles, node: Node, index: int) -> bool:
    """Whether a value is another one times a number, and that one a product with a mask."""
    if node.primitive.name not in ("divide", "multiply") or index not in (
        x.index for x in node.parents
    ):
        return False
    numbers = [np.ndim(value) == 0 for value in node.operands]
    masked = roles.nodes[index]
    return (
        any(numbers)
        and masked.primitive.name == "multiply"
        and any(_is_masked(roles, masked, x.index) for x in masked.parents)
    )


def _substituting(roles: Roles, node: Node, position: int, other: int, instead: Any) -> EdgeRule:
    operands = list(node.operands)
    operands[other] = instead

    def rule(g: Any, contribution: Any) -> Any:
        found = roles.replay.contribution(node, position, g, operands)
        return contribution if found is None or np.shape(found) != np.shape(contribution) else found

    return rule


def _turned(roles: Roles, node: Node, position: int) -> EdgeRule:
    """The contribution of the transposed cotangent."""

    def rule(g: Any, contribution: Any) -> Any:
        found = roles.replay.contribution(node, position, np.swapaxes(g, -1, -2))
        return contribution if found is None or np.shape(found) != np.shape(contribution) else found

    return rule


def _updated(roles: Roles, node: Node, position: int, other: int) -> Hypothesis | None:
    """The other factor is a weight that was updated before: W - η dW."""
    operand = node.inputs[other]
    if not isinstance(operand, Node):
        return None
    transposed = operand.primitive.name == "transpose" and len(operand.shape) == 2
    source = operand.inputs[0] if transposed else operand
    names = [name for name, each in roles.replay.parameters.items() if each is source]
    if not names:
        return None
    name = names[0]

    def build(trial: Trial, state: Pass) -> Alterations:
        dW = trial.replay.gradient(state, name)
        operands = list(node.operands)
        operands[other] = dW.T if transposed else dW

        def rule(g: Any, contribution: Any) -> Any:
            step = trial.replay.contribution(node, position, g, operands)
            return contribution if step is None else contribution + step

        return Alterations(edges={(node.index, position): rule})

    key = ("updated", *roles.trial.keys[node.index], position, other)
    return Hypothesis(key, (), 2, "", build, _of_update(name))


def _of_update(name: str) -> Naming:
    def naming(values: Sequence[float], name_of: Namer) -> tuple[tuple[str, ...], str] | None:
        rates = [1 - value for value in values]
        factor = name_of(rates)
        if factor is None or min(rates) <= 0 or factor.follows not in ("constant", "scalar"):
            return None
        return ("G804",), (
            f"lower layers see {name} - {rates[0]:.6g}·d{name}: {name} is updated before the "
            "cotangent is propagated through it."
        )

    return naming
