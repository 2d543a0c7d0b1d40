"""What `chainrule.explain` returns: values, derivatives and formulas, to be read in five ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.engine.graph import Graph
from chainrule.engine.primitive import PLACEHOLDER
from chainrule.programs.notation import latex_name, term
from chainrule.programs.statements import Statement
from chainrule.programs.terms import Form, Term

__all__ = ["ConstantArrays", "ExplainedValue", "Explanation", "Formula", "Summand"]


@dataclass(frozen=True)
class Formula:
    """Mathematics twice: as plain text and as LaTeX."""

    text: str
    latex: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Summand:
    """What one operation adds to the derivative of one of its operands.

    Attributes
    ----------
    through : str
        The value that the operation computes.
    position : int
        Which of its operands.
    rule : Formula
        For numbers the product dL/du · ∂u/∂v, for arrays the vector-Jacobian product.
    symbol, local : Formula or None
        ∂u/∂v, and what it is: for numbers only.
    factor, slope : number or None
        The numbers dL/du and ∂u/∂v: for numbers only.
    value : number or array
        The summand.
    """

    through: str
    position: int
    rule: Formula
    symbol: Formula | None
    local: Formula | None
    factor: Any
    slope: Any
    value: Any


@dataclass(frozen=True)
class ExplainedValue:
    """One value of the function.

    Attributes
    ----------
    name : Formula
    kind : {"input", "constant", "operation"}
    expression : Formula
        In the operands of the operation; the name itself for an input.
    value : number, array, or tuple of arrays
    statement : Statement or None
        The user's statement that computed it, where its source can be read.
    symbol : Formula
        Of its derivative, dL/dh.
    seed : number, array or None
        What the derivative starts with, where the value is a result of the function.
    derivative : number, array or None
        None where there is none; ``note`` says why.
    summands : tuple of Summand
        Their sum, and the seed, is the derivative.
    note : str
    """

    name: Formula
    kind: str
    expression: Formula
    value: Any
    statement: Statement | None
    symbol: Formula
    seed: Any
    derivative: Any
    summands: tuple[Summand, ...]
    note: str


@dataclass(frozen=True)
class Explanation:
    """A function's values and derivatives, readable as text, Markdown, LaTeX, HTML and data.

    Attributes
    ----------
    function : str
        The function's name.
    total : Formula
        What is differentiated: the result, or S, the sum of the entries of all results.
    values : tuple of ExplainedValue
        In the order of the computation.
    results : tuple of str
        Names of the results.
    cotangent : str
        A sentence on what the derivatives are those of, where the result is not one number.
    graph : Graph
        The traced function with its backward pass.
    names : mapping of int to str
        What the nodes are called, by their index.
    constants : ConstantArrays
        Arrays that the function uses besides its arguments.
    """

    function: str
    total: Formula
    values: tuple[ExplainedValue, ...]
    results: tuple[str, ...]
    cotangent: str
    graph: Graph = field(repr=False)
    names: Mapping[int, str] = field(repr=False)
    constants: ConstantArrays = field(repr=False)

    @property
    def inputs(self) -> tuple[ExplainedValue, ...]:
        """The function's inputs."""
        return tuple(value for value in self.values if value.kind == "input")

    @property
    def given(self) -> tuple[ExplainedValue, ...]:
        """The inputs, and the constant arrays that the function uses."""
        constants = [v for v in self.values if v.kind == "constant" and v.name == v.expression]
        return (*self.inputs, *constants)

    @property
    def backward(self) -> tuple[ExplainedValue, ...]:
        """The values that have a derivative: in the order of the backward pass, inputs last."""
        found = [value for value in self.values if value.derivative is not None]
        computed = [value for value in reversed(found) if value.kind != "input"]
        return (*computed, *(value for value in found if value.kind == "input"))

    def __getitem__(self, name: str) -> ExplainedValue:
        """The value of that name."""
        for value in self.values:
            if value.name.text == name:
                return value
        known = ", ".join(value.name.text for value in self.values)
        raise KeyError(f"{self.function} has no value {name!r}; its values are {known}.")

    def in_inputs(self, name: str, form: Form = "text") -> str:
        """A value as one expression of the function's inputs.

        Parameters
        ----------
        name : str
        form : {"text", "latex", "source"}

        Returns
        -------
        str
            Values that would make it longer than it can be read keep their names in it.
        """
        return _expanded(self, self[name].name.text, form)

    def text(self) -> str:
        """The whole explanation as plain text."""
        from chainrule.programs.explanation_text import as_text

        return as_text(self)

    def markdown(self) -> str:
        """The whole explanation as Markdown tables."""
        from chainrule.programs.explanation_markdown import as_markdown

        return as_markdown(self)

    def latex(self) -> str:
        """The whole explanation as aligned equations; they need the package amsmath."""
        from chainrule.programs.explanation_latex import as_latex

        return as_latex(self)

    def html(self) -> str:
        """The whole explanation as HTML without scripts, style sheets or pictures."""
        from chainrule.programs.explanation_html import as_html

        return as_html(self)

    def to_dict(self) -> dict[str, Any]:
        """The whole explanation as data that JSON can hold."""
        from chainrule.programs.explanation_data import as_data

        return as_data(self)

    def __repr__(self) -> str:
        return self.text()

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        from chainrule.programs.explanation_html import as_html

        return as_html(self, limit=100)


class ConstantArrays:
    """Names for the constant arrays of a graph: those of the user's variables that hold them.

    Tracing copies what a function closes over, so that arrays are recognised by their contents.

    Parameters
    ----------
    graph : Graph
    visible : mapping of str to array
        The arrays that the function can see, by name.
    taken : iterable of str
        Names in use.
    """

    def __init__(
        self, graph: Graph, visible: Mapping[str, np.ndarray], taken: Iterable[str]
    ) -> None:
        by_contents = {_contents(array): name for name, array in visible.items()}
        used = set(taken)
        self.named: dict[str, np.ndarray] = {}
        self._names: dict[Any, str] = {}
        for node in graph:
            for array in node.inputs:
                if type(array) is not np.ndarray or not array.ndim:
                    continue
                key = _contents(array)
                name = by_contents.get(key)
                if name is not None and name not in used:
                    used.add(name)
                    self.named[name] = array
                    self._names[key] = name

    def __call__(self, value: Any) -> str | None:
        """The name of a constant array, None for one without and for numbers."""
        if type(value) is not np.ndarray or not value.ndim or not self._names:
            return None
        return self._names.get(_contents(value))


def _contents(array: np.ndarray) -> Any:
    return array.shape, array.dtype.str, array.tobytes()


_LONGEST = {"text": 160, "latex": 480, "source": 160}


def _expanded(explanation: Explanation, name: str, form: Form) -> str:
    """A value in the inputs; a value whose expression has become too long keeps its name."""
    names = explanation.names
    targets = [index for index, found in names.items() if found == name]
    if not targets:
        return latex_name(name) if form == "latex" else name
    terms: dict[int, str | Term] = {}
    for node in explanation.graph.ancestors_of([explanation.graph.nodes[targets[0]]]):
        if node.primitive is PLACEHOLDER:
            terms[node.index] = names[node.index]
            continue
        found = term(node, terms, form, constants=explanation.constants)
        long = len(found.text) > _LONGEST[form] and node.index != targets[0]
        terms[node.index] = names[node.index] if long else found
    last = terms[targets[0]]
    return last.text if isinstance(last, Term) else latex_name(last) if form == "latex" else last
