"""NumPy's two protocols: how a call of a NumPy function on a traced value reaches its rule.

Ufuncs arrive through ``__array_ufunc__`` (NEP 13), other functions through
``__array_function__`` (NEP 18).
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

import numpy as np

from chainrule.engine.aliasing import rebind
from chainrule.engine.errors import TracingError, UnsupportedArgument, UnsupportedFunction
from chainrule.engine.index import bind_index
from chainrule.engine.location import here
from chainrule.engine.primitive import COMPOSITES, FUNCTIONS, PRIMITIVES, UFUNCS, Primitive
from chainrule.engine.recording import Trace, Traced, apply, record, stack_traced
from chainrule.engine.refusals import out_message, unsupported_argument, unsupported_function


def _array_ufunc(self: Traced, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    primitive = UFUNCS.get(ufunc)
    if primitive is None:
        primitive = _load_special(ufunc)
    if kwargs or method != "__call__":
        return _ufunc_method(primitive, ufunc, method, inputs, kwargs)
    return record(primitive, inputs)


def _array_function(
    self: Traced, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    primitive = FUNCTIONS.get(function)
    if primitive is not None:
        try:
            operands, params = primitive.bind(*args, **kwargs)  # type: ignore[misc]
        except TypeError as error:
            raise unsupported_argument(primitive.name, error) from None
        return record(primitive, operands, params)
    implementation = COMPOSITES.get(function)
    if implementation is None:
        creator = _CREATORS.get(function)
        if creator is not None:
            return self.recorder.constant(creator(*args, **kwargs))
        if function in (np.array, np.asarray):  # with like=
            return _array_like(self.recorder, function, *args, **kwargs)
        raise unsupported_function(function)
    if not kwargs and len(args) in _positional(implementation):
        return implementation(*args)
    try:
        bound = _signature(implementation).bind(*args, **kwargs)
    except TypeError as error:
        raise unsupported_argument(function.__name__, error) from None
    return implementation(*bound.args, **bound.kwargs)


REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
ACCUMULATIONS: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}


def _ufunc_method(
    primitive: Primitive, ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    out = kwargs.pop("out", None)
    if out is not None:
        raise TracingError(out_message(ufunc, isinstance(out[0], Traced)))
    if method == "__call__":
        dtype = kwargs.pop("dtype", None)
        if not kwargs:
            result = record(primitive, inputs)
            return result if dtype is None else result.astype(dtype)
        cure = "use np.where" if "where" in kwargs else "leave them out"
        raise UnsupportedArgument(
            f"np.{ufunc.__name__} with {', '.join(kwargs)} has no differentiation rule at "
            f"{here()}; {cure}."
        )
    if method == "reduce" and ufunc in REDUCTIONS:
        kwargs.setdefault("axis", 0)
        reduction = REDUCTIONS[ufunc]
        if not isinstance(inputs[0], Traced):  # only a mask is traced: NumPy would come back here
            if kwargs.get("dtype") is None:
                kwargs.pop("dtype", None)
            return apply(FUNCTIONS[reduction], *inputs, **kwargs)
        return reduction(*inputs, **kwargs)
    if method == "accumulate" and ufunc in ACCUMULATIONS:
        kwargs.setdefault("axis", 0)
        return ACCUMULATIONS[ufunc](*inputs, **kwargs)
    if method == "outer" and not kwargs:
        first, second = inputs
        return ufunc(np.reshape(first, np.shape(first) + (1,) * np.ndim(second)), second)
    if method == "at" and ufunc in (np.add, np.subtract):
        target, index, value = inputs
        if isinstance(target, Traced):
            operands, params = bind_index(index)
            value = value if ufunc is np.add else -value
            rebind(target, record(PRIMITIVES["index_add"], (target, value, *operands), params))
            return None
        raise TracingError(out_message(ufunc, False))
    raise UnsupportedFunction(
        f"np.{ufunc.__name__}.{method} has no differentiation rule at {here()}; use np.sum, "
        "np.cumsum "
        f"or broadcasting."
    )


def _load_special(ufunc: Any) -> Primitive:
    """Rules of SciPy's ufuncs are loaded the first time one is met."""
    if "scipy.special" in sys.modules:
        import chainrule.engine.rules.special  # noqa: F401

        found = UFUNCS.get(ufunc)
        if found is not None:
            return found
    raise unsupported_function(ufunc)


def _array_like(trace: Trace, function: Any, value: Any, dtype: Any = None, **others: Any) -> Any:
    """``np.array`` and ``np.asarray`` with ``like=``."""
    if others:
        raise UnsupportedArgument(
            f"np.{function.__name__} of traced values takes no {', '.join(others)} at {here()}; "
            f"leave it out."
        )
    made = stack_traced(value)
    if not isinstance(made, Traced):
        made = trace.constant(np.array(made))
    elif made is value and function is np.array:
        made = made.copy()
    return made if dtype is None or np.dtype(dtype) == made.dtype else made.astype(dtype)


def _without_like(function: Any) -> Any:
    return lambda *args, **kwargs: function(
        *args, **{k: v for k, v in kwargs.items() if k != "like"}
    )


_CREATORS = {
    f: _without_like(f)
    for f in (np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.arange, np.tri)
}

_signatures: dict[Any, Any] = {}
_arities: dict[Any, range] = {}


def _positional(function: Any) -> range:
    """The numbers of positional arguments with which a function may be called."""
    found = _arities.get(function)
    if found is None:
        parameters = _signature(function).parameters.values()
        ordered = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        needed = sum(p.default is p.empty for p in ordered)
        found = _arities[function] = range(needed, len(ordered) + 1)
        if any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
            found = _arities[function] = range(0)
    return found


def _signature(function: Any) -> Any:
    found = _signatures.get(function)
    if found is None:
        found = _signatures[function] = inspect.signature(function)
    return found


for _name, _protocol in (
    ("__array_ufunc__", _array_ufunc),
    ("__array_function__", _array_function),
):
    setattr(Traced, _name, _protocol)
