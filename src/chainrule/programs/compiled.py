"""Compiled functions: traced once for each kind of argument, then run as straight-line code."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput
from chainrule.engine.gradient import value_and_grad
from chainrule.engine.graph import Graph, dtype_of, shape_of
from chainrule.engine.selection import ArgumentNames, ArgumentNumbers, function_name, select
from chainrule.engine.tracing import Traced
from chainrule.engine.trees import Structure, flatten
from chainrule.programs.capture import Capture, agree, with_gradients
from chainrule.programs.entry import MISS, Destination, Entry, kind_of, layout_of
from chainrule.programs.environment import Place
from chainrule.programs.plan import Plan
from chainrule.programs.simplify import simplify

_PLANS_PER_SIGNATURE = 8
_PLANS = 64  # a function called with ever new sizes or integers is not worth ever new plans


def compile(f: Callable[..., Any]) -> Compiled:
    """A faster version of a function written in NumPy.

    The function is traced the first time it meets arguments of a new structure, shape, dtype or
    memory layout; afterwards straight-line code runs that computes the same numbers into reused
    buffers. Arrays that the function closes over, or reads from global variables and attributes,
    are read afresh on every call.

    Parameters
    ----------
    f : callable
        It must not draw random numbers: pass them as arguments. What else it does besides
        computing its result (printing, counting, storing) happens while it is traced only.

    Returns
    -------
    Compiled
        Callable like ``f``; ``.explain()`` says what runs.

    Raises
    ------
    InvalidInput
        The function draws random numbers, or returns something that is no tree of arrays (on
        calling).

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> f = cr.compile(lambda x: np.sum(np.tanh(x) ** 2))
    >>> f(np.zeros(3))
    np.float64(0.0)
    """
    if not callable(f):
        raise InvalidInput(f"the function to compile must be callable, got {type(f).__name__}.")
    return Compiled(f)


def compiled_value_and_grad(
    f: Callable[..., Any],
    argnums: ArgumentNumbers = 0,
    argnames: ArgumentNames = None,
    has_aux: bool = False,
) -> Compiled:
    """`chainrule.value_and_grad` as compiled code; see `compile`."""
    return Compiled(f, (argnums, argnames, has_aux))


class Compiled:
    """A function with a plan for every kind of argument it has met.

    Made by `chainrule.compile` and by `chainrule.value_and_grad` with ``compile=True``.

    Parameters
    ----------
    f : callable
    gradient : tuple, optional
        The options of `value_and_grad`, where value and gradient are computed.
    destination : tree of arrays, optional
        Where gradients are written.

    Attributes
    ----------
    retraces, misses : int
        How often a plan was made, and how often a branch or a variable differed from what a plan
        was made for.
    """

    def __init__(
        self, f: Callable[..., Any], gradient: Any = None, destination: Any = None
    ) -> None:
        functools.update_wrapper(self, f, updated=())
        self.__name__ = function_name(f)
        self._f = f
        self._gradient = gradient
        self._eager = f if gradient is None else value_and_grad(f, *gradient)
        self._destination_tree = destination
        self._destination = None if destination is None else Destination(_writable(destination))
        self._entries: dict[Any, list[Entry]] = {}
        self._changing: set[Place] = set()
        self._latest: Entry | None = None
        self.retraces = 0
        self.misses = 0

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        latest = self._latest
        if latest is not None:
            result = latest.run(args, kwargs)
            if result is not MISS:
                return result
        return self._dispatch(args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def into(self, gradients: Any) -> Compiled:
        """The same program, writing gradients into arrays that are there already.

        Parameters
        ----------
        gradients : tree of arrays
            Of the structure, shapes and dtypes of the gradient; for instance views into one flat
            array (`chainrule.programs.flat.flat_tree`), so that an optimizer's step is an
            operation or two on that array.

        Returns
        -------
        callable
            Takes the same arguments and returns the value alone, or ``(value, extra)``. For
            arguments that share memory with ``gradients`` it is right, but slow.

        Raises
        ------
        InvalidInput
            This is no compiled gradient; or the arrays do not fit (on calling, for structure,
            shapes and dtypes), are read-only, or overlap.

        Examples
        --------
        >>> import numpy as np
        >>> from chainrule.programs.compiled import compiled_value_and_grad
        >>> gradient = np.empty(2)
        >>> f = compiled_value_and_grad(lambda x: np.sum(x**2)).into(gradient)
        >>> f(np.array([1.0, 3.0])), gradient
        (np.float64(10.0), array([2., 6.]))
        """
        if self._gradient is None:
            raise InvalidInput(
                f"{self.__name__}.into(...) needs a gradient; use value_and_grad(f, compile=True)."
            )
        return Compiled(self._f, self._gradient, gradients)

    def _with_function(self, f: Any) -> Compiled:
        """The same for another function; how `chainrule.programs.reach` rebuilds this."""
        return self if f is self._f else Compiled(f, self._gradient)

    # --- choosing a plan -------------------------------------------------------------------------

    def _dispatch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        leaves, structure = flatten((args, kwargs))
        if any(isinstance(leaf, Traced) for leaf in leaves):
            return self._by_the_way(args, kwargs)
        key = (structure, tuple([kind_of(leaf) for leaf in leaves]))
        entries = self._entries.get(key, [])
        if self._destination is None or not any(map(self._destination.overlaps, leaves)):
            for entry in entries:
                result = entry.execute(leaves)
                if result is not MISS:
                    self._latest = entry
                    return result
            self.misses += bool(entries)
            if len(entries) < _PLANS_PER_SIGNATURE and len(self.plans) < _PLANS:
                return self._first_call(args, kwargs, leaves, structure, key)
        return self._by_the_way(args, kwargs)

    def _by_the_way(self, args: Any, kwargs: Any) -> Any:
        """What the ordinary function gives, its gradients where they belong."""
        result = self._eager(*args, **kwargs)
        if self._destination is None:
            return result
        value, gradients = result
        found, structure = flatten(gradients)
        self._check_destination(found, structure)
        for array, gradient in zip(self._destination.arrays, found, strict=True):
            array[...] = gradient
        return value

    def _first_call(
        self, args: Any, kwargs: Any, leaves: list[Any], structure: Structure, key: Any
    ) -> Any:
        """Trace, make a plan, and check it against the ordinary function."""
        call = Capture(self._f, args, kwargs, self._changing)
        for entry in self._entries.get(key, []):
            self._changing |= call.environment.changed_numbers(entry.environment)
        if self._changing:
            call = Capture(self._f, args, kwargs, self._changing)
        destination = self._destination
        clash = destination is not None and any(map(destination.overlaps, call.lifted))
        if call.environment.traced or clash:
            return self._by_the_way(args, kwargs)
        graph, expected = call.record(lambda: self._eager(*args, **kwargs))
        if graph is None:
            return expected
        entry = self._entry(call, graph)
        result = entry.execute(leaves)
        found = result if destination is None else (result, self._destination_tree)
        if result is MISS or not agree(expected, found):
            raise InvalidInput(
                f"two evaluations of {self.__name__} with the same arguments differ, so it cannot "
                f"be compiled: pass everything that changes from call to call as an argument."
            )
        self._entries.setdefault(key, []).append(entry)
        self._latest = entry
        self.retraces += 1
        return result

    def _entry(self, call: Capture, graph: Graph) -> Entry:
        """The plan of a recorded call, with the conditions under which it holds."""
        present: Callable[[list[Any]], Any] = graph.structure.unflatten
        values, arrays = len(graph.outputs), None
        if self._gradient is not None:
            graph, present = self._differentiate(call, graph)
        if self._destination is not None:
            arrays = [None] * values + self._destination.arrays
        inputs = [x for x in [*call.leaves, *call.lifted] if isinstance(x, np.ndarray)]
        compact = all(layout_of(x) in ("C", "F") for x in inputs)
        plan = Plan(simplify(graph), outputs=arrays, compact=compact)
        outputs = len(graph.outputs) if arrays is None else values
        return Entry(
            plan, present, call.environment, call.leaves, call.structure, outputs,
            self._destination,
        )  # fmt: skip

    def _differentiate(
        self, call: Capture, graph: Graph
    ) -> tuple[Graph, Callable[[list[Any]], Any]]:
        """The graph with its backward pass, and how its outputs are presented."""
        argnums, argnames, _ = self._gradient
        selection = select(self._f, argnums, argnames, call.args, call.kwargs)
        numbered = call.structure.unflatten(list(range(call.structure.count)))
        chosen = [numbered[0][i] for i in selection.positions]
        chosen += [numbered[1][name] for name in selection.names]
        wanted, structure = flatten(tuple(chosen))
        outputs, result = len(graph.outputs), graph.structure
        graph = with_gradients(graph, [call.input_of(i) for i in wanted])
        if self._destination is not None:
            gradients = selection.present(structure.unflatten([call.leaves[i] for i in wanted]))
            self._check_destination(*flatten(gradients))
            return graph, result.unflatten

        def present(values: list[Any]) -> Any:
            gradients = structure.unflatten(values[outputs:])
            return result.unflatten(values[:outputs]), selection.present(gradients)

        return graph, present

    def _check_destination(self, gradients: list[Any], structure: Structure) -> None:
        """Whether gradients of these shapes fit into the arrays that were given for them."""
        found = flatten(self._destination_tree)[1]
        if found != structure:
            raise InvalidInput(
                f"the arrays given to {self.__name__}.into have the structure {found}, the "
                f"gradient {structure}."
            )
        names = structure.paths("gradients")
        arrays = self._destination.arrays  # type: ignore[union-attr]
        for name, array, gradient in zip(names, arrays, gradients, strict=True):
            if array.shape != shape_of(gradient) or array.dtype != dtype_of(gradient):
                raise InvalidInput(
                    f"{name} given to {self.__name__}.into is {array.dtype}{list(array.shape)}, "
                    f"the gradient {dtype_of(gradient)}{list(shape_of(gradient))}."
                )

    # --- looking ---------------------------------------------------------------------------------

    def explain(self, statements: bool = True) -> str:
        """What runs: plans, statements with bytes and microseconds, buffers, retraces."""
        lines = [
            f"{self.__name__}: {len(self.plans)} plan(s), {self.retraces} trace(s), "
            f"{self.misses} guard miss(es)"
        ]
        for entries in self._entries.values():
            for entry in entries:
                lines += entry.explain(statements)
        full = any(len(entries) >= _PLANS_PER_SIGNATURE for entries in self._entries.values())
        if full or len(self.plans) >= _PLANS:
            lines.append("no more plans are made: what none of these fits runs as it is written")
        return "\n".join(lines)

    @property
    def plans(self) -> list[Plan]:
        """Every plan made so far."""
        return [entry.plan for entries in self._entries.values() for entry in entries]

    def __repr__(self) -> str:
        return f"<compiled {self.__name__}: {len(self.plans)} plan(s)>"


def _writable(tree: Any) -> list[np.ndarray]:
    """The arrays of a tree, in which results can be put without harming each other."""
    leaves, structure = flatten(tree)
    for name, leaf in zip(structure.paths("gradients"), leaves, strict=True):
        if not isinstance(leaf, np.ndarray) or not leaf.flags.writeable:
            what = "a read-only array" if isinstance(leaf, np.ndarray) else f"{type(leaf).__name__}"
            raise InvalidInput(f"{name} must be an array that can be written to, got {what}.")
    for i, leaf in enumerate(leaves):
        if any(np.shares_memory(leaf, other) for other in leaves[:i]):
            raise InvalidInput(
                f"{structure.paths('gradients')[i]} shares memory with another of the arrays "
                f"that gradients are to be written into."
            )
    return leaves
