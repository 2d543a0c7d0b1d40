"""A function and everything it reads as one graph, with nothing that may change frozen into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import ChainruleError, InvalidInput
from chainrule.engine.graph import Graph, Node, dtype_of, shape_of
from chainrule.engine.selection import function_name, leaf_names_of
from chainrule.engine.tracing import Traced
from chainrule.engine.transforms import trace
from chainrule.engine.trees import flatten
from chainrule.programs.entry import is_dynamic
from chainrule.programs.environment import Place, inspect_environment, rebuild
from chainrule.programs.randomness import RandomWatch, is_generator

_RESULTS = (np.ndarray, np.generic, bool, int, float, complex, str, bytes, np.dtype, type(...))


class Capture:
    """One call of a function, recorded.

    Parameters
    ----------
    f : callable
    args, kwargs
        Of the call.
    changing : set of Place
        Numbers among the variables that are known to change.

    Attributes
    ----------
    name : str
    leaves : list
        Of the arguments.
    structure : Structure
        Of ``(args, kwargs)``.
    environment : Environment
        The variables that the function reads.
    """

    def __init__(self, f: Callable[..., Any], args: Any, kwargs: Any, changing: set[Place]) -> None:
        self.name = function_name(f)
        self.args = args
        self.kwargs = kwargs
        self.leaves, self.structure = flatten((args, kwargs))
        self._f = f
        self._static = [i for i, leaf in enumerate(self.leaves) if not is_dynamic(leaf)]
        self.environment = inspect_environment(f, self._static_leaves(), changing)

    def _static_leaves(self) -> list[Any]:
        return [self.leaves[i] for i in self._static]

    @property
    def lifted(self) -> list[Any]:
        """The variables that are inputs of the graph, ahead of the arguments."""
        return [value for _, _, value in self.environment.lifted]

    def record(self, expected: Callable[[], Any]) -> tuple[Graph | None, Any]:
        """The function as a graph, and what ``expected()`` gave in the same state of affairs.

        No graph if that contains values of a trace that is going on.

        Raises
        ------
        InvalidInput
            Random numbers were drawn, or the result is no tree of arrays.
        """
        generators = [*self.environment.generators, *filter(is_generator, self.leaves)]
        graph = None
        with RandomWatch(generators) as watch:
            result = expected()
            if any(isinstance(leaf, Traced) for leaf in flatten(result)[0]):
                return None, result
            if not watch.drawn_so_far():
                graph = self._trace()
        if watch.drawn:
            raise InvalidInput(
                f"{self.name} draws random numbers, which a compiled program would repeat; "
                f"draw them outside and pass the array as an argument."
            )
        return graph, result

    def _trace(self) -> Graph:
        try:
            graph = self._graph()
        except ChainruleError:
            if not self.environment.lifted:
                raise
            # an array that the function only reads may be put to uses that cannot be traced
            self.environment = inspect_environment(self._f, self._static_leaves(), lift=False)
            graph = self._graph()
        for output in graph.outputs:
            if type(output) is not Node and not isinstance(output, _RESULTS):
                raise InvalidInput(
                    f"{self.name} returned a {type(output).__name__}; the result of a compiled "
                    f"function must be an array or a tree of arrays."
                )
        return graph

    def _graph(self) -> Graph:
        """The function as a graph, with lifted variables as its first inputs."""
        lifted = self.environment.lifted

        def with_environment(values: dict[str, Any], *a: Any, **k: Any) -> Any:
            if not self.environment.lifts:
                return self._f(*a, **k)
            replacements = {
                place: value
                for (place, _, _), value in zip(lifted, values.values(), strict=True)
                if isinstance(value, Traced)
            }
            found, shape = flatten((a, k))
            f, replaced = rebuild(self._f, self._static_leaves(), replacements)
            for i, value in zip(self._static, replaced, strict=True):
                found[i] = value
            a, k = shape.unflatten(found)
            return f(*a, **k)

        with_environment.__name__ = self.name
        values = {str(i): value for i, (_, _, value) in enumerate(lifted)}
        graph = trace(with_environment, values, *self.args, **self.kwargs)
        names = leaf_names_of(self._f, self.args, self.structure)
        names = [n for n, leaf in zip(names, self.leaves, strict=True) if is_dynamic(leaf)]
        every = [*(name for _, name, _ in lifted), *names]
        for node, name in zip(graph.inputs, every, strict=True):
            node.name = name
        return graph

    def input_of(self, leaf: int) -> int:
        """The number of the graph's input that an argument leaf is."""
        return len(self.environment.lifted) + sum(map(is_dynamic, self.leaves[:leaf]))


def with_gradients(graph: Graph, inputs: list[int]) -> Graph:
    """The graph with gradients of its first output as further outputs; zeros for a constant."""
    if type(graph.outputs[0]) is Node:
        return graph.backward(wrt=inputs, of=0)
    nodes = [graph.inputs[i] for i in inputs]
    zeros = [np.zeros(node.shape, node.dtype)[()] for node in nodes]
    graph.outputs = [*graph.outputs, *zeros]
    return graph


def agree(expected: Any, found: Any) -> bool:
    """Whether two results are the same up to rounding, in view of their largest elements.

    A result of double precision may have been computed from numbers of single precision, such as
    the gradients beside it, so that the coarsest rounding among the results counts.
    """
    first, structure = flatten(expected)
    second, other = flatten(found)
    if structure != other:
        return False
    scale = max(map(_size, first), default=0.0)
    rounding = max((float(np.finfo(dtype_of(x)).eps) for x in first if _is_floating(x)), default=0)
    tolerance = 1e4 * rounding * scale
    return all(_leaves_agree(a, b, tolerance) for a, b in zip(first, second, strict=True))


def _is_floating(leaf: Any) -> bool:
    return isinstance(leaf, (np.ndarray, np.generic, float)) and dtype_of(leaf).kind in "fc"


def _size(leaf: Any) -> float:
    if not _is_floating(leaf):
        return 0.0
    finite = np.abs(np.asarray(leaf)[np.isfinite(leaf)])
    return float(np.max(finite, initial=0.0))


def _leaves_agree(a: Any, b: Any, tolerance: float) -> bool:
    if not _is_floating(a):
        same = a == b
        return bool(np.all(same)) and shape_of(a) == shape_of(b)
    if shape_of(a) != shape_of(b) or not _is_floating(b):
        return False
    a, b = np.asarray(a), np.asarray(b)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return bool(np.array_equal(np.isnan(a), np.isnan(b)))
    return bool(np.all(np.abs(a - b) <= tolerance))
