"""What a plan runs, for a person: its statements under the user's lines, with bytes and times."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from chainrule.engine.graph import Node
from chainrule.programs.plan import Plan, Statement

_CONSTANT = re.compile(r"c\d+")


def plan_report(plan: Plan) -> list[str]:
    """Lines about a plan's statements.

    Parameters
    ----------
    plan : Plan

    Returns
    -------
    list of str
        For each statement the microseconds it takes by itself, the bytes it writes and where to: a
        ``buffer`` of the plan, an array that was ``given`` for the result, a ``new`` one, or none
        because the value is a ``view``. Above them the lines of the user's they come from; below,
        the constants they read.
    """
    lines: list[str] = []
    heading = None
    for statement, seconds in zip(plan.statements, plan.time_statements(), strict=True):
        origin = _origin(statement.node)
        if origin is not None and origin != heading:
            heading = origin
            lines.append(f"  {origin}")
        kind, size = _written(statement)
        time = f"{1e6 * seconds:9.2f} us"
        lines.append(f"  {time} {size:>12,} B {kind:<6} {statement.text}")
    read = set(_CONSTANT.findall("\n".join(statement.text for statement in plan.statements)))
    constants = [f"{name} = {_shown(x)}" for name, x in plan.space.items() if name in read]
    return [*lines, f"  where {', '.join(constants)}"] if constants else lines


def _origin(node: Node) -> str | None:
    """The user's line, and whether the statement belongs to its backward pass."""
    forward = node if node.of is None else node.of
    where = forward.where
    if where is None:
        return None
    quoted = f"line {where.line}: {where.text}" if where.text else f"line {where.line}"
    return quoted if node.of is None else f"backward of {quoted}"


def _written(statement: Statement) -> tuple[str, int]:
    node = statement.node
    size = getattr(node.value, "nbytes", 0)
    if statement.buffer is not None:
        return "buffer", size
    if not statement.text.startswith(f"v{node.index} = "):
        return "given", size
    return ("view", 0) if node.primitive.view else ("new", size)


def _shown(value: Any) -> str:
    """A constant: its number, or what kind of array it is."""
    if np.ndim(value) == 0:
        return f"{np.asarray(value).item():.6g}"
    return f"{np.asarray(value).dtype}{list(np.shape(value))}"
