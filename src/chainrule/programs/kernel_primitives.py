"""Primitives that machine-code kernels compute other than number by number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.engine.graph import Node, shape_of
from chainrule.engine.tracing import Slot
from chainrule.programs.kernel_loops import Loop, Reduction, nest
from chainrule.programs.kernel_types import TYPES, loop_index, type_of, unsupported, value_of
from chainrule.programs.kernel_views import basic_index, element

if TYPE_CHECKING:
    from chainrule.programs.kernel_source import KernelSource

# Below so many multiplications a call of BLAS costs more than the product.
_SMALL_PRODUCT = 512


def _reduction(kernel: KernelSource, node: Node) -> None:
    (x,) = node.inputs if len(node.inputs) == 1 else (None,)
    shape = shape_of(value_of(x))
    plain = set(node.params) <= {"axis", "keepdims"} and node.dtype.kind == "f"
    if x is None or not plain or 0 in shape:
        raise unsupported(node)
    if not shape:
        kernel.open(node)
        kernel.assign(node, kernel.operand(x, (), node.dtype))
        return
    if kernel.loop is None or not (type(x) is Node and x.index in kernel.loop.values):
        kernel.flush()
        kernel.loop = Loop(shape)
    operand = kernel.operand(x, shape, node.dtype)
    start = {"max": -np.inf, "min": np.inf}.get(node.primitive.name, 0.0)
    home = kernel.home(node) if node.shape else None
    if home is None:
        kernel.names[node.index] = f"t{node.index}"
    kernel.loop.reductions.append(
        Reduction(node, shape, operand, home, kernel.number(start, node.dtype),
                  TYPES[node.dtype.name])
    )  # fmt: skip
    kernel.loop.later[node.index] = ""


def _product(kernel: KernelSource, node: Node) -> None:
    a, b = node.inputs
    shapes = [shape_of(value_of(x)) for x in (a, b)]
    real = all(type_of(x).kind in "fiub" for x in node.inputs) and node.dtype.kind == "f"
    outer = node.primitive.name == "outer"
    ranks = {1} if outer else {1, 2}
    if not real or node.params or {len(shape) for shape in shapes} - ranks:
        raise unsupported(node, f" of shapes {shapes[0]} and {shapes[1]}")
    kernel.settle(a, b)
    if outer:
        text = f"{kernel.at(a, ['i0'])} * {kernel.at(b, ['i1'])}"
        kernel.body += nest([f"{kernel.home(node)}[i0, i1] = {text}"], node.shape)
    elif shapes[0][-1] * math.prod(node.shape) <= _SMALL_PRODUCT:
        _small_product(kernel, node, shapes)
    elif node.shape:
        factors = f"{_converted(kernel, a, node.dtype)}, {_converted(kernel, b, node.dtype)}"
        kernel.body.append(f"np.dot({factors}, {kernel.home(node)})")
    else:
        factors = f"{_converted(kernel, a, node.dtype)}, {_converted(kernel, b, node.dtype)}"
        kernel.body.append(f"t{node.index} = np.dot({factors})")
        kernel.names[node.index] = f"t{node.index}"


def _converted(kernel: KernelSource, x: Any, dtype: np.dtype[Any]) -> str:
    """An array of the type of a product, which BLAS does not mix."""
    if type_of(x) == dtype:
        return kernel.array(x)
    shape = shape_of(value_of(x))
    name = f"converted{len(kernel.scratch)}"
    kernel.scratch[name] = (shape, dtype.name)
    index = loop_index(len(shape))
    kernel.body += nest([f"{element(name, index)} = {kernel.at(x, index)}"], shape)
    return name


def _small_product(kernel: KernelSource, node: Node, shapes: list[tuple[int, ...]]) -> None:
    a, b = node.inputs
    rows, columns = (len(shape) == 2 for shape in shapes)
    left = kernel.at(a, ["i0", "j"] if rows else ["j"])
    right = kernel.at(b, ["j", f"i{int(rows)}"] if columns else ["j"])
    lines = [
        f"s = {kernel.number(0, node.dtype)}",
        f"for j in range({shapes[0][-1]}):",
        f"    s += {left} * {right}",
    ]
    if node.shape:
        lines.append(f"{element(kernel.home(node), loop_index(len(node.shape)))} = s")
    else:
        lines.append(f"t{node.index} = s")
        kernel.names[node.index] = f"t{node.index}"
    kernel.body += nest(lines, node.shape)


def _reshaped(kernel: KernelSource, node: Node) -> None:
    """Elements in another shape: the same memory, seen otherwise."""
    (x,) = node.inputs
    if node.params.get("order", "C") != "C" or not (
        type(x) is Node and x.index not in kernel.known
    ):
        raise unsupported(node)
    kernel.settle(x)
    base = kernel.array(x)
    base = kernel.copied(x) if base.endswith(".T") else base
    kernel.body.append(f"a{node.index} = {base}.reshape({node.shape!r})")
    kernel.names[node.index] = f"a{node.index}"


def _softmax(kernel: KernelSource, node: Node) -> None:
    """Softmax or its logarithm along the last axis."""
    index, value, lines = _exponentials(kernel, node)
    result = element(kernel.home(node), [*index, "j"])
    over = f"for j in range({node.shape[-1]}):"
    if node.primitive.name == "softmax":
        lines[-1:] = ["    s += e", f"    {result} = e", over, f"    {result} /= s"]
    else:
        lines += [f"s = {TYPES[node.dtype.name]}(m + math.log(s))", over]
        lines += [f"    {result} = {value} - s"]
    kernel.body += nest(lines, node.shape[:-1])


def _logsumexp(kernel: KernelSource, node: Node) -> None:
    """The logarithm of the sum of exponentials along the last axis."""
    index, _, lines = _exponentials(kernel, node)
    total = f"{TYPES[node.dtype.name]}(m + math.log(s))"
    if node.shape:
        kept = ["0"] if node.params["keepdims"] else []
        lines.append(f"{element(kernel.home(node), [*index, *kept])} = {total}")
    else:
        lines.append(f"t{node.index} = {total}")
        kernel.names[node.index] = f"t{node.index}"
    kernel.body += nest(lines, shape_of(value_of(node.inputs[0]))[:-1])


def _exponentials(kernel: KernelSource, node: Node) -> tuple[list[str], str, list[str]]:
    """The largest element ``m`` of a row and the sum ``s`` of exponentials of what is below it.

    The index of a row, an element of it at ``j``, and the statements.
    """
    x, *more = node.inputs
    shape = shape_of(value_of(x))
    rank, axis = len(shape), node.params["axis"]
    last = (-1, rank - 1, (-1,), (rank - 1,), *([None] if rank == 1 else []))
    if more or rank == 0 or axis not in last or type(x) is not Node or node.dtype.kind != "f":
        raise unsupported(node, f" along axis {axis}")
    kernel.settle(x)
    index = loop_index(rank - 1)
    value = kernel.at(x, [*index, "j"])
    zero, infinity = kernel.number(0, node.dtype), kernel.number(np.inf, node.dtype)
    over = f"for j in range({shape[-1]}):"
    lines = [
        f"m = {kernel.at(x, [*index, '0'])}",
        over,
        f"    m = {value} if {value} > m else m",
        f"m = m if abs(m) < {infinity} else {zero}",
        f"s = {zero}",
        over,
        f"    e = {TYPES[node.dtype.name]}(exponential({value} - m))",
        "    s += e",
    ]
    return index, value, lines


# --- indices ---------------------------------------------------------------------------------


def _place(
    kernel: KernelSource, node: Node, indices: Sequence[Any], shape: tuple[int, ...]
) -> tuple[list[str], list[str], tuple[int, ...]]:
    """Where in an array of some shape the elements lie that a node's index names.

    The statements that compute it, the index, and the shape of what is named.
    """
    template = node.params["index"]
    if not indices:
        named = np.broadcast_to(0, shape)[template].shape
        found = basic_index(template, shape, loop_index(len(named)))
        if found is None:
            raise unsupported(node, " with this index")
        return [], found, named
    parts = template if type(template) is tuple else (template,)
    shapes = {shape_of(value_of(x)) for x in indices}
    kinds = {type_of(x).kind for x in indices}
    if not all(type(part) is Slot for part in parts) or len(shapes) != 1 or kinds - set("iu"):
        raise unsupported(node, " with this index")
    kernel.settle(*indices)
    own = shapes.pop()
    lines, index = [], []
    for axis, part in enumerate(parts):
        place, size = f"n{axis}", shape[axis]
        lines += [
            f"{place} = {kernel.at(indices[part.position], loop_index(len(own)))}",
            f"if {place} < 0:",
            f"    {place} += {size}",
            f"if {place} < 0 or {place} >= {size}:",
            f'    raise IndexError("index out of bounds for axis {axis} with size {size}")',
        ]
        index.append(place)
    rest = shape[len(parts) :]
    index += [f"i{k + len(own)}" for k in range(len(rest))]
    return lines, index, (*own, *rest)


def _read_at(kernel: KernelSource, node: Node) -> None:
    """Reading at positions given by arrays of integers."""
    x, *indices = node.inputs
    if not node.shape:
        raise unsupported(node, " with this index")
    kernel.settle(x)
    lines, place, shape = _place(kernel, node, indices, shape_of(value_of(x)))
    target = element(kernel.home(node), loop_index(len(shape)))
    kernel.body += nest([*lines, f"{target} = {kernel.at(x, place)}"], shape)


def _added_at(kernel: KernelSource, node: Node) -> None:
    """Adding into zeros: the transpose of reading."""
    g, *indices = node.inputs
    kernel.settle(g)
    zero = kernel.number(0, node.dtype)
    _write_at(kernel, node, g, indices, "+=", lambda index: zero)


def _changed_at(kernel: KernelSource, node: Node) -> None:
    """A copy of an array in which some elements are replaced, or added to."""
    x, value, *indices = node.inputs
    kernel.settle(x, value)
    sign = "+=" if node.primitive.name == "index_add" else "="
    _write_at(kernel, node, value, indices, sign, lambda index: kernel.at(x, index))


def _write_at(
    kernel: KernelSource,
    node: Node,
    value: Any,
    indices: Sequence[Any],
    sign: str,
    background: Callable[[list[str]], str],
) -> None:
    everywhere = loop_index(len(node.shape))
    behind = background(everywhere)
    lines, place, shape = _place(kernel, node, indices, node.shape)
    target = kernel.home(node)
    kernel.body += nest([f"{element(target, everywhere)} = {behind}"], node.shape)
    text = kernel.operand(value, shape, node.dtype)
    kernel.body += nest([*lines, f"{element(target, place)} {sign} {text}"], shape)


#: By primitive, what writes its statements.
WRITERS: dict[str, Callable[[KernelSource, Node], None]] = {
    **dict.fromkeys(("sum", "mean", "max", "min"), _reduction),
    **dict.fromkeys(("matmul", "dot", "outer"), _product),
    **dict.fromkeys(("reshape", "ravel"), _reshaped),
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    "logsumexp": _logsumexp,
    "getitem": _read_at,
    "scatter": _added_at,
    "index_add": _changed_at,
    "assign": _changed_at,
}
