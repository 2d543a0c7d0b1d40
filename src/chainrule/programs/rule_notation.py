"""The few nodes that a differentiation rule makes, as one expression that a person would write.

Multiplications by 1, additions of 0, reshapes to the same shape and the like are left out, and so
are the safeguards of rules (``where(y == 0, 1, y)``), which are decided at the values at hand.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np

from chainrule.engine.graph import Node, shape_of
from chainrule.programs.notation import ConstantNames, operand_term, term
from chainrule.programs.terms import (
    ATOM,
    COMPARISON,
    NOTHING,
    POWER,
    PRODUCT,
    UNARY,
    Form,
    Term,
    infix,
    subscript,
)

__all__ = ["PIECEWISE", "Operands", "number_term", "write"]

#: Functions whose derivative is a choice that the reader should see.
PIECEWISE = frozenset({"maximum", "minimum", "fmax", "fmin", "clip", "where", "select", "choose"})

_NAMED = {
    math.pi: ("π", r"\pi"),
    math.log(2.0): ("ln 2", r"\ln 2"),
    math.log(10.0): ("ln 10", r"\ln 10"),
}
_EXACT = 8  # characters of a number that is not shortened


class Operands:
    """The operands of a node as terms, and as numbers where they are known.

    Parameters
    ----------
    node : Node
    terms : dict of int to Term
        Expressions of the nodes before it.
    numbers : dict of int to float
        The nodes that are the same number whatever the operands.
    form : {"text", "latex"}
    decided : bool
        Choices are replaced by the branch that is taken.
    constants : callable, optional
        Gives a constant array a name.
    """

    def __init__(
        self,
        node: Node,
        terms: dict[int, Term],
        numbers: dict[int, float],
        form: Form,
        decided: bool,
        constants: ConstantNames | None = None,
    ) -> None:
        self.node = node
        self.terms = terms
        self.numbers = numbers
        self.form: Form = form
        self.decided = decided
        self._constants = constants

    @property
    def latex(self) -> bool:
        """Whether LaTeX is written."""
        return self.form == "latex"

    def number(self, position: int) -> float | None:
        """The number an operand is, if it is one."""
        operand = self.node.inputs[position]
        if type(operand) is Node:
            return self.numbers.get(operand.index)
        return float(operand) if shape_of(operand) == () else None

    def term(self, position: int) -> Term:
        """The operand as an expression."""
        return operand_term(self.node.inputs[position], self.terms, self.form, self.name)

    def name(self, value: Any) -> str | None:
        """The name of a constant array, or a short one for a long number."""
        if shape_of(value):
            return None if self._constants is None else self._constants(value)
        if not isinstance(value, (float, np.floating)):
            return None
        if value in _NAMED or len(f"{float(value)!r}") > _EXACT:
            return cast(str, number_term(value, self.form))
        return None

    def shape(self, position: int) -> tuple[int, ...]:
        """The operand's shape."""
        return shape_of(self.node.operands[position])


def write(node: Node, operands: Operands) -> Term:
    """One node of a rule as an expression of expressions."""
    if _is_number(node, operands):
        operands.numbers[node.index] = float(node.value)
        return number_term(float(node.value), operands.form)
    simpler = _SIMPLER.get(node.primitive.name)
    found = simpler(node, operands) if simpler is not None else None
    if found is not None:
        return found
    return term(node, operands.terms, operands.form, constants=operands.name)


def number_term(value: Any, form: Form = "text") -> Term:
    """A number in a rule, to six digits, π as such."""
    if shape_of(value):
        array = np.asarray(value)
        same = array.size and np.all(array == array.flat[0])
        return number_term(float(array.flat[0]), form) if same else Term(f"array{array.shape}")
    number = float(value)
    for known, texts in _NAMED.items():
        if number == known:
            return Term(texts[form == "latex"])
    text = f"{number:.6g}"
    if "e" in text and form == "latex":
        mantissa, exponent = text.split("e")
        return Term(rf"{mantissa} \cdot 10^{{{int(exponent)}}}", PRODUCT)
    return Term(text, UNARY if number < 0 else ATOM)


def _is_number(node: Node, operands: Operands) -> bool:
    """Whether a node is the same number whatever the operands."""
    if node.shape != () or not node.inputs or node.dtype.kind != "f":
        return False
    return all(operands.number(position) is not None for position in range(len(node.inputs)))


def _product(node: Node, operands: Operands) -> Term | None:
    for position in (0, 1):
        other = operands.term(1 - position)
        number = operands.number(position)
        if number == 1:
            return other
        if number == -1:
            return _negated(other, operands)
        if number == 0:
            return Term("0")
    first, second = node.inputs
    if first is second and operands.term(0).precedence == ATOM:
        square = "^{2}" if operands.latex else "²"
        return Term(operands.term(0).text + square, POWER if operands.latex else ATOM)
    column, row = _vector(first, _COLUMN), _vector(second, _ROW)
    if column is not None and (row is not None or len(operands.shape(1)) == 1):
        left = operands.terms[column.index]
        right = operands.term(1) if row is None else operands.terms[row.index]
        if operands.latex:
            return Term(f"{_braced(left)} {_braced(right)}^\\top", PRODUCT)
        return Term(f"outer({left.text}, {right.text})")
    return None


_ALL = slice(None)
_COLUMN = ((Ellipsis, None), (_ALL, None))
_ROW = ((Ellipsis, None, _ALL), (None, _ALL), (None, Ellipsis))


def _vector(operand: Any, shapes: tuple[Any, ...]) -> Node | None:
    """The vector that was made into a column or row, a factor of an outer product."""
    if type(operand) is not Node or operand.primitive.name != "getitem":
        return None
    vector = operand.inputs[0]
    made = operand.params["index"] in shapes and len(operand.shape) == 2
    return vector if made and type(vector) is Node and len(vector.shape) == 1 else None


def _matrix_product(node: Node, operands: Operands) -> Term | None:
    """A row vector times a matrix, as the transposed matrix times the vector."""
    left, right = operands.term(0), operands.term(1)
    if len(operands.shape(0)) != 1 or len(operands.shape(1)) != 2:
        return None
    if operands.latex:
        return Term(f"{_braced(right)}^\\top {left.text}", PRODUCT)
    return infix("@", Term(f"{right.within(ATOM)}ᵀ"), left)


def _quotient(node: Node, operands: Operands) -> Term | None:
    if operands.number(1) == 1:
        return operands.term(0)
    if operands.number(0) == 0:
        return Term("0")
    return None if operands.latex else infix("/", operands.term(0), operands.term(1))


def _sum(node: Node, operands: Operands) -> Term | None:
    for position in (0, 1):
        if operands.number(position) == 0 and operands.shape(1 - position) == node.shape:
            return operands.term(1 - position)
    return None


def _difference(node: Node, operands: Operands) -> Term | None:
    if operands.number(0) == 0:
        return _negated(operands.term(1), operands)
    return operands.term(0) if operands.number(1) == 0 else None


def _power(node: Node, operands: Operands) -> Term | None:
    if operands.number(1) == 0:
        operands.numbers[node.index] = 1.0
        return Term("1")
    return operands.term(0) if operands.number(1) == 1 else None


def _negated(operand: Term, operands: Operands) -> Term:
    if operand.text.startswith("-") and operand.precedence in (UNARY, ATOM):
        return Term(operand.text[1:], ATOM)
    return Term(f"-{_within(operand, PRODUCT, operands)}", UNARY)


def _within(operand: Term, precedence: int, operands: Operands) -> str:
    if operands.latex and operand.precedence < precedence:
        return rf"\left({operand.text}\right)"
    return operand.within(precedence)


def _braced(operand: Term) -> str:
    return f"{{{operand.text}}}" if operand.precedence == ATOM else rf"\left({operand.text}\right)"


def _spread(node: Node, operands: Operands) -> Term | None:
    """A number copied into every entry."""
    if operands.shape(0):
        return None
    sizes = [str(size) for size in node.params["shape"]]
    number = operands.number(0)
    if operands.latex:
        size = r" \times ".join(sizes)
        ones = rf"\mathbf{{1}}_{{{size}}}"
        factor = _within(operands.term(0), PRODUCT, operands)
        return Term(ones) if number == 1 else Term(rf"{factor}\, {ones}", PRODUCT)
    filled = Term(f"ones({', '.join(sizes)})")
    return filled if number == 1 else infix("*", operands.term(0), filled)


def _choice(node: Node, operands: Operands) -> Term | None:
    """One value or another: mathematics for LaTeX, a conditional for numbers."""
    taken = _taken(node, operands)
    if taken is not None:
        number = operands.number(taken)
        if number is not None:
            operands.numbers[node.index] = number
        return operands.term(taken)
    condition, first, second = (operands.term(position) for position in range(3))
    if operands.latex:
        if operands.number(2) == 0:
            if operands.number(1) == 1:
                return Term(f"[{condition.text}]")
            return Term(rf"[{condition.text}]\, {_within(first, PRODUCT, operands)}", PRODUCT)
        return Term(
            rf"\begin{{cases}} {first.text} & \text{{if }} {condition.text} \\ {second.text} & "
            r"\text{otherwise} \end{cases}"
        )
    if node.shape:
        return None
    nested = second.text if second.precedence > NOTHING else f"({second.text})"
    return Term(f"{first.within(COMPARISON)} if {condition.text} else {nested}", NOTHING)


def _taken(node: Node, operands: Operands) -> int | None:
    """The branch of a choice that need not be shown, because the other is a safeguard."""
    mask = np.asarray(node.operands[0])
    if not mask.size or not (mask.all() or not mask.any()):
        return None
    condition = node.inputs[0]
    if not operands.decided and not (
        type(condition) is Node and condition.primitive.name in ("equal", "isnan", "isinf")
    ):
        return None
    return 1 if mask.all() else 2


def _reshaped(node: Node, operands: Operands) -> Term | None:
    return operands.term(0) if operands.shape(0) == node.shape else None


def _transposed(node: Node, operands: Operands) -> Term | None:
    if len(node.shape) < 2:
        return operands.term(0)
    if len(node.shape) > 2:
        return None
    if operands.latex:
        return Term(f"{_braced(operands.term(0))}^\\top", POWER)
    return Term(f"{operands.term(0).within(ATOM)}ᵀ")


def _indexed(node: Node, operands: Operands) -> Term | None:
    found = term(node, operands.terms, operands.form, constants=operands.name)
    return found._replace(text=re.sub(r",\](\}?)$", r"]\1", found.text))


def _scattered(node: Node, operands: Operands) -> Term | None:
    """An array of zeros with the cotangent at an index."""
    indices = [operands.term(position) for position in range(1, len(node.inputs))]
    inside = re.sub(r",$", "", subscript(node.params["index"], indices))
    if operands.latex:
        return Term(rf"\left({operands.term(0).text} \text{{ at }} [{inside}]\right)")
    return Term(f"({operands.term(0).text} at [{inside}])")


def _converted(node: Node, operands: Operands) -> Term | None:
    return operands.term(0)


_SIMPLER: Mapping[str, Callable[[Node, Operands], Term | None]] = {
    "multiply": _product,
    "matmul": _matrix_product,
    "divide": _quotient,
    "quotient": _quotient,
    "add": _sum,
    "subtract": _difference,
    "power": _power,
    "negative": lambda node, operands: _negated(operands.term(0), operands),
    "broadcast_to": _spread,
    "where": _choice,
    "reshape": _reshaped,
    "ravel": _reshaped,
    "transpose": _transposed,
    "swapaxes": _transposed,
    "getitem": _indexed,
    "scatter": _scattered,
    "astype": _converted,
}
