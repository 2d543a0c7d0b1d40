"""Views as machine-code kernels see them: which element of the base an element is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.engine.graph import Node, shape_of

IndexMap = Callable[[Node, list[str]], list[str] | None]


def _base_shape(node: Node) -> tuple[int, ...]:
    base = node.inputs[0]
    return shape_of(base.value if type(base) is Node else base)


def _same(node: Node, index: list[str]) -> list[str]:
    return index


def _transposed(node: Node, index: list[str]) -> list[str]:
    rank = len(index)
    axes = node.params["axes"]
    axes = range(rank)[::-1] if axes is None else [axis % rank for axis in axes]
    base = [""] * rank
    for place, axis in zip(index, axes, strict=True):
        base[axis] = place
    return base


def _swapped(node: Node, index: list[str]) -> list[str]:
    base = list(index)
    first, second = (node.params[name] % len(index) for name in ("axis1", "axis2"))
    base[first], base[second] = base[second], base[first]
    return base


def _broadcast(node: Node, index: list[str]) -> list[str]:
    own = _base_shape(node)
    places = index[len(index) - len(own) :]
    return [place if size != 1 else "0" for place, size in zip(places, own, strict=True)]


def _regrouped(node: Node, index: list[str]) -> list[str] | None:
    """Axes of length one come and go; None if others change."""
    places = [place for place, size in zip(index, node.shape, strict=True) if size != 1]
    sizes = [size for size in node.shape if size != 1]
    own = _base_shape(node)
    if [size for size in own if size != 1] != sizes:
        return None
    rest = iter(places)
    return [next(rest) if size != 1 else "0" for size in own]


def _item(node: Node, index: list[str]) -> list[str] | None:
    if len(node.inputs) != 1:
        return None
    return basic_index(node.params["index"], _base_shape(node), index)


def basic_index(template: Any, shape: tuple[int, ...], index: list[str]) -> list[str] | None:
    """Where an element of ``x[template]`` lies in ``x``: numbers, slices, new axes; or None.

    Parameters
    ----------
    template : index
    shape : tuple of int
        Of ``x``.
    index : list of str
        One expression for each axis of ``x[template]``.
    """
    parts = list(template) if type(template) is tuple else [template]
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    at = [part is Ellipsis for part in parts].index(True)
    parts[at : at + 1] = [slice(None)] * (len(shape) - taken)
    places = iter(index)
    base: list[str] = []
    for part in parts:
        if part is None:
            next(places)
            continue
        size = shape[len(base)]
        if type(part) is slice:
            start, _, step = part.indices(size)
            place = next(places)
            text = place if step == 1 else f"{step} * ({place})"
            base.append(text if start == 0 else f"{start} + {text}")
        elif isinstance(part, int) and not isinstance(part, bool):
            base.append(str(part % size))
        else:
            return None
    return base


#: By primitive: the index of the base, given texts for the index of the view.
VIEWS: dict[str, IndexMap] = {
    "stop_gradient": _same,
    "positive": _same,
    "transpose": _transposed,
    "swapaxes": _swapped,
    "broadcast_to": _broadcast,
    "expand_dims": _regrouped,
    "squeeze": _regrouped,
    "reshape": _regrouped,
    "ravel": _regrouped,
    "getitem": _item,
}


def index_of_base(node: Node, index: list[str]) -> list[str] | None:
    """Where in its base an element of a view lies; None if that is no simple matter.

    Parameters
    ----------
    node : Node
    index : list of str
        One expression for each axis of the view.
    """
    view = VIEWS.get(node.primitive.name)
    return None if view is None else view(node, index)


def element(name: str, index: Any) -> str:
    """One element of an array, as it is written."""
    return f"{name}[{', '.join(index)}]" if index else f"{name}[()]"
