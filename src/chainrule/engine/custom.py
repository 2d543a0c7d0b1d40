"""Functions with a derivative of the user's own, and two transforms made of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.errors import InvalidInput, NotDifferentiable
from chainrule.engine.graph import shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import ZERO, Primitive, call, primitive
from chainrule.engine.tracing import Traced, record
from chainrule.engine.transforms import vjp
from chainrule.engine.trees import flatten, tree_map


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

    def __call__(self, *args: Any) -> Any:
        name = self.__name__  # type: ignore[attr-defined]
        if self._forward is None or self._backward is None:
            raise NotDifferentiable(
                f"custom_vjp function {name} has no derivative yet at {here(1)}; "
                f"call {name}.defvjp(forward, backward) first."
            )
        return _call_with_rule(name, self._forward, self._backward, args)


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose intermediate values are recomputed in the backward pass instead of kept.

    Trades one more forward evaluation of ``f`` for its memory
    (Griewank & Walther 2000; Chen et al. 2016, arXiv:1604.06174).

    Parameters
    ----------
    f : callable
        It must not use traced values other than its arguments.
    """

    def forward(*args: Any) -> tuple[Any, Any]:
        return f(*args), args

    def backward(args: Any, cotangent: Any) -> tuple[Any, ...]:
        return vjp(f, *args)[1](cotangent)

    name = getattr(f, "__name__", type(f).__name__)

    @functools.wraps(f)
    def checkpointed(*args: Any) -> Any:
        return _call_with_rule(name, forward, backward, args)

    return checkpointed


def _call_with_rule(
    name: str,
    forward: Callable[..., tuple[Any, Any]],
    backward: Callable[[Any, Any], Any],
    args: tuple[Any, ...],
) -> Any:
    """Record one node for the whole call; its residuals are further results of that node."""
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

    def with_operands(operands: tuple[Any, ...]) -> tuple[Any, ...]:
        full = list(leaves)
        for i, operand in zip(arrays, operands, strict=True):
            full[i] = operand
        return arguments.unflatten(full)

    def evaluate(*operands: Any) -> Any:
        pair = forward(*with_operands(operands))
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InvalidInput(f"the forward function of {name} must return (value, residuals).")
        results, result_structure = flatten(pair[0])
        residuals, residual_structure = flatten(pair[1])
        for result in (*results, *residuals):
            if level and isinstance(result, Traced) and result.recorder.level >= level:
                raise InvalidInput(
                    f"{name} uses a traced value that is not among its arguments at {here(2)}; "
                    f"pass it as an argument, or its gradient would be lost."
                )
        structures[:] = [len(results), result_structure, residual_structure]
        made.outputs = len(results) + len(residuals)
        values = [x.copy() if type(x) is np.ndarray else x for x in (*results, *residuals)]
        return values[0] if len(values) == 1 else tuple(values)

    remembered: list[Any] = [None, None]  # the last cotangent and what backward made of it

    def rules(position: int, g: Any, y: Any, *operands: Any) -> Any:
        if remembered[0] is not g:
            remembered[:] = [g, _run_backward(g, y, operands)]
        return remembered[1][position]

    def _run_backward(g: Any, y: Any, operands: tuple[Any, ...]) -> list[Any]:
        count, result_structure, residual_structure = structures
        parts, given = (y, g) if made.outputs > 1 else ((y,), (g,))
        residuals = residual_structure.unflatten(parts[count:])
        found = backward(residuals, result_structure.unflatten(given[:count]))
        if not isinstance(found, tuple) or len(found) != len(args):
            raise InvalidInput(
                f"the backward function of {name} must return a tuple of {len(args)} cotangents, "
                f"got {type(found).__name__ if not isinstance(found, tuple) else len(found)}."
            )
        cotangents: list[Any] = []
        for number, (cotangent, structure) in enumerate(
            zip(found, arguments.children, strict=True)
        ):
            if cotangent is None:
                cotangents += [0.0] * structure.count
                continue
            own, own_structure = flatten(cotangent)
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
    results = record(made, tuple([leaves[i] for i in arrays]))
    count, result_structure, _ = structures
    return result_structure.unflatten([results] if made.outputs == 1 else list(results[:count]))
