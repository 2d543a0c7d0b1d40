"""Tracing: array-like values that record every NumPy call made with them.

A `Traced` value carries its concrete value and the node that made it, so Python control flow
works and the recorded graph is data. NumPy reaches it through ``__array_ufunc__`` (NEP 13) and
``__array_function__`` (NEP 18); what NumPy cannot dispatch raises with the line and the cure.
"""

from __future__ import annotations

import itertools
import operator
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from chainrule.engine.aliasing import (
    StaleTrace,
    home_of,
    rebind,
    region_of,
    register_view,
    writes_back,
)
from chainrule.engine.errors import (
    InvalidInput,
    LeakedTrace,
    TracingError,
    UnsupportedArgument,
    UnsupportedFunction,
)
from chainrule.engine.graph import ESCAPES, Guard, Node
from chainrule.engine.location import _is_machinery, here, is_machinery, locate, user_frame
from chainrule.engine.primitive import (
    COMPOSITES,
    CONSTANT,
    FUNCTIONS,
    PLACEHOLDER,
    PRIMITIVES,
    REFUSED,
    SELECT,
    UFUNCS,
    Primitive,
)

ndarray = np.ndarray
_levels = itertools.count(1)
_NO_PARAMS: dict[str, Any] = {}
_COPY_BYTES = 4096  # up to here a copy costs no more than locking does


class Trace:
    """One recording: the list of nodes, its level, and what protects it while it is open.

    Later traces have higher levels; an operation is recorded by the highest level among its
    operands, for which lower levels are constants. That alone keeps nested derivatives apart
    (no perturbation confusion) and needs no global state to restore.

    Parameters
    ----------
    lasting : bool
        The recording outlives the traced call (a pullback, a graph): constants are copied, since
        the user may change them before the backward pass. Otherwise large constants are locked
        (made read-only) until `close`, so that a change raises instead of giving a wrong gradient.
    """

    __slots__ = ("guards", "lasting", "level", "locked", "nodes", "origin", "views")
    face: type[Traced]  # the class of the values it hands out

    def __init__(self, lasting: bool = False) -> None:
        self.nodes: Any = []
        self.level = next(_levels)
        self.guards: list[Guard] = []
        self.locked: list[np.ndarray] = []
        self.views: list[weakref.ref[Traced]] = []  # of arrays that may share memory
        self.origin: Node | None = None
        self.lasting = lasting

    def placeholder(self, value: Any, name: str | None = None) -> Traced:
        """A traced input of the function."""
        if isinstance(value, Traced):
            value = _snapshot(value)
        node = Node(len(self.nodes), PLACEHOLDER, (), (), _NO_PARAMS, value, None, -1, None)
        node.name = name
        self.nodes.append(node)
        return self.face(node, self)

    def constant(self, value: Any) -> Traced:
        """A traced value that depends on no input, such as a buffer made by ``zeros_like``."""
        frame = user_frame(1)
        node = Node(
            len(self.nodes),
            CONSTANT,
            (value,),
            (value,),
            _NO_PARAMS,
            value,
            frame.f_code,
            frame.f_lasti,
            None,
        )
        self.nodes.append(node)
        return self.face(node, self)

    def close(self) -> list[Node]:
        """End the recording and return its nodes; traced values of it raise from now on."""
        nodes, self.nodes = self.nodes, None
        self.views.clear()
        for array in reversed(self.locked):
            array.flags.writeable = True
        self.locked.clear()
        return nodes

    def keep(self, constant: Any) -> Any:
        """A constant operand, safe from later changes by the user."""
        if type(constant) is np.ndarray:
            if constant.dtype.kind in "cO":
                raise InvalidInput(_unsupported_dtype(constant.dtype))
            if not constant.flags.writeable:
                return constant
            if self.lasting or constant.nbytes <= _COPY_BYTES:
                return constant.copy(order="K")
            return self._lock(constant)
        if isinstance(constant, (bool, int, float, np.generic)):
            return constant
        if isinstance(constant, complex):
            raise InvalidInput(_unsupported_dtype(np.dtype(complex)))
        if isinstance(constant, (list, tuple, np.ndarray)):
            if isinstance(constant, (np.ma.MaskedArray, np.matrix)):
                raise InvalidInput(
                    f"{type(constant).__name__} is not supported at {here(2)}; convert it with "
                    "np.asarray."
                )
            return self.keep(np.array(constant))
        if constant is None or isinstance(constant, str):
            raise InvalidInput(f"{constant!r} is not an array operand at {here(2)}.")
        return self.keep(np.array(constant))

    def _lock(self, array: np.ndarray) -> np.ndarray:
        chain = [array]
        while isinstance(chain[-1].base, np.ndarray):
            chain.append(chain[-1].base)
        if chain[-1].base is not None:  # memory owned by somebody else cannot be locked
            return array.copy(order="K")
        for member in chain:
            if member.flags.writeable:
                member.flags.writeable = False
                self.locked.append(member)
        return array


def _unsupported_dtype(dtype: np.dtype[Any]) -> str:
    kind = "complex numbers are" if dtype.kind == "c" else f"dtype {dtype} is"
    return (
        f"{kind} not supported at {here(2)}; chainrule differentiates real floating-point arrays."
    )


def record(
    primitive: Primitive,
    operands: tuple[Any, ...],
    params: dict[str, Any] = _NO_PARAMS,
    evaluate: Callable[..., Any] | None = None,
) -> Any:
    """Compute a primitive and append its node to the trace of the highest level among its operands.

    With no traced operand this only computes.
    """
    if evaluate is None:
        evaluate = primitive.evaluate
    trace: Any = None
    inputs: list[Any] = []
    values: list[Any] = []
    plain = mixed = False
    for operand in operands:  # one pass for the common case: one trace, numbers beside it
        if isinstance(operand, Traced):
            if trace is not operand.recorder:
                mixed = trace is not None
                trace = operand.recorder
            inputs.append(operand.node)
            values.append(operand.node.value)
        else:
            if type(operand) is not float and type(operand) is not int:
                plain = True
            inputs.append(operand)
            values.append(operand)
    if trace is None:
        return evaluate(*operands, **params)  # type: ignore[misc]
    if mixed or plain:
        if plain and any(type(o) in (list, tuple) and _holds_traced(o) for o in operands):
            stacked = tuple([_stack_traced(operand) for operand in operands])
            return record(primitive, stacked, params, evaluate)
        trace = _sort_operands(operands, inputs, values)
    nodes = trace.nodes
    if nodes is None:
        raise _leaked(operands)
    value = evaluate(*values, **params)  # type: ignore[misc]
    if type(value) is not ndarray and isinstance(value, Traced) and value.recorder is trace:
        raise UnsupportedArgument(
            f"np.{primitive.name} got a traced value for a setting that must be a plain one at "
            f"{here(2)}; pass a plain Python value."
        )
    of = trace.origin
    if of is None:
        frame = sys._getframe(2)
        code = frame.f_code
        known = _is_machinery.get(code.co_filename)
        if known or (known is None and is_machinery(code.co_filename)):
            frame = user_frame(2)
            code = frame.f_code
        node = Node(len(nodes), primitive, inputs, values, params, value, code, frame.f_lasti, None)
    else:
        belongs = of.value.node if isinstance(of.value, Traced) else of
        node = Node(
            len(nodes), primitive, inputs, values, params, value, of.code, of.instruction, belongs
        )
    nodes.append(node)
    if primitive.outputs > 1:
        return _select_outputs(trace, node, value)
    traced = trace.face(node, trace)
    if primitive.view and (type(value) is np.ndarray or isinstance(value, Traced)):
        register_view(trace, primitive, operands, params, traced)
    return traced


def _sort_operands(operands: tuple[Any, ...], inputs: list[Any], values: list[Any]) -> Trace:
    """The trace of the highest level; for it, everything else among the operands is a constant."""
    traces = [operand.recorder for operand in operands if isinstance(operand, Traced)]
    trace = traces[0] if len(traces) == 1 else max(traces, key=lambda found: found.level)
    for position, operand in enumerate(operands):
        if not isinstance(operand, Traced):
            if (
                type(operand) is ndarray
                and operand.nbytes <= _COPY_BYTES
                and operand.dtype.kind in "fiub"
            ):
                constant: Any = operand.copy("K") if operand.flags.writeable else operand
            else:
                constant = trace.keep(operand)
        elif operand.recorder is not trace:
            constant = _snapshot(operand)
        else:
            continue
        inputs[position] = values[position] = constant
    return trace


def belongs(value: Any, trace: Trace) -> bool:
    """Whether a result was recorded by ``trace``; a stale one raises."""
    if not isinstance(value, Traced):
        return False
    if type(value.recorder) is StaleTrace:
        value.recorder.nodes  # noqa: B018  (raises)
    return value.recorder is trace


def _snapshot(outer: Traced) -> Traced:
    """A value of an outer trace as it is now; the outer array itself may be assigned to later."""
    same = object.__new__(type(outer))
    same.node, same.recorder, same.home = outer.node, outer.recorder, outer.home
    return same


def _select_outputs(trace: Trace, node: Node, value: Any) -> Any:
    selected = []
    for k, part in enumerate(value):
        select = Node(
            len(trace.nodes),
            SELECT,
            [node],
            [value],
            {"k": k},
            part,
            node.code,
            node.instruction,
            node.of,
        )
        trace.nodes.append(select)
        selected.append(trace.face(select, trace))
    return value._make(selected) if hasattr(value, "_make") else tuple(selected)


def _holds_traced(sequence: Any) -> bool:
    return any(
        isinstance(item, Traced) or (isinstance(item, (list, tuple)) and _holds_traced(item))
        for item in sequence
    )


def _stack_traced(operand: Any) -> Any:
    """Nested lists that hold traced values, stacked into one traced array."""
    if isinstance(operand, (list, tuple)) and _holds_traced(operand):
        return np.stack([_stack_traced(item) for item in operand])
    return operand


def _leaked(operands: tuple[Any, ...]) -> LeakedTrace:
    for operand in operands:
        if isinstance(operand, Traced) and operand.recorder.nodes is None:
            made = operand.node.where or f"argument {operand.node.name}"
            return LeakedTrace(
                f"a traced value ({made}) was used at {here(2)} after its trace had ended; "
                "return it "
                "from the differentiated function (has_aux=True for extra results) instead of "
                "storing it."
            )
    return LeakedTrace("a traced value was used after its trace had ended.")


def apply(primitive: Primitive, *args: Any, **kwargs: Any) -> Any:
    """Call a primitive with its accepted signature.

    Raises
    ------
    UnsupportedArgument
        An argument that the primitive's rule does not cover.
    """
    try:
        operands, params = primitive.bind(*args, **kwargs)  # type: ignore[misc]
    except TypeError as error:
        raise _unsupported_argument(primitive.name, error) from None
    return record(primitive, operands, params)


def _unsupported_argument(name: str, error: TypeError) -> UnsupportedArgument:
    reason = str(error).split("() ", 1)[-1]
    return UnsupportedArgument(
        f"np.{name} with these arguments has no differentiation rule ({reason}) at {here(3)}; "
        f"docs/coverage.md lists the accepted arguments."
    )


def _unsupported_function(function: Any) -> UnsupportedFunction:
    module = getattr(function, "__module__", None) or "numpy"
    name = getattr(function, "__name__", str(function))
    cure = REFUSED.get(function)
    if cure is None:
        cure = (
            "docs/coverage.md lists the supported functions; write it with those, give it a rule "
            "with "
            "chainrule.custom_vjp, or pass chainrule.stop_gradient(x) if no gradient is wanted"
        )
    return UnsupportedFunction(f"{module}.{name} has no differentiation rule at {here(3)}; {cure}.")


class Traced:
    """An array that records what is done with it.

    It behaves like the NumPy array or scalar it stands for. Assignment (``x[i] = v``, ``x += v``)
    rebinds it to a new value without touching the caller's array.
    """

    __slots__ = ("__weakref__", "home", "node", "recorder")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, node: Node, recorder: Any) -> None:
        self.node = node
        self.recorder = recorder
        self.home = None

    # --- NumPy's protocols -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        primitive = UFUNCS.get(ufunc)
        if primitive is None:
            primitive = _load_special(ufunc)
        if kwargs or method != "__call__":
            return _ufunc_method(primitive, ufunc, method, inputs, kwargs)
        return record(primitive, inputs)

    def __array_function__(
        self, function: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        primitive = FUNCTIONS.get(function)
        if primitive is not None:
            try:
                operands, params = primitive.bind(*args, **kwargs)  # type: ignore[misc]
            except TypeError as error:
                raise _unsupported_argument(primitive.name, error) from None
            return record(primitive, operands, params)
        implementation = COMPOSITES.get(function)
        if implementation is None:
            creator = _CREATORS.get(function)
            if creator is not None:
                return self.recorder.constant(creator(*args, **kwargs))
            if function in (np.array, np.asarray):  # with like=
                return _array_like(self.recorder, function, *args, **kwargs)
            raise _unsupported_function(function)
        if not kwargs and len(args) in _positional(implementation):
            return implementation(*args)
        try:
            bound = _signature(implementation).bind(*args, **kwargs)
        except TypeError as error:
            raise _unsupported_argument(function.__name__, error) from None
        return implementation(*bound.args, **bound.kwargs)

    def __array__(self, dtype: Any = None, copy: Any = None) -> NoReturn:
        raise TracingError(_coercion_message("np.array or np.asarray"))

    # --- escapes to Python: guards ---------------------------------------------------------------

    def _escape(self, kind: str) -> Any:
        outcome = ESCAPES[kind](self.node.value)
        trace = self.recorder
        if trace.nodes is None:
            raise _leaked((self,))
        frame = user_frame(1)
        trace.guards.append(Guard(self.node, kind, outcome, frame.f_code, frame.f_lasti))
        return outcome

    def __bool__(self) -> bool:
        return self._escape("bool")

    def __int__(self) -> int:
        return self._escape("int")

    def __index__(self) -> int:
        if self.dtype.kind in "biu":
            return operator.index(self._escape("int"))
        raise TracingError(
            f"a {self.dtype} traced value cannot be an index at {here(1)}; use int(x)."
        )

    def __float__(self) -> float:
        if self.dtype.kind in "biu" or self.node.primitive.name == "stop_gradient":
            return self._escape("float")
        raise TracingError(_coercion_message("float() or a math function"))

    def __complex__(self) -> NoReturn:
        raise TracingError(_coercion_message("complex() or a cmath function"))

    def tolist(self) -> Any:
        """Refused for floating-point values, which would lose their gradient."""
        if self.dtype.kind in "biu" or self.node.primitive.name == "stop_gradient":
            return self._escape("value")
        raise TracingError(_coercion_message("tolist()"))

    # --- array attributes ------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return getattr(self.node.value, "shape", ())

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.node.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def T(self) -> Traced:
        return record(PRIMITIVES["transpose"], (self,), {"axes": None})

    @property
    def mT(self) -> Traced:
        return np.swapaxes(self, -1, -2)  # type: ignore[return-value]

    @property
    def real(self) -> Traced:
        return self

    @property
    def flat(self) -> Traced:
        """The elements in C order; assigning to them assigns to the array."""
        return _Flat(self)

    @property
    def name(self) -> str | None:
        """The node's name, if it has one."""
        return self.node.name

    def __len__(self) -> int:
        return len(self.node.value)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return bool(np.any(self == item))

    def __repr__(self) -> str:
        name = f" {self.node.name}" if self.node.name else ""
        return f"<traced{name} {self.node.value!r}>"

    def __str__(self) -> str:
        return str(self.node.value)

    def __format__(self, specification: str) -> str:
        return format(self.node.value, specification)

    def __copy__(self) -> Traced:
        return _copy_method(self)

    def __deepcopy__(self, memo: Any) -> Traced:
        return _copy_method(self)

    def __reduce__(self) -> NoReturn:
        raise TracingError(f"a traced value cannot be pickled at {here(1)}.")

    # --- arithmetic ------------------------------------------------------------------------------

    def __pos__(self) -> Any:
        return record(PRIMITIVES["positive"], (self,))

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __pow__(self, exponent: Any) -> Any:
        return record(PRIMITIVES["power"], (self, exponent), evaluate=operator.pow)

    def __rpow__(self, base: Any) -> Any:
        return record(PRIMITIVES["power"], (base, self), evaluate=operator.pow)

    # --- indexing and assignment -----------------------------------------------------------------

    def __getitem__(self, index: Any) -> Any:
        if type(index) is int:
            return record(PRIMITIVES["getitem"], (self,), {"index": index})
        operands, params = bind_index(index)
        for operand in operands:
            if isinstance(operand, Traced) and operand.dtype.kind == "b":
                operand._escape("count")  # the shape of the result depends on it
        return record(PRIMITIVES["getitem"], (self, *operands), params)

    def __setitem__(self, index: Any, value: Any) -> None:
        operands, params = bind_index(index)
        template = params["index"]
        if writes_back(self, value, template, operands):  # the second half of x[i] += v
            current = Traced(self.node, self.recorder.original)
            new = record(PRIMITIVES["assign"], (current, value, *operands), params)
            self.home = home_of(self)
            self.node, self.recorder = new.node, new.recorder
        else:
            new = record(PRIMITIVES["assign"], (self, value, *operands), params)
            region = region_of(self, template, operands) if self.recorder.views else None
            rebind(self, new, region)

    def __delitem__(self, index: Any) -> NoReturn:
        raise TypeError(f"cannot delete array elements at {here(1)}; use np.delete.")


class Slot:
    """Stands in an index for an array operand, by position."""

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slot) and other.position == self.position

    def __hash__(self) -> int:
        return hash(self.position)

    def __repr__(self) -> str:
        return f"{{{self.position}}}"


def bind_index(index: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Split an index into its array operands and a static template with a `Slot` for each."""
    if type(index) is int:
        return (), {"index": index}
    if type(index) is slice:
        return (), {"index": _static_slice(index)}
    parts = index if type(index) is tuple else (index,)
    for part in parts:
        if type(part) not in _PLAIN and not (type(part) is slice and _static_slice(part) is part):
            break
    else:
        return (), {"index": index}
    operands: list[Any] = []
    template: list[Any] = []
    for part in parts:
        if isinstance(part, (list, tuple, range, np.ndarray, Traced)):
            if isinstance(part, (list, tuple, range)):
                part = _stack_traced(part) if _holds_traced(part) else as_index(part)
            template.append(Slot(len(operands)))
            operands.append(part)
        elif isinstance(part, slice):
            template.append(_static_slice(part))
        else:
            template.append(part)
    return tuple(operands), {"index": tuple(template) if type(index) is tuple else template[0]}


def as_index(part: Any) -> Any:
    """A sequence as NumPy takes it in an index."""
    array = np.asarray(part)
    return array if array.size else array.astype(np.intp)  # [] names no positions


_PLAIN = frozenset((int, type(None), type(Ellipsis)))


def _static_slice(part: slice) -> slice:
    bounds = (part.start, part.stop, part.step)
    for bound in bounds:
        if isinstance(bound, Traced):
            break
    else:
        return part
    return slice(*[operator.index(b) if isinstance(b, Traced) else b for b in bounds])


def fill_index(template: Any, operands: tuple[Any, ...]) -> Any:
    """The index with its array operands put back."""
    if type(template) is tuple:
        return tuple([operands[p.position] if type(p) is Slot else p for p in template])
    return operands[template.position] if type(template) is Slot else template


Trace.face = Traced


class _Flat(Traced):
    """The elements of an array in C order, which may be assigned to whatever the memory layout."""

    __slots__ = ("array",)

    def __init__(self, array: Traced) -> None:
        found: Any = np.ravel(array)
        super().__init__(found.node, found.recorder)
        self.array = array
        self.home = home_of(array)
        self.recorder.views += (weakref.ref(array), weakref.ref(self))

    def __setitem__(self, index: Any, value: Any) -> None:
        operands, params = bind_index(index)
        elements = record(PRIMITIVES["assign"], (self, value, *operands), params)
        self.array[...] = np.reshape(elements, self.array.shape)
        self.node, self.recorder = elements.node, elements.recorder


# --- operators ------------------------------------------------------------------------------------


def _binary_operator(name: str, function: Callable[[Any, Any], Any]) -> tuple[Any, Any, Any]:
    def forward(self: Traced, other: Any) -> Any:
        return record(PRIMITIVES[name], (self, other), _NO_PARAMS, function)

    def reflected(self: Traced, other: Any) -> Any:
        return record(PRIMITIVES[name], (other, self), _NO_PARAMS, function)

    def in_place(self: Traced, other: Any) -> Any:
        return assign_in_place(self, record(PRIMITIVES[name], (self, other), _NO_PARAMS, function))

    return forward, reflected, in_place


def assign_in_place(target: Traced, new: Any) -> Any:
    """``target op= other``: NumPy changes an array in place and keeps its shape and dtype."""
    if type(home_of(target)) is not np.ndarray:
        return new  # numbers are not changed but replaced
    if new.shape != target.shape:
        raise InvalidInput(
            f"in-place assignment cannot change the shape {target.shape} to {new.shape} at "
            f"{here(2)}; "
            f"write x = x + y."
        )
    if new.dtype != target.dtype:
        if not np.can_cast(new.dtype, target.dtype, "same_kind"):
            raise InvalidInput(
                f"in-place assignment cannot change dtype {target.dtype} to {new.dtype} at "
                f"{here(2)}; "
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


Traced.__ipow__ = _in_place_power  # type: ignore[attr-defined]

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
    return lambda self: record(PRIMITIVES[name], (self,), _NO_PARAMS, function)


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
            f"item() needs one element, got an array of shape {chosen.shape} at {here(1)}."
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


Traced.flatten = _flatten_method  # type: ignore[attr-defined]
Traced.reshape = _reshape_method  # type: ignore[attr-defined]
Traced.transpose = _transpose_method  # type: ignore[attr-defined]
Traced.astype = _astype_method  # type: ignore[attr-defined]
Traced.item = _item_method  # type: ignore[attr-defined]
Traced.compress = _compress_method  # type: ignore[attr-defined]
Traced.copy = _copy_method  # type: ignore[attr-defined]
Traced.fill = _fill_method  # type: ignore[attr-defined]
Traced.sort = _sort_method  # type: ignore[attr-defined]
Traced.conj = _conjugate_method  # type: ignore[attr-defined]
Traced.conjugate = _conjugate_method  # type: ignore[attr-defined]


# --- the rest of the ufunc protocol ---------------------------------------------------------------

_REDUCTIONS: dict[Any, Any] = {
    np.add: np.sum, np.multiply: np.prod, np.maximum: np.max, np.minimum: np.min,
    np.logical_and: np.all, np.logical_or: np.any,
}  # fmt: skip
_ACCUMULATIONS: dict[Any, Any] = {np.add: np.cumsum, np.multiply: np.cumprod}


def _ufunc_method(
    primitive: Primitive, ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    out = kwargs.pop("out", None)
    if out is not None:
        raise TracingError(_out_message(ufunc, out))
    if method == "__call__":
        dtype = kwargs.pop("dtype", None)
        if not kwargs:
            result = record(primitive, inputs)
            return result if dtype is None else result.astype(dtype)
        cure = "use np.where" if "where" in kwargs else "leave them out"
        raise UnsupportedArgument(
            f"np.{ufunc.__name__} with {', '.join(kwargs)} has no differentiation rule at "
            f"{here(2)}; {cure}."
        )
    if method == "reduce" and ufunc in _REDUCTIONS:
        kwargs.setdefault("axis", 0)
        reduction = _REDUCTIONS[ufunc]
        if not isinstance(inputs[0], Traced):  # only a mask is traced: NumPy would come back here
            if kwargs.get("dtype") is None:
                kwargs.pop("dtype", None)
            return apply(FUNCTIONS[reduction], *inputs, **kwargs)
        return reduction(*inputs, **kwargs)
    if method == "accumulate" and ufunc in _ACCUMULATIONS:
        kwargs.setdefault("axis", 0)
        return _ACCUMULATIONS[ufunc](*inputs, **kwargs)
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
        raise TracingError(_out_message(ufunc, (target,)))
    raise UnsupportedFunction(
        f"np.{ufunc.__name__}.{method} has no differentiation rule at {here(2)}; use np.sum, "
        "np.cumsum "
        f"or broadcasting."
    )


def _out_message(ufunc: Any, out: Any) -> str:
    if isinstance(out[0], Traced):
        return (
            f"np.{ufunc.__name__}(..., out=...) cannot write into a traced array at {here(3)}; "
            f"assign the result instead."
        )
    return (
        f"a traced value cannot be written into an ordinary array (np.{ufunc.__name__} with "
        "out=, or "
        f"`a += x`) at {here(3)}; write a = a + x, or make the buffer with np.zeros_like(x)."
    )


def _coercion_message(what: str) -> str:
    frame = user_frame(2)
    text = here(2).text
    caller = sys._getframe(2)
    inside = ""
    while caller is not frame and caller.f_back is not None:
        inside = caller.f_code.co_name
        caller = caller.f_back
    if "logsumexp" in text or inside == "logsumexp":
        cure = "use chainrule.logsumexp"
    elif "softmax" in text and "scipy" in str(frame.f_globals.get("softmax", "")):
        cure = "use chainrule.softmax"
    elif "math." in text:
        cure = "use the NumPy function (np.sin for math.sin)"
    elif any(name in text for name in ("np.r_", "np.c_", "np.array", "np.asarray")):
        cure = "use np.stack, np.concatenate or np.block"
    elif "np.full" in text:
        cure = "use value * np.ones(shape)"
    elif "] =" in text or "]=" in text:
        cure = "make the array with np.zeros_like(x) or np.zeros(shape, like=x), then assign"
    else:
        cure = (
            "use np.stack for np.array, np.sin for math.sin, np.zeros_like(x) for a buffer to "
            "assign to, "
            "x.astype for a conversion, or float(chainrule.stop_gradient(x)) to look at a number"
        )
    where = locate(frame.f_code, frame.f_lasti)
    return (
        f"{what} would turn a traced value into a plain number and lose its gradient at "
        f"{where}; {cure}."
    )


def _load_special(ufunc: Any) -> Primitive:
    """Rules of SciPy's ufuncs are loaded the first time one is met."""
    if "scipy.special" in sys.modules:
        import chainrule.engine.rules.special  # noqa: F401

        found = UFUNCS.get(ufunc)
        if found is not None:
            return found
    raise _unsupported_function(ufunc)


def _array_like(trace: Trace, function: Any, value: Any, dtype: Any = None, **others: Any) -> Any:
    """``np.array`` and ``np.asarray`` with ``like=``."""
    if others:
        raise UnsupportedArgument(
            f"np.{function.__name__} of traced values takes no {', '.join(others)} at {here(2)}; "
            f"leave it out."
        )
    made = _stack_traced(value)
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
        import inspect

        found = _signatures[function] = inspect.signature(function)
    return found
