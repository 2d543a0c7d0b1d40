"""The operations of graph files: how many operands, which settings, what they are in NumPy."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["OPERATIONS", "Operation", "find_operation", "nearest"]


@dataclass(frozen=True)
class Operation:
    """One operation of a graph file.

    Attributes
    ----------
    name : str
    source : str or callable
        Python source with ``{0}``, ``{1}`` for operands and ``{settings}`` for the rest of a call,
        or a function of the list of operands.
    least, most : int
        How many operands it takes; ``most`` is None where there is no limit.
    aliases : tuple of str
        Other names of it.
    settings : tuple of str
        Names of its settings, in the order in which they are written.
    required : tuple of str
        The settings that it needs.
    """

    name: str
    source: str | Callable[[Sequence[str]], str]
    least: int
    most: int | None
    aliases: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    required: tuple[str, ...] = field(default=())

    def write(self, operands: Sequence[str], settings: dict[str, Any]) -> str:
        """Its Python source for operands that are names or numbers."""
        if callable(self.source):
            return self.source(operands)
        extra = "".join(
            f", {name}={settings[name]!r}" for name in self.settings if name in settings
        )
        return self.source.format(*operands, settings=extra)

    @property
    def arity(self) -> str:
        """How many operands it takes, in words."""
        if self.most is None:
            return f"at least {self.least} operand{'s' * (self.least != 1)}"
        if self.least == self.most:
            return f"{self.least} operand{'s' * (self.least != 1)}"
        return f"{self.least} to {self.most} operands"


def _between(symbol: str) -> Callable[[Sequence[str]], str]:
    return lambda operands: f" {symbol} ".join(operands)


def _nested(function: str) -> Callable[[Sequence[str]], str]:
    def write(operands: Sequence[str]) -> str:
        text = operands[0]
        for operand in operands[1:]:
            text = f"{function}({text}, {operand})"
        return text

    return write


def _listed(function: str) -> Callable[[Sequence[str]], str]:
    return lambda operands: f"{function}([{', '.join(operands)}])"


_AXIS = ("axis", "keepdims")
_ALL = (
    Operation("+", _between("+"), 2, None, ("add", "plus")),
    Operation("-", "{0} - {1}", 2, 2, ("subtract", "minus", "−")),
    Operation("*", _between("*"), 2, None, ("multiply", "times", "·", "×")),
    Operation("/", "{0} / {1}", 2, 2, ("divide", "÷")),
    Operation("**", "{0} ** {1}", 2, 2, ("pow", "power", "^")),
    Operation("neg", "-{0}", 1, 1, ("negative", "negate")),
    Operation("identity", "+{0}", 1, 1, ("id", "linear", "positive")),
    Operation("reciprocal", "1 / {0}", 1, 1, ("inverse",)),
    Operation("square", "{0} ** 2", 1, 1),
    Operation("sqrt", "np.sqrt({0})", 1, 1, ("√",)),
    Operation("abs", "np.abs({0})", 1, 1, ("absolute",)),
    Operation("exp", "np.exp({0})", 1, 1),
    Operation("log", "np.log({0})", 1, 1, ("ln",)),
    Operation("sin", "np.sin({0})", 1, 1),
    Operation("cos", "np.cos({0})", 1, 1),
    Operation("tan", "np.tan({0})", 1, 1),
    Operation("arctan", "np.arctan({0})", 1, 1, ("atan",)),
    Operation("sinh", "np.sinh({0})", 1, 1),
    Operation("cosh", "np.cosh({0})", 1, 1),
    Operation("tanh", "np.tanh({0})", 1, 1),
    Operation("sigmoid", "expit({0})", 1, 1, ("σ", "logistic", "expit")),
    Operation("relu", "np.maximum({0}, 0)", 1, 1),
    Operation("softplus", "np.logaddexp({0}, 0)", 1, 1),
    Operation("max", _nested("np.maximum"), 2, None, ("maximum",)),
    Operation("min", _nested("np.minimum"), 2, None, ("minimum",)),
    Operation("matmul", "{0} @ {1}", 2, 2, ("@", "dot")),
    Operation("outer", "np.outer({0}, {1})", 2, 2),
    Operation("transpose", "{0}.T", 1, 1, ("T",)),
    Operation("sum", "np.sum({0}{settings})", 1, 1, settings=_AXIS),
    Operation("mean", "np.mean({0}{settings})", 1, 1, ("average",), settings=_AXIS),
    Operation("prod", "np.prod({0}{settings})", 1, 1, ("product",), settings=_AXIS),
    Operation("norm", "np.linalg.norm({0}{settings})", 1, 1, settings=_AXIS),
    Operation("reshape", "np.reshape({0}{settings})", 1, 1, (), ("shape",), ("shape",)),
    Operation("stack", _listed("np.stack"), 1, None),
    Operation("concatenate", _listed("np.concatenate"), 1, None, ("concat",)),
)  # fmt: skip

#: Every operation by its name and by its other names.
OPERATIONS: dict[str, Operation] = {
    name: operation for operation in _ALL for name in (operation.name, *operation.aliases)
}


def find_operation(name: str) -> Operation | None:
    """The operation called ``name``, whatever the case of its letters, or None."""
    return OPERATIONS.get(name) or OPERATIONS.get(name.lower())


def nearest(name: str, names: Sequence[str]) -> str:
    """Return " Did you mean 'x'?" for the name closest to ``name``, or an empty string."""
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f" Did you mean {close[0]!r}?" if close else ""
