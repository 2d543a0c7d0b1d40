"""One node as one fast statement of NumPy.

NumPy's own overhead decides how fast small networks run, so of the spellings that give the same
bits the cheapest is taken: ``a.dot(b, out)`` takes a quarter of the time of ``a @ b``, a number
wrapped in an array half that of a bare one, and a multiplication of bit patterns by 0 and 1 a
fifth of that of ``np.where(mask, a, 0)`` (measured with NumPy 2.4).
"""

from __future__ import annotations

import functools
import keyword
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.engine.graph import Node, dtype_of, shape_of
from chainrule.engine.primitive import PLACEHOLDER, SELECT
from chainrule.programs.rewrites import is_elementwise
from chainrule.programs.storage import root_of

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_PATTERNS: dict[int, Any] = {4: np.int32, 8: np.int64}
# NumPy compares arrays with arrays by vector instructions, with single numbers one by one.
_EXTREMES = ("maximum", "minimum", "fmax", "fmin")
_FILLED_BYTES = 1 << 20
# Numbers of NumPy have fast operators, which round powers differently.
_SLOW_INFIX = ("power", "matmul")
_BOOL = np.dtype(bool)
_ADD_UP = np.add.reduce
_RESERVED = re.compile(r"[vbcst]\d+|leaves|stored")


class Namespace:
    """What the generated code refers to, by name."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._names: dict[Any, str] = {}

    def bind(self, value: Any, name: str, key: Any = None) -> str:
        """The name of a value: ``name``, with a number if that is taken by another.

        Parameters
        ----------
        value : object
        name : str
            Made a legal identifier. A single letter always gets a number.
        key : hashable, optional
            Values of equal keys share a name; by default only the same object does.
        """
        known = self._names.get(id(value) if key is None else key)
        if known is not None:
            return known
        base = re.sub(r"\W", "_", name) or "function"
        if base[0].isdigit() or keyword.iskeyword(base) or _RESERVED.fullmatch(base):
            base = f"_{base}"
        chosen, number = base, 0
        while chosen in self.values or len(chosen) == 1:
            chosen = f"{base}{number}" if len(base) == 1 else f"{base}_{number + 2}"
            number += 1
            if number > 8:  # straight to a free one, so that many constants stay linear in time
                number = max(number, len(self.values))
        self.values[chosen] = value
        self._names[id(value) if key is None else key] = chosen
        return chosen


class Emitter:
    """Writes nodes as statements.

    Parameters
    ----------
    space : Namespace
    fixed : mapping of int to ndarray
        Arrays, by node index, in which values live for good; filled in as the plan is laid out.
    constants : mapping of int to value
        Nodes that depend on no input.
    compact : bool
        Whether arrays that are not fixed come without gaps, row by row or column by column.
    """

    def __init__(
        self,
        space: Namespace,
        fixed: Mapping[int, np.ndarray],
        constants: Mapping[int, Any],
        compact: bool,
    ) -> None:
        self._space = space
        self._fixed = fixed
        self._constants = constants
        self._compact = compact
        self._scratch: dict[Any, np.ndarray] = {}

    # --- what can be written where ---------------------------------------------------------------

    def writes(self, node: Node) -> bool:
        """Whether the statement of a node can write into an array of its shape, dtype, layout."""
        value = node.value
        if type(value) is not np.ndarray or value.ndim == 0 or value.size == 0:
            return False
        if node.primitive.name == "sum":
            return _plain_reduction(node)
        if node.primitive.name == "where":
            return self._masked(node) is not None
        return _ufunc_of(node) is not None and node.primitive.writes_out

    def in_place(self, node: Node) -> bool:
        """Whether that array may be one of the operands."""
        return is_elementwise(node.primitive)

    # --- operands --------------------------------------------------------------------------------

    def value_of(self, x: Any) -> Any:
        """An example of the value of an operand: of its type, shape, dtype and layout."""
        if type(x) is not Node:
            return x
        return self._constants.get(x.index, x.value)

    def operand(self, x: Any) -> str:
        """An operand as it is written."""
        if type(x) is Node:
            if x.index in self._fixed:
                array = self._fixed[x.index]
                return self._space.bind(array, "c" if x.index in self._constants else "b")
            if x.index not in self._constants:
                return f"v{x.index}"
            x = self._constants[x.index]
        if type(x) in (int, float, bool) and np.isfinite(x):
            return repr(x)
        return self._space.bind(x, "c", _key_of_number(x))

    def _operands(self, node: Node) -> list[str]:
        """The operands of an elementwise function with an array result, cheap to broadcast."""
        values = [self.value_of(x) for x in node.inputs]
        shape, texts = shape_of(node.value), []
        arrays = [v for v in values if type(v) is np.ndarray and v.ndim]
        dtypes = {v.dtype for v in arrays}
        alike = len(dtypes) == 1 and _computes_in(_ufunc_of(node), arrays[0].dtype)
        full = any(v.shape == shape for v in arrays)
        for x, value in zip(node.inputs, values, strict=True):
            if not self._varies(x) and alike and (spread := _spread_number(value, full, node)):
                texts.append(self._number(spread[0], arrays[0].dtype, node, full))
            elif type(value) is np.ndarray and value.ndim and value.size == 1 and full and shape:
                texts.append(self._single(x, value, shape))
            else:
                texts.append(self.operand(x))
        return texts

    def _varies(self, x: Any) -> bool:
        return type(x) is Node and x.index not in self._constants

    def _number(self, value: Any, dtype: np.dtype[Any], node: Node, full: bool) -> str:
        """A number as an array of no axes, in the dtype in which the function computes."""
        if isinstance(value, (np.generic, np.ndarray)):
            dtype = value.dtype
        elif node.dtype not in (dtype, _BOOL):  # a ufunc that takes Python's numbers for its own
            return self.operand(value)
        try:
            with np.errstate(over="ignore"):
                array = np.array(value, dtype)
        except OverflowError:
            return self.operand(value)
        if full and node.primitive.name in _EXTREMES and node.value.nbytes <= _FILLED_BYTES:
            array = np.full(node.shape, array)
        key = ("number", array.dtype.str, array.shape, array.tobytes()[: array.itemsize])
        return self._space.bind(array, "c", key)

    def _single(self, x: Any, value: np.ndarray, shape: tuple[int, ...]) -> str:
        """An array of one element without its axes; NumPy broadcasts that without an iterator."""
        if shape == value.shape:
            return self.operand(x)
        fixed = self._fixed.get(x.index) if type(x) is Node else x
        if fixed is None:
            return f"{self.operand(x)}.reshape(())"
        return self._space.bind(fixed.reshape(()), "b", ("single", id(fixed)))

    # --- statements ------------------------------------------------------------------------------

    def expression(self, node: Node, out: str | None) -> str:
        """The value of a node, written into ``out`` if one is given (and `writes` says so)."""
        name = node.primitive.name
        if node.primitive is SELECT:
            return f"{self.operand(node.inputs[0])}[{node.params['k']}]"
        if name == "matmul":
            found = self._product(node, out)
            if found is not None:
                return found
        if name == "where" and out is not None:
            return self._masked_product(node, out)
        if name in ("sum", "mean") and _plain_reduction(node):
            return self._reduction(node, out)
        ufunc = _ufunc_of(node)
        if ufunc is not None and type(node.value) is np.ndarray and node.value.ndim:
            function = self._space.bind(ufunc, ufunc.__name__)
            operands = self._operands(node) if is_elementwise(node.primitive) else None
            operands = operands or [self.operand(x) for x in node.inputs]
            if out is not None:
                operands.append(f"out={out}" if name in _EXTREMES else out)
            return f"{function}({', '.join(operands)})"
        return self._plain(node)

    def _plain(self, node: Node) -> str:
        name, params = node.primitive.name, node.params
        operands = [self.operand(x) for x in node.inputs]
        values = [self.value_of(x) for x in node.inputs]
        first = values[0] if values else None
        infix = node.primitive.infix if _ufunc_of(node) is not None else None
        if infix and name not in _SLOW_INFIX and any(isinstance(v, np.generic) for v in values):
            left, right = (f"({o})" if o.startswith("-") else o for o in operands)
            return f"{left} {infix} {right}"
        if name == "negative" and isinstance(first, np.generic):
            return f"-{operands[0]}"
        if type(first) is np.ndarray and len(operands) == 1:
            if name == "getitem":
                return f"{operands[0]}[{self._space.bind(params['index'], 'index')}]"
            if name == "transpose" and params["axes"] is None:
                return f"{operands[0]}.T"
            if name == "reshape" and params["order"] == "C":
                return f"{operands[0]}.reshape({params['shape']!r})"
        evaluate: Any = node.primitive.evaluate
        if params:
            evaluate = functools.partial(evaluate, **params)
        return f"{self._space.bind(evaluate, name)}({', '.join(operands)})"

    def _product(self, node: Node, out: str | None) -> str | None:
        """``a.dot(b)`` where it makes the same call of BLAS as ``a @ b``."""
        a, b = (self.value_of(x) for x in node.inputs)
        if type(a) is not np.ndarray or type(b) is not np.ndarray:
            return None
        if a.dtype != b.dtype or a.dtype not in _FLOATS or not (a.size and b.size):
            return None
        if max(a.ndim, b.ndim) > 2:
            return None
        thin = min(a.ndim, b.ndim) < 2 or 1 in (*a.shape, *b.shape)
        if thin and not all(map(self._is_compact, node.inputs)):  # vectors with gaps: other loops
            return None
        if type(node.value) is np.ndarray and not node.value.flags.c_contiguous:
            return None
        first, second = map(self.operand, node.inputs)
        return f"{first}.dot({second}{f', {out}' if out else ''})"

    def _is_compact(self, x: Any) -> bool:
        value = self.value_of(x)
        if type(x) is Node:
            value = self._fixed.get(x.index, value)
            if x.index not in self._fixed and root_of(x).primitive is PLACEHOLDER:
                return self._compact and _contiguous(value)
        return _contiguous(value)

    def _reduction(self, node: Node, out: str | None) -> str:
        """A sum or mean of one array, as the primitives compute it."""
        params = node.params
        add_up = self._space.bind(_ADD_UP, "sum")
        rest = f", None, {out}" if out else ", None, None" if params.get("keepdims") else ""
        if params.get("keepdims"):
            rest += ", True"
        total = f"{add_up}({self.operand(node.inputs[0])}, {params['axis']!r}{rest})"
        if node.primitive.name == "sum":
            return total
        return f"{total} / {self.value_of(node.inputs[0]).size // np.size(node.value)}"

    def _masked(self, node: Node) -> tuple[Node, Node] | None:
        """Mask and array of ``np.where(mask, array, 0)``, if both can be taken as integers."""
        mask, array, zero = node.inputs
        if type(mask) is not Node or type(array) is not Node or self._varies(zero):
            return None
        zero = self.value_of(zero)
        if shape_of(zero) != () or zero != 0 or np.signbit(zero):
            return None
        held = self._fixed.get(array.index)
        shapes = {shape_of(x) for x in (mask.value, array.value, node.value)}
        if held is None or len(shapes) != 1 or dtype_of(mask.value) != _BOOL:
            return None
        if held.dtype != node.dtype or held.dtype not in _FLOATS:
            return None
        alike = held.flags.c_contiguous and node.value.flags.c_contiguous
        return (mask, array) if alike else None

    def _masked_product(self, node: Node, out: str) -> str:
        mask, array = self._masked(node)  # type: ignore[misc]
        held, target = self._fixed[array.index], self._space.values[out]
        pattern = _PATTERNS[held.itemsize]
        key = (held.shape, pattern)
        if key not in self._scratch:
            self._scratch[key] = np.empty(held.shape, pattern)
        bits = [
            self._space.bind(x.view(pattern), "b", ("bits", id(x))) for x in (held, target)
        ]  # fmt: skip
        scratch = self._space.bind(self._scratch[key], "b")
        copy = self._space.bind(np.copyto, "copyto")
        multiply = self._space.bind(np.multiply, "multiply")
        return (
            f"{copy}({scratch}, {self.operand(mask)}); {multiply}({bits[0]}, {scratch}, {bits[1]})"
        )


def _ufunc_of(node: Node) -> np.ufunc | None:
    """The ufunc that a node calls, if that is all it does."""
    primitive = node.primitive
    if node.params or primitive.outputs > 1:
        return None
    return primitive.evaluate if isinstance(primitive.evaluate, np.ufunc) else None


def _spread_number(value: Any, full: bool, node: Node) -> tuple[Any] | None:
    """The number that a constant operand is everywhere; an array only where it adds no axes."""
    if not shape_of(value):
        return (value,)
    if type(value) is np.ndarray and value.size and not any(value.strides):
        others = [x for x in node.inputs if type(x) is Node and shape_of(x.value) == node.shape]
        return (value.reshape(-1)[0],) if full and others else None
    return None


@functools.cache
def _computes_in(ufunc: np.ufunc | None, dtype: np.dtype[Any]) -> bool:
    """Whether operands of this floating-point type, and integers beside them, are taken in it."""
    if ufunc is None or dtype not in _FLOATS:
        return False
    loops = [loop for loop in ufunc.types if not set(loop) & set("mM")]  # but for times
    floating = [loop for loop in loops if set(loop[: ufunc.nin]) & set("efdg")]
    same = all(len(set(loop[: ufunc.nin])) == 1 for loop in floating)
    return same and any(loop.startswith(dtype.char) for loop in floating)


def _plain_reduction(node: Node) -> bool:
    if len(node.inputs) != 1 or not set(node.params) <= {"axis", "keepdims"}:
        return False
    value = node.inputs[0].value if type(node.inputs[0]) is Node else None
    return type(value) is np.ndarray and value.dtype in _FLOATS and value.size > 0


def _contiguous(array: np.ndarray) -> bool:
    return array.flags.c_contiguous or array.flags.f_contiguous


def _key_of_number(value: Any) -> Any:
    if isinstance(value, (np.generic, float)):
        return ("scalar", type(value), np.asarray(value).tobytes())
    return None
