"""How programs are written in NumPy."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from chainrule.engine.graph import Node
from chainrule.engine.primitive import CONSTANT, PLACEHOLDER, SELECT
from chainrule.programs.literals import literal
from chainrule.programs.notation import term
from chainrule.programs.source_body import Dialect, Kind
from chainrule.programs.source_constants import Constants
from chainrule.programs.source_sharing import WRITES
from chainrule.programs.terms import Term


def numpy_dialect(foreign: Callable[[Node, dict[int, Term], Constants], Term]) -> Dialect:
    def written(node: Node, terms: dict[int, Term], constants: Constants) -> Term:
        if is_foreign(node):
            return foreign(node, terms, constants)
        return term(node, terms, "source", constants=constants)

    return Dialect(written, _new, "np.copy", _add_at, "np.count_nonzero", "")


def _new(like: str, first: str, kind: Kind | None) -> str:
    given = ""
    if kind is not None:
        shape, dtype, layout = kind
        given = f", shape={literal(shape)}"
        given += "" if dtype == np.dtype(float) else f", dtype={literal(dtype)}"
        given += "" if layout == "C" else f', order="{layout}"'
    for number, name in (("0", "zeros"), ("1", "ones")):
        if re.fullmatch(rf"(np\.\w+\()?{number}(\.0)?\)?", first):
            return f"np.{name}_like({like}{given})"
    return f"np.full_like({like}, {first}{given})"


def _add_at(name: str, index: str, value: str) -> str:
    return f"np.add.at({name}, {index}, {value})"


def is_foreign(node: Node) -> bool:
    """Whether nothing in NumPy, SciPy or chainrule's public functions computes the node."""
    primitive = node.primitive
    if primitive in (PLACEHOLDER, CONSTANT, SELECT):
        return False
    if primitive.bind is None:
        return True
    if primitive.infix is not None or primitive.source is not None or primitive.functions:
        return False
    return primitive.name not in ("scatter", *WRITES) and not hasattr(np, primitive.name)
