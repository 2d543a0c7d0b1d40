"""Rules of reading elements: indexing of every NumPy kind, take, compress, choose.

The transpose of reading is adding into zeros (`scatter`), whose transpose is reading again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import UnsupportedArgument
from chainrule.engine.graph import dtype_of, shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import ZERO, call, composite, primitive
from chainrule.engine.rules.arguments import Bound, numbers_only
from chainrule.engine.rules.own import along, own, positive_axis, static_axis
from chainrule.engine.tracing import Slot, Traced, apply, as_index, fill_index, record

PAIR = (Slot(0), Slot(1))
_DENSE = 4  # indexed elements per element of the array, from which all positions are tabulated


def index_text(index: Any, operands: tuple[str, ...]) -> str:
    """An index as Python writes it between brackets."""
    if type(index) is tuple:
        parts = ", ".join(index_text(part, operands) for part in index)
        return f"{parts}," if len(index) == 1 else parts or "()"
    if type(index) is Slot:
        return operands[index.position]
    if type(index) is slice:
        start = "" if index.start is None else index.start
        stop = "" if index.stop is None else index.stop
        return f"{start}:{stop}" if index.step is None else f"{start}:{stop}:{index.step}"
    return (
        "..."
        if index is Ellipsis
        else repr(index.item() if isinstance(index, np.generic) else index)
    )


def repeats_elements(operands: tuple[Any, ...]) -> bool:
    """Whether an index with these array operands may name one element twice."""
    return any(np.size(x) > 1 and dtype_of(x).kind != "b" for x in operands)


def add_into(buffer: np.ndarray, g: Any, operands: tuple[Any, ...], index: Any) -> None:
    """``buffer[index] += g`` in place, where repeated elements add up; ``buffer`` in C order."""
    if not operands:
        buffer[index] += g
        return
    key = fill_index(index, operands)
    if not repeats_elements(operands):
        buffer[key] += g
    elif buffer.ndim == 1:
        np.add.at(buffer, key, g)
    else:
        # NumPy adds at flat positions three to five times faster than at rows or tuples
        positions = _flat_positions(buffer, key, np.size(g))
        if positions is None:
            np.add.at(buffer, key, g)
        else:
            np.add.at(buffer.reshape(-1), positions.reshape(-1), np.reshape(g, -1))


def _flat_positions(buffer: np.ndarray, key: Any, count: int) -> Any:
    rows, row_size = buffer.shape[0], buffer[0].size if len(buffer) else 0
    if isinstance(key, np.ndarray):
        if np.any(key >= rows) or np.any(key < -rows):
            return None  # NumPy will say so
        return (key % rows)[..., None] * row_size + np.arange(row_size)
    if buffer.size <= _DENSE * count:
        return np.arange(buffer.size).reshape(buffer.shape)[key]
    return None


# --- getitem and its transpose --------------------------------------------------------------------


def _read(x: Any, *operands: Any, index: Any) -> Any:
    if not operands:
        return x[index]
    if not isinstance(x, Traced) and any(isinstance(part, Traced) for part in operands):
        return record(GETITEM, (x, *operands), {"index": index})
    return x[fill_index(index, operands)]


def _read_rules(position: int, g: Any, y: Any, x: Any, *operands: Any, index: Any) -> Any:
    if position > 0:
        return ZERO
    return record(SCATTER, (g, *operands), {"shape": shape_of(x), "index": index})


def _accumulate(buffer: Any, g: Any, x: Any, *operands: Any, index: Any) -> None:
    add_into(buffer, g, operands, index)


@primitive(
    rules=_read_rules,
    evaluate=_read,
    name="getitem",
    view=True,
    accumulate=_accumulate,
    text=lambda x, *operands, index: f"{x}[{index_text(index, operands)}]",
    latex=lambda x, *operands, index: f"{{{x}}}_{{[{index_text(index, operands)}]}}",
    source=lambda x, *operands, index: f"{x}[{index_text(index, operands)}]",
    cases=(
        lambda draw: call(draw(5), index=2),
        lambda draw: call(draw(5), index=-1),
        lambda draw: call(draw(5), index=slice(None, None, -2)),
        lambda draw: call(draw(3, 4), index=(slice(1, 3), None, -1)),
        lambda draw: call(draw(3, 4), index=(Ellipsis, slice(3, 0, -2))),
        lambda draw: call(draw(3, 4), index=()),
        lambda draw: call(draw(3, 4), index=True),
        lambda draw: call(draw(3, 4), index=slice(0, 0)),
        lambda draw: call(draw(5), np.array([0, 2, 2, -1]), index=Slot(0)),
        lambda draw: call(draw(4, 3), np.array([[0, 3], [0, 0]]), index=Slot(0)),
        lambda draw: call(draw(4, 3), np.array([], dtype=int), index=Slot(0)),
        lambda draw: call(draw(4, 3), np.array(1), index=(Slot(0), 2)),
        lambda draw: call(draw(40, 3), np.array([1, 1]), np.array([2, 2]), index=PAIR),
        lambda draw: call(draw(2, 3), np.array([1, 1, 0]), np.array([2, 2, 0]), index=PAIR),
        lambda draw: call(draw(3, 2, 4), np.array([0, 0]), np.array([3, 3]),
                          index=(Slot(0), slice(None), Slot(1))),
        lambda draw: call(draw(3, 4), np.array([True, False, True]), index=Slot(0)),
        lambda draw: call(draw(2, 3), np.array([[1, 0, 1], [0, 1, 1]]) > 0, index=Slot(0)),
        lambda draw: call(draw(3, 4), np.array([True, False, True]), np.array([0, 3]), index=PAIR),
        lambda draw: call(draw(3, 4), np.array([0, 1, 0]) > 0, np.array([0, 0, 3]), index=PAIR),
    ),
)  # fmt: skip
def GETITEM(x: Any, /, *operands: Any, index: Any) -> Bound:
    return (x, *operands), {"index": index}


@own("scatter")
def _scatter(g: Any, *operands: Any, shape: tuple[int, ...], index: Any) -> Any:
    buffer = np.zeros(shape, dtype_of(g))
    add_into(buffer, g, operands, index)
    return buffer


def _scatter_rules(
    position: int, g: Any, y: Any, x: Any, *operands: Any, shape: Any, index: Any
) -> Any:
    return ZERO if position > 0 else record(GETITEM, (g, *operands), {"index": index})


@primitive(
    rules=_scatter_rules,
    evaluate=_scatter,
    name="scatter",
    text=lambda g, *operands, shape, index: f"zeros{shape}[{index_text(index, operands)}] += {g}",
    cases=(
        lambda draw: call(draw(), shape=(4,), index=2),
        lambda draw: call(draw(2, 3), shape=(4, 3), index=slice(1, 3)),
        lambda draw: call(draw(3, 2), np.array([1, 1, 3]), shape=(4, 2), index=Slot(0)),
        lambda draw: call(draw(2), np.array([True, False, True]), shape=(3,), index=Slot(0)),
        lambda draw: call(draw(0), np.array([], dtype=int), shape=(3,), index=Slot(0)),
    ),
)
def SCATTER(g: Any, /, *operands: Any, shape: tuple[int, ...], index: Any) -> Bound:
    return (g, *operands), {"shape": shape, "index": index}


# --- take -----------------------------------------------------------------------------------------


def _take_rule(g: Any, y: Any, a: Any, indices: Any, *, axis: int | None, mode: str) -> Any:
    shape = shape_of(a)
    flat = axis is None or shape == ()
    where = 0 if flat else positive_axis(axis, len(shape))  # type: ignore[arg-type]
    into = (np.size(a),) if flat else shape
    if mode == "wrap":
        indices = indices % into[where]
    elif mode == "clip":
        indices = np.clip(indices, 0, into[where] - 1)
    found = record(SCATTER, (g, indices), {"shape": into, "index": along(where, Slot(0))})
    return np.reshape(found, shape) if flat else found


@primitive(
    np.take,
    rules=(_take_rule, ZERO),
    evaluate=own("take")(np.take),  # NumPy does not dispatch on the indices
    name="take",
    cases=(
        lambda draw: call(draw(5), np.array([0, 2, 2, -1])),
        lambda draw: call(draw(3, 4), np.array([0, 11, 11])),
        lambda draw: call(draw(3, 4), np.array([[0, 2], [2, 1]]), axis=0),
        lambda draw: call(draw(3, 4), [3, 3, 1], axis=-1),
        lambda draw: call(draw(3, 4), 1, axis=1),
        lambda draw: call(draw(3, 4), np.array([-5, 7, 9]), axis=1, mode="wrap"),
        lambda draw: call(draw(3, 4), np.array([-5, 7, 2]), axis=1, mode="clip"),
    ),
)
def TAKE(a: Any, indices: Any, axis: Any = None, *, mode: str = "raise") -> Bound:
    return (a, indices), {"axis": static_axis(axis), **numbers_only("take", mode=mode)}


def along_axis_index(shape: tuple[int, ...], axis: int) -> tuple[Any, ...]:
    """Index of ``np.take_along_axis``: `Slot` 0 along ``axis``, every other position itself."""
    ndim = len(shape)
    return tuple(
        [
            Slot(0)
            if i == axis
            else np.arange(shape[i]).reshape([-1 if j == i else 1 for j in range(ndim)])
            for i in range(ndim)
        ]
    )


def split_index(index: tuple[Any, ...], operand: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Array parts of an index as operands, for an index whose `Slot` 0 is ``operand``."""
    operands: list[Any] = [operand]
    template: list[Any] = []
    for part in index:
        if isinstance(part, np.ndarray):
            operands.append(part)
            template.append(Slot(len(operands) - 1))
        else:
            template.append(part)
    return tuple(operands), tuple(template)


def _take_along_axis_rule(g: Any, y: Any, arr: Any, indices: Any, *, axis: int | None) -> Any:
    shape = shape_of(arr)
    if axis is None:
        found = record(SCATTER, (g, indices), {"shape": (np.size(arr),), "index": Slot(0)})
        return np.reshape(found, shape)
    index = along_axis_index(shape, positive_axis(axis, len(shape)))
    operands, template = split_index(index, indices)
    return record(SCATTER, (g, *operands), {"shape": shape, "index": template})


@primitive(
    np.take_along_axis,
    rules=(_take_along_axis_rule, ZERO),
    cases=(
        lambda draw: call(draw(5), np.array([4, 0, 0]), axis=0),
        lambda draw: call(draw(3, 4), draw.integers(4, 3, 2), axis=1),
        lambda draw: call(draw(3, 4), draw.integers(3, 5, 4), axis=0),
        lambda draw: call(draw(3, 4), draw.integers(4, 1, 2)),
        lambda draw: call(draw(1, 4), draw.integers(4, 3, 2), axis=-1),
        lambda draw: call(draw(3, 4), np.array([11, 0, 0]), axis=None),
    ),
)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Bound:
    return (arr, indices), {"axis": static_axis(axis)}


# --- selections by condition or number ------------------------------------------------------------


@composite(np.compress)
def compress(condition: Any, a: Any, axis: Any = None) -> Any:
    return apply(TAKE, a, np.flatnonzero(condition), axis=axis)


@composite(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    return apply(TAKE, arr, np.flatnonzero(condition))


def _choose_rules(position: int, g: Any, y: Any, a: Any, *choices: Any, mode: str) -> Any:
    if position == 0:
        return ZERO
    if mode == "wrap":
        a = a % len(choices)
    elif mode == "clip":
        a = np.clip(a, 0, len(choices) - 1)
    return np.where(a == position - 1, g, 0.0)


@primitive(
    np.choose,
    rules=_choose_rules,
    evaluate=lambda a, *choices, mode: np.choose(a, choices, mode=mode),
    cases=(
        lambda draw: call(np.array([0, 2, 1, 0]), (draw(4), draw(4), draw(4))),
        lambda draw: call(np.array([[0], [1]]), [draw(2, 3), draw()]),
        lambda draw: call(np.array([-1, 4, 1]), (draw(3), draw(3)), mode="wrap"),
        lambda draw: call(np.array([-1, 4, 1]), (draw(3), draw(3)), mode="clip"),
    ),
)
def choose(a: Any, choices: Any, *, mode: str = "raise") -> Bound:
    return (a, *choices), numbers_only("choose", mode=mode)


@composite(np.ix_)
def ix_(*args: Any) -> tuple[Any, ...]:
    found = []
    for axis, index in enumerate(args):
        positions = index if isinstance(index, Traced) else as_index(index)
        if positions.dtype.kind == "b":
            positions = np.flatnonzero(positions)
        shape = [-1 if i == axis else 1 for i in range(len(args))]
        found.append(np.reshape(positions, shape))
    return tuple(found)


@composite(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    if np.ndim(filt) != 1:
        raise UnsupportedArgument(
            f"np.trim_zeros has a differentiation rule for one-dimensional arrays only at "
            f"{here()}; use slices."
        )
    nonzero = filt != 0
    size = len(nonzero)
    start, stop = 0, size
    if not bool(np.any(nonzero)):
        return filt[:0] if trim else filt
    if "f" in trim.lower():
        start = int(np.argmax(nonzero))
    if "b" in trim.lower():
        stop = size - int(np.argmax(nonzero[::-1]))
    return filt[start:stop]


def _window_rule(g: Any, y: Any, x: Any, *, window_shape: Any, axis: Any) -> Any:
    for width, where in reversed(list(zip(window_shape, axis, strict=True))):
        ndim = np.ndim(g) - 1
        parts = [
            np.pad(g[..., k], [(k, width - 1 - k) if i == where else (0, 0) for i in range(ndim)])
            for k in range(width)
        ]
        g = sum(parts[1:], parts[0])
    return g


@primitive(
    np.lib.stride_tricks.sliding_window_view,
    rules=(_window_rule,),
    view=True,
    source="np.lib.stride_tricks.sliding_window_view({0}, {window_shape}, axis={axis})",
    cases=(
        lambda draw: call(draw(6), 3),
        lambda draw: call(draw(4, 5), (2, 3)),
        lambda draw: call(draw(4, 5), 2, axis=-1),
        lambda draw: call(draw(6), (2, 3), axis=(0, 0)),
    ),
)
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Bound:
    windows = static_axis(window_shape)
    windows = windows if isinstance(windows, tuple) else (windows,)
    ndim = np.ndim(x)
    where = static_axis(axis)
    where = tuple(range(ndim)) if where is None else where if isinstance(where, tuple) else (where,)
    axes = tuple([positive_axis(i, ndim) for i in where])
    return (x,), {"window_shape": windows, "axis": axes}
