"""The true quantities of a loss: what a value in a hand-written gradient may be meant to be.

From the traced loss and its backward pass: forward values, cotangents, derivatives of elementwise
functions, the addends of which gradients are sums over samples, and a few that the loss itself may
never have formed (probabilities, one-hot labels).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph, Node
from chainrule.programs.names import COTANGENT_STYLES, Naming
from chainrule.programs.notation import term
from chainrule.programs.terms import Term

# What an equal value is called first.
KINDS = (
    "cotangent", "forward", "input", "derivative", "share", "derived", "part", "addends",
    "backward", "constant",
)  # fmt: skip
_OF_COTANGENTS = ("cotangent", "share", "addends")
_LONGEST_NAME = 40


@dataclass(eq=False)
class Quantity:
    """A true value and what it is.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    name : str
        The forward value it belongs to, in the user's names.
    value : ndarray
    meaning : str
        Such as "the cotangent of z1".
    node : Node or None
    named : bool
        The user has a variable for the forward value.
    aliases : list of Quantity
        Others of the same value.
    of_loop : bool
        Cotangents of the values that a loop of the loss gives to one variable.
    end : Node or None
        Of a derivative by ``node``: what is differentiated.
    """

    kind: str
    name: str
    value: np.ndarray
    meaning: str
    node: Node | None = None
    named: bool = True
    aliases: list[Quantity] = field(default_factory=list)
    of_loop: bool = False
    end: Node | None = None

    def is_role(self, kind: str, name: str) -> bool:
        """Whether this is the cotangent (or value) of a name, spelled one way or another."""
        return self.under(kind, name) is not None

    def under(self, kind: str, name: str) -> Quantity | None:
        """The same value as the cotangent, or as the value, of a name."""
        kinds = _OF_COTANGENTS if kind == "cotangent" else ("forward", "input")
        for quantity in (self, *self.aliases):
            if quantity.kind in kinds and same_name(quantity.name, name):
                return quantity
        return None


def same_name(a: str, b: str) -> bool:
    """Whether two names differ in case and underscores only, or in the number of a series."""
    a, b = a.replace("_", "").lower(), b.replace("_", "").lower()
    return a == b or a.rstrip("0123456789") == b or b.rstrip("0123456789") == a


def quantities(graph: Graph, truth: Mapping[str, Any]) -> list[Quantity]:
    """Everything that a value may be compared with.

    Parameters
    ----------
    graph : Graph
        The traced loss with its backward pass.
    truth : mapping of str to array
        True gradients of the parameters.

    Returns
    -------
    list of Quantity
        Equal values once, under their best name, in the order of `KINDS`.
    """
    from chainrule.checking.localisation.truth import true_quantities

    naming = Naming(graph, COTANGENT_STYLES["d"], {}, ())
    named = {*naming.variables, *(node.index for node in graph.inputs)}
    found = list(true_quantities(graph, naming.names, named, truth))
    words = _words(graph, naming.names, named)
    for quantity in found:
        quantity.meaning = re.sub(r"%(\d+)", lambda m: words[int(m[1])], quantity.meaning)
    found.sort(key=lambda q: (KINDS.index(q.kind), not q.named))
    kept: list[Quantity] = []
    known: dict[tuple[Any, ...], list[Quantity]] = {}
    for quantity in found:
        value = quantity.value
        same = known.setdefault((value.shape, round_key(value)), [])
        for other in same:
            if _agree(other.value, value):
                other.aliases.append(quantity)
                break
            if not quantity.named and _agree(other.value, -value):
                break  # the cotangent of -z is of no use beside that of z
        else:
            same.append(quantity)
            kept.append(quantity)
    return kept


def _agree(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays of one shape are the same up to rounding; asked of many single numbers."""
    if a.size == 1:
        return math.isclose(a.item(), b.item(), rel_tol=1e-12)
    with np.errstate(invalid="ignore"):
        return bool(((a == b) | (np.abs(a - b) <= 1e-12 * np.abs(b))).all())


def _words(graph: Graph, names: Mapping[int, str], named: Collection[int]) -> dict[int, str]:
    """Every node as the user would say it: a variable, else an expression if it is short."""
    terms: dict[int, Term] = {}
    for node in graph.nodes:
        name = Term(names[node.index])
        terms[node.index] = name
        if node.index not in named and node.of is None and node.parents:
            try:
                made = term(node, terms, "source")
            except Exception:  # notation is for reading; a name will do
                continue
            if len(made.text) <= _LONGEST_NAME:
                terms[node.index] = made
    return {index: made.text for index, made in terms.items()}


def round_key(value: np.ndarray) -> str:
    """Equal for arrays that are equal up to rounding, nearly always."""
    return f"{float(np.sum(np.abs(value))):.6e}"


def as_numbers(value: Any) -> np.ndarray | None:
    """A value as an array of float64, if it consists of numbers."""
    if isinstance(value, (np.ndarray, np.generic, float, int)):
        array = np.asarray(value)
        if array.dtype.kind in "fiub" and array.size:
            return array.astype(float)
    return None
