"""The same programs on PyTorch tensors, without PyTorch's automatic differentiation.

Most functions have NumPy's name in PyTorch; the table says where name, arguments or meaning differ.
What has no counterpart is refused by name, with the user's line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import UnsupportedFunction
from chainrule.engine.graph import Node, shape_of
from chainrule.engine.primitive import CONSTANT, PLACEHOLDER, SELECT
from chainrule.programs.literals import literal
from chainrule.programs.notation import operand_term
from chainrule.programs.source_body import Dialect, Kind
from chainrule.programs.source_constants import Constants
from chainrule.programs.terms import ATOM, UNARY, Term, infix, shown, subscript

_SAME = frozenset(
    [
        "sqrt",
        "exp",
        "exp2",
        "expm1",
        "log",
        "log2",
        "log10",
        "log1p",
        "logaddexp",
        "logaddexp2",
        "sin",
        "cos",
        "tan",
        "arcsin",
        "arccos",
        "arctan",
        "sinh",
        "cosh",
        "tanh",
        "arcsinh",
        "arccosh",
        "arctanh",
        "arctan2",
        "hypot",
        "square",
        "reciprocal",
        "sign",
        "floor",
        "ceil",
        "trunc",
        "sinc",
        "deg2rad",
        "rad2deg",
        "isnan",
        "isfinite",
        "isinf",
        "logical_and",
        "logical_or",
        "logical_not",
        "logical_xor",
        "outer",
        "kron",
        "diag",
        "copysign",
        "heaviside",
        "fmod",
        "ldexp",
        "nextafter",
        "signbit",
        "fmax",
        "fmin",
    ]
)
_RENAMED = {
    "absolute": "abs", "fabs": "abs", "radians": "deg2rad", "degrees": "rad2deg", "rint": "round",
    "fix": "trunc", "linalg.inv": "linalg.inv", "linalg.det": "linalg.det",
    "linalg.solve": "linalg.solve", "linalg.cholesky": "linalg.cholesky",
    "linalg.slogdet": "linalg.slogdet", "linalg.eigh": "linalg.eigh",
    "linalg.eigvalsh": "linalg.eigvalsh",
}  # fmt: skip


def _axis(params: dict[str, Any]) -> str:
    """``dim=`` and ``keepdim=`` for NumPy's axis and keepdims."""
    given = ""
    if params.get("axis") is not None:
        given += f", dim={literal(params['axis'])}"
    if params.get("keepdims"):
        given += ", keepdim=True"
    return given


def _reduction(name: str) -> Callable[[Node, list[Term]], Term | None]:
    def written(node: Node, operands: list[Term]) -> Term | None:
        params = shown(node)
        if len(operands) > 1 or set(params) - {"axis", "keepdims"}:
            return None
        given = _axis(params)
        if "keepdim" in given and "dim=" not in given.replace("keepdim=", ""):
            every = tuple(range(len(shape_of(node.value))))
            given = f", dim={literal(every)}, keepdim=True"
        return Term(f"torch.{name}({operands[0].text}{given})")

    return written


def _moment(name: str) -> Callable[[Node, list[Term]], Term | None]:
    def written(node: Node, operands: list[Term]) -> Term | None:
        params = shown(node)
        if len(operands) > 1 or set(params) - {"axis", "keepdims", "ddof"}:
            return None
        correction = literal(node.params.get("ddof", 0))
        return Term(f"torch.{name}({operands[0].text}{_axis(params)}, correction={correction})")

    return written


def _function(name: str, *arguments: str) -> Callable[[Node, list[Term]], Term]:
    """``torch.name(operands, parameters)`` with the named parameters by position."""

    def written(node: Node, operands: list[Term]) -> Term:
        given = [x.text for x in operands] + [literal(node.params[key]) for key in arguments]
        return Term(f"torch.{name}({', '.join(given)})")

    return written


def _joined(name: str) -> Callable[[Node, list[Term]], Term]:
    def written(node: Node, operands: list[Term]) -> Term:
        axis = node.params["axis"]
        dim = f", dim={literal(axis)}" if axis else ""
        inside = ", ".join(x.text for x in operands)
        return Term(f"torch.{name}([{inside}]{dim})")

    return written


def _extreme(bound: str, name: str) -> Callable[[Node, list[Term]], Term]:
    """A number on one side is a clamp."""

    def written(node: Node, operands: list[Term]) -> Term:
        for number, other in ((1, 0), (0, 1)):
            if type(node.inputs[number]) is not Node and np.ndim(node.inputs[number]) == 0:
                limit = operands[number].text
                return Term(f"torch.clamp({operands[other].text}, {bound}={limit})")
        return Term(f"torch.{name}({operands[0].text}, {operands[1].text})")

    return written


def _transposed(node: Node, operands: list[Term]) -> Term:
    axes = node.params["axes"]
    ndim = len(shape_of(node.value))
    if ndim == 2:
        return Term(f"{operands[0].within(ATOM)}.T")
    order = tuple(range(ndim))[::-1] if axes is None else axes
    return Term(f"torch.permute({operands[0].text}, {literal(order)})")


def _converted(node: Node, operands: list[Term]) -> Term:
    return Term(f"{operands[0].within(ATOM)}.to({_torch(literal(node.params['dtype']))})")


def _indexed(node: Node, operands: list[Term]) -> Term | None:
    index = node.params["index"]
    parts = index if type(index) is tuple else (index,)
    if any(isinstance(part, slice) and (part.step or 1) < 0 for part in parts):
        return None
    return Term(f"{operands[0].within(ATOM)}[{subscript(index, operands[1:])}]")


def _quotient(node: Node, operands: list[Term]) -> Term:
    a, b = operands
    divisor = Term(f"torch.where({a.text} == 0, 1, {b.text})")
    return infix("/", a, divisor)


def _tensors(node: Node, operands: list[Term]) -> list[str]:
    """The operands of a function that takes no numbers."""
    return [
        f"torch.tensor({term.text}, dtype=torch.{node.dtype.name})"
        if type(x) is not Node and np.ndim(x) == 0
        else term.text
        for x, term in zip(node.inputs, operands, strict=True)
    ]


def _chosen(node: Node, operands: list[Term]) -> Term:
    """Two numbers would be taken for single precision."""
    condition, first, second = operands
    if all(type(x) is not Node and np.ndim(x) == 0 for x in node.inputs[1:]):
        first = Term(_tensors(node, operands)[1])
    return Term(f"torch.where({condition.text}, {first.text}, {second.text})")


def _einsum(node: Node, operands: list[Term]) -> Term:
    inside = ", ".join(_tensors(node, operands))
    return Term(f"torch.einsum({literal(node.params['subscripts'])}, {inside})")


def _softmax(name: str) -> Callable[[Node, list[Term]], Term | None]:
    def written(node: Node, operands: list[Term]) -> Term | None:
        axis = node.params["axis"]
        if not isinstance(axis, int):
            return None
        return Term(f"torch.{name}({operands[0].text}, dim={axis})")

    return written


def _flipped(node: Node, operands: list[Term]) -> Term:
    axis = node.params["axis"]
    axes = tuple(range(len(shape_of(node.value)))) if axis is None else axis
    return Term(
        f"torch.flip({operands[0].text}, {literal(axes if type(axes) is tuple else (axes,))})"
    )


def _running(name: str) -> Callable[[Node, list[Term]], Term | None]:
    def written(node: Node, operands: list[Term]) -> Term | None:
        axis = node.params["axis"]
        if axis is None and len(shape_of(node.value)) > 1:
            return None
        return Term(f"torch.{name}({operands[0].text}, dim={axis or 0})")

    return written


_SPECIAL: dict[str, Callable[[Node, list[Term]], Term | None]] = {
    "sum": _reduction("sum"), "mean": _reduction("mean"), "max": _reduction("amax"),
    "min": _reduction("amin"), "var": _moment("var"), "std": _moment("std"),
    "reshape": _function("reshape", "shape"), "ravel": _function("ravel"),
    "broadcast_to": _function("broadcast_to", "shape"), "where": _chosen,
    "matmul": lambda node, operands: infix("@", *operands), "dot": _function("matmul"),
    "inner": _function("inner"), "concatenate": _joined("cat"), "stack": _joined("stack"),
    "maximum": _extreme("min", "maximum"), "minimum": _extreme("max", "minimum"),
    "transpose": _transposed, "swapaxes": _function("swapaxes", "axis1", "axis2"),
    "moveaxis": _function("moveaxis", "source", "destination"), "astype": _converted,
    "getitem": _indexed, "quotient": _quotient, "einsum": _einsum,
    "softmax": _softmax("softmax"), "log_softmax": _softmax("log_softmax"), "flip": _flipped,
    "cumsum": _running("cumsum"), "cumprod": _running("cumprod"), "copy": _function("clone"),
    "expand_dims": _function("unsqueeze", "axis"), "tril": _function("tril", "k"),
    "triu": _function("triu", "k"), "clip": _function("clamp"),
    "negative": lambda node, operands: Term(f"-{operands[0].within(UNARY)}", UNARY),
    "positive": lambda node, operands: operands[0],
    "conjugate": lambda node, operands: operands[0],
    "stop_gradient": lambda node, operands: Term(f"{operands[0].within(ATOM)}.detach()"),
}  # fmt: skip


def _torch(text: str) -> str:
    """A literal of NumPy as one of PyTorch."""
    text = re.sub(r"np\.array\(", "torch.tensor(", text)
    text = re.sub(r"np\.(float64|float32|int64|int32)\(([^()]*)\)", r"\2", text)
    text = re.sub(r"np\.(zeros|ones|full|eye|arange|inf|nan|float64|float32|int64|int32|bool)\b",
                  r"torch.\1", text)  # fmt: skip
    return text


def as_tensor(value: Any) -> Any:
    """An array as a tensor; anything else as it is."""
    import torch

    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value


def torch_literal(array: Any) -> str:
    """A constant as a tensor of the same dtype."""
    if not isinstance(array, np.ndarray):
        return _torch(literal(array))
    text = _torch(literal(array)).replace(', order="F"', "")
    if array.dtype == np.dtype(float) and "dtype" not in text:
        text = f"{text[:-1]}, dtype=torch.float64)"
    return text


def _torch_term(node: Node, terms: dict[int, Term], constants: Constants) -> Term:
    primitive = node.primitive
    operands = [_operand(x, terms, constants) for x in node.inputs]
    if primitive in (PLACEHOLDER, CONSTANT):
        return operands[0]
    if primitive is SELECT:
        return Term(f"{operands[0].within(ATOM)}[{node.params['k']}]")
    name = primitive.name
    special = _SPECIAL.get(name)
    found = special(node, operands) if special is not None else None
    if found is not None:
        return found
    if special is None and primitive.infix is not None and len(operands) == 2:
        return infix(primitive.infix, *operands)
    if special is None and (name in _SAME or name in _RENAMED):
        function = _RENAMED.get(name, name)
        params = "".join(f", {k}={literal(v)}" for k, v in shown(node).items())
        return Term(f"torch.{function}({', '.join(_tensors(node, operands))}{params})")
    raise UnsupportedFunction(
        f"np.{name} has no counterpart in PyTorch that the torch backend knows ({node.where}); "
        "use the NumPy backend."
    )


def _operand(operand: Any, terms: dict[int, Term], constants: Constants) -> Term:
    if type(operand) is Node:
        return terms[operand.index]
    named = constants(operand)
    if named is None and isinstance(operand, np.ndarray):
        return Term(torch_literal(operand))
    found = operand_term(operand, {}, "source", constants)
    return Term(_torch(found.text), found.precedence)


def _new(like: str, first: str, kind: Kind | None) -> str:
    if kind is None:
        name = {"0": "zeros", "0.0": "zeros", "1": "ones", "1.0": "ones"}.get(first)
        return f"torch.{name}_like({like})" if name else f"torch.full_like({like}, {first})"
    shape, dtype, _ = kind
    return f"torch.full({literal(shape)}, {first}, dtype={_torch(literal(dtype))})"


def _add_at(name: str, index: str, value: str) -> str:
    places = index if index.startswith("(") else f"({index},)"
    return f"{name}.index_put_({places}, {value}, accumulate=True)"


TORCH = Dialect(_torch_term, _new, "torch.clone", _add_at, "torch.count_nonzero", ".clone()")
