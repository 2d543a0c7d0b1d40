"""What one operation contributes to the derivative of an operand, as a formula.

The formulas are not written down anywhere: the operation's own rule is run on traced values, and
the few nodes it makes are printed as one expression. With the cotangent 1 that is the local
derivative of a number; with the cotangent's name it is the vector-Jacobian product of an array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.engine.backward import pull_back
from chainrule.engine.graph import Node, shape_of
from chainrule.engine.primitive import PLACEHOLDER, SELECT
from chainrule.engine.tracing import Trace, Traced
from chainrule.programs.notation import ConstantNames, term
from chainrule.programs.rule_notation import PIECEWISE, Operands, number_term, write
from chainrule.programs.terms import PRODUCT, Form, Term, infix

__all__ = ["LocalRules", "local_rules"]


#: Characters of a formula that is still read.
_LONGEST = {"text": 110, "latex": 300, "source": 110}


class LocalRules(NamedTuple):
    """The rules of one operation at its values, recorded.

    Attributes
    ----------
    user : Node
        The operation in its own graph.
    nodes : list of Node
        Operands, operation and what the rules made, in order.
    operands : dict of int to int
        By position among the operation's inputs, the node that stands for it.
    results : dict of int to int
        By the index of a result in the operation's own graph, the node that stands for it.
    seeds : list of int
        The nodes that stand for the cotangents of the floating-point results.
    pulled : dict of int to Node or constant
        By position, what the operation contributes.
    """

    user: Node
    nodes: list[Node]
    operands: dict[int, int]
    results: dict[int, int]
    seeds: list[int]
    pulled: dict[int, Any]

    def write(
        self,
        position: int,
        names: Mapping[int, str],
        cotangents: Sequence[Term | float],
        form: Form,
        constants: ConstantNames | None = None,
    ) -> Term:
        """The contribution to one operand as an expression.

        Parameters
        ----------
        position : int
            Which operand.
        names : mapping of int to str
            Names of the nodes of the operation's own graph.
        cotangents : sequence of Term or float
            What stands for the cotangents of the floating-point results; for a number, 1.0 gives
            the local derivative.
        form : {"text", "latex"}
        constants : callable, optional
            Gives a constant array a name.
        """
        terms: dict[int, Term] = {}
        numbers: dict[int, float] = {}
        for place, index in self.operands.items():
            terms[index] = self._named(names[self.user.inputs[place].index], form)
        for outer, index in self.results.items():
            terms[index] = self._named(names[outer], form)
        for index, cotangent in zip(self.seeds, cotangents, strict=True):
            if isinstance(cotangent, Term):
                terms[index] = cotangent
            else:
                terms[index] = number_term(cotangent, form)
                numbers[index] = cotangent
        known = _KNOWN.get(self.user.primitive.name)
        if known is not None and len(self.user.inputs) == 1:
            found = known(self, terms, numbers.get(self.seeds[0]) == 1, form)
            if found is not None:
                return found
        target = self.pulled[position]
        if type(target) is not Node:
            return number_term(0.0 if target is None else target, form)
        decided = self.user.primitive.name not in PIECEWISE
        for node in self.nodes:
            if node.index not in terms and not isinstance(node.value, tuple):
                terms[node.index] = write(
                    node, Operands(node, terms, numbers, form, decided, constants)
                )
            if node is target:
                break
        found = terms[target.index]
        return found if len(found.text) <= _LONGEST[form] else self._applied(terms, form)

    def _applied(self, terms: dict[int, Term], form: Form) -> Term:
        """The rule by name, where it is too long to be read."""
        name = self.user.primitive.name.rpartition(".")[2]
        given = ", ".join(terms[index].text for index in self.seeds)
        if form == "latex":
            word = name.replace("_", r"\_")
            return Term(rf"\operatorname{{pullback}}_{{\mathrm{{{word}}}}}({given})")
        return Term(f"pullback of {name} ({given})")

    def _named(self, name: str, form: Form) -> Term:
        placeholder = self.nodes[self.seeds[0]]
        return term(placeholder, {placeholder.index: name}, form)


def local_rules(user: Node, positions: list[int]) -> LocalRules:
    """Run the rules of one operation for some of its operands on traced values.

    Parameters
    ----------
    user : Node
        The operation.
    positions : list of int
        Which operands.
    """
    trace = Trace(lasting=True)
    nodes: list[Node] = []
    trace.nodes = nodes
    operands: dict[int, int] = {}
    inputs: list[Any] = []
    for position, operand in enumerate(user.inputs):
        if type(operand) is Node:
            operands[position] = len(nodes)
            inputs.append(_placeholder(nodes, operand.value))
        else:
            inputs.append(operand)
    copy = _copy(nodes, user, inputs)
    parts = [copy]
    if isinstance(user.value, tuple):
        parts = [_part(nodes, copy, k) for k in range(len(user.value))]
    first = user.index + isinstance(user.value, tuple)  # tracing appends the results at once
    results = {first + k: part.index for k, part in enumerate(parts)}
    floating = [part for part in parts if part.dtype.kind == "f"]
    seeds = [(part, _placeholder(nodes, np.ones(part.shape, part.dtype)[()])) for part in floating]
    targets = [nodes[operands[position]] for position in positions]
    wanted = {target.index for target in targets} | {part.index for part in (copy, *parts)}
    active = [node.index in wanted for node in nodes]

    def lift(node: Node) -> Any:
        if isinstance(node.value, tuple):
            return tuple([trace.face(part, trace) for part in parts])
        return trace.face(node, trace)

    try:
        with np.errstate(all="ignore"):
            found = pull_back(
                nodes[: len(nodes) - len(seeds)],
                [(part, trace.face(seed, trace)) for part, seed in seeds],
                targets,
                active,
                lift,
            )
    finally:
        trace.close()
    pulled = {
        position: g.node if isinstance(g, Traced) else g
        for position, g in zip(positions, found, strict=True)
    }
    return LocalRules(user, nodes, operands, results, [seed.index for _, seed in seeds], pulled)


def _placeholder(nodes: list[Node], value: Any) -> Node:
    node = Node(len(nodes), PLACEHOLDER, (), (), {}, value, None, -1, None)
    nodes.append(node)
    return node


def _copy(nodes: list[Node], node: Node, inputs: list[Any]) -> Node:
    copy = Node(
        len(nodes), node.primitive, inputs, node.operands, node.params, node.value, node.code,
        node.instruction, None,
    )  # fmt: skip
    nodes.append(copy)
    return copy


def _part(nodes: list[Node], whole: Node, k: int) -> Node:
    params = {"k": k}
    part = Node(len(nodes), SELECT, [whole], [whole.value], params, whole.value[k], None, -1, None)
    nodes.append(part)
    return part


# --- rules that are better told than printed ------------------------------------------------------


def _extreme(rules: LocalRules, terms: dict[int, Term], one: bool, form: Form) -> Term | None:
    """The largest or smallest entry takes the whole cotangent, where it is the only one."""
    array, value, operand, result, g = _reduced(rules, terms)
    if shape_of(value) or np.count_nonzero(np.asarray(array) == value) != 1:
        return None
    equal = "=" if form == "latex" else "=="
    chosen = Term(f"[{operand.text} {equal} {result.text}]")
    if one:
        return chosen
    return Term(rf"{g.text}\, {chosen.text}", PRODUCT) if form == "latex" else infix("*", g, chosen)


def _product_of_all(
    rules: LocalRules, terms: dict[int, Term], one: bool, form: Form
) -> Term | None:
    """The product of the others, y / a where no factor is 0."""
    array, value, operand, result, g = _reduced(rules, terms)
    if shape_of(value) or not np.all(array):
        return None
    above = result if one else infix("*", g, result)
    if form == "latex":
        factor = result.text if one else f"{g.text}\\, {result.text}"
        return Term(rf"\frac{{{factor}}}{{{operand.text}}}")
    return infix("/", above, operand)


def _reduced(rules: LocalRules, terms: dict[int, Term]) -> tuple[Any, Any, Term, Term, Term]:
    """Operand and result of a reduction, their expressions, and that of the cotangent."""
    at, (result,), (seed,) = rules.operands[0], rules.results.values(), rules.seeds
    return rules.nodes[at].value, rules.nodes[result].value, terms[at], terms[result], terms[seed]


_KNOWN: dict[str, Any] = {"max": _extreme, "min": _extreme, "prod": _product_of_all}
