"""What people write instead of ``np.name(x, …)``: ``x.T``, ``x[1:, 0]``, ``np.stack([a, b])``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chainrule.engine.graph import Node, shape_of
from chainrule.programs.literals import literal
from chainrule.programs.terms import ATOM, Term, call, number_term, shown, subscript


def _transposed(node: Node, operands: list[Term]) -> Term | None:
    axes, ndim = node.params["axes"], len(shape_of(node.value))
    if axes is None or tuple(a % ndim for a in axes) == tuple(reversed(range(ndim))):
        return Term(f"{operands[0].within(ATOM)}.T")
    return None


def _sequence(node: Node, operands: list[Term]) -> Term:
    inside = ", ".join(operand.text for operand in operands)
    params = "".join(f", {k}={literal(v)}" for k, v in shown(node).items())
    return Term(f"np.{node.primitive.name}([{inside}]{params})")


def _chosen(node: Node, operands: list[Term]) -> Term:
    inside = ", ".join(operand.text for operand in operands[1:])
    params = "".join(f", {k}={literal(v)}" for k, v in shown(node).items())
    return Term(f"np.choose({operands[0].text}, [{inside}]{params})")


def _clipped(node: Node, operands: list[Term]) -> Term:
    bounds = [
        "None" if isinstance(x, float) and x == sign * np.inf else operand.text
        for x, operand, sign in zip(node.inputs[1:], operands[1:], (-1, 1), strict=True)
    ]
    return Term(f"np.clip({operands[0].text}, {', '.join(bounds)})")


def _converted(node: Node, operands: list[Term]) -> Term:
    kind = literal(node.params["dtype"])
    operand = node.inputs[0]
    value = operand.value if type(operand) is Node else operand
    if isinstance(value, (bool, int, float)):
        return Term(f"{kind}({operands[0].text})")
    return Term(f"{operands[0].within(ATOM)}.astype({kind})")


def _selected(node: Node, operands: list[Term]) -> Term:
    return Term(f"{operands[0].within(ATOM)}[{node.params['k']}]")


def _indexed(node: Node, operands: list[Term]) -> Term:
    inside = subscript(node.params["index"], operands[1:])
    return Term(f"{operands[0].within(ATOM)}[{inside}]")


def _stretched(node: Node, operands: list[Term]) -> Term | None:
    number = node.inputs[0]
    if isinstance(number, np.float64):  # a plain number is as good
        return call("np.broadcast_to", [number_term(literal(float(number)))], node.params, "source")
    return None


def _masked_reduction(node: Node, operands: list[Term]) -> Term:
    """A reduction; its second operand, if there is one, is the mask."""
    params = shown(node)
    written = "".join(f", {k}={literal(v)}" for k, v in params.items())
    mask = f", where={operands[1].text}" if len(operands) > 1 else ""
    return Term(f"np.{node.primitive.name}({operands[0].text}{written}{mask})")


def _summed(node: Node, operands: list[Term]) -> Term:
    inside = ", ".join(operand.text for operand in operands)
    params = {k: v for k, v in shown(node).items() if k != "subscripts"}
    written = "".join(f", {k}={literal(v)}" for k, v in params.items())
    return Term(f"np.einsum({literal(node.params['subscripts'])}, {inside}{written})")


Special = Callable[[Node, list[Term]], Term | None]
SOURCE: dict[str, Special] = {
    "transpose": _transposed, "concatenate": _sequence, "stack": _sequence,
    "lexsort": _sequence, "choose": _chosen, "clip": _clipped, "astype": _converted,
    "select_output": _selected, "getitem": _indexed, "einsum": _summed, "broadcast_to": _stretched,
    "absolute": lambda node, operands: call("np.abs", operands, {}, "source"),
    **dict.fromkeys(("sum", "mean", "var", "std", "max", "min", "prod"), _masked_reduction),
}  # fmt: skip
TEXT: dict[str, Special] = {
    "select_output": _selected, "getitem": _indexed,
    "maximum": lambda node, operands: call("max", operands, {}, "text"),
    "minimum": lambda node, operands: call("min", operands, {}, "text"),
}  # fmt: skip
