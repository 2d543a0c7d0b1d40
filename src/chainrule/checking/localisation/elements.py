"""Which element of a display that spans several lines is wrong: ``np.concatenate([...])``."""

from __future__ import annotations

import ast
import linecache

import numpy as np

from chainrule.checking.localisation.fault import Fault

_JOINING = frozenset({"concatenate", "hstack", "vstack", "stack", "array"})


def element_line(fault: Fault) -> int | None:
    """The line of the first wrong element that a wrong value is joined from.

    Parameters
    ----------
    fault : Fault
        Of a statement that spans several lines.

    Returns
    -------
    int or None
        None where the statement joins nothing, or joins pieces of different sizes.
    """
    site = fault.step.site
    if site.end_line <= site.line:
        return None
    call = _joining_call("".join(linecache.getlines(site.filename)), site.line)
    if call is None:
        return None
    elements: list[ast.expr] = call.args[0].elts  # type: ignore[attr-defined]
    moments = fault.step.moments
    earliest = moments.index(min(moments))
    found = fault.step.rows()[earliest]
    due = np.asarray(fault.replaced[fault.step.places[earliest]])
    axis = _axis(call, found.ndim)
    if axis is None or due.shape != found.shape or found.shape[axis] % len(elements):
        return None
    for element, one, other in zip(
        elements,
        np.split(found, len(elements), axis),
        np.split(due, len(elements), axis),
        strict=True,
    ):
        if not np.allclose(one, other, rtol=1e-7, atol=1e-14):
            return element.lineno
    return None


def _joining_call(text: str, line: int) -> ast.Call | None:
    """The call on a line that joins the elements of a display."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.Return)) and node.lineno == line:
            call = node.value
            if (
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr in _JOINING
                and call.args
                and isinstance(call.args[0], (ast.List, ast.Tuple))
                and call.args[0].elts
            ):
                return call
    return None


def _axis(call: ast.Call, dimensions: int) -> int | None:
    """The axis along which a call joins; None if the text does not tell."""
    name = call.func.attr  # type: ignore[attr-defined]
    if name == "hstack":
        return 0 if dimensions == 1 else 1
    given = [*call.args[1:2], *(word.value for word in call.keywords if word.arg == "axis")]
    if name in ("vstack", "array") or not given:
        return 0
    try:
        axis = ast.literal_eval(given[0])
    except ValueError:
        return None
    return axis if isinstance(axis, int) and -dimensions <= axis < dimensions else None
