"""Where a computation first leaves the finite numbers, forward or backward."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import Graph, Node
from chainrule.programs.contributions import chain_rule, forward_nodes
from chainrule.programs.expressions import Expressions


class NonFinite(NamedTuple):
    """Where a computation first leaves the finite numbers.

    Attributes
    ----------
    node : Node
        The forward node whose value, or whose cotangent, is not finite.
    name : str
    direction : str
        "forward" or "backward".
    through : Node or None
        In the backward pass, the operation whose derivative made it.
    message : str
        One sentence with the source line.
    """

    node: Node
    name: str
    direction: str
    through: Node | None
    message: str

    def __str__(self) -> str:
        return self.message


def first_nonfinite(graph: Graph) -> NonFinite | None:
    """The first node, in forward and then in backward order, whose value is not finite.

    Parameters
    ----------
    graph : Graph
        Traced at the arguments in question.

    Returns
    -------
    NonFinite or None
        None if every value and every cotangent is finite.
    """
    written = Expressions(graph)
    names = written.names
    nodes = forward_nodes(graph)
    for node in nodes:
        if not _finite(node.value):
            what = _kind(node.value)
            made = "is an input" if not node.inputs else f"= {written.of(node)}"
            message = f"{names[node.index]} {made} and is {what}{_place(node)}."
            return NonFinite(node, names[node.index], "forward", None, message)
    try:
        chain = chain_rule(graph)
    except (InvalidInput, NotDifferentiable):
        return None
    for node in chain.order:
        # a cotangent is complete when the pass reaches its node, so the first bad one is the cause
        name = names[node.index]
        for found in chain.contributions.get(node.index, ()):
            if not _finite(found.value):
                user = found.user
                message = (
                    f"the derivative with respect to {name} is {_kind(found.value)}: it comes "
                    f"through {names[user.index]} = {written.of(user)}{_place(user)}, whose "
                    "own derivative is finite."
                )
                return NonFinite(node, name, "backward", user, message)
        if node.index in chain.cotangents and not _finite(chain.cotangents[node.index]):
            message = (
                f"the contributions to the derivative with respect to {name} overflow in their sum."
            )
            return NonFinite(node, name, "backward", None, message)
    return None


def _finite(value: Any) -> bool:
    parts = value if isinstance(value, tuple) else (value,)
    return all(
        bool(np.isfinite(part).all()) for part in parts if np.asarray(part).dtype.kind == "f"
    )


def _kind(value: Any) -> str:
    parts = value if isinstance(value, tuple) else (value,)
    if any(bool(np.isnan(part).any()) for part in parts):
        return "nan" if np.ndim(parts[0]) == 0 else "partly nan"
    return "infinite" if np.ndim(parts[0]) == 0 else "partly infinite"


def _place(node: Node) -> str:
    where = node.where
    if where is None:
        return ""
    return f" (line {where.line} of {where.file}: {where.text})"
