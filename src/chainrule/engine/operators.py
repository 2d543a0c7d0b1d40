"""Python's operators and NumPy's methods on traced values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.engine.aliasing import home_of, rebind
from chainrule.engine.errors import InvalidInput
from chainrule.engine.location import here
from chainrule.engine.primitive import PRIMITIVES
from chainrule.engine.recording import NO_PARAMS, Traced, apply, record


def _binary_operator(name: str, function: Callable[[Any, Any], Any]) -> tuple[Any, Any, Any]:
    def forward(self: Traced, other: Any) -> Any:
        return record(PRIMITIVES[name], (self, other), NO_PARAMS, function)

    def reflected(self: Traced, other: Any) -> Any:
        return record(PRIMITIVES[name], (other, self), NO_PARAMS, function)

    def in_place(self: Traced, other: Any) -> Any:
        return assign_in_place(self, record(PRIMITIVES[name], (self, other), NO_PARAMS, function))

    return forward, reflected, in_place


def assign_in_place(target: Traced, new: Any) -> Any:
    """``target op= other``: NumPy changes an array in place and keeps its shape and dtype."""
    if type(home_of(target)) is not np.ndarray:
        return new  # numbers are not changed but replaced
    if new.shape != target.shape:
        raise InvalidInput(
            f"in-place assignment cannot change the shape {target.shape} to {new.shape} at "
            f"{here()}; "
            f"write x = x + y."
        )
    if new.dtype != target.dtype:
        if not np.can_cast(new.dtype, target.dtype, "same_kind"):
            raise InvalidInput(
                f"in-place assignment cannot change dtype {target.dtype} to {new.dtype} at "
                f"{here()}; "
                f"write x = x + y."
            )
        new = new.astype(target.dtype)
    rebind(target, new)
    return target


_OPERATORS = {
    "add": (operator.add, "add"),
    "sub": (operator.sub, "subtract"),
    "mul": (operator.mul, "multiply"),
    "truediv": (operator.truediv, "divide"),
    "floordiv": (operator.floordiv, "floor_divide"),
    "mod": (operator.mod, "remainder"),
    "matmul": (operator.matmul, "matmul"),
    "and": (operator.and_, "bitwise_and"),
    "or": (operator.or_, "bitwise_or"),
    "xor": (operator.xor, "bitwise_xor"),
    "lshift": (operator.lshift, "left_shift"),
    "rshift": (operator.rshift, "right_shift"),
}
for _python_name, (_function, _primitive_name) in _OPERATORS.items():
    _forward, _reflected, _in_place = _binary_operator(_primitive_name, _function)
    setattr(Traced, f"__{_python_name}__", _forward)
    setattr(Traced, f"__r{_python_name}__", _reflected)
    setattr(Traced, f"__i{_python_name}__", _in_place)


def _in_place_power(self: Traced, exponent: Any) -> Any:
    return assign_in_place(self, self**exponent)


_UNARY: dict[str, Any] = {
    "neg": (operator.neg, "negative"),
    "abs": (abs, "absolute"),
    "invert": (operator.invert, "invert"),
}
_COMPARISONS = {
    "lt": (operator.lt, "less"),
    "le": (operator.le, "less_equal"),
    "gt": (operator.gt, "greater"),
    "ge": (operator.ge, "greater_equal"),
    "eq": (operator.eq, "equal"),
    "ne": (operator.ne, "not_equal"),
}


def _unary_operator(name: str, function: Callable[[Any], Any]) -> Any:
    return lambda self: record(PRIMITIVES[name], (self,), NO_PARAMS, function)


for _python_name, (_unary_function, _primitive_name) in _UNARY.items():
    setattr(Traced, f"__{_python_name}__", _unary_operator(_primitive_name, _unary_function))
for _python_name, (_function, _primitive_name) in _COMPARISONS.items():
    setattr(Traced, f"__{_python_name}__", _binary_operator(_primitive_name, _function)[0])


# --- methods --------------------------------------------------------------------------------------

_METHODS = [
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "clip",
    "cumprod",
    "cumsum",
    "diagonal",
    "dot",
    "max",
    "mean",
    "min",
    "nonzero",
    "prod",
    "put",
    "ravel",
    "repeat",
    "round",
    "searchsorted",
    "squeeze",
    "std",
    "sum",
    "swapaxes",
    "take",
    "trace",
    "var",
    "choose",
    "argpartition",
]


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np, name)

    def method(self: Traced, *args: Any, **kwargs: Any) -> Any:
        return function(self, *args, **kwargs)

    method.__name__ = name
    return method


for _name in _METHODS:
    setattr(Traced, _name, _method(_name))


def _flatten_method(self: Traced, order: str = "C") -> Any:
    return np.copy(np.ravel(self, order=order))  # type: ignore[call-overload]


def _reshape_method(self: Traced, *shape: Any, order: str = "C") -> Any:
    target = shape[0] if len(shape) == 1 else shape
    if order == "C" and type(target) is tuple and all(type(size) is int for size in target):
        return record(PRIMITIVES["reshape"], (self,), {"shape": target, "order": order})
    return np.reshape(self, target, order=order)  # type: ignore[call-overload]


def _transpose_method(self: Traced, *axes: Any) -> Any:
    chosen = axes[0] if len(axes) == 1 else (axes or None)
    return np.transpose(self, chosen)


def _astype_method(self: Traced, dtype: Any, *, copy: bool = True) -> Any:
    if not copy and np.dtype(dtype) == self.dtype:
        return self
    return apply(PRIMITIVES["astype"], self, dtype)


def _item_method(self: Traced, *index: Any) -> Any:
    chosen = self
    if len(index) == 1 and not isinstance(index[0], tuple):
        chosen = np.ravel(self)[index[0]]
    elif index:
        chosen = self[index[0] if len(index) == 1 else index]
    if chosen.size != 1:
        raise ValueError(
            f"item() needs one element, got an array of shape {chosen.shape} at {here()}."
        )
    return np.reshape(chosen, ())[()]


def _copy_method(self: Traced, order: str = "C") -> Any:
    # numbers are not copied: a 0-d array in their place could be changed in place
    return np.copy(self, order) if type(home_of(self)) is np.ndarray else self  # type: ignore[call-overload]


def _compress_method(self: Traced, condition: Any, axis: Any = None) -> Any:
    return np.compress(condition, self, axis)


def _fill_method(self: Traced, value: Any) -> None:
    self[...] = value


def _sort_method(self: Traced, axis: int = -1) -> None:
    rebind(self, np.sort(self, axis=axis))


def _conjugate_method(self: Traced) -> Any:
    return self


def _pos(self: Traced) -> Any:
    return record(PRIMITIVES["positive"], (self,))


def _divmod(self: Traced, other: Any) -> Any:
    return self // other, self % other


def _rdivmod(self: Traced, other: Any) -> Any:
    return other // self, other % self


def _pow(self: Traced, exponent: Any, modulus: Any = None) -> Any:
    if modulus is not None:
        return NotImplemented
    return record(PRIMITIVES["power"], (self, exponent), evaluate=operator.pow)


def _rpow(self: Traced, base: Any) -> Any:
    return record(PRIMITIVES["power"], (base, self), evaluate=operator.pow)


def _round(self: Traced, digits: int | None = None) -> Any:
    return np.round(self, digits) if digits is not None else int(np.rint(self))


def _floor(self: Traced) -> int:
    return int(np.floor(self))


def _ceil(self: Traced) -> int:
    return int(np.ceil(self))


def _deepcopy(self: Traced, memo: Any) -> Any:
    return _copy_method(self)


for _name, _given in (
    ("__ipow__", _in_place_power),
    ("flatten", _flatten_method),
    ("reshape", _reshape_method),
    ("transpose", _transpose_method),
    ("astype", _astype_method),
    ("item", _item_method),
    ("compress", _compress_method),
    ("copy", _copy_method),
    ("fill", _fill_method),
    ("sort", _sort_method),
    ("conj", _conjugate_method),
    ("conjugate", _conjugate_method),
    ("__pos__", _pos),
    ("__divmod__", _divmod),
    ("__rdivmod__", _rdivmod),
    ("__round__", _round),
    ("__trunc__", Traced.__int__),
    ("__floor__", _floor),
    ("__ceil__", _ceil),
    ("__pow__", _pow),
    ("__rpow__", _rpow),
    ("__copy__", _copy_method),
    ("__deepcopy__", _deepcopy),
):
    setattr(Traced, _name, _given)
