"""Functions with a derivative of the user's own, and two transforms made of them."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import ZERO, Primitive, call, primitive
from chainrule.engine.rules.own import concrete
from chainrule.engine.tracing import Traced, record, snapshot
from chainrule.engine.transforms import vjp
from chainrule.engine.trees import flatten, flatten_like, tree_map
from chainrule.engine.wording import counted


@primitive(
    rules=(ZERO,),
    evaluate=lambda x: x,
    name="stop_gradient",
    view=True,
    source="chainrule.stop_gradient({0})",
    cases=(lambda draw: call(draw(3)),),
)
def STOP_GRADIENT(x: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (x,), {}


def stop_gradient(x: Any) -> Any:
    """The same value, through which no gradient flows.

    Parameters
    ----------
    x : array or tree of arrays

    Returns
    -------
    like ``x``
        ``float(stop_gradient(x))`` gives a plain number, for looking at it while tracing.
    """
    return tree_map(lambda leaf: record(STOP_GRADIENT, (leaf,)), x)


class custom_vjp:
    """A function whose derivative the user writes.

    Parameters
    ----------
    f : callable
        The function, over arrays or trees of arrays.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> @cr.custom_vjp
    ... def clip_gradient(x):
    ...     return x
    >>> clip_gradient.defvjp(lambda x: (x, None), lambda _, g: (np.clip(g, -1.0, 1.0),))
    >>> cr.grad(lambda x: 5.0 * clip_gradient(x))(2.0)
    np.float64(1.0)
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._function = f
        self._forward: Callable[..., tuple[Any, Any]] | None = None
        self._backward: Callable[[Any, Any], tuple[Any, ...]] | None = None

    def defvjp(
        self,
        forward: Callable[..., tuple[Any, Any]],
        backward: Callable[[Any, Any], tuple[Any, ...]],
    ) -> None:
        """Give the derivative.

        Parameters
        ----------
        forward : callable
            ``forward(*args) -> (value, residuals)``.
        backward : callable
            ``backward(residuals, cotangent) -> tuple`` with one cotangent per argument, of its
            structure and shapes; None for zero.
        """
        self._forward = forward
        self._backward = backward

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        name = self.__name__  # type: ignore[attr-defined]
        given = self._backward
        if self._forward is None or given is None:
            raise NotDifferentiable(
                f"custom_vjp function {name} has no derivative yet at {here()}; "
                f"call {name}.defvjp(forward, backward) first."
            )
        if kwargs:
            args = _positional(self._function, name, args, kwargs)
        return _call_with_rule(
            name, self._forward, lambda residuals, g, _args, _result: given(residuals, g), args
        )


def _positional(
    function: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, ...]:
    """Keyword arguments in their places: a derivative has one cotangent per place."""
    bound = inspect.signature(function).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        raise InvalidInput(
            f"{name} takes {', '.join(bound.kwargs)} by keyword only at {here()}; the arguments "
            "of a custom_vjp function need a place."
        )
    return bound.args


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose intermediate values are recomputed in the backward pass instead of kept.

    Trades one more forward evaluation of ``f`` for its memory
    (Griewank & Walther 2000; Chen et al. 2016, arXiv:1604.06174).

    Parameters
    ----------
    f : callable
        It must not use traced values other than its arguments, and must give the same value when
        called again: random numbers are arguments.

    Returns
    -------
    callable
        With the arguments and the result of ``f``.

    Raises
    ------
    InvalidInput
        ``f`` uses another traced value, or gave another value when called again.
    """
    name = getattr(f, "__name__", type(f).__name__)

    @functools.wraps(f, assigned=("__name__", "__module__", "__qualname__", "__doc__"))
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        def call_with(values: tuple[Any, ...]) -> Any:
            named = dict(zip(kwargs, values[len(args) :], strict=True))
            return f(*values[: len(args)], **named)

        def forward(*values: Any) -> tuple[Any, Any]:
            return call_with(values), None

        def backward(_: Any, cotangent: Any, values: Any, result: Any) -> tuple[Any, ...]:
            leaves, structure = flatten(values)
            chosen = [i for i, leaf in enumerate(leaves) if _is_floating(leaf)]

            def of_floating(*floating: Any) -> Any:
                full = list(leaves)
                for i, leaf in zip(chosen, floating, strict=True):
                    full[i] = leaf
                return call_with(structure.unflatten(full))

            again, pullback = vjp(of_floating, *[leaves[i] for i in chosen])
            _check_same(name, result, again)
            found: list[Any] = [0.0] * len(leaves)
            for i, gradient in zip(chosen, pullback(cotangent), strict=True):
                found[i] = gradient
            return structure.unflatten(found)

        return _call_with_rule(name, forward, backward, (*args, *kwargs.values()))

    return checkpointed


def _is_floating(leaf: Any) -> bool:
    return type(leaf) is float or getattr(getattr(leaf, "dtype", None), "kind", "") == "f"


def _check_same(name: str, result: Any, again: Any) -> None:
    (before, structure), (after, repeated) = flatten(result), flatten(again)
    same = structure == repeated and all(map(_agree, before, after))
    if not same:
        raise InvalidInput(
            f"{name} gave another value when chainrule.checkpoint called it again for the "
            "backward pass; pass random numbers and other changing values as arguments."
        )


def _agree(a: Any, b: Any) -> bool:
    a, b = np.asarray(concrete(a)), np.asarray(concrete(b))
    if a.shape != b.shape or np.array_equal(a, b):
        return a.shape == b.shape
    tolerance = float(np.sqrt(np.finfo(a.dtype).eps)) if a.dtype.kind == "f" else 0.0
    return np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def _call_with_rule(
    name: str,
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any, Any, Any], Any],
    args: tuple[Any, ...],
) -> Any:
    """Record one node for the whole call; its residuals are further results of that node.

    ``forward(*args) -> (value, residuals)`` and ``backward(residuals, g, args, value)`` with the
    residuals, arguments and value of the point at which the derivative is taken.
    """
    leaves, arguments = flatten(args)
    arrays = [
        i
        for i, leaf in enumerate(leaves)
        if type(leaf) is float or isinstance(leaf, (np.ndarray, np.generic, Traced))
    ]
    level = max(
        (leaves[i].recorder.level for i in arrays if isinstance(leaves[i], Traced)), default=0
    )
    structures: list[Any] = []
    owner: list[weakref.ref[Primitive]] = []  # weak, or each call would be a cycle

    def with_operands(operands: tuple[Any, ...]) -> tuple[Any, ...]:
        full = list(leaves)
        for i, operand in zip(arrays, operands, strict=True):
            full[i] = operand
        return arguments.unflatten(full)

    def evaluate(*operands: Any) -> Any:
        pair = _call_pure(name, forward, *with_operands(operands))
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InvalidInput(f"the forward function of {name} must return (value, residuals).")
        results, result_structure = flatten(pair[0])
        residuals, residual_structure = flatten(pair[1])
        for result in (*results, *residuals):
            if level and isinstance(result, Traced) and result.recorder.level >= level:
                raise InvalidInput(
                    f"{name} uses a traced value that is not among its arguments at {here()}; "
                    f"pass it as an argument, or its gradient would be lost."
                )
        structures[:] = [len(results), result_structure, residual_structure]
        owner[0]().outputs = len(results) + len(residuals)  # type: ignore[union-attr]
        values = [x.copy() if type(x) is np.ndarray else x for x in (*results, *residuals)]
        return values[0] if len(values) == 1 else tuple(values)

    remembered: list[Any] = [None, None]  # the last cotangent and what backward made of it

    def rules(position: int, g: Any, y: Any, *operands: Any) -> Any:
        if remembered[0] is not g:
            remembered[:] = [g, _run_backward(g, y, operands)]
        return remembered[1][position]

    def _run_backward(g: Any, y: Any, operands: tuple[Any, ...]) -> list[Any]:
        count, result_structure, residual_structure = structures
        several = count + residual_structure.count > 1
        parts, given = (y, g) if several else ((y,), (g,))
        found = _call_pure(
            f"the backward function of {name}",
            backward,
            residual_structure.unflatten(parts[count:]),
            result_structure.unflatten(given[:count]),
            with_operands(operands),
            result_structure.unflatten(parts[:count]),
        )
        if not isinstance(found, tuple) or len(found) != len(args):
            raise InvalidInput(
                f"the backward function of {name} must return a tuple of "
                f"{counted(len(args), 'cotangent')}, got "
                f"{type(found).__name__ if not isinstance(found, tuple) else len(found)}."
            )
        cotangents: list[Any] = []
        for number, (cotangent, structure) in enumerate(
            zip(found, arguments.children, strict=True)
        ):
            if cotangent is None:
                cotangents += [0.0] * structure.count
                continue
            own, own_structure = flatten_like(structure, cotangent)
            if own_structure != structure:
                raise InvalidInput(
                    f"the backward function of {name} returned {own_structure} for argument "
                    f"{number}, "
                    f"whose structure is {structure}."
                )
            cotangents += own
        chosen = [cotangents[i] for i in arrays]
        for i, cotangent, operand in zip(arrays, chosen, operands, strict=True):
            if shape_of(cotangent) not in ((), shape_of(operand)):
                raise InvalidInput(
                    f"the backward function of {name} returned a cotangent of shape "
                    f"{shape_of(cotangent)} for argument leaf {i} of shape {shape_of(operand)}."
                )
        return [np.copy(c) if type(c) is np.ndarray else c for c in chosen]

    made = Primitive(name, None, evaluate, rules, source=f"{name}({{operands}})")
    owner.append(weakref.ref(made))
    results = record(made, tuple([leaves[i] for i in arrays]))
    count, result_structure, _ = structures
    return result_structure.unflatten([results] if made.outputs == 1 else list(results[:count]))


def _call_pure(name: str, function: Callable[..., Any], *trees: Any) -> Any:
    """Call a function of the user's with values of the trace, which it must not change in place."""
    lent = [tree_map(_lent, tree) for tree in trees]
    traced = [(leaf, leaf.node) for leaf in flatten(lent)[0] if isinstance(leaf, Traced)]
    try:
        result = function(*lent)
        changed = any(leaf.node is not node for leaf, node in traced)
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        changed = True
    if changed:
        raise InvalidInput(
            f"{name} changed one of its arguments in place at {here()}; let it work on a copy."
        )
    return result


def _lent(value: Any) -> Any:
    if type(value) is np.ndarray:
        value = value.view()
        value.flags.writeable = False
    return snapshot(value) if isinstance(value, Traced) else value
