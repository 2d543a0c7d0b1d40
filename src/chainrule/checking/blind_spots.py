"""What an example cannot show: zero penalties, dead units, single rows, vacuous gradients."""

from __future__ import annotations

import numpy as np

from chainrule.checking.reference import Reference
from chainrule.engine.location import Location

_PIECEWISE = ("maximum", "where", "clip", "fmax")


def blind_spots_of(reference: Reference) -> list[str]:
    """Mistakes that do not show at the example itself, and why."""
    found: list[str] = []
    for name, value in reference.point.items():
        if type(value) is float and value == 0.0 and name not in reference.parameters:
            found.append(
                f"{name} is 0 in the example, so mistakes in what it multiplies do not show there; "
                "the probes use another value."
            )
    for name in reference.parameters:
        if not np.any(reference.gradients[name]):
            found.append(
                f"the true gradient of {name} is zero at the example: it tests nothing there."
            )
    data = {
        name: np.shape(value)
        for name, value in reference.point.items()
        if name not in reference.parameters and np.ndim(value) >= 1
    }
    rows = [name for name, shape in data.items() if shape[0] == 1]
    # Beside data of several rows one row holds the labels of samples that are columns.
    if rows and len(rows) == len(data):
        found.append(
            f"the batch of the example is one row ({', '.join(rows)}), so factors of the batch "
            "size do not show there."
        )
    found += _dead_units(reference)
    return found


def _dead_units(reference: Reference) -> list[str]:
    """Activations of which every unit is off, so that nothing passes."""
    graph = None if reference.subject.large else reference.graph
    if graph is None:
        return []
    off: dict[Location | None, bool] = {}  # a line of a loop is off if it is in every pass
    for node in graph.nodes:
        if node.of is not None or node.primitive.name not in _PIECEWISE or not node.shape:
            continue
        value = np.asarray(node.value)
        if value.ndim >= 1 and value.size > 1 and value.dtype.kind == "f":
            off[node.where] = off.get(node.where, True) and not np.any(value)
    lines = [f" of line {where.line}" if where is not None else "" for where in off if off[where]]
    return [
        f"every unit{line} is off at the example, so nothing below it is tested there."
        for line in lines
    ]
