"""What machine-code kernels can hold, and the error for what they cannot."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.engine.errors import ChainruleError
from chainrule.engine.graph import Node, dtype_of

#: Names of types in kernels.
TYPES = {
    **{f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    "float32": "float32", "float64": "float64", "bool": "truth",
}  # fmt: skip


class UnsupportedKernel(ChainruleError, NotImplementedError):
    """A function of the graph has no machine-code kernel."""


def unsupported(node: Node, what: str = "") -> UnsupportedKernel:
    """The error that names a function and its line."""
    of = node.of or node
    where = f" ({of.where})" if of.where is not None else ""
    if of is node:
        name = f"np.{node.primitive.name}"
    else:
        name = f"np.{node.primitive.name} in the derivative of np.{of.primitive.name}"
    return UnsupportedKernel(f"{name}{what}{where} has no machine-code kernel; use fast=False.")


def value_of(x: Any) -> Any:
    """The example value of an operand."""
    return x.value if type(x) is Node else x


def type_of(x: Any) -> np.dtype[Any]:
    """The data type of an operand."""
    return dtype_of(value_of(x))


def loop_index(rank: int) -> list[str]:
    """The indices of a nest of loops."""
    return [f"i{k}" for k in range(rank)]
