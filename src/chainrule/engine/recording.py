"""Recording: traced values, and the trace that notes every operation made with them.

A `Traced` value carries its concrete value and the node that made it, so Python control flow
works and the recorded graph is data.
"""

from __future__ import annotations

import itertools
import operator
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from chainrule.engine.aliasing import StaleTrace, register_view
from chainrule.engine.constants import COPY_BYTES, Keeper, is_fixed
from chainrule.engine.errors import LeakedTrace, TracingError, UnsupportedArgument
from chainrule.engine.graph import ESCAPES, Guard, Node
from chainrule.engine.location import _is_machinery, here, is_machinery, user_frame
from chainrule.engine.primitive import CONSTANT, PLACEHOLDER, PRIMITIVES, SELECT, Primitive
from chainrule.engine.refusals import (
    coercion_message,
    missing_attribute,
    unhashable,
    unsupported_argument,
)

ndarray = np.ndarray
_levels = itertools.count(1)
_level = operator.attrgetter("level")
NO_PARAMS: dict[str, Any] = {}


class Trace(Keeper):
    """One recording: the list of nodes, its level, and what protects it while it is open.

    Later traces have higher levels; an operation is recorded by the highest level among its
    operands, for which lower levels are constants. That alone keeps nested derivatives apart
    (no perturbation confusion) and needs no global state to restore.

    Parameters
    ----------
    lasting : bool
        The recording outlives the traced call (a pullback, a graph): constants are copied, since
        the user may change them before the backward pass; see `Keeper`.
    """

    __slots__ = ("guards", "level", "nodes", "origin", "views")
    face: type[Traced]  # the class of the values it hands out

    def __init__(self, lasting: bool = False) -> None:
        self.nodes: Any = []
        self.level = next(_levels)
        self.guards: list[Guard] = []
        self.views: list[weakref.ref[Traced]] = []  # of arrays that may share memory
        self.origin: Node | None = None
        self.lasting = lasting
        self.locked = []
        self.witnesses = []

    def placeholder(self, value: Any, name: str | None = None) -> Traced:
        """A traced input of the function."""
        if isinstance(value, Traced):
            value = snapshot(value)
        node = Node(len(self.nodes), PLACEHOLDER, (), (), NO_PARAMS, value, None, -1, None)
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
            NO_PARAMS,
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
        if self.locked:
            self.unlock()
        return nodes


def record(
    primitive: Primitive,
    operands: tuple[Any, ...],
    params: dict[str, Any] = NO_PARAMS,
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
    plain = mixed = sequences = False
    for operand in operands:  # one pass for the common case: one trace, numbers beside it
        kind = type(operand)
        if kind is float or kind is int:
            inputs.append(operand)
            values.append(operand)
        elif kind is not ndarray and isinstance(operand, Traced):
            if trace is not operand.recorder:
                mixed = trace is not None
                trace = operand.recorder
            inputs.append(operand.node)
            values.append(operand.node.value)
        else:
            plain = True
            if kind is list or kind is tuple:
                sequences = True
            inputs.append(operand)
            values.append(operand)
    if trace is None:
        return evaluate(*operands, **params)  # type: ignore[misc]
    if mixed or plain:
        if sequences and any(type(o) in (list, tuple) and holds_traced(o) for o in operands):
            stacked = tuple([stack_traced(operand) for operand in operands])
            return record(primitive, stacked, params, evaluate)
        if mixed:
            traced = [operand for operand in operands if isinstance(operand, Traced)]
            trace = max([operand.recorder for operand in traced], key=_level)
        _keep_operands(trace, operands, inputs, values)
    nodes = trace.nodes
    if nodes is None:
        raise _leaked(operands)
    value = evaluate(*values, **params)  # type: ignore[misc]
    if type(value) is not ndarray and isinstance(value, Traced) and value.recorder is trace:
        raise UnsupportedArgument(
            f"np.{primitive.name} got a traced value for a setting that must be a plain one at "
            f"{here()}; pass a plain Python value."
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


def _keep_operands(
    trace: Trace, operands: tuple[Any, ...], inputs: list[Any], values: list[Any]
) -> None:
    """Replace whatever among the operands does not belong to ``trace`` by a constant for it."""
    for position, operand in enumerate(operands):
        kind = type(operand)
        if kind is ndarray:
            if operand.nbytes <= COPY_BYTES and operand.dtype.kind in "fiub":
                if not operand.flags.writeable and is_fixed(operand):
                    continue
                constant: Any = operand.copy("K")
            else:
                constant = trace.keep(operand)
        elif not isinstance(operand, Traced):
            constant = trace.keep(operand)
        elif operand.recorder is not trace:
            constant = snapshot(operand)
        else:
            continue
        inputs[position] = values[position] = constant


def belongs(value: Any, trace: Trace) -> bool:
    """Whether a result was recorded by ``trace``; a stale one raises."""
    if not isinstance(value, Traced):
        return False
    if type(value.recorder) is StaleTrace:
        value.recorder.nodes  # noqa: B018  (raises)
    return value.recorder is trace


def snapshot(outer: Traced) -> Traced:
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


def holds_traced(sequence: Any) -> bool:
    return any(
        isinstance(item, Traced) or (isinstance(item, (list, tuple)) and holds_traced(item))
        for item in sequence
    )


def stack_traced(operand: Any) -> Any:
    """Nested lists that hold traced values, stacked into one traced array."""
    if isinstance(operand, (list, tuple)) and holds_traced(operand):
        return np.stack([stack_traced(item) for item in operand])
    return operand


def _leaked(operands: tuple[Any, ...]) -> LeakedTrace:
    for operand in operands:
        if isinstance(operand, Traced) and operand.recorder.nodes is None:
            made = operand.node.where or f"argument {operand.node.name or ''}".strip()
            return LeakedTrace(
                f"a traced value ({made}) was used at {here()} after its trace had ended; "
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
        raise unsupported_argument(primitive.name, error) from None
    return record(primitive, operands, params)


class Traced:
    """An array that records what is done with it.

    It behaves like the NumPy array or scalar it stands for. Assignment (``x[i] = v``, ``x += v``)
    rebinds it to a new value without touching the caller's array.
    """

    __slots__ = ("__weakref__", "home", "node", "recorder")
    reads_copy = False  # whether what is read from it shares no memory with it

    if TYPE_CHECKING:  # given by `operators`, `index` and `protocols`

        def __getitem__(self, index: Any) -> Any: ...
        def __setitem__(self, index: Any, value: Any) -> None: ...

    def __init__(self, node: Node, recorder: Any) -> None:
        self.node = node
        self.recorder = recorder
        self.home = None

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """Whose instance it passes for: ``isinstance(x, np.ndarray)`` as without tracing."""
        return self.node.value.__class__

    def __getattr__(self, name: str) -> Any:
        raise missing_attribute(name)

    def __hash__(self) -> NoReturn:
        raise unhashable()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        """The plain array of positions and truths, which have no gradient; otherwise refused."""
        if self.dtype.kind in "biu":
            array = np.array(self._escape("value"), self.dtype).reshape(self.shape)
            return array if dtype is None else array.astype(dtype)
        raise TracingError(coercion_message("np.array or np.asarray"))

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
            f"a {self.dtype} traced value cannot be an index at {here()}; use int(x)."
        )

    def __float__(self) -> float:
        if self.dtype.kind in "biu" or self.node.primitive.name == "stop_gradient":
            return self._escape("float")
        raise TracingError(coercion_message("float() or a math function"))

    def __complex__(self) -> NoReturn:
        raise TracingError(coercion_message("complex() or a cmath function"))

    def tolist(self) -> Any:
        """Refused for floating-point values, which would lose their gradient."""
        if self.dtype.kind in "biu" or self.node.primitive.name == "stop_gradient":
            return self._escape("value")
        raise TracingError(coercion_message("tolist()"))

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

    def __reduce__(self) -> NoReturn:
        raise TracingError(f"a traced value cannot be pickled at {here()}.")


Trace.face = Traced
