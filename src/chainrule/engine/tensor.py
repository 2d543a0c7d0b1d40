"""Tensors: the engine for those who think in objects rather than functions."""

from __future__ import annotations

import itertools
from typing import Any, NoReturn

import numpy as np

from chainrule.engine.backward import pull_back
from chainrule.engine.errors import InvalidInput, TracingError
from chainrule.engine.graph import Node, shape_of
from chainrule.engine.location import here
from chainrule.engine.primitive import PLACEHOLDER
from chainrule.engine.tracing import Trace, Traced


class _Unbounded:
    """Stands for the node list of a recording that never ends: it counts and keeps nothing."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return next(self._numbers)

    def append(self, _: Any) -> None:
        """Nodes are kept alive by the tensors that need them, and by nothing else."""


class _Pruned(list[Any]):
    """The views of an endless recording: dead ones are dropped as the list doubles."""

    _limit = 1024

    def append(self, reference: Any) -> None:
        super().append(reference)
        if len(self) > self._limit:
            self[:] = [kept for kept in self if kept() is not None]
            self._limit = max(1024, 2 * len(self))


class _TensorTrace(Trace):
    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(lasting=True)
        self.nodes = _Unbounded()
        self.guards = _Unbounded()  # type: ignore[assignment]
        self.views = _Pruned()
        self.level = 0  # below every transform, for which tensors are constants


class Tensor(Traced):
    """An array that remembers how it was computed.

    Made by `tensor` or by computing with tensors. It behaves like the NumPy array it holds.

    Parameters
    ----------
    node : Node
        The value and how it was computed.
    recorder : Trace
        What records operations on it; both are the engine's own.
    """

    __slots__ = ()

    @property
    def value(self) -> Any:
        """A copy of the concrete value."""
        return np.copy(self.node.value)[()]

    def backward(self, cotangent: Any = None) -> dict[str, Any]:
        """Gradients of this tensor with respect to the tensors it was computed from.

        Parameters
        ----------
        cotangent : array, optional
            Derivative of the quantity of interest with respect to this tensor, of its shape;
            1 by default, which needs a scalar.

        Returns
        -------
        dict
            Gradient by tensor name; tensors without a name are called ``tensor0``, ``tensor1``, …
            in the order they were made. Nothing is stored on the tensors.

        Raises
        ------
        InvalidInput
            The tensor is not a scalar and no cotangent is given, the cotangent has another shape,
            or two tensors have the same name.
        """
        value = self.node.value
        if cotangent is None:
            if self.shape != ():
                raise InvalidInput(
                    f"backward() of a tensor of shape {self.shape} needs a cotangent of that "
                    "shape at "
                    f"{here()}; or sum it first."
                )
            cotangent = 1.0
        if shape_of(cotangent) != self.shape:
            raise InvalidInput(
                f"the cotangent has shape {shape_of(cotangent)}, the tensor {self.shape} at "
                f"{here()}."
            )
        if self.dtype.kind != "f":
            raise InvalidInput(f"a {self.dtype} tensor has no gradient at {here()}.")
        nodes = _ancestors(self.node)
        leaves = [node for node in nodes if node.primitive is PLACEHOLDER]
        seed = np.array(cotangent, getattr(value, "dtype", float))[()]
        found = pull_back(nodes, [(nodes[-1], seed)], leaves)
        gradients: dict[str, Any] = {}
        unnamed = itertools.count()
        for leaf, gradient in zip(leaves, found, strict=True):
            name = leaf.name or f"tensor{next(unnamed)}"
            if name in gradients:
                raise InvalidInput(f"two tensors are named {name!r} at {here()}; rename one.")
            if gradient is None:
                gradient = np.zeros(leaf.shape, leaf.dtype)
            gradients[name] = np.array(gradient)[()]
        return gradients

    def __float__(self) -> NoReturn:
        raise TracingError(
            f"float() or a math function would lose the gradient of a tensor at {here()}; use the "
            f"NumPy function (np.sin for math.sin), or x.value for the plain number."
        )


_TensorTrace.face = Tensor
_TENSORS = _TensorTrace()


def tensor(value: Any, name: str | None = None) -> Tensor:
    """An array to differentiate with respect to, in the style of objects.

    Parameters
    ----------
    value : array_like
        Floating-point numbers; integers in a list are converted.
    name : str, optional
        The key of its gradient in what ``backward()`` returns.

    Returns
    -------
    Tensor
        A copy of the value, of the same shape.

    Raises
    ------
    InvalidInput
        The value is no array of floating-point numbers, or is traced already.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> x = cr.tensor([1.0, 2.0], name="x")
    >>> y = np.sum(x * x)
    >>> y.backward()
    {'x': array([2., 4.])}
    """
    if isinstance(value, Traced):
        raise InvalidInput(f"the value is traced already at {here()}; use it as it is.")
    array = np.array(value)
    if array.dtype.kind in "iu" and not isinstance(value, (np.ndarray, np.generic)):
        array = array.astype(float)
    if array.dtype.kind != "f":
        raise InvalidInput(
            f"a tensor needs floating-point numbers, got dtype {array.dtype} at {here()}; "
            "convert with "
            f".astype(float)."
        )
    return _TENSORS.placeholder(array[()], name)  # type: ignore[return-value]


def _ancestors(target: Node) -> list[Node]:
    """The nodes that a node depends on, renumbered as a graph of their own."""
    seen = {target.index: target}
    pending = [target]
    while pending:
        for parent in pending.pop().parents:
            if parent.index not in seen:
                seen[parent.index] = parent
                pending.append(parent)
    copies: dict[int, Node] = {}
    for number, index in enumerate(sorted(seen)):
        node = seen[index]
        inputs = [copies[x.index] if type(x) is Node else x for x in node.inputs]
        copy = Node(
            number, node.primitive, inputs, node.operands, node.params, node.value, node.code,
            node.instruction, None,
        )  # fmt: skip
        copy.name = node.name
        copies[index] = copy
    return list(copies.values())
