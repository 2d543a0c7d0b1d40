"""The gradient of a scalar function, with respect to any arguments, over trees of parameters."""

from __future__ import annotations

import functools
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.backward import depends_on, owned_cotangents, pull_back
from chainrule.engine.errors import InvalidInput, TracingError, UnusedInputWarning
from chainrule.engine.graph import Node, dtype_of
from chainrule.engine.location import is_machinery, locate, user_frame
from chainrule.engine.primitive import ZERO
from chainrule.engine.selection import (
    ArgumentNames,
    ArgumentNumbers,
    argument_name,
    checked_placeholder,
    function_name,
    select,
)
from chainrule.engine.tracing import Trace, Traced, belongs
from chainrule.engine.trees import Structure, flatten, tree_map

_ONE = np.float64(1.0)


def grad(
    f: Callable[..., Any],
    argnums: ArgumentNumbers = 0,
    argnames: ArgumentNames = None,
    has_aux: bool = False,
) -> Callable[..., Any]:
    """The gradient of a scalar function.

    Parameters
    ----------
    f : callable
        A function written in NumPy that returns one real number.
    argnums : int, tuple of int or None
        The positional argument, or arguments, to differentiate with respect to. None means every
        floating-point argument. Each may be a number, an array, or a tree (tuple, list, dict,
        dataclass) of arrays.
    argnames : str or tuple of str, optional
        Differentiate with respect to arguments by name instead.
    has_aux : bool
        ``f`` returns ``(value, extra)``; the result is then ``(gradient, extra)``.

    Returns
    -------
    callable
        Takes the arguments of ``f`` and returns the gradient, with the tree, shapes and dtypes of
        the argument: one for an integer or a single name, a tuple for several numbers, a dict by
        name for several names or for ``argnums=None``.

    Raises
    ------
    InvalidInput
        The result is not a real scalar, or an argument is not floating point (on calling).

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return _grad(f, argnums, argnames, has_aux)


def _grad(
    f: Callable[..., Any],
    argnums: ArgumentNumbers = 0,
    argnames: ArgumentNames = None,
    has_aux: bool = False,
    warn: bool = True,
) -> Callable[..., Any]:
    derivative = _value_and_grad(f, argnums, argnames, has_aux, warn)

    @functools.wraps(f, assigned=("__name__", "__module__", "__qualname__", "__doc__"))
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = derivative(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(
    f: Callable[..., Any],
    argnums: ArgumentNumbers = 0,
    argnames: ArgumentNames = None,
    has_aux: bool = False,
    compile: bool = False,
) -> Callable[..., Any]:
    """The value and the gradient of a scalar function, from one evaluation.

    Parameters
    ----------
    f : callable
        As for `grad`.
    argnums : int, tuple of int or None
        As for `grad`.
    argnames : str or tuple of str
        As for `grad`.
    has_aux : bool
        As for `grad`.
    compile : bool
        Trace once for each kind of arguments and run straight-line code from then on; see
        `chainrule.compile`.

    Returns
    -------
    callable
        Takes the arguments of ``f`` and gives ``(value, gradient)``, or
        ``((value, extra), gradient)`` with ``has_aux``.
    """
    if compile:
        return compiler(f, argnums, argnames, has_aux)
    return _value_and_grad(f, argnums, argnames, has_aux)


def compiler(*arguments: Any) -> Callable[..., Any]:
    """Makes compiled gradients; programs, which build on the engine, put themselves here."""
    raise InvalidInput("compile=True needs chainrule.programs.")


def _value_and_grad(
    f: Callable[..., Any],
    argnums: ArgumentNumbers = 0,
    argnames: ArgumentNames = None,
    has_aux: bool = False,
    warn: bool = True,
) -> Callable[..., Any]:
    if not callable(f):
        raise InvalidInput(
            f"the function to differentiate must be callable, got {type(f).__name__}."
        )
    if argnames is not None and argnums not in (0, None):
        raise InvalidInput("give argnums or argnames, not both.")
    single = type(argnums) is int and argnames is None

    @functools.wraps(f, assigned=("__name__", "__module__", "__qualname__", "__doc__"))
    def derivative(*args: Any, **kwargs: Any) -> Any:
        trace = Trace()
        selection = None
        try:
            if single and -len(args) <= argnums < len(args):  # type: ignore[operator]
                position = argnums % len(args)  # type: ignore[operator]
                leaves, structure = flatten(args[position])
                placeholders = [
                    _placeholder(trace, leaf, f, position, structure, i)
                    for i, leaf in enumerate(leaves)
                ]
                traced = structure.unflatten(placeholders)
                if len(args) == 1:
                    value = f(traced, **kwargs)
                else:
                    value = f(*args[:position], traced, *args[position + 1 :], **kwargs)
            else:
                selection = select(f, argnums, argnames, args, kwargs)
                leaves, structure = flatten(selection.chosen)
                placeholders = [
                    checked_placeholder(trace, leaf, selection.leaf_name(path))
                    for leaf, path in zip(leaves, structure.paths(), strict=True)
                ]
                value = selection.call(f, structure.unflatten(placeholders), args, kwargs)
            targets = trace.nodes[: len(placeholders)]  # a placeholder may have been assigned to
            extra = None
            if has_aux:
                value, extra = _split_aux(value, trace)
            output, result = _scalar_output(value, trace, f)
            if trace.witnesses:
                trace.check_constants()
        except ValueError as error:
            raise _explained(error, trace) from None
        finally:
            nodes = trace.close()
        found: list[Any] = [None] * len(targets)
        if output is not None:
            found = pull_back(nodes, [(output, _one_like(result))], targets)
        if warn and any(cotangent is None for cotangent in found):
            labels = (
                selection.leaf_names(structure) if selection else _labels(f, position, structure)
            )
            _warn_unused(f, targets, found, nodes, output, labels)
        answer = structure.unflatten(owned_cotangents(found, targets))
        if selection is not None:
            answer = selection.present(answer)
        return ((result, extra), answer) if has_aux else (result, answer)

    return derivative


def _explained(error: ValueError, trace: Trace) -> Exception:
    """NumPy's error on writing to an array that the trace keeps read-only, with line and cure."""
    if isinstance(error.__cause__, TracingError):
        return error.__cause__  # NumPy wraps what ``array[i] = traced`` raises
    if not trace.locked or "read-only" not in str(error) or isinstance(error, InvalidInput):
        return error
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    frame = next(f for f in reversed(frames) if not is_machinery(f.f_code.co_filename))
    return InvalidInput(
        f"an array that an earlier operation of the same function reads was changed in place at "
        f"{locate(frame.f_code, frame.f_lasti)}; the gradient would be wrong: work on a copy."
    )


def _placeholder(
    trace: Trace, leaf: Any, f: Any, position: int, structure: Structure, number: int
) -> Traced:
    kind = type(leaf)
    if kind is float or (kind is np.ndarray and leaf.dtype.kind == "f"):
        return trace.placeholder(leaf)  # named only if an error needs it: names cost time
    return checked_placeholder(trace, leaf, _labels(f, position, structure)[number])


def _labels(f: Callable[..., Any], position: int, structure: Structure) -> list[str]:
    return structure.paths(argument_name(f, position))


def _scalar_output(value: Any, trace: Trace, f: Callable[..., Any]) -> tuple[Node | None, Any]:
    """The node and value of a scalar result; no node if it does not depend on the input."""
    if belongs(value, trace):
        node: Node | None = value.node
        result = value.node.value
    else:
        node, result = None, value
    kind = type(result)
    if node is not None and (kind is np.float64 or kind is np.float32):
        return node, result
    shape = getattr(result, "shape", None if not isinstance(result, (int, float)) else ())
    name = function_name(f)
    if shape is None:
        cure = " (has_aux=True for a pair of loss and extra results)"
        raise InvalidInput(
            f"{name} returned {kind.__name__}; grad needs one real number"
            f"{cure if kind is tuple else ''}."
        )
    if shape != ():
        raise InvalidInput(
            f"{name} returned an array of shape {shape}; grad needs a scalar: sum or average it, "
            "or use chainrule.jacobian or chainrule.vjp."
        )
    if node is not None and dtype_of(result).kind != "f":
        raise InvalidInput(
            f"{name} returned a number of dtype {dtype_of(result)}; grad needs a floating-point "
            "number."
        )
    return node, result


def _one_like(value: Any) -> Any:
    if type(value) is np.float64 or not hasattr(value, "dtype"):
        return _ONE
    return value.dtype.type(1)


def _split_aux(value: Any, trace: Trace) -> tuple[Any, Any]:
    if not isinstance(value, tuple) or len(value) != 2:
        raise InvalidInput("has_aux=True needs a function that returns a pair (value, extra).")
    return value[0], tree_map(lambda leaf: _lower(leaf, trace), value[1])


def _lower(leaf: Any, trace: Trace) -> Any:
    """The value of a traced leaf of this trace; anything else unchanged."""
    return leaf.node.value if belongs(leaf, trace) else leaf


def _warn_unused(
    f: Callable[..., Any],
    targets: list[Node],
    found: list[Any],
    nodes: list[Node],
    output: Node | None,
    labels: list[str],
) -> None:
    frame = user_frame(1)
    for target, cotangent, label in zip(targets, found, labels, strict=True):
        if cotangent is None:
            message = (
                f"{label} {_why_zero(target, nodes, output)}; its gradient in "
                f"{function_name(f)} is zero."
            )
            warnings.warn_explicit(
                message, UnusedInputWarning, frame.f_code.co_filename, frame.f_lineno
            )


def _why_zero(target: Node, nodes: list[Node], output: Node | None) -> str:
    if output is not None:
        reached = depends_on(nodes, [target])
        if reached[output.index]:
            for node in nodes:
                rules: Any = node.primitive.rules
                if callable(rules):
                    continue
                read = [
                    rules[position] is ZERO
                    for position, x in enumerate(node.inputs)
                    if type(x) is Node and reached[x.index]
                ]
                if read and all(read):
                    name = node.primitive.name
                    return (
                        f"reaches the result only through the piecewise constant {name} "
                        f"({node.where})"
                    )
    return "does not influence the result"
