"""A function explained: every value's expression, number, local derivatives and chain-rule sum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.engine.backward import depends_on
from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import Graph, Node
from chainrule.engine.primitive import PLACEHOLDER
from chainrule.engine.trees import flatten
from chainrule.engine.wording import counted
from chainrule.programs.contributions import ChainRule, Contribution, chain_rule, forward_nodes
from chainrule.programs.explanation import (
    ConstantArrays,
    ExplainedValue,
    Explanation,
    Formula,
    Summand,
)
from chainrule.programs.local_rules import LocalRules, local_rules
from chainrule.programs.names import node_names, trace_watched
from chainrule.programs.notation import expression, latex_name
from chainrule.programs.source_constants import visible_arrays
from chainrule.programs.statements import Statements
from chainrule.programs.terms import ATOM, Form, Term

__all__ = ["Explanation", "explain", "explain_graph"]


def explain(
    f: Callable[..., Any] | Graph, /, *args: Any, of: int | None = None, **kwargs: Any
) -> Explanation:
    """Explain a function at one point: what it computes, and how the chain rule differentiates it.

    Parameters
    ----------
    f : callable or Graph
        A function written in NumPy, or a graph of one with its values (then without arguments).
    *args, **kwargs
        Its arguments; arrays, NumPy scalars and Python floats are its inputs.
    of : int, optional
        Which result to differentiate, counted from 0 in the order of the flattened results; by
        default all of them.

    Returns
    -------
    Explanation
        Prints itself; `text`, `markdown`, `latex`, `html` and `to_dict` give other forms.

    Raises
    ------
    InvalidInput
        No floating-point result depends on a floating-point input, or arguments with a graph.
    NotDifferentiable
        The derivative of an operation is needed that has none.

    Notes
    -----
    If the result is not one number, the derivatives are those of S, the sum of its entries (the
    cotangent is 1 for every entry); for other weights explain ``lambda *a: np.sum(c * f(*a))``.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> def f(x, w):
    ...     y = x * w
    ...     return y + np.sin(x)
    >>> explanation = explain(f, 2.0, 3.0)
    >>> explanation["x"].derivative
    np.float64(2.5838531634528574)
    """
    if isinstance(f, Graph):
        if args or kwargs:
            raise InvalidInput(
                "a graph is explained with the values it was traced with; explain the function to "
                "give other arguments."
            )
        graph, seen = f, {}
    else:
        graph, bindings = trace_watched(f, *args, **kwargs)
        seen = bindings.arrays
    return _Explainer(graph, of, None, seen).explanation()


def explain_graph(graph: Graph, of: int | None, names: Mapping[int, str]) -> Explanation:
    """As `explain`, for a graph with its values and with names for its nodes, by index."""
    return _Explainer(graph, of, names, {}).explanation()


_SHORT = 6  # letters of a function's name that still reads well in dname/dx


class _Explainer:
    """One explanation in the making."""

    def __init__(
        self,
        graph: Graph,
        of: int | None,
        names: Mapping[int, str] | None,
        seen: Mapping[str, np.ndarray],
    ) -> None:
        self.names = dict(node_names(graph) if names is None else names)
        self.is_file = names is not None  # whose statements are the expressions themselves
        arrays = visible_arrays(graph.function, seen)
        self.constants = ConstantArrays(graph, arrays, self.names.values())
        self.graph = graph if of is None else _with_one_output(graph, of)
        self.nodes = forward_nodes(self.graph)
        self.chain: ChainRule = chain_rule(self.graph)
        self.statements = Statements()
        if names is None and graph.structure.count == 1:
            self._rename_result()
        self.total = self._total()
        self.rules: dict[int, LocalRules] = {}
        sources = [node for node in self.graph.inputs if node.of is None and node.dtype.kind == "f"]
        self.active = depends_on(self.nodes, sources)

    def explanation(self) -> Explanation:
        results = [self.names[node.index] for node in self.chain.outputs]
        self._record_rules()
        return Explanation(
            function=self.graph.name,
            total=self._name(self.total),
            values=(*self._constants(), *(self._value(node) for node in self.nodes)),
            results=tuple(results),
            cotangent=self._cotangent(results),
            graph=self.graph,
            names=self.names,
            constants=self.constants,
        )

    def _rename_result(self) -> None:
        """The one result of a function, if it has no variable, is called like the function."""
        function = self.graph.name
        name = function if function.isidentifier() and len(function) <= _SHORT else "f"
        for node in self.chain.outputs:
            variable = node.name or self.statements.assigned_name(node)
            named = node.primitive is PLACEHOLDER or variable is not None
            if not named and name not in self.names.values():
                self.names[node.index] = name

    def _total(self) -> str:
        outputs = self.chain.outputs
        if len(outputs) == 1 and outputs[0].shape == ():
            return self.names[outputs[0].index]
        taken = set(self.names.values())
        return next(name for name in ("S", "total", "S_total", "S_") if name not in taken)

    def _cotangent(self, results: Sequence[str]) -> str:
        outputs = self.chain.outputs
        if len(outputs) == 1 and outputs[0].shape == ():
            return ""
        terms = [
            name if node.shape == () else f"sum({name})"
            for node, name in zip(outputs, results, strict=True)
        ]
        shapes = " and ".join(
            f"{name} has shape {node.shape}" if node.shape else f"{name} is a number"
            for node, name in zip(outputs, results, strict=True)
        )
        return (
            f"{shapes}; the derivatives are those of {self.total} = {' + '.join(terms)}, with the "
            "cotangent 1 for every entry."
        )

    def _name(self, name: str) -> Formula:
        return Formula(name, latex_name(name))

    def _symbol(self, name: str) -> Formula:
        above, below = latex_name(self.total), latex_name(name)
        return Formula(f"d{self.total}/d{name}", rf"\frac{{d {above}}}{{d {below}}}")

    def _record_rules(self) -> None:
        """Run the rules of every operation that passes something on, once for all operands."""
        needed: dict[int, list[int]] = {}
        for contributions in self.chain.contributions.values():
            for contribution in contributions:
                needed.setdefault(contribution.user.index, []).append(contribution.position)
        for index, positions in needed.items():
            self.rules[index] = local_rules(self.nodes[index], sorted(positions))

    def _value(self, node: Node) -> ExplainedValue:
        name = self.names[node.index]
        forms = [
            expression(node, self.names, form, constants=self.constants)
            for form in ("text", "latex")
        ]
        kind = "operation"
        if node.primitive is PLACEHOLDER:
            kind = "input"
        elif not node.parents:
            kind = "constant"
        derivative = self.chain.cotangents.get(node.index)
        note = "" if derivative is not None else self._why_none(node)
        if derivative is None and kind == "input" and node.dtype.kind == "f":
            derivative = np.zeros(node.shape, node.dtype)[()]
        return ExplainedValue(
            name=self._name(name),
            kind=kind,
            expression=Formula(*forms),
            value=node.value,
            statement=None if self.is_file else self.statements.of(node),
            symbol=self._symbol(name),
            seed=self.chain.seeds.get(node.index),
            derivative=derivative,
            summands=tuple(
                self._summand(node, contribution)
                for contribution in self.chain.contributions.get(node.index, ())
            ),
            note=note,
        )

    def _constants(self) -> Iterator[ExplainedValue]:
        """The arrays that the function closes over, by the user's names."""
        for name, array in self.constants.named.items():
            known = self._name(name)
            yield ExplainedValue(
                name=known, kind="constant", expression=known, value=array, statement=None,
                symbol=self._symbol(name), seed=None, derivative=None, summands=(), note="",
            )  # fmt: skip

    def _why_none(self, node: Node) -> str:
        if isinstance(node.value, tuple):
            return "several results"
        if node.dtype.kind != "f":
            return f"no derivative: {node.dtype.name}"
        if not self.active[node.index]:
            return "does not depend on an input"
        return f"does not influence {self.total}"

    def _summand(self, node: Node, contribution: Contribution) -> Summand:
        user, position, slope, value = contribution
        through, name = self.names[user.index], self.names[node.index]
        repeated = sum(operand is node for operand in user.inputs) > 1
        if slope is None:
            rule = Formula(*(self._rule(user, position, form) for form in ("text", "latex")))
            return Summand(through, position, rule, None, None, None, None, value)
        if repeated:
            local_symbol = Formula(
                f"∂{_subscript(position + 1)}{through}",
                rf"\partial_{{{position + 1}}} {latex_name(through)}",
            )
        else:
            local_symbol = Formula(
                f"∂{through}/∂{name}",
                rf"\frac{{\partial {latex_name(through)}}}{{\partial {latex_name(name)}}}",
            )
        above = self._symbol(through)
        rule = Formula(
            f"{above.text} · {local_symbol.text}", rf"{above.latex} \, {local_symbol.latex}"
        )
        local = Formula(
            *(self._write(user, position, [1.0], form).text for form in ("text", "latex"))
        )
        factor = self.chain.cotangents[user.index]
        return Summand(through, position, rule, local_symbol, local, factor, slope, value)

    def _rule(self, user: Node, position: int, form: Form) -> str:
        """A vector-Jacobian product in the names of the cotangents."""
        cotangents = []
        for outer, inner in self.rules[user.index].results.items():
            if self.rules[user.index].nodes[inner].dtype.kind == "f":
                cotangents.append(self._cotangent_term(outer, form))
        found = self._write(user, position, cotangents, form)
        return found.text

    def _cotangent_term(self, index: int, form: Form) -> Term | float:
        if index not in self.chain.cotangents:
            return 0.0
        node = self.nodes[index]
        is_total = node.shape == () and self.names[index] == self.total
        if is_total and index not in self.chain.contributions:
            return 1.0
        symbol = self._symbol(self.names[index])
        return Term(symbol.latex if form == "latex" else symbol.text, ATOM)

    def _write(
        self, user: Node, position: int, cotangents: Sequence[Term | float], form: Form
    ) -> Term:
        rules = self.rules[user.index]
        return rules.write(position, self.names, cotangents, form, self.constants)


def _with_one_output(graph: Graph, of: int) -> Graph:
    """The same nodes with one of the results."""
    outputs = graph.outputs[: graph.structure.count]
    if not 0 <= of < len(outputs):
        raise InvalidInput(f"{graph.name} has {counted(len(outputs), 'output')}, no output {of}.")
    chosen = [outputs[of]]
    return Graph(
        graph.nodes, graph.inputs, chosen, flatten(0.0)[1], graph.arguments, graph.guards,
        graph.name, graph.function,
    )  # fmt: skip


def _subscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
