"""A function and its gradient as a program that a person can read, run, keep and step through."""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Callable, Sequence
from typing import Any, Literal

from chainrule.engine.collector import collector_paused
from chainrule.engine.errors import InvalidInput
from chainrule.engine.graph import Graph, dtype_of
from chainrule.engine.selection import Selection, select
from chainrule.engine.trees import Structure, flatten
from chainrule.programs.bindings import Bindings
from chainrule.programs.names import COTANGENT_STYLES, CotangentStyle, trace_watched
from chainrule.programs.simplify import simplify
from chainrule.programs.source_signature import Signature
from chainrule.programs.source_writer import Options, Writer


class Source(str):
    """The text of a program, and the program.

    Attributes
    ----------
    function : callable
        The function the text defines; tracebacks and debuggers show its lines.
    graph : Graph
        The simplified graph it was written from; `Graph.evaluate` gives the same bits.
    names : dict of int to str
        The variable of each node, by index.
    constants : dict of str to object
        Large arrays and functions that the text reads by name and does not define. To run the text
        elsewhere: ``exec(text, {**source.constants})``.
    filename : str
        What tracebacks call it.
    """

    function: Callable[..., Any]
    graph: Graph
    names: dict[int, str]
    constants: dict[str, Any]
    filename: str

    __slots__ = ("constants", "filename", "function", "graph", "names")

    def __repr__(self) -> str:
        return self.rstrip("\n")

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.rstrip()}\n```"


def source(
    f: Callable[..., Any],
    /,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    argnames: str | Sequence[str] | None = None,
    cotangents: CotangentStyle = "bar",
    shapes: bool = False,
    comments: bool = True,
    assertions: bool = False,
    backend: Literal["numpy", "torch"] = "numpy",
    **kwargs: Any,
) -> Source:
    """The function and its gradient as one NumPy function, in the user's own variable names.

    Parameters
    ----------
    f : callable
        Written in NumPy; returns one real number, or arrays.
    *args, **kwargs
        Example arguments. Arrays and floats stay parameters; integers, booleans and strings are
        fixed, and checked.
    argnums : int, sequence of int or None
        Positional arguments to differentiate; None means every floating-point argument.
    argnames : str or sequence of str, optional
        Differentiate by arguments of these names instead.
    cotangents : {"bar", "d", "grad"}
        The derivative by ``h`` is called ``h_bar``, ``dh`` or ``grad_h``.
    shapes : bool
        Put the shape of every value behind its statement.
    comments : bool
        Quote the user's statement above what was made of it.
    assertions : bool
        Check that branches are taken as they were with the example arguments; otherwise a comment
        names them.
    backend : {"numpy", "torch"}
        Write NumPy, or PyTorch tensors without its automatic differentiation.

    Returns
    -------
    Source
        The text of a function with the parameters of ``f`` that returns
        ``(value, {parameter: gradient})``, gradients in the trees of their parameters. They may
        share memory with each other and with the arguments. If ``f`` returns anything but one
        number, it is the backward pass of a layer: it takes one more argument, the cotangent of
        the result, such as ``h_bar`` (or the keyword ``cotangents``, one for each of several
        results), and the gradients are vector-Jacobian products.

    Raises
    ------
    InvalidInput
        The function returns nothing that depends on an argument, or an argument has no gradient.
    TracingError
        The function cannot be traced.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> def loss(w, x):
    ...     p = x @ w
    ...     return np.sum(p**2)
    >>> program = cr.source(loss, np.ones(3), np.ones((2, 3)), argnums=0)
    >>> value, gradient = program.function(np.ones(3), np.ones((2, 3)))
    >>> gradient
    {'w': array([12., 12., 12.])}
    >>> layer = cr.source(lambda x, W: np.tanh(x @ W), np.ones((2, 3)), np.ones((3, 4)))
    >>> layer.function.__code__.co_varnames[:3]
    ('x', 'W', 'value_bar')
    """
    if not callable(f):
        raise InvalidInput(f"source needs a function, got {type(f).__name__}.")
    _check_options(backend, cotangents)
    graph, seen = trace_watched(f, *args, **kwargs)
    backward = _value_and_gradients(graph, select(f, argnums, argnames, args, kwargs))
    fixed = _fixed(graph, args, kwargs)
    options = Options(cotangents, shapes, comments, assertions, backend, gradients=True, layer=True)
    return _finished(Writer(simplify(backward), seen, fixed, options))


@collector_paused()
def graph_source(
    graph: Graph,
    *,
    cotangents: CotangentStyle = "bar",
    shapes: bool = False,
    comments: bool = True,
    assertions: bool = False,
    backend: Literal["numpy", "torch"] = "numpy",
) -> Source:
    """Any graph as a program that returns what the graph returns.

    Parameters
    ----------
    graph : Graph
        From `chainrule.trace`, with or without a backward pass; written as it is, not simplified.
    cotangents, shapes, comments, assertions, backend
        As for `source`.

    Returns
    -------
    Source
    """
    _check_options(backend, cotangents)
    gradients = bool(graph.cotangents) or any(node.of is not None for node in graph.nodes)
    options = Options(cotangents, shapes, comments, assertions, backend, gradients)
    return _finished(Writer(graph, Bindings(graph.function), {}, options))


def _check_options(backend: str, cotangents: str) -> None:
    if backend not in ("numpy", "torch"):
        raise InvalidInput(f"backend must be 'numpy' or 'torch', got {backend!r}.")
    if cotangents not in COTANGENT_STYLES:
        raise InvalidInput(f"cotangents must be 'bar', 'd' or 'grad', got {cotangents!r}.")


# --- the graph ------------------------------------------------------------------------------------


def _value_and_gradients(graph: Graph, selection: Selection) -> Graph:
    """The graph with its backward pass, its result as ``(value, {parameter: tree})``."""
    leaves, structure = flatten(selection.chosen)
    labels = selection.leaf_names(structure)
    inputs = {node.name: node for node in graph.inputs}
    for label, leaf in zip(labels, leaves, strict=True):
        if label not in inputs or inputs[label].dtype.kind != "f":
            kind = f"dtype {dtype_of(leaf)}" if label in inputs else f"type {type(leaf).__name__}"
            raise InvalidInput(
                f"{label} has {kind}; only floating-point arguments have a gradient: convert it "
                "with .astype(float), or exclude it with argnums."
            )
    backward = graph.backward(wrt=labels)
    trees = Structure(dict, tuple(selection.labels), structure.children)
    backward.structure = Structure(tuple, None, (graph.structure, trees))
    return backward


def _fixed(graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments that were traced as they are, by the expression that finds them."""
    signature = Signature(graph, {})
    inputs = {node.name for node in graph.inputs}
    fixed: dict[str, Any] = {}
    given = [*args, *kwargs.values()]
    for (label, tree), value in zip(signature.trees.items(), given, strict=True):
        for path, leaf in zip(tree.paths(label), flatten(value)[0], strict=True):
            if path not in inputs:
                fixed[signature.access(path)] = leaf
    for parameter in signature.parameters:
        left_out = parameter.name not in signature.trees
        if left_out and parameter.default is not parameter.empty:
            fixed[parameter.name] = parameter.default
    return fixed


# --- the program ----------------------------------------------------------------------------------


def _finished(writer: Writer) -> Source:
    """The program as text and function; tracebacks and debuggers find its lines."""
    text, bound = writer.text()
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    program = Source(text)
    program.graph = writer.graph
    program.names = writer.naming.names
    program.constants = bound
    program.filename = f"<source of {writer.name} {digest}>"
    namespace: dict[str, Any] = {**bound, "__name__": f"source_of_{writer.name}"}
    exec(compile(text, program.filename, "exec"), namespace)
    lines = text.splitlines(keepends=True)
    linecache.cache[program.filename] = (len(text), None, lines, program.filename)
    program.function = namespace[writer.name]
    return program
