"""Transforms beyond the gradient: graphs, products with Jacobians, Jacobians and Hessians."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.engine.backward import owned_cotangents, pull_back
from chainrule.engine.errors import InvalidInput
from chainrule.engine.gradient import _grad
from chainrule.engine.graph import Graph, Node, dtype_of, own_copy, shape_of
from chainrule.engine.selection import (
    argument_name,
    checked_placeholder,
    function_name,
    leaf_names_of,
)
from chainrule.engine.tracing import Trace, Traced, belongs
from chainrule.engine.trees import Structure, flatten, flatten_like, tree_map


def trace(f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Graph:
    """Record a function as a graph, with every array and float argument as an input.

    Parameters
    ----------
    f : callable
        A function written in NumPy.
    *args, **kwargs
        Its arguments; arrays, NumPy scalars and Python floats become inputs, anything else
        (integers, booleans, strings) is fixed.

    Returns
    -------
    Graph
        With the concrete values of this call on its nodes.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> print(cr.trace(lambda x: np.tanh(x) * 2.0, np.array([0.0, 1.0])))
    graph of <lambda>: 3 nodes
      %0 x = placeholder() : float64[2]
      %1 = tanh(%0) : float64[2]
      %2 = multiply(%1, 2.0) : float64[2]
      return %2
    """
    recording = Trace(lasting=True)
    leaves, arguments = flatten((args, kwargs))
    names = leaf_names_of(f, args, arguments)
    try:
        traced = []
        inputs = []
        for leaf, name in zip(leaves, names, strict=True):
            if type(leaf) is float or isinstance(leaf, (np.ndarray, np.generic, Traced)):
                placeholder = recording.placeholder(_lasting(leaf), name)
                inputs.append(placeholder.node)
                traced.append(placeholder)
            else:
                traced.append(leaf)
        new_args, new_kwargs = arguments.unflatten(traced)
        result = f(*new_args, **new_kwargs)
        outputs, structure = flatten(result)
        outputs = [x.node if belongs(x, recording) else x for x in outputs]
    finally:
        nodes = recording.close()
    return Graph(
        nodes, inputs, outputs, structure, arguments, recording.guards, function_name(f), f
    )


def _lasting(leaf: Any) -> Any:
    """An argument that later changes of the user's array do not reach."""
    return leaf.copy("K") if isinstance(leaf, np.ndarray) and not isinstance(leaf, Traced) else leaf


class Pullback:
    """The transposed derivative of a function at a point: maps output to input cotangents."""

    def __init__(
        self,
        nodes: list[Node],
        inputs: list[Node],
        outputs: list[Any],
        structure: Structure,
        arguments: Structure,
        name: str,
    ) -> None:
        self._nodes = nodes
        self._inputs = inputs
        self._outputs = outputs
        self._structure = structure
        self._arguments = arguments
        self._name = name

    def __call__(self, cotangent: Any) -> Any:
        """Cotangents of the arguments, a tuple with one tree per argument.

        Raises
        ------
        InvalidInput
            The cotangent does not have the structure and shapes of the function's result.
        """
        leaves, structure = flatten_like(self._structure, cotangent)
        if structure != self._structure:
            raise InvalidInput(
                f"the cotangent must have the structure of the result of {self._name}, "
                f"{self._structure}, got {structure}, * standing for an array."
            )
        seeds = []
        for output, leaf in zip(self._outputs, leaves, strict=True):
            value = output.value if type(output) is Node else output
            if shape_of(leaf) != shape_of(value):
                raise InvalidInput(
                    f"the cotangent of {self._name} has shape {shape_of(leaf)}, its result "
                    f"{shape_of(value)}."
                )
            if not isinstance(leaf, Traced) and np.asarray(leaf).dtype.kind not in "fiub":
                raise InvalidInput(
                    f"the cotangent of {self._name} has dtype {np.asarray(leaf).dtype}; it must "
                    "be real."
                )
            if type(output) is Node:
                dtype = getattr(value, "dtype", np.dtype(float))
                if isinstance(leaf, Traced):
                    same = leaf.dtype == dtype
                    seeds.append((output, leaf if same else leaf.astype(dtype)))
                else:
                    seeds.append((output, np.array(leaf, dtype)[()]))
        found = pull_back(self._nodes, seeds, self._inputs)
        lent = tuple([seed for _, seed in seeds])
        return self._arguments.unflatten(owned_cotangents(found, self._inputs, lent))


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Pullback]:
    """The value of a function and its vector-Jacobian product.

    Parameters
    ----------
    f : callable
        Any function written in NumPy; the result may be an array or a tree of arrays.
    *args
        Floating-point arrays or trees of them. Close over everything else.

    Returns
    -------
    value
        ``f(*args)``.
    pullback : callable
        ``pullback(cotangent)`` returns a tuple with the cotangent of each argument; it may be
        called any number of times.
    """
    recording = Trace(lasting=True)
    leaves, arguments = flatten(args)
    names = [
        path
        for i, child in enumerate(arguments.children)
        for path in child.paths(argument_name(f, i))
    ]
    try:
        placeholders = []
        for leaf, name in zip(leaves, names, strict=True):
            placeholders.append(checked_placeholder(recording, _lasting(leaf), name))
        result = f(*arguments.unflatten(placeholders))
        outputs, structure = flatten(result)
        for output in outputs:
            if not isinstance(output, (Traced, np.ndarray, np.generic, int, float)):
                raise InvalidInput(
                    f"{function_name(f)} returned a {type(output).__name__}; its result must be "
                    f"an array or a tree of arrays."
                )
        outputs = [x.node if belongs(x, recording) else x for x in outputs]
    finally:
        nodes = recording.close()
    value = structure.unflatten([own_copy(x.value) if type(x) is Node else x for x in outputs])
    inputs = nodes[: len(placeholders)]  # a placeholder may have been assigned to
    return value, Pullback(nodes, inputs, outputs, structure, arguments, function_name(f))


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of a function and its Jacobian-vector product, by transposing the pullback.

    The pullback is linear in the cotangent, so its own pullback at any point is the derivative:
    no second set of rules is needed (J. Townsend, "A new trick for calculating Jacobian vector
    products", 2017).

    Parameters
    ----------
    f : callable
    primals, tangents : sequences
        One entry per argument of ``f``, of equal structure and shapes.

    Returns
    -------
    value, tangent
        Both with the structure of ``f``'s result.
    """
    for role, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, (tuple, list)):
            raise InvalidInput(
                f"jvp needs the {role} as a tuple with one entry per argument of "
                f"{function_name(f)}, got {type(given).__name__}; write (x,) for one argument."
            )
    primals, tangents = tuple(primals), tuple(tangents)
    tangents = tree_map(_checked_tangent, primals, tangents)
    value, pullback = vjp(f, *primals)
    for leaf in flatten(value)[0]:
        if dtype_of(leaf).kind != "f":
            raise InvalidInput(
                f"{function_name(f)} returned dtype {dtype_of(leaf)}; jvp needs floating-point "
                "results."
            )
    zeros = tree_map(lambda v: np.zeros(shape_of(v), dtype_of(v))[()], value)
    _, transposed = vjp(pullback, zeros)
    return value, transposed(tangents)[0]


def _checked_tangent(primal: Any, tangent: Any) -> Any:
    if shape_of(primal) != shape_of(tangent):
        raise InvalidInput(
            f"a tangent has shape {shape_of(tangent)}, its argument {shape_of(primal)}; they "
            "must be equal."
        )
    return tangent


def jacobian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The Jacobian of a function, of shape ``f(x).shape + x.shape``.

    Parameters
    ----------
    f : callable
        Its result is an array, or a tree of arrays.
    argnums : int
        The positional argument to differentiate with respect to: an array or a tree of arrays.

    Returns
    -------
    callable
        Takes the arguments of ``f``. With trees, the result is the tree of ``f``'s result whose
        leaves are trees of the argument.
    """

    def derivative(*args: Any, **kwargs: Any) -> Any:
        position = _one_position(argnums, args, f)

        def of_argument(x: Any) -> Any:
            return f(*args[:position], x, *args[position + 1 :], **kwargs)

        of_argument.__name__ = function_name(f)
        value, pullback = vjp(of_argument, args[position])
        leaves, structure = flatten(value)
        argument, argument_structure = flatten(args[position])
        blocks = []
        for number, leaf in enumerate(leaves):
            shape = shape_of(leaf)
            columns: list[list[Any]] = [[] for _ in argument]
            for k in range(int(np.prod(shape, dtype=int))):
                basis = [np.zeros(shape_of(x), dtype_of(x)) for x in leaves]
                basis[number].reshape(-1)[k] = 1.0
                found = flatten(pullback(structure.unflatten([b[()] for b in basis])))[0]
                for column, part in zip(columns, found, strict=True):
                    column.append(part)
            blocks.append(
                argument_structure.unflatten(
                    [
                        np.reshape(np.stack(column), shape + shape_of(x))
                        if column
                        else np.zeros(shape + shape_of(x))
                        for column, x in zip(columns, argument, strict=True)
                    ]
                )
            )
        return structure.unflatten(blocks)

    return derivative


def _one_position(argnums: int, args: tuple[Any, ...], f: Callable[..., Any]) -> int:
    if not isinstance(argnums, (int, np.integer)) or not -len(args) <= argnums < len(args):
        raise InvalidInput(
            f"argnums={argnums!r} must be the number of one of the {len(args)} positional "
            "arguments of "
            f"{function_name(f)}."
        )
    return int(argnums) % len(args)


def hessian(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The matrix of second derivatives of a scalar function.

    Parameters
    ----------
    f : callable
    argnums : int
        Which positional argument to differentiate by; an array or a number.

    Returns
    -------
    callable
        ``h(*args)`` returns an array of shape ``x.shape + x.shape`` and the dtype of ``x``, the
        argument.

    Raises
    ------
    InvalidInput
        The result of ``f`` is not a single number.
    """
    return jacobian(_grad(f, argnums, warn=False), argnums)


def hvp(f: Callable[..., Any], args: Any, vector: Any) -> Any:
    """The product of the Hessian of a scalar function with a vector, without forming the Hessian.

    Parameters
    ----------
    f : callable
    args : tuple, or one argument
        Where to evaluate; all arguments are differentiated.
    vector : like ``args``
        A tuple if ``args`` is one.

    Returns
    -------
    like ``args``
        Pearlmutter, "Fast exact multiplication by the Hessian", 1994.
    """
    several = isinstance(args, tuple)
    point, direction = (args, vector) if several else ((args,), (vector,))
    direction = tree_map(_checked_tangent, point, direction)

    def slope(*x: Any) -> Any:
        gradient = _grad(f, tuple(range(len(x))), warn=False)(*x)
        pairs = zip(flatten(gradient)[0], flatten(direction)[0], strict=True)
        return functools.reduce(lambda total, pair: total + np.sum(pair[0] * pair[1]), pairs, 0.0)

    found = _grad(slope, tuple(range(len(point))), warn=False)(*point)
    return found if several else found[0]


def elementwise_grad(f: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """The derivative of an elementwise function, for all elements at once.

    Parameters
    ----------
    f : callable
        Each element of its result depends on the same element of the argument alone.
    argnums : int

    Returns
    -------
    callable
        Takes the arguments of ``f`` and returns an array of the argument's shape.

    Raises
    ------
    InvalidInput
        The result does not have the argument's shape, so ``f`` is not elementwise (on calling).
    """

    def derivative(*args: Any, **kwargs: Any) -> Any:
        position = _one_position(argnums, args, f)
        x = args[position]
        value, pullback = vjp(lambda a: f(*args[:position], a, *args[position + 1 :], **kwargs), x)
        if shape_of(value) != shape_of(x):
            raise InvalidInput(
                f"{function_name(f)} maps shape {shape_of(x)} to {shape_of(value)}, so it is not "
                f"elementwise; use chainrule.jacobian."
            )
        return pullback(np.ones(shape_of(value), dtype_of(value))[()])[0]

    return derivative
